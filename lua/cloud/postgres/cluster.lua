---One data directory and the server on it: how it is made, its settings, how it starts and what its control
---file says. Settings are arguments of the server, so that a copy needs no editing.
local fs = require "fs.core"
local service = require "cloud.service"
local sql = require "sql"
local task = require "task"
local url = require "url"

local cluster = { ADMIN = "cloud_admin" }   -- the role that owns the clusters; recipes never see it

local START_TIMEOUT = 60      -- seconds; recovery after a crash included
local STOP_TIMEOUT = 10
local CONNECT_TIMEOUT = 10
local ENDING = 10             -- seconds that what a killed server left behind may take to end
local LOOK = 0.2

-- A database to try things on: a power failure may take what is in it, nothing else does. The log is kept where
-- it is written, since restoring reads it there (cloud.postgres.history), and its pages are whole, since a
-- server that is killed may leave half a page. When something was committed last is asked of whoever is copied.
local settings = {
  "unix_socket_directories=", "max_connections=100", "shared_buffers=16MB", "fsync=off",
  "synchronous_commit=on", "full_page_writes=on", "wal_compression=on", "autovacuum=off",
  "wal_level=replica", "max_wal_senders=10", "max_replication_slots=0", "max_wal_size=64MB",
  "track_commit_timestamp=on", "wal_keep_size=1000000", "wal_recycle=off", "wal_init_zero=off",
  "max_logical_replication_workers=0", "lc_messages=C", "log_timezone=UTC", "timezone=UTC",
}

-- ---- making one -------------------------------------------------------------------------------

-- The password comes on standard input: the file it must stand in belongs to the cluster's owner. The log's
-- segments that initdb made in advance are not needed.
local INITDB = [[
umask 077
cat > "$2.password"
trap 'rm -f "$2.password"' EXIT
"$1/initdb" --no-sync --no-instructions --pgdata="$2" --username="$3" --pwfile="$2.password" --wal-segsize=1 \
  --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
current=$(LC_ALL=C "$1/pg_controldata" "$2" | sed -n 's/^Latest checkpoint.s REDO WAL file: *//p')
for file in "$2"/pg_wal/0*; do
  if [ "$(basename "$file")" != "$current" ]; then rm "$file"; fi
done
]]

---Makes an empty cluster.
---@param owner cloud.postgres.Owner
---@param data string      its folder; its parent is there
---@param password string  of cluster.ADMIN
function cluster.make(owner, data, password)
  owner:run("making a database cluster", { "sh", "-ceu", INITDB, "sh", owner.binaries, data, cluster.ADMIN },
    { input = password .. "\n" })
end

-- ---- what it says of itself -------------------------------------------------------------------

---@class cloud.postgres.Control
---@field clean boolean    it was shut down in order
---@field lsn string       where its log ends, when it is clean: "0/16B3748"
---@field segment string   the file of the log in which recovery would begin

---@return cloud.postgres.Control
function cluster.control(owner, data)
  local said = owner:run("reading what a cluster says of itself", { owner:program "pg_controldata", data },
    { env = { LC_ALL = "C" } })
  local function value(name) return said:match(name .. ":%s+([^\n]+)") end
  return { clean = value "Database cluster state" == "shut down", lsn = value "Latest checkpoint's REDO location",
    segment = value "Latest checkpoint's REDO WAL file" }
end

-- ---- running it -------------------------------------------------------------------------------

-- A server that was killed leaves its pid behind; another process may have that number now, and
-- PostgreSQL would take it for the server.
local function forget_last_run(data)
  local file = data .. "/postmaster.pid"
  if not fs.exists(file) then return end
  local pid = fs.read(file):match("^%d+")
  local command = pid and try(fs.read, ("/proc/%s/cmdline"):format(pid))
  if command and command:find(data, 1, true) then
    failure { code = "postgres-running", about = data,
      message = ("a database still runs in %s from an earlier time, as process %s"):format(data, pid),
      hint = "end it with: kill -INT " .. pid }
  end
  if command or not pid then fs.remove(file) end
end

---@class cloud.postgres.Server
---@field data string
---@field address string
---@field port integer
---@field service cloud.Service

---@class cloud.postgres.ServerOptions
---@field name string        for the log
---@field data string
---@field address string
---@field port integer
---@field access string      the file that says who may connect how
---@field settings? string[] more settings
---@field timeout? number    seconds until it must be ready (60)
---@field crew cloud.Crew

-- The server speaks on its standard error; only standard output comes line by line.
local function command_of(owner, o)
  local argv = { "sh", "-c", 'exec "$@" 2>&1', "sh", owner:program "postgres", "-D", o.data,
    "-c", "listen_addresses=" .. o.address, "-c", "port=" .. o.port, "-c", "hba_file=" .. o.access }
  for _, list in ipairs { settings, o.settings or {} } do
    for _, setting in ipairs(list) do
      argv[#argv + 1] = "-c"
      argv[#argv + 1] = setting
    end
  end
  return owner:argv(argv)
end

local function says_ready(line)
  return line:find("ready to accept connections", 1, true) and true
    or line:find("ready to accept read-only connections", 1, true) and true or nil
end

local function start_once(owner, o)
  local server = { data = o.data, address = o.address, port = o.port, service = service.start {
    name = o.name, argv = command_of(owner, o), cwd = owner.folder, ready = says_ready, signal = "SIGINT",
    crew = o.crew } }
  local _, err = try(server.service.wait_ready, server.service, o.timeout or START_TIMEOUT)
  if not err then return server end
  task.shield(server.service.finish, server.service, STOP_TIMEOUT)
  return nil, err
end

-- Sessions of a server that was killed may still be on their way out.
local function still_ends(err) return err.message:find("pre-existing shared memory block", 1, true) end

---Starts a server and waits until it may be connected to.
---@param owner cloud.postgres.Owner
---@param o cloud.postgres.ServerOptions
---@return cloud.postgres.Server  raises "service-failed"
function cluster.start(owner, o)
  forget_last_run(o.data)
  local server, err = start_once(owner, o)
  for _ = 1, ENDING / LOOK do
    if server or not still_ends(err) then break end
    sleep(LOOK)
    server, err = start_once(owner, o)
  end
  return server or error(err, 0)
end

---@param server cloud.postgres.Server
---@return boolean
function cluster.runs(server) return not server.service.ended end

---Ends a server in order and waits for it; one that does not listen is killed.
---@param server cloud.postgres.Server
function cluster.stop(server) server.service:finish(STOP_TIMEOUT) end

---Opens a session as cluster.ADMIN. Its statements are not logged: passwords stand in them.
---@param server cloud.postgres.Server
---@param password string
---@param database? string  ("postgres")
---@return sql.Session
function cluster.session(server, password, database)
  local session = sql.connect { timeout = CONNECT_TIMEOUT, url = ("postgresql://%s:%s@%s:%d/%s?sslmode=disable"):format(
    cluster.ADMIN, password, server.address, server.port, url.encode(database or "postgres")) }
  session:query "set log_min_error_statement = panic"
  return session
end

return cluster
