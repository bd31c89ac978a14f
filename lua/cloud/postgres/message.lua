---The few messages of PostgreSQL's protocol that stand before a session. Pure.
local message = {}

-- In place of a version:
local CANCEL = 80877102       -- end another session's statement
local TLS = 80877103          -- begin with a handshake

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

local function code_of(bytes) return #bytes >= 8 and select(2, (">I4I4"):unpack(bytes)) or nil end

---@param bytes string  the first that a client sends
---@return boolean  that it wants a statement of another session ended
function message.is_cancel(bytes) return code_of(bytes) == CANCEL end

---@param bytes string  the first that a client sends
---@return boolean  that it wants TLS
function message.wants_tls(bytes) return code_of(bytes) == TLS end

return message
