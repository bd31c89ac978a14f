---When the state of the local cloud is saved: soon after every change, together with those close to it, and at once
---where somebody must not go on before.
local follower = require "cloud.follower"
local lock = require "cloud.postgres.lock"
local task = require "task"

local saver = {}

local COALESCE = 0.05          -- seconds in which changes are saved together
local RETRY = 1                -- seconds until a save that failed is tried again

---@class cloud.Saver
---@field run fun()   to be run in a task
---@field tell fun()  that something was changed
local Saver = {}
Saver.__index = Saver

-- A disk that is full for a while does not end the cloud: what is saved stays whole, and is behind.
local function save_until_done(self)
  local complained = false
  while true do
    local _, err = try(self.save, self)
    if not err then break end
    if err.class == "cancelled" then error(err, 0) end
    if not complained then self.log(("the state is not saved, it is tried again: %s"):format(err.message)) end
    complained = true
    sleep(RETRY)
  end
  if complained then self.log "the state is saved again" end
end

---@param store cloud.Store
---@param value fun(): any  what is to be saved, as it is now
---@param log fun(text: string)
---@return cloud.Saver
function saver.new(store, value, log)
  local self = setmetatable({ store = store, value = value, log = log, locks = lock.new() }, Saver)
  self.run, self.tell = follower.new(function()
    sleep(COALESCE)
    save_until_done(self)
  end)
  return self
end

---Saves the state as it is now. Once begun, a save ends before anything else is written: a later one must not be
---overtaken.
function Saver:save()
  task.shield(function()
    local _ <close> = self.locks:take "state"
    self.store:save(self.value())
  end)
end

---Saves it, unless that fails: on a disk that is full data is removed to make room, which must not wait for room.
---Whoever runs says what is wrong.
function Saver:save_if_possible()
  local _, err = try(self.save, self)
  if err and err.class == "cancelled" then error(err, 0) end
end

return saver
