---Hands: work by key, at the same time for several keys, one after the other for one, and never more than so much at
---once. Nothing queues: whoever finds no hand free is told when to come again, with work of then.
local condition = require "condition"

local hands = {}

---@class cloud.postgres.Hands
---@field busy table<string, boolean>  by key
---@field count integer
---@field turn integer                  of whoever began last
---@field turns table<string, integer>  by key: when it was its turn
---@field waiting table<string, boolean>  keys that found their own work going on
---@field crowded boolean               whether somebody found all hands busy
local Hands = {}
Hands.__index = Hands

---@param most integer
---@param spawn fun(name: string, f: function)
---@param again fun()  called when a hand is free that somebody waited for
---@return cloud.postgres.Hands
function hands.new(most, spawn, again)
  return setmetatable({ most = most, spawn = spawn, again = again, busy = {}, count = 0, turn = 0, turns = {},
    waiting = {}, crowded = false, ended = condition.new() }, Hands)
end

local function release(self, key)
  self.busy[key], self.count = nil, self.count - 1
  self.ended:notify()
  local wanted = self.waiting[key] or self.crowded
  self.waiting[key], self.crowded = nil, false
  if wanted then self.again() end
end

---Begins work in a task of its own.
---@param key string
---@param work fun()
---@return boolean begun  false: the key's work goes on, or so do too many others'
function Hands:take(key, work)
  if self.busy[key] then self.waiting[key] = true elseif self.count >= self.most then self.crowded = true end
  if self.busy[key] or self.count >= self.most then return false end
  self.busy[key], self.count, self.turn = true, self.count + 1, self.turn + 1
  self.turns[key] = self.turn
  self.spawn("databases", function()
    local _ <close> = setmetatable({}, { __close = function() release(self, key) end })
    work()
  end)
  return true
end

---Puts keys in the order in which it is their turn, whoever waited longest first; forgets all others.
---@param keys string[]
function Hands:sort(keys)
  local turns = {}
  for _, key in ipairs(keys) do turns[key] = self.turns[key] or 0 end
  self.turns = turns
  table.sort(keys, function(a, b)
    if turns[a] ~= turns[b] then return turns[a] < turns[b] end
    return a < b
  end)
end

---@param key string
---@return boolean
function Hands:is_busy(key) return self.busy[key] == true end

---Waits until no hand is busy.
function Hands:wait()
  while self.count > 0 do self.ended:wait() end
end

return hands
