---A URL that is itself a secret, as a webhook's: it goes to its own origin, and is told nowhere.
local http = require "http"
local secret = require "secret.core"
local server = require "server"

local PATH <const> = "/services/T0001/B0002/secret-path-0003?sig=also-secret"

-- Calls f with a secret URL of a server, bound as `place` says of the origin, and with the paths that were asked for.
local function with_webhook(f, answer, place)
  local asked = {}
  server.with(function(request)
    asked[#asked + 1] = ("%s %s%s %s"):format(request.method, request.path,
      request.query ~= "" and "?" .. request.query or "", request.body)
    return (answer or function() return 200, "ok" end)(request)
  end, function(s)
    f(secret.new("WEBHOOK", s.url .. PATH, { (place or "POST %s url"):format(s.url) }), asked, s.url)
  end)
end

local function tells_nothing(text)
  for _, part in ipairs { "T0001", "secret-path", "also-secret" } do
    if tostring(text):find(part, 1, true) then error(("it tells '%s': %s"):format(part, text), 2) end
  end
end

test("it is asked whole, and told as its origin", function()
  with_webhook(function(url, asked, origin)
    local answer = http.request { url = url, method = "POST", body = "hello" }
    equal({ answer.status, answer.url, asked }, { 200, origin .. "/", { ("POST %s hello"):format(PATH) } })
  end)
end)

test("an error names the origin alone: of a status, of a connection, of a timeout", function()
  with_webhook(function(url, _, origin)
    local err = raises("POST " .. origin:gsub("%p", "%%%0") .. "/ answered status 404: no such hook", http.expect,
      { url = url, method = "POST" })
    tells_nothing(err.message .. tostring(err.about))
  end, function() return 404, "no such hook" end)
  local closed = secret.new("WEBHOOK", "http://127.0.0.1:9" .. PATH, { "http://127.0.0.1:9 url" })
  local err = raises("127.0.0.1:9", http.request, { url = closed, method = "POST", timeout = 30 })
  tells_nothing(err.message)
end)

test("one that leads elsewhere than its place says is not asked", function()
  with_webhook(function(_, asked, origin)
    for _, text in ipairs { "http://127.0.0.1:1/x", origin .. "@evil.test/", origin .. "0/x", "not a url" } do
      local url = secret.new("WEBHOOK", text, { ("POST %s url"):format(origin) })
      raises("the secret is no URL that begins with 'http://127", http.request, { url = url, method = "POST" })
    end
    equal(asked, {})
  end)
end)

test("a secret that may not be a URL is none, and one that may is nothing else", function()
  with_webhook(function(url, asked)
    raises("option 'url' cannot hold a secret", http.request, { url = url, method = "POST" })
    equal(asked, {})
  end, nil, "POST %s")
  with_webhook(function(url, asked, origin)
    raises("secret WEBHOOK may be sent to", http.request, { url = url })   -- the place says POST
    raises("secret WEBHOOK may be sent to", http.request, { url = origin, method = "POST", body = url })
    raises("secret WEBHOOK may be sent to", http.request, { url = origin, method = "POST", headers = { a = url } })
    raises("goes with no file, stream", http.request, { url = url, method = "POST", from = "davit.yaml" })
    raises("goes with no file, stream", http.request, { url = url, method = "POST", connect_to = "127.0.0.1" })
    equal(asked, {})
  end)
end)

test("a redirect leads on without it", function()
  with_webhook(function(url, asked)
    local answer = http.request { url = url, method = "POST", body = "hello" }
    equal({ answer.status, asked[2] }, { 200, "GET /thanks " })
    tells_nothing(answer.hops[1].url)
  end, function(request)
    if request.path == "/thanks" then return 200, "ok" end
    return 302, "", { location = "/thanks" }
  end)
end)

test("its path alone may be the secret, and its place has none", function()
  with_webhook(function(_, asked, origin)
    local path = secret.new("PATH", "/hook-0001", { ("POST %s url"):format(origin) })
    equal(http.request { url = origin .. path, method = "POST" }.status, 200)
    equal(asked, { "POST /hook-0001 " })
  end)
  equal(secret.place_wrong "POST hooks.test/services url", "a URL that is secret is bound to an origin, without a path")
  equal(secret.place_wrong "POST hooks.test url", nil)
end)
