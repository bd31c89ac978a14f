---@meta base64

---Base64 (RFC 4648), strictly.
local base64 = {}

---@class base64.Options
---@field url? boolean  the alphabet with `-` and `_`, without padding (false)

---Writes bytes as text. Raises a misuse for what is not a string: a secret is resolved only
---by what sends it, and cannot be encoded.
---@param bytes string
---@param options? base64.Options
---@return string text
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
