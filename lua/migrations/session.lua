---A session for migrations: on the database itself and not on its pooler, with limits, and alone.
local core = require "core"
local retry = require "retry"
local sql = require "sql.core"

local session = {}

-- The same as sql.migrate's: whoever migrates this database, no other does meanwhile.
local LOCK = 7310309241527529316

-- A new branch may be reached before its roles have their passwords (28P01), or not at all.
local function first_connection(seconds)
  return { classes = { transient = true, pending = true }, first = 0.1, most = 1, attempts = math.huge,
    budget = seconds }
end

local function host_of(s) return tostring(s):match "^sql session on (%S+)" or "?" end

-- A pooler hands out another connection for each transaction: the lock would stay behind, and SET would meet others.
local function refuse_pooler(s)
  local host = host_of(s)
  if not host:match("^[^.]*"):find "%-pooler$" then return end
  s:close()
  failure { code = "migration-pooler", class = "misuse", about = host,
    message = host .. " is a pooler, and migrations need the database itself",
    hint = "take the direct connection string: without '-pooler' in its host" }
end

---Opens one, and waits for a database that is just coming up.
---@param url string|secret
---@param seconds? number  so long at most (60)
---@return sql.Session
function session.open(url, seconds)
  local opened
  retry.run(first_connection(seconds or 60), function()
    local s, err = try(sql.connect, { url = url })
    if s then err = select(2, try(s.query, s, "select 1 as one")) end
    if err then
      if s then s:close() end
      if err.sqlstate == "28P01" then err.class = "pending" end
      error(err, 0)
    end
    opened = s
  end)
  refuse_pooler(opened)
  return opened
end

---Waits until nobody else migrates this database. The lock goes with the session. It asks again and again instead of
---waiting in the server: who waits there holds a snapshot, for which an index that is built CONCURRENTLY waits in turn.
---@param s sql.Session
---@param wait number  seconds
function session.lock(s, wait)
  local stop, pause = core.monotonic() + wait, 0.1
  while not s:query(("select pg_try_advisory_lock(%d) as locked"):format(LOCK)).rows[1].locked do
    if core.monotonic() + pause > stop then
      failure { code = "migration-locked", class = "transient", about = host_of(s),
        message = ("somebody else migrates the database on %s, for more than %g s now"):format(host_of(s), wait),
        hint = "wait for them; 'select * from pg_locks where locktype = 'advisory'' shows who" }
    end
    sleep(pause)
    pause = math.min(2 * pause, 2)
  end
end

---The limits of what follows, as the server keeps them.
---@param s sql.Session
---@param lock_timeout number       seconds that a statement waits for a table
---@param statement_timeout number  seconds that a statement takes; 0: as long as it needs
function session.limit(s, lock_timeout, statement_timeout)
  s:query(("set lock_timeout = '%dms'; set statement_timeout = '%dms'"):format(
    math.floor(lock_timeout * 1000), math.floor(statement_timeout * 1000)))
end

return session
