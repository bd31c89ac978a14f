---A WebSocket between a visitor and a Worker: each message goes on as it came, and so does the close.
local task = require "task"
local websocket = require "websocket"

local relay = {}

local CONNECT_TIMEOUT = 60
local LARGEST_MESSAGE = 32 << 20   -- bytes, as of the service
local PING = 0                     -- the visitor's and the Worker's own business

-- What a close may say; other codes are made by who notices the end.
local function may_be_said(code)
  return code == 1000 or code == 1001 or code == 1003 or code == 1008 or code == 1009 or code == 1011
    or code and code >= 3000 and code <= 4999
end

-- Until one side closes: then the other is told, with the same words.
local function pass(from, to)
  local _, err = try(function()
    for message, kind in from:messages() do to:send(message, kind) end
  end)
  if err and err.class == "cancelled" then error(err, 0) end
  local code = from.code
  if may_be_said(code) then
    try(to.close, to, code, from.reason)
  else
    try(to.close, to, err and 1011 or 1000)
  end
end

local function talk(visitor, worker)
  local socket <close> = worker
  task.nursery(function(spawn)
    spawn("to the Worker", function() pass(visitor, socket) end)
    pass(socket, visitor)
  end)
end

-- The handshake is made anew on each side.
local function of_handshake(name) return name:find "^sec%-websocket%-" or name == "host" end

local function protocols_of(headers)
  local list = {}
  for name in (headers["sec-websocket-protocol"] or ""):gmatch "[^%s,]+" do list[#list + 1] = name end
  return #list > 0 and list or nil
end

-- What a Worker answers that wants no WebSocket, as far as its beginning is known.
local function refused(err)
  return { status = err.status, body = err.body, headers = { ["content-type"] = "text/plain; charset=utf-8" } }
end

---Opens the Worker's side of a visitor's WebSocket.
---@param url string      with the public host
---@param port integer    where the Worker listens
---@param headers table<string, string>  for the Worker
---@return table response  that makes a WebSocket of the visitor's request, or refuses it with the Worker's status
function relay.open(url, port, headers)
  local passed = {}
  for name, value in pairs(headers) do
    if not of_handshake(name) then passed[name] = value end
  end
  local worker, err = try(websocket.connect, { url = url, connect_to = "127.0.0.1:" .. port, proxy = "",
    headers = passed, protocols = protocols_of(headers), timeout = CONNECT_TIMEOUT, ping = PING,
    max_message = LARGEST_MESSAGE })
  if err and err.code == "websocket-refused" then return refused(err) end
  if err then error(err, 0) end
  return { status = 101, websocket = function(visitor) talk(visitor, worker) end, ping = PING,
    protocols = worker.protocol and { worker.protocol } or nil, max_message = LARGEST_MESSAGE }
end

return relay
