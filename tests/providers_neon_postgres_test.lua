---The Neon provider on real databases: what is restored is really there again, and passwords really change.
local core = require "core"
local http_core = require "http.core"
local neon = require "neon"
local neon_cloud = assert(core.load_file "tests/neon_cloud.lua")()
local sql = require "sql"

local MARK, PRODUCTION = "codex/preview/42", "codex/production/main"

-- Has requests to Neon go to the cloud.
local function redirect(c)
  local saved = http_core.request
  http_core.request = function(o)
    local host, path = o.url:match "^https://(console%.neon%.tech)(/.*)$"
    if host then
      o.url, o.headers.host = ("http://127.0.0.1:%d%s"):format(c.facts.http_port, path), host
    end
    return saved(o)
  end
  return setmetatable({}, { __close = function() http_core.request = saved end })
end

local function story(name, body)
  test(name, function()
    if not neon_cloud.is_here() then skip "there is no PostgreSQL" end
    neon_cloud.with({}, function(c)
      local _ <close> = redirect(c)
      body(neon.client { project = "wandering-moon-123456", key = "n-token" })
    end)
  end)
end

local function url_of(db, branch, o)
  o = o or {}
  o.branch, o.to = branch, { "sql:*" }
  return db.connection_uri(o)
end

local function query(db, branch, text)
  local session <close> = sql.connect { url = url_of(db, branch), timeout = 60 }
  return session:query(text).rows
end

local function values(db, branch)
  return query(db, branch, "select coalesce(string_agg(n::text, ' ' order by n), '') as v from t")[1].v
end

local function made(db, o)
  o.marker = o.marker or MARK
  return db.ready(db.branch(o).create())
end

story("a recorded point brings back what was there then, beside production and in its place", function(db)
  local production = db.find_branch "production"
  query(db, production, "create table t (n int); insert into t values (1); set timezone = 'Asia/Kathmandu'")
  query(db, production, "alter database neondb set timezone = 'Asia/Kathmandu'; alter database neondb set datestyle = 'SQL, DMY'")
  local point = db.rollback_point { branch = production }
  equal({ point.time:find "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$" ~= nil, point.lsn:find "^%x+/%x+$" ~= nil,
    point.history_seconds > 0, point.oldest < point.time }, { true, true, true, true })
  query(db, production, "insert into t values (2)")
  local by_lsn = made(db, { name = "by-lsn", at = { lsn = point.lsn } })
  local by_time = made(db, { name = "by-time", at = { time = point.time } })
  local schema = made(db, { name = "schema", schema_only = true })
  equal({ values(db, by_lsn), values(db, by_time), values(db, schema), values(db, production) }, { "1", "1", "", "1 2" })
  local o = { branch = production, to = { lsn = point.lsn }, preserve_as = "before", marker = PRODUCTION }
  equal({ db.restore(o).existed, values(db, production) }, { false, "1" })
  query(db, production, "insert into t values (3)")
  local again = db.restore(o)
  equal({ again.existed, values(db, production) }, { true, "1 3" })
  db.ready(db.endpoint({ branch = again.preserved.id }).create())
  equal(values(db, again.preserved), "1 2")
end)

story("a new password opens, the old one does not, and a suspended compute wakes again", function(db)
  local branch = made(db, { name = "pr-42" })
  local old = url_of(db, branch)
  query(db, branch, "create table t (n int); insert into t values (7)")
  db.reset_password { branch = branch, role = "neondb_owner", to = { "sql:*" } }
  local err = raises("password authentication failed", function() local _ <close> = sql.connect { url = old } end)
  equal({ err.sqlstate, values(db, branch) }, { "28P01", "7" })
  equal({ #db.suspend(branch), db.endpoint({ branch = branch }).find().state }, { 1, "idle" })
  equal(values(db, branch), "7")
  local replica = db.ready(db.endpoint({ branch = branch, type = "read_only" }).create())
  equal({ replica.type, #db.roles(branch) }, { "read_only", 1 })
  db.destroy(db.inventory(MARK)[1])
  equal(db.branches { prefix = "pr-" }, {})
end)

story("a role that is made in SQL is copied with its password, and may do what it was granted only", function(db)
  local production = db.find_branch "production"
  query(db, production, "create table t (n int); insert into t values (1); "
    .. "create role app login password 'app-word'; grant select on t to app")
  local branch = made(db, { name = "pr-42" })
  local host = db.endpoint({ branch = branch }).find().host
  local session <close> = sql.connect { url = ("postgresql://app:app-word@%s/neondb?sslmode=disable"):format(host) }
  equal(session:query("select n from t").rows[1].n, 1)
  equal(raises("permission denied", session.query, session, "insert into t values (2)").sqlstate, "42501")
end)
