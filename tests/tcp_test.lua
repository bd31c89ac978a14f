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

-- ---- listening and joining ----------------------------------------------------------------------

local LISTEN = { address = "127.77.3.1", port = 47811 }

-- Runs the body beside what answers whoever comes.
local function with_listener(serve, body)
  local _, err = try(task.nursery, function(spawn)
    local listener <close> = tcp.listen(LISTEN)
    spawn("listener", function()
      for client in listener.accept, listener do
        spawn(client, function()
          local connection <close> = client
          serve(connection)
        end)
      end
    end)
    body(listener)
    failure { code = "test-over", class = "cancelled", message = "over" }
  end)
  if err.code ~= "test-over" then error(err, 0) end
end

test("who comes is taken one by one, with the address it comes from", function()
  with_listener(function(client) client:send("you are " .. client:peer() .. ": " .. client:receive()) end, function()
    local answers = parallel {
      a = function()
        local c <close> = tcp.connect { address = LISTEN.address, port = LISTEN.port, from = "127.77.3.8" }
        c:send "a"
        return receive_all(c)
      end,
      b = function()
        local c <close> = tcp.connect { address = LISTEN.address, port = LISTEN.port, from = "127.77.3.9" }
        c:send "b"
        return receive_all(c)
      end,
    }
    equal(answers, { a = "you are 127.77.3.8: a", b = "you are 127.77.3.9: b" })
  end)
end)

test("a listener that is closed lets go who waits, and its place is free", function()
  local listener = tcp.listen(LISTEN)
  local got = parallel {
    one = function() return listener:accept() == nil end,
    two = function() listener:close() end,
  }
  equal(got.one, true)
  equal(listener:accept(), nil)
  raises("connection refused", tcp.connect, LISTEN)
  local _ <close> = tcp.listen(LISTEN)
  local err = raises("listening on 127.77.3.1 port 47811: address already in use", tcp.listen, LISTEN)
  equal({ err.code, err.hint:match "ss %-ltnp" }, { "tcp-listen", "ss -ltnp" })
end)

test("bytes may be looked at before they are taken", function()
  with_listener(function(client) client:send(client:peek() .. client:receive()) end, function()
    local c <close> = tcp.connect(LISTEN)
    c:send "twice "
    equal(receive_all(c), "twice twice ")
  end)
end)

test("two connections are joined, from what was looked at on, until both have ended", function()
  local body = ("0123456789"):rep(300000)
  server.with(function(request) return 200, request.path == "/large" and body or request.path end, function(s)
    local passed
    with_listener(function(client)
      client:peek()
      local relay <close> = tcp.relay(client, tcp.connect(to(s)))
      equal(relay:idle() < 30, true)
      passed = { relay:wait() }
    end, function()
      local c <close> = tcp.connect(LISTEN)
      c:send(REQUEST:format "large")
      equal(receive_all(c):match "\r\n\r\n(.*)$" == body, true)
      c:close()
      for _ = 1, 100 do if not passed then sleep(0.05) end end
      equal({ passed[1], passed[2] > #body }, { #REQUEST:format "large", true })
    end)
  end)
end)

test("a relay that is closed ends both connections", function()
  server.with(function() return 200 end, function(s)
    local relay
    with_listener(function(client)
      relay = tcp.relay(client, tcp.connect(to(s)))
      equal({ relay:wait() }, { 0, 0 })
    end, function()
      local c <close> = tcp.connect(LISTEN)
      for _ = 1, 100 do if not relay then sleep(0.05) end end
      relay:close()
      equal(receive_all(c), "")
      equal(relay:idle(), nil)
    end)
  end)
end)

test("mistakes with listeners and relays are named", function()
  raises("option 'port' must be 1 to 65535", tcp.listen, { address = "127.77.3.1", port = 0 })
  raises("listening on localhost port 1: invalid argument", tcp.listen, { address = "localhost", port = 1 })
  server.with(function() return 200 end, function(s)
    local one <close> = tcp.connect(to(s))
    raises("expected two connections, not one twice", tcp.relay, one, one)
    local other = tcp.connect(to(s))
    other:close()
    raises("the connection is closed", tcp.relay, one, other)
    raises("the connection is closed", other.peek, other)
  end)
end)
