---The Neon provider and the past: branches of a moment, of a schema, points to roll back to, restores.
local core = require "core"
local here = assert(core.load_file("tests/neon_provider_world.lua"))()
local json = require "json"

local open, ensure, client, branch_of = here.open, here.ensure, here.client, here.branch_of
local MARK, PRODUCTION, values = here.MARK, here.PRODUCTION, here.values

-- A world where production holds 1, 2 and 3, written a minute after each other, with the point after 1.
local function written(seed)
  local w = open(seed)
  local db = client()
  local production = db.find_branch "production"
  local _ <close> = here.with_sql(w)
  here.query(w, production, "create table t (n int); insert into t values (1)")
  w.now = w.now + 30
  local point = db.rollback_point { branch = production }
  for n = 2, 3 do
    w.now = w.now + 60
    here.query(w, production, ("insert into t values (%d)"):format(n))
  end
  w.now = w.now + 60
  w:forget()
  return w, db, production, point
end

-- ---- points ------------------------------------------------------------------------------

test("a point to roll back to is the database's own time and position, and says how far the history reaches", function()
  local w <close> = open { settings = { history_seconds = 3600 } }
  local _ <close> = here.with_sql(w)
  w.now = w.now + 2 * 3600 + 0.25
  local point = client().rollback_point { branch = client().find_branch "production" }
  equal({ point.time, point.history_seconds, point.oldest }, { "2027-01-15T10:00:00.250000Z", 3600, "2027-01-15T09:00:01Z" })
  equal(point.lsn:find "^%x+/%x+$" ~= nil, true)
  equal(w:last("connection_uri").query:find("pooled=false", 1, true) ~= nil, true)
end)

test("the history of a project that is young begins with it", function()
  local w <close> = open { settings = { history_seconds = 86400, created_at = 1800000000 } }
  local _ <close> = here.with_sql(w)
  w.now = w.now + 100
  local point = client().rollback_point { branch = client().find_branch "production" }
  equal({ point.time, point.oldest }, { "2027-01-15T08:01:40.000000Z", "2027-01-15T08:00:00Z" })
end)

test("a connection string that is at hand is used", function()
  local w <close> = open()
  local _ <close> = here.with_sql(w)
  local db = client()
  local production = db.find_branch "production"
  local url = db.connection_uri { branch = production, to = { "sql:*" } }
  w:forget()
  equal(db.rollback_point({ branch = production.id, url = url }).history_seconds > 0, true)
  equal(w:count "connection_uri", 0)
end)

test("a point needs a branch that is there", function()
  local w <close> = open()
  raises("neon.rollback_point: option 'branch' is required", client().rollback_point, {})
  raises("must be a branch or its id, not 'production'", client().rollback_point, { branch = "production" })
  raises("there is no branch br%-gone", client().rollback_point, { branch = "br-gone" })
  equal(w:count "connection_uri", 0)
end)

test("a time in another form than the database's is not guessed at", function()
  local w <close> = open()
  local sql = require "sql"
  local saved = sql.connect
  sql.connect = function()
    return setmetatable({ query = function() return { rows = { { lsn = "0/1", time = "15/01/2027 08:00" } } } end },
      { __close = function() end })
  end
  local _ <close> = setmetatable({}, { __close = function() sql.connect = saved end })
  raises("tells a time that is none: 15/01/2027", client().rollback_point, { branch = client().find_branch "production" })
  equal(w.now, w.began)
end)

-- ---- branches of a moment ----------------------------------------------------------------

test("a branch is made of its parent's past, by position, by time, and by seconds", function()
  local w <close>, db, _, point = written()
  local moments = { { lsn = point.lsn }, { time = point.time }, { time = w.now - 190 } }
  for i, at in ipairs(moments) do
    local made = ensure(db.branch(branch_of { name = "past-" .. i, at = at }))
    here.settle(w)
    equal({ i, values(w, made) }, { i, "1" })
  end
  local head = db.ready(ensure(db.branch(branch_of())))
  equal(values(w, head), "1 2 3")
  equal(json.decode(w:last("^POST").body).branch.parent_timestamp, nil)
end)

test("the digits of a database's time reach Neon, all of them", function()
  local w <close>, db = written()
  local made = ensure(db.branch(branch_of { at = { time = "2027-01-15T08:01:00.123456Z" } }))
  equal(json.decode(w:last("^POST").body).branch.parent_timestamp, "2027-01-15T08:01:00.123456Z")
  equal(made.at, "time 2027-01-15T08:01:00.123456Z")
  here.settle(w)
  ensure(db.branch(branch_of { name = "pr-43", at = { time = 1800000060.5 } }))
  equal(json.decode(w:last("^POST").body).branch.parent_timestamp, "2027-01-15T08:01:00.500000Z")
end)

test("a branch of another moment is another branch, also after a lost answer", function()
  local w <close>, db, _, point = written()
  w:fail("^POST", { lost = "after" })
  local made = ensure(db.branch(branch_of { at = { lsn = point.lsn } }))
  here.settle(w)
  equal({ made.at, w:count "^POST" }, { "lsn " .. point.lsn, 1 })
  equal(ensure(db.branch(branch_of { at = { lsn = point.lsn } })).id, made.id)
  raises("was made of lsn .*, not of time 2027", ensure, db.branch(branch_of { at = { time = point.time } }))
  ensure(db.branch(branch_of()))   -- who asks for no moment takes the branch as it is
  ensure(db.branch(branch_of { name = "head" }))
  here.settle(w)
  raises("was made of its parent's head, not of lsn", ensure, db.branch(branch_of { name = "head", at = { lsn = "0/1" } }))
end)

test("a moment is one thing, and written as one", function()
  local w <close> = open()
  local function of(at) return function() client().branch(branch_of { at = at }) end end
  raises("'time' or 'lsn', not both", of { time = 1, lsn = "0/1" })
  raises("'at' must be { time = … } or { lsn = … }", of {})
  raises("'time' must be seconds since 1970 or like", of { time = "yesterday" })
  raises("'time' must be seconds since 1970 or like", of { time = "2027-01-15 08:00:00+00" })
  raises("'time' must be seconds since 1970 or a text, not 1800000000000", of { time = 1800000000000 })
  raises("'time' must be seconds since 1970 or a text, not %-1", of { time = -1 })
  raises("'lsn' must be like 0/1DE2850, not now", of { lsn = "now" })
  raises("'lsn' must be like 0/1DE2850, not 5", of { lsn = 5 })
  equal(#w.log, 0)
end)

test("a moment before the history is refused, and nothing is made", function()
  local w <close>, db = written { settings = { history_seconds = 60 } }
  raises("status 422: the timestamp is outside of the history window", ensure,
    db.branch(branch_of { at = { time = w.now - 120 } }))
  equal(db.find_branch "pr-42", nil)
end)

test("a branch of a schema has no row, no parent, and may be a preview's", function()
  local w <close>, db = written()
  db.ready(ensure(db.branch { name = "base", marker = here.OTHER }))
  local made = db.ready(ensure(db.branch(branch_of { schema_only = true })))
  equal({ made.schema_only, made.parent_id, values(w, made) }, { true, nil, "" })
  equal(ensure(db.branch(branch_of { schema_only = true })).id, made.id)
  equal(here.preview().connection_uri { branch = made, to = { "sql:*" } } ~= nil, true)
  raises("holds a schema without rows, and its parent's rows were asked for", ensure, db.branch(branch_of()))
  raises("was made from another branch than base", ensure, db.branch(branch_of { schema_only = true, parent = "base" }))
  db.destroy(db.inventory(MARK)[1])
  equal(db.inventory(MARK), {})
end)

test("rows are never taken for a schema", function()
  local w <close>, db = written()
  ensure(db.branch(branch_of()))
  here.settle(w)
  raises("holds rows, and a schema without rows was asked for", ensure, db.branch(branch_of { schema_only = true }))
end)

-- ---- restoring ---------------------------------------------------------------------------

local function restore_of(o)
  local base = { preserve_as = "before-1", marker = PRODUCTION }
  for name, value in pairs(o) do base[name] = value end
  return base
end

test("a branch gets its own past back, and what it was is kept under a name", function()
  local w <close>, db, production, point = written()
  local before = db.connection_uri { branch = production, to = { "sql:*" } }
  local restored = db.restore(restore_of { branch = production, to = { lsn = point.lsn } })
  equal({ restored.id, restored.existed, restored.lsn, restored.preserved.name },
    { production.id, false, point.lsn, "before-1" })
  equal({ values(w, production), db.connection_uri { branch = production, to = { "sql:*" } } }, { "1", before })
  equal(w:count "^POST", 1)
  db.endpoint({ branch = restored.preserved.id }).create()
  here.settle(w)
  equal(values(w, restored.preserved), "1 2 3")
end)

test("a restore that was done is found, and done once only", function()
  local w <close>, db, production, point = written()
  local o = restore_of { branch = production.id, to = { time = point.time } }
  db.restore(o)
  here.query(w, production, "insert into t values (9)")
  local again = db.restore(o)
  equal({ again.existed, again.preserved.name, w:count "^POST", values(w, production) }, { true, "before-1", 1, "1 9" })
end)

test("a branch is its parent's still when that was restored, and its children became another one's", function()
  local w <close>, db, production, point = written()
  local child = db.ready(ensure(db.branch(branch_of())))
  db.restore(restore_of { branch = production, to = { lsn = point.lsn } })
  equal({ db.find_branch("pr-42").parent_id == production.id, ensure(db.branch(branch_of())).id, values(w, child) },
    { false, child.id, "1 2 3" })
end)

test("a restore whose answer was lost is looked for, and sent again only if it never arrived", function()
  for _, case in ipairs { { "after", 1 }, { "before", 2 } } do
    local w <close>, db, production, point = written()
    w:fail("^POST", { lost = case[1] })
    local restored = db.restore(restore_of { branch = production, to = { lsn = point.lsn } })
    equal({ case[1], restored.id, w:count "^POST", values(w, production) }, { case[1], production.id, case[2], "1" })
  end
end)

test("a project that is busy is waited for before a restore, and so are its operations afterwards", function()
  local w <close>, db, production, point = written { settings = { operation_seconds = 9 } }
  db.branch(branch_of()).create()
  db.restore(restore_of { branch = production, to = { lsn = point.lsn } })
  equal({ w:count "^POST.*restore" > 1, w:count "operations/" > 2, values(w, production) }, { true, true, "1" })
end)

test("a restore that comes to nothing leaves the branch as it was, and says so", function()
  local w <close>, db, production, point = written()
  w:fail("^POST", { trouble = { failures = 1, ends = "error", error = "no space" } })
  local err = raises("is error after 1 failures: no space", db.restore,
    restore_of { branch = production, to = { lsn = point.lsn } })
  here.settle(w)
  equal({ err.class, values(w, production), db.find_branch "before-1" }, { "fatal", "1 2 3", nil })
  db.restore(restore_of { branch = production, to = { lsn = point.lsn } })
  equal(values(w, production), "1")
end)

test("a branch of that name that is there for another reason is no proof", function()
  local w <close>, db, production, point = written()
  ensure(db.branch(branch_of { name = "before-1" }))
  here.settle(w)
  raises("a branch is called before%-1 already, and not because production was restored to lsn", db.restore,
    restore_of { branch = production, to = { lsn = point.lsn } })
  db.restore(restore_of { branch = production, to = { lsn = point.lsn }, preserve_as = "before-2" })
  raises("a branch is called before%-2 already, and not because", db.restore,
    restore_of { branch = production, to = { lsn = "0/1DE2858" }, preserve_as = "before-2" })
  equal(values(w, production), "1")
end)

test("a branch takes another one's data, now or then, and knows that it did", function()
  local w <close>, db, production, point = written()
  local child = ensure(db.branch(branch_of()))
  here.settle(w)
  here.query(w, child, "insert into t values (9)")
  w.now = w.now + 100
  local to_head = { branch = child, to = { branch = production }, preserve_as = "pr-42-old", marker = MARK }
  equal({ db.restore(to_head).parent_id, values(w, child) }, { production.id, "1 2 3" })
  w.now = w.now + 100
  equal({ db.restore(to_head).existed, w:count "^POST.*restore" }, { true, 1 })
  db.restore { branch = child, to = { branch = production.id, lsn = point.lsn }, preserve_as = "pr-42-older", marker = MARK }
  equal(values(w, child), "1")
end)

test("an old branch of that name does not pass for a restore from the parent", function()
  local w <close>, db, production = written()
  local child = ensure(db.branch(branch_of()))
  here.settle(w)
  ensure(db.branch(branch_of { name = "old" }))
  here.settle(w)
  raises("a branch is called old already, and not because pr%-42 was restored to the branch", db.restore,
    { branch = child, to = { branch = production }, preserve_as = "old", marker = MARK })
  equal(w:count "^POST.*restore", 0)
end)

test("a preview restores nothing but its own branch", function()
  local w <close>, db, production, point = written()
  local err = raises("the branch production carries no marker, so codex/preview/42 may not restore it", db.restore,
    { branch = production, to = { lsn = point.lsn }, preserve_as = "x", marker = MARK })
  equal(err.code, "preview-to-production")
  local child = ensure(db.branch(branch_of()))
  here.settle(w)
  err = raises("belongs to codex/preview/42, not to codex/preview/7", db.restore,
    { branch = child, to = { branch = production }, preserve_as = "x", marker = here.OTHER })
  equal({ err.code, w:count "^POST.*restore" }, { "not-ours", 0 })
end)

test("a restore says where to, from whom, and under which name the past is kept", function()
  local w <close> = open()
  local db = client()
  raises("option 'preserve_as' is required", db.restore, { branch = "br-x", to = { lsn = "0/1" }, marker = PRODUCTION })
  raises("'to' must name a time, an lsn, or another branch", db.restore, restore_of { branch = "br-x", to = {} })
  raises("'to' must name a time, an lsn, or another branch", db.restore,
    restore_of { branch = "br-x", to = { branch = "br-x" } })
  raises("'to.branch' must be a branch or its id, not 'production'", db.restore,
    restore_of { branch = "br-x", to = { branch = "production" } })
  raises("unknown option 'timestamp'", db.restore, restore_of { branch = "br-x", to = { timestamp = "x" } })
  raises("'preserve_as' must be a branch's name, not 'a@b'", db.restore,
    restore_of { branch = "br-x", to = { lsn = "0/1" }, preserve_as = "a@b" })
  raises("'time' or 'lsn', not both", db.restore, restore_of { branch = "br-x", to = { lsn = "0/1", time = 1 } })
  equal(#w.log, 0)
  raises("there is no branch br%-x", db.restore, restore_of { branch = "br-x", to = { lsn = "0/1" } })
end)
