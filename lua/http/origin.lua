---Where a URL leads: its origin (scheme, host and port, RFC 6454), as one text to compare.
local origin = {}

local ports = { http = "80", https = "443" }

---@param address string
---@return string|nil origin  "https://host:443"; nil for what is no http or https URL
---@return string|nil scheme
function origin.of(address)
  local scheme, authority = address:match("^(%a[%w+.-]*)://([^/?#\\]*)")
  scheme = scheme and scheme:lower()
  if not ports[scheme] then return nil end
  local place = authority:match("@([^@]*)$") or authority
  local host, port = place:match("^(%[[^%]]*%]):?(%d*)$")
  if not host then host, port = place:match("^([^:]*):?(%d*)$") end
  if not host or host == "" then return nil end
  port = port ~= "" and tostring(tonumber(port)) or ports[scheme]
  return ("%s://%s:%s"):format(scheme, host:lower(), port), scheme
end

---An address as errors name it: without its query and without who asks, where tokens stand.
---@param address string
---@return string
function origin.shown(address)
  return (address:gsub("[?#].*", ""):gsub("^(%a[%w+.-]*://)[^/@]*@", "%1"))
end

return origin
