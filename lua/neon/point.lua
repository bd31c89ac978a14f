---A moment of a branch's past, as recipes name it: { time = … } or { lsn = … }.
local clock = require "cloud.clock"   -- pure arithmetic, shared with the models
local options = require "options"

local point = {}

local LATEST = 1e11   -- seconds; what is more was meant as milliseconds

local function misuse(what, text, ...) options.misuse(what .. ": " .. text, ...) end

-- Texts go to Neon as they are: a database tells microseconds, which no number of ours should round.
local function read_time(what, value)
  if type(value) == "string" then
    if clock.parse(value) then return value end
    misuse(what, "'time' must be seconds since 1970 or like 2026-01-31T12:00:00Z, not '%s'", value)
  end
  if type(value) ~= "number" or value ~= value or value < 0 or value > LATEST then
    misuse(what, "'time' must be seconds since 1970 or a text, not %s", tostring(value))
  end
  return clock.iso(value, value % 1 ~= 0 and 6 or nil)
end

local function read_lsn(what, value)
  local high, low = tostring(value):match "^(%x+)/(%x+)$"
  if type(value) == "string" and high and #high <= 8 and #low <= 8 then return value end
  misuse(what, "'lsn' must be like 0/1DE2850, not %s", tostring(value))
end

---@class neon.Point
---@field time? string  RFC 3339
---@field lsn? string

---@param what string   the function and its option, for errors
---@param given { time?: number|string, lsn?: string }
---@return neon.Point|nil  nil: neither is named
function point.read(what, given)
  if given.time ~= nil and given.lsn ~= nil then misuse(what, "'time' or 'lsn', not both") end
  if given.time ~= nil then return { time = read_time(what, given.time) } end
  if given.lsn ~= nil then return { lsn = read_lsn(what, given.lsn) } end
end

---@param at neon.Point
---@return string  for the branch's annotation and for errors: "lsn 0/1DE2850"
function point.text(at)
  return at.time and "time " .. at.time or "lsn " .. at.lsn
end

local function number_of(lsn)
  local high, low = lsn:match "^(%x+)/(%x+)$"
  return high and tonumber(high, 16) << 32 | tonumber(low, 16)
end

---Whether what Neon shows of a branch's origin contradicts the wanted point. What it does not show contradicts nothing.
---@param at neon.Point
---@param lsn? string
---@param time? string
---@return boolean
function point.contradicts(at, lsn, time)
  if at.lsn then return lsn ~= nil and number_of(lsn) ~= number_of(at.lsn) end
  local shown = time and clock.parse(time)
  return shown ~= nil and shown ~= false and math.abs(shown - clock.parse(at.time)) > 1
end

return point
