---wrangler, unmodified, in the two versions that are pinned, as a person or a job of CI runs it: in a folder with a
---configuration, against the local cloud.
local cloud = assert(require("core").load_file("tests/clients/cloud.lua"))()
local fs = require "fs"
local json = require "json"
local process = require "process"

local wrangler = {}

local LIMIT = 240   -- seconds a command may take, on a machine that has much to do

---@return string|nil  why it cannot be driven on this machine
function wrangler.missing()
  if not fs.exists "build/npm/node_modules/workerd" then return "workerd is not in build/npm" end
  return cloud.missing "wrangler"
end

local function installed(part) return { part = part, version = cloud.version(part) } end

---@return { part: string, version: string }[]
function wrangler.versions() return { installed "wrangler-old", installed "wrangler" } end

---@class clients.Project
---@field cloud clients.Cloud
---@field version string   of wrangler
---@field old boolean      the older of the two
---@field name string      of the Worker
---@field host string      on workers.dev
---@field folder string
---@field env table<string, string>  what its commands see beside the usual
local Project = {}
Project.__index = Project

---Removes the folder.
function Project:close() fs.remove(self.folder) end
Project.__close = Project.close

---What its commands see.
---@param more? table<string, string>
---@return table<string, string>
function Project:environment(more)
  local env = {
    PATH = cloud.here .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH", HOME = self.folder .. "/home", CI = "1",
    CLOUDFLARE_API_BASE_URL = self.cloud.base, CLOUDFLARE_API_TOKEN = cloud.tokens.workers,
    CLOUDFLARE_ACCOUNT_ID = cloud.account, WRANGLER_SEND_METRICS = "false", WRANGLER_SEND_ERROR_REPORTS = "false",
    WRANGLER_OUTPUT_FILE_PATH = self.folder .. "/events.jsonl", NO_COLOR = "1", FORCE_COLOR = "0",
    npm_config_registry = "http://127.0.0.1:9/", TMPDIR = self.folder .. "/home",   -- where it looks for newer versions
    NODE_COMPILE_CACHE = cloud.here .. "/build/clients-cache",
  }
  for name, value in pairs(self.env) do env[name] = value end
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

---A folder for one Worker.
---@param place clients.Cloud
---@param which { part: string, version: string }
---@param name string  of the Worker, without the version
---@return clients.Project
function wrangler.project(place, which, name)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  local worker = ("%s-%s"):format(name, which.version:gsub("%.", ""))
  local self = setmetatable({ cloud = place, version = which.version, old = which.part == "wrangler-old", name = worker,
    host = ("%s.%s.workers.dev"):format(worker, cloud.subdomain), folder = folder, env = {},
    program = ("%s/%s/bin/wrangler.js"):format(cloud.parts, which.part) }, Project)
  fs.make(folder .. "/home")
  self:config {}
  return self
end

---Writes a file of the project.
---@param path string
---@param text string
function Project:write(path, text) fs.write(self.folder .. "/" .. path, text) end

---Writes the configuration anew.
---@param settings table  beside name, main and compatibility date; `main = false` leaves it out
function Project:config(settings)
  local whole = { name = self.name, main = "src/index.js", compatibility_date = "2026-01-01" }
  for key, value in pairs(settings) do whole[key] = value end
  whole.main = whole.main or nil
  self:write("wrangler.json", json.encode(whole))
end

---Writes a Worker that answers with this text and with all that is bound to it, as JSON.
---@param text string
function Project:code(text)
  self:write("src/index.js", ([[
export default {
  async fetch(request, env) {
    return Response.json({ text: %q, path: new URL(request.url).pathname, ...env });
  },
  async scheduled() {},
};
]]):format(text))
end

---@class clients.Result
---@field exit integer
---@field text string  all that it printed

---Runs a command. The last argument may be a table: `input` is what it reads, `env` what it sees beside.
---@return clients.Result
function Project:run(...)
  local argv, o = { cloud.node, self.program, ... }, {}
  if type(argv[#argv]) == "table" then o = table.remove(argv) end
  local ended = process.run { argv = argv, cwd = self.folder, env = self:environment(o.env), input = o.input,
    check = false, timeout = LIMIT }
  return { exit = ended.exit, text = ended.output .. ended.errors }
end

local function fault(self, text, result, ...)
  local words = { ... }
  if type(words[#words]) == "table" then table.remove(words) end
  error(("wrangler %s %s %s (exit code %s):\n%s"):format(self.version, table.concat(words, " "), text,
    result.exit or "none", result.text), 3)
end

---Runs a command that must succeed.
---@return string text  that it printed
function Project:succeeds(...)
  local result = self:run(...)
  if result.exit ~= 0 then fault(self, "failed", result, ...) end
  return result.text
end

---Runs a command that must fail, and say why.
---@param why string  plain text that must stand in what it prints
---@return string text
function Project:fails(why, ...)
  local result = self:run(...)
  if result.exit == 0 or result.exit == nil then fault(self, "should have failed", result, ...) end
  if not result.text:find(why, 1, true) then fault(self, "does not say '" .. why .. "'", result, ...) end
  return result.text
end

---The last of its machine-readable events of a kind.
---@param kind string  "deploy", "version-upload", "version-deploy", "command-failed"
---@return table
function Project:event(kind)
  local found
  for line in fs.read(self.folder .. "/events.jsonl"):gmatch "[^\n]+" do
    local event = json.decode(line)
    if event.type == kind then found = event end
  end
  return found or error(("wrangler %s told no event '%s'"):format(self.version, kind), 2)
end

---A Worker as an earlier deploy of wrangler has left it, without waiting for one: with the project's code, on
---workers.dev.
---@return string  the id of its version
function Project:given()
  local metadata = { main_module = "index.js", compatibility_date = "2026-01-01" }
  local made = self.cloud:api("PUT", "/{A}/workers/scripts/" .. self.name, { agent = "wrangler/" .. self.version,
    multipart = { { name = "metadata", data = json.encode(metadata) }, { name = "index.js", filename = "index.js",
      type = "application/javascript+module", data = fs.read(self.folder .. "/src/index.js") } } })
  self.cloud:api("POST", ("/{A}/workers/scripts/%s/subdomain"):format(self.name),
    { json = { enabled = true, previews_enabled = true } })
  return (made.deployment_id:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x+)$", "%1-%2-%3-%4-%5"))
end

-- ---- what became of it ------------------------------------------------------------------------

---What the Worker of Project:code answers.
---@param host? string  and path (its own on workers.dev)
---@param headers? table<string, string>
---@return table
function Project:answer(host, headers)
  local answer = self.cloud:ask(host or self.host, { headers = headers })
  if answer.status ~= 200 then
    error(("%s of wrangler %s: %d %s"):format(host or self.host, self.version, answer.status, answer.body), 2)
  end
  return answer:json()
end

---The text of Project:code that is served.
---@param host? string
---@param headers? table<string, string>
---@return string
function Project:text(host, headers) return self:answer(host, headers).text end

---The status that a host answers with.
---@param host? string
---@return integer
function Project:status(host) return self.cloud:ask(host or self.host).status end

---What the API says of the Worker.
---@param rest? string  "/settings"
---@return any result
function Project:api(rest) return self.cloud:api("GET", ("/{A}/workers/scripts/%s%s"):format(self.name, rest or "")) end

---The versions that serve, with their shares.
---@return table<string, number>  percentage by id
function Project:serving()
  local shares = {}
  for _, share in ipairs(self:api("/deployments").deployments[1].versions) do shares[share.version_id] = share.percentage end
  return shares
end

---Whether the account has the Worker.
---@return boolean
function Project:exists()
  local status = self.cloud:request("GET", ("/{A}/workers/scripts/%s/settings"):format(self.name)).status
  return status == 200
end

return wrangler
