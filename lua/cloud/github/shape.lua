---The shape that a request's body must have. What has another one is refused with status 422, in the words that
---GitHub's validator of JSON schemas has for it.
local answers = require "cloud.github.answers"
local json = require "json"

local shape = {}

---@class shape.Field
---@field [1] string       string, integer, boolean, object, array or any
---@field required? boolean
---@field nullable? boolean   null is as good as not given
---@field enum? string[]
---@field max_length? integer
---@field max_items? integer
---@field max_keys? integer
---@field min? integer
---@field max? integer
---@field items? table<string, shape.Field>|shape.Field  of an array: objects with fields, or values
---@field fields? table<string, shape.Field>             of an object

local function refuse(where, what)
  local at = where ~= "" and ("For '%s', "):format(where) or ""
  answers.malformed("Invalid request.\n\n" .. at .. what)
end

local function is_array(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil and getmetatable(value) ~= nil)
end

local fits = {
  string = function(value) return type(value) == "string" end,
  integer = function(value) return math.tointeger(value) ~= nil and type(value) == "number" end,
  boolean = function(value) return type(value) == "boolean" end,
  object = function(value) return type(value) == "table" and not is_array(value) end,
  array = is_array,
  any = function() return true end,
}

local articles = { integer = "an", object = "an", array = "an", any = "an" }

local function shown(value)
  return value == json.null and "nil" or json.encode(value)
end

local function were(count)
  return count == 1 and "was" or "were"
end

local function count(value)
  local n = 0
  for _ in pairs(value) do n = n + 1 end
  return n
end

local function check_string(where, value, field)
  local length = utf8.len(value) or #value
  if field.max_length and length > field.max_length then
    refuse(where, ("Only %d characters are allowed; %d %s supplied."):format(field.max_length, length, were(length)))
  end
end

local function check_number(where, value, field)
  if field.max and value > field.max then
    refuse(where, ("%d must be less than or equal to %d."):format(value, field.max))
  elseif field.min and value < field.min then
    refuse(where, ("%d must be greater than or equal to %d."):format(value, field.min))
  end
end

local function check_enum(where, value, enum)
  local quoted = {}
  for i, allowed in ipairs(enum) do
    if allowed == value then return end
    quoted[i] = json.encode(allowed)
  end
  refuse(where, ("%s is not a member of [%s]."):format(value, table.concat(quoted, ", ")))
end

local check_fields, check_value

-- How many there are is said without saying of what, as GitHub does.
local function check_array(where, value, field)
  if field.max_items and #value > field.max_items then
    refuse("", ("No more than %d items are allowed; %d were supplied."):format(field.max_items, #value))
  end
  for i, item in ipairs(value) do
    if field.items then check_value(("%s/items/%d"):format(where, i - 1), item, field.items) end
  end
end

local function check_object(where, value, field)
  local keys = count(value)
  if field.max_keys and keys > field.max_keys then
    refuse("", ("No more than %d properties are allowed; %d were supplied."):format(field.max_keys, keys))
  end
  if field.fields then check_fields(where .. "/", value, field.fields) end
end

local checks = { string = check_string, integer = check_number, array = check_array, object = check_object }

function check_value(where, value, field)
  local kind = field[1]
  if value == json.null and field.nullable then return end
  if not fits[kind](value) then
    refuse(where, ("%s is not %s %s."):format(shown(value), articles[kind] or "a", kind))
  end
  if field.enum then check_enum(where, value, field.enum) end
  if checks[kind] then checks[kind](where, value, field) end
end

function check_fields(where, value, fields)
  for name, field in pairs(fields) do
    if field.required and value[name] == nil then refuse("", ("%q wasn't supplied."):format(name)) end
  end
  for name, field in pairs(fields) do
    if value[name] ~= nil then check_value(where .. "properties/" .. name, value[name], field) end
  end
end

---The body of a request as plain data; refuses what has another shape. Keys that are not named are left alone.
---@param context github.Context
---@param fields table<string, shape.Field>
---@return table
function shape.body(context, fields)
  if is_array(context.body) then refuse("", ("%s is not an object."):format(shown(context.body))) end
  check_fields("", context.body, fields)
  return answers.body(context)
end

return shape
