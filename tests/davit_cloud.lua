---`davit cloud` as a person starts it: a process of its own, in a folder of its own, without the credentials of
---whoever runs the tests. For cloud_cli_test and cloud_hostile_test.
local fs = require "fs"
local http = require "http"
local process = require "process"

local davit_cloud = {}

local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"
davit_cloud.program = here .. "/" .. (os.getenv "DAVIT" or "build/davit")
davit_cloud.peer = here .. "/" .. (os.getenv "DAVIT" or "build/davit"):gsub("[^/]*$", "peer")

local function environment(more)
  local env = { NO_COLOR = "1", CI = false }
  for _, name in ipairs { "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_DNS_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "NEON_API_KEY",
    "GITHUB_TOKEN", "GH_TOKEN", "GH_CONFIG_DIR", "GH_REPO", "GH_HOST", "DAVIT_STORE" } do
    env[name] = false
  end
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

-- ---- a folder ---------------------------------------------------------------------------------

---@class tests.CloudFolder
---@field folder string
local Folder = {}
Folder.__index = Folder
Folder.__close = function(self) fs.remove(self.folder) end

---@param files? table<string, string>  texts by name
---@return tests.CloudFolder
function davit_cloud.folder(files)
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match "[^\n]+"
  for name, text in pairs(files or {}) do fs.write(folder .. "/" .. name, text) end
  return setmetatable({ folder = folder }, Folder)
end

---Runs davit to its end; what begins a cloud that should not begin ends after some seconds.
function Folder:davit(...)
  return process.run { argv = { davit_cloud.program, ... }, cwd = self.folder, env = environment(self.env), check = false,
    timeout = 30 }
end

---Runs a command of the shell, where $DAVIT is the program.
function Folder:sh(command)
  local env = environment(self.env)
  env.DAVIT = davit_cloud.program
  return process.run { command = command, cwd = self.folder, env = env, check = false, timeout = 30 }
end

function Folder:read(name) return fs.read(self.folder .. "/" .. name) end

-- ---- a cloud in it ----------------------------------------------------------------------------

---@class tests.DavitCloud
---@field lines string[]  what it printed until it was ready
---@field port integer    of http
local Cloud = {}
Cloud.__index = Cloud

local function wait_ready(self)
  repeat
    local line = self.child:line()
    if not line then error("the local cloud ended: " .. self.child:wait().errors, 0) end
    self.lines[#self.lines + 1] = line
  until line == "ready"
  self.port = math.tointeger(tonumber(self.lines[1]:match "^http://127%.0%.0%.1:(%d+)"))
end

local function start(folder, start_options)
  start_options.cwd, start_options.output = folder.folder, "capture"
  local self = setmetatable({ child = process.start(start_options), lines = {} }, Cloud)
  wait_ready(self)
  return self
end

---Without workerd and PostgreSQL, and ready.
---@param ... string  further flags
---@return tests.DavitCloud
function Folder:cloud(...)
  return start(self, { argv = { davit_cloud.program, "cloud", "--no-data-plane", ... }, env = environment(self.env) })
end

---With what the flags leave of workerd and PostgreSQL.
function Folder:whole_cloud(...)
  return start(self, { argv = { davit_cloud.program, "cloud", ... }, env = environment(self.env) })
end

---Without them again, behind a command of the shell: "ulimit -f 8".
function Folder:cloud_after(command, ...)
  local script = command .. '; exec "$DAVIT" cloud --no-data-plane "$@"'
  local env = environment(self.env)
  env.DAVIT = davit_cloud.program
  return start(self, { argv = { "sh", "-c", script, "sh", ... }, env = env })
end

function Cloud:url(path) return ("http://127.0.0.1:%d%s"):format(self.port, path) end

---An exchange with the cloud's own port.
function Cloud:ask(method, path, o)
  o = o or {}
  local headers = { authorization = o.token and "Bearer " .. o.token or nil, ["user-agent"] = "test" }
  for name, value in pairs(o.headers or {}) do headers[name] = value end
  return http.request { url = self:url(path), method = method, json = o.json, body = o.body, headers = headers,
    multipart = o.multipart, timeout = 20 }
end

function Cloud:zones() return self:ask("GET", "/client/v4/zones", { token = "workers-token" }) end

---Tells it to end, and how it ended.
---@return table result  exit, signal, errors
function Cloud:stop(signal)
  self.child:kill(signal or "TERM")
  return self.child:wait()
end

Cloud.__close = function(self)
  local child <close> = self.child
  local _ = child
end

return davit_cloud
