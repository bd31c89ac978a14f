---`--local`: where the local cloud of a project is, and how to reach it.
local core = require "local.core"
local json = require "json"

local connection = {}

local function not_running(folder, why, hint)
  failure {
    code = "config", class = "misuse", about = folder, message = why,
    hint = hint or "start it with 'davit cloud' in another terminal and leave it running",
  }
end

---What the running cloud wrote about itself. Only the lock tells whether it runs: the number of a
---process may belong to another one by now, or to one that has ended and was not waited for.
---@param folder string  of the cloud's state
---@param place? string  for whoever knows it by another name
---@return table facts  as cloud.json has them; raises "config" when none runs
function connection.running(folder, place)
  local fs, filelock = require "fs.core", require "filelock"
  local file = folder .. "/cloud.json"
  if not fs.exists(file) then not_running(folder, "no local cloud is running " .. (place or "on " .. folder)) end
  local lock = filelock.take(folder .. "/cloud.lock", "")
  if lock then
    lock:close()
    not_running(folder, "the local cloud has ended without saying so")
  end
  local facts = try(function() return json.decode(fs.read(file)) end)
  if type(facts) ~= "table" or not (facts.http_port and facts.https_port and facts.dns) then
    not_running(folder, file .. " does not say where the local cloud listens", "stop it and start 'davit cloud' again")
  end
  return facts
end

local connected   -- what the cloud wrote that this process is led to

---Where a browser on this machine finds what a host serves: with --local at the local cloud.
---@param host string
---@return string url
function connection.url(host)
  return connected and ("http://%s.localhost:%d"):format(host, connected.http_port) or "https://" .. host
end

---Leads every origin of this process to the running local cloud; raises when none runs.
---@param p table  the project
function connection.connect(p)
  local cloud, err = try(connection.running, p.root .. "/.davit/local", "for this project")
  if err then
    err.message = "--local: " .. err.message
    error(err, 0)
  end
  core.connect {
    http_port = cloud.http_port, https_port = cloud.https_port, dns = cloud.dns,
    ca_file = cloud.ca_file, hosts = cloud.hosts,
  }
  connected = cloud
end

return connection
