---The model of Neon: points of the past, restoring, resetting, branches of a schema, and their data in the ledger.
local clock = require "cloud.clock"
local core = require "core"
local data = require "cloud.data"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new(settings) return client.new { settings = settings } end

local function values(c, branch)
  local answer = c:sql(branch, "select n from t")
  local list = {}
  for i, row in ipairs(answer.rows) do list[i] = row[1] end
  return table.concat(list, " ")
end

local function lsn(c, branch) return c:sql(branch, "select pg_current_wal_lsn(), now()").rows[1][1] end

local function restore(c, branch, body)
  return c:ask("POST", BRANCHES .. "/" .. branch .. "/restore", body)
end

local function restored(c, branch, body)
  local status, answer = restore(c, branch, body)
  if status ~= 200 then error(("%d %s"):format(status, answer.message), 2) end
  c:settle()
  return answer
end

-- A branch where 1, 2 and 3 were written a minute after each other, with the time and LSN after 1.
local function written(settings)
  local c = new(settings)
  local id = c:made("pr-42").branch.id
  c:sql(id, "create table t (n int); insert into t values (1)")
  local point = { time = clock.iso(c.now + 30), lsn = lsn(c, id) }
  for n = 2, 3 do
    c.now = c.now + 60
    c:sql(id, ("insert into t values (%d)"):format(n))
  end
  c.now = c.now + 60
  return c, id, point
end

-- ---- branches of the past ----------------------------------------------------------------------

test("a branch is made of its parent's past, by time or by LSN", function()
  local c, id, point = written()
  local by_time = c:made("by-time", { parent_id = id, parent_timestamp = point.time })
  local by_lsn = c:made("by-lsn", { parent_id = id, parent_lsn = point.lsn })
  local head = c:made("head", { parent_id = id })
  equal({ values(c, by_time.branch.id), values(c, by_lsn.branch.id), values(c, head.branch.id) }, { "1", "1", "1 2 3" })
  equal({ by_time.branch.parent_timestamp, by_lsn.branch.parent_lsn }, { point.time, point.lsn })
end)

test("a point without a parent is one of the default branch", function()
  local c = new()
  local production = c:branch("production").id
  c:sql(production, "create table t (n int); insert into t values (1)")
  local point = clock.iso(c.now + 1)
  c.now = c.now + 60
  c:sql(production, "insert into t values (2)")
  local made = c:made("past", { parent_timestamp = point })
  equal({ made.branch.parent_id, values(c, made.branch.id) }, { production, "1" })
end)

test("a point outside of the history is refused", function()
  local c, id, point = written { history_seconds = 3600 }
  local function create(more)
    more.parent_id = id
    return (c:create("past", more))
  end
  equal(create { parent_timestamp = "yesterday" }, 400)
  equal(create { parent_timestamp = point.time, parent_lsn = point.lsn }, 400)
  equal(create { parent_lsn = "x" }, 400)
  equal(create { parent_lsn = "0/1" }, 422)
  equal(create { parent_lsn = "FF/0" }, 422)
  equal(create { parent_timestamp = clock.iso(c.now + 60) }, 422)
  equal(create { parent_timestamp = clock.iso(c.now - 3601) }, 422)
  c.now = c.now + 3600
  equal(create { parent_timestamp = point.time }, 422)
  equal(create { parent_lsn = point.lsn }, 422)
  c:done("PATCH", "", { project = { history_retention_seconds = 86400 } })
  equal(create { parent_timestamp = point.time }, 201)
end)

test("nothing is older than its project", function()
  local c = new()
  local _, made = c:call("POST", "/projects", { body = { project = { name = "new" } } })
  c:settle()
  c.project = made.project.id
  equal((c:create("past", { parent_timestamp = clock.iso(c.now - 3600) })), 422)
end)

test("a branch of the past has the roles and databases of then", function()
  local c, id, point = written()
  c:done("POST", BRANCHES .. "/" .. id .. "/roles", { role = { name = "late" } })
  c:done("POST", BRANCHES .. "/" .. id .. "/databases", { database = { name = "app", owner_name = "late" } })
  local past = c:made("past", { parent_id = id, parent_timestamp = point.time })
  local head = c:made("head", { parent_id = id })
  equal({ #past.roles, #past.databases, #head.roles, #head.databases }, { 1, 1, 2, 2 })
end)

test("a branch of the schema alone has tables, no rows, no parent, and is deleted as any", function()
  local c, id = written()
  local status, answer = c:create("schema", { parent_id = id, init_source = "schema-only" })
  equal({ status, answer.branch.init_source, answer.branch.parent_id, answer.operations[3].action },
    { 201, "schema-only", nil, "apply_schema_from_branch" })
  c:settle()
  equal(values(c, answer.branch.id), "")
  equal(c:sql(answer.branch.id, "create table t (n int)").fault[4], "42P07")
  c:sql(answer.branch.id, "insert into t values (9)")
  c:done("DELETE", BRANCHES .. "/" .. id)
  equal(values(c, answer.branch.id), "9")
  equal((c:ask("DELETE", BRANCHES .. "/" .. answer.branch.id)), 200)
end)

-- ---- restoring ---------------------------------------------------------------------------------

test("a branch is restored from its own past, and what it was is kept under another name", function()
  for _, by in ipairs { "source_timestamp", "source_lsn" } do
    local c, id, point = written()
    local uri = c:uri(id)
    local session = c:connect(uri)
    local answer = restored(c, id, { source_branch_id = id, [by] = by == "source_lsn" and point.lsn or point.time,
      preserve_under_name = "before" })
    local before = c:branch("before")
    equal({ answer.branch.current_state, answer.branch.pending_state, answer.branch.parent_id },
      { "resetting", "ready", before.id })
    equal({ values(c, id), c:uri(id), session("select n from t").fault[1] }, { "1", uri, "sql-lost" })
    c:done("POST", "/endpoints", { endpoint = { branch_id = before.id, type = "read_write" } })
    equal(values(c, before.id), "1 2 3")
    equal((c:ask("DELETE", BRANCHES .. "/" .. before.id)), 422)
  end
end)

test("a restored branch is restored again, and back to what it was", function()
  local c, id, point = written()
  restored(c, id, { source_branch_id = id, source_timestamp = point.time, preserve_under_name = "one" })
  c:sql(id, "insert into t values (4)")
  c.now = c.now + 60
  c:sql(id, "drop table t")
  restored(c, id, { source_branch_id = id, source_timestamp = clock.iso(c.now - 30), preserve_under_name = "two" })
  equal(values(c, id), "1 4")
  restored(c, id, { source_branch_id = c:branch("one").id, preserve_under_name = "three" })
  equal(values(c, id), "1 2 3")
end)

test("children move to the branch that keeps the past, and keep their data", function()
  local c, id, point = written()
  local child = c:made("child", { parent_id = id }).branch.id
  local status, refused = restore(c, id, { source_branch_id = c:branch("production").id })
  equal({ status, refused.message:find "preserve_under_name is required" ~= nil }, { 422, true })
  restored(c, id, { source_branch_id = id, source_lsn = point.lsn, preserve_under_name = "before" })
  equal({ c:branch("child").parent_id, values(c, child) }, { c:branch("before").id, "1 2 3" })
end)

test("a reset takes the parent's head, keeps host and password, and begins its life anew", function()
  local c = new()
  local production = c:branch("production").id
  local made = c:made("pr-42", { expires_at = clock.iso(c.now + 86400) })
  local id, uri = made.branch.id, c:uri(made.branch.id)
  c:sql(id, "create table mine (n int)")
  c:sql(production, "create table t (n int); insert into t values (5)")
  c.now = c.now + 3600
  local session = c:connect(uri)
  local answer = restored(c, id, { source_branch_id = production })
  local actions = {}
  for i, operation in ipairs(answer.operations) do actions[i] = operation.action end
  equal(actions, { "suspend_compute", "create_timeline", "start_compute" })
  equal({ values(c, id), c:uri(id), session("select 1").fault[1], #c:sql(id, "select n from mine").rows },
    { "5", uri, "sql-lost", 0 })
  local branch = c:branch("pr-42")
  equal({ branch.last_reset_at, branch.expires_at, branch.parent_id }, { clock.iso(c.now - 2),
    clock.iso(c.now - 2 + 86400), production })
end)

test("a restore is refused before anything is done", function()
  local c, id, point = written()
  local production = c:branch("production").id
  local cases = {
    { 400, {} }, { 404, { source_branch_id = "br-none" } }, { 422, { source_branch_id = id } },
    { 422, { source_branch_id = id, source_lsn = point.lsn } },
    { 400, { source_branch_id = id, source_lsn = point.lsn, source_timestamp = point.time, preserve_under_name = "x" } },
    { 409, { source_branch_id = id, source_lsn = point.lsn, preserve_under_name = "production" } },
    { 422, { source_branch_id = id, source_timestamp = "2020-01-01T00:00:00Z", preserve_under_name = "x" } },
  }
  for i, case in ipairs(cases) do equal({ i, (restore(c, id, case[2])) }, { i, case[1] }) end
  c:done("PATCH", BRANCHES .. "/" .. id, { branch = { protected = true } })
  equal((restore(c, id, { source_branch_id = production })), 422)
  equal((restore(c, "br-none", { source_branch_id = production })), 404)
  equal(values(c, id), "1 2 3")
end)

test("the preserved branch counts, and needs room", function()
  local c, id, point = written { branches_limit = 2 }
  local status, answer = restore(c, id, { source_branch_id = id, source_lsn = point.lsn, preserve_under_name = "x" })
  equal({ status, answer.code }, { 422, "BRANCHES_LIMIT_EXCEEDED" })
end)

test("production itself is brought back", function()
  local c = new()
  local id = c:branch("production").id
  c:sql(id, "create table t (n int); insert into t values (1)")
  local point = lsn(c, id)
  c.now = c.now + 60
  c:sql(id, "truncate t")
  equal(values(c, id), "")
  restored(c, id, { source_branch_id = id, source_lsn = point, preserve_under_name = "broken" })
  equal({ values(c, id), c:branch("production").default, c:branch("broken").default }, { "1", true, false })
end)

test("a restore that is ordered to fail leaves the branch, its children and its data as they were", function()
  for _, name in ipairs { "suspend_compute", "create_timeline" } do
    local c, id, point = written()
    local child = c:made("child", { parent_id = id }).branch.id
    local before = c:branch("pr-42")
    local body = { source_branch_id = id, source_lsn = point.lsn, preserve_under_name = "kept" }
    local _, answer = restore(c, id, body)
    for _, operation in ipairs(answer.operations) do
      if operation.action == name then
        local found = data.find(c.state.neon.operations, "id", operation.id)
        found.trouble = { failures = 1, ends = "error", error = "no space" }
      end
    end
    c:settle()
    c:settle()
    local after = c:branch("pr-42")
    equal({ name, after.current_state, after.parent_id, after.last_reset_at, values(c, id), values(c, child) },
      { name, "ready", before.parent_id, nil, "1 2 3", "1 2 3" })
    equal({ c:branch "kept", c:branch("child").parent_id, #c.state.neon.timelines }, { nil, id, 3 })
    restored(c, id, body)
    equal({ values(c, id), values(c, child), c:branch("child").parent_id }, { "1", "1 2 3", c:branch("kept").id })
  end
end)

test("what was written to data that a restore took the place of stays in the books", function()
  local c, id = written()
  local production = c:branch("production").id
  local function books()
    local _, answer = c:ask("GET", (BRANCHES:gsub("/branches$", "")))
    return { c:branch("pr-42").written_data_bytes, answer.project.written_data_bytes }
  end
  local before = books()
  restore(c, id, { source_branch_id = production })
  equal(books(), before)
  c:settle()
  equal({ before[1] > 0, books() }, { true, before })
  local text = "create table mine (n int)"
  c:sql(id, text)
  equal(books(), { before[1] + #text, before[2] + #text })
  restored(c, id, { source_branch_id = production, preserve_under_name = "kept" })
  equal({ c:branch("pr-42").written_data_bytes, c:branch("kept").written_data_bytes, books()[2] },
    { before[1], #text, before[2] + #text })
end)

test("a restored branch whose computes rest stays at rest", function()
  local c, id, point = written()
  c.now = c.now + 1000
  local answer = restored(c, id, { source_branch_id = id, source_lsn = point.lsn, preserve_under_name = "x" })
  equal({ #answer.operations, answer.operations[1].action }, { 1, "create_timeline" })
  equal(values(c, id), "1")
end)

test("what no branch needs any more is forgotten", function()
  local c = new()
  local production = c:branch("production").id
  local id = c:made("pr-42").branch.id
  for n = 1, 5 do
    c:sql(id, ("create table t%d (n int)"):format(n))
    restored(c, id, { source_branch_id = production })
  end
  equal(c:branch("pr-42").current_state, "ready")
  equal({ #c.state.neon.timelines, next(c.state.ledger.entries) }, { 2, nil })
end)

-- ---- schemas -----------------------------------------------------------------------------------

local function schema(c, branch, more)
  local _, answer = c:ask("GET", ("%s/%s/schema?db_name=neondb%s"):format(BRANCHES, branch, more or ""))
  return answer
end

test("the schema of a branch is what made it, now or then", function()
  local c, id, point = written()
  c:sql(id, "create table u (id bigint, name text); drop table t; alter table u add x int")
  equal(schema(c, id).sql, "create table u (id bigint, name text);\n\nalter table u add x int;\n")
  equal(schema(c, id, "&lsn=" .. point.lsn).sql, "create table t (n int);\n")
  equal(schema(c, id, "&timestamp=" .. point.time).sql, "create table t (n int);\n")
  equal(schema(c, id, "&format=json").json.tables, { { schema = "public", name = "u",
    columns = { { name = "id", type = "bigint" }, { name = "name", type = "text" } } } })
  equal((c:ask("GET", BRANCHES .. "/" .. id .. "/schema")), 400)
  equal((c:ask("GET", BRANCHES .. "/" .. id .. "/schema?db_name=none")), 404)
  equal((c:ask("GET", BRANCHES .. "/" .. id .. "/schema?db_name=neondb&format=xml")), 400)
end)

test("the schemas of two branches are compared, or of one with its parent", function()
  local c, id = written()
  local child = c:made("child", { parent_id = id }).branch.id
  local target = ("%s/%s/compare_schema?db_name=neondb"):format(BRANCHES, child)
  local _, same = c:ask("GET", target)
  equal(same.diff, "")
  c:sql(child, "create table u (id int)")
  local _, changed = c:ask("GET", target .. "&base_branch_id=" .. id)
  equal(changed.diff, "--- a/neondb\n+++ b/neondb\n@@ -1 +1,3 @@\n create table t (n int);\n+\n+create table u (id int);\n")
end)
