---TOML's values without quotes: numbers, dates and times, booleans. Pure.
---
---A date or a time has no type in Lua: it is a text in RFC 3339's form, "1979-05-27T07:32:00Z".
local scalar = {}

local words = {
  ["true"] = true, ["false"] = false, inf = math.huge, ["+inf"] = math.huge, ["-inf"] = -math.huge,
  nan = 0 / 0, ["+nan"] = 0 / 0, ["-nan"] = 0 / 0,
}

-- ---- numbers ---------------------------------------------------------------------------------

-- By prefix: what a digit is, the base, and how many digits 63 bits have at most, with the last first digit then.
local prefixes = {
  ["0x"] = { digit = "%x", base = 16, most = 16, first = "7" },
  ["0o"] = { digit = "[0-7]", base = 8, most = 21, first = "7" },
  ["0b"] = { digit = "[01]", base = 2, most = 63, first = "1" },
}

-- The digits without underscores, each of which must stand between two; nil where one does not.
local function joined(text, digit)
  local before, after = ("^%s+"):format(digit), ("^_%s+"):format(digit)
  local _, at = text:find(before)
  while at and at < #text do _, at = text:find(after, at + 1) end
  return at and (text:gsub("_", "")) or nil
end

local BEYOND = "is beyond 64 bits"

local function with_prefix(kind, text)
  local digits = joined(text, kind.digit)
  if not digits then return nil, "is no number" end
  local bare = digits:gsub("^0+", "")
  if #bare > kind.most or #bare == kind.most and bare:sub(1, 1) > kind.first then return nil, BEYOND end
  return tonumber(digits, kind.base)
end

local function whole(sign, text)
  local digits = joined(text, "%d")
  if not digits then return nil end
  if #digits > 1 and digits:sub(1, 1) == "0" then return nil, "begins with a zero" end
  return sign .. digits
end

local function decimal(text)
  local sign, rest = text:match "^([+-]?)(.*)$"
  local integer, fraction, exponent = rest:match "^([%d_]+)(%.?[%d_]*)(.*)$"
  if not integer then return nil, "is no value" end
  local number, why = whole(sign, integer)
  if not number then return nil, why or "is no number" end
  if fraction == "" and exponent == "" then
    local value = math.tointeger(tonumber(number))
    if math.type(tonumber(number)) ~= "integer" then return nil, BEYOND end
    return value
  end
  local digits = fraction == "" and "0" or joined(fraction:sub(2), "%d")
  local e, power = exponent:match "^[eE]([+-]?)(.*)$"
  local powers = e and joined(power, "%d")
  if not digits or exponent ~= "" and not powers then return nil, "is no number" end
  return tonumber(("%s.%se%s%s"):format(number, digits, e or "", powers or "0"))
end

local function number(text)
  local kind = prefixes[text:sub(1, 2)]
  if kind then return with_prefix(kind, text:sub(3)) end
  return decimal(text)
end

-- ---- dates and times --------------------------------------------------------------------------

local month_days = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_date(year, month, day)
  local y, m, d = tonumber(year), tonumber(month), tonumber(day)
  if not month_days[m] or d < 1 or d > month_days[m] then return false end
  return m ~= 2 or d < 29 or y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
end

-- A minute may have a 61st second.
local function is_time(hour, minute, second)
  return tonumber(hour) < 24 and tonumber(minute) < 60 and tonumber(second) <= 60
end

local function is_offset(text)
  if text == "" or text:find "^[Zz]$" then return true end
  local hour, minute = text:match "^[+-](%d%d):(%d%d)$"
  return hour and is_time(hour, minute, "0")
end

local TIME = "^(%d%d):(%d%d):(%d%d)(%.?%d*)(.*)$"

-- The time that a text begins with is the whole text, but for an offset where there may be one.
local function check_time(text, with_offset)
  local hour, minute, second, fraction, rest = text:match(TIME)
  if not hour or fraction == "." or not with_offset and rest ~= "" or not is_offset(rest) then return "is no time" end
  if not is_time(hour, minute, second) then return "is no time of a day" end
end

local function date(text)
  local year, month, day, rest = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$"
  if not year then return nil, "is no date" end
  if not is_date(year, month, day) then return nil, "is no day of a calendar" end
  if rest == "" then return text end
  local why = not rest:find "^[Tt ]" and "is no date" or check_time(rest:sub(2), true)
  if why then return nil, why end
  return text:sub(1, 10) .. "T" .. rest:sub(2):upper()
end

---Where a value without quotes ends that begins here. A date may have a space before its time.
---@param text string
---@param from integer
---@return integer last  from - 1 where none begins
function scalar.last(text, from)
  local _, last = text:find("^%d%d%d%d%-%d%d%-%d%d %d%d:[%w+.:_-]*", from)
  if last then return last end
  _, last = text:find("^[%w+._:-]+", from)
  return last or from - 1
end

---@param text string  the whole value
---@return any value, string|nil why  nil and what is wrong
function scalar.read(text)
  local word = words[text]
  if word ~= nil then return word end
  if text:find "^%d%d%d%d%-" then return date(text) end
  if text:find "^%d%d:" then
    local why = check_time(text, false)
    if why then return nil, why end
    return text
  end
  return number(text)
end

return scalar
