---What crosses between JSON and the state: the state keeps plain tables, JSON knows null and
---empty arrays.
local json = require "json"

local data = {}

-- What is null leaves no gap.
local function plain_list(list)
  local copy = {}
  for _, item in ipairs(list) do copy[#copy + 1] = data.plain(item) end
  return copy
end

---A deep copy fit for the state: no nulls, no marks of the JSON library.
function data.plain(value)
  if value == json.null then return nil end
  if type(value) ~= "table" then return value end
  if #value > 0 then return plain_list(value) end
  local copy = {}
  for key, item in pairs(value) do copy[key] = data.plain(item) end
  return copy
end

---A copy marked as an array, so that an empty list is written as one.
---@param list? any[]
---@param each? fun(item: any): any  applied to every item
function data.array(list, each)
  local copy = {}
  for i, item in ipairs(list or {}) do copy[i] = each and each(item) or item end
  return json.array(copy)
end

---What a JSON merge patch (RFC 7396) makes of a value, fit for the state.
---@param value any  plain
---@param patch any  as decoded
function data.merged(value, patch)
  if type(patch) ~= "table" or #patch > 0 then return data.plain(patch) end
  local merged = data.plain(data.object(value) or {})
  for key, item in pairs(patch) do
    if item == json.null then merged[key] = nil else merged[key] = data.merged(merged[key], item) end
  end
  return merged
end

---The value itself, or JSON's null where Lua has nothing.
function data.nullable(value)
  if value == nil then return json.null end
  return value
end

---@param value any
---@return string|nil  the value when it is text and not empty
function data.text(value)
  if type(value) == "string" and value ~= "" then return value end
end

---@param value any
---@return table|nil  the value when it is an object of JSON: a table without positions
function data.object(value)
  if type(value) == "table" and #value == 0 then return value end
end

---@param list any[]
---@param wanted fun(item: any): any
---@return any[]
function data.filter(list, wanted)
  local kept = {}
  for _, item in ipairs(list) do
    if wanted(item) then kept[#kept + 1] = item end
  end
  return kept
end

---@param list any[]
---@param key string
---@param value any
---@return any|nil item, integer|nil index  the first item whose field has this value
function data.find(list, key, value)
  for i, item in ipairs(list) do
    if item[key] == value then return item, i end
  end
end

return data
