---Service bindings: which other Workers a version reaches, and the sockets it reaches them by.
---
---Every process listens on sockets in its own folder, two for each of its entrypoints that is bound
---somewhere: for methods and for fetch. What a binding names are links beside those folders that lead
---to the process that serves now, so that the one that asks need not know when the other is deployed
---anew or started again.
---Paths are relative to the folder of a process: a Unix socket's may be no longer than 107 bytes.
local bindings = require "cloud.workerd.bindings"
local process = require "process"
local sha256 = require "sha256"

local peers = {}

local LINKS = "sockets"

---@class cloud.Peers
---@field wanted table<string, table<string, boolean>>  entrypoints that are bound, by Worker
---@field lacking table<string, table<string, boolean>> entrypoints that a version does not have, by its id
---@field linked table<string, cloud.Unit>              where each link leads
local Peers = {}
Peers.__index = Peers

---@param root string  the folder in which the processes have theirs
---@return cloud.Peers
function peers.new(root)
  return setmetatable({ root = root, wanted = {}, lacking = {}, linked = {} }, Peers)
end

local function link_of(script, entrypoint)
  return LINKS .. "/" .. sha256(script .. "/" .. entrypoint):sub(1, 24)
end

---@param binding workerd.Binding
---@return string  the socket for methods of another Worker's entrypoint, as a process names it
function peers.path(binding)
  return "../" .. link_of(binding.service, bindings.entrypoint(binding))
end

-- ---- what is bound --------------------------------------------------------------------------

local function want(self, script, entrypoint)
  self.wanted[script] = self.wanted[script] or {}
  self.wanted[script][entrypoint] = true
end

---A version and all that its service bindings lead to, itself first. A preview's lead to what its Worker serves
---even where they name that Worker.
---@param script string
---@param version table
---@param find fun(script: string): table|nil  the version of another Worker that serves now
---@return { script: string, version: table }[]
function Peers:reach(script, version, find)
  local list, seen = {}, {}
  local function add(name, of)
    local key = of.preview or name
    if seen[key] then return end
    seen[key] = true
    list[#list + 1] = { script = name, version = of }
    for _, binding in ipairs(of.bindings or {}) do
      local elsewhere = binding.type == "service" and (binding.service ~= name or of.preview)
      local other = elsewhere and find(binding.service)
      if other then
        want(self, binding.service, bindings.entrypoint(binding))
        add(binding.service, other)
      end
    end
  end
  add(script, version)
  return list
end

-- ---- the other side -------------------------------------------------------------------------

---The entrypoints that a process of this version is to serve to others: a preview serves none.
---@param script string
---@param version table
---@return string[]  sorted
function Peers:entrypoints(script, version)
  local list, lacking = {}, self.lacking[version.id] or {}
  if version.preview then return list end
  for name in pairs(self.wanted[script] or {}) do
    if not lacking[name] then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

---@param names string[]  entrypoints
---@return table<string, string>  the socket of each
function peers.inbox(names)
  local inbox = {}
  for i, name in ipairs(names) do inbox[name] = ("inbox-%d"):format(i) end
  return inbox
end

---Learns from why a process ended that its version has no such entrypoint.
---@param version table
---@param unit cloud.Unit
---@return string|nil entrypoint
function Peers:learn(version, unit)
  local name = (unit.service.reason or ""):match 'named entrypoint "([^"]*)", but .- has no such named entrypoint'
  if not name or not unit.inbox[name] then return nil end
  self.lacking[version.id] = self.lacking[version.id] or {}
  self.lacking[version.id][name] = true
  return name
end

local LINK = [[
mkdir -p sockets
while [ $# -gt 0 ]; do
  ln -sfn "../$1" "$2"
  shift 2
done
]]

---Leads the links of a Worker to a process that listens.
---@param unit cloud.Unit
function Peers:lead(unit)
  local argv = { "sh", "-c", LINK, "sh" }
  for name, socket in pairs(unit.inbox) do
    local link = link_of(unit.script, name)
    if self.linked[link] ~= unit then
      for _, kind in ipairs { "", bindings.FETCH } do
        argv[#argv + 1], argv[#argv + 2] = ("%s/%s%s"):format(unit.folder, socket, kind), link .. kind
      end
      self.linked[link] = unit
    end
  end
  if #argv > 4 then process.run { argv = argv, cwd = self.root } end
end

return peers
