---A local cloud in a child, for clients that are programs of their own. Without other wishes its world has six zones
---and tokens that may do little; what takes time elsewhere takes none here. Every exchange with its APIs is recorded.
local fs = require "fs"
local http = require "http"
local json = require "json"
local new_folder = assert(require("core").load_file "tests/memory.lua")()
local process = require "process"

local cloud = {}

local here = process.run({ argv = { "pwd" } }).output:match "[^\n]+"

cloud.here = here
cloud.node = here .. "/build/npm/node_modules/node/bin/node"
cloud.parts = here .. "/build/clients-npm/node_modules"
cloud.program = here .. "/" .. (os.getenv "DAVIT" or "build/davit")
cloud.account = "c11e4757000000000000000000000001"
cloud.subdomain = "clients"
cloud.tokens = { workers = "clients-workers-token", dns = "clients-dns-token", reader = "clients-reader-token",
  owned = "clients-account-token" }

local SEED = [[
cloudflare:
  account: { id: %s, name: Clients }
  subdomain: %s
  zones: [example.com, example.org, one.test, two.test, three.test, four.test]
  records:
    - { type: AAAA, name: www.example.com, content: "100::", proxied: true }
    - { type: A, name: taken.example.com, content: 192.0.2.7, proxied: true }
  tokens:
    - { name: reader, value: %s, permissions: [Workers Scripts Read, Zone Read] }
    - { name: owned, value: %s, kind: account, permissions: [Workers Scripts Write, Account Settings Read] }
settings: { dns_delay: 0s, tls_delay: 0s, propagation_delay: 0s, cloudflare_requests: 1000000 }
]]

---@param part string  a client, as npm calls it
---@return string|nil  why it cannot be driven on this machine
function cloud.missing(part)
  if not fs.exists(cloud.node) then return "node is not in build/npm" end
  if not fs.exists(cloud.parts .. "/" .. part) then return part .. " is not in build/clients-npm" end
end

---@param part string
---@return string  the version that is installed
function cloud.version(part)
  return json.decode(fs.read(("%s/%s/package.json"):format(cloud.parts, part))).version
end

---Where the services' contracts and the recordings of their clients stand: beside the checkout.
---@param name string
---@return string path, boolean there
function cloud.evidence(name)
  local path = ("%s/%s"):format(os.getenv "DAVIT_OPENAPI" or here .. "/../shared/openapi", name)
  return path, fs.exists(path)
end

---@class clients.Cloud
---@field folder string   may be a project of Davit's: it finds the cloud in there
---@field state string    the folder of its state
---@field record string   the file of its exchanges
---@field port integer
local Cloud = {}
Cloud.__index = Cloud

local function await_ready(self)
  repeat
    local line = self.child:line()
    if not line then error("the local cloud ended: " .. self.child:wait().errors, 0) end
  until line == "ready"
  self.port = json.decode(fs.read(self.state .. "/cloud.json")).http_port
  self.base = ("http://127.0.0.1:%d/client/v4"):format(self.port)
end

---@class clients.Options
---@field flags? string[]  of `davit cloud` beside those that every one has (`--no-databases`)
---@field seed? string     what its world begins with, YAML (Cloudflare's zones and tokens)

---Starts one; its end is the end of the scope.
---@param name string  of its recording
---@param o? clients.Options
---@return clients.Cloud
function cloud.open(name, o)
  o = o or {}
  local folder = new_folder()
  local self = setmetatable({ folder = folder, state = folder .. "/.davit/local",
    record = ("%s/build/clients-traffic/%s.jsonl"):format(here, name) }, Cloud)
  fs.make "build/clients-traffic"
  fs.remove(self.record)
  fs.write(folder .. "/seed.yaml",
    o.seed or SEED:format(cloud.account, cloud.subdomain, cloud.tokens.reader, cloud.tokens.owned))
  local argv = { cloud.program, "cloud", "--state", self.state, "--seed", folder .. "/seed.yaml",
    "--record", self.record, table.unpack(o.flags or { "--no-databases" }) }
  self.child = process.start { argv = argv, cwd = folder, output = "capture", env = {
    PATH = here .. "/build/npm/node_modules/workerd/bin:" .. os.getenv "PATH", CLOUDFLARE_API_TOKEN = cloud.tokens.workers,
    CLOUDFLARE_DNS_API_TOKEN = cloud.tokens.dns, CI = false } }
  await_ready(self)
  return self
end

---Ends it, and leaves its folder; its exit code is 0 unless something went wrong.
function Cloud:stop()
  if self.stopped then return end
  self.stopped = true
  self.child:kill "TERM"
  local ended = self.child:wait()
  if ended.exit ~= 0 then error("the local cloud failed: " .. ended.errors, 0) end
end

Cloud.__close = function(self)
  local _ <close> = setmetatable({}, { __close = function() fs.remove(self.folder) end })
  self:stop()
end

-- ---- asking it --------------------------------------------------------------------------------

---A request to a host that it serves, in clear text.
---@param url string  without a scheme: "hello.clients.workers.dev/path"
---@param o? { method?: string, headers?: table<string, string>, body?: string }
---@return http.Response
function Cloud:ask(url, o)
  o = o or {}
  local host, path = url:match "^([^/]+)(.*)$"
  local headers = { host = host }
  for name, value in pairs(o.headers or {}) do headers[name] = value end
  return http.request { url = ("http://127.0.0.1:%d%s"):format(self.port, path == "" and "/" or path),
    method = o.method or "GET", headers = headers, body = o.body, redirects = 0 }
end

---A request to the API, past every client.
---@param method string
---@param path string  below /client/v4; {A} is the account
---@param o? { json?: table, multipart?: table[], token?: string, agent?: string }
---@return http.Response
function Cloud:request(method, path, o)
  o = o or {}
  local headers = { authorization = "Bearer " .. (o.token or cloud.tokens.workers), ["user-agent"] = o.agent or "tests" }
  return http.request { url = self.base .. path:gsub("{A}", "accounts/" .. cloud.account), method = method,
    headers = headers, json = o.json, multipart = o.multipart }
end

---What the API says; raises when it refuses.
---@return any result
function Cloud:api(method, path, o)
  local answer = self:request(method, path, o)
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer.body ~= "" and answer:json().result or nil
end

---Makes requests go wrong from now on.
---@param rule string  as --fault takes it
function Cloud:fault(rule)
  http.expect { url = ("http://127.0.0.1:%d/_davit/faults"):format(self.port), method = "POST", json = { faults = { rule } } }
end

---How often the rules whose lines hold a text have made something go wrong.
---@param text string
---@return integer
function Cloud:injected(text)
  local told = http.expect({ url = ("http://127.0.0.1:%d/_davit/faults"):format(self.port) }):json()
  local count = 0
  for _, one in ipairs(told.injected) do
    if (one.method .. " " .. one.path):find(text, 1, true) then count = count + 1 end
  end
  return count
end

---What was recorded since the cloud began, oldest first.
---@param wanted? fun(entry: table): boolean
---@return table[]
function Cloud:recorded(wanted)
  local entries = {}
  for line in fs.read(self.record):gmatch "[^\n]+" do
    local entry = json.decode(line)
    if not wanted or wanted(entry) then entries[#entries + 1] = entry end
  end
  return entries
end

return cloud
