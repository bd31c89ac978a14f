---Options of a function in Lua, read as the primitives read theirs: types checked, unknown
---names refused; and the errors for who called wrongly.
local core = require "core"
local planned = require "run.planned"
local secret = require "secret.core"

local options = {}

---Raises a misuse of the API: a mistake in the recipe.
---@param format string
function options.misuse(format, ...)
  failure { code = "misuse", class = "misuse", message = format:format(...) }
end

---Raises a mistake of whoever typed the command, or wrote what it names.
---@param message string
---@param hint? string
function options.usage(message, hint)
  failure { code = "usage", class = "misuse", message = message, hint = hint }
end

---The beginning of a text, for an error. The "…" also says that what is before it may be the half of a secret
---(host/excerpt.h).
---@param text string
---@param bytes integer  at most
---@return string
function options.beginning(text, bytes)
  if #text <= bytes then return text end
  while bytes > 0 and (text:byte(bytes + 1) or 0) & 0xC0 == 0x80 do bytes = bytes - 1 end
  return text:sub(1, bytes) .. "…"
end

local articles = {
  string = "a string", number = "a number", integer = "an integer", boolean = "a boolean",
  table = "a table", ["function"] = "a function", text = "a string or a secret", label = "a string or an integer",
}

local function fits(value, kind)
  if planned.is(value) then return true end   -- a plan does not know it yet
  if kind == "integer" then return math.type(value) == "integer" end
  if kind == "text" then return type(value) == "string" or type(value) == "userdata" end
  if kind == "any" then return true end
  if kind == "label" then return type(value) == "string" or math.type(value) == "integer" end
  return type(value) == kind
end

local function names_of(fields)
  local names = {}
  for i, field in ipairs(fields) do names[i] = field[1] end
  return names
end

---@class options.Shape
---@field kinds table<string, string>  by name
---@field required string[]

---@type table<table, options.Shape>  by the list of fields
local shapes = setmetatable({}, { __mode = "k" })

local function shape_of(fields)
  local shape = shapes[fields]
  if shape then return shape end
  shape = { kinds = {}, required = {} }
  for _, field in ipairs(fields) do
    shape.kinds[field[1]] = field[2]
    if field[3] then shape.required[#shape.required + 1] = field[1] end
  end
  shapes[fields] = shape
  return shape
end

-- Whether nothing is wrong with them: what is cheap to say of the many that are right.
local function all_right(o, shape)
  local kinds = shape.kinds
  for name, value in pairs(o) do
    local kind = kinds[name]
    if not kind or type(value) ~= kind and not fits(value, kind) then return false end
  end
  for _, name in ipairs(shape.required) do
    if o[name] == nil then return false end
  end
  return true
end

local function refuse_unknown(what, o, fields)
  local kinds = shape_of(fields).kinds
  for name in pairs(o) do
    if not kinds[name] then
      local names = names_of(fields)
      local near = core.nearest(tostring(name), names)
      failure { code = "misuse", class = "misuse", hint = near and ("did you mean '%s'?"):format(near),
        message = ("%s: unknown option '%s' (expected %s)"):format(what, name, table.concat(names, ", ")) }
    end
  end
end

---Raises "secret-refused" for a secret in a place where none may stand.
---@param value any
---@param place string  for the error: "workflow.output: 'a'"
---@param hint? string
function options.no_secret(value, place, hint)
  if secret.is(value) then secret.refuse(value, place, hint) end
end

---Checks a table of options and gives it back.
---@param what string  the function's name, for the error
---@param o table
---@param fields table[]  { name, kind, required? }; kinds: string, number, integer, boolean,
---table, function, any, label (a string or an integer), and text, which may be a secret
---@return table o
function options.read(what, o, fields)
  if type(o) ~= "table" then
    options.misuse("%s: expected a table of options, not a %s", what, type(o))
  end
  if all_right(o, shape_of(fields)) then return o end
  refuse_unknown(what, o, fields)
  for _, field in ipairs(fields) do
    local name, kind, required = field[1], field[2], field[3]
    local value = o[name]
    if value == nil and required then
      options.misuse("%s: option '%s' is required", what, name)
    elseif value ~= nil and not fits(value, kind) then
      options.no_secret(value, ("%s: option '%s'"):format(what, name))
      options.misuse("%s: option '%s' must be %s, not a %s", what, name, articles[kind],
        type(value))
    end
  end
  return o
end

return options
