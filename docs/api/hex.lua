---@meta hex

---Bytes as hexadecimal digits (RFC 4648, section 8).
local hex = {}

---Two lower-case digits a byte. Raises a misuse for a secret.
---@param bytes string
---@return string digits
function hex.encode(bytes) end

---Reads digits of either case, and nothing else.
---
---Raises `hex-invalid` (fatal) with the first wrong byte, or for an odd number of digits. Raises a
---misuse for a secret.
---@param digits string
---@return string bytes
function hex.decode(digits) end

return hex
