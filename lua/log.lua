---Log lines on stderr, masked like everything else that leaves: level, message, fields.
local json = require "json"

local secret = require "secret.core"

local log = {}

local function value_text(value)
  if type(value) == "string" and not value:find("[%s=\"]") then return value end
  if type(value) == "table" or type(value) == "string" then return json.encode(value) end
  return secret.is(value) and value or tostring(value)
end

-- Its name alone would be safe; but who puts one into a log means to see it, and should hear of it.
local function refuse_secret(level, name, value)
  if secret.is(value) then
    secret.refuse(value, ("log.%s: field '%s'"):format(level, name), "secret.names tells the name of a secret")
  end
  return value
end

local function write(level, message, fields)
  refuse_secret(level, "message", message)
  if type(message) ~= "string" then
    failure { code = "misuse", class = "misuse",
      message = ("log.%s: expected a text, not a %s"):format(level, type(message)) }
  end
  if fields ~= nil and type(fields) ~= "table" then
    failure { code = "misuse", class = "misuse",
      message = ("log.%s: fields are a table, not a %s"):format(level, type(fields)) }
  end
  local parts = { ("%-5s %s"):format(level, message) }
  for name, value in pairs(fields or {}) do
    parts[#parts + 1] = ("%s=%s"):format(name, refuse_secret(level, tostring(name), value_text(value)))
  end
  io.stderr:write(table.concat(parts, " "), "\n")
end

function log.debug(message, fields) write("debug", message, fields) end

function log.info(message, fields) write("info", message, fields) end

function log.warn(message, fields) write("warn", message, fields) end

function log.error(message, fields) write("error", message, fields) end

return log
