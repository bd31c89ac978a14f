---The model of Neon as whoever keeps the real databases sees it, and worlds that an older Davit saved.
local core = require "core"
local json = require "json"
local neon = require "cloud.neon"
local seed = require "cloud.seed"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new(settings)
  local c = client.new { settings = settings }
  c.state.neon.follow = true
  return c
end

local function told(c) return neon.follow(c.state, c.now) end

local function find(list, key, value)
  for _, item in ipairs(list) do
    if item[key] == value then return item end
  end
end

-- Reports that all that is to be done is done.
local function finish(c, more)
  for _, branch in ipairs(told(c).branches) do
    for _, operation in ipairs(branch.operations) do
      local event = { operation = operation.id, status = "finished" }
      for key, value in pairs(more or {}) do event[key] = value end
      neon.event(c.state, event, c.now)
    end
  end
end

-- Fails what the branch is to do next, for good.
local function fail(c, branch)
  local operation = find(told(c).branches, "id", branch).operations[1]
  neon.event(c.state, { operation = operation.id, status = "failed", error = "the log ends before 7F/0" }, c.now)
end

-- ---- operations --------------------------------------------------------------------------------

test("with a follower an operation ends when it says so", function()
  local c = new()
  local _, answer = c:create("pr-42")
  c.now = c.now + 1000
  equal((c:create("other")), 423)
  local listed = neon.branches(c.state, c.now)[2]
  equal({ listed.name, listed.address, listed.deleted, #listed.operations }, { "pr-42", "127.0.42.2", false, 2 })
  equal(listed.operations[2], { id = answer.operations[2].id, action = "start_compute",
    endpoint = answer.endpoints[1].id })
  equal(listed.roles[1].password, answer.roles[1].password)
  for _, operation in ipairs(listed.operations) do
    equal(neon.event(c.state, { operation = operation.id, status = "finished" }, c.now), true)
    equal(neon.event(c.state, { operation = operation.id, status = "finished" }, c.now), false)
  end
  equal(#neon.branches(c.state, c.now)[2].operations, 0)
  local _, branch = c:ask("GET", BRANCHES .. "/" .. answer.branch.id)
  equal(branch.branch.current_state, "ready")
end)

test("an operation that failed says why, and its branch stays unready", function()
  local c = new()
  local _, answer = c:create("pr-42", {}, {})
  local id = answer.operations[1].id
  neon.event(c.state, { operation = id, status = "failed", error = "no space" }, c.now + 1)
  c.now = c.now + 2
  local _, shown = c:ask("GET", "/operations/" .. id)
  equal({ shown.operation.status, shown.operation.error, shown.operation.failures_count }, { "failed", "no space", 1 })
  local _, branch = c:ask("GET", BRANCHES .. "/" .. answer.branch.id)
  equal(branch.branch.current_state, "init")
  equal((c:create("other", {}, {})), 201)
end)

test("a failure that is tried again is listed again then, and holds the project up", function()
  local c = new()
  local _, answer = c:create("pr-42", {}, {})
  local id = answer.operations[1].id
  neon.event(c.state, { operation = id, status = "failed", error = "no space", retry_at = c.now + 10 }, c.now)
  equal({ #told(c).branches[2].operations, (c:create("other")) }, { 0, 423 })
  c.now = c.now + 10
  equal(told(c).branches[2].operations[1].id, id)
  finish(c)
  local _, shown = c:ask("GET", "/operations/" .. id)
  equal({ shown.operation.status, shown.operation.failures_count, shown.operation.error }, { "finished", 1, nil })
end)

test("a compute that wakes although its operation failed for good is active, and its branch ready", function()
  local c = new()
  local _, one = c:create("one")
  fail(c, one.branch.id)
  local path = "/endpoints/" .. one.endpoints[1].id
  local function states()
    local _, shown = c:ask("GET", path)
    return { c:branch("one").current_state, shown.endpoint.current_state, shown.endpoint.pending_state }
  end
  equal(states(), { "init", "init", "active" })
  equal(neon.event(c.state, { endpoint = one.endpoints[1].id, state = "active" }, c.now), true)
  equal(states(), { "ready", "active" })
  neon.event(c.state, { endpoint = one.endpoints[1].id, state = "idle" }, c.now)
  equal(states(), { "ready", "idle" })
end)

test("a branch without a compute is ready once its data is there, although its operation failed for good", function()
  local c = new()
  local _, one = c:create("one", {}, {})
  equal(find(told(c).branches, "name", "one").failed, false)
  fail(c, one.branch.id)
  local late = find(told(c).branches, "name", "one")
  equal({ late.failed, neon.event(c.state, { timeline = late.timeline, made = true, lsn = "0/ABCDEF0" }, c.now) },
    { true, true })
  local shown = c:branch("one")
  equal({ shown.current_state, shown.pending_state, shown.parent_lsn }, { "ready", nil, "0/ABCDEF0" })
  equal(neon.event(c.state, { timeline = late.timeline, made = true }, c.now), false)
end)

test("a branch that was ordered to fail stays unready, whatever is there", function()
  local c = new()
  c:create("one", {}, {}, { trouble = { failures = 1, ends = "error", error = "no space" } })
  c.now = c.now + 10
  local one = find(told(c).branches, "name", "one")
  equal({ one.failed, neon.event(c.state, { timeline = one.timeline, made = true }, c.now) }, { false, false })
  equal(c:branch("one").current_state, "init")
end)

test("what was ordered to fail is not the follower's work before it has failed", function()
  local c = new()
  local body = { branch = { name = "pr-42" } }
  c:ask("POST", BRANCHES, body, { trouble = { failures = 1, ends = "finished" } })
  equal(#told(c).branches[2].operations, 0)
  c.now = c.now + 3
  equal(#told(c).branches[2].operations, 0)
  c.now = c.now + 5
  equal(#told(c).branches[2].operations, 1)
end)

test("what was ordered to end badly ends so, whatever the follower does", function()
  local c = new()
  local _, answer = c:create("pr-42", {}, nil, { trouble = { failures = 1, ends = "error", error = "no space" } })
  finish(c)
  c.now = c.now + 3
  finish(c)
  local _, shown = c:ask("GET", "/operations/" .. answer.operations[1].id)
  equal({ shown.operation.status, shown.operation.error }, { "error", "no space" })
end)

-- ---- timelines ---------------------------------------------------------------------------------

test("a timeline says where it comes from, and parents stand before it", function()
  local c = new()
  local _, one = c:create("one", { parent_timestamp = "2027-01-15T07:59:00Z" })
  finish(c, { lsn = "0/ABCDEF0" })
  c:create("two", { parent_id = one.branch.id, parent_lsn = "0/BBBBBB0" })
  local list = told(c).timelines
  local root, first, second = list[1], list[2], list[3]
  equal({ root.parent, first.parent, second.parent }, { nil, root.id, first.id })
  equal({ first.at, second.at }, { { time = c.now - 60 }, { lsn = "0/BBBBBB0" } })
  equal(told(c).branches[3].timeline, second.id)
  local _, shown = c:ask("GET", BRANCHES .. "/" .. one.branch.id)
  equal(shown.branch.parent_lsn, "0/ABCDEF0")
end)

test("a restore gives the branch another timeline, and the old one to the branch that preserves it", function()
  local c = new()
  local _, one = c:create("one")
  finish(c)
  local before = told(c).branches[2].timeline
  local id = one.branch.id
  equal((c:ask("POST", ("%s/%s/restore"):format(BRANCHES, id), { source_branch_id = id, source_lsn = "0/1",
    preserve_under_name = "kept" })), 200)
  local now = told(c)
  local restored, kept = find(now.branches, "id", id), find(now.branches, "name", "kept")
  local timeline = find(now.timelines, "id", restored.timeline)
  equal({ kept.timeline, timeline.parent, timeline.at.lsn, restored.timeline == before }, { before, before, "0/1", false })
  equal({ #kept.operations, restored.operations[1].action, now.endpoints[2].timeline },
    { 0, "suspend_compute", restored.timeline })
end)

test("a branch has its old timeline until it is restored, and again when that fails for good", function()
  local c = new()
  local _, one = c:create("one")
  finish(c)
  local id, old = one.branch.id, told(c).branches[2].timeline
  local production = c:branch("production").id
  local function restore()
    equal((c:ask("POST", ("%s/%s/restore"):format(BRANCHES, id), { source_branch_id = production })), 200)
  end
  restore()
  local during = told(c)
  equal({ during.branches[2].former, find(during.timelines, "id", old) ~= nil }, { old, true })
  neon.event(c.state, { operation = during.branches[2].operations[1].id, status = "failed", error = "no space",
    retry_at = c.now + 10 }, c.now)
  equal(told(c).branches[2].former, old)
  c.now = c.now + 10
  fail(c, id)
  local after = told(c)
  equal({ after.branches[2].timeline, after.branches[2].former, #after.timelines }, { old, nil, 2 })
  equal({ c:branch("one").current_state, c:branch("one").pending_state }, { "ready", nil })
  restore()
  finish(c)
  equal({ told(c).branches[2].former, find(told(c).timelines, "id", old) }, {})
end)

test("a timeline is wanted until its branch is gone and nothing descends from it", function()
  local c = new()
  local _, parent = c:create("parent")
  finish(c)
  local _, child = c:create("child", { parent_id = parent.branch.id })
  finish(c)
  local function delete(branch)
    equal((c:ask("DELETE", BRANCHES .. "/" .. branch.branch.id)), 200)
  end
  delete(child)
  equal({ #told(c).timelines, told(c).branches[3].deleted }, { 3, true })
  finish(c)
  equal({ #told(c).timelines, #told(c).branches }, { 2, 2 })
  delete(parent)
  finish(c)
  equal({ #told(c).timelines, #told(c).branches }, { 1, 1 })
end)

test("a schema alone wants its source until it is there", function()
  local c = new()
  local _, parent = c:create("parent")
  finish(c)
  local source = told(c).branches[2].timeline
  local _, copy = c:create("copy", { parent_id = parent.branch.id, init_source = "schema-only" })
  equal(find(told(c).timelines, "parent", source).schema_only, true)
  finish(c)
  equal((c:ask("DELETE", BRANCHES .. "/" .. parent.branch.id)), 200)
  finish(c)
  equal({ find(told(c).timelines, "id", source), find(told(c).branches, "id", copy.branch.id) ~= nil }, { nil, true })
end)

-- ---- computes ----------------------------------------------------------------------------------

test("a compute's state is what is wanted, and what the follower saw", function()
  local c = new()
  local _, answer = c:create("pr-42", {}, { { type = "read_write", suspend_timeout_seconds = 60 } })
  finish(c)
  local id = answer.endpoints[1].id
  local function endpoint() return find(told(c).endpoints, "id", id) end
  equal({ endpoint().state, endpoint().suspend_seconds, endpoint().address, endpoint().type },
    { "active", 60, "127.0.42.2", "read_write" })
  c.now = c.now + 1000
  equal(endpoint().state, "active")   -- only the follower knows that nobody uses it
  equal(neon.event(c.state, { endpoint = id, state = "idle" }, c.now), true)
  local _, shown = c:ask("GET", "/endpoints/" .. id)
  equal({ endpoint().state, shown.endpoint.current_state }, { "idle", "idle" })
  local _, starting = c:ask("POST", "/endpoints/" .. id .. "/start")
  equal({ endpoint().state, starting.endpoint.pending_state }, { "active", "active" })
  finish(c)
  c:ask("PATCH", "/endpoints/" .. id, { endpoint = { disabled = true } })
  equal({ endpoint().state, endpoint().disabled }, { "idle", true })
  equal(neon.event(c.state, { endpoint = "ep-none", state = "idle" }, c.now), false)
end)

test("a follower's figures are shown", function()
  local c = new()
  local timeline = told(c).timelines[1].id
  equal(neon.event(c.state, { timeline = timeline, size = 31000000, written = 77 }, c.now), true)
  local production = c:branch("production")
  equal({ production.logical_size, production.written_data_bytes }, { 31000000, 77 })
  equal(neon.event(c.state, { timeline = "none", size = 1 }, c.now), false)
  neon.event(c.state, { timeline = timeline, size = 32000000 }, c.now)
  equal(c:branch("production").written_data_bytes, 77)
end)

test("when a compute was used is shown, and changes nothing else", function()
  local c = new()
  local _, answer = c:create("pr-42")
  finish(c)
  local path = "/endpoints/" .. answer.endpoints[1].id
  local function shown() return select(2, c:ask("GET", path)).endpoint end
  c:ask("POST", path .. "/suspend")
  equal(neon.event(c.state, { endpoint = answer.endpoints[1].id, used = c.now - 60 }, c.now), true)
  equal({ shown().last_active, shown().pending_state }, { "2027-01-15T07:59:00Z", "idle" })
end)

test("a schema is the database's to tell: the answer says what is wanted of whom", function()
  local c = new()
  local target = BRANCHES .. "/" .. c:branch("production").id .. "/schema"
  local request = { method = "GET", host = "console.neon.tech", path = "/api/v2/projects/moon" .. target,
    query = "db_name=neondb", headers = { authorization = "Bearer neon-token" }, body = "" }
  local answer = neon.handle(request, c.state, c.now)
  equal({ answer.dump[1].address, answer.dump[1].database, answer.dump[1].user, #answer.dump },
    { "127.0.42.1", "neondb", "neondb_owner", 1 })
  equal((c:ask("GET", target .. "?db_name=neondb&timestamp=2027-01-15T07:59:00Z")), 422)
end)

-- ---- worlds of before --------------------------------------------------------------------------

-- As it was saved when a branch was a database and had an address.
local OLD = [[{
  "seed": "davit", "counters": { "branch": 2, "endpoint": 2, "database": 2, "operation": 2 },
  "neon": { "project_id": "moon", "seed": "x", "follow": true, "lsn": 3,
    "branches": [
      { "id": "br-1", "number": 1, "name": "production", "default": true, "protected": true, "created": 1767225600,
        "updated": 1767225600, "lsn": 0, "roles": [{ "name": "neondb_owner", "password": "p1" }],
        "databases": [{ "id": 1, "name": "neondb", "owner": "neondb_owner" }],
        "endpoints": [{ "id": "ep-1", "created": 1767225600, "type": "read_write", "min_cu": 0.25, "max_cu": 0.25,
          "suspend": 0 }] },
      { "id": "br-2", "number": 3, "name": "pr-42", "parent_id": "br-1", "created": 1799999000, "updated": 1799999000,
        "lsn": 2, "creation": "op-1", "expires": 1800604800, "annotation": { "davit": "a/b/c" },
        "roles": [{ "name": "neondb_owner", "password": "p2" }],
        "databases": [{ "id": 2, "name": "neondb", "owner": "neondb_owner" }],
        "endpoints": [{ "id": "ep-2", "created": 1799999000, "type": "read_write", "min_cu": 0.25, "max_cu": 0.25,
          "suspend": 0, "operation": "op-2" }, { "id": "ep-3", "created": 1799999000, "type": "read_only",
          "min_cu": 0.25, "max_cu": 0.25, "suspend": 0 }] }
    ],
    "operations": [
      { "id": "op-1", "action": "create_branch", "branch_id": "br-2", "created": 1799999000, "outcome": "finished",
        "ended": 1799999001 },
      { "id": "op-2", "action": "start_compute", "branch_id": "br-2", "endpoint_id": "ep-2", "created": 1799999000,
        "outcome": "finished", "ended": 1799999002 }
    ] } }]]

test("a world of an older Davit is one of today: ids, addresses and passwords stay", function()
  local c = client.new()
  local from = { neon_project = "moon", tokens = { neon = "neon-token" }, settings = {} }
  local saved = json.decode(OLD)
  local fresh = client.new().state
  saved.cloudflare, saved.github = fresh.cloudflare, fresh.github
  c.state = seed.world(saved, from)
  local one = c:branch("pr-42")
  equal({ one.id, one.current_state, one.parent_id, one.ttl_interval_seconds, one.expires_at },
    { "br-2", "ready", "br-1", 605800, "2027-01-22T08:00:00Z" })
  equal({ c:uri("br-2"), c:uri("br-1") }, { "postgresql://neondb_owner:p2@127.0.42.3/neondb?sslmode=require",
    "postgresql://neondb_owner:p1@127.0.42.1/neondb?sslmode=require" })
  local now = told(c)
  equal({ now.timelines[2].id, now.timelines[2].parent, now.endpoints[3].address, now.endpoints[2].state },
    { "br-2", "br-1", "127.0.42.4", "active" })
  equal({ (c:create("new", { parent_id = "br-1" })) }, { 201 })
  finish(c)
  equal((c:ask("DELETE", BRANCHES .. "/br-2")), 200)
  finish(c)
  equal((c:ask("GET", "")), 200)
end)

test("what is saved and loaded again is the same world, without keys", function()
  local from = { neon_project = "moon", tokens = { neon = "neon-token" }, settings = {},
    neon = { tokens = { { name = "ci", value = "ci-key", kind = "user" } } } }
  local c = client.new()
  c.state = seed.world(nil, from)
  local _, made = c:create("pr-42")
  finish(c)
  local text = json.encode(seed.without_tokens(c.state))
  equal({ text:find("neon-token", 1, true), text:find("ci-key", 1, true) }, {})
  c.state = seed.world(json.decode(text), from)
  c.token = "ci-key"
  local _, again = c:ask("GET", BRANCHES .. "/" .. made.branch.id)
  equal({ again.branch.current_state, c:uri(made.branch.id) }, { "ready", made.connection_uris[1].connection_uri })
end)
