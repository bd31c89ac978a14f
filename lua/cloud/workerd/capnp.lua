---Literals of Cap'n Proto's text format, in which workerd's configuration is written. Pure.
local capnp = {}

local function escape(byte)
  return ("\\x%02x"):format(byte:byte())
end

---A string; what is not plain ASCII goes byte by byte.
---@param text string
---@return string
function capnp.quote(text)
  return '"' .. text:gsub('[%c"\\\x7f-\xff]', escape) .. '"'
end

---A list, each item as `write` puts it.
---@param items any[]
---@param write fun(item: any): string
---@return string
function capnp.list(items, write)
  local out = {}
  for i, item in ipairs(items) do out[i] = write(item) end
  return "[" .. table.concat(out, ", ") .. "]"
end

---A list of literals, one a line.
---@param literals string[]
---@return string
function capnp.lines(literals)
  return "[" .. table.concat(literals, ",\n      ") .. "]"
end

return capnp
