---The cron expressions that Cloudflare takes: five fields, with names, L, W and #. Pure.
local crons = {}

local months = { JAN = 1, FEB = 2, MAR = 3, APR = 4, MAY = 5, JUN = 6, JUL = 7, AUG = 8, SEP = 9,
  OCT = 10, NOV = 11, DEC = 12 }
local days = { SUN = 1, MON = 2, TUE = 3, WED = 4, THU = 5, FRI = 6, SAT = 7 }

-- The fields in order; the week begins with Sunday as 1.
local fields = {
  { name = "minute", from = 0, to = 59 },
  { name = "hour", from = 0, to = 23 },
  { name = "day of the month", from = 1, to = 31, last = true },
  { name = "month", from = 1, to = 12, names = months },
  { name = "day of the week", from = 1, to = 7, names = days, weekly = true },
}

local function value_of(field, text)
  local value = field.names and field.names[text:upper()] or math.tointeger(tonumber(text:match("^%d+$")))
  return value and value >= field.from and value <= field.to and value or nil
end

-- What stands before a slash: a star, a value, or a range.
local function is_range(field, text)
  if text == "*" then return true end
  local first, last = text:match("^(%w+)%-(%w+)$")
  if not first then return value_of(field, text) ~= nil end
  local from, to = value_of(field, first), value_of(field, last)
  return from ~= nil and to ~= nil and from <= to
end

-- L, L-3, LW and 15W in days of the month; 6L and FRI#2 in days of the week.
local function is_extension(field, text)
  local upper = text:upper()
  if field.last then
    local before = math.tointeger(tonumber(upper:match("^L%-(%d+)$")))
    local near = upper:match("^(%d+)W$")
    return upper == "L" or upper == "LW" or before ~= nil and before >= 1 and before <= 30
      or near ~= nil and value_of(field, near) ~= nil
  end
  if not field.weekly then return false end
  local day, nth = upper:match("^(%w+)#([1-5])$")
  day = day or upper:match("^(%w+)L$")
  return upper == "L" or nth ~= nil and value_of(field, day) ~= nil
    or day ~= nil and value_of(field, day) ~= nil
end

local function is_item(field, text)
  if is_extension(field, text) then return true end
  local range, step = text:match("^(.-)/(%d+)$")
  if not range then return is_range(field, text) end
  step = math.tointeger(tonumber(step))
  return step ~= nil and step >= 1 and step <= field.to and is_range(field, range)
end

local function is_field(field, text)
  if text:sub(1, 1) == "," or text:sub(-1) == "," or text:find(",,", 1, true) then return false end
  for item in text:gmatch("[^,]+") do
    if not is_item(field, item) then return false end
  end
  return true
end

---@param text string
---@return boolean ok, string|nil field  and the name of the field that is wrong, if one is
function crons.valid(text)
  local parts = {}
  for part in text:gmatch("%S+") do parts[#parts + 1] = part end
  if #parts ~= #fields then return false end
  for i, field in ipairs(fields) do
    if not is_field(field, parts[i]) then return false, field.name end
  end
  return true
end

return crons
