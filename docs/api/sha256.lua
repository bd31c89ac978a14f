---@meta sha256

---The SHA-256 hash of a text. Raises a misuse for what is not a string, a secret included.
---@param text string
---@return string hash  64 lower-case hexadecimal digits
local function sha256(text) end

return sha256
