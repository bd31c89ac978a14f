---`--local` and `davit cloud`: where the local cloud of a project is, and how to reach it.
local core = require "local.core"
local json = require "json"

local connection = {}

local function folder_of(p)
  return p.root .. "/.davit/local"
end

local function not_running(p, why, hint)
  failure {
    code = "config", class = "misuse", about = folder_of(p),
    message = "--local: " .. why,
    hint = hint or "start it with 'davit cloud' in another terminal and leave it running",
  }
end

-- What the running cloud wrote about itself. Only the lock tells whether it runs: the number of a
-- process may belong to another one by now, or to one that has ended and was not waited for.
local function facts_of(p)
  local fs, filelock = require "fs.core", require "filelock"
  local file = folder_of(p) .. "/cloud.json"
  if not fs.exists(file) then not_running(p, "no local cloud is running for this project") end
  local lock = filelock.take(folder_of(p) .. "/cloud.lock", "")
  if lock then
    lock:close()
    not_running(p, "the local cloud has ended without saying so")
  end
  local facts = try(function() return json.decode(fs.read(file)) end)
  if type(facts) ~= "table" or not (facts.http_port and facts.https_port and facts.dns) then
    not_running(p, file .. " does not say where the local cloud listens", "stop it and start 'davit cloud' again")
  end
  return facts
end

---Leads every origin of this process to the running local cloud; raises when none runs.
---@param p table  the project
function connection.connect(p)
  local cloud = facts_of(p)
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
