---A PostgreSQL server of a test's own: on loopback, in a folder that goes away with it.
local fs = require "fs"
local process = require "process"
local sql = require "sql"

local postgres = {}

local PROGRAMS = "/usr/lib/postgresql"
local USER, PASSWORD = "davit", "it's a test"

---@class tests.Postgres
---@field port integer
---@field folder string
---@field programs string
---@field child process.Child
---@field databases integer
---@field settings string[]
local Server = {}
Server.__index = Server

-- Starting -----------------------------------------------------------------------

local function newest_programs()
  local versions = fs.exists(PROGRAMS) and fs.list(PROGRAMS) or {}
  local newest
  for _, name in ipairs(versions) do
    local version = math.tointeger(name:match("^(%d+)/$"))
    if version and (not newest or version > newest) then newest = version end
  end
  return newest and ("%s/%d/bin/"):format(PROGRAMS, newest)
end

local function output_of(...)
  return process.run({ argv = { ... } }).output:gsub("%s+$", "")
end

---PostgreSQL refuses to run as root.
local function unprivileged(folder, argv)
  if output_of("id", "-u") ~= "0" then return argv end
  process.run { argv = { "chown", "-R", "nobody:nogroup", folder } }
  return { "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", table.unpack(argv) }
end

local function make_cluster(programs, folder)
  fs.write(folder .. "/password", PASSWORD .. "\n")
  process.run { argv = unprivileged(folder, {
    programs .. "initdb", "-D", folder .. "/data", "-U", USER, "-A", "scram-sha-256",
    "--pwfile", folder .. "/password", "-E", "UTF8", "--locale=C", "--no-sync",
  }) }
end

local function free_port()
  for _ = 1, 50 do
    local port = math.random(20000, 32000)
    local session, err = try(sql.connect, { url = ("postgresql://127.0.0.1:%d/"):format(port) })
    if session then session:close() end
    if err and err.message:find("Connection refused") then return port end
  end
  error("no free port on loopback")
end

local function serve(server)
  local argv = {
    server.programs .. "postgres", "-D", server.folder .. "/data", "-p", ("%d"):format(server.port),
    "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
  }
  for _, setting in ipairs(server.settings) do
    argv[#argv + 1] = "-c"
    argv[#argv + 1] = setting
  end
  return process.start { argv = unprivileged(server.folder, argv) }
end

local function await(server)
  local session, err
  for _ = 1, 200 do
    session, err = try(sql.connect, { url = server:url("postgres") })
    if session then return session:close() end
    sleep(0.05)
  end
  error(err)
end

---Starts one; nil when there is none on this machine.
---@param settings? string[]  of postgresql.conf; it does not wait for the disk unless they say fsync=on
---@return tests.Postgres?
function postgres.start(settings)
  local programs = newest_programs()
  if not programs then return nil end
  local folder = output_of("mktemp", "-d", "/tmp/davit-postgres-XXXXXX")
  make_cluster(programs, folder)
  local port = free_port()
  local server = setmetatable({
    port = port, folder = folder, databases = 0, programs = programs, settings = settings or { "fsync=off" },
  }, Server)
  server:restart()
  return server
end

-- Using ----------------------------------------------------------------------------

---@param o? { user?: string, password?: string, host?: string, parameters?: string }
function Server:url(database, o)
  o = o or {}
  local password = (o.password or PASSWORD):gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
  return ("postgresql://%s:%s@%s:%d/%s%s"):format(
    o.user or USER, password, o.host or "127.0.0.1", self.port, database, o.parameters or "")
end

---Makes a database.
---@return string name
function Server:database()
  self.databases = self.databases + 1
  local name = ("test%d"):format(self.databases)
  local owner <close> = sql.connect { url = self:url("postgres") }
  owner:query("create database " .. name)
  return name
end

---A session on a database of its own.
function Server:session()
  local name = self:database()
  return sql.connect { url = self:url(name) }, name
end

---Starts it on the data that it left.
function Server:restart()
  self.child = serve(self)
  await(self)
end

---Ends it as a crash of the machine would.
function Server:kill()
  self.child:kill("KILL")
  self.child:wait()
end

function Server:__close()
  do local _ <close> = self.child end
  fs.remove(self.folder)
end

return postgres
