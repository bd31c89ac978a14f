---`--local` and `davit cloud`: where the local cloud of a project is, and how to reach it.
local core = require "local.core"
local json = require "json"

local connection = {}

local function folder_of(p)
  return p.root .. "/.davit/local"
end

local function not_running(p, why)
  failure {
    code = "config", class = "misuse", about = folder_of(p),
    message = "--local: " .. why, hint = "start it with 'davit cloud' in another terminal and leave it running",
  }
end

---Leads every origin of this process to the running local cloud; raises when none runs.
---@param p table  the project
function connection.connect(p)
  local fs, process = require "fs", require "process"
  local file = folder_of(p) .. "/cloud.json"
  if not fs.exists(file) then not_running(p, "no local cloud is running for this project") end
  local cloud = json.decode(fs.read(file))
  if not process.alive(cloud.pid) then not_running(p, "the local cloud has ended without saying so") end
  core.connect {
    http_port = cloud.http_port, https_port = cloud.https_port, dns = cloud.dns,
    ca_file = cloud.ca_file, hosts = cloud.hosts,
  }
end

---Serves the local cloud of the project until it is interrupted.
---@param p table  the project
---@param o table  flags of `davit cloud`
---@return integer exit code
function connection.serve(p, o)
  return require("cloud.serve").run {
    state = folder_of(p), project = p, port = o.port, verbose = o.verbose, reset = o.reset,
  }
end

return connection
