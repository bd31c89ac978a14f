---How Neon's proxy says no to SQL over HTTP: a status, and an error with PostgreSQL's fields, all of them always
---there. Pure.
local json = require "json"

local refusal = {}

-- What stands in an error's body, and what the server calls it.
local names = {
  detail = "detail", hint = "hint", position = "position", internalPosition = "internal_position",
  internalQuery = "internal_query", where = "where", table = "table", column = "column", schema = "schema",
  dataType = "datatype", constraint = "constraint", file = "file", line = "line", routine = "routine",
}

---@param message string
---@param said? table    the server's fields
---@param code? string   SQLSTATE
---@return table body
function refusal.body(message, said, code)
  said = said or {}
  if not utf8.len(message) then message = message:gsub("[\x80-\xff]", "?") end   -- a client's bytes, which JSON has not
  local body = { message = message, code = code or "", severity = said.severity or "" }
  for name, theirs in pairs(names) do body[name] = said[theirs] or json.null end
  return body
end

return refusal
