---A clock that only waiting moves, for tests of what waits: sleeping takes no time and is written down. Rate
---budgets are kept beside, in memory: times of this clock are none for anybody else.
local budget = require "http.budget"
local budget_core = require "http.budget.core"
local core = require "core"

local clock = {}
clock.__index = clock

---Takes the place of time until it is closed.
---@param now? number     Unix seconds
---@param chance? number  what chance says, from 0 to 1
function clock.open(now, chance)
  local self = setmetatable({ now = now or 1800000000, pauses = {} }, clock)
  self.saved = { now = core.now, monotonic = core.monotonic, chance = core.chance, sleep = sleep,
    ledger = budget.ledger }
  budget.ledger = budget_core.open()
  core.now = function() return self.now end
  core.monotonic = function() return self.now - (now or 1800000000) end
  core.chance = function() return chance or 1 end
  _G.sleep = function(seconds)
    self.now = self.now + seconds
    self.pauses[#self.pauses + 1] = seconds
  end
  return self
end

function clock:__close()
  core.now, core.monotonic, core.chance = self.saved.now, self.saved.monotonic, self.saved.chance
  _G.sleep, budget.ledger = self.saved.sleep, self.saved.ledger
end

return clock
