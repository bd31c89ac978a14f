---Two things that go wrong in one run: all of them where they are few, else a sample by seed, of which those
---come first whose likes were tried least.
local faults = require "rehearsal.faults"
local sha256 = require "sha256"

local couples = {}

local DRAWS = 8        -- of which the one is taken whose like was tried least

---@class rehearsal.Couples
---@field firsts { id: string, fault: string, after: table }[]  schedules that held, and what they did afterwards
---@field count integer         how many there are
---@field covered table<string, integer>  how often two faults met two groups of effects
---@field taken table<string, true>
---@field seed integer
---@field drawn integer
local Couples = {}
Couples.__index = Couples

-- Another run that comes is no trouble of an effect: it goes its own way. Nobody is left who could take over twice.
local alone = { second = true, closed = true }

---@param seed integer
---@return rehearsal.Couples
function couples.new(seed)
  return setmetatable({ firsts = {}, count = 0, covered = {}, taken = {}, seed = seed, drawn = 0 }, Couples)
end

-- Each thing that may go wrong in what came after the first: f(term, group).
local function each_second(first, f)
  for kind, list in pairs(first.after) do
    for i, group in ipairs(list.groups) do
      for _, name in ipairs(faults.of_group(group)) do
        local fault, ending = name:match "^(%S+) ?(%S*)$"
        if not alone[fault] then
          f(("%s:%s:%d%s"):format(fault, kind, list.from + i - 1, ending ~= "" and ":" .. ending or ""), group, fault)
        end
      end
    end
  end
end

local function size(first)
  local n = 0
  each_second(first, function() n = n + 1 end)
  return n
end

---Adds what may follow a schedule that held.
---@param packet rehearsal.Packet
function Couples:add(packet)
  local fault = packet.schedule:match "^[^:]+"
  if alone[fault] or not packet.after then return end
  local first = { id = packet.schedule, fault = fault, after = packet.after }
  first.size = size(first)
  self.firsts[#self.firsts + 1] = first
  self.count = self.count + first.size
end

---@return string[] ids  all that there are
function Couples:all()
  local list = {}
  for _, first in ipairs(self.firsts) do
    each_second(first, function(term) list[#list + 1] = first.id .. "+" .. term end)
  end
  return list
end

-- In [0, n), the same for the same seed and count of draws.
local function chance(self, n)
  self.drawn = self.drawn + 1
  return tonumber(sha256(("%d/%d"):format(self.seed, self.drawn)):sub(1, 12), 16) % n
end

local function draw(self)
  local first = self.firsts[chance(self, #self.firsts) + 1]
  if first.size == 0 then return nil end
  local wanted, at, found = chance(self, first.size), 0, nil
  each_second(first, function(term, group, fault)
    if at == wanted then
      found = { id = first.id .. "+" .. term, like = ("%s %s %s"):format(first.fault, group, fault) }
    end
    at = at + 1
  end)
  return not self.taken[found.id] and found or nil
end

local function take_one(self)
  local best
  for _ = 1, DRAWS do
    local one = draw(self)
    if one and (not best or (self.covered[one.like] or 0) < (self.covered[best.like] or 0)) then best = one end
  end
  if not best then return nil end
  self.taken[best.id] = true
  self.covered[best.like] = (self.covered[best.like] or 0) + 1
  return best.id
end

---@param n integer
---@return string[] ids  so many at most, none of them a second time
function Couples:sample(n)
  local list = {}
  for _ = 1, n do list[#list + 1] = #self.firsts > 0 and take_one(self) or nil end
  return list
end

return couples
