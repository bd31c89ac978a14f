---Lines of NAME=value, as .env files hold them.
local core = require "dotenv.core"
local options = require "options"
local secret = require "secret.core"

local dotenv = { decode = core.decode }

local NAME = "^[%w_.-]+$"

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["$"] = "\\$", ["\\"] = "\\\\" }

-- Bare where that is safe, else in single quotes, in which nothing has a meaning for any reader.
local function written(name, value)
  if secret.is(value) then
    secret.refuse(value, ("dotenv.encode: %s"):format(name), "no file that is not sealed may hold one")
  end
  if type(value) == "number" or type(value) == "boolean" then value = tostring(value) end
  if type(value) ~= "string" then
    options.misuse("dotenv.encode: %s must be a text, a number or a boolean, not a %s", name, type(value))
  end
  if value:find "^[%w_./:@%%+,-]*$" then return value end
  if not value:find "['\n\r]" then return "'" .. value .. "'" end
  return '"' .. value:gsub('[\n\r\t"$\\]', escapes) .. '"'
end

function dotenv.encode(values)
  if type(values) ~= "table" then options.misuse("dotenv.encode: expected a table, not a %s", type(values)) end
  local lines = {}
  for name, value in pairs(values) do
    if type(name) ~= "string" or not name:find(NAME) then
      options.misuse("dotenv.encode: '%s' is no name: letters, digits, '_', '.' and '-'", tostring(name))
    end
    lines[#lines + 1] = name .. "=" .. written(name, value) .. "\n"
  end
  return table.concat(lines)
end

return dotenv
