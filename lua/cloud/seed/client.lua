---Who asks Cloudflare's model, in this process, for what a seed begins with. What it refuses is named with the file
---and the line that wanted it.
local json = require "json"
local sha256 = require "sha256"
local shape = require "project.shape"
local url = require "url"
local world = require "cloud.world"

local client = {}

---@class seed.Client
---@field state table
---@field file table   of shape.read
---@field now number   when it is made
---@field place string where in the file stands what is asked for: "cloudflare.workers.1"
local Client = {}
Client.__index = Client

---@param state table
---@param file table
---@param now number
---@return seed.Client
function client.new(state, file, now)
  return setmetatable({ state = state, file = file, now = now, place = "" }, Client)
end

-- ---- requests ---------------------------------------------------------------------------------

local function in_quotes(text) return (text:gsub('"', "%%22"):gsub("[\r\n]", " ")) end

local function form_of(parts)
  local digests, out = {}, {}
  for i, part in ipairs(parts) do digests[i] = sha256(part.data) end
  local boundary = sha256(table.concat(digests))   -- of all data, so it stands in none
  for _, part in ipairs(parts) do
    local head = ('Content-Disposition: form-data; name="%s"'):format(in_quotes(part.name))
    if part.filename then head = ('%s; filename="%s"'):format(head, in_quotes(part.filename)) end
    if part.type then head = ("%s\r\nContent-Type: %s"):format(head, part.type) end
    out[#out + 1] = ("--%s\r\n%s\r\n\r\n%s\r\n"):format(boundary, head, part.data)
  end
  return ("%s--%s--\r\n"):format(table.concat(out), boundary), "multipart/form-data; boundary=" .. boundary
end

local function body_of(o)
  if o.multipart then return form_of(o.multipart) end
  return json.encode(o.json), "application/json"
end

local function token_of(state, name)
  for _, one in ipairs(state.cloudflare.tokens) do
    if one.name == name then return one.value end
  end
end

---Asks, and gives the result; raises "config" with what is refused.
---@param path string  below /client/v4
---@param o { method: string, json?: any, multipart?: table[], query?: table, as?: string, token?: string }  as: the
---name of the token (workers)
---@return any result
function Client:ask(path, o)
  local body, kind = body_of(o)
  local token = o.token or token_of(self.state, o.as or "workers")
  local answer = world.handle({
    method = o.method, host = "api.cloudflare.com", path = "/client/v4" .. path, query = url.query(o.query or {}),
    headers = { authorization = "Bearer " .. token, ["content-type"] = kind }, body = body,
  }, self.state, self.now)
  self.state.cloudflare.used = {}   -- nobody asked yet
  local said = json.decode(answer.body)
  if answer.status < 300 then return said.result end
  local err = said.errors[1]
  shape.wrong(self.file, self.place, ("Cloudflare would refuse it: %s (%d)"):format(err.message, err.code))
end

---As the provider's requests on an account's Workers are made, so that its parts can ask here.
---@param path string  below /accounts/{account}/workers
---@param o table
---@return any result, table answer
function Client:workers(path, o)
  local account = self.state.cloudflare.account_id
  local result = self:ask(("/accounts/%s/workers%s"):format(account, path), o)
  return result, { secrets = { ["/result/jwt"] = type(result) == "table" and result.jwt or nil } }
end

---Raises "config" about what stands below the place.
---@param key string
---@param what string
function Client:wrong(key, what) shape.wrong(self.file, ("%s.%s"):format(self.place, key), what) end

return client
