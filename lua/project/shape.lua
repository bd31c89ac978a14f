---What a file of YAML may hold: its keys and their types. What is wrong is named with file and line.
---
---A shape is the name of a type (`checkers` below), a table of keys, { list = shape } or { map = shape }.
local core = require "core"
local yaml = require "yaml"

local shape = {}

local units = { s = 1, m = 60, h = 3600, d = 86400, ms = 0.001 }

---"30s", "5m", "1.5h" or a number of seconds.
---@param value string|number
---@return number|nil seconds
function shape.duration(value)
  if type(value) == "number" then return value >= 0 and value or nil end
  local number, unit = tostring(value):match("^(%d+%.?%d*)(%a+)$")
  return number and units[unit] and tonumber(number) * units[unit] or nil
end

-- Errors --------------------------------------------------------------------------

-- The reader of YAML writes the items of a list in brackets: "zones[2].name" is our "zones.2.name".
local function in_brackets(path)
  return (("." .. path):gsub("%.(%d+)%f[.\0]", "[%1]"):gsub("^%.", ""))
end

-- What has no line of its own has that of what holds it.
local function line_of(file, path)
  while path do
    local line = file.lines[path] or file.lines[in_brackets(path)]
    if line then return line end
    path = path:match("^(.*)%.[^.]*$")
  end
  return 1
end

---Raises "config".
---@param file { name: string, lines?: table<string, integer> }  without lines only the name is told
---@param path string  of what is wrong: "workers.api.path"
---@param what string
---@param hint? string
function shape.wrong(file, path, what, hint)
  local place = file.lines and ("%s:%d"):format(file.name, line_of(file, path)) or file.name
  failure {
    code = "config", class = "misuse", about = file.name, hint = hint,
    message = ("%s: %s%s"):format(place, path == "" and "" or path .. ": ", what),
  }
end

-- Values --------------------------------------------------------------------------

local checkers = {
  any = function(value) return value end,
  text = function(value) return type(value) == "string" and value or nil, "must be a text" end,
  integer = function(value) return math.type(value) == "integer" and value or nil, "must be an integer" end,
  number = function(value) return type(value) == "number" and value or nil, "must be a number" end,
  boolean = function(value)
    if type(value) == "boolean" then return value end
    return nil, "must be true or false"
  end,
  duration = function(value)
    return shape.duration(value), "must be a duration such as 30s or 5m"
  end,
}

---@param t table
---@return string[]
function shape.names(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  return list
end

local function join(path, key)
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

local function check_keys(file, value, keys, path)
  local out = {}
  for key, item in pairs(value) do
    local here = join(path, key)
    if not keys[key] then
      local near = core.nearest(tostring(key), shape.names(keys))
      shape.wrong(file, here, "unknown key" .. (near and (", did you mean '%s'?"):format(near)
        or ", known are " .. table.concat(shape.names(keys), ", ")))
    end
    out[key] = shape.check(file, item, keys[key], here)
  end
  return out
end

local function check_all(file, value, item_shape, path)
  local out = {}
  for key, item in pairs(value) do out[key] = shape.check(file, item, item_shape, join(path, key)) end
  return out
end

---A checked copy, durations in seconds; raises "config".
---@param file { name: string, lines?: table }
---@param value any
---@param wanted string|table  its shape
---@param path string  where it stands; "": the whole
---@return any
function shape.check(file, value, wanted, path)
  if type(wanted) == "string" then
    local checked, why = checkers[wanted](value)
    if checked == nil then shape.wrong(file, path, why) end
    return checked
  end
  if type(value) ~= "table" then
    shape.wrong(file, path, wanted.list and "must be a list" or "must be a mapping")
  end
  if wanted.list then
    if next(value) ~= nil and #value == 0 then shape.wrong(file, path, "must be a list") end
    return check_all(file, value, wanted.list, path)
  end
  if #value > 0 then shape.wrong(file, path, "must be a mapping, not a list") end
  if wanted.map then return check_all(file, value, wanted.map, path) end
  return check_keys(file, value, wanted, path)
end

---@param file table
---@param value table
---@param path string
---@param keys string[]  each must be there
function shape.require_keys(file, value, path, keys)
  for _, key in ipairs(keys) do
    if value[key] == nil then shape.wrong(file, path, ("the key '%s' is required"):format(key)) end
  end
end

-- Files ---------------------------------------------------------------------------

---Reads a text of YAML that is a mapping; raises "config" or "yaml-invalid".
---@param text string
---@param name string  of the file, for errors
---@param keys table   its shape
---@param hint string  for a text that is no mapping
---@return table value, table file  for what is checked further
function shape.read(text, name, keys, hint)
  local value, lines = yaml.decode(text, { name = name })
  local file = { name = name, lines = lines or {} }
  if type(value) ~= "table" or #value > 0 then
    local empty = not ("\n" .. text):find("\n%s*[^%s#]")
    shape.wrong(file, "", empty and "the file is empty" or "must be a mapping of keys to values", hint)
  end
  return shape.check(file, value, keys, ""), file
end

return shape
