---Values between JSON and PostgreSQL's text form, as Neon's proxy changes them. Pure.
local json = require "json"

local values = {}

-- ---- parameters -------------------------------------------------------------------------------

local ARRAY = getmetatable(json.array {})   -- tells [] from {}

local function is_list(value) return type(value) == "table" and getmetatable(value) == ARRAY end

-- An item of an array literal; whatever holds letters is quoted, and JSON's quoting is the array's, too.
local function item_of(value)
  if value == nil or value == json.null then return "NULL" end
  if is_list(value) then
    local items = {}
    for i, item in ipairs(value) do items[i] = item_of(item) end
    return "{" .. table.concat(items, ",") .. "}"
  end
  if type(value) == "table" then value = json.encode(value) end
  return json.encode(value)
end

---@param value any  of a JSON body
---@return string|userdata  PostgreSQL's text, or sql.null
function values.parameter(value)
  if value == json.null or type(value) == "string" then return value end
  if is_list(value) then return item_of(value) end
  return json.encode(value)
end

-- ---- results ----------------------------------------------------------------------------------

local BOOL, JSON, JSONB = 16, 114, 3802
local integers = { [21] = true, [23] = true }   -- int2, int4; int8 stays text, which JavaScript cannot hold
local floats = { [700] = true, [701] = true }

-- Types of arrays, and of what is in them.
local elements = {
  [199] = 114, [1000] = 16, [1001] = 17, [1002] = 18, [1003] = 19, [1005] = 21, [1007] = 23, [1009] = 25,
  [1014] = 1042, [1015] = 1043, [1016] = 20, [1021] = 700, [1022] = 701, [1028] = 26, [1041] = 869,
  [1115] = 1114, [1182] = 1082, [1183] = 1083, [1185] = 1184, [1187] = 1186, [1231] = 1700, [1263] = 2275,
  [1270] = 1266, [2951] = 2950, [3807] = 3802,
}

local from_text, read_list

-- What stands in quotes from `at` on, and where it goes on behind them.
local function read_quoted(text, at)
  local pieces = {}
  while true do
    local stop = text:find('[\\"]', at)
    pieces[#pieces + 1] = text:sub(at, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(pieces), stop + 1 end
    pieces[#pieces + 1] = text:sub(stop + 1, stop + 1)
    at = stop + 2
  end
end

local function read_item(text, at, type)
  local c = text:sub(at, at)
  if c == "{" then return read_list(text, at, type) end
  if c == '"' then
    local plain, after = read_quoted(text, at + 1)
    return from_text(plain, type), after
  end
  local plain, after = text:match("^([^,}]*)()", at)
  if plain == "NULL" then return json.null, after end
  return from_text(plain, type), after
end

function read_list(text, at, type)
  local list = {}
  at = at + 1
  if text:sub(at, at) == "}" then return json.array(list), at + 1 end
  while true do
    list[#list + 1], at = read_item(text, at, type)
    if text:sub(at, at) ~= "," then return json.array(list), at + 1 end
    at = at + 1
  end
end

local function is_finite(number) return number == number and number ~= math.huge and number ~= -math.huge end

function from_text(text, type)
  if type == BOOL then return text == "t" end
  if integers[type] then return math.tointeger(text) or text end
  if floats[type] then
    local number = tonumber(text)
    return number and is_finite(number) and number or text   -- NaN and Infinity are no JSON
  end
  if type == JSON or type == JSONB then return try(json.decode, text) or text end   -- numbers beyond 2^53
  return text
end

---A column's text as JSON: booleans, small integers, floats, json and arrays of these; the rest stays text.
---@param text string|userdata  a null is json.null
---@param type integer          oid of its type
---@return any
function values.result(text, type)
  if text == json.null then return text end
  local element = elements[type]
  if not element then return from_text(text, type) end
  local bounds = text:match "^%[[^=]*=" or ""   -- [2:3]={…}
  return (read_list(text, #bounds + 1, element))
end

return values
