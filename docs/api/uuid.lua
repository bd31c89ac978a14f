---@meta uuid

---UUIDs (RFC 9562).
local uuid = {}

---"00000000-0000-0000-0000-000000000000"
---@type string
uuid.null = nil

---A random one. A run that is resumed gets the same again.
---@return string
function uuid.v4() end

---One that begins with the time, in milliseconds: they sort in the order in which they were made,
---also within one millisecond. A run that is resumed gets the same again.
---@return string
function uuid.v7() end

---Whether it is a text in the form of a UUID, digits of either case, without braces or "urn:uuid:".
---@param text any
---@return boolean
function uuid.is(text) end

---@class uuid.Parts
---@field text string     in lower case
---@field version integer 1 to 8; 0 for the null UUID and those of other variants
---@field bytes string    the 16 bytes
---@field time? number    Unix seconds, of versions 1, 6 and 7

---Raises `uuid-invalid` (fatal) for what is none.
---@param text string
---@return uuid.Parts
function uuid.parse(text) end

return uuid
