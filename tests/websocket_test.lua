---WebSockets: our client and our server, each also with a peer that is not ours.
local authority = require "authority"
local fs = require "fs"
local http = require "http"
local nameserver = require "nameserver"
local process = require "process"
local secret = require "secret.core"
local server = require "server"
local task = require "task"
local websocket = require "websocket"

local node = "build/npm/node_modules/.bin/node"
local workerd = "build/npm/node_modules/workerd/bin/workerd"

local function ws_url(s, path) return s.url:gsub("^http", "ws") .. (path or "/") end

---Serves f(ws, request) while body(url, server) runs.
local function with_socket(f, body, o, reply)
  return server.with(function(request)
    local r = { websocket = function(ws) return f(ws, request) end }
    for name, value in pairs(reply or {}) do r[name] = value end
    return r
  end, function(s) return body(ws_url(s), s) end, o)
end

local function echo(ws)
  for message, kind in ws:messages() do ws:send(message, kind) end
end

-- Messages -----------------------------------------------------------------------------------

test("texts and binary messages come back as they were sent, of any size", function()
  with_socket(echo, function(url)
    local ws <close> = websocket.connect { url = url }
    for _, size in ipairs { 0, 1, 125, 126, 65535, 65536, 3000000 } do
      local message = ("x"):rep(size)
      ws:send(message)
      local got, kind = ws:receive()
      equal({ got == message, kind }, { true, "text" })
    end
    ws:send("\0\xff\xfe", "binary")
    equal({ ws:receive() }, { "\0\xff\xfe", "binary" })
  end)
end)

test("the loop over messages ends with the close, whose code and reason stay", function()
  with_socket(function(ws)
    ws:send "one"
    ws:send "two"
    ws:close(4001, "that is all")
  end, function(url)
    local ws <close> = websocket.connect { url = url }
    equal({ ws.code, ws.reason }, {})
    local seen = {}
    for message in ws:messages() do seen[#seen + 1] = message end
    equal(seen, { "one", "two" })
    equal({ ws.code, ws.reason }, { 4001, "that is all" })
    equal({ ws:receive() }, { nil, 4001, "that is all" })
  end)
end)

test("our close is answered, and what came before can still be received", function()
  local seen
  with_socket(function(ws)
    ws:send "hello"
    echo(ws)
    seen = { ws.code, ws.reason }
  end, function(url)
    local ws <close> = websocket.connect { url = url }
    equal({ ws:close(1000, "bye") }, { 1000, "bye" })
    equal(ws:receive(), "hello")
    equal(ws:receive(), nil)
    local err = raises("the WebSocket is closed", ws.send, ws, "late")
    equal({ err.code, err.close_code }, { "websocket-closed", 1000 })
  end)
  equal(seen, { 1000, "bye" })
end)

test("one task may receive while others send", function()
  with_socket(echo, function(url)
    local ws <close> = websocket.connect { url = url }
    local got = {}
    parallel {
      receive = function() for _ = 1, 20 do got[#got + 1] = ws:receive() end end,
      send_a = function() for _ = 1, 10 do ws:send "a" end end,
      send_b = function() for _ = 1, 10 do ws:send "b" end end,
    }
    equal(#got, 20)
  end)
end)

test("who sends waits until the peer reads, and who reads slowly gets all of it", function()
  local message, sent = ("x"):rep(100000), 0
  with_socket(function(ws)
    for _ = 1, 200 do
      ws:send(message, "binary")
      sent = sent + 1
    end
  end, function(url)
    local ws <close> = websocket.connect { url = url, max_queued = 200000 }
    equal(#ws:receive(), #message)
    sleep(0.05)
    equal(sent < 200, true)
    local count = 1
    for _ in ws:messages() do count = count + 1 end
    equal({ count, sent }, { 200, 200 })
  end)
end)

-- The handshake ---------------------------------------------------------------------------------

test("headers, path and query arrive, and a protocol is agreed upon", function()
  local seen
  with_socket(function(ws, request)
    seen = { request.path, request.query, request.headers["x-name"], ws.protocol }
  end, function(url)
    local ws <close> = websocket.connect { url = url .. "live%20tail?a=1&b", headers = { ["X-Name"] = "value" },
      protocols = { "first", "second" } }
    equal(ws.protocol, "second")
    equal(ws:receive(), nil)
  end, nil, { protocols = { "second", "third" } })
  equal(seen, { "/live%20tail", "a=1&b", "value", "second" })
end)

test("over TLS it is the same, and the authority is checked", function()
  local ca = authority.new {}
  local file = process.run({ argv = { "mktemp" } }).output:match("[^\n]+")
  process.run { argv = { "tee", file }, input = ca:pem() }
  with_socket(echo, function(url)
    local ws <close> = websocket.connect { url = url:gsub("127.0.0.1", "localhost"), ca = file }
    ws:send(("x"):rep(1000000))
    equal(#ws:receive(), 1000000)
    equal(ws:close(), 1000)
    local err = raises("certificate", websocket.connect, { url = url:gsub("127.0.0.1", "localhost") })
    equal(err.code, "http-certificate")
  end, { tls = ca })
  process.run { argv = { "rm", file } }
end)

test("a server that answers otherwise is an error with its status and its words", function()
  server.with(function() return 403, "you may\nnot" end, function(s)
    local err = raises("the server answered 403: you may not", websocket.connect, { url = ws_url(s) })
    equal({ err.code, err.class, err.status, err.body, err.about },
      { "websocket-refused", "fatal", 403, "you may not", ws_url(s) })
  end)
  server.with(function() return 503 end, function(s)
    equal(raises("503", websocket.connect, { url = ws_url(s) }).class, "transient")
  end)
end)

test("where nobody listens the error is that of http", function()
  local err = raises("WebSocket localhost:1/ at [^ ]+:1: the connection was refused", websocket.connect, { url = "ws://localhost:1/" })
  equal({ err.code, err.class, err.phase }, { "http-refused", "transient", "connect" })
end)

test("a request that asks for no WebSocket is answered with 426", function()
  with_socket(echo, function(_, s)
    local answer = http.request { url = s.url }
    equal({ answer.status, answer.headers["sec-websocket-version"] }, { 426, "13" })
    local old = { Upgrade = "websocket", Connection = "Upgrade", ["Sec-WebSocket-Version"] = "8",
      ["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA==" }
    answer = http.request { url = s.url, headers = old }
    equal({ answer.status, answer.body }, { 426, "the request cannot become a WebSocket: it does not speak version 13\n" })
    old["Sec-WebSocket-Version"], old["Sec-WebSocket-Key"] = "13", "short"
    equal(http.request({ url = s.url, headers = old }).body:find("its key is not 16 bytes in base64", 1, true) ~= nil, true)
  end)
end)

-- Secrets -----------------------------------------------------------------------------------------

test("a secret goes only to the host that it is bound to, in headers and messages", function()
  local seen
  with_socket(function(ws, request)
    seen = { request.headers.authorization, ws:receive() }
  end, function(url, s)
    local bound = secret.new("TOKEN", "a-secret-value", { s.url })
    local ws <close> = websocket.connect { url = url, headers = { Authorization = "Bearer " .. bound } }
    ws:send("token " .. bound)
    equal(ws:receive(), nil)
    local other = secret.new("OTHER", "another-value", { "https://elsewhere.example" })
    raises("secret", websocket.connect, { url = url, headers = { Authorization = other } })
    local again <close> = websocket.connect { url = url }
    equal(raises("OTHER", again.send, again, other).code, "secret-refused")
  end)
  equal(seen, { "Bearer a-secret-value", "token a-secret-value", "text" })
end)

-- Ends ------------------------------------------------------------------------------------------------

test("a handler that raises closes with 1011, and the server is told", function()
  local told
  server.with(function()
    return { websocket = function() failure "out of order" end }
  end, function(s)
    local ws <close> = websocket.connect { url = ws_url(s) }
    equal({ ws:receive() }, { nil, 1011, "" })
  end, { on_error = function(err) told = err.message end })
  equal(told, "out of order")
end)

test("a server that closes loses its sockets, and the client says so", function()
  with_socket(function(ws) ws:receive() end, function(url, s)
    local ws <close> = websocket.connect { url = url }
    s:close()
    local err = raises("ended the connection without a close", ws.receive, ws)
    equal({ err.code, err.class, err.close_code }, { "websocket-lost", "transient", 1006 })
    equal(raises("without a close", ws.send, ws, "x").code, "websocket-lost")
  end)
end)

test("a socket that goes out of scope says that it goes away", function()
  local code
  with_socket(function(ws)
    ws:receive()
    code = ws.code
  end, function(url)
    do
      local ws <close> = websocket.connect { url = url }
      equal(ws.code, nil)
    end
    while not code do sleep(0.001) end
  end)
  equal(code, 1001)
end)

test("waiting for a message can be cancelled, and the socket still works", function()
  with_socket(echo, function(url)
    local ws <close> = websocket.connect { url = url }
    raises("deadline", task.deadline, 0.02, function() ws:receive() end)
    ws:send "still here"
    equal(ws:receive(), "still here")
  end)
end)

test("a task that waits learns that another has closed the socket", function()
  with_socket(echo, function(url)
    local ws = websocket.connect { url = url }
    local got
    parallel {
      wait = function() got = { ws:receive() } end,
      close = function()
        sleep(0.01)
        ws:close(1000, "enough")
      end,
    }
    equal(got, { nil, 1000, "enough" })
  end)
end)

test("a message over the limit ends the connection on the side that has the limit", function()
  local code
  with_socket(function(ws)
    ws:send(("x"):rep(2000))
    ws:receive()
    code = ws.code
  end, function(url)
    local ws <close> = websocket.connect { url = url, max_message = 1000 }
    local err = raises("larger than the limit, 1000 bytes", ws.receive, ws)
    equal({ err.code, err.class, err.close_code }, { "websocket-too-large", "fatal", 1009 })
    while not code do sleep(0.001) end
  end)
  equal(code, 1009)
end)

-- Ways to the server -------------------------------------------------------------------------------

-- Runs in a process of its own: the mapping of --local is for a whole process.
local LOCAL_CLIENT = [[
local port, dns = ...
require("local.core").connect { http_port = 1, https_port = math.tointeger(tonumber(port)), dns = dns,
  ca_file = "ca.pem", hosts = { "live.test" } }
local websocket = require "websocket"
local ws <close> = websocket.connect { url = "wss://live.test/tail" }
ws:send "hello"
local _, err = try(websocket.connect, { url = "wss://elsewhere.test/" })
print(ws:receive(), err.code)
]]

test("with --local wss leads to the local cloud, by its name server and its authority", function()
  local davit = os.getenv "DAVIT" or "build/davit"
  local here = process.run({ argv = { "pwd" } }).output:match("[^\n]+")
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  local ca, host, said = authority.new {}, nil, nil
  process.run { argv = { "tee", folder .. "/ca.pem" }, input = ca:pem() }
  process.run { argv = { "tee", folder .. "/client.lua" }, input = LOCAL_CLIENT }
  with_socket(function(ws, request)
    host = request.host
    echo(ws)
  end, function(_, s)
    task.nursery(function(spawn)
      local names <close> = nameserver.listen {}
      spawn("names", function()
        names:serve(function() return { answers = { { type = "A", data = "127.0.0.1" } } } end)
      end)
      said = process.run { argv = { here .. "/" .. davit, "client.lua", tostring(s.port), "127.0.0.1:" .. names.port },
        cwd = folder, timeout = 30 }
    end)
  end, { tls = ca })
  process.run { argv = { "rm", "-r", folder } }
  equal({ host, said.output }, { "live.test", "hello\tnot-local\n" })
end)

local PROXY = [[
const net = require("net"), http = require("http");
const proxy = http.createServer((q, r) => { r.writeHead(500); r.end(); });
proxy.on("connect", (q, client, head) => {
  if (q.url.startsWith("denied")) { client.end("HTTP/1.1 403 Forbidden\r\n\r\n"); return; }
  const [host, port] = q.url.split(":");
  const server = net.connect(port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 OK\r\n\r\n"); server.write(head); server.pipe(client); client.pipe(server);
  });
  server.on("error", () => client.destroy()); client.on("error", () => server.destroy());
});
proxy.listen(0, "127.0.0.1", () => console.log(proxy.address().port));
]]

test("through a proxy the connection is a tunnel, also without TLS, and the proxy finds the host", function()
  if not fs.exists(node) then skip "node is not in build/npm" end
  local child <close> = process.start { argv = { node, "-e", PROXY } }
  local proxy = "http://127.0.0.1:" .. child:line()
  with_socket(echo, function(_, s)
    local ws <close> = websocket.connect { url = ("ws://nowhere.test:%d/"):format(s.port), proxy = proxy }
    ws:send "through"
    equal(ws:receive(), "through")
    equal(raises("", websocket.connect, { url = "ws://denied.test/", proxy = proxy }).code, "http-proxy")
  end)
end)

-- Misuse ------------------------------------------------------------------------------------------------

test("misuse of websocket.connect is named", function()
  raises("expected a table of options, not a nil", websocket.connect)
  raises("option 'url' is required", websocket.connect, {})
  raises("unknown option 'uri'", websocket.connect, { uri = "ws://x" })
  raises("websocket.connect: connect_to is a name or an address", websocket.connect, { url = "ws://x/", connect_to = "" })
  raises("websocket.connect: the path of a Unix socket has 1 to", websocket.connect, { url = "ws://x/", unix = "" })
  raises("websocket.connect: a key goes with a certificate", websocket.connect, { url = "ws://x/", key = "k.pem" })
  raises("begins with wss:// or ws://", websocket.connect, { url = "https://x" })
  raises("no blanks and no fragment", websocket.connect, { url = "ws://x/#a" })
  raises("a user in the URL is not sent: give headers", websocket.connect, { url = "ws://u:p@x/" })
  raises("a user in the URL is not sent", websocket.connect, { url = "wss://u@x?a" })
  raises("option 'timeout' is seconds", websocket.connect, { url = "ws://x", timeout = 0 })
  raises("option 'ping' is seconds", websocket.connect, { url = "ws://x", ping = -1 })
  raises("max_message and max_queued are numbers", websocket.connect, { url = "ws://x", max_message = 0 })
  raises("not a valid protocol", websocket.connect, { url = "ws://x", protocols = { "a b" } })
  raises("the handshake sets 'upgrade' itself", websocket.connect, { url = "ws://x", headers = { Upgrade = "h2c" } })
  raises("header 'x' holds a line break", websocket.connect, { url = "ws://x", headers = { x = "a\r\nb: c" } })
end)

test("misuse of an open socket is named", function()
  with_socket(echo, function(url)
    local ws <close> = websocket.connect { url = url }
    raises("the message must be a string, not a number", ws.send, ws, 1)
    raises("the kind is", ws.send, ws, "x", "json")
    raises("a text must be UTF%-8", ws.send, ws, "\xff")
    raises("the code is 1000", ws.close, ws, 1005)
    raises("at most 123 bytes", ws.close, ws, 1000, ("x"):rep(124))
    ws:send "fine"
    equal(ws:receive(), "fine")
  end)
end)

test("a reply with an unknown field is refused", function()
  server.with(function() return { websockets = echo } end, function(s)
    equal(http.request({ url = s.url }).status, 500)
  end)
end)

-- Peers that are not ours ------------------------------------------------------------------------------

local NODE_CLIENT = [[
const ws = new WebSocket(process.argv[1], ["other", "chat"]);
ws.binaryType = "arraybuffer";
const seen = [];
ws.onopen = () => { seen.push(ws.protocol); ws.send("héllo"); };
ws.onmessage = (m) => {
  seen.push(typeof m.data === "string" ? m.data : "binary " + m.data.byteLength);
  if (seen.length === 2) ws.send(new Uint8Array(200000));
  if (seen.length === 3) ws.send("x".repeat(100000));
  if (seen.length === 4) { seen[3] = seen[3].length; ws.close(4005, "enough"); }
};
ws.onclose = (e) => console.log(JSON.stringify([...seen, e.code, e.reason, e.wasClean]));
ws.onerror = (e) => console.log("error", e.message);
]]

test("node's client talks to our server", function()
  if not fs.exists(node) then skip "node is not in build/npm" end
  local code, reason
  with_socket(function(ws)
    echo(ws)
    code, reason = ws.code, ws.reason
  end, function(url)
    local said = process.run { argv = { node, "-e", NODE_CLIENT, url }, timeout = 30 }
    equal(said.output, '["chat","héllo","binary 200000",100000,4005,"enough",true]\n')
  end, nil, { protocols = { "chat" } })
  equal({ code, reason }, { 4005, "enough" })
end)

local CONFIG = [[
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "main", esModule = embed "main.js")],
    compatibilityDate = "2024-01-01"))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
]]

local WORKER = [[
export default { fetch(request) {
  if (request.headers.get("upgrade") !== "websocket") return new Response("no websocket", { status: 400 });
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.addEventListener("message", (e) => {
    if (e.data === "close") server.close(4002, "as you wish");
    else server.send(typeof e.data === "string" ? e.data.toUpperCase() : e.data);
  });
  return new Response(null, { status: 101, webSocket: client });
} };
]]

test("our client talks to workerd's server", function()
  if not fs.exists(workerd) then skip "workerd is not in build/npm" end
  local here = process.run({ argv = { "pwd" } }).output:match("[^\n]+")
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  process.run { argv = { "tee", folder .. "/config.capnp" }, input = CONFIG }
  process.run { argv = { "tee", folder .. "/main.js" }, input = WORKER }
  local child <close> = process.start { argv = { here .. "/" .. workerd, "serve", "config.capnp", "--control-fd=1" },
    cwd = folder }
  local port = child:line():match('"port":%s*(%d+)')
  local url = "ws://127.0.0.1:" .. port
  do
    local ws <close> = websocket.connect { url = url }
    ws:send "hello"
    equal({ ws:receive() }, { "HELLO", "text" })
    local big = ("y"):rep(500000)
    ws:send(big, "binary")
    local got, kind = ws:receive()
    equal({ got == big, kind }, { true, "binary" })
    ws:send "close"
    equal({ ws:receive() }, { nil, 4002, "as you wish" })
  end
  process.run { argv = { "rm", "-r", folder } }
end)

test("without TLS a secret goes to whom the connection leads, not to whom the URL names", function()
  local named = secret.new("NAMED", "a-token-for-a-name", { "http://some.test" })
  for option, value in pairs { connect_to = "127.0.0.1:9", proxy = "http://127.0.0.1:9" } do
    local _, err = try(websocket.connect, { url = "ws://some.test/", headers = { authorization = named }, [option] = value })
    equal({ option, err.code }, { option, "secret-refused" })
  end
end)
