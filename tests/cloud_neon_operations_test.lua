---The model of Neon: operations, what they hold up, and how they fail.
local core = require "core"
local faults = require "cloud.faults"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new(settings) return client.new { settings = settings } end

-- What the operations of an answer are like at some times after the request, which only grow.
local function statuses(c, answer, times)
  local began, list = c.now, {}
  for i, after in ipairs(times) do
    c.now = began + after
    local both = {}
    for n, operation in ipairs(answer.operations) do
      local _, shown = c:ask("GET", "/operations/" .. operation.id)
      both[n] = shown.operation.status
    end
    list[i] = table.concat(both, " ")
  end
  return list
end

local function troubled(c, trouble)
  local body = { branch = { name = "pr-42" }, endpoints = { { type = "read_write" } } }
  local status, answer = c:ask("POST", BRANCHES, body, { trouble = trouble })
  equal(status, 201)
  return answer
end

test("the operations of a request are a chain: the second waits for the first", function()
  local c = new()
  local _, answer = c:create("one")
  equal(statuses(c, answer, { 0, 1.9, 2 }), { "running scheduling", "running scheduling", "finished finished" })
end)

test("while an operation runs the project takes no mutation, and another project does", function()
  local c = client.new { neon = { projects = { { id = "sun" } } } }
  local _, first = c:create("one")
  local status, refused = c:create("two")
  equal({ status, refused.code, refused.message:find "conflicting operations" ~= nil }, { 423, "", true })
  local one = BRANCHES .. "/" .. first.branch.id
  for _, request in ipairs {
    { "PATCH", one, { branch = { name = "x" } } }, { "DELETE", one }, { "POST", one .. "/roles", { role = { name = "r" } } },
    { "POST", one .. "/databases", { database = { name = "d", owner_name = "neondb_owner" } } },
    { "POST", "/endpoints/" .. first.endpoints[1].id .. "/suspend" }, { "PATCH", "", { project = { name = "x" } } },
    { "POST", one .. "/restore", { source_branch_id = first.branch.parent_id } },
  } do
    equal({ request[2], (c:ask(table.unpack(request))) }, { request[2], 423 })
  end
  equal((c:ask("DELETE", BRANCHES .. "/br-gone")), 204)
  equal((c:ask("GET", one)), 200)
  c.project = "sun"
  equal((c:create("two")), 201)
  c.project = "moon"
  c:settle()
  equal((c:create("two")), 201)
end)

test("operations are listed until a page is empty", function()
  local c = new()
  c:made("one")
  local _, first = c:ask("GET", "/operations?limit=2")
  equal({ #first.operations, first.operations[1].action }, { 2, "start_compute" })
  local _, last = c:ask("GET", "/operations?cursor=" .. first.pagination.cursor)
  equal({ #last.operations, type(last.pagination.cursor) }, { 0, "string" })
  local _, again = c:ask("GET", "/operations?cursor=" .. last.pagination.cursor)
  equal(#again.operations, 0)
  equal((c:ask("GET", "/operations?cursor=x")), 400)
  equal((c:ask("GET", "/operations/none")), 404)
end)

test("an operation that fails is tried again, and the project is busy meanwhile", function()
  local c = new()
  local answer = troubled(c, { failures = 2, ends = "finished", error = "no space" })
  equal(statuses(c, answer, { 1, 2, 6.9, 7, 9, 14, 16 }), { "running scheduling", "failed scheduling",
    "failed scheduling", "running scheduling", "failed scheduling", "running scheduling", "finished finished" })
end)

test("a failure says how often, why, and when it is tried again", function()
  local c = new()
  local answer = troubled(c, { failures = 1, ends = "finished", error = "no space" })
  c:settle()
  local _, shown = c:ask("GET", "/operations/" .. answer.operations[1].id)
  equal({ shown.operation.status, shown.operation.failures_count, shown.operation.error, shown.operation.retry_at },
    { "failed", 1, "no space", "2027-01-15T08:00:07Z" })
  equal((c:create("other")), 423)
  local _, branch = c:ask("GET", BRANCHES .. "/" .. answer.branch.id)
  equal(branch.branch.current_state, "init")
  c.now = c.now + 7
  local _, done = c:ask("GET", "/operations/" .. answer.operations[1].id)
  equal({ done.operation.status, done.operation.failures_count, done.operation.error }, { "finished", 1, nil })
  local _, ready = c:ask("GET", BRANCHES .. "/" .. answer.branch.id)
  equal(ready.branch.current_state, "ready")
end)

test("an operation that ends badly takes those after it along, and holds up nobody", function()
  for ends, wanted in pairs {
    error = { "failed", "error" }, cancelled = { "failed", "cancelling", "cancelled" }, skipped = { "skipped" },
  } do
    local c = new()
    local answer = troubled(c, { failures = 2, ends = ends, error = "broken" })
    local seen, last = {}, nil
    for _ = 1, 20 do
      local _, shown = c:ask("GET", "/operations/" .. answer.operations[1].id)
      last = shown.operation.status
      seen[last] = true
      c.now = c.now + 1
    end
    for _, status in ipairs(wanted) do equal({ ends, status, seen[status] }, { ends, status, true }) end
    local _, after = c:ask("GET", "/operations/" .. answer.operations[2].id)
    equal({ ends, after.operation.status }, { ends, ends == "skipped" and "finished" or "cancelled" })
    equal({ ends, last, (c:create("other")) }, { ends, ends, 201 })
  end
end)

test("a rule of faults makes the operation of a request fail", function()
  local set, c = faults.new(), new()
  faults.add(set, assert(faults.parse "neon POST /projects/{}/branches operation failures=3 ends=error message=broken"))
  local request = { method = "POST", host = "console.neon.tech", path = "/api/v2/projects/moon/branches" }
  local one = faults.pick(set, request, c.now)
  local applied = faults.answer(one, request, c.now, function() return { status = 201 } end)
  equal({ applied.status, request.trouble }, { 201, { failures = 3, ends = "error", error = "broken" } })
  equal(faults.line(one), "neon POST /projects/{}/branches operation failures=3 ends=error message=broken")
  for line, reason in pairs {
    ["github operation"] = "only neon answers", ["neon operation ends=badly"] = "unknown ending",
    ["neon 500 failures=2"] = "failures does not go with '500'", ["neon operation failures=0"] = "whole number",
  } do
    local made, why = faults.parse(line)
    equal({ line, made, why:find(reason, 1, true) ~= nil }, { line, nil, true })
  end
end)
