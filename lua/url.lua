---Percent-encoding and queries. A secret has no place in an address: it is refused.
local options = require "options"

local url = {}

local plain = { string = true, number = true, boolean = true }

---Percent-encodes everything but unreserved characters (RFC 3986).
---@param text string
---@return string
function url.encode(text)
  if type(text) ~= "string" then options.misuse("url.encode: expected a text, not a %s", type(text)) end
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

---"a=1&b=2" from a table, names sorted; the values are strings, numbers or booleans.
---@param fields table<string, string|number|boolean>
---@return string
function url.query(fields)
  local parts = {}
  if type(fields) ~= "table" then options.misuse("url.query: expected a table, not a %s", type(fields)) end
  for name, value in pairs(fields) do
    if type(name) ~= "string" or not plain[type(value)] then
      options.misuse("url.query: '%s' must be a text, a number or a boolean, not a %s", tostring(name), type(value))
    end
    parts[#parts + 1] = url.encode(name) .. "=" .. url.encode(tostring(value))
  end
  return table.concat(parts, "&")
end

return url
