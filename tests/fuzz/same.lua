---Whether two values hold the same, down to which is a list and which number is an integer.
local json = require "json"

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and (math.type(a) == math.type(b) or math.type(a) == "float")
  end
  if next(a) == nil and json.encode(a) ~= json.encode(b) then return false end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

return same
