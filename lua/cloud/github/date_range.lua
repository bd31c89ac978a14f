---Ranges of dates as GitHub's searches have them: 2026-01-01, >=2026-01-01T10:00:00Z, 2026-01-01..2026-01-31,
---*..2026-01-31.
local clock = require "cloud.clock"

local date_range = {}

local DAY = 86400

-- The first and the last moment that a text stands for.
local function span(text)
  if text:find "^%d%d%d%d%-%d%d%-%d%d$" then
    local first = clock.parse(text .. "T00:00:00Z")
    return first, first and first + DAY - 0.001
  end
  local at = clock.parse(text)
  return at, at
end

---@param text string
---@return number|nil first, number|nil last  both included; nil: what is no range
function date_range.parse(text)
  local left, right = text:match "^(.-)%.%.(.*)$"
  if left then
    local first = left == "*" and -math.huge or span(left)
    local _, last = span(right)
    return first, right == "*" and math.huge or last
  end
  local sign, rest = text:match "^([<>]=?)(.*)$"
  local first, last = span(rest or text)
  if not first or not sign then return first, last end
  if sign == ">" then return last + 0.001, math.huge end
  if sign == ">=" then return first, math.huge end
  return -math.huge, sign == "<" and first - 0.001 or last
end

return date_range
