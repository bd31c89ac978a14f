---TCP connections for the local cloud's own use, against servers of the test's own.
local server = require "server"
local task = require "task"
local tcp = require "tcp.core"

local function to(s) return { address = "127.0.0.1", port = s.port } end

local function receive_all(connection)
  local pieces = {}
  for bytes in function() return connection:receive() end do pieces[#pieces + 1] = bytes end
  return table.concat(pieces)
end

local REQUEST = "GET /%s HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"

test("bytes go there and come back, until the peer ends", function()
  server.with(function(request) return 200, "for " .. request.path end, function(s)
    local connection <close> = tcp.connect(to(s))
    connection:send(REQUEST:format "x")
    equal(receive_all(connection):match "\r\n\r\n(.*)$", "for /x")
    equal(connection:receive(), nil)
  end)
end)

test("much comes whole through pieces, however slowly it is taken", function()
  local body = ("0123456789"):rep(400000)
  server.with(function() return 200, body end, function(s)
    local connection <close> = tcp.connect(to(s))
    connection:send(REQUEST:format "")
    local first = connection:receive()
    equal(#first <= 65536, true)
    equal((first .. receive_all(connection)):match "\r\n\r\n(.*)$" == body, true)
  end)
end)

test("much is sent whole", function()
  server.with(function(request) return 200, tostring(#request.body) end, function(s)
    local connection <close> = tcp.connect(to(s))
    connection:send(("POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"):format(5 << 20))
    for _ = 1, 5 do connection:send(("x"):rep(1 << 20)) end
    equal(receive_all(connection):match "\r\n\r\n(.*)$", tostring(5 << 20))
  end)
end)

test("a connection may come from another address of this machine", function()
  server.with(function(request) return 200, request.address end, function(s)
    local o = to(s)
    o.from = "127.9.8.0"
    local connection <close> = tcp.connect(o)
    connection:send(REQUEST:format "")
    equal(receive_all(connection):match "\r\n\r\n(.*):%d+$", "127.9.8.0")
  end)
end)

test("who waits learns that the connection was closed, as of an end", function()
  server.with(function() return 200 end, function(s)
    local connection = tcp.connect(to(s))
    local got = parallel {
      one = function() return connection:receive() == nil end,
      two = function() connection:close() end,
    }
    equal(got.one, true)
    equal(connection:receive(), nil)
    raises("tcp:send: the connection is closed", connection.send, connection, "x")
  end)
end)

test("who waits can be cancelled, and the connection goes on", function()
  server.with(function() return 200, "late" end, function(s)
    local connection <close> = tcp.connect(to(s))
    equal(raises("", task.deadline, 0.01, connection.receive, connection).class ~= nil, true)
    connection:send(REQUEST:format "")
    equal(receive_all(connection):find("late", 1, true) ~= nil, true)
  end)
end)

test("a port where nobody listens is transient and says where", function()
  local s = server.listen()
  local o = to(s)
  s:close()
  local err = raises("connecting to 127.0.0.1 port %d+: connection refused", tcp.connect, o)
  equal({ err.code, err.class }, { "tcp-connect", "transient" })
end)

test("only addresses are connected to, and mistakes are named", function()
  raises("connecting to localhost port 1: invalid argument", tcp.connect, { address = "localhost", port = 1 })
  raises("connecting to 127.0.0.1 port 1: ", tcp.connect, { address = "127.0.0.1", port = 1, from = "192.0.2.1" })
  raises("option 'port' must be 1 to 65535", tcp.connect, { address = "127.0.0.1", port = 0 })
  raises("option 'address' is required", tcp.connect, { port = 1 })
  server.with(function() return 200 end, function(s)
    local connection <close> = tcp.connect(to(s))
    raises("tcp:send: expected a string, not a table", connection.send, connection, {})
  end)
end)
