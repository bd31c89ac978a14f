---What stands in requests to Neon's API, read and judged; and how it is refused.
---
---Assumed: the words for malformed bodies, and that they are a 400.
local data = require "cloud.data"
local json = require "json"
local route = require "cloud.route"

local body = {}

---@param status integer
---@param message string
---@param code? string  such as BRANCHES_LIMIT_EXCEEDED
function body.refuse(status, message, code)
  route.refuse { status = status, message = message, code = code }
end

local refuse = body.refuse

---A part of a body that is an object, empty when it is left out.
---@return table
function body.object(value, name)
  if value == nil or value == json.null then return {} end
  return data.object(value) or refuse(400, name .. " must be an object")
end

---The object that a request is about.
---@return table  without nulls
function body.required(context, name)
  local value = context.body[name]
  if value == nil or value == json.null then refuse(400, name .. " is required") end
  return data.plain(body.object(value, name))
end

---@return string|nil
function body.name(value, what, longest)
  if value == nil then return nil end
  if not data.text(value) or #value > longest then
    refuse(400, ("%s must have 1 to %d bytes"):format(what, longest))
  end
  return value
end

---@return boolean|nil
function body.boolean(value, what)
  if value == nil or type(value) == "boolean" then return value end
  refuse(400, what .. " must be true or false")
end

---@return integer|nil
function body.integer(value, what, least, most)
  if value == nil then return nil end
  local whole = type(value) == "number" and math.tointeger(value)
  if not whole or whole < least or whole > most then
    refuse(400, ("%s must be a whole number from %d to %d"):format(what, least, most))
  end
  return whole
end

---Annotations: at most 50 texts.
---@return table
function body.annotation(value)
  value = data.plain(body.object(value, "annotation_value"))
  local count = 0
  for _, text in pairs(value) do
    if type(text) ~= "string" then refuse(400, "annotation values are strings") end
    count = count + 1
  end
  if count > 50 then refuse(400, "an annotation has at most 50 properties") end
  return value
end

---Refuses another one where as many are as may be.
---@param what string   plural: branches
---@param have integer
---@param limit integer
function body.limit(what, have, limit)
  if have < limit then return end
  refuse(422, what .. " limit exceeded", what:upper():gsub(" ", "_") .. "_LIMIT_EXCEEDED")
end

return body
