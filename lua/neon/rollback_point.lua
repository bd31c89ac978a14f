---Where a database can be brought back to: its own time and position now, and how far its history reaches.
local api = require "neon.api"
local clock = require "cloud.clock"
local connection = require "neon.connection"
local branch = require "neon.branch"
local options = require "options"
local retry = require "retry"
local sql = require "sql"

local rollback_point = {}

local fields = { { "branch", "any", true }, { "url", "any" }, { "database", "string" }, { "role", "string" } }

-- One transaction, whose settings end with it: nothing is left in a session that others may get.
local QUESTION = "set local timezone = 'UTC'; set local datestyle = 'ISO'; "
  .. "select pg_current_wal_lsn()::text as lsn, now() as time"

-- A compute that wakes, or a branch that is new, may turn a connection away.
local waking = { classes = { transient = true, pending = true }, first = 0.25, most = 4, budget = 60 }

local function ask(url)
  return retry.run(waking, function()
    local row, err = try(function()
      local session <close> = sql.connect { url = url }
      return session:query(QUESTION).rows[1]
    end)
    if row then return row end
    if err.sqlstate == "28P01" then err.class = "pending" end
    error(err, 0)
  end)
end

-- "2026-01-31 12:00:00.123456+00" as RFC 3339 has it, with all of its digits.
local function rfc3339(text, name)
  local day, time = text:match "^(%d+%-%d%d%-%d%d) (%d%d:%d%d:%d%d%.?%d*)%+00$"
  if day then return ("%sT%sZ"):format(day, time) end
  failure { code = "neon-rollback-point", about = name,
    message = ("Neon: the database of the branch %s tells a time that is none: %s"):format(name, text) }
end

local function project_of(project)
  return api.call(project, { path = "", what = "read the project " .. project.id }).project
end

-- The history ends at its window, and begins with the project.
local function oldest(time, found)
  local since = clock.parse(time) - found.history_retention_seconds
  return clock.iso(math.max(math.ceil(since), clock.parse(found.created_at)))
end

---@class neon.RollbackPoint
---@field time string
---@field lsn string
---@field history_seconds integer
---@field oldest string

---@return neon.RollbackPoint
function rollback_point.take(project, o)
  options.read("neon.rollback_point", o, fields)
  local thing = branch.seen(project, branch.id_of("neon.rollback_point", o.branch))
  local found = project_of(project)
  local row = ask(o.url or connection.uri(project, { branch = thing.id, database = o.database, role = o.role,
    to = { "sql:*" }, consumer = "migration" }))
  local time = rfc3339(row.time, thing.name)
  return { time = time, lsn = row.lsn, history_seconds = found.history_retention_seconds,
    oldest = oldest(time, found) }
end

return rollback_point
