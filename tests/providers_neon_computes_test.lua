---The Neon provider: computes, roles and passwords, lists of branches, what is protected, who may connect.
local core = require "core"
local data = require "cloud.data"
local here = assert(core.load_file("tests/neon_provider_world.lua"))()
local json = require "json"

local open, ensure, client, branch_of = here.open, here.ensure, here.client, here.branch_of
local MARK, OTHER = here.MARK, here.OTHER

local function with_branch(seed)
  local w = open(seed)
  local db = client()
  local made = db.ready(ensure(db.branch(branch_of())))
  w:forget()
  return w, db, made
end

local function endpoint_of(w, thing) return data.find(w.state.neon.branches, "id", thing.id).endpoints end

-- ---- computes ----------------------------------------------------------------------------

test("the compute of a branch is found, and gets the size that is wanted", function()
  local w <close>, db, made = with_branch()
  local thing = ensure(db.endpoint { branch = made, suspend_seconds = 60, min_cu = 0.5, max_cu = 2 })
  db.ready(thing)
  equal({ thing.type, thing.branch_id, thing.suspend_seconds, thing.min_cu, thing.max_cu },
    { "read_write", made.id, 60, 0.5, 2 })
  equal({ w:count "^PATCH", w:count "^POST" }, { 1, 0 })
  ensure(db.endpoint { branch = made.id, suspend_seconds = 60, min_cu = 0.5, max_cu = 2 })
  ensure(db.endpoint { branch = made.id })
  equal({ w:count "^PATCH", #endpoint_of(w, made) }, { 1, 1 })
end)

test("a compute that only reads is made once, also when the answer is lost, and told from others' by its name", function()
  local w <close>, db, made = with_branch()
  local project = w.state.neon.projects[1]
  require("cloud.neon.endpoints").create(w.state, data.find(w.state.neon.branches, "id", made.id),
    { type = "read_only", name = "metabase" }, w.now)
  here.settle(w)
  w:fail("^POST", { lost = "after" })
  local replica = db.endpoint { branch = made, type = "read_only" }
  local thing = ensure(replica)
  db.ready(thing)
  equal({ thing.type, w:count "^POST", #endpoint_of(w, made), project ~= nil }, { "read_only", 1, 3, true })
  equal(ensure(replica).id, thing.id)
  require("run.resource").destroy(replica)
  equal({ replica.find(), #endpoint_of(w, made) }, { nil, 2 })
  replica.destroy()
end)

test("the compute that writes is deleted where the branch is ours, never production's", function()
  local w <close>, db, made = with_branch()
  local production = db.endpoint { branch = db.find_branch "production" }
  raises("the branch production is protected, so its compute stays", production.destroy, production.find())
  w.state.neon.branches[1].protected = nil
  raises("the branch production is not one of ours, so its compute stays", production.destroy, production.find())
  equal(w:count "^DELETE", 0)
  local ours = db.endpoint { branch = made }
  require("run.resource").destroy(ours)
  equal({ ours.find(), w:count "^DELETE" }, { nil, 1 })
  here.settle(w)
  equal(ensure(ours).type, "read_write")
end)

test("a compute of a branch that is gone is gone", function()
  local w <close>, db, made = with_branch()
  local ours = db.endpoint { branch = made }
  db.branch(branch_of()).destroy()
  equal(ours.find(), nil)
  equal(require("run.resource").destroy(ours), false)
  here.settle(w)
  raises("status 404", ours.create)
end)

test("a compute is asked for in its own words", function()
  local w <close> = open()
  local db = client()
  raises("must be a branch or its id, not 'pr%-42'", db.endpoint, { branch = "pr-42" })
  raises("'type' must be 'read_write' or 'read_only', not 'replica'", db.endpoint, { branch = "br-x", type = "replica" })
  raises("'min_cu' must not be above 'max_cu'", db.endpoint, { branch = "br-x", min_cu = 2, max_cu = 1 })
  raises("must be an integer", db.endpoint, { branch = "br-x", suspend_seconds = 1.5 })
  raises("unknown option 'suspend'", db.endpoint, { branch = "br-x", suspend = 60 })
  equal(#w.log, 0)
end)

test("a branch is suspended once, when all of its computes rest", function()
  local w <close>, db, made = with_branch { settings = { operation_seconds = 3 } }
  db.ready(ensure(db.endpoint { branch = made, type = "read_only" }))
  w:forget()
  equal(#db.suspend(made), 2)
  equal({ w:count "^POST", db.endpoint({ branch = made }).find().state }, { 2, "idle" })
  equal({ db.suspend(made.id), w:count "^POST" }, { {}, 2 })
  raises("there is no branch br%-gone", db.suspend, "br-gone")
  raises("neon.suspend: 'branch' must be a branch or its id, not 'nil'", db.suspend)
end)

test("a suspension whose answer was lost is asked for again", function()
  local w <close>, db, made = with_branch()
  w:fail("^POST", { lost = "after" })
  db.suspend(made)
  equal(db.endpoint({ branch = made }).find().state, "idle")
end)

-- ---- roles -------------------------------------------------------------------------------

test("roles are listed without passwords", function()
  local _ <close>, db, made = with_branch()
  local roles = db.roles(made)
  equal({ #roles, roles[1].name, roles[1].protected }, { 1, "neondb_owner", false })
  equal(json.encode(roles):find "npg_", nil)
  raises("there is no branch br%-gone", db.roles, "br-gone")
end)

test("a new password is a secret, and valid when it is handed out; the old one is not any more", function()
  local w <close>, db, made = with_branch { settings = { operation_seconds = 4 } }
  local role = data.find(w.state.neon.branches, "id", made.id).roles[1]
  local before = role.password
  local password = db.reset_password { branch = made, role = "neondb_owner", to = { "sql:*" } }
  equal({ password == before, password == role.password, w.now - w.began >= 4 }, { false, true, true })
  local _ <close> = here.with_sql(w)
  equal(#here.query(w, made, "select 1 as n"), 1)
end)

test("a reset whose answer was lost is made again, and one in a busy project waits", function()
  local w <close>, db, made = with_branch { settings = { operation_seconds = 4 } }
  db.branch(branch_of { name = "busy" }).create()
  w:fail("^POST.*reset", { lost = "after" })
  local password = db.reset_password { branch = made.id, role = "neondb_owner", to = { "sql:*" } }
  equal(password, data.find(w.state.neon.branches, "id", made.id).roles[1].password)
  equal(w:count "^POST.*reset" > 2, true)
end)

test("a reset names a role that is there, and for a preview a branch of its own", function()
  local w <close>, db, made = with_branch()
  local o = { branch = made, role = "nobody", to = { "sql:*" } }
  raises("could not reset the password of the role nobody on the branch pr%-42: status 404", db.reset_password, o)
  raises("option 'to' is required", db.reset_password, { branch = made, role = "neondb_owner" })
  local err = raises("is production's, and was asked for by codex/preview/42", here.preview().reset_password,
    { branch = db.find_branch("production").id, role = "neondb_owner", to = { "sql:*" } })
  equal({ err.code, w:count "^POST.*reset" }, { "preview-to-production", 1 })
end)

test("a child of a protected branch has a password of its own, and one of another branch its parent's", function()
  local w <close>, db, made = with_branch()
  local function password(thing) return data.find(w.state.neon.branches, "id", thing.id).roles[1].password end
  equal(password(made) == password(db.find_branch "production"), false)
  local child = ensure(db.branch(branch_of { name = "child", parent = "pr-42" }))
  equal(password(child), password(made))
end)

-- ---- lists -------------------------------------------------------------------------------

test("a branch is found by its whole name, never by a part of it or by an id", function()
  local w <close>, db, made = with_branch()
  ensure(db.branch(branch_of { name = "pr-421", marker = OTHER }))
  equal({ db.find_branch("pr-42").id, db.find_branch "pr-4", db.find_branch(made.id), db.find_branch "42" }, { made.id })
  equal(db.find_branch "PR-42", nil)
  raises("neon.find_branch: expected a branch's name, not nil", db.find_branch)
  equal(w:count "search=pr%-42" > 0, true)
end)

test("branches are listed by the beginning of their names, over all pages, the oldest first", function()
  local w <close> = open()
  local db = client()
  for i = 1, 120 do
    db.branch(branch_of { name = ("push-%03d-a1b2c3d4"):format(i), expires = 86400 }).create()
    here.settle(w)
  end
  db.branch(branch_of { name = "not-push-1", marker = OTHER }).create()
  local list = db.branches { prefix = "push-" }
  equal({ #list, list[1].name, list[120].name }, { 120, "push-001-a1b2c3d4", "push-120-a1b2c3d4" })
  equal({ list[1].marker, list[1].expires_at ~= nil, list[1].created_at }, { MARK, true, "2027-01-15T08:00:00Z" })
  equal(list[1].parent_id, db.find_branch("production").id)
  equal(#db.branches(), 122)
  raises("unknown option 'name'", db.branches, { name = "x" })
end)

-- ---- destroying --------------------------------------------------------------------------

test("children go before their parents, in the inventory and with a branch", function()
  local w <close>, db, made = with_branch()
  ensure(db.branch(branch_of { name = "a-child", parent = "pr-42" }))
  here.settle(w)
  ensure(db.branch(branch_of { name = "grandchild", parent = "a-child" }))
  here.settle(w)
  local list = db.inventory(MARK)
  equal({ list[1].name, list[2].name, list[3].name }, { "grandchild", "a-child", "pr-42" })
  db.destroy { kind = "branch", name = made.name, marker = MARK, id = made.id }
  equal({ db.inventory(MARK), w:count "^DELETE" >= 3 }, { {}, true })
end)

test("a branch with somebody else's child stays, and so do its own", function()
  local w <close>, db = with_branch()
  ensure(db.branch(branch_of { name = "ours", parent = "pr-42" }))
  here.settle(w)
  ensure(db.branch { name = "theirs", parent = "pr-42", marker = OTHER })
  here.settle(w)
  local err = raises("pr%-42 has a child that is not ours: theirs", db.branch(branch_of()).destroy)
  equal({ err.code, w:count "^DELETE" }, { "not-ours", 0 })
end)

test("a deletion that lists do not show yet is waited for, and one that never comes is said", function()
  local w <close>, db, made = with_branch()
  local item = { kind = "branch", name = made.name, marker = MARK, id = made.id }
  w:fail("^DELETE", { status = 200, headers = {}, body = "{}" })
  local err = raises("pr%-42 was deleted and is still there", db.destroy, item)
  equal({ err.class, w.now - w.began <= 31 }, { "pending", true })
  db.destroy(item)
  equal(db.find_branch "pr-42", nil)
end)

test("a protected branch of ours is deleted by who protected it, and by no sweep", function()
  local w <close> = open()
  local db = client()
  local kept = db.branch { name = "emergency-restore-1", marker = here.PRODUCTION, protected = true }
  ensure(kept)
  here.settle(w)
  equal({ ensure(kept).protected, w:count "^PATCH" }, { true, 0 })
  raises("default or a protected branch", db.destroy, db.inventory(here.PRODUCTION)[1])
  raises("what is protected does not expire", db.branch,
    { name = "x", marker = MARK, protected = true, expires = 60 })
  equal(require("run.resource").destroy(kept), true)
  equal(db.find_branch "emergency-restore-1", nil)
end)

test("a branch that was there without protection gets it", function()
  local w <close>, db = with_branch()
  equal(ensure(db.branch(branch_of { protected = true })).protected, true)
  equal(json.decode(w:last("^PATCH").body).branch, { protected = true })
end)

-- ---- who connects ------------------------------------------------------------------------

test("a migration connects directly, a Worker through the pooler, unless it says otherwise", function()
  local w <close>, db, made = with_branch()
  local function pooled(o)
    o.branch, o.to = made, { "sql:*" }
    db.connection_uri(o)
    return w:last("connection_uri").query:match "pooled=(%a+)"
  end
  equal({ pooled {}, pooled { consumer = "migration" }, pooled { consumer = "worker" },
    pooled { consumer = "worker", pooled = false }, pooled { pooled = true } },
    { "false", "false", "true", "false", "true" })
  raises("a migration does not go through the pooler", pooled, { consumer = "migration", pooled = true })
  raises("'consumer' must be 'migration' or 'worker', not 'app'", pooled, { consumer = "app" })
end)

test("a preview gets no branch that carries no marker, nor one of production's", function()
  local w <close>, db, made = with_branch()
  ensure(db.branch { name = "emergency-restore-1", marker = here.PRODUCTION })
  here.settle(w)
  local function ask(name)
    return here.preview().connection_uri { branch = db.find_branch(name), to = { "sql:*" } }
  end
  equal(raises("codex/production/main is production's, and was asked for by codex/preview/42", ask, "emergency-restore-1").code,
    "preview-to-production")
  data.find(w.state.neon.branches, "id", made.id).annotation = nil
  equal(raises("pr%-42 carries no marker of Davit, and was asked for by codex/preview/42", ask, "pr-42").code,
    "preview-to-production")
  equal(w:count "connection_uri", 0)
end)
