---A client of the model of GitHub's API for tests: in-process, with a clock of its own.
local github = require "cloud.github"
local json = require "json"
local world = require "cloud.world"

local client = {}

client.R = "/repos/example/codex"
client.NOW = 1800000000

---@class tests.GitHubClient
---@field state table
---@field now number
---@field token string|false  of requests; false: none
local Client = {}
Client.__index = Client

---@param seed? table  of the world; the first repository is example/codex
---@return tests.GitHubClient
function client.new(seed)
  return setmetatable({ state = world.new(seed), now = client.NOW, token = "github-owner-token" }, Client)
end

---A client of the same world with another token.
---@return tests.GitHubClient
function Client:with(token)
  return setmetatable({ token = token }, { __index = self })
end

local function sent(self, method, target, body, headers)
  local path, query = target:match "^([^?]*)%??(.*)$"
  local all = { authorization = self.token and "Bearer " .. self.token or nil, ["user-agent"] = "test" }
  for name, value in pairs(headers or {}) do all[name] = value ~= "" and value or nil end
  return { method = method, host = "api.github.com", path = path, query = query, headers = all,
    body = type(body) == "table" and json.encode(body) or body or "" }
end

local function decoded(answer)
  local is_json = (answer.headers["content-type"] or ""):find "json"
  return answer.status, is_json and answer.body ~= "" and json.decode(answer.body) or answer.body, answer.headers
end

---Asks; a table as body goes as JSON, a header "" is left out.
---@return integer status, any body, table headers
function Client:ask(method, target, body, headers)
  return decoded(world.handle(sent(self, method, target, body, headers), self.state, self.now))
end

---The body of a request that must succeed.
function Client:result(method, target, body, headers)
  local status, answer, more = self:ask(method, target, body, headers)
  if status // 100 ~= 2 then error(("%s %s: %d %s"):format(method, target, status, json.encode(answer)), 2) end
  return answer, more
end

---The status of a request and what it was told.
---@return table  { status, message }
function Client:refusal(method, target, body, headers)
  local status, answer = self:ask(method, target, body, headers)
  return { status, type(answer) == "table" and answer.message or answer }
end

---What people do without the API: a request below /_davit/.
---@return any body  of an answer that must be a success
function Client:do_(method, path, body)
  local status, answer = decoded(github.admin(sent(self, method, "/_davit/" .. path, body), self.state, self.now))
  if status // 100 ~= 2 then error(("%s %s: %d %s"):format(method, path, status, json.encode(answer)), 2) end
  return answer
end

---Opens or changes a pull request.
---@param fields table  number and others
function Client:pull(fields) return self:do_("POST", "pulls", fields) end

return client
