---The proxy that stands before Neon's databases: SQL over HTTP and over WebSockets, on the databases' own
---hosts and, for clients that are told so, on the local cloud's port. To faults and records these are operations of
---Neon as those of its API: POST /sql, and the opening of a WebSocket.
local exchange = require "cloud.exchange"
local hosts = require "cloud.neon.hosts"
local http = require "cloud.sql_proxy.http"
local socket = require "cloud.sql_proxy.socket"

local sql_proxy = {}

local own_paths = { ["/sql"] = true, ["/v2"] = true }

local function wants_websocket(request)
  return (request.headers.upgrade or ""):lower() == "websocket"
end

-- The request as one to the service, whose own host it names.
local function as_seen(request, own)
  local seen = {}
  for name, value in pairs(request) do seen[name] = value end
  if own then seen.host = hosts.proxy() end
  return seen
end

---@param cloud cloud.Cloud
---@param request table
---@param own boolean  it came to the local cloud's own host
---@return table|nil response  nil: the request is not for this proxy
function sql_proxy.answer(cloud, request, own)
  if own and not own_paths[request.path] or not own and not hosts.is_proxy(request.host) then return nil end
  local plane = wants_websocket(request) and socket or http
  local response = exchange.answer(cloud, as_seen(request, own), function() return plane.answer(cloud, request) end)
  return response.refusal and socket.refusing(response.refusal) or response
end

return sql_proxy
