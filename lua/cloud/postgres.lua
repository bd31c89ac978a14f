---The follower that keeps a PostgreSQL server for every Neon branch, on the branch's own address.
---
---The first branch is made by initdb, every other one is a physical copy of its parent, so that it
---holds what the parent held at that moment. A copy is made under another name and renamed: what
---has the name of a branch is complete. Settings are arguments of the server, so that a copy needs
---no editing. PostgreSQL refuses to run as root; for root it runs as nobody, in a folder of its own.
local core = require "core"
local fs = require "fs.core"
local process = require "process"
local service = require "cloud.service"
local sha256 = require "sha256"
local sql = require "sql"

local postgres = {}

local NOBODY = "65534"
local PORT = 5432
local ADMIN = "cloud_admin"   -- the role that owns the cluster; recipes never see it
local START_TIMEOUT = 30      -- seconds; recovery after a crash included
local STOP_TIMEOUT = 5
local RETRY = 30              -- seconds before a server that does not run is started again

-- A database to try things on: nothing survives a power failure, everything else does.
local settings = {
  "port=5432", "unix_socket_directories=", "max_connections=50", "shared_buffers=16MB",
  "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
  "wal_level=replica", "max_wal_senders=4", "max_replication_slots=0", "max_wal_size=64MB",
  "max_logical_replication_workers=0", "lc_messages=C", "log_timezone=UTC", "timezone=UTC",
}

---@class cloud.Postgres.Options
---@field binaries? string  the folder of initdb, postgres and pg_basebackup
---@field folder string     of the local cloud, absolute
---@field root boolean      whether Davit runs as root
---@field password string   of the clusters' own role
---@field crew cloud.Crew

---@class cloud.Postgres
---@field folder? string    where the clusters are
---@field servers table<string, cloud.Service>  by branch id
---@field tried table<string, number>           when work on a branch began last
local Postgres = {}
Postgres.__index = Postgres

-- ---- where, and as whom -----------------------------------------------------------------------

local FIND = [[
bin=$(command -v pg_basebackup initdb postgres | head -n 1)
[ -n "$bin" ] && bin=$(dirname "$(readlink -f "$bin")")
for dir in "$bin" $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV); do
  [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && [ -x "$dir/pg_basebackup" ] || continue
  echo "$dir"
  exit
done
]]

---@return string|nil folder  of PostgreSQL's programs, where the system keeps them
function postgres.find()
  return process.run({ command = FIND, check = false }).output:match("[^\n]+")
end

local function as_owner(self, argv)
  if not self.root then return argv end
  return table.move(argv, 1, #argv, 6,
    { "setpriv", "--reuid=" .. NOBODY, "--regid=" .. NOBODY, "--clear-groups", "--" })
end

-- Makes a folder that belongs to nobody. Anyone may write to /var/tmp, so a link that stands
-- there already is not followed.
local OWN = [[
mkdir -p -m 700 "$1" && [ ! -L "$1" ] && chown -h "$2:$2" "$1" || exit 1
setpriv --reuid="$2" --regid="$2" --clear-groups -- test -w "$1" || { rmdir "$1"; exit 1; }
]]

local function own(folder)
  local made = process.run { argv = { "sh", "-c", OWN, "sh", folder, NOBODY }, check = false }
  return made.exit == 0
end

local function elsewhere(folder)
  return "/var/tmp/davit-" .. sha256(folder):sub(1, 16)
end

-- Below a folder that only root may enter nobody finds nothing.
local function choose_folder(self, folder)
  local inside, outside = folder .. "/postgres", elsewhere(folder)
  if not self.root then
    fs.make(inside)
    return inside
  end
  if own(inside) then return inside end
  if own(outside) then return outside end
  failure {
    code = "postgres-folder", about = outside,
    message = ("neither %s nor %s can be given to an unprivileged user for PostgreSQL"):format(inside, outside),
    hint = "choose a project folder that other users may enter, or do not run Davit as root",
  }
end

---Removes all clusters that belong to a local cloud that does not run.
---@param folder string  of the local cloud, absolute
function postgres.reset(folder)
  fs.remove(folder .. "/postgres")
  fs.remove(elsewhere(folder))
end

-- ---- one cluster ------------------------------------------------------------------------------

local function data_of(self, branch) return ("%s/%s"):format(self.folder, branch.id) end

-- The password comes on standard input: the file it must stand in belongs to the cluster's owner.
local INITDB = [[
umask 077
cat > "$2.password"
"$1" --no-sync --no-instructions --pgdata="$2" --username="$3" --pwfile="$2.password" \
  --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
status=$?
rm -f "$2.password"
exit $status
]]

local function initialise(self, data)
  local argv = { "sh", "-c", INITDB, "sh", self.binaries .. "/initdb", data, ADMIN }
  process.run { argv = as_owner(self, argv), input = self.password .. "\n", cwd = self.folder }
end

local function copy(self, parent, data)
  process.run {
    argv = as_owner(self, { self.binaries .. "/pg_basebackup", "--host=" .. parent.address,
      "--port=" .. PORT, "--username=" .. ADMIN, "--pgdata=" .. data, "--checkpoint=fast",
      "--wal-method=fetch", "--no-sync", "--no-manifest" }),
    env = { PGPASSWORD = self.password }, cwd = self.folder,
  }
end

local function create(self, branch, parent)
  local made = data_of(self, branch) .. ".new"
  fs.remove(made)
  if parent then copy(self, parent, made) else initialise(self, made) end
  process.run { argv = { "mv", made, data_of(self, branch) } }
end

-- A server that was killed leaves its pid behind; another process may have that number now, and
-- PostgreSQL would take it for the server.
local function forget_last_run(self, branch)
  local file = data_of(self, branch) .. "/postmaster.pid"
  if not fs.exists(file) then return end
  local pid = fs.read(file):match("^%d+")
  local command = pid and try(fs.read, ("/proc/%s/cmdline"):format(pid))
  if command and command:find(data_of(self, branch), 1, true) then
    failure { code = "postgres-running", about = data_of(self, branch),
      message = ("the database of branch %s still runs from an earlier time, as process %s"):format(branch.name, pid),
      hint = "end it with: kill -INT " .. pid }
  end
  fs.remove(file)
end

-- Who may connect how. The proxy for SQL over WebSockets comes from the network's first address, with
-- passwords in clear text, as Neon's does; everybody else is asked as initdb said.
local ACCESS = [[
host all all %s/32 password
host all all all scram-sha-256
host replication all all scram-sha-256
]]

local function allow_access(self, branch)
  local file = ("%s/%s.access"):format(self.folder, branch.id)
  fs.write(file, ACCESS:format((branch.address:gsub("%d+$", "0"))), { mode = "0644" })
  return file
end

-- The server speaks on its standard error; only standard output comes line by line.
local function server_command(self, branch)
  local argv = { "sh", "-c", 'exec "$@" 2>&1', "sh", self.binaries .. "/postgres", "-D",
    data_of(self, branch), "-c", "listen_addresses=" .. branch.address,
    "-c", "hba_file=" .. allow_access(self, branch) }
  for _, setting in ipairs(settings) do
    argv[#argv + 1] = "-c"
    argv[#argv + 1] = setting
  end
  return as_owner(self, argv)
end

local function says_ready(line)
  if line:find("ready to accept connections", 1, true) then return true end
end

local function identifier(name) return '"' .. name:gsub('"', '""') .. '"' end

local function literal(text) return "'" .. text:gsub("'", "''") .. "'" end

local function has(session, query, name)
  return #session:query(query, { name }).rows > 0
end

-- What the model says of roles, passwords and databases becomes true; what more there is stays.
local function reconcile(self, branch)
  local session <close> = sql.connect { timeout = 5,
    url = ("postgresql://%s:%s@%s:%d/postgres?sslmode=disable"):format(ADMIN, self.password, branch.address, PORT) }
  for _, role in ipairs(branch.roles) do
    local exists = has(session, "select 1 from pg_roles where rolname = $1", role.name)
    session:query(("%s role %s login createdb createrole bypassrls replication password %s"):format(
      exists and "alter" or "create", identifier(role.name), literal(role.password)))
  end
  for _, database in ipairs(branch.databases) do
    if not has(session, "select 1 from pg_database where datname = $1", database.name) then
      session:query(("create database %s owner %s"):format(
        identifier(database.name), identifier(database.owner)))
    end
  end
end

local function start(self, branch)
  forget_last_run(self, branch)
  local server = service.start {
    name = "postgres " .. branch.name, argv = server_command(self, branch), cwd = self.folder,
    ready = says_ready, signal = "SIGINT", crew = self.crew,
  }
  self.servers[branch.id] = server
  server:wait_ready(START_TIMEOUT)
  reconcile(self, branch)
end

-- ---- following --------------------------------------------------------------------------------

local function missing()
  failure { code = "postgres-missing",
    message = "there is no PostgreSQL on this machine for the local databases",
    hint = "install the PostgreSQL server, or say where its programs are" }
end

local function runs(self, branch)
  local server = self.servers[branch.id]
  return server and not server.ended
end

local function ensure(self, branch, parent)
  if not self.binaries then missing() end
  if runs(self, branch) then return end
  if not fs.exists(data_of(self, branch)) then create(self, branch, parent) end
  start(self, branch)
end

local function remove(self, branch)
  local server = self.servers[branch.id]
  if server then server:finish(STOP_TIMEOUT) end
  self.servers[branch.id] = nil
  if not self.folder then return end
  fs.remove(data_of(self, branch))
  fs.remove(data_of(self, branch) .. ".access")
end

-- A failure is the operation's outcome, and said aloud where no operation waits for it.
local function settle(self, branch, parent, report)
  self.tried[branch.id] = core.monotonic()
  local _, err = try(branch.deleted and remove or ensure, self, branch, parent)
  if err and err.class == "cancelled" then error(err, 0) end
  for _, operation in ipairs(branch.operations) do report(operation.id, err and err.message) end
  if err and (self.binaries or #branch.operations > 0) then
    self.crew.log(("branch %s: %s"):format(branch.name, err.message))
  end
end

local function needs_work(self, branch)
  if #branch.operations > 0 then return true end
  if branch.deleted or not self.binaries or runs(self, branch) then return false end
  return core.monotonic() - (self.tried[branch.id] or -RETRY) >= RETRY
end

---Brings the clusters in line with the branches. Parents come before their children in the list.
---@param branches table[]  as the model lists them
---@param report fun(operation: string, reason?: string)  of every operation that has ended
function Postgres:follow(branches, report)
  local by_id = {}
  for _, branch in ipairs(branches) do
    by_id[branch.id] = branch
    if needs_work(self, branch) then settle(self, branch, by_id[branch.parent_id or ""], report) end
  end
end

---Starts what there was at the end of the last run, all at once, and removes what belongs to no
---branch any more.
---@param branches table[]
function Postgres:resume(branches)
  if not self.binaries then return end
  local starts, known = {}, {}
  for _, branch in ipairs(branches) do
    if not branch.deleted then known[branch.id .. "/"] = branch end
  end
  for _, name in ipairs(fs.list(self.folder)) do
    local branch = known[name]
    if branch then
      starts[branch.id] = function() settle(self, branch, nil, function() end) end
    else
      fs.remove(("%s/%s"):format(self.folder, name))
    end
  end
  parallel(starts)
end

---@return { name: string, pid?: integer }[]  the servers that run
function Postgres:list()
  local list = {}
  for _, server in pairs(self.servers) do
    if not server.ended then list[#list + 1] = { name = server.name, pid = server.pid } end
  end
  return list
end

---@param o cloud.Postgres.Options
---@return cloud.Postgres
function postgres.new(o)
  local self = setmetatable({ binaries = o.binaries, root = o.root, password = o.password,
    crew = o.crew, servers = {}, tried = {} }, Postgres)
  if o.binaries then self.folder = choose_folder(self, o.folder) end
  return self
end

return postgres
