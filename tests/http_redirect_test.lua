---Redirects against real servers on loopback: which are followed, what goes along, what stops the hop.
local core = require "http.core"
local http = require "http"
local json = require "json"
local secret = require "secret.core"
local server = require "server"

-- Tells what came; "/to/STATUS?URL" redirects.
local function echo(request)
  local code = request.path:match("^/to/(%d+)$")
  if code then return tonumber(code), "moved", { location = request.query } end
  return 200, json.encode { method = request.method, path = request.path, query = request.query,
    body = request.body, headers = request.headers }
end

-- Two origins: they differ by their port.
local function with_two(body)
  server.with(echo, function(a)
    server.with(echo, function(b) body(a, b) end)
  end)
end

-- Answers of a world where https costs no certificates.
local function with_answers(answers, body)
  local asked, request = {}, core.request
  core.request = function(o)
    asked[#asked + 1] = o
    local to = answers[o.url] or error("nobody answers at " .. o.url, 0)
    return { status = to == "end" and 200 or 302, body = "", url = o.url,
      headers = { location = to ~= "end" and to or nil } }
  end
  local _ <close> = setmetatable({}, { __close = function() core.request = request end })
  body(asked)
end

test("a redirect is followed, and the answer says which way it went", function()
  with_two(function(a, b)
    local first = a.url .. "/to/302?" .. b.url .. "/to/301?" .. b.url .. "/end?x=1"
    local answer = http.request { url = first }
    equal({ answer.status, answer.url }, { 200, b.url .. "/end?x=1" })
    equal(answer.hops, { { url = first, status = 302 }, { url = b.url .. "/to/301?" .. b.url .. "/end?x=1", status = 301 } })
    equal(answer:json().query, "x=1")
    equal(http.request({ url = a.url .. "/end" }).hops, {})
  end)
end)

test("a location may be relative in every way, and a fragment stays at home", function()
  server.with(function(request)
    if request.path == "/a/b/start" then return 302, "", { location = request.query } end
    return 200, request.path .. "?" .. request.query
  end, function(s)
    for location, reached in pairs {
      ["c"] = "/a/b/c?", ["../c"] = "/a/c?", ["/c"] = "/c?", ["./c/"] = "/a/b/c/?", ["//127.0.0.1:" .. s.port .. "/d"] = "/d?",
      ["/e%23part"] = "/e%23part?", ["/e#part"] = "/e?",
    } do
      -- the server would not see a query that holds a fragment: it is told by another way
      if not location:find("#") then equal(http.request({ url = s.url .. "/a/b/start?" .. location }).body, reached) end
    end
  end)
  with_answers({ ["https://a.test/x#top"] = "/y#part", ["https://a.test/y"] = "end" }, function(asked)
    equal(http.request({ url = "https://a.test/x#top" }).url, "https://a.test/y")
    equal(#asked, 2)
  end)
end)

test("what no URL holds is encoded in a location, as browsers do", function()
  for location, reached in pairs {
    ["/a b"] = "/a%20b", ["/x?f[n]=1"] = "/x?f%5Bn%5D=1", ["/100%"] = "/100%25", ["/%zz%41"] = "/%25zz%41", ["/ü|^"] = "/ü%7C%5E",
    ["  /spaced  "] = "/spaced", ["//[::1]:9/[x]"] = "http://[::1]:9/%5Bx%5D",
  } do
    local to = reached:find("^http") and reached or "http://a.test" .. reached
    with_answers({ ["http://a.test/q?f[0]=1"] = location, [to] = "end" }, function()
      equal(http.request({ url = "http://a.test/q?f[0]=1" }).url, to)
    end)
  end
end)

test("303 asks with GET, 301 and 302 do after a POST, 307 and 308 send the same again", function()
  with_two(function(a)
    local rules = {
      { 301, "POST", "GET", "" }, { 302, "POST", "GET", "" }, { 303, "POST", "GET", "" }, { 303, "PUT", "GET", "" },
      { 303, "DELETE", "GET", "" }, { 301, "PUT", "PUT", "body" }, { 302, "PATCH", "PATCH", "body" },
      { 307, "POST", "POST", "body" }, { 308, "PUT", "PUT", "body" }, { 307, "GET", "GET", "" },
    }
    for _, rule in ipairs(rules) do
      local code, method, becomes, body = table.unpack(rule)
      local seen = http.request { url = ("%s/to/%d?/end"):format(a.url, code), method = method,
        body = method ~= "GET" and "body" or nil, headers = { ["content-type"] = "text/x-a", ["x-own"] = "1" } }:json()
      equal({ code, method, seen.method, seen.body }, { code, method, becomes, body })
      local kept = becomes == method
      equal({ seen.headers["content-type"], seen.headers["x-own"] }, { kept and "text/x-a" or nil, "1" })
    end
    local head = http.request { url = a.url .. "/to/303?/end", method = "HEAD" }
    equal({ head.status, head.body, #head.hops }, { 200, "", 1 })
  end)
end)

test("a body of JSON, a form and parts are sent again by 307, and gone after 303", function()
  with_two(function(a)
    local to = a.url .. "/to/%d?/end"
    equal(http.request { url = to:format(307), method = "POST", json = { n = 1 } }:json().body, '{"n":1}')
    equal(http.request { url = to:format(308), method = "POST", form = { n = 1 } }:json().body, "n=1")
    local parts = { { name = "x", data = "part" } }
    equal(http.request { url = to:format(307), method = "POST", multipart = parts }:json().body:find("part", 1, true) ~= nil, true)
    local after = http.request { url = to:format(303), method = "POST", multipart = parts }:json()
    equal({ after.body, after.headers["content-type"] }, { "", nil })
  end)
end)

test("a 3xx is an answer where no redirect may be followed, and where it leads nowhere", function()
  with_two(function(a)
    equal(http.request({ url = a.url .. "/to/302?/end", redirects = 0 }).status, 302)
    equal(http.request({ url = a.url .. "/to/304?/end" }).status, 304)
    equal(http.request({ url = a.url .. "/to/300?/end" }).status, 300)
  end)
  server.with(function() return 302, "where to?" end, function(s)
    equal(http.request({ url = s.url }).body, "where to?")
  end)
end)

test("plain credentials stay at their origin, other headers go along", function()
  with_two(function(a, b)
    local headers = { Authorization = "Bearer x", cookie = "c=1", ["Proxy-Authorization"] = "p", host = "named.test", ["x-own"] = "1" }
    local near = http.request({ url = a.url .. "/to/302?/end", headers = headers }):json().headers
    equal({ near.authorization, near.cookie, near.host, near["x-own"] }, { "Bearer x", "c=1", "named.test", "1" })
    local far = http.request({ url = a.url .. "/to/302?" .. b.url .. "/end", headers = headers }):json().headers
    equal({ far.authorization, far.cookie, far["proxy-authorization"], far["x-own"] }, { nil, nil, nil, "1" })
    equal(far.host, "127.0.0.1:" .. b.port)
    equal(headers.Authorization, "Bearer x")
  end)
end)

test("a secret credential goes as far as it is bound, even within one origin", function()
  with_two(function(a, b)
    local function reached(token, to)
      return http.request({ url = a.url .. "/to/302?" .. to, headers = { authorization = "Bearer " .. token } }):json()
        .headers.authorization
    end
    local both = secret.new("BOTH", "a-token-for-two-places", { a.url, b.url })
    equal(reached(both, b.url .. "/end"), "Bearer a-token-for-two-places")
    local one = secret.new("ONE", "a-token-for-one-place", { a.url })
    equal(reached(one, b.url .. "/end"), nil)
    equal(reached(one, "/end"), "Bearer a-token-for-one-place")
    local path = secret.new("PATH_TOKEN", "a-token-for-one-folder", { a.url .. "/to" })
    equal(reached(path, "/end"), nil)
  end)
end)

test("a secret that would be sent on to a place it is not bound to stops the hop", function()
  with_two(function(a, b)
    local key = secret.new("KEY", "a-key-for-one-place", { a.url })
    for _, o in ipairs {
      { headers = { ["x-api-key"] = key } },
      { method = "POST", body = key },
      { method = "POST", json = { key = key } },
      { method = "POST", multipart = { { name = "k", data = key } } },
    } do
      o.url = a.url .. "/to/307?" .. b.url .. "/end"
      local _, err = try(http.request, o)
      equal({ err.code, #err.hops }, { "secret-refused", 1 })
      equal(err.message:find("secret KEY may be sent to " .. a.url .. " only, not to " .. b.url, 1, true) ~= nil, true)
      equal(err.message:find(("redirect 1: %s/to/307 (307) -> %s/end"):format(a.url, b.url), 1, true) ~= nil, true)
    end
    equal(http.request({ url = a.url .. "/to/303?" .. b.url .. "/end", method = "POST", body = key }).status, 200)
  end)
end)

test("circles and too many redirects are one error that shows the way", function()
  server.with(function(request)
    local n = tonumber(request.path:match("^/n/(%d+)$"))
    if n then return 302, "", { location = "/n/" .. n + 1 .. "?token=abc" } end
    return 302, "", { location = request.path == "/x" and "/y" or "/x" }
  end, function(s)
    local _, circle = try(http.request, { url = s.url .. "/x" })
    equal({ circle.code, circle.class, #circle.hops }, { "http-redirect", "fatal", 2 })
    equal(circle.message, ("GET %s/x: the redirects go round in circles: %s/x (302) -> %s/y (302) -> %s/x"):format(
      s.url, s.url, s.url, s.url))
    local _, many = try(http.request, { url = s.url .. "/n/0", redirects = 2 })
    equal(many.message, ("GET %s/n/0: more than 2 redirects: %s/n/0 (302) -> %s/n/1 (302) -> %s/n/2 (302) -> %s/n/3"):format(
      s.url, s.url, s.url, s.url, s.url))
    local _, default = try(http.request, { url = s.url .. "/n/0" })
    equal(#default.hops, 11)
  end)
end)

test("a redirect to clear text, or to no address of the web, is refused", function()
  with_answers({ ["https://a.test/"] = "http://a.test/", ["https://b.test/"] = "//b.test/end", ["https://b.test/end"] = "end" },
    function(asked)
      local _, err = try(http.request, { url = "https://a.test/" })
      equal({ err.code, #asked }, { "http-redirect", 1 })
      equal(err.message, "GET https://a.test/: the redirect leads from https to http: https://a.test/ (302) -> http://a.test/")
      equal(http.request({ url = "https://b.test/" }).url, "https://b.test/end")
    end)
  for _, place in ipairs { "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:1", "http://", "http://:1/" } do
    with_answers({ ["http://a.test/"] = place }, function()
      local err = raises("leads to no http or https address", http.request, { url = "http://a.test/" })
      equal(err.code, "http-redirect")
    end)
  end
end)

test("an origin is scheme, host and port, however they are written", function()
  local origin = require "http.origin"
  for address, expected in pairs {
    ["HTTP://Example.Test"] = "http://example.test:80", ["https://example.test:0443/x"] = "https://example.test:443",
    ["http://user:pass@example.test:8080/"] = "http://example.test:8080", ["http://[::1]:90?x"] = "http://[::1]:90",
    ["http://a@b@c.test/"] = "http://c.test:80", ["http://x.test\\@y.test/"] = "http://x.test:80",
  } do equal({ address, origin.of(address) }, { address, expected, (expected:match("^%a+")) }) end
  equal(origin.of("ftp://x/"), nil)
  equal(origin.shown("https://me:secret@x.test/a?token=1#f"), "https://x.test/a")
end)

test("a client certificate and a place that stands in for the host belong to the first origin", function()
  with_answers({ ["https://a.test/"] = "https://a.test/2", ["https://a.test/2"] = "https://b.test/", ["https://b.test/"] = "end" },
    function(asked)
      http.request { url = "https://a.test/", certificate = "c", key = "k", connect_to = "127.0.0.1", ca = "kept" }
      equal({ asked[2].certificate, asked[2].key, asked[2].connect_to }, { "c", "k", "127.0.0.1" })
      equal({ asked[3].certificate, asked[3].key, asked[3].connect_to, asked[3].ca }, { nil, nil, nil, "kept" })
    end)
end)

test("the timeout is one for all hops together", function()
  local davit = require "core"
  local monotonic, now = davit.monotonic, 0
  davit.monotonic = function() now = now + 4 return now end
  local _ <close> = setmetatable({}, { __close = function() davit.monotonic = monotonic end })
  local answers = { ["http://a.test/"] = "/2", ["http://a.test/2"] = "/3", ["http://a.test/3"] = "end" }
  with_answers(answers, function(asked)
    http.request { url = "http://a.test/", timeout = 10 }
    equal({ asked[1].timeout, asked[2].timeout, asked[3].timeout }, { 10, 6, 2 })
  end)
  with_answers(answers, function(asked)
    http.request { url = "http://a.test/", timeout = { connect = 1, total = 20 } }
    equal(asked[3].timeout, { connect = 1, total = 12 })
  end)
  with_answers(answers, function(asked)
    http.request { url = "http://a.test/", timeout = { idle = 5 } }
    equal(asked[2].timeout, { idle = 5, total = 3596 })
  end)
  with_answers(answers, function(asked)
    http.request { url = "http://a.test/" }
    equal({ asked[1].timeout, asked[2].timeout }, { nil, 26 })
  end)
end)

test("an error of a later hop says how one came there", function()
  with_two(function(a)
    local _, err = try(http.request, { url = a.url .. "/to/302?http://127.0.0.1:9/" })
    equal({ err.code, #err.hops }, { "http-refused", 1 })
    equal(err.message:find("(redirect 1: " .. a.url .. "/to/302 (302) -> http://127.0.0.1:9/)", 1, true) ~= nil, true)
  end)
end)

test("cancelling in the middle of a chain stops it", function()
  server.with(function(request)
    if request.path == "/slow" then sleep(5) end
    return 302, "", { location = "/slow" }
  end, function(s)
    local _, err = try(require("task").deadline, 0.05, http.request, { url = s.url })
    equal({ err.code, err.hops }, { "deadline", nil })
  end)
end)

test("how many redirects are followed is a whole number", function()
  raises("option 'redirects' is how many are followed", http.request, { url = "http://127.0.0.1/", redirects = -1 })
  raises("option 'redirects' is how many are followed", http.request, { url = "http://127.0.0.1/", redirects = true })
end)

test("an error of a long way stays short, and says how it began and ended", function()
  local n = 0
  server.with(function()
    n = n + 1
    return 302, "", { location = "/" .. n .. "/" .. ("x"):rep(4000) }
  end, function(s)
    local _, err = try(http.request, { url = s.url .. "/start", redirects = 30 })
    equal({ err.code, #err.hops, #err.message < 4000 }, { "http-redirect", 31, true })
    for _, part in ipairs { "/start %(302%)", "/4/x+…", "21 more", "/26/x+…", "/31/x+…$" } do
      equal({ part, err.message:find(part) ~= nil }, { part, true })
    end
    equal(err.message:find("/5/x") or err.message:find("/25/x"), nil)
  end)
end)
