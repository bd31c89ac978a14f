---SQL over WebSockets: PostgreSQL's own protocol in binary messages, handed on to the branch's server.
---
---The driver sends its password in clear text before it was asked, as Neon's proxy expects; the server
---asks connections from hosts.proxy_address for just that. Assumed: how Neon closes when the database does.
local hosts = require "cloud.neon.hosts"
local message = require "cloud.postgres.message"
local task = require "task"
local tcp = require "tcp.core"

local socket = {}

local PORT = 5432
local CONNECT_TIMEOUT = 10
local LARGEST = 64 << 20   -- bytes of a message

-- ---- what the proxy says itself ---------------------------------------------------------------

local function refuse(ws, code, text, severity)
  ws:receive()   -- its startup: an answer before would come to a client that does not listen yet
  ws:send(message.refusal(code, text, severity), "binary")
end

-- ---- bytes both ways --------------------------------------------------------------------------

local function to_database(ws, peer)
  for bytes in ws:messages() do peer:send(bytes) end
  peer:close()
end

local AUTHENTICATED = "R\0\0\0\8\0\0\0\0"

-- Neon's proxy knows passwords itself, and has quotes of its own; the length stays.
local function in_words_of_neon(bytes)
  return (bytes:gsub('password authentication failed for user "(.-)"', "password authentication failed for user '%1'"))
end

local function to_client(peer, ws)
  local authenticated = false
  for bytes in function() return peer:receive() end do
    authenticated = authenticated or bytes:find(AUTHENTICATED, 1, true) ~= nil
    ws:send(authenticated and bytes or in_words_of_neon(bytes), "binary")
  end
end

-- A connection that breaks on either side is an ordinary end.
local function talk(ws, peer)
  local connection <close> = peer
  local _, err = try(task.nursery, function(spawn)
    spawn("to the database", function() to_database(ws, connection) end)
    to_client(connection, ws)
    ws:close()
  end)
  if err and err.class == "cancelled" then error(err, 0) end
end

local ABSENT = "The requested endpoint could not be found, or you don't have access to it. "
  .. "Please check the provided ID and try again."

local function dial(cloud, host)
  local _, endpoint = hosts.find(cloud.state, host)
  if not endpoint then return nil, "08001", ABSENT end
  local peer, err = try(task.deadline, CONNECT_TIMEOUT, tcp.connect, {
    address = hosts.address(cloud.state, endpoint), port = PORT, from = hosts.proxy_address(cloud.state) })
  if err and err.class == "cancelled" then error(err, 0) end
  return peer, "08006", "Couldn't connect to compute node"
end

-- ---- requests ---------------------------------------------------------------------------------

-- A client that names the local cloud itself says in the query where it wants to go.
local function host_of(request)
  if hosts.is_proxy(request.host) then return request.host end
  return (request.query or ""):match "address=([^&:]+)" or ""
end

local function opened(talks)
  return { status = 101, max_message = LARGEST, ping = 0, websocket = talks }
end

---@param cloud cloud.Cloud
---@param request table  for a WebSocket
---@return table response
function socket.answer(cloud, request)
  return opened(function(ws)
    local peer, code, text = dial(cloud, host_of(request))
    if peer then return talk(ws, peer) end
    refuse(ws, code, text)
  end)
end

---A connection that is opened and then refused: HTTP has no word for what the proxy says by PostgreSQL's protocol.
---@param why { code: string, message: string, severity: string }
---@return table response
function socket.refusing(why)
  return opened(function(ws) refuse(ws, why.code, why.message, why.severity) end)
end

return socket
