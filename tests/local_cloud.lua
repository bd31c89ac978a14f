---A local cloud with real workerd, in the test's own process, and what a client does with it.
local condition = require "condition"
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local new_folder = assert(core.load_file "tests/memory.lua")()
local postgres = require "cloud.postgres"
local serve = require "cloud.serve"
local task = require "task"
local websocket = require "websocket"
local workers = require "cloud.workers"

local local_cloud = { ACCOUNT = "0000000000000000000000000000c0de", ZONE = "revelations.studio", TOKEN = "w-token" }

local_cloud.TOKENS = { workers = local_cloud.TOKEN, dns = "d-token", neon = "n-token", github = "g-token" }

---@class tests.LocalCloud
---@field facts table
---@field folder string
local LocalCloud = {}
LocalCloud.__index = LocalCloud

---Gives the body a folder for clouds, which goes with all that they left.
---@param body fun(folder: string)
function local_cloud.folder(body)
  local folder = new_folder()
  local _ <close> = setmetatable({}, { __close = function()
    fs.remove(folder)
    postgres.reset(folder)
  end })
  body(folder)
end

---Runs the body beside a cloud without data plane or delays; both end together.
---@param folder string
---@param changes table  of cloud.serve's options; with look_for_postgres databases are what the machine has
---@param body fun(facts: table)
function local_cloud.serve(folder, changes, body)
  local options = { state = folder, tokens = local_cloud.TOKENS, workerd = false, postgres = false,
    project = { zone = local_cloud.ZONE, cloudflare = { account = local_cloud.ACCOUNT } },
    settings = { dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0 } }
  for name, value in pairs(changes) do options[name] = value end
  if options.look_for_postgres then options.look_for_postgres, options.postgres = nil, nil end
  local facts, ready = nil, condition.new()
  function options.ready(told)
    facts = told
    ready:notify()
  end
  local _, err = try(task.nursery, function(spawn)
    spawn("cloud", function() serve.run(options) end)
    while not facts do ready:wait() end
    body(facts)
    failure { code = "test-over", class = "cancelled", message = "the test is over" }
  end)
  if err.code ~= "test-over" then error(err, 0) end
end

---Runs the body beside a cloud that runs Workers, in a folder of its own.
---@param changes table
---@param body fun(cloud: tests.LocalCloud)
function local_cloud.with(changes, body)
  local all = { workerd = workers.find "." or false }
  for name, value in pairs(changes) do all[name] = value end
  local_cloud.folder(function(folder)
    local_cloud.serve(folder, all, function(facts)
      body(local_cloud.client(facts, folder))
    end)
  end)
end

---@return tests.LocalCloud  a client of a cloud that `serve` runs
function local_cloud.client(facts, folder) return setmetatable({ facts = facts, folder = folder }, LocalCloud) end

---@return boolean
function local_cloud.has_workerd() return workers.find "." ~= nil end

-- ---- asking ---------------------------------------------------------------------------------

---@param method string
---@param url string  host and path
---@param o? table    headers, json, body, multipart
---@return table answer  of http.request
function LocalCloud:ask(method, url, o)
  local host, path = url:match "^([^/]+)(/.*)$"
  o = o or {}
  local headers = { host = host }
  for header, value in pairs(o.headers or {}) do headers[header] = value end
  return http.request { url = ("http://127.0.0.1:%d%s"):format(self.facts.http_port, path), method = method,
    headers = headers, json = o.json, body = o.body, multipart = o.multipart, redirects = 0, timeout = 60,
    max_body = 128 << 20 }
end

---@return string body  of a GET that must give 200
function LocalCloud:get(url)
  local answer = self:ask("GET", url)
  if answer.status ~= 200 then error(("GET %s: %d %s"):format(url, answer.status, answer.body), 2) end
  return answer.body
end

---@return websocket.Socket
function LocalCloud:websocket(url, o)
  o = o or {}
  return websocket.connect { url = "ws://" .. url, connect_to = "127.0.0.1:" .. self.facts.http_port, proxy = "",
    protocols = o.protocols, headers = o.headers }
end

---@return table answer
function LocalCloud:api(method, path, o)
  o = o or {}
  o.headers = o.headers or {}
  o.headers.authorization = o.headers.authorization or "Bearer " .. local_cloud.TOKEN
  return self:ask(method, "api.cloudflare.com/client/v4" .. path, o)
end

-- ---- deploying ------------------------------------------------------------------------------

local TYPES = { js = "application/javascript+module", cjs = "application/javascript", txt = "text/plain",
  bin = "application/octet-stream", wasm = "application/wasm", json = "application/json" }

---@param name string     of the script
---@param modules string|table<string, string>  the code of index.js, or all modules by name
---@param metadata? table
---@param where? string   "/versions": a version that is not deployed
---@return table answer   of the upload
function LocalCloud:upload(name, modules, metadata, where)
  if type(modules) == "string" then modules = { ["index.js"] = modules } end
  local parts = { { name = "metadata", data = "" } }
  local made = { main_module = modules["index.js"] and "index.js" or nil, compatibility_date = "2026-01-01" }
  for key, value in pairs(metadata or {}) do made[key] = value end
  if made.body_part then made.main_module = nil end
  parts[1].data = json.encode(made)
  for module, data in pairs(modules) do
    parts[#parts + 1] = { name = module, filename = module, data = data,
      type = made.body_part == module and "application/javascript" or TYPES[module:match "%.(%w+)$"] }
  end
  local path = ("/accounts/%s/workers/scripts/%s%s"):format(local_cloud.ACCOUNT, name, where or "")
  return self:api(where and "POST" or "PUT", path, { multipart = parts })
end

---Uploads a Worker and gives it the host NAME.ZONE.
---@return string host
function LocalCloud:deploy(name, modules, metadata)
  local answer = self:upload(name, modules, metadata)
  if answer.status ~= 200 then error(("upload of %s: %d %s"):format(name, answer.status, answer.body), 2) end
  local host = ("%s.%s"):format(name, local_cloud.ZONE)
  local attached = self:api("PUT", ("/accounts/%s/workers/domains"):format(local_cloud.ACCOUNT),
    { json = { hostname = host, service = name, zone_name = local_cloud.ZONE } })
  if attached.status ~= 200 then error(("domain of %s: %s"):format(name, attached.body), 2) end
  return host
end

---@param files table<string, string>  content by path
---@return string jwt  that an upload names to get them
function LocalCloud:assets(name, files)
  local base64, sha256 = require "base64", require "sha256"
  local manifest, parts = {}, {}
  for path, text in pairs(files) do
    local hash = sha256(text .. path):sub(1, 32)
    manifest[path] = { hash = hash, size = #text }
    parts[#parts + 1] = { name = hash, filename = hash, type = "text/html", data = base64.encode(text) }
  end
  local session = self:api("POST", ("/accounts/%s/workers/scripts/%s/assets-upload-session"):format(
    local_cloud.ACCOUNT, name), { json = { manifest = manifest } }):json().result
  if #session.buckets == 0 then return session.jwt end
  return self:api("POST", ("/accounts/%s/workers/assets/upload?base64=true"):format(local_cloud.ACCOUNT),
    { headers = { authorization = "Bearer " .. session.jwt }, multipart = parts }):json().result.jwt
end

---@return table[]  the processes of Workers that run
function LocalCloud:processes()
  return self:ask("GET", "127.0.0.1/_davit/"):json().processes.workers
end

---Waits until a condition holds.
---@param holds fun(): boolean
---@param seconds? number  at most (10)
function local_cloud.until_true(holds, seconds)
  for _ = 1, (seconds or 10) * 10 do
    if holds() then return end
    sleep(0.1)
  end
  error("it never came true", 2)
end

return local_cloud
