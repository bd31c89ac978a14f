---An HTTP(S) server on loopback: for the local cloud, and for tests.
---Every request is answered in a task of its own, so a handler may wait.
local core = require "server.core"
local options = require "options"
local task = require "task"

local server = {}

---@class server.Server
---@field port integer
---@field url string
local Server = {}
Server.__index = Server
Server.__name = "server"

local function check_function(what, value)
  if type(value) ~= "function" then
    failure { code = "misuse", class = "misuse",
      message = ("%s: expected a function, not a %s"):format(what, type(value)) }
  end
end

-- Answering -------------------------------------------------------------------

local reply_fields = { status = true, headers = true, body = true, close = true, cut = true, stream = true,
  websocket = true, protocols = true, max_message = true, max_queued = true, ping = true, close_timeout = true }

---A handler returns status, body, headers, or one table of them.
local function read_reply(status, body, headers)
  if type(status) ~= "table" then return { status = status, body = body, headers = headers } end
  for name in pairs(status) do
    if not reply_fields[name] then
      error(("server: unknown field '%s' in a reply (expected status, headers, body, close, websocket …)")
        :format(name), 0)
    end
  end
  return status
end

---Says close when the function returns, and that something went wrong when it raises.
local function talk(ws, f)
  local socket <close> = ws
  local _, err = try(f, socket)
  if not err then
    socket:close()
  else
    if err.class ~= "cancelled" then try(socket.close, socket, 1011) end
    error(err, 0)
  end
end

---A reply with `stream` is sent while the function writes it; one that raises breaks off.
local function write(request, reply)
  check_function("server: stream", reply.stream)
  local out <close> = request:stream(reply.status or 200, reply.headers)
  reply.begun = true
  reply.stream(out)
  out:finish()
end

---A reply with `websocket` makes a WebSocket of the request, if it asks for one.
local function upgrade(request, reply)
  local f = reply.websocket
  check_function("server: websocket", f)
  local ws, err = try(request.upgrade, request, { protocols = reply.protocols, headers = reply.headers,
    max_message = reply.max_message, max_queued = reply.max_queued, ping = reply.ping,
    close_timeout = reply.close_timeout })
  if ws then return talk(ws, f) end
  if err.code ~= "server-upgrade" then error(err, 0) end
  request:respond(426, err.message .. "\n", { ["content-type"] = "text/plain", ["sec-websocket-version"] = "13" })
end

local function send(request, reply)
  if reply.close then
    request:drop()
  elseif reply.websocket then
    upgrade(request, reply)
  elseif reply.stream then
    write(request, reply)
  else
    request:respond(reply.status or 200, reply.body, reply.headers, reply.cut)
  end
end

---Answers 500 when the handler raises; a cancellation drops the connection and goes on. What goes wrong
---on a WebSocket was answered with a close, in the middle of a stream by breaking off.
local function answer(request, fields, handler, on_error)
  local connection <close> = request
  local reply
  local _, err = try(function()
    reply = read_reply(handler(fields))
    send(connection, reply)
  end)
  if not err then return end
  if err.class == "cancelled" then error(err, 0) end
  if not (reply and (reply.websocket or reply.begun)) then
    connection:respond(500, tostring(err) .. "\n", { ["content-type"] = "text/plain" })
  end
  if on_error then on_error(err, fields) end
end

-- Serving ---------------------------------------------------------------------

local function accept_all(core_server, handler, on_error, spawn)
  local number = 0
  while true do
    local request, fields = core_server:accept()
    if not request then break end
    number = number + 1
    spawn("request " .. number, function() answer(request, fields, handler, on_error) end)
  end
  -- what still runs is told to stop: the nursery cancels it when this raises
  failure { code = "server-closed", class = "cancelled", message = "the server was closed" }
end

---Answers requests until the task is cancelled or the server is closed.
---@param handler fun(request: server.Request): integer|server.Reply, string?, table?
---@param o? { on_error: fun(err: any, request: server.Request)? }
function Server:serve(handler, o)
  check_function("server:serve", handler)
  options.read("server:serve", o or {}, { { "on_error", "function" } })
  local _, err = try(task.nursery, function(spawn)
    accept_all(self.core, handler, o and o.on_error, spawn)
  end)
  if err.code ~= "server-closed" then error(err, 0) end
end

---Stops listening and drops all connections.
function Server:close()
  self.core:close()
end

Server.__close = Server.close

-- Listening -------------------------------------------------------------------

---@param o? server.Options
---@return server.Server
function server.listen(o)
  o = o or {}
  local listening = core.listen(o)
  if o.path then return setmetatable({ core = listening, port = 0, url = "unix:" .. o.path }, Server) end
  local port, address = listening:port(), o.address or "127.0.0.1"
  local host = address:find(":", 1, true) and "[" .. address .. "]" or address
  local url = ("%s://%s:%d"):format(o.tls and "https" or "http", host, port)
  return setmetatable({ core = listening, port = port, url = url }, Server)
end

---Serves requests while `body` runs, and stops when it ends.
---@generic T
---@param handler fun(request: server.Request): integer|server.Reply, string?, table?
---@param body fun(s: server.Server): T
---@param o? server.Options  also on_error
---@return T
function server.with(handler, body, o)
  check_function("server.with", handler)
  check_function("server.with", body)
  local listening, on_error = {}, o and o.on_error
  for name, value in pairs(o or {}) do
    if name ~= "on_error" then listening[name] = value end
  end
  return task.nursery(function(spawn)
    local s <close> = server.listen(listening)
    spawn("server", function() s:serve(handler, { on_error = on_error }) end)
    return body(s)
  end)
end

return server
