---Commands in a line that a step printed, as GitHub's runner reads them (ActionCommand in actions/runner).
---
---"::name key=value,…::data" begins a line, after white space; "##[name key=value;…]data" is the older form and is
---found anywhere in it. A name that is not registered is no command.
local load_file = require("core").load_file

local text = assert(load_file "tests/runner/text.lua")()

local commands = {}

---@class runner.Command
---@field name string   as it was written
---@field properties table<string, string>  by their names in lower case
---@field data string

-- Taken back one after the other, "%25" last.
local in_data = { { "%0D", "\r" }, { "%0A", "\n" }, { "%25", "%" } }
local in_property = { { "%0D", "\r" }, { "%0A", "\n" }, { "%3A", ":" }, { "%2C", "," }, { "%25", "%" } }
local in_old_form = { { "%3B", ";" }, { "%0D", "\r" }, { "%0A", "\n" }, { "%5D", "]" }, { "%25", "%" } }

local function unescape(s, mapping)
  for _, entry in ipairs(mapping) do
    s = s:gsub(entry[1]:gsub("%%", "%%%%"), (entry[2]:gsub("%%", "%%%%")))
  end
  return s
end

local function properties_of(s, separator, mapping)
  local properties = {}
  for pair in s:gmatch("[^" .. separator .. "]+") do
    local name, value = pair:match "^=*([^=]+)=+(.+)$"
    if name then properties[name:lower()] = unescape(value, mapping) end
  end
  return properties
end

local function is_registered(name, registered) return registered[name:lower()] end

local function new_form(line, registered)
  local message = text.trim_start(line)
  if message:sub(1, 2) ~= "::" then return nil end
  local last = message:find("::", 3, true)
  if not last then return nil end
  local name, rest = message:sub(3, last - 1):match "^([^ ]*) ?(.*)$"
  if not is_registered(name, registered) then return nil end
  return { name = name, properties = properties_of(text.trim(rest), ",", in_property),
    data = unescape(message:sub(last + 2), in_data) }
end

local function old_form(line, registered)
  local name, rest, data = line:match "##%[([^%] ]*) ?([^%]]*)%](.*)$"
  if not name or not is_registered(name, registered) then return nil end
  return { name = name, properties = properties_of(rest, ";", in_old_form), data = unescape(data, in_old_form) }
end

---@param line string
---@param registered table<string, boolean>  names in lower case
---@return runner.Command|nil
function commands.parse(line, registered)
  return new_form(line, registered) or old_form(line, registered)
end

return commands
