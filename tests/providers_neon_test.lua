---The Neon provider against the models, and against what the models do not do.
local core = require "core"
local environment = require "environment"
local endpoints = require "cloud.neon.endpoints"
local json = require "json"
local log = require "log"
local neon = require "neon"
local model = require "cloud.neon"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local MARK, OTHER = "codex/preview/42", "codex/preview/7"
local PROJECT = "wandering-moon-123456"

local function client(env)
  return neon.client { project = PROJECT, key = "neon-token", environment = env }
end

local function branch_of(o)
  local base = { name = "pr-42", parent = "production", marker = MARK, expires = 14 * 86400 }
  for name, value in pairs(o or {}) do base[name] = value end
  return base
end

local function refusal(status, message, code)
  return { status = status, headers = {},
    body = json.encode { request_id = "r", code = code or "", message = message or "no" } }
end

local function settle(w) w.now = w.now + 10 end

-- ---- options -----------------------------------------------------------------------------

test("a client of Neon says what is missing or misspelt", function()
  raises("neon.client: option 'project' is required", neon.client, { key = "k" })
  raises("neon.client: option 'key' is required", neon.client, { project = PROJECT })
  raises("unknown option 'token' %(expected project, key, environment, recent%)", neon.client,
    { project = PROJECT, token = "k" })
end)

test("a branch refuses names that Neon's tools misread, and lives that are too long", function()
  local w <close> = open()
  local db = client()
  raises("neon.branch: option 'name' is required", db.branch, { marker = MARK })
  raises("must be a string, not a number", db.branch, branch_of { name = 42 })
  raises("unknown option 'expire'", db.branch, branch_of { expire = 1 })
  raises("not begin with 'br%-'", db.branch, branch_of { name = "br-late-sun-1" })
  raises("the name 'a@b' must have", db.branch, branch_of { name = "a@b" })
  raises("at most 30 days", db.branch, branch_of { expires = 31 * 86400 })
  raises("'marker' must be like", db.branch, branch_of { marker = "x" })
  raises("neon.ready: expected a branch", db.ready, "pr-42")
  raises("neon.inventory: expected a marker", db.inventory)
  raises("expected an item of the inventory", db.destroy, {})
  equal(#w.log, 0)
end)

-- ---- branches ----------------------------------------------------------------------------

test("a branch is created once, of its parent, with marker and end", function()
  local w <close> = open()
  local db = client()
  local made = ensure(db.branch(branch_of()))
  equal({ made.name, made.marker, made.expires_at, #made.operations },
    { "pr-42", MARK, "2027-01-29T08:00:00Z", 2 })
  settle(w)
  equal(ensure(db.branch(branch_of())).id, made.id)
  equal({ w:count("^POST"), w:count("^PATCH") }, { 1, 0 })
end)

test("no password of the answer becomes plain text", function()
  local w <close> = open()
  local made = client().branch(branch_of()).create()
  equal(json.encode(made):find("npg_", 1, true), nil)
  equal(json.decode(w:last("^POST").body).annotation_value, { davit = MARK, davit_parent = "production" })
end)

test("a branch whose name only contains the wanted one is another", function()
  local w <close> = open()
  local db = client()
  ensure(db.branch(branch_of { name = "pr-421", marker = "codex/preview/421" }))
  settle(w)
  equal(db.branch(branch_of()).find(), nil)
end)

test("branches on later pages are found", function()
  local w <close> = open()
  local db = client()
  for i = 1, 130 do
    db.branch(branch_of { name = "pr-42-" .. i }).create()
    settle(w)
  end
  equal(#db.inventory(MARK), 130)
  equal(db.branch(branch_of { name = "pr-42-1" }).find().name, "pr-42-1")
end)

test("a branch that is not ours, or of another parent, is not taken", function()
  local w <close> = open()
  local db = client()
  ensure(db.branch(branch_of { marker = OTHER, expires = 86400 }))
  settle(w)
  raises("belongs to codex/preview/7, not to codex/preview/42", ensure, db.branch(branch_of()))
  raises("default or a protected branch", ensure, db.branch(branch_of { name = "production" }))
  raises("nothing was changed", db.branch(branch_of()).destroy)
  ensure(db.branch { name = "base", marker = OTHER })
  settle(w)
  raises("was made from another branch than base", ensure,
    db.branch(branch_of { marker = OTHER, parent = "base" }))
end)

test("a branch that is asked for without a parent is ours whatever it was made from", function()
  local w <close> = open()
  ensure(client().branch { name = "base", marker = MARK })
  settle(w)
  ensure(client().branch(branch_of { parent = "base", expires = 86400 }))
  settle(w)
  local named = client().branch { name = "pr-42", marker = MARK }
  equal(named.matches(named.find()), true)
  named.destroy()
  equal(named.find(), nil)
end)

test("a parent that is not there is never replaced by the default branch", function()
  local w <close> = open()
  raises("the parent branch staging is not in the project",
    client().branch(branch_of { parent = "staging" }).create)
  equal(w:count("^POST"), 0)
end)

test("a busy project is waited for, longer each time, and with a limit", function()
  local w <close> = open()
  local db = client()
  db.branch(branch_of { name = "first" }).create()
  db.branch(branch_of()).create()
  equal(w:count("^POST") > 2, true)
  w:fail("^POST", refusal(423), 1000)
  local began = w.now
  local err = raises("status 423.*tried %d+ times.*busy with another operation",
    db.branch(branch_of { name = "third" }).create)
  equal({ err.class, w.now - began <= 120, w.now - began > 100 }, { "transient", true, true })
end)

test("throttling and outages are waited out as the service asks", function()
  local w <close> = open()
  local answer = refusal(429)
  answer.headers["Retry-After"] = "3"
  w:fail("^POST", answer)
  w:fail("^POST", refusal(503))
  client().branch(branch_of()).create()
  equal({ #w.pauses, w.pauses[1], w:count("^POST") }, { 2, 3, 3 })
end)

test("a lost answer is looked for, never sent again", function()
  local w <close> = open()
  w:fail("^POST", { lost = "after" })
  local made = ensure(client().branch(branch_of()))
  equal({ made.marker, w:count("^POST") }, { MARK, 1 })
  settle(w)
  for _, fault in ipairs { refusal(500), refusal(502), { lost = "before" } } do
    w:forget()
    w:fail("^POST", fault)
    equal(raises("could not create", client().branch(branch_of { name = "x" }).create).class,
      "unknown")
    equal(w:count("^POST"), 1)
  end
end)

test("a name that was taken meanwhile means: look again", function()
  local w <close> = open()
  w:fail("^POST", refusal(409))
  equal(raises("409", client().branch(branch_of()).create).class, "converge")
end)

test("a limit of the plan says so", function()
  local w <close> = open()
  w:fail("^POST", refusal(422, "branches limit exceeded", "BRANCHES_LIMIT_EXCEEDED"))
  equal(raises("the plan allows no more: run cleanup", client().branch(branch_of()).create).class,
    "fatal")
end)

test("the end of a branch moves only in the second half of its life", function()
  local w <close> = open()
  local branch = client().branch(branch_of())
  ensure(branch)
  w.now = w.now + 6 * 86400
  ensure(branch)
  equal(w:count("^PATCH"), 0)
  w.now = w.now + 2 * 86400
  equal(ensure(branch).expires_at, "2027-02-06T08:00:00Z")
  equal(w:count("^PATCH"), 1)
end)

test("a branch is destroyed also when it is gone", function()
  local w <close> = open()
  local branch = client().branch(branch_of())
  ensure(branch)
  branch.destroy()
  equal(branch.find(), nil)
  branch.destroy()
  settle(w)
  ensure(branch)
  settle(w)
  w:fail("^DELETE", refusal(404))
  branch.destroy()
end)

test("the inventory knows whole parts of a marker only", function()
  local w <close> = open()
  local db = client()
  for _, n in ipairs { 4, 42 } do
    db.branch(branch_of { name = "pr-" .. n, marker = "codex/preview/" .. n }).create()
    settle(w)
  end
  local list = db.inventory "codex/preview/4"
  equal({ #list, list[1].kind, list[1].name }, { 1, "branch", "pr-4" })
  db.destroy(list[1])
  equal(db.inventory "codex/preview/4", {})
  equal(#db.inventory "codex", 1)
end)

-- ---- readiness ---------------------------------------------------------------------------

test("a new branch is waited for until everything it came with is done", function()
  local w <close> = open { settings = { operation_seconds = 9 } }
  local db = client()
  db.ready(ensure(db.branch(branch_of())))
  equal(w.pauses, { 0.5, 1.0, 2.0, 4.0, 4 })
end)

test("a branch that was found has its operations looked up", function()
  local w <close> = open()
  local db = client()
  w:fail("^POST", { lost = "after" })
  local found = ensure(db.branch(branch_of()))
  equal(found.operations, nil)
  db.ready(found)
  equal(w:count("operations%?") > 0, true)
  equal(w:count("operations/") > 2, true)
end)

test("a branch that works costs one look, however much was done with it", function()
  local w <close> = open()
  local db = client()
  local found = db.ready(ensure(db.branch(branch_of())))
  for _ = 1, 60 do
    db.suspend(found)
    db.reset_password { branch = found, role = "neondb_owner", to = { "sql:*" } }
    db.branch(branch_of { name = "other" }).create()
    settle(w)
    db.branch(branch_of { name = "other" }).destroy()
    settle(w)
  end
  found.operations = nil
  w:forget()
  db.ready(found)
  equal({ w:count "operations%?", w:count "operations/" }, { 1, 0 })
end)

test("what went wrong with a branch before something went well does not keep it from being used", function()
  local w <close> = open()
  local db = client()
  local found = db.ready(ensure(db.branch(branch_of())))
  w:fail("^POST.*suspend", { trouble = { failures = 1, ends = "error", error = "broken" } })
  raises("is error after 1 failures: broken", db.suspend, found)
  found.operations = nil
  raises("is error after 1 failures: broken", db.ready, found)
  db.suspend(found)
  db.ready(found)
end)

test("a failed operation gets its time, and then ends the wait with its reason", function()
  local w <close> = open()
  w.state.neon.follow = true
  local db = client()
  local made = ensure(db.branch(branch_of()))
  model.event(w.state, { operation = made.operations[1], status = "failed", error = "no space" },
    w.now)
  local err = raises("create_branch of the branch pr%-42 is failed after 1 failures: no space",
    db.ready, made)
  local waited = w.now - w.began
  equal({ err.class, waited > 30, waited < 40 }, { "fatal", true, true })
end)

test("a failed operation that Neon tries again is no failure", function()
  local w <close> = open()
  local db = client()
  w:fail("^POST", { trouble = { failures = 2, ends = "finished", error = "no space" } })
  local made = ensure(db.branch(branch_of()))
  db.ready(made)
  equal({ w.now - w.began >= 16, w.now - w.began < 30 }, { true, true })   -- three attempts, five seconds between them
  equal(w.state.neon.operations[1].failures, 2)
end)

test("errors and cancellations are final", function()
  for status, failures in pairs { error = 2, cancelled = 1 } do
    local w <close> = open()
    local db = client()
    w:fail("^POST", { trouble = { failures = failures, ends = status, error = "broken" } })
    local err = raises(("is %s after %d failures"):format(status, failures), db.ready, ensure(db.branch(branch_of())))
    equal({ status, err.class }, { status, "fatal" })
  end
end)

test("an operation that is skipped is done", function()
  local w <close> = open()
  local db = client()
  w:fail("^POST", { trouble = { failures = 1, ends = "skipped" } })
  db.ready(ensure(db.branch(branch_of())))
  equal(w.now - w.began < 10, true)
end)

test("slowness has a limit", function()
  local w <close> = open()
  local db = client()
  local made = ensure(db.branch(branch_of()))
  w.state.neon.follow = true
  equal(raises("is running.*run again in a while", db.ready, made).class, "pending")
  equal(w.now - w.began <= 120, true)
end)

test("a branch waits as long as others keep the project busy, not longer than its limit", function()
  local w <close> = open { settings = { operation_seconds = 20 } }
  local db = client()
  w:fail("^POST", { trouble = { failures = 1, ends = "finished" } })
  db.branch(branch_of { name = "first" }).create()
  db.branch(branch_of()).create()
  equal(w.now - w.began >= 45, true)
end)

-- ---- connection strings ------------------------------------------------------------------

local function uri_of(o)
  local base = { database = "neondb", role = "neondb_owner", to = { "sql:*" } }
  for name, value in pairs(o or {}) do base[name] = value end
  return base
end

test("a connection string is the named branch's, direct, and only a secret", function()
  local w <close> = open()
  local db = client()
  local made = ensure(db.branch(branch_of()))
  equal(db.connection_uri(uri_of { branch = made }) ~= nil, true)
  local query = w:last("connection_uri").query
  equal({ query:find("branch_id=" .. made.id, 1, true) ~= nil, query:find("pooled=false", 1,
    true) ~= nil },
    { true, true })
  local preview = client(environment.new { project = "codex", kind = "preview", key = 42 })
  equal(preview.connection_uri(uri_of { branch = made.id, pooled = true }) ~= nil, true)
  equal(w:last("connection_uri").query:find("pooled=true", 1, true) ~= nil, true)
end)

test("a connection string needs a branch, and never takes another one", function()
  local w <close> = open()
  local db = client()
  raises("option 'branch' is required", db.connection_uri, uri_of())
  raises("option 'to' is required", db.connection_uri, { branch = "br-x" })
  raises("unknown option 'barnch'", db.connection_uri, uri_of { barnch = "br-x" })
  raises("must be a branch or its id, not 'pr%-42'", db.connection_uri, uri_of { branch = "pr-42" })
  raises("there is no branch br%-gone in the project", db.connection_uri,
    uri_of { branch = "br-gone" })
  equal(w:count("connection_uri"), 0)
end)

test("a preview gets no connection string of production", function()
  local w <close> = open()
  local db = client()
  local production = db.branch(branch_of { name = "production" }).find()
  local preview = client(environment.new { project = "codex", kind = "preview", key = 42 })
  local err = raises("branch production is production's, and was asked for by codex/preview/42", preview.connection_uri,
    uri_of { branch = production })
  equal({ err.code, w:count("connection_uri") }, { "preview-to-production", 0 })
  equal(db.connection_uri(uri_of { branch = production }) ~= nil, true)
end)

test("the only database and role need no name; several do", function()
  local w <close> = open()
  local db = client()
  local made = ensure(db.branch(branch_of()))
  equal(db.connection_uri { branch = made, to = { "sql:*" } } ~= nil, true)
  for _, branch in ipairs(w.state.neon.branches) do
    table.insert(branch.roles, { name = "reader", password = "p", created = w.now, updated = w.now })
  end
  raises("has 2 roles: neondb_owner, reader; say which one with the option 'role'",
    db.connection_uri, { branch = made, to = { "sql:*" } })
end)

test("a project that stores no passwords says what to do about it", function()
  local w <close> = open()
  local db = client()
  local made = ensure(db.branch(branch_of()))
  w.state.neon.projects[1].store_passwords = false
  raises("status 412.*does not store passwords: switch that on", db.connection_uri, uri_of { branch = made })
end)

test("the connection string is of the compute that takes writes, even if another comes first", function()
  local w <close> = open()
  local db = client()
  local made = ensure(db.branch(branch_of()))
  local computes = w.state.neon.branches[2].endpoints
  endpoints.create(w.state, w.state.neon.branches[2], { type = "read_only" }, w.now)
  computes[1], computes[2] = computes[2], computes[1]
  local taken
  function w:answered(text, response)   -- luacheck: ignore self
    if text:find "connection_uri" then taken = json.decode(response.body).uri end
  end
  db.connection_uri(uri_of { branch = made })
  equal(taken:match "@([%d.]+)/", "127.0.42.2")
end)

test("another project's branch is not there, and a project's own key is enough", function()
  local w <close> = open { neon = { projects = { { id = "sun" } },
    tokens = { { name = "ci", value = "ci-key", kind = "project", project = PROJECT } } } }
  local db = neon.client { project = PROJECT, key = "ci-key" }
  local made = ensure(db.branch(branch_of()))
  db.ready(made)
  raises("there is no branch", neon.client({ project = "sun", key = "neon-token" }).connection_uri,
    uri_of { branch = made.id })
  raises("status 404: project not found; look at the project.s id", neon.client({ project = "sun", key = "ci-key" }).inventory, "codex")
  equal(w:count("^POST"), 1)
end)

test("a child of production that is not protected has its passwords, and that is said", function()
  local w <close> = open()
  local db, said, saved = client(), {}, log.warn
  log.warn = function(text) said[#said + 1] = text end
  local restore <close> = setmetatable({}, { __close = function() log.warn = saved end })
  ensure(db.branch(branch_of()))
  settle(w)
  equal({ #said, restore ~= nil }, { 0, true })
  w.state.neon.branches[1].protected = nil
  ensure(db.branch(branch_of { name = "pr-43", marker = OTHER }))
  equal({ #said, said[1]:find("production is not protected, so pr-43 gets its passwords", 1, true) ~= nil }, { 1, true })
end)

test("a wrong key names itself", function()
  local _ <close> = open()
  raises("Neon: could not list the database branches: status 401.*the key is not accepted",
    neon.client({ project = PROJECT, key = "wrong" }).inventory, "codex")
end)
