---HTTP against a real server on loopback: answers, bodies, limits, lost replies.
local http = require "http"
local json = require "json"
local secret = require "secret.core"
local server = require "server"

local function echo(request)
  return 200, json.encode {
    method = request.method, path = request.path, query = request.query, body = request.body,
    type = request.headers["content-type"], agent = request.headers["user-agent"],
    authorization = request.headers.authorization,
  }, { ["content-type"] = "application/json" }
end

test("the answer is what the server sent", function()
  server.with(function(request) return 201, "made " .. request.path, { ["x-kind"] = "new" } end, function(s)
    local answer = http.request { url = s.url .. "/thing" }
    equal(answer.status, 201)
    equal(answer.body, "made /thing")
    equal(answer.headers["x-kind"], "new")
    equal(answer.protocol, "1.1")
    equal(answer.address:match("^127%.0%.0%.1:%d+$") ~= nil, true)
    equal(answer.timing.total > 0, true)
  end)
end)

test("json, form and plain bodies carry their content type", function()
  server.with(echo, function(s)
    local seen = http.request { url = s.url .. "/a?x=1", method = "POST", json = { n = 1, list = json.array {} } }:json()
    equal(seen.body, '{"list":[],"n":1}')
    equal(seen.type, "application/json")
    equal(seen.query, "x=1")
    equal(http.request { url = s.url, method = "POST", form = { b = "x y", a = 1 } }:json().body, "a=1&b=x%20y")
    equal(http.request { url = s.url, method = "PUT", body = "raw" }:json().type, nil)
    equal(http.request { url = s.url, method = "PUT", body = "" }:json().body, "")
    equal(http.request { url = s.url }:json().agent:find("^davit/") ~= nil, true)
  end)
end)

test("a request that usually has a body says when it has none", function()
  server.with(function(request) return 200, request.headers["content-length"] or "none" end, function(s)
    for method, length in pairs { POST = "0", PUT = "0", PATCH = "0", DELETE = "none", GET = "none" } do
      equal(http.request { url = s.url, method = method }.body, length)
    end
  end)
end)

test("multipart parts are sent with their names, types and file names", function()
  server.with(echo, function(s)
    local seen = http.request { url = s.url, method = "POST", multipart = {
      { name = "metadata", data = "{}" },
      { name = "index.js", filename = "index.js", type = "application/javascript+module", data = "export default {}" },
    } }:json()
    equal(seen.type:find("^multipart/form%-data; boundary=") ~= nil, true)
    equal(seen.body:find('name="metadata"\r\n\r\n{}\r\n', 1, true) ~= nil, true)
    equal(seen.body:find('name="index.js"; filename="index.js"\r\nContent-Type: application/javascript+module', 1, true) ~= nil, true)
  end)
end)

test("every status is an answer, and expect turns one into an error with its class", function()
  server.with(function(request) return tonumber(request.path:sub(2)), "no " .. request.path end, function(s)
    equal(http.request { url = s.url .. "/500" }.status, 500)
    for status, class in pairs { [404] = "fatal", [409] = "converge", [429] = "throttled", [503] = "transient" } do
      local _, err = try(http.expect, { url = s.url .. "/" .. status })
      equal({ err.code, err.class }, { "http-status", class })
      equal(err.message, ("GET %s/%d answered status %d: no /%d"):format(s.url, status, status, status))
    end
    equal(http.expect({ url = s.url .. "/404" }, 200, 404).status, 404)
  end)
end)

test("a refused connection, a silent server and a dropped reply are told apart", function()
  local _, refused = try(http.request, { url = "http://127.0.0.1:9/" })
  equal({ refused.code, refused.class }, { "http-refused", "transient" })
  server.with(function(request)
    if request.path == "/drop" then return { close = true } end
    sleep(5)
    return 200, ""
  end, function(s)
    local _, slow = try(http.request, { url = s.url .. "/slow", timeout = 0.1 })
    equal({ slow.code, slow.class }, { "http-timeout", "transient" })
    local _, slow_post = try(http.request, { url = s.url .. "/slow", method = "POST", body = "x", timeout = 0.1 })
    equal({ slow_post.code, slow_post.class }, { "http-timeout", "unknown" })
    equal(slow_post.hint, "the request may have been applied: look before sending it again")
    local _, lost = try(http.request, { url = s.url .. "/drop", method = "POST", body = "x" })
    equal({ lost.code, lost.class }, { "http-lost", "unknown" })
  end)
end)

test("an error names host, port and path, and neither the query nor who asks", function()
  local _, err = try(http.request, { url = "http://ann:geheim@127.0.0.1:9/a/b?token=geheim#part" })
  equal(err.message:match("^GET [^ ]+"), "GET 127.0.0.1:9/a/b:")
  equal(tostring(err):find("geheim", 1, true), nil)
end)

test("a body over the limit is refused", function()
  server.with(function() return 200, ("x"):rep(2000) end, function(s)
    local _, err = try(http.request, { url = s.url, max_body = 1000 })
    equal(err.code, "http-too-large")
    equal(#http.request { url = s.url, max_body = 2000 }.body, 2000)
  end)
end)

test("cancelling drops the exchange at once", function()
  server.with(function() sleep(5) return 200, "" end, function(s)
    local core = require "core"
    local started = core.monotonic()
    raises("the deadline of 0.05 s has passed", require("task").deadline, 0.05, http.request, { url = s.url })
    equal(core.monotonic() - started < 1, true)
  end)
end)

-- In a program of its own: --local cannot be taken back.
local silent_names = [[
local core, names = require "core", require "nameserver".listen {}
require "local.core".connect { http_port = 1, https_port = 1, dns = "127.0.0.1:" .. names.port,
  ca_file = "none", hosts = { "silent.example.test" } }
local started = core.monotonic()
local _, err = try(require "http".request, { url = "http://silent.example.test/", timeout = 0.1 })
print(err.code, core.monotonic() - started < 2)
]]

test("looking up the host counts for the timeout", function()
  local davit = os.getenv "DAVIT" or "build/davit"
  local result = require "process".run { argv = { davit, "eval", silent_names } }
  equal(result.output, "dns-timeout\ttrue\n")
end)

-- Of each name one family is answered, and the other met with silence.
local half_silent_names = [[
local http, server, task = require "http", require "server", require "task"
local names = require "nameserver".listen {}
local function answer(name, type)
  if not name:find("^" .. type:lower() .. "%.") then return end
  return { answers = { { type = type, data = type == "A" and "192.0.2.1" or "2001:db8::1", ttl = 1 } } }
end
server.with(function() return 200, "ok" end, function(s)
  require "local.core".connect { http_port = s.port, https_port = 1, dns = "127.0.0.1:" .. names.port,
    ca_file = "none", hosts = { "*.example.test" } }
  try(task.nursery, function(spawn)
    spawn("names", function() names:serve(answer) end)
    for _, name in ipairs { "a", "aaaa" } do
      local reply, err = try(http.request, { url = "http://" .. name .. ".example.test/", timeout = 5 })
      print(reply and reply.body or err)
    end
    failure { code = "end", message = "of the name server" }
  end)
end)
]]

test("a family of addresses that nobody answers for does not delay the other", function()
  local davit = os.getenv "DAVIT" or "build/davit"
  equal(require "process".run { argv = { davit, "eval", half_silent_names } }.output, "ok\nok\n")
end)

test("many exchanges run at the same time on reused connections", function()
  server.with(function(request) sleep(0.02) return 200, request.path end, function(s)
    local branches = {}
    for i = 1, 50 do branches[i] = function() return http.request { url = s.url .. "/" .. i }.body end end
    local bodies = parallel(branches)
    for i = 1, 50 do equal(bodies[i], "/" .. i) end
  end)
end)

test("a secret goes where it belongs and nowhere else", function()
  server.with(echo, function(s)
    local token = secret.new("TOKEN", "a-very-secret-token", { s.url })
    local seen = http.request { url = s.url .. "/x", headers = { authorization = "Bearer " .. token } }:json()
    equal(seen.authorization, "Bearer a-very-secret-token")
    local body = http.request { url = s.url, method = "POST", json = { key = token } }:json().body
    equal(body, '{"key":"a-very-secret-token"}')
    local elsewhere = secret.new("ELSEWHERE", "another-secret-token", { "https://example.com" })
    local err = raises("secret ELSEWHERE may be sent to", http.request, { url = s.url, headers = { a = elsewhere } })
    equal(err.code, "secret-refused")
    raises("cannot hold a secret", http.request, { url = s.url .. token })
  end)
end)

test("a minted value leaves the body before Lua sees it", function()
  server.with(function() return 200, '{"uri":"postgresql://u:p%40ss-word-long@h/d","n":1}' end, function(s)
    local answer = http.request { url = s.url, secrets = {
      ["/uri"] = { name = "DATABASE_URL", to = { "sql:*" } },
      ["/absent"] = { name = "OTHER", to = {} },
    } }
    equal(answer.body, '{"uri":"[secret DATABASE_URL]","n":1}')
    equal(tostring(answer.secrets["/uri"]), "[secret DATABASE_URL]")
    equal(answer.secrets["/absent"], nil)
    equal(require("mask").text("x p@ss-word-long y"), "x *** y")
  end)
end)

test("misuse names the option", function()
  raises("unknown option 'redirect' %(expected url, .*, redirects, retry,", http.request, { url = "http://127.0.0.1/", redirect = 3 })
  raises("unknown option 'timout' %(expected url", http.request, { url = "http://127.0.0.1/", timout = 3 })
  raises("option 'url' is required", http.request, {})
  raises("option 'timeout' must be a number of seconds or a table of them, not a string", http.request,
    { url = "http://x/", timeout = "3" })
  raises("option 'timeout' is seconds above 0, at most 1000000000, not 0", http.request, { url = "http://x/", timeout = 0 })
  raises("option 'timeout' is seconds above 0, at most 1000000000, not 1e%+300", http.request, { url = "http://x/", timeout = 1e300 })
  raises("timeout: option 'connect' is seconds above 0, at most 1000000000, not 1e%+300", http.request,
    { url = "http://x/", timeout = { connect = 1e300 } })
  raises("'GE T' is not a valid method", http.request, { url = "http://x/", method = "GE T" })
  raises("'a b' is not a valid header name", http.request, { url = "http://x/", headers = { ["a b"] = "c" } })
  raises("header 'a' holds a line break", http.request, { url = "http://x/", headers = { a = "b\r\nc: d" } })
  for _, name in ipairs { "Content-Length", "transfer-encoding" } do
    raises("header '" .. name:gsub("%-", "%%-") .. "' is written by Davit", http.request,
      { url = "http://x/", method = "POST", body = "abc", headers = { [name] = "1" } })
  end
  raises("http.request: option 'form' must be a table, not a string", http.request, { url = "http://x/", form = "a=1" })
  raises("header 'a' must be a string, not a number", http.request, { url = "http://x/", headers = { a = 1 } })
  raises("body and multipart exclude each other", http.request,
    { url = "http://x/", body = "x", multipart = { { name = "a", data = "" } } })
  raises("not an http or https URL: 'ftp://x/'", http.request, { url = "ftp://x/" })
  raises("expected a table of options, not a nil", http.request)
end)

test("over http a secret goes to whom the connection leads, not to whom the URL names", function()
  server.with(function(request) return 200, request.headers.authorization and "it came" or "none" end, function(s)
    local named = secret.new("NAMED", "a-token-for-a-name", { "http://some.test" })
    local o = { url = "http://some.test/x", headers = { authorization = named } }
    for _, way in ipairs { { "connect_to", "127.0.0.1:" .. s.port }, { "proxy", s.url },
      { "proxy", s.url:gsub("//", "//me:hidden@") } } do
      local option, value = way[1], way[2]
      o.connect_to, o.proxy = nil, nil
      o[option] = value
      for _, send in ipairs { http.request, http.stream } do
        local _, err = try(send, o)
        equal({ option, err and err.code }, { option, "secret-refused" })
        equal(err.message:find("not to " .. s.url, 1, true) ~= nil, true)
      end
    end
    local placed = secret.new("PLACED", "a-token-for-a-place", { s.url })
    equal(http.request { url = "http://some.test/x", connect_to = "127.0.0.1:" .. s.port,
      headers = { authorization = placed } }.body, "it came")
    equal(http.request { url = ("http://some.test:%d/x"):format(s.port), connect_to = "127.0.0.1",
      headers = { authorization = placed } }.body, "it came")
  end)
end)

test("connect_to that is no name or address is refused before anything is asked", function()
  for _, place in ipairs { "", "a b", "x:0", "x:99999", ":80", "[::1", "[x]:80", "a:b:c", "127.0.0.1:9x", "h:80\r\n", "x/y", "a@b" } do
    raises("connect_to is a name or an address", http.request, { url = "http://some.test/", connect_to = place })
  end
end)

test("an error names a URL without its query and without who asks: there are tokens", function()
  local function serve(request) return request.path == "/ok" and 200 or 500, "no JSON" end
  server.with(serve, function(s)
    local private = s.url:gsub("//", "//me:hidden@")
    local _, err = try(http.expect, { url = private .. "/x?signature=hidden" })
    equal(err.message, ("GET %s/x answered status 500: no JSON"):format(s.url))
    local answer = http.request { url = private .. "/ok?signature=hidden" }
    equal(select(2, try(answer.json, answer)).message:find("hidden"), nil)
    equal(select(2, try(http.request, { url = private:gsub("hidden", "hid den") })).message:find("hid"), nil)
  end)
end)

test("what shall be taken out of an answer is checked before anything is sent", function()
  local count = 0
  server.with(function() count = count + 1 return 200, '{"token":"a-minted-value"}' end, function(s)
    for says, minted in pairs {
      ["unknown option 'nme'"] = { ["/token"] = { nme = "T", to = {} } }, ["'to' is a list"] = { ["/token"] = { name = "T", to = { 5 } } },
      ["cannot be bound to 'program:a/b'"] = { ["/token"] = { name = "T", to = { "program:a/b" } } },
      ["'token' is no JSON pointer"] = { token = { name = "T", to = {} } }, ["'%?' is no JSON pointer"] = { { name = "T", to = {} } },
    } do
      raises(says, http.request, { url = s.url, method = "POST", secrets = minted })
    end
    equal(count, 0)
    equal(http.request { url = s.url, secrets = { ["/token"] = { name = "T", to = {} } } }.body, '{"token":"[secret T]"}')
  end)
end)

test("no option ends in the middle, and no part of a body makes headers of its own", function()
  local u = "http://127.0.0.1:9/"
  for option, o in pairs {
    url = { url = u .. "\0x" }, method = { url = u, method = "GET\0" }, unix = { url = u, unix = "/tmp/x\0y" },
    connect_to = { url = u, connect_to = "127.0.0.1\0.test" }, from = { url = u, from = "a\0b" }, ca = { url = u, ca = "a\0b" },
    name = { url = u, multipart = { { name = "a\0b", data = "" } } },
  } do
    raises(("option '%s' holds a NUL"):format(option), http.request, o)
  end
  raises("the type of part 'a' holds a line break", http.request,
    { url = u, method = "POST", multipart = { { name = "a", data = "", type = "text/plain\r\nX-Evil: 1" } } })
end)
