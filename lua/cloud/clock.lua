---Seconds since 1970 to RFC 3339 text and back, by arithmetic alone: a model has no clock.
local json = require "json"

local clock = {}

-- Days since 1970-01-01 of a date of the Gregorian calendar. Years begin in March here, so that
-- the leap day comes last and the lengths of the months before it form a regular pattern.
local function days_of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local leaps = year // 4 - year // 100 + year // 400
  return 365 * year + leaps + (153 * (month - 3) + 2) // 5 + day - 1 - 719468
end

local function date_of(days)
  local shifted = days + 719468
  local era = shifted // 146097
  local in_era = shifted - era * 146097
  local year = (in_era - in_era // 1460 + in_era // 36524 - in_era // 146096) // 365
  local in_year = in_era - (365 * year + year // 4 - year // 100)
  local month = (5 * in_year + 2) // 153
  local day = in_year - (153 * month + 2) // 5 + 1
  year = year + era * 400
  if month >= 10 then return year + 1, month - 9, day end
  return year, month + 3, day
end

---@param seconds number
---@param fraction? integer  digits after the second's point (0)
---@return string  such as 2026-01-01T00:00:00Z
function clock.iso(seconds, fraction)
  local scale = 10 ^ (fraction or 0)
  local ticks = math.floor(seconds * scale)
  local whole = math.floor(ticks // scale)
  local year, month, day = date_of(whole // 86400)
  local rest = whole % 86400
  local text = ("%04d-%02d-%02dT%02d:%02d:%02d"):format(year, month, day,
    rest // 3600, rest // 60 % 60, rest % 60)
  if not fraction then return text .. "Z" end
  return text .. (".%0" .. fraction .. "dZ"):format(math.floor(ticks % scale))
end

---@param seconds? number
---@return any  the same for JSON: null where there is no time
function clock.iso_or_null(seconds)
  return seconds and clock.iso(seconds) or json.null
end

local days_of_week = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }
local months = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

---@param seconds number
---@return string  as HTTP writes it, such as Thu, 01 Jan 2026 00:00:00 GMT
function clock.http(seconds)
  local whole = math.floor(seconds)
  local year, month, day = date_of(whole // 86400)
  local rest = whole % 86400
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(days_of_week[whole // 86400 % 7 + 1], day, months[month], year,
    rest // 3600, rest // 60 % 60, rest % 60)
end

---@param text string
---@return number|nil seconds  nil when the text is no RFC 3339 time with a zone
function clock.parse(text)
  local year, month, day, hour, minute, second, rest =
    text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt](%d%d):(%d%d):(%d%d)(.*)$")
  if not year then return nil end
  local fraction, zone = rest:match("^(%.%d+)(.+)$")
  zone = zone or rest
  local sign, hours, minutes = zone:match("^([+-])(%d%d):(%d%d)$")
  if not sign and zone:upper() ~= "Z" then return nil end
  year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  local days = days_of(year, month, day)
  local y, m, d = date_of(days)
  if y ~= year or m ~= month or d ~= day or month > 12 then return nil end
  if tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 60 then return nil end
  local offset = sign and (hours * 3600 + minutes * 60) * (sign == "-" and -1 or 1) or 0
  return days * 86400 + hour * 3600 + minute * 60 + second + (fraction or 0) - offset
end

return clock
