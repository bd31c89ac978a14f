---A client of the model of Cloudflare's API for tests: in-process, with a clock of its own.
local json = require "json"
local world = require "cloud.world"

local client = {}

client.W = "/accounts/acc/workers"
client.S = "/accounts/acc/workers/scripts/"

local Client = {}
Client.__index = Client

---@param seed? table  of the world
function client.new(seed)
  seed = seed or {}
  seed.account_id = "acc"
  return setmetatable({ state = world.new(seed), now = 1800000000, token = "workers-token" }, Client)
end

---Asks; a table as body goes as JSON. Changes of the request: headers, rejected, startup_ms.
---@return integer status, table|string body, table headers
function Client:ask(method, target, body, o)
  local path, query = target:match("^([^?]*)%??(.*)$")
  local headers = { authorization = "Bearer " .. self.token }
  for name, value in pairs(o and o.headers or {}) do headers[name] = value end
  local request = { method = method, host = "api.cloudflare.com", query = query,
    path = "/client/v4" .. path, headers = headers,
    body = type(body) == "table" and json.encode(body) or body or "" }
  request.rejected, request.startup_ms = o and o.rejected, o and o.startup_ms
  local answer = world.handle(request, self.state, self.now)
  local is_json = (answer.headers["content-type"] or ""):find("json")
  return answer.status, is_json and json.decode(answer.body) or answer.body, answer.headers
end

---The result of a request that must succeed, and the figures of its page.
function Client:result(...)
  local status, answer = self:ask(...)
  if not answer.success or status // 100 ~= 2 then error(json.encode(answer), 2) end
  return answer.result, answer.result_info
end

---Status, code and message of a request that must be refused.
function Client:refused(...)
  local status, answer = self:ask(...)
  if answer.success then error("it was not refused", 2) end
  return { status, answer.errors[1].code }, answer.errors[1].message
end

---A body of form data.
---@param parts table[]  each { name, body, type }; with a type the part is a file
function client.form(parts)
  local text = {}
  for _, part in ipairs(parts) do
    local name, body, type = part[1], part[2], part[3]
    local head = ('Content-Disposition: form-data; name="%s"'):format(name)
    if type then head = ('%s; filename="%s"\r\nContent-Type: %s'):format(head, name, type) end
    text[#text + 1] = ("--x\r\n%s\r\n\r\n%s\r\n"):format(head, body)
  end
  return table.concat(text) .. "--x--\r\n"
end

client.form_headers = { ["content-type"] = "multipart/form-data; boundary=x" }

local MODULE = "application/javascript+module"

---The body of an upload of one module.
function client.upload(metadata, code)
  metadata.main_module = metadata.main_module or "index.js"
  return client.form { { "metadata", json.encode(metadata) },
    { "index.js", code or "export default { fetch() {} }", MODULE } }
end

local function headers_of(o)
  local all = { headers = { ["user-agent"] = "wrangler/4.164.0" } }
  for name, value in pairs(client.form_headers) do all.headers[name] = value end
  for name, value in pairs(o or {}) do all[name] = value end
  return all
end

---Uploads and deploys.
function Client:put(name, metadata, code, o)
  return self:result("PUT", client.S .. name .. "?bindings_inherit=strict",
    client.upload(metadata or {}, code), headers_of(o))
end

---Uploads a version that is not deployed.
function Client:version(name, metadata, code, o)
  return self:result("POST", client.S .. name .. "/versions?bindings_inherit=strict",
    client.upload(metadata or {}, code), headers_of(o))
end

---Why an upload is refused.
function Client:put_refused(name, metadata, code, o)
  return self:refused("PUT", client.S .. name .. "?bindings_inherit=strict",
    client.upload(metadata or {}, code), headers_of(o))
end

---Sends the traffic of a script to versions: id and percentage in turn.
function Client:deploy(name, ...)
  local shares, told = {}, { ... }
  for i = 1, #told, 2 do shares[#shares + 1] = { version_id = told[i], percentage = told[i + 1] } end
  return self:result("POST", client.S .. name .. "/deployments", { strategy = "percentage", versions = shares })
end

---The bindings of a script's newest version, by name.
function Client:bindings(name)
  local found = {}
  for _, binding in ipairs(self:result("GET", client.S .. name .. "/settings").bindings) do
    found[binding.name] = binding
  end
  return found
end

---The versions of a script, newest first.
function Client:versions(name)
  return self:result("GET", client.S .. name .. "/versions?per_page=100").items
end

return client
