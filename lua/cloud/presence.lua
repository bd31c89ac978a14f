---That a local cloud runs on a folder: the lock that keeps a second one away, and cloud.json, which
---tells other programs where the first one listens.
local filelock = require "filelock"
local fs = require "fs.core"
local json = require "json"

local presence = {}

local PRIVATE = "0600"

local function path_of(folder) return folder .. "/cloud.json" end

---Takes the folder for this process. The lock ends with the process, however it ends.
---@param folder string  exists
---@return table lock  to be closed; raises "cloud-running"
function presence.claim(folder)
  local pid = presence.pid()
  local lock, holder = filelock.take(folder .. "/cloud.lock", ("process %d"):format(pid))
  if lock then return lock end
  failure {
    code = "cloud-running", about = folder,
    message = ("a local cloud runs on %s already: %s"):format(folder, holder),
    hint = ("use that one (%s says where it listens), or stop it first"):format(path_of(folder)),
  }
end

---@return integer  of this process
function presence.pid()
  return math.tointeger(fs.read("/proc/self/stat"):match("^%d+"))
end

---Announces where the cloud listens. What an earlier one left behind is replaced.
---@param folder string
---@param facts table  http_port, https_port, dns, ca_file, hosts, started, environment (lines)
function presence.announce(folder, facts)
  local text = json.encode({
    version = 1, pid = presence.pid(), started = facts.started,
    http_port = facts.http_port, https_port = facts.https_port, dns = facts.dns, github_socket = facts.github_socket,
    ca_file = facts.ca_file, hosts = json.array(facts.hosts),
    environment = json.array(facts.environment),
  }, { indent = 2 })
  fs.write(path_of(folder), text .. "\n", { mode = PRIVATE })
end

---@param folder string
function presence.withdraw(folder)
  fs.remove(path_of(folder))
end

---The cloud that runs on a folder.
---@param folder string
---@return table|nil facts  as announced, with pid; nil when none is ready there
function presence.find(folder)
  if not fs.exists(path_of(folder)) then return nil end
  local facts = json.decode(fs.read(path_of(folder)))
  if not fs.exists(("/proc/%d"):format(facts.pid)) then return nil end
  return facts
end

return presence
