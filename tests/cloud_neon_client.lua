---A client of Neon's model in this process, for its tests: a world, a clock, and what was said.
local json = require "json"
local ledger = require "cloud.ledger"
local world = require "cloud.world"

local client = {}

local Client = {}
Client.__index = Client

client.BRANCHES = "/branches"

---@param seed? table  of cloud.world; the first project is "moon"
---@return table client
function client.new(seed)
  seed = seed or {}
  seed.neon_project = seed.neon_project or "moon"
  return setmetatable({ state = world.new(seed), now = 1800000000, project = "moon", token = "neon-token", log = {} },
    Client)
end

-- The query of a target as the record of an exchange has it.
local function query_of(text)
  local query = {}
  for name, value in text:gmatch "([^&=]+)=([^&]*)" do query[name] = value end
  return next(query) and query or nil
end

---A request below /api/v2.
---@param o? { body?: any, headers?: table, trouble?: table }
---@return integer status, table|nil answer, table headers
function Client:call(method, target, o)
  o = o or {}
  local path, query = target:match "^([^?]*)%??(.*)$"
  local headers = o.headers or { authorization = "Bearer " .. self.token }
  local text = o.body and json.encode(o.body) or ""
  local answer = world.handle({ method = method, host = "console.neon.tech", query = query, path = "/api/v2" .. path,
    headers = headers, body = text, trouble = o.trouble }, self.state, self.now)
  local value = answer.body ~= "" and json.decode(answer.body) or nil
  table.insert(self.log, { host = "console.neon.tech", method = method, path = "/api/v2" .. path,
    query = query_of(query), json = o.body, bodySize = #text, status = answer.status, resp = value })
  return answer.status, value, answer.headers
end

---A request below the project.
---@return integer status, table|nil answer, table headers
function Client:ask(method, target, body, o)
  o = o or {}
  o.body = body
  return self:call(method, "/projects/" .. self.project .. target, o)
end

---The answer to a request below the project that must succeed; its operations are done.
---@return table answer
function Client:done(method, target, body)
  local status, answer = self:ask(method, target, body)
  if status >= 300 then error(("%s %s: %d %s"):format(method, target, status, answer and answer.message), 2) end
  self:settle()
  return answer
end

---Lets all operations end.
function Client:settle() self.now = self.now + self.state.settings.operation_seconds end

---@param o? table  of Client:call
---@return integer status, table answer
function Client:create(name, more, endpoints, o)
  local branch = { name = name }
  for key, value in pairs(more or {}) do branch[key] = value end
  endpoints = json.array(endpoints or { { type = "read_write" } })
  return self:ask("POST", "/branches", { branch = branch, endpoints = endpoints }, o)
end

---A branch whose operations are done.
---@return table answer
function Client:made(name, more, endpoints)
  local status, answer = self:create(name, more, endpoints)
  if status ~= 201 then error(("%s: %d %s"):format(name, status, answer.message), 2) end
  self:settle()
  return answer
end

---@return table branch  as the API shows it
function Client:branch(name)
  local _, answer = self:ask("GET", "/branches?search=" .. name)
  for _, branch in ipairs(answer.branches) do
    if branch.name == name then return branch end
  end
end

---@return string uri  of a branch
function Client:uri(branch, more)
  local _, answer = self:ask("GET", ("/connection_uri?branch_id=%s&database_name=neondb&role_name=neondb_owner%s")
    :format(branch, more or ""))
  return answer.uri
end

---A session of the ledger: a function that asks it.
---@return function|nil query, table|nil fault
function Client:connect(uri)
  local answer = ledger.connect(self.state, uri, self.now)
  if answer.fault then return nil, answer.fault end
  return function(text, params) return ledger.query(self.state, answer.session, text, params or {}, self.now) end
end

---What a branch answers to a statement.
---@return table answer
function Client:sql(branch, text, params)
  local query, fault = self:connect(self:uri(branch))
  if not query then error(fault[3], 2) end
  return query(text, params)
end

return client
