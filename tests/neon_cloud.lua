---A local cloud with real PostgreSQL, and what a client of Neon does with it.
local core = require "core"
local local_cloud = assert(core.load_file "tests/local_cloud.lua")()
local postgres = require "cloud.postgres"
local sql = require "sql"
local url = require "url"

local neon_cloud = { until_true = local_cloud.until_true }

local PROJECT = "console.neon.tech/api/v2/projects/wandering-moon-123456"

---@class tests.NeonCloud
---@field cloud tests.LocalCloud
---@field folder string
local NeonCloud = {}
NeonCloud.__index = NeonCloud

---@return boolean
function neon_cloud.is_here() return postgres.find() ~= nil end

---Runs the body beside a cloud with databases in a folder.
---@param folder string
---@param options table  of cloud.serve, over those of a test
---@param body fun(c: tests.NeonCloud)
function neon_cloud.serve(folder, options, body)
  local all = { postgres = postgres.find(), workerd = false }
  for name, value in pairs(options) do all[name] = value end
  all.settings = { operation_seconds = 0, neon_requests = 1000000, neon_route_requests = 1000000 }
  for name, value in pairs(options.settings or {}) do all.settings[name] = value end
  local_cloud.serve(folder, all, function(facts)
    body(setmetatable({ cloud = local_cloud.client(facts, folder), facts = facts, folder = folder }, NeonCloud))
  end)
end

---Runs the body beside a cloud with databases in a folder of its own.
---@param options table
---@param body fun(c: tests.NeonCloud)
function neon_cloud.with(options, body)
  local_cloud.folder(function(folder) neon_cloud.serve(folder, options, body) end)
end

-- ---- the API ----------------------------------------------------------------------------------

---@return table answer  of the client
function NeonCloud:ask(method, path, body)
  return self.cloud:ask(method, PROJECT .. path, { headers = { authorization = "Bearer n-token" }, json = body })
end

---@return table|nil  the body; raises what is no success
function NeonCloud:api(method, path, body)
  local answer = self:ask(method, path, body)
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer.status ~= 204 and answer:json() or nil
end

---Waits for the end of all operations; returns the first that failed.
---@return table|nil failed
function NeonCloud:settle()
  for _ = 1, 1200 do
    local busy = false
    for _, operation in ipairs(self:api("GET", "/operations").operations) do
      if operation.status == "failed" then return operation end
      busy = busy or operation.status ~= "finished"
    end
    if not busy then return nil end
    sleep(0.05)
  end
  error("the operations do not end", 2)
end

function NeonCloud:settled(answer)
  local failed = self:settle()
  if failed then error(("%s failed: %s"):format(failed.action, failed.error), 2) end
  return answer
end

---@return table branch  of this name
function NeonCloud:branch(name)
  for _, branch in ipairs(self:api("GET", "/branches?search=" .. url.encode(name)).branches) do
    if branch.name == name then return branch end
  end
end

---Makes a branch with a compute and waits for it.
---@param fields table  of the branch
---@return table branch
function NeonCloud:make(fields, endpoints)
  return self:settled(self:api("POST", "/branches",
    { branch = fields, endpoints = endpoints or { { type = "read_write" } } })).branch
end

function NeonCloud:restore(branch, fields)
  return self:settled(self:api("POST", ("/branches/%s/restore"):format(branch.id), fields)).branch
end

---@return table endpoint  of a branch
function NeonCloud:endpoint(branch, kind)
  for _, endpoint in ipairs(self:api("GET", ("/branches/%s/endpoints"):format(branch.id)).endpoints) do
    if endpoint.type == (kind or "read_write") then return endpoint end
  end
end

---@return string  a connection string
function NeonCloud:uri(branch, database, role)
  return self:api("GET", ("/connection_uri?branch_id=%s&database_name=%s&role_name=%s"):format(branch.id,
    database or "neondb", role or "neondb_owner")).uri
end

-- ---- data -------------------------------------------------------------------------------------

---@return table[] rows
function neon_cloud.query(uri, text)
  local session <close> = sql.connect { url = uri, timeout = 60 }
  return session:query(text).rows
end

---@return table[] rows  on a branch's default database
function NeonCloud:query(branch, text) return neon_cloud.query(self:uri(branch), text) end

---@return any  of one row and column
function NeonCloud:value(branch, expression)
  return self:query(branch, ("select %s as value"):format(expression))[1].value
end

---The moment by the server's clock, in a form that the API takes, and the position of the log.
---@return string time, string lsn
function NeonCloud:moment(branch)
  local row = self:query(branch, [[select pg_current_wal_lsn()::text as lsn,
    to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time]])[1]
  return row.time, row.lsn
end

---@return table<string, integer>  pids of the servers that run, by name
function NeonCloud:servers()
  local list = {}
  for _, one in ipairs(self.cloud:ask("GET", "127.0.0.1/_davit/"):json().processes.databases) do list[one.name] = one.pid end
  return list
end

---@return integer
function NeonCloud:awake()
  return #self.cloud:ask("GET", "127.0.0.1/_davit/"):json().processes.databases
end

---@return string  where the data is
function NeonCloud:data()
  local fs = require "fs"
  if fs.exists(self.folder .. "/postgres") then return self.folder .. "/postgres" end
  local sha256 = require "sha256"
  return "/var/tmp/davit-" .. sha256(self.folder):sub(1, 16)
end

neon_cloud.folder = local_cloud.folder

return neon_cloud
