---The model of Neon: branches as clients make, find, change and delete them.
local core = require "core"
local json = require "json"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new(settings) return client.new { settings = settings } end

-- ---- creating ----------------------------------------------------------------------------------

test("a new branch is not ready until its operations are", function()
  local c = new()
  local status, answer = c:create("pr-42")
  equal({ status, answer.branch.current_state, answer.endpoints[1].current_state }, { 201, "init", "init" })
  equal({ answer.operations[1].action, answer.operations[2].action }, { "create_branch", "start_compute" })
  local operation = "/operations/" .. answer.operations[1].id
  local _, running = c:ask("GET", operation)
  equal(running.operation.status, "running")
  c:settle()
  local _, finished = c:ask("GET", operation)
  equal({ finished.operation.status, finished.operation.total_duration_ms }, { "finished", 2000 })
  local _, now = c:ask("GET", BRANCHES .. "/" .. answer.branch.id)
  equal({ now.branch.current_state, now.branch.pending_state }, { "ready", nil })
end)

test("a name is taken once, and a parent must exist", function()
  local c = new()
  c:made("one")
  equal((c:create("one")), 409)
  local status, answer = c:create("two", { parent_id = "br-none" })
  equal({ status, answer.message }, { 404, "parent branch not found" })
  equal((c:create("")), 400)
  equal((c:create(("x"):rep(257))), 400)
end)

test("a branch needs no body: it has a name and the default branch as its parent", function()
  local c = new()
  local status, answer = c:ask("POST", BRANCHES)
  equal({ status, #answer.endpoints, answer.connection_uris }, { 201, 0, nil })
  equal(answer.branch.name:find "^br%-" ~= nil, true)
  equal(answer.branch.parent_id, c:branch("production").id)
end)

test("malformed wishes are refused before anything is made", function()
  local c = new()
  for _, body in ipairs {
    { branch = "x" }, { endpoints = "x" }, { endpoints = { {} } }, { endpoints = { { type = "write_only" } } },
    { endpoints = { { type = "read_write", suspend_timeout_seconds = 5 } } },
    { endpoints = { { type = "read_write", autoscaling_limit_min_cu = 0.1 } } }, { annotation_value = { a = 1 } },
    { branch = { init_source = "nothing" } }, { branch = { protected = "yes" } }, { branch = { expires_at = "tomorrow" } },
  } do
    equal({ json.encode(body), (c:ask("POST", BRANCHES, body)) }, { json.encode(body), 400 })
  end
  equal((c:ask("POST", BRANCHES, { endpoints = { { type = "read_write" }, { type = "read_write" } } })), 422)
  equal({ #c.state.neon.branches, #c.state.neon.timelines, #c.state.neon.operations }, { 1, 1, 0 })
end)

test("annotations come back with the branch and with the list", function()
  local c = new()
  local body = { branch = { name = "pr-42" }, annotation_value = { ["davit-pr"] = "42" } }
  local _, answer = c:ask("POST", BRANCHES, body)
  local id = answer.branch.id
  local _, one = c:ask("GET", BRANCHES .. "/" .. id)
  equal({ one.annotation.object, one.annotation.value }, { { type = "console/branch", id = id }, { ["davit-pr"] = "42" } })
  local _, all = c:ask("GET", BRANCHES)
  equal(all.annotations[id].value, { ["davit-pr"] = "42" })
end)

test("the limit of branches is a limit, of the project", function()
  local c = client.new { settings = { branches_limit = 2 }, neon = { projects = { { id = "sun" } } } }
  c:made("one")
  local status, answer = c:create("two")
  equal({ status, answer.code }, { 422, "BRANCHES_LIMIT_EXCEEDED" })
  c.project = "sun"
  equal((c:create("two")), 201)
end)

test("a child of a protected branch has passwords of its own, any other one its parent's", function()
  local c = new()
  local parent = c:made("parent")
  local child = c:made("child", { parent_id = parent.branch.id })
  equal(child.roles[1].password, parent.roles[1].password)
  local _, revealed = c:ask("GET", ("%s/%s/roles/neondb_owner/reveal_password"):format(BRANCHES, c:branch("production").id))
  equal(revealed.password == parent.roles[1].password, false)
end)

-- ---- finding -----------------------------------------------------------------------------------

test("branches are searched, and listed by cursors that end", function()
  local c = new()
  for i = 1, 4 do c:made("pr-" .. i) end
  local names, cursor = {}, nil
  repeat
    local _, page = c:ask("GET", BRANCHES .. "?limit=2" .. (cursor and "&cursor=" .. cursor or ""))
    for _, branch in ipairs(page.branches) do names[#names + 1] = branch.name end
    cursor = page.pagination.next
  until not cursor
  equal(names, { "pr-4", "pr-3", "pr-2", "pr-1", "production" })
  local _, found = c:ask("GET", BRANCHES .. "?search=pr-&sort_by=name&sort_order=asc")
  equal({ #found.branches, found.branches[1].name }, { 4, "pr-1" })
  for _, query in ipairs { "limit=0", "limit=10001", "limit=x", "sort_by=size", "sort_order=up", "cursor=x" } do
    equal({ query, (c:ask("GET", BRANCHES .. "?" .. query)) }, { query, 400 })
  end
end)

test("who reads the first page only does not see production any more", function()
  local c = new()
  for i = 1, 100 do c:made("pr-" .. i) end
  local _, first = c:ask("GET", BRANCHES)
  equal({ #first.branches, first.pagination.next ~= nil }, { 100, true })
  for _, branch in ipairs(first.branches) do equal(branch.name == "production", false) end
  local _, all = c:ask("GET", BRANCHES .. "?limit=10000")
  equal(#all.branches, 100)
  local _, count = c:ask("GET", BRANCHES .. "/count")
  equal(count, { count = 101 })
  local _, few = c:ask("GET", BRANCHES .. "/count?search=pr-9")
  equal(few.count, 11)
end)

test("a branch of another project is not there", function()
  local c = client.new { neon = { projects = { { id = "sun" } } } }
  local id = c:branch("production").id
  c.project = "sun"
  equal(c:branch("production").id == id, false)
  for _, path in ipairs { "", "/endpoints", "/roles", "/databases" } do
    local status, answer = c:ask("GET", BRANCHES .. "/" .. id .. path)
    equal({ path, status, answer.message }, { path, 404, "branch not found" })
  end
  equal((c:ask("DELETE", BRANCHES .. "/" .. id)), 204)
end)

-- ---- changing ----------------------------------------------------------------------------------

test("a branch is renamed and protected, and says since when", function()
  local c = new()
  local one = BRANCHES .. "/" .. c:made("one").branch.id
  c:made("two")
  equal((c:ask("PATCH", one, { branch = { name = "two" } })), 409)
  equal((c:ask("PATCH", one, {})), 400)
  local answer = c:done("PATCH", one, { branch = { name = "three", protected = true } })
  equal({ answer.branch.name, answer.branch.protected, #answer.operations }, { "three", true, 0 })
  equal((c:ask("DELETE", one)), 422)
  c:done("PATCH", one, { branch = { protected = false } })
  equal((c:ask("DELETE", one)), 200)
end)

test("the default branch is one, and another one when it is said so", function()
  local c = new()
  local one = c:made("one").branch.id
  equal(c:done("POST", BRANCHES .. "/" .. one .. "/set_as_default").branch.default, true)
  equal(c:branch("production").default, false)
  equal(c:made("child").branch.parent_id, one)
  equal(select(2, c:ask("DELETE", BRANCHES .. "/" .. one)).message, "cannot delete the default branch")
  local brief = c:made("brief", { expires_at = "2027-01-20T08:00:00Z", parent_id = c:branch("production").id }).branch.id
  equal((c:ask("POST", BRANCHES .. "/" .. brief .. "/set_as_default")), 422)
end)

test("an expiry is in the future, within thirty days, and ends the branch", function()
  local c = new()
  equal((c:create("x", { expires_at = "tomorrow" })), 400)
  equal((c:create("x", { expires_at = "2027-01-20" })), 400)
  equal((c:create("x", { expires_at = "2020-01-01T00:00:00Z" })), 422)
  equal((c:create("x", { expires_at = "2099-01-01T00:00:00Z" })), 422)
  local answer = c:made("x", { expires_at = "2027-01-20T08:00:00.000Z" })
  local one = BRANCHES .. "/" .. answer.branch.id
  equal({ answer.branch.expires_at, answer.branch.ttl_interval_seconds }, { "2027-01-20T08:00:00Z", 5 * 86400 })
  equal((c:create("child", { parent_id = answer.branch.id })), 422)
  equal((c:ask("PATCH", one, { branch = { protected = true } })), 422)
  local _, kept = c:ask("PATCH", one, { branch = { expires_at = json.null } })
  equal({ kept.branch.expires_at, kept.branch.ttl_interval_seconds }, {})
  c:ask("PATCH", one, { branch = { expires_at = "2027-01-20T08:00:00Z" } })
  c.now = c.now + 10 * 86400
  equal((c:ask("GET", one)), 404)
end)

test("default, protected and parent branches cannot expire", function()
  local c = new()
  local parent = c:made("parent").branch.id
  c:made("child", { parent_id = parent })
  local when = { branch = { expires_at = "2027-01-20T08:00:00Z" } }
  equal((c:ask("PATCH", BRANCHES .. "/" .. parent, when)), 422)
  equal((c:ask("PATCH", BRANCHES .. "/" .. c:branch("production").id, when)), 422)
  equal((c:create("x", { protected = true, expires_at = "2027-01-20T08:00:00Z" })), 422)
end)

-- ---- deleting ----------------------------------------------------------------------------------

test("default, root and parent branches are not deleted, others once", function()
  local c = new()
  local parent = c:made("parent").branch.id
  local child = c:made("child", { parent_id = parent }).branch.id
  equal((c:ask("DELETE", BRANCHES .. "/" .. c:branch("production").id)), 422)
  equal((c:ask("DELETE", BRANCHES .. "/" .. parent)), 422)
  local status, answer = c:ask("DELETE", BRANCHES .. "/" .. child)
  equal({ status, answer.operations[1].action, answer.operations[2].action },
    { 200, "suspend_compute", "delete_timeline" })
  equal((c:ask("DELETE", BRANCHES .. "/" .. child)), 204)
  equal((c:ask("GET", BRANCHES .. "/" .. child)), 404)
  c:settle()
  equal((c:ask("DELETE", BRANCHES .. "/" .. parent)), 200)
end)

test("what was deleted leaves nothing in the state but its operations", function()
  local c = new()
  local id = c:made("one").branch.id
  c:sql(id, "create table t (n int)")
  c:done("DELETE", BRANCHES .. "/" .. id)
  c:ask("GET", "")
  equal({ #c.state.neon.branches, #c.state.neon.timelines, next(c.state.ledger.entries) }, { 1, 1, nil })
  local _, operations = c:ask("GET", "/operations")
  equal(#operations.operations, 4)
end)

test("where deletions may be taken back, a deleted branch is listed on demand and comes back whole", function()
  local c = new { recovery_seconds = 7 * 86400 }
  local made = c:made("one", { expires_at = "2027-01-20T08:00:00Z" })
  local id = made.branch.id
  c:sql(id, "create table t (n int); insert into t values (1)")
  local answer = c:done("DELETE", BRANCHES .. "/" .. id)
  equal(answer.operations[2].action, "timeline_mark_invisible")
  local _, listed = c:ask("GET", BRANCHES)
  equal(#listed.branches, 1)
  local _, all = c:ask("GET", BRANCHES .. "?include_deleted=true&sort_by=name&sort_order=asc")
  equal({ all.branches[1].name, all.branches[1].recovery.deletion_method, all.branches[1].recovery.recoverable_until },
    { "one", "user", "2027-01-22T08:00:02Z" })
  c:made("other")
  local back = c:done("POST", BRANCHES .. "/" .. id .. "/recover")
  equal({ back.branch.recovery, back.branch.expires_at, back.endpoints[1].current_state }, { nil, nil, "idle" })
  equal(c:sql(id, "select n from t").rows, { { "1" } })
  equal((c:ask("POST", BRANCHES .. "/" .. id .. "/recover")), 404)
end)

test("a recovery ends: by time, by a hard deletion, or never begins", function()
  local c = new { recovery_seconds = 3600 }
  local one, two = c:made("one").branch.id, c:made("two").branch.id
  c:done("DELETE", BRANCHES .. "/" .. one)
  c:done("DELETE", BRANCHES .. "/" .. two .. "?hard_delete=true")
  equal((c:ask("POST", BRANCHES .. "/" .. two .. "/recover")), 404)
  c:made("one")
  equal((c:ask("POST", BRANCHES .. "/" .. one .. "/recover")), 409)
  c.now = c.now + 3600
  equal((c:ask("POST", BRANCHES .. "/" .. one .. "/recover")), 404)
  c:settle()
  c:ask("GET", "")
  equal({ #c.state.neon.branches, #c.state.neon.timelines }, { 2, 2 })
end)
