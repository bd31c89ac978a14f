---neonctl and psql, unmodified, as a person or a job of CI runs them: on a project of a local cloud whose branches are
---real PostgreSQL.
local cloud = assert(require("core").load_file("tests/clients/cloud.lua"))()
local fs = require "fs"
local http = require "http"
local json = require "json"
local postgres = require "cloud.postgres"
local process = require "process"

local neon = {}

local LIMIT = 240   -- seconds a command may take, on a machine that has much to do
local PATIENCE = 120

---@return string  the folder of PostgreSQL's programs
function neon.programs() return postgres.find() end

local function psql() return neon.programs() .. "/psql" end

neon.token = "clients-neon-token"
neon.own_key = "clients-own-key"   -- of the project "sdk" alone

---@return string|nil  why it cannot be driven on this machine
function neon.missing()
  if not postgres.find() then return "PostgreSQL is not installed" end
  if not fs.exists(psql()) then return "psql is not installed" end
  return cloud.missing "neonctl"
end

-- ---- a cloud with projects --------------------------------------------------------------------

local SEED = [[
neon:
  project: clients-%s
  token: %s
  projects: [%s]
  tokens:
    - { name: own, value: %s, project: clients-%s }
settings: { operation_seconds: 0s, branches_limit: 1000, neon_requests: 1000000, neon_route_requests: 1000000 }
]]

---@class clients.Neon : clients.Cloud
---@field projects table<string, clients.NeonProject>

---A cloud with some projects: what one story starts keeps only its own project busy.
---@param name string        of its recording
---@param projects string[]  the last one has a key of its own
---@param flags string[]     of `davit cloud`
---@return clients.Neon
function neon.open(name, projects, flags)
  local others = {}
  for i = 2, #projects do others[#others + 1] = ("{ id: clients-%s }"):format(projects[i]) end
  local seed = SEED:format(projects[1], neon.token, table.concat(others, ", "), neon.own_key, projects[#projects])
  local place = cloud.open(name, { flags = flags, seed = seed })
  place.projects = {}
  for _, one in ipairs(projects) do place.projects[one] = neon.project(place, "clients-" .. one) end
  return place
end

-- ---- a project --------------------------------------------------------------------------------

---@class clients.NeonProject
---@field cloud clients.Cloud
---@field id string
---@field folder string       where its commands run
---@field arguments string[]  of neonctl, before all others
local Project = {}
Project.__index = Project

---@param place clients.Cloud
---@param id string
---@return clients.NeonProject
function neon.project(place, id)
  local folder = ("%s/%s"):format(place.folder, id)
  fs.make(folder)
  return setmetatable({ cloud = place, id = id, folder = folder, arguments = { "--project-id", id } }, Project)
end

---What programs see: the home is a folder of their own, and the authority of the local cloud is trusted.
---@param more? table<string, string>
---@return table<string, string>
function Project:environment(more)
  local base = ("http://127.0.0.1:%d/api/v2"):format(self.cloud.port)
  local env = { PATH = cloud.here .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH", HOME = self.folder, CI = "1",
    NO_COLOR = "1", NEON_API_KEY = neon.token, NEON_API_HOST = base, npm_config_registry = "http://127.0.0.1:9/",
    NODE_EXTRA_CA_CERTS = self.cloud.state .. "/ca/ca.pem", NODE_COMPILE_CACHE = cloud.here .. "/build/clients-cache" }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

---@class clients.Result
---@field exit integer
---@field output string
---@field errors string

---Runs neonctl. The last argument may be a table: what it sees beside the usual.
---@return clients.Result
function Project:run(...)
  local words, env = { ... }, nil
  if type(words[#words]) == "table" then env = table.remove(words) end
  local argv = { cloud.node, cloud.parts .. "/neonctl/bin/cli.js", "--no-analytics", "--config-dir", self.folder }
  table.move(self.arguments, 1, #self.arguments, #argv + 1, argv)
  table.move(words, 1, #words, #argv + 1, argv)
  return process.run { argv = argv, cwd = self.folder, env = self:environment(env), check = false, timeout = LIMIT }
end

local function fault(text, result, ...)
  local words = { ... }
  if type(words[#words]) == "table" then table.remove(words) end
  error(("neonctl %s %s (exit code %s):\n%s%s"):format(table.concat(words, " "), text, result.exit or "none",
    result.output, result.errors), 3)
end

---Runs a command that must succeed, and waits for what it has started.
---@return string output, string errors
function Project:succeeds(...)
  local result = self:run(...)
  if result.exit ~= 0 then fault("failed", result, ...) end
  self:settle()
  return result.output, result.errors
end

---The same; what it prints as JSON.
---@return table
function Project:json(...)
  local words = { ... }
  table.move({ "-o", "json" }, 1, 2, #words + 1, words)
  return json.decode((self:succeeds(table.unpack(words))))
end

---Runs a command that must fail, and say why.
---@param why string  plain text that must stand in what it prints
---@return string errors
function Project:fails(why, ...)
  local result = self:run(...)
  if result.exit == 0 or result.exit == nil then fault("should have failed", result, ...) end
  if not result.errors:find(why, 1, true) then fault("does not say '" .. why .. "'", result, ...) end
  return result.errors
end

-- ---- past the clients -------------------------------------------------------------------------

---A request to the API below the project, past every client.
---@param method string
---@param path string
---@param body? table
---@return http.Response
function Project:ask(method, path, body)
  return http.request { method = method, json = body, headers = { authorization = "Bearer " .. neon.token },
    url = ("http://127.0.0.1:%d/api/v2/projects/%s%s"):format(self.cloud.port, self.id, path) }
end

---What the API says; raises when it refuses.
---@return table|nil
function Project:api(method, path, body)
  local answer = self:ask(method, path, body)
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer.body ~= "" and answer:json() or nil
end

local LAST <const> = { finished = true, skipped = true, cancelled = true, error = true }

---Waits until nothing of the project is under way; a failure is an error.
function Project:settle()
  local deadline = os.time() + PATIENCE
  while true do
    local busy
    for _, one in ipairs(self:api("GET", "/operations").operations) do
      if one.status == "failed" then error(("%s failed: %s"):format(one.action, one.error), 2) end
      busy = busy or not LAST[one.status] and one.action
    end
    if not busy then return end
    if os.time() > deadline then error("an operation does not end: " .. busy, 2) end
    sleep(0.05)
  end
end

---@param name string
---@return table|nil branch
function Project:branch(name)
  for _, branch in ipairs(self:api("GET", "/branches?search=" .. name).branches) do
    if branch.name == name then return branch end
  end
end

---A branch with its compute, made past the clients.
---@param name string
---@param more? table  of the branch
---@return table branch
function Project:given(name, more)
  local wanted = { name = name }
  for key, value in pairs(more or {}) do wanted[key] = value end
  local made = self:api("POST", "/branches", { branch = wanted, endpoints = { { type = "read_write" } } })
  self:settle()
  return made.branch
end

---Suspends the computes of a branch, as idleness does.
---@param branch string  its name
function Project:suspend(branch)
  for _, endpoint in ipairs(self:api("GET", ("/branches/%s/endpoints"):format(self:branch(branch).id)).endpoints) do
    self:api("POST", ("/endpoints/%s/suspend"):format(endpoint.id))
  end
  self:settle()
end

---Makes requests below the project go wrong from now on.
---@param method string
---@param path string  below the project
---@param rest string  the rule's rest
function Project:fault(method, path, rest)
  self.cloud:fault(("neon %s /projects/%s%s %s"):format(method, self.id, path, rest))
end

-- ---- data -------------------------------------------------------------------------------------

---A branch's connection string, made as neonctl makes it.
---@param branch string  its name
---@return string
function Project:uri(branch)
  local told = self:api("GET", ("/connection_uri?branch_id=%s&database_name=neondb&role_name=neondb_owner"):format(
    self:branch(branch).id))
  return (told.uri:gsub("%?.*", "?sslmode=require&channel_binding=require"))
end

---A branch's connection string, as neonctl prints it.
---@param branch string  its name
---@return string
function Project:connection_string(branch, ...)
  return (self:run("connection-string", branch, ...).output:gsub("%s+$", ""))
end

---Runs psql.
---@param uri string
---@param text string
---@param env? table<string, string>
---@return clients.Result
function Project:psql(uri, text, env)
  return process.run { argv = { psql(), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", uri, "-c", text },
    env = self:environment(env), check = false, timeout = LIMIT }
end

---What psql prints, without the last line's end; it must succeed.
---@param uri string
---@param text string
---@return string
function Project:query(uri, text)
  local result = self:psql(uri, text)
  if result.exit ~= 0 then error(("psql: %s: %s"):format(text, result.errors), 2) end
  return (result.output:gsub("\n$", ""))
end

return neon
