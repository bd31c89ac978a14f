---A client of Cloudflare's model, for tests: asks it in-process and looks at its answers.
local cloudflare = require "cloud.cloudflare"
local json = require "json"
local world = require "cloud.world"

local client = {}

client.ACCOUNT = "acc"
client.SCRIPTS = "/accounts/acc/workers/scripts/"

local Client = {}
Client.__index = Client

---@param seed? table  of cloud.world; `settings` without delays unless it says so
function client.new(seed)
  seed = seed or {}
  seed.account_id = seed.account_id or client.ACCOUNT
  local state = world.new(seed)
  return setmetatable({ state = state, cf = state.cloudflare, now = 1800000000, token = "workers-token",
    zone = state.cloudflare.zones[1].id }, Client)
end

---The same world, asked with another token.
function Client:as(token)
  return setmetatable({ token = token }, { __index = self })
end

---Asks; a table as body goes as JSON.
---@return integer status, table|nil answer, table headers, string body
function Client:ask(method, target, body, headers)
  local path, query = target:match("^([^?]*)%??(.*)$")
  local sent = { ["content-type"] = type(body) == "table" and "application/json" or nil }
  if self.token then sent.authorization = "Bearer " .. self.token end
  for name, value in pairs(headers or {}) do sent[name] = value end
  local text = type(body) == "table" and json.encode(body) or body or ""
  local answer = world.handle({ method = method, host = "api.cloudflare.com", query = query,
    path = "/client/v4" .. path, headers = sent, body = text }, self.state, self.now)
  local is_json = (answer.headers["content-type"] or ""):find("json", 1, true)
  return answer.status, is_json and answer.body ~= "" and json.decode(answer.body) or nil,
    answer.headers, answer.body
end

---The result of a request that is done.
function Client:result(...)
  local status, answer = self:ask(...)
  if status // 100 == 2 and answer.success then return answer.result end
  error(("%s %s: %d, %s"):format((...), (select(2, ...)), status, json.encode(answer.errors)), 2)
end

---The status and the first code of a request that is refused.
function Client:refused(...)
  local status, answer = self:ask(...)
  if not answer.success then return { status, answer.errors[1].code } end
  error(("%s %s: was not refused"):format((...), (select(2, ...))), 2)
end

---Uploads a Worker of one module.
function Client:upload(name, metadata)
  metadata = metadata or {}
  metadata.main_module = "index.js"
  local body = ('--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n%s\r\n'
    .. '--x\r\nContent-Disposition: form-data; name="index.js"; filename="index.js"\r\n'
    .. 'Content-Type: application/javascript+module\r\n\r\nexport default {}\r\n--x--\r\n')
    :format(json.encode(metadata))
  return self:result("PUT", client.SCRIPTS .. name, body,
    { ["content-type"] = "multipart/form-data; boundary=x" })
end

---What the edge answers.
---@param where string|table  a host, a host and path, or what edge.serve takes
function Client:serve(where)
  if type(where) == "string" then
    local host, path = where:match("^([^/]*)(.*)$")
    where = { host = host, path = path ~= "" and path or "/" }
  end
  return cloudflare.serve(self.state, where, self.now)
end

---Every item's field, in order.
function client.pluck(list, field)
  local values = {}
  for i, item in ipairs(list) do values[i] = item[field] end
  return values
end

return client
