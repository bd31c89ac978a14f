---Work that follows what changes: idle until it is told, and never missing that it was.
local condition = require "condition"

local follower = {}

---@param work fun()
---@return fun() run   to be run in a task; it does the work once for however often it was told meanwhile
---@return fun() tell
function follower.new(work)
  local told, changed = false, condition.new()
  local function run()
    while true do
      while not told do changed:wait() end
      told = false
      work()
    end
  end
  local function tell()
    told = true
    changed:notify()
  end
  return run, tell
end

return follower
