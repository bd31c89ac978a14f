---A client of the model of Cloudflare for tests: asks its API in-process and looks at its edge, with a clock of its own.
local cloudflare = require "cloud.cloudflare"
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
  local state = world.new(seed)
  return setmetatable({ state = state, cf = state.cloudflare, zone = state.cloudflare.zones[1].id,
    now = 1800000000, token = "workers-token" }, Client)
end

---The same world, asked with another token.
function Client:as(token) return setmetatable({ token = token }, { __index = self }) end

local options = { headers = true, rejected = true, startup_ms = true }

local function headers_of(self, body, o)
  for name in pairs(o or {}) do assert(options[name], "unknown change of a request") end
  local headers = { authorization = self.token and "Bearer " .. self.token,
    ["content-type"] = type(body) == "table" and "application/json" or nil }
  for name, value in pairs(o and o.headers or {}) do headers[name] = value end
  return headers
end

---Asks; a table as body goes as JSON. Changes of the request: headers, rejected, startup_ms.
---@return integer status, table|string body, table headers
function Client:ask(method, target, body, o)
  local path, query = target:match("^([^?]*)%??(.*)$")
  local request = { method = method, host = "api.cloudflare.com", query = query,
    path = "/client/v4" .. path, headers = headers_of(self, body, o),
    body = type(body) == "table" and json.encode(body) or body or "" }
  request.rejected, request.startup_ms = o and o.rejected, o and o.startup_ms
  local answer = world.handle(request, self.state, self.now)
  local is_json = (answer.headers["content-type"] or ""):find("json")
  local text = answer.body
  return answer.status, is_json and text ~= "" and json.decode(text) or text, answer.headers
end

---The result of a request that must succeed, and the figures of its page.
function Client:result(...)
  local status, answer = self:ask(...)
  if not answer.success or status // 100 ~= 2 then
    error(("%s %s: %d, %s"):format((...), (select(2, ...)), status, json.encode(answer.errors)), 2)
  end
  return answer.result, answer.result_info
end

---Status, code and message of a request that must be refused.
function Client:refused(...)
  local status, answer = self:ask(...)
  if answer.success then error(("%s %s: was not refused"):format((...), (select(2, ...))), 2) end
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

local function upload_options(o)
  local all = { headers = { ["user-agent"] = "wrangler/4.164.0" } }
  for name, value in pairs(client.form_headers) do all.headers[name] = value end
  for name, value in pairs(o or {}) do all[name] = value end
  return all
end

---Uploads and deploys.
function Client:put(name, metadata, code, o)
  return self:result("PUT", client.S .. name .. "?bindings_inherit=strict",
    client.upload(metadata or {}, code), upload_options(o))
end

---Uploads a version that is not deployed.
function Client:version(name, metadata, code, o)
  return self:result("POST", client.S .. name .. "/versions?bindings_inherit=strict",
    client.upload(metadata or {}, code), upload_options(o))
end

---Why an upload is refused.
function Client:put_refused(name, metadata, code, o)
  return self:refused("PUT", client.S .. name .. "?bindings_inherit=strict",
    client.upload(metadata or {}, code), upload_options(o))
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

---Makes a record in the first zone.
function Client:record(fields)
  return self:as("dns-token"):result("POST", "/zones/" .. self.zone .. "/dns_records", fields)
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
