---How much processor time a process has used, as Linux tells it.
local fs = require "fs.core"

local cpu = {}

local TICKS = 100   -- a second; what Linux counts in towards programs
local USER, SYSTEM = 12, 13   -- fields behind the name, which may hold anything and ends with ")"

---@param pid? integer
---@return number|nil seconds  nil when there is no such process, or no /proc
function cpu.seconds(pid)
  local text = pid and try(fs.read, ("/proc/%d/stat"):format(pid))
  local fields = text and text:match("^.*%)%s(.*)$")
  if not fields then return nil end
  local count, sum = 0, 0
  for field in fields:gmatch("%S+") do
    count = count + 1
    if count == USER or count == SYSTEM then sum = sum + tonumber(field) end
  end
  return sum / TICKS
end

return cpu
