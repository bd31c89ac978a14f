---Percent-encoding and queries. Parts that hold secrets give templates.
local url = {}

---Percent-encodes everything but unreserved characters (RFC 3986).
---@param text string
---@return string
function url.encode(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

---"a=1&b=2" from a table, names sorted; the values are strings, numbers or booleans.
---@param fields table<string, string|number|boolean>
---@return string
function url.query(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = url.encode(name) .. "=" .. url.encode(tostring(value))
  end
  return table.concat(parts, "&")
end

return url
