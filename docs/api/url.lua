---@meta url

local url = {}

---Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
---@param text string
---@return string
function url.encode(text) end

---"a=1&b=2"; names sorted.
---@param fields table<string, string|number|boolean>
---@return string
function url.query(fields) end

return url
