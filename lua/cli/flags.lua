---Command-line flags: --name value, --name=value, --flag, --no-flag; types from a table.
local core = require "core"
local options = require "options"
local shape = require "project.shape"

local flags = {}

local usage = options.usage

local function names_of(params)
  local list = {}
  for name in pairs(params) do list[#list + 1] = name end
  return list
end

local function unknown(name, params)
  local near = core.nearest(name, names_of(params))
  usage(("unknown flag --%s"):format(name), near and ("did you mean --%s?"):format(near)
    or "known are --" .. table.concat(names_of(params), ", --"))
end

local readers = {
  string = function(text) return text end,
  integer = function(text) return text:find("^-?%d+$") and math.tointeger(tonumber(text)) or nil, "an integer" end,
  number = function(text) return tonumber(text), "a number" end,
  boolean = function(text)
    if text == "true" then return true elseif text == "false" then return false end
    return nil, "true or false"
  end,
  list = function(text)
    local items = {}
    for item in text:gmatch("[^,]+") do items[#items + 1] = item end
    return items
  end,
  texts = function(text) return { text } end,   -- each is given by a flag of its own, commas and all
}

local function read(name, param, text)
  local value, expected = readers[param.type](text)
  if param.least and expected then expected = ("%s of at least %s"):format(expected, param.least) end
  if value == nil or param.least and value < param.least then
    usage(("--%s expects %s, not '%s'"):format(name, expected, text))
  end
  return value
end

-- The parameter a flag means: its name may be written with - for _, and --no-x is x = false.
local function lookup(name, params)
  local underscored = name:gsub("-", "_")
  for _, candidate in ipairs { name, underscored } do
    if params[candidate] then return candidate, params[candidate] end
  end
  local positive = name:match("^no%-(.+)$")
  if positive and params[positive] and params[positive].type == "boolean" then
    return positive, params[positive], true
  end
  unknown(name, params)
end

local function fill(values, params)
  for name, param in pairs(params) do
    if values[name] == nil then values[name] = param.default end
    if values[name] == nil and param.required then
      usage(("--%s is required%s"):format(name, param.help and (": " .. param.help) or ""))
    end
  end
end

---@param arguments string[]  from the command line
---@param params table<string, table>  name -> { type, required, default, least, help, many (a list given in parts) }
---@return table values, string[] rest  rest: what is no flag
function flags.parse(arguments, params)
  local values, rest, i = {}, {}, 1
  while i <= #arguments do
    local argument = arguments[i]
    local name, text = argument:match("^%-%-([%w_-]+)=(.*)$")
    name = name or argument:match("^%-%-([%w_-]+)$")
    if argument == "--" then
      table.move(arguments, i + 1, #arguments, #rest + 1, rest)
      break
    elseif not name then
      if argument:find("^%-.") then usage(("unknown flag %s"):format(argument)) end
      rest[#rest + 1] = argument
    else
      local key, param, negated = lookup(name, params)
      local before = values[key]
      if before ~= nil and not param.many then usage(("--%s is given twice"):format(name)) end
      if param.type == "boolean" and not text then
        values[key] = not negated
      else
        if not text then
          i, text = i + 1, arguments[i + 1]
          if not text then usage(("--%s expects a value"):format(name)) end
        end
        values[key] = read(name, param, text)
        if before then table.move(values[key], 1, #values[key], #before + 1, before) end
        values[key] = before or values[key]
      end
    end
    i = i + 1
  end
  fill(values, params)
  return values, rest
end

---What a flag says that takes a time, such as 50ms or 2s; a number alone is seconds.
---@param values table  of flags.parse
---@param name string
---@return number|nil seconds  nil: the flag was not given
function flags.duration(values, name)
  local given = values[name]
  if not given then return nil end
  return shape.duration(tonumber(given) or given)
    or usage(("--%s must be a time such as 50ms or 2s, not '%s'"):format(name, given))
end

---Whether --help stands among the arguments.
---@param arguments string[]
---@return boolean
function flags.asks_for_help(arguments)
  for _, argument in ipairs(arguments) do
    if argument == "--help" or argument == "-h" then return true end
    if argument == "--" then return false end
  end
  return false
end

return flags
