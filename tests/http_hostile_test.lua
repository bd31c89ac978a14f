---HTTP against peers that stall, lie, break off and answer garbage: each ends with the right code,
---class and phase, within its limit, and leaves no connection behind.
local authority = require "authority"
local fs = require "fs"
local http = require "http"
local process = require "process"
local server = require "server"

local davit = os.getenv "DAVIT" or "build/davit"
local peer = davit:gsub("[^/]*$", "peer")

---Plays the steps (see tests/peer.c) on every connection while f(port, child) runs.
local function with_peer(steps, f)
  local child <close> = process.start { argv = { peer, table.unpack(steps) } }
  return f(math.tointeger(tonumber(child:line())), child)
end

---What a request to such a peer fails with.
local function failure_of(steps, o, scheme)
  return with_peer(steps, function(port, child)
    o = o or {}
    o.url = ("%s://127.0.0.1:%d/x"):format(scheme or "http", port)
    local answer, err = try(http.request, o)
    if answer then error(("answered %d %q"):format(answer.status, answer.body), 2) end
    if steps[#steps] ~= "hold" then equal(child:line(), "gone") end   -- nothing is left behind
    return err
  end)
end

local function expect(err, code, class, phase)
  equal({ err.code, err.class, err.phase }, { code, class, phase })
end

local OK = "HTTP/1.1 200 OK\\r\\n"

-- ---- stalls ---------------------------------------------------------------------------------

test("a peer that takes the request and is silent runs into the limit of the first byte", function()
  local err = failure_of({ "read", "wait" }, { timeout = { first_byte = 0.1 } })
  expect(err, "http-first-byte-timeout", "transient", "first byte")
  equal(err.message:find(": no byte of an answer within 0.1 s", 1, true) ~= nil, true)
  equal(err.timing.connect > 0 and err.timing.first_byte == 0 and err.timing.total >= 0.1, true)
end)

test("for a POST the same silence means that it may have been applied", function()
  local err = failure_of({ "read", "wait" }, { method = "POST", body = "x", timeout = { first_byte = 0.1 } })
  expect(err, "http-first-byte-timeout", "unknown", "first byte")
  equal(err.hint, "the request may have been applied: look before sending it again")
  err = failure_of({ "read", "wait" }, { method = "PUT", body = "x", timeout = { first_byte = 0.1 } })
  expect(err, "http-first-byte-timeout", "transient", "first byte")
end)

test("a peer that never answers the TLS hello runs into the limit of the handshake", function()
  local err = failure_of({ "wait" }, { method = "POST", body = "x", timeout = { tls = 0.1 } }, "https")
  expect(err, "http-tls-timeout", "transient", "tls")
  equal(err.message:find("no TLS handshake within 0.1 s", 1, true) ~= nil, true)
end)

test("the limit of the connection is not that of the handshake", function()
  local err = failure_of({ "wait" }, { timeout = { connect = 0.05, tls = 0.3 } }, "https")
  expect(err, "http-tls-timeout", "transient", "tls")
  equal(err.timing.total >= 0.3, true)
end)

test("half a status line is idleness, and headers that drip run into the total", function()
  local err = failure_of({ "read", "send", "HTTP/1.1 20", "wait" }, { timeout = { idle = 0.1, total = 5 } })
  equal(err.code, "http-idle-timeout")
  err = failure_of({ "read", "send", OK, "drip", "x-slow: " .. ("x"):rep(2000), "wait" },
    { timeout = { idle = 1, total = 0.3 } })
  expect(err, "http-timeout", "transient", "body")
end)

test("a body that stalls is idleness, one that drips is not", function()
  local err = failure_of({ "read", "send", OK .. "content-length: 10\\r\\n\\r\\nhalf", "wait" },
    { timeout = { idle = 0.1, total = 5 } })
  expect(err, "http-idle-timeout", "transient", "body")
  local body = with_peer({ "read", "drip", OK .. "content-length: 10\\r\\n\\r\\n0123456789", "wait" }, function(port)
    return http.request { url = "http://127.0.0.1:" .. port, timeout = { idle = 1, first_byte = 1 } }.body
  end)
  equal(body, "0123456789")
end)

test("a peer that takes no more of the request runs into the idle limit while it is sent", function()
  local o = { method = "PUT", body = ("x"):rep(32 << 20), timeout = { idle = 0.2, total = 10 } }
  expect(failure_of({ "read", "hold" }, o), "http-idle-timeout", "transient", "send")
  o.method = "POST"
  expect(failure_of({ "read", "hold" }, o), "http-idle-timeout", "unknown", "send")
end)

-- ---- breaking off ------------------------------------------------------------------------------

test("a connection that breaks says where it broke", function()
  expect(failure_of { "read" }, "http-lost", "transient", "first byte")
  expect(failure_of { "read", "reset" }, "http-lost", "transient", "first byte")
  expect(failure_of({ "read", "reset" }, { method = "POST", body = "x" }), "http-lost", "unknown", "first byte")
  local err = failure_of { "read", "send", OK .. "content-length: 10\\r\\n\\r\\nhalf", "reset" }
  expect(err, "http-lost", "transient", "body")
  equal(err.message:find("broke in the middle of the answer", 1, true) ~= nil, true)
  equal(err.protocol, "1.1")
end)

test("a connection that is reset before the handshake ends did not carry the request", function()
  local err = failure_of({ "body", "1", "reset" }, { method = "POST", body = "x" }, "https")
  equal({ err.code, err.phase, err.class }, { "http-tls", "tls", "pending" })
end)

test("a port that does not speak TLS never will", function()
  local err = failure_of({ "send", "HTTP/1.1 400 Bad Request\\r\\n\\r\\n", "wait" }, {}, "https")
  expect(err, "http-tls", "fatal", "tls")
  equal(err.hint, "is it an http:// URL, or another port?")
end)

test("a POST is not sent again when the connection that was kept turns out dead", function()
  local answers = with_peer({ "read", "body", "1", "send", OK .. "content-length: 2\\r\\n\\r\\nok", "read", "body", "1" },
    function(port)
      local o = { url = "http://127.0.0.1:" .. port, method = "POST", body = "x" }
      equal(http.request(o).body, "ok")
      local _, err = try(http.request, o)
      equal({ err.code, err.class }, { "http-lost", "unknown" })
      o.method = "PUT"
      equal(http.request(o).body, "ok")
      local again = http.request(o)
      return again.body
    end)
  equal(answers, "ok")
end)

-- ---- lies ---------------------------------------------------------------------------------------

test("a body that is shorter than it says is a lost one", function()
  expect(failure_of { "read", "send", OK .. "content-length: 10\\r\\n\\r\\nhalf" }, "http-lost", "transient", "body")
  expect(failure_of { "read", "send", OK .. "transfer-encoding: chunked\\r\\n\\r\\n5\\r\\nhel" },
    "http-lost", "transient", "body")
end)

test("what follows a body that is longer than it says is no answer to the next request", function()
  with_peer({ "read", "send", OK .. "content-length: 2\\r\\n\\r\\nokHTTP/1.1 200 OK\\r\\ncontent-length: 3\\r\\n\\r\\nbad", "wait" },
    function(port)
      for _ = 1, 2 do
        equal(http.request { url = "http://127.0.0.1:" .. port, timeout = 5 }.body, "ok")
      end
    end)
end)

test("lengths and chunks that are no numbers are no HTTP", function()
  for _, head in ipairs {
    "content-length: -5\\r\\n\\r\\nhello", "content-length: five\\r\\n\\r\\nhello",
    "content-length: 99999999999999999999\\r\\n\\r\\nhello",
    "content-length: 5\\r\\ncontent-length: 6\\r\\n\\r\\nhello!",
    "transfer-encoding: chunked\\r\\n\\r\\nxyz\\r\\nhello",
    "bad header\\r\\n\\r\\n", "x: a\\0b\\r\\n\\r\\n",
  } do
    local err = failure_of { "read", "send", OK .. head, "wait" }
    equal({ head, err.code, err.class, err.phase }, { head, "http-protocol", "transient", "body" })
  end
end)

test("garbage instead of a status line is no HTTP", function()
  for _, text in ipairs { "SSH-2.0-server\\r\\n\\r\\n", "\\x16\\x03\\x01garbage\\r\\n\\r\\n", "HTTP/9.9 200\\r\\n\\r\\n",
    "HTTP/1.1 abc\\r\\n\\r\\n" } do
    local err = failure_of({ "read", "send", text }, { method = "POST", body = "x" })
    equal({ text, err.code, err.class }, { text, "http-protocol", "unknown" })
  end
end)

test("headers that do not end are cut off, few and long or many and short, also before the answer", function()
  local endless = { "x-long: " .. ("x"):rep(1000) .. "\\r\\n", "x: y\\r\\n" }
  for _, line in ipairs(endless) do
    local err = failure_of { "read", "send", OK, "repeat", "0", line, "wait" }
    expect(err, "http-too-large", "fatal", "body")
    equal(err.message:find("headers do not end", 1, true) ~= nil, true)
  end
  expect(failure_of { "read", "repeat", "0", "HTTP/1.1 103 Early Hints\\r\\nlink: a\\r\\n\\r\\n", "wait" },
    "http-too-large", "fatal", "body")
  expect(failure_of { "read", "send", OK .. "transfer-encoding: chunked\\r\\n\\r\\n0\\r\\n", "repeat", "0", "x: y\\r\\n", "wait" },
    "http-too-large", "fatal", "body")
end)

test("one line without an end is cut off", function()
  local err = failure_of { "read", "send", OK .. "x: ", "repeat", "0", ("x"):rep(1000), "wait" }
  equal({ err.class == "fatal" or err.class == "transient", err.phase }, { true, "body" })
end)

test("interim answers and trailers are not the answer's headers", function()
  with_peer({ "read", "send", "HTTP/1.1 100 Continue\\r\\nx-a: 1\\r\\n\\r\\n" .. OK ..
    "x-b: folded\\r\\n  line\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\nx-c: 3\\r\\n\\r\\n" }, function(port)
    local answer = http.request { url = "http://127.0.0.1:" .. port }
    equal({ answer.status, answer.body, answer.headers["x-a"], answer.headers["x-c"] }, { 200, "ok" })
    equal(answer.headers["x-b"]:gsub("%s+", " "), "folded line")
  end)
end)

test("a small answer that unpacks to a large one is cut off", function()
  local folder <const> = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  local pack = "head -c 50000000 /dev/zero | %s > %s/bomb"
  for encoding, command in pairs { gzip = "gzip", br = "brotli -c", zstd = "zstd -c" } do
    if try(process.run, { command = "command -v " .. command:match("%S+") }) then
      process.run { command = pack:format(command, folder) }
      local bomb = fs.read(folder .. "/bomb")
      server.with(function() return 200, bomb, { ["content-encoding"] = encoding } end, function(s)
        local err = raises("the answer is larger than 1000000 bytes", http.request, { url = s.url, max_body = 1000000 })
        equal({ err.code, err.class, err.phase }, { "http-too-large", "fatal", "body" })
      end)
    end
  end
  fs.remove(folder)
end)

test("what claims to be packed and is not is no HTTP", function()
  local err = failure_of { "read", "send", OK .. "content-encoding: gzip\\r\\ncontent-length: 7\\r\\n\\r\\nnot gzip", "wait" }
  expect(err, "http-protocol", "transient", "body")
end)

-- ---- certificates ----------------------------------------------------------------------------------

---Serves https with certificates of an authority that its client trusts, unless told not to.
local function certificate_fault(options, request)
  local issuer = authority.new(options)
  local file <const> = process.run { argv = { "mktemp" } }.output:match("[^\n]+")
  fs.write(file, issuer:pem())
  local err = server.with(function() return 200, "ok" end, function(s)
    local o = { url = ("https://%s:%d/"):format(request.host or "localhost", s.port), ca = request.ca or file,
      connect_to = "127.0.0.1" }
    local answer, e = try(http.request, o)
    return e or answer.body
  end, { tls = issuer })
  fs.remove(file)
  return err
end

test("an authority that one request trusts is not trusted by the next one, which uses its memory again", function()
  local issuer = authority.new {}
  local file <const> = process.run { argv = { "mktemp" } }.output:match("[^\n]+")
  fs.write(file, issuer:pem())
  server.with(function() return 200, "ok" end, function(s)
    for _ = 1, 3 do
      equal(http.request { url = s.url, ca = file }.body, "ok")
      local err = raises("certificate", http.request, { url = s.url })
      equal(err.detail, "untrusted")
    end
  end, { tls = issuer })
  fs.remove(file)
end)

test("certificates that are expired, not valid yet, and of nobody we trust are told apart", function()
  local day = 24 * 3600
  equal(certificate_fault({}, {}), "ok")
  for detail, case in pairs {
    expired = { { begins = -2 * day, ends = -day }, {} },
    ["not-yet-valid"] = { { begins = day, ends = 2 * day }, {} },
    untrusted = { {}, { ca = "/etc/ssl/certs/ca-certificates.crt" } },
  } do
    local err = certificate_fault(case[1], case[2])
    expect(err, "http-certificate", "fatal", "tls")
    equal(err.detail, detail)
    equal(#err.reason > 0, true)
  end
end)

test("a CA file that is not there is a misuse", function()
  local err = certificate_fault({}, { ca = "/nowhere/ca.pem" })
  equal({ err.code, err.class }, { "http-tls-files", "misuse" })
end)

---f(folder) with cert.pem and key.pem, signed by itself, for right.test.
local function with_pem(f)
  local folder <const> = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  process.run { cwd = folder, argv = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
    "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=right.test",
    "-addext", "subjectAltName=DNS:right.test" } }
  f(folder)
  fs.remove(folder)
end

test("over TLS a wrong host, a certificate signed by itself, and an early end are found", function()
  with_pem(function(folder)
    local steps = { "--tls", folder .. "/cert.pem", folder .. "/key.pem", "tls", "read",
      "send", OK .. "content-length: 10\\r\\n\\r\\nhalf" }
    with_peer(steps, function(port)
      local function ask(host, ca)
        return select(2, try(http.request, { url = ("https://%s:%d/"):format(host, port), connect_to = "127.0.0.1", ca = ca }))
      end
      local wrong = ask("wrong.test", folder .. "/cert.pem")
      equal({ wrong.code, wrong.detail, wrong.phase }, { "http-certificate", "wrong-host", "tls" })
      equal(ask("right.test", "/etc/ssl/certs/ca-certificates.crt").detail, "untrusted")
      expect(ask("right.test", folder .. "/cert.pem"), "http-lost", "transient", "body")
    end)
  end)
end)

-- ---- HTTP/2 -------------------------------------------------------------------------------------------

local node = "build/npm/node_modules/.bin/node"

-- /refuse resets the first stream unseen, /away ends the connection for streams that it did not see,
-- /vanish cuts the connection, /slow answers after all others have begun.
local SERVER = [[
const http2 = require("http2"), fs = require("fs");
let sessions = 0, seen = {};
const server = http2.createSecureServer({ key: fs.readFileSync("key.pem"), cert: fs.readFileSync("cert.pem") });
server.on("session", () => { sessions++; });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const path = headers[":path"], first = !seen[path];
  seen[path] = true;
  if (path.startsWith("/refuse") && first) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  if (path === "/away" && first) return stream.session.goaway(0, stream.id - 2);
  if (path === "/cut") return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  if (path === "/vanish") return stream.session.destroy();
  if (path === "/half") { stream.respond({ "content-length": "10" }); stream.write("half"); return; }
  stream.respond({ ":status": 200 });
  stream.end(`${headers[":method"]} ${sessions}`);
});
process.on("uncaughtException", () => {});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
]]

local function with_http2(f)
  if not fs.exists(node) then skip "node is not in build/npm" end
  local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
  with_pem(function(folder)
    fs.write(folder .. "/server.js", SERVER)
    local child <close> = process.start { argv = { here .. "/" .. node, "server.js" }, cwd = folder }
    local port = child:line()
    f(function(o, path)
      o.url, o.ca, o.connect_to = "https://right.test:" .. port .. path, folder .. "/cert.pem", "127.0.0.1:" .. port
      return http.request(o)
    end)
  end)
end

test("what an HTTP/2 peer refused unseen may be sent again, unless it must not arrive twice", function()
  with_http2(function(ask)
    equal(ask({}, "/warm").protocol, "2")
    local answer, err = try(ask, { method = "PUT", body = "x" }, "/refuse")   -- curl tries, and may stumble
    equal(answer and answer.body:match("%a+") or err.class, answer and "PUT" or "transient")
    equal(select(2, try(ask, { method = "POST", body = "x" }, "/refuse?post")).class, "unknown")
  end)
end)

test("an HTTP/2 connection that goes away in the middle loses what was under way, and no more", function()
  with_http2(function(ask)
    equal(ask({}, "/warm").protocol, "2")
    for _, path in ipairs { "/away", "/cut", "/vanish" } do
      local _, err = try(ask, { method = "POST", body = "x" }, path)
      equal({ path, err.code, err.class }, { path, "http-lost", "unknown" })
      equal(err.phase == "send" or err.phase == "first byte", true)
    end
    local _, err = try(ask, { timeout = { idle = 0.2 } }, "/half")
    equal({ err.code, err.phase }, { "http-idle-timeout", "body" })
    equal(ask({}, "/after").status, 200)
  end)
end)

test("many tasks share one HTTP/2 connection", function()
  with_http2(function(ask)
    local tasks = {}
    for i = 1, 40 do tasks[i] = function() return ask({}, "/" .. i) end end
    local reused = 0
    for _, answer in ipairs(parallel(tasks)) do
      equal(answer.body, "GET 1")
      reused = reused + (answer.reused and 1 or 0)
    end
    equal(reused, 39)
  end)
end)

-- ---- what is said --------------------------------------------------------------------------------

-- One line that says everything once, and what to do next.
local function check_words(about, err)
  equal({ about, err.message:find("\n", 1, true), err.hint ~= nil }, { about, nil, true })
  local seen = {}
  local ours = err.message:gsub("%b()", "")   -- in brackets stand the system's own words, as they come
  for word in ours:lower():gmatch "%a%a%a%a+" do
    if seen[word] then error(("%s: '%s' twice: %s"):format(about, word, err.message), 2) end
    seen[word] = true
  end
end

test("what went wrong is said once, with what to do next", function()
  local function say(about, o) check_words(about, select(2, try(http.request, o))) end
  say("refused", { url = "http://localhost:9/x" })
  say("refused by a proxy", { url = "http://some.test/x", proxy = "http://localhost:9" })
  say("no socket", { url = "http://some.test/x", unix = "/nowhere/x.sock" })
  say("no name", { url = "http://nowhere.invalid/x" })
  check_words("silent", failure_of({ "read", "hold" }, { timeout = { first_byte = 0.05 } }))
  check_words("slow", failure_of({ "read", "hold" }, { timeout = 0.05 }))
  check_words("no TLS", failure_of({ "send", "220 ready\\r\\n", "close" }, {}, "https"))
  check_words("broken off", failure_of({ "read", "send", OK .. "content-length: 9\\r\\n\\r\\nx", "close" }))
  for about, times in pairs { expired = { begins = -2000, ends = -1000 }, early = { begins = 1000, ends = 2000 } } do
    check_words(about, certificate_fault(times, {}))
  end
  check_words("untrusted", certificate_fault({}, { ca = "/etc/ssl/certs/ca-certificates.crt" }))
end)

test("the address is named where the URL does not name it", function()
  local err = raises("GET localhost:9/x at [^ ]+:9: the connection was refused", http.request, { url = "http://localhost:9/x" })
  equal(err.address:match ":9$", ":9")
  raises("GET 127.0.0.1:9/x: the connection was refused", http.request, { url = "http://127.0.0.1:9/x" })
end)

-- ---- proxies, sockets, other addresses ----------------------------------------------------------------

test("a proxy that wants credentials, or cannot go on, is an error of its own, without its password", function()
  local function through(answer, url)
    return with_peer({ "read", "send", "HTTP/1.1 " .. answer .. "\\r\\ncontent-length: 0\\r\\n\\r\\n" }, function(port)
      return select(2, try(http.request, { url = url, proxy = "http://us%65r:geheim@127.0.0.1:" .. port }))
    end)
  end
  local denied = through("407 Proxy Authentication Required", "https://example.com/")
  equal({ denied.code, denied.class }, { "http-proxy", "fatal" })
  equal(denied.message:find("answered status 407", 1, true) ~= nil, true)
  equal(through("407 Denied", "http://example.com/").code, "http-proxy")
  local busy = through("502 Bad Gateway", "https://example.com/")
  equal({ busy.code, busy.class }, { "http-proxy", "transient" })
  for _, err in ipairs { denied, busy } do
    equal({ (tostring(err) .. err.reason):find("geheim", 1, true) }, {})
  end
  local _, gone = try(http.request, { url = "https://example.com/", proxy = "http://user:geheim@127.0.0.1:9" })
  equal({ gone.code, gone.detail, tostring(gone):find("geheim", 1, true) }, { "http-proxy", "refused" })
  local _, odd = try(http.request, { url = "https://example.com/", proxy = "gopher://user:geheim@127.0.0.1:9" })
  equal({ odd.code, odd.class, tostring(odd):find("geheim", 1, true) }, { "http-proxy", "misuse" })
end)

local THROUGH = [[
local url = ...
local answer, err = try(require("http").request, { url = url })
print(answer and answer.body or err.code)
]]

---Which proxy the environment gives for the URL: "a" or "b" for those, else what happened.
local function environment(env, url)
  return server.with(function() return 200, "b" end, function(b)
    return server.with(function() return 200, "a" end, function(a)
      local real = {}
      for name, value in pairs(env) do
        real[name] = value:gsub("^A$", a.url):gsub("^B$", b.url)
      end
      local result = process.run { argv = { davit, "eval", THROUGH:gsub("%.%.%.", ("%q"):format(url)) .. "" }, env = real }
      return result.output:match("%S+")
    end)
  end)
end

test("a connection for which no file descriptor is left says so", function()
  local crowd = [[
    local http, tasks = require "http", {}
    for i = 1, 100 do tasks[i] = function() http.request { url = "%s", fresh = true } end end
    parallel(tasks)]]
  server.with(function() sleep(3600) return 200 end, function(s)
    local result = process.run { check = false,
      argv = { "sh", "-c", 'ulimit -n 40; exec "$0" eval "$1"', davit, crowd:format(s.url) } }
    equal(result.exit, 8)
    equal(result.errors:find("no file descriptor is left for a connection", 1, true) ~= nil, true)
  end)
end)

test("proxies come from the environment, but not from HTTP_PROXY, and not for loopback", function()
  equal(environment({ http_proxy = "A" }, "http://nowhere.invalid/"), "a")
  equal(environment({ HTTP_PROXY = "A" }, "http://nowhere.invalid/"), "dns-not-found")
  equal(environment({ all_proxy = "B", http_proxy = "A" }, "http://nowhere.invalid/"), "a")
  equal(environment({ ALL_PROXY = "B" }, "http://nowhere.invalid/"), "b")
  equal(environment({ http_proxy = "A", no_proxy = "x.test, .invalid" }, "http://nowhere.invalid/"), "dns-not-found")
  equal(environment({ http_proxy = "A", NO_PROXY = "where.invalid" }, "http://nowhere.invalid/"), "a")
  equal(environment({ http_proxy = "A", no_proxy = "192.0.2.0/24" }, "http://192.0.3.1/"), "a")
  equal(environment({ http_proxy = "A" }, "http://127.0.0.1:9/"), "http-refused")
end)

test("a request goes to another address, and only to the family that is asked for", function()
  server.with(function(request) return 200, request.host end, function(s)
    equal(http.request { url = "http://some.test/", connect_to = "127.0.0.1:" .. s.port }.body, "some.test")
    equal(http.request { url = "http://localhost:" .. s.port, family = 4 }.body, "localhost")
    equal(raises("", http.request, { url = "http://localhost:" .. s.port, family = 6 }).code, "http-refused")
  end)
end)

test("a request goes over a Unix socket, which is named in errors", function()
  local folder <const> = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  local path = folder .. "/socket"
  with_peer({ "--unix", path, "read", "send", OK .. "content-length: 2\\r\\n\\r\\nok" }, function()
    equal(http.request { url = "http://some.test/", unix = path }.body, "ok")
  end)
  fs.remove(folder)
  local err = raises("GET some.test/ at " .. path:gsub("%p", "%%%0") .. ": no connection", http.request,
    { url = "http://some.test/", unix = path })
  equal({ err.code, err.phase, err.address, err.reason }, { "http-refused", "connect", path, "No such file or directory" })
end)

test("a client shows its certificate to a server that asks for one", function()
  with_pem(function(folder)
    local child <close> = process.start { cwd = folder, argv = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
      "-cert", "cert.pem", "-key", "key.pem", "-Verify", "1", "-CAfile", "cert.pem", "-verify_return_error" } }
    local port
    repeat port = child:line():match("^ACCEPT .*:(%d+)") until port
    local o = { url = "https://right.test/", connect_to = "127.0.0.1:" .. port, ca = folder .. "/cert.pem", fresh = true }
    local _, without = try(http.request, o)
    equal(without.code == "http-tls" or without.code == "http-lost", true)
    o.certificate, o.key = folder .. "/cert.pem", folder .. "/key.pem"
    equal(http.request(o).status, 200)
    o.key = "/nowhere/key.pem"
    equal(raises("", http.request, o).code, "http-tls-files")
  end)
end)

test("misuse of the way and of the limits names the option", function()
  local url = "http://127.0.0.1/"
  raises("unknown option 'conect' %(expected connect, tls", http.request, { url = url, timeout = { conect = 1 } })
  raises("timeout: option 'idle' is seconds above 0", http.request, { url = url, timeout = { idle = 0 } })
  raises("family is 4 or 6", http.request, { url = url, family = 5 })
  raises("exclude each other", http.request, { url = url, unix = "/x", proxy = "http://x" })
  raises("1 to 107 bytes", http.request, { url = url, unix = ("x"):rep(108) })
  raises("a key goes with a certificate", http.request, { url = url, key = "x" })
end)
