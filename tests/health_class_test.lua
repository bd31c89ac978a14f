---What each answer means: every row of lua/health/classes.lua in both of its columns, expectations, and
---what is said about them.
local world = require("core").load_file("tests/health_world.lua")()
local health = require "health"

local play = world.play

-- ---- rows -------------------------------------------------------------------------------------------

local function fault(code, message, class) return { fault = { code, class or "transient", message or "it failed" } } end

local function page(status, body, headers) return { status = status, body = body or "", headers = headers } end

local function error_page(status, number)
  return page(status, ("<html><title>Error %d</title><span class=\"cf-error-code\">%d</span></html>"):format(number, number))
end

-- { what comes back, row, class in grace, class for what was serving }
local cases = {
  { fault("dns-not-found"), "no-name", "pending", "failing" },
  { fault("dns-no-data"), "no-name", "pending", "failing" },
  { fault("dns-failed"), "resolver", "transient", "transient" },
  { fault("dns-timeout"), "resolver", "transient", "transient" },
  { fault("http-refused"), "refused", "pending", "failing" },
  { fault("http-timeout"), "no-answer", "pending", "failing" },
  { fault("http-connect-timeout"), "no-answer", "pending", "failing" },
  { fault("http-lost"), "no-answer", "pending", "failing" },
  { fault("http-tls", "handshake failure"), "no-certificate", "pending", "fatal" },
  { fault("http-tls", "unrecognized name"), "no-certificate", "pending", "fatal" },
  { fault("http-tls", "wrong version number"), "no-tls", "fatal", "fatal" },
  { fault("http-certificate", "no alternative certificate subject name matches"), "other-certificate", "pending", "fatal" },
  { fault("http-certificate", "self-signed"), "bad-certificate", "fatal", "fatal" },
  { fault("http-too-large"), "too-large", "fatal", "fatal" },
  { page(404, "There is nothing here yet"), "placeholder", "pending", "fatal" },
  { page(404, "error code: 1042"), "placeholder", "pending", "fatal" },
  { page(404, "no such page"), "missing", "failing", "failing" },
  { page(410), "missing", "failing", "failing" },
  { page(302, "", { location = "https://team.cloudflareaccess.com/cdn-cgi/access/login" }), "access", "fatal", "fatal" },
  { page(302, "", { location = "/login?next=/" }), "login", "fatal", "fatal" },
  { page(301, "", { location = "https://elsewhere.example/" }), "redirect", "fatal", "fatal" },
  { page(403, "", { ["cf-mitigated"] = "challenge" }), "challenge", "fatal", "fatal" },
  { page(403, "error code: 1020"), "blocked", "fatal", "fatal" },
  { page(403), "denied", "fatal", "fatal" },
  { page(401), "denied", "fatal", "fatal" },
  { page(409, "error code: 1014"), "cross-account", "fatal", "fatal" },
  { page(403, "error code: 1014"), "cross-account", "fatal", "fatal" },
  { page(429, "error code: 1027"), "plan-limit", "fatal", "fatal" },
  { page(429, "error code: 1015"), "throttled", "throttled", "throttled" },
  { page(429), "throttled", "throttled", "throttled" },
  { page(408), "unavailable", "transient", "transient" },
  { page(425), "unavailable", "transient", "transient" },
  { page(502), "unavailable", "transient", "transient" },
  { page(503), "unavailable", "transient", "transient" },
  { page(504), "unavailable", "transient", "transient" },
  { page(500), "error", "failing", "failing" },
  { page(500, "error code: 1101"), "worker-threw", "failing", "failing" },
  { error_page(500, 1101), "worker-threw", "failing", "failing" },
  { page(503, "error code: 1102"), "worker-limits", "failing", "failing" },
  { page(530, "error code: 1016"), "origin-name", "pending", "failing" },
  { error_page(530, 1033), "tunnel", "pending", "failing" },
  { page(530), "edge-origin", "pending", "failing" },
  { page(523), "edge-origin", "pending", "failing" },
  { page(520), "edge-unstable", "pending", "transient" },
  { page(521), "edge-unstable", "pending", "transient" },
  { page(522), "edge-unstable", "pending", "transient" },
  { page(524), "edge-unstable", "pending", "transient" },
  { page(525), "edge-tls", "pending", "fatal" },
  { page(526), "edge-tls", "pending", "fatal" },
  { page(422), "refuses", "failing", "failing" },
  { page(501), "unavailable", "transient", "transient" },
  { page(204), "other", "fatal", "fatal" },
}

-- The first look's row and class, and whether the wait ended with it.
local function first_look(answer, established)
  answer.at = 0
  return play({ ["a.example"] = { answer } }, ([[
    local seen, err = wait { url = "https://a.example/", deadline = 3, established = %s }
    local look = seen.timeline[1]
    return { look.row, look.class, err.hint, seen.verdict, #seen.timeline }
  ]]):format(established))
end

for _, case in ipairs(cases) do
  local answer, row, grace, after = table.unpack(case)
  local what = answer.fault and answer.fault[1] .. " " .. answer.fault[3] or answer.status .. " " .. answer.body
  test(("'%s' is %s before the first success and %s afterwards"):format(what, grace, after), function()
    for established, class in pairs { ["false"] = grace, ["true"] = after } do
      local seen = first_look(answer, established)
      equal({ seen[1], seen[2] }, { row, class })
      equal(type(seen[3]), "string")
      if class == "fatal" then equal({ seen[4], seen[5] }, { "failed", 1 }) end
    end
  end)
end

test("every row has a name, two columns, and says what would have mended it", function()
  for _, row in ipairs(health.classes) do
    equal({ type(row.name), type(row.hint) }, { "string", "string" })
    equal(row.grace ~= nil and row.after ~= nil, true)
  end
end)

test("what was serving and is not resolved any more is fatal the second time, what refuses by fall", function()
  local function looks(answer)
    answer.at = 0
    return play({ ["a.example"] = { answer } }, [[
      local seen = wait { url = "https://a.example/", established = true, deadline = 60 }
      return { seen.verdict, #seen.timeline }
    ]])
  end
  equal(looks(fault "dns-not-found"), { "failed", 2 })
  equal(looks(fault "http-refused"), { "failed", 3 })
  equal(looks(page(500)), { "failed", 3 })
end)

test("a row of one's own comes first", function()
  equal(play({ ["a.example"] = { { at = 0, status = 418 }, { at = 3, status = 200 } } }, [[
    table.insert(health.classes, 1, { name = "teapot", status = 418, grace = "pending", after = "failing" })
    return { wait { url = "https://a.example/" }.timeline[1].row }
  ]]), { "teapot" })
  equal(play({ ["a.example"] = { { at = 0, status = 418 } } }, [[
    local texts = {}
    for i, row in ipairs { { name = "x" }, { name = "x", grace = "green", after = "fatal" },
        { name = "x", grace = "fatal", after = "fatal", status = "9xx" }, { grace = "fatal", after = "fatal" } } do
      table.insert(health.classes, 1, row)
      texts[i] = select(2, wait { url = "https://a.example/" }).message
      table.remove(health.classes, 1)
    end
    return texts
  ]]), {
    "health.classes[1]: option 'grace' is required", "health.classes: 'green' is no class",
    "health.classes: status: a status is 200, \"2xx\" or \"200-204\", not '9xx'",
    "health.classes[1]: option 'name' is required",
  })
end)

-- ---- expectations -------------------------------------------------------------------------------------

local BODY = '{"version":"1.2.0","n":3,"ok":true,"name":"caf\\u00e9","list":[{"a":"x"}],"none":null}'

-- The reason of the first look, or "healthy".
local function judged(options, body, headers)
  return play({ ["a.example"] = { { at = 0, status = 200, body = body or BODY, headers = headers } } }, ([[
    local o = %s
    o.url, o.deadline = "https://a.example/", 0.03
    local seen = wait(o)
    local look = seen.timeline[1]
    return look.class == "healthy" and "healthy" or look.row .. ": " .. look.reason
  ]]):format(options))
end

test("the version is proven by a member, a header or a pattern, and another one is stale", function()
  equal(judged [[{ version = "1.2.0" }]], "healthy")
  equal(judged [[{ version = "1.3.0" }]], "other-version: /version is '1.2.0', not '1.3.0'")
  equal(judged [[{ version = { value = "x", json = "/list/0/a" } }]], "healthy")
  equal(judged([[{ version = { value = "7", header = "X-Version" } }]], "", { ["x-version"] = "7" }), "healthy")
  equal(judged [[{ version = { value = "7", header = "X-Version" } }]], "other-version: header x-version is nothing, not '7'")
  local html = "<p>built from v1.4-rc, 3 days ago</p>"
  equal(judged([[{ version = { value = "1.4-rc", pattern = "from v(%S-)," } }]], html), "healthy")
  equal(judged([[{ version = { value = "1.5", pattern = "from v(%S-)," } }]], html),
    "other-version: the body is '1.4-rc', not '1.5'")
end)

test("members are compared as what they are", function()
  equal(judged [[{ expect = { json = { ["/n"] = 3, ["/ok"] = true, ["/name"] = "café" } } }]], "healthy")
  equal(judged [[{ expect = { json = { ["/n"] = 3.0 } } }]], "healthy")
  equal(judged [[{ expect = { json = { ["/n"] = "3" } } }]], "unexpected: /n is '3', not '3'")
  equal(judged [[{ expect = { json = { ["/ok"] = false } } }]], "unexpected: /ok is 'true', not 'false'")
  equal(judged [[{ expect = { json = { ["/x"] = 1 } } }]], "unexpected: /x is nothing, not '1'")
  equal(judged [[{ expect = { json = { ["/version"] = { pattern = "^1%.%d+%.%d+$" } } } }]], "healthy")
  equal(judged [[{ expect = { json = { ["/version"] = { contains = "9" } } } }]],
    "unexpected: /version is '1.2.0', which does not contain '9'")
end)

test("headers and the body hold a text, a pattern, or are there at all", function()
  local headers = { ["content-type"] = "text/html; charset=utf-8" }
  equal(judged([[{ expect = { headers = { ["Content-Type"] = { contains = "html" } }, body = "version" } }]], nil, headers), "healthy")
  equal(judged([[{ expect = { headers = { ["content-type"] = true, etag = true } } }]], nil, headers),
    "unexpected: header etag is not there")
  equal(judged [[{ expect = { body = { pattern = '"n":%s*(%d)' } } }]], "healthy")
  equal(judged [[{ expect = { body = "ready" } }]], "unexpected: the body does not contain 'ready'")
  equal(judged [[{ expect = { body = { pattern = "^ready$" } } }]], "unexpected: the body does not match '^ready$'")
end)

test("what must be absent", function()
  equal(judged [[{ expect = { absent = { body = "maintenance", json = { ["/error"] = true }, headers = { ["x-old"] = true } } } }]],
    "healthy")
  equal(judged [[{ expect = { absent = { body = "1.2" } } }]], "unexpected: the body contains '1.2', and must not")
  equal(judged [[{ expect = { absent = { json = { ["/none"] = true } } } }]], "unexpected: /none is there, and must not")
  equal(judged [[{ expect = { absent = { json = { ["/n"] = 4 } } } }]], "healthy")
end)

test("statuses are single, families, ranges and lists", function()
  local function of(status, expected)
    return play({ ["a.example"] = { { at = 0, status = status } } }, ([[
      return wait { url = "https://a.example/", deadline = 0.03, expect = { status = %s } }.timeline[1].class
    ]]):format(expected))
  end
  equal({ of(204, '"2xx"'), of(204, "{ 200, 204 }"), of(302, '{ "200-204", 302 }'), of(404, "404") },
    { "healthy", "healthy", "healthy", "healthy" })
  equal(of(205, '"200-204"'), "fatal")
end)

test("a pattern that would take for ever is stopped and named", function()
  local body = ("a"):rep(50000)
  equal(judged([[{ expect = { body = { pattern = ".-.-.-.-.-b" } } }]], body),
    "pattern-limit: the pattern '.-.-.-.-.-b' takes too long on this body")
  equal(judged([[{ expect = { body = { pattern = "a*a*a*a*b" } } }]], body):match "^[%w-]+", "pattern-limit")
end)

test("patterns are Lua's", function()
  for _, case in ipairs {
    { "^a+b?c-d$", "aacccd" }, { "%bxy", "..x1x2y3y.." }, { "%f[%w]word%f[%W]", "a word, here" }, { "[^%s%d]+", " 1x" },
    { "[]x]", "]" }, { "[%a_][%w_]*", "9_a1" }, { "[a%-z]", "-" }, { "(%d+)%.(%d+)", "v1.20" }, { "^$", "" }, { "a.c", "a\0c" },
    { "x*", "" }, { "%%", "%" }, { "[a-c]+$", "xxabc" }, { "(a*(.)%w(%s*))", "aab  " },
  } do
    local pattern, text = case[1], case[2]
    equal({ pattern, text:find(pattern) ~= nil }, { pattern, true })
    equal(judged(("{ expect = { body = { pattern = %q } } }"):format(pattern), text), "healthy")
  end
  for _, case in ipairs { { "^b", "ab" }, { "%d", "x" }, { "%f[%d]", "abc" }, { "[^a]", "aaa" }, { "a+b", "aaa" }, { "%bxy", "x" } } do
    equal({ case[1], judged(("{ expect = { body = { pattern = %q } } }"):format(case[1]), case[2]) ~= "healthy" }, { case[1], true })
  end
  for pattern, wrong in pairs {
    ["[a"] = "has a set without ]", ["%"] = "ends with %", ["(a"] = "has a ( without its )", ["a)"] = "has a ) without its (",
    ["(a)%1"] = "has a back reference, which is not there", ["%bx"] = "has a %b without its two characters",
    ["%fx"] = "has a %f without a set", [("x"):rep(300)] = "is longer than 256 bytes",
  } do
    local _, err = try(health.wait, { url = "http://x/", expect = { body = { pattern = pattern } } })
    equal({ pattern, err.class, err.message:sub(-#wrong) }, { pattern, "misuse", wrong })
  end
end)

test("an answer that takes too long is not healthy, and says in which phase", function()
  local server = require "server"
  server.with(function() sleep(0.2) return 200 end, function(s)
    local _, err = try(health.wait, { url = s.url, deadline = 0.1, timeout = 2, expect = { latency = 0.05 } })
    equal({ err.row, err.class, err.message:find("more than 0.05 s", 1, true) ~= nil }, { "too-slow", "transient", true })
    equal(err.timeline[#err.timeline].timing.first_byte > 0.15, true)
  end)
end)

-- ---- what is said ----------------------------------------------------------------------------------------

local function reason_of(answer)
  answer.at = 0
  return play({ ["a.example"] = { answer } }, [[
    return wait { url = "https://a.example/", deadline = 0.03 }.timeline[1].reason
  ]])
end

test("where a redirect leads and how long the service asks to wait is said, masked", function()
  require("secret.core").new("L", "a-very-secret-ticket", { "https://nowhere.example" })
  equal({
    reason_of({ status = 301, headers = { location = "https://www.a.example/x" } }),
    reason_of({ status = 302, headers = { location = "https://b.example/?t=" .. ("y"):rep(500) } }):sub(1, 60),
    reason_of({ status = 301 }), reason_of({ status = 304 }),
    reason_of({ status = 429, body = "slow down", headers = { ["retry-after"] = "90" } }),
  }, {
    "status 301 to https://www.a.example/x",
    "status 302 to https://b.example/?t=" .. ("y"):rep(25), "status 301", "status 304",
    "status 429: slow down; Retry-After: 90 s",
  })
  local server = require "server"
  server.with(function() return 302, "", { location = "/in?ticket=a-very-secret-ticket" } end, function(s)
    equal(select(2, try(health.wait, { url = s.url })).timeline[1].reason, "status 302 to /in?ticket=***")
  end)
end)

test("an error page's title is quoted, masked before it is cut", function()
  require("secret.core").new("S", "a-very-secret-value", { "https://nowhere.example" })
  local server = require "server"
  local bodies = { "<html><head><TITLE>\n Bad   gateway </TITLE>", "key " .. ("a-very-secret-value"):rep(40), "<p>nothing said</p>" }
  local n = 0
  server.with(function() n = n + 1 return 403, bodies[n] end, function(s)
    local function reason() return select(2, try(health.wait, { url = s.url })).timeline[1].reason end
    equal({ reason(), reason(), reason() }, { "status 403: Bad gateway", "status 403: key ***", "status 403" })
  end)
end)

test("a stale version says at which edge it was seen", function()
  local result = play({ ["a.example"] = { { at = 0, status = 200, body = '{"version":"1"}', headers = { ["cf-ray"] = "8f2b-LHR" } } } }, [[
    local seen, err = wait { url = "https://a.example/", version = "2", deadline = 2 }
    return { err.class, err.message, seen.timeline[1].colo }
  ]])
  equal({ result[1], result[3] }, { "stale", "LHR" })
  equal(result[2]:find("/version is '1', not '2' (stale), seen at the edge LHR", 1, true) ~= nil, true)
end)

-- ---- a canary ----------------------------------------------------------------------------------------------

local function compared(new, more)
  return play({ ["old.example"] = { { at = 0, status = 200, delay = 0.1 } }, ["new.example"] = new }, ([[
    local o = { old = "https://old.example/", new = "https://new.example/", rounds = 10 }
    for name, value in pairs(%s) do o[name] = value end
    local seen, err = try(health.compare, o)
    return err and { err.verdict, err.message } or { seen.verdict, seen.new.errors }
  ]]):format(more or "{}"))
end

test("a canary is worse when it fails more often, and fine when it does not", function()
  equal(compared { { at = 0, status = 200 } }, { "ok", 0 })
  local flaky = { { at = 0, status = 200 }, { at = 1, status = 500 }, { at = 1.6, status = 200 } }
  equal(compared(flaky)[1], "failed")
  equal(compared(flaky, "{ errors = 1 }")[1], "ok")
  equal(compared({ { at = 0, status = 200, delay = 0.5 } }, "{ new = { url = 'https://new.example/', version = '2' } }")[1], "failed")
end)

test("numbers of a comparison that make no sense are refused", function()
  local numbers = { rounds = math.mininteger, pause = 1 / 0, slower = 0 / 0, least = -1, errors = -1 }
  for name, value in pairs(numbers) do
    raises("health.compare: option '" .. name .. "' is from", require("health").compare,
      { old = "http://127.0.0.1:1/", new = "http://127.0.0.1:1/", [name] = value })
  end
end)

test("an old one that fails is nothing to compare with", function()
  equal(play({ ["old.example"] = { { at = 0, status = 503 } }, ["new.example"] = { { at = 0, status = 503 } } }, [[
    local _, err = try(health.compare, { old = "https://old.example/", new = "https://new.example/", rounds = 4, pause = 0 })
    return { err.code, err.verdict }
  ]]), { "not-healthy", "inconclusive" })
end)
