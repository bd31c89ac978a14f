---Locks by name, for tasks: what is done under one name is done one after the other.
local condition = require "condition"

local lock = {}

---@class cloud.postgres.Locks
local Locks = {}
Locks.__index = Locks

---@return cloud.postgres.Locks
function lock.new() return setmetatable({ held = {}, released = condition.new() }, Locks) end

---Waits until nobody else holds the name. To be kept in a `<close>` variable.
---@param name string
---@return table held
function Locks:take(name)
  while self.held[name] do self.released:wait() end
  self.held[name] = true
  return setmetatable({}, { __close = function()
    self.held[name] = nil
    self.released:notify()
  end })
end

---@param name string
---@return boolean
function Locks:is_held(name) return self.held[name] == true end

return lock
