---What the lists of zones and records share: which items pass, and in what order they come.
local filter = {}

---@param item any
---@param filters (fun(item: any): boolean)[]
---@param match? string  "any": one filter is enough ("all")
---@return boolean
function filter.passes(item, filters, match)
  local any = match == "any" and #filters > 0
  for _, passes in ipairs(filters) do
    if passes(item) == any then return any end
  end
  return not any
end

local function text_of(item, key)
  local value = item[key]
  if type(value) == "boolean" then return value and 1 or 0 end
  return value
end

local function before(one, other)
  if type(one) ~= type(other) then return tostring(one) < tostring(other) end
  return one < other
end

---Sorts a list in place by a field; items that agree in it keep their order.
---@param list table[]
---@param key? string|false  without one the order stays
---@param direction? string  "asc" or "desc" ("asc")
function filter.sort(list, key, direction)
  if not key then return end
  local places = {}
  for i, item in ipairs(list) do places[item] = i end
  table.sort(list, function(a, b)
    local one, other = text_of(a, key) or "", text_of(b, key) or ""
    if one == other then return places[a] < places[b] end
    if direction == "desc" then one, other = other, one end
    return before(one, other)
  end)
end

return filter
