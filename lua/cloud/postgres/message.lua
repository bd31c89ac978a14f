---The few messages of PostgreSQL's protocol that stand before a session. Pure.
local message = {}

local CANCEL = 80877102       -- in place of a version: end another session's statement

---An ErrorResponse, after which the connection ends.
---@param code string  SQLSTATE
---@param text string
---@param severity? string  ("FATAL")
---@return string bytes
function message.refusal(code, text, severity)
  severity = severity or "FATAL"
  local fields = ("S%s\0V%s\0C%s\0M%s\0\0"):format(severity, severity, code, (text:gsub("%z", "")))
  return "E" .. (">I4"):pack(#fields + 4) .. fields
end

---@param bytes string  the first that a client sends
---@return boolean  that it wants a statement of another session ended
function message.is_cancel(bytes)
  if #bytes < 8 then return false end
  local _, code = (">I4I4"):unpack(bytes)
  return code == CANCEL
end

return message
