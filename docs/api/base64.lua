---@meta base64

---Base64 (RFC 4648), strictly.
local base64 = {}

---@class base64.Options
---@field url? boolean  the alphabet with `-` and `_`, without padding (false)

---Writes bytes as text; of a secret comes a secret, which may go where that one may. Raises a misuse
---for anything else.
---@param bytes string|secret.Template
---@param options? base64.Options
---@return string|secret.Template text
function base64.encode(bytes, options) end

---Reads text as bytes. With `url` the padding may be absent.
---
---Raises `base64-invalid` (fatal) with the first wrong byte: white space, a digit of the other
---alphabet, wrong padding, bits that belong to no byte. Raises a misuse for a secret.
---@param text string
---@param options? base64.Options
---@return string bytes
function base64.decode(text, options) end

return base64
