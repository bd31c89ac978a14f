---The proxy that stands before Neon's databases: SQL over HTTP and over WebSockets, on the databases' own
---hosts and, for clients that are told so, on the local cloud's port.
local hosts = require "cloud.neon.hosts"
local http = require "cloud.sql_proxy.http"
local socket = require "cloud.sql_proxy.socket"

local sql_proxy = {}

local own_paths = { ["/sql"] = true, ["/v2"] = true }

local function wants_websocket(request)
  return (request.headers.upgrade or ""):lower() == "websocket"
end

---@param cloud cloud.Cloud
---@param request table
---@param own boolean  it came to the local cloud's own host
---@return table|nil response  nil: the request is not for this proxy
function sql_proxy.answer(cloud, request, own)
  if own and not own_paths[request.path] or not own and not hosts.is_proxy(request.host) then return nil end
  if wants_websocket(request) then return socket.answer(cloud, request) end
  return http.answer(cloud, request)
end

return sql_proxy
