---The probing engine: versions, classes, grace, attempts, deadlines; real servers on loopback.
local health = require "health"
local http = require "http"
local server = require "server"

-- Serves the answers one after another and stays at the last.
local function sequence(answers)
  local n = 0
  return function()
    n = math.min(n + 1, #answers)
    return answers[n][1], answers[n][2] or ""
  end
end

local quick = { grace = 0, interval = 0.01, backoff = 0.01, cap = 0.05, deadline = 3, attempts = 10 }

local function options(url, more)
  local o = { url = url }
  for name, value in pairs(quick) do o[name] = value end
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

test("a healthy service needs one look", function()
  server.with(sequence { { 200 } }, function(s)
    local result = health.wait(options(s.url))
    equal(result.attempts, 1)
    equal(result.timeline[1].class, "healthy")
  end)
end)

test("it waits through placeholders and unavailability, and the timeline says so", function()
  server.with(sequence { { 404, "error code: 1042" }, { 503 }, { 429 }, { 200 } }, function(s)
    local result = health.wait(options(s.url))
    local classes = {}
    for i, look in ipairs(result.timeline) do classes[i] = look.class end
    equal(classes, { "pending", "transient", "throttled", "healthy" })
  end)
end)

test("an older version is stale, not healthy", function()
  server.with(sequence { { 200, '{"version":"1"}' }, { 200, '{"version":"2"}' } }, function(s)
    local result = health.wait(options(s.url, { expect = { json = { ["/version"] = "2" } } }))
    equal(result.timeline[1].class, "stale")
    equal(result.timeline[1].reason, "/version is '1', not '2'")
    equal(result.attempts, 2)
  end)
end)

test("when an older version stays, the error says so", function()
  server.with(sequence { { 200, '{"version":"1"}' } }, function(s)
    local _, err = try(health.wait, options(s.url, { attempts = 2, expect = { json = { ["/version"] = "2" } } }))
    equal({ err.code, err.class, #err.timeline }, { "not-healthy", "stale", 2 })
    equal(err.hint:find("an older version is still serving", 1, true), 1)
  end)
end)

test("a header can prove the version", function()
  server.with(function() return 200, "", { ["X-Version"] = "7" } end, function(s)
    equal(health.wait(options(s.url, { expect = { headers = { ["x-version"] = "7" } } })).attempts, 1)
    local _, err = try(health.wait, options(s.url, { attempts = 1, expect = { headers = { ["x-version"] = "8" } } }))
    equal(err.class, "stale")
  end)
end)

test("an access page ends the wait at once, three errors of the service in a row do too", function()
  server.with(sequence { { 403 } }, function(s)
    local _, err = try(health.wait, options(s.url))
    equal({ err.class, #err.timeline }, { "fatal", 1 })
  end)
  server.with(sequence { { 500 }, { 503 }, { 500 }, { 500 }, { 500 } }, function(s)
    local _, err = try(health.wait, options(s.url))
    equal({ err.class, #err.timeline }, { "fatal", 5 })
    equal(err.message:find("status 500 (failing)", 1, true) ~= nil, true)
  end)
  server.with(sequence { { 500, "error code: 1101\nWorker threw exception: no binding" } }, function(s)
    local _, err = try(health.wait, options(s.url))
    equal(err.message:find("status 500: error code: 1101 Worker threw exception: no binding", 1, true) ~= nil, true)
  end)
end)

test("looks during grace do not count as attempts", function()
  server.with(sequence { { 503 }, { 503 }, { 503 }, { 503 }, { 200 } }, function(s)
    equal(health.wait(options(s.url, { grace = 2, attempts = 1 })).attempts, 5)
  end)
end)

test("the last look is at the deadline, and no pause goes beyond it", function()
  local _, err = try(health.wait, {
    url = "http://127.0.0.1:9/", grace = 0, backoff = 0.2, deadline = 0.3, attempts = 10,
  })
  local last = err.timeline[#err.timeline]
  equal(err.class, "pending")
  equal(last.at >= 0.3 and last.at < 0.45, true)
end)

test("misuse names the option", function()
  for _, place in ipairs { "", "a b", "x:99999" } do
    raises("health.wait: connect_to is a name or an address", health.wait, { url = "http://x/", connect_to = place })
  end
  raises("health.wait: a key goes with a certificate", health.wait, { url = "http://x/", key = "k.pem" })
  raises("header 'Content%-Length' is written by Davit", health.wait,
    { url = "http://x/", headers = { ["Content-Length"] = "1" } })
  raises("the version is empty", health.wait, { url = "http://x/", version = "" })
  raises("expect.body is empty", health.wait, { url = "http://x/", expect = { body = "" } })
  raises("expect.absent.body is empty", health.wait, { url = "http://x/", expect = { absent = { body = "" } } })
  raises("expect.json%['ok'%]: 'ok' is no JSON pointer", health.wait, { url = "http://x/", expect = { json = { ok = true } } })
  raises("'version' is no JSON pointer", health.wait, { url = "http://x/", version = { value = "1", json = "version" } })
  raises("option 'expect.latency': times are seconds above 0", health.wait, { url = "http://x/", expect = { latency = 0 } })
  raises("unknown option 'retries'", health.wait, { url = "http://x/", retries = 3 })
  raises("option 'url' is required", health.wait, {})
  raises("option 'attempts' is at least 1", health.wait, { url = "http://x/", attempts = 0 })
  raises("times are seconds above 0", health.wait, { url = "http://x/", backoff = 0 })
  raises("expect.json%['/ok'%] must be a string, a number, true or false, or {.*not a function", health.wait,
    { url = "http://x/", expect = { json = { ["/ok"] = print } } })
  raises("expect.headers%['x%-version'%] must be a string, or {.*not a number", health.wait,
    { url = "http://x/", expect = { headers = { ["x-version"] = 2 } } })
end)

test("a number that is none, or that nobody means, is refused by its own name", function()
  local nan <const>, inf <const> = 0 / 0, 1 / 0
  for _, case in ipairs {
    { "timeout", nan }, { "deadline", inf }, { "grace", nan }, { "delay", -inf }, { "cap", nan }, { "rate", inf },
    { "backoff", inf }, { "backoff.max", nan }, { "pace.slow", inf }, { "timeouts.tls", nan }, { "expect.latency", nan },
  } do
    local outer, inner = case[1]:match "^(%w+)%.?([%w_]*)$"
    local o = { url = "http://127.0.0.1:9/", [outer] = inner == "" and case[2] or { [inner] = case[2] } }
    raises(("option '%s' must be a finite number"):format(case[1]), health.wait, o)
  end
  for _, name in ipairs { "samples", "rise", "attempts", "timeline", "fall", "concurrency" } do
    raises("is at most %d+, not 1099511627776", health.wait, { url = "http://127.0.0.1:9/", [name] = 1 << 40 })
  end
  raises("need is \"all\", \"any\" or a number from 1 to 1", health.wait, { url = "http://127.0.0.1:9/", need = 2 })
  raises("'cap': times are seconds above 0", health.wait, { url = "http://127.0.0.1:9/", cap = 0 })
end)

test("a URL that cannot be one is a mistake at once", function()
  for _, url in ipairs { "", "http://", "https:///x", "ftp://x/", "x", "http://a b/", "http://a/\n" } do
    raises("is no http or https URL", health.wait, { url = url })
    raises("targets%[web%]: '.*' is no http", health.wait, { targets = { web = url } })
  end
end)

-- ---- real connections -----------------------------------------------------------------------------

test("every probe has a connection of its own, unless it is asked otherwise", function()
  local peers = {}
  local function serve(request)
    peers[#peers + 1] = request.address
    return 200
  end
  local function distinct(more)
    peers = {}
    server.with(serve, function(s) health.wait(options(s.url, more)) end)
    local seen, n = {}, 0
    for _, peer in ipairs(peers) do
      n = n + (seen[peer] and 0 or 1)
      seen[peer] = true
    end
    return { #peers, n }
  end
  equal(distinct { samples = 3 }, { 3, 3 })
  equal(distinct { samples = 3, fresh = false }, { 3, 1 })
end)

test("method, headers and body are sent, and a secret only where it belongs", function()
  local secret = require("secret.core")
  server.with(function(request)
    return request.headers.authorization == "Bearer correct-horse" and 200 or 401, request.method .. " " .. request.body
  end, function(s)
    local token = secret.new("T", "correct-horse", { s.url })
    local seen
    health.wait { url = s.url .. "/x", method = "POST", body = "{}", headers = { authorization = "Bearer " .. token },
      on_attempt = function(look) seen = look.body end }
    equal(seen, "POST {}")
    local other = secret.new("T", "another-secret", { "https://example.com" })
    local _, err = try(health.wait, { url = s.url, headers = { authorization = other } })
    equal(err.code, "secret-refused")
    local named = secret.new("T", "a-third-secret", { "http://app.example" })
    local _, elsewhere = try(health.wait, { url = "http://app.example/", connect_to = "127.0.0.1:" .. s.port,
      headers = { authorization = named } })
    equal(elsewhere.code, "secret-refused")
  end)
end)

test("the connection may go elsewhere, and the host stays the URL's", function()
  server.with(function(request) return request.host == "app.example" and 200 or 404 end, function(s)
    local seen = health.wait { url = "http://app.example/", connect_to = "127.0.0.1:" .. s.port }
    equal({ seen.attempts, seen.address }, { 1, "127.0.0.1:" .. s.port })
  end)
end)

test("the way to a service has the names that http gives it", function()
  for name, value in pairs {
    connect_to = "127.0.0.1:9", unix = "/nowhere/socket", proxy = "http://127.0.0.1:9", family = 4,
    ca = "/nowhere/ca.pem", certificate = "/nowhere/certificate.pem",
  } do
    local o = { url = "https://127.0.0.1:9/", [name] = value }
    local _, refused = try(http.request, o)
    equal({ name, refused.code ~= "misuse" }, { name, true })
    o.deadline = 0.01
    local _, err = try(health.wait, o)
    equal({ name, err.code }, { name, "not-healthy" })
  end
end)

test("certificates tell which kind of wrong they are", function()
  local authority = require("authority").new()
  server.with(function() return 200 end, function(s)
    local _, err = try(health.wait, { url = "https://localhost:" .. s.port, deadline = 2 })
    equal({ err.row, err.class, #err.timeline }, { "untrusted-certificate", "fatal", 1 })
    equal(err.hint:find("? ca names another CA", 1, true) ~= nil, true)
  end, { tls = authority })
  local fs = require "fs"
  local folder = require("process").run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  fs.write(folder .. "/ca.pem", authority:pem())
  server.with(function() return 200 end, function(s)
    local o = { url = "https://localhost:" .. s.port, ca = folder .. "/ca.pem", deadline = 5, pace = { slow = 0 } }
    equal(health.wait(o).attempts, 1)
    authority:refuse("localhost", true)
    o.on_attempt = function() authority:refuse("localhost", false) end
    local seen = health.wait(o)
    equal({ seen.timeline[1].row, seen.timeline[1].class, seen.attempts }, { "no-certificate", "pending", 2 })
  end, { tls = authority })
  fs.remove(folder)
end)

-- Serves https with a certificate that is valid in so many seconds, for so long; what the first look says.
local function certified(times, o)
  local fs = require "fs"
  local authority = require("authority").new(times)
  local folder <close> = fs.temporary()
  fs.write(folder.path .. "/ca.pem", authority:pem(), { outside = true })
  server.with(function() return 200 end, function(s)
    o.url = ("https://%s:%d/"):format(o.host or "localhost", s.port)
    o.ca, o.connect_to, o.host = folder.path .. "/ca.pem", "127.0.0.1:" .. s.port, nil
    o.deadline, o.pace = o.deadline or 0.01, { slow = 0 }
    o.backoff = { initial = 0.05, max = 0.05, jitter = "none" }
    local _, err = try(health.wait, o)
    o.err = err
  end, { tls = authority })
  return o.err
end

test("a certificate that has expired is no matter of waiting, new or not", function()
  for _, established in ipairs { false, true } do
    local err = certified({ begins = -7200, ends = -3600 }, { established = established, deadline = 5 })
    equal({ err.row, err.class, err.verdict, #err.timeline }, { "expired-certificate", "fatal", "failed", 1 })
    equal(err.hint:find("was it renewed", 1, true) ~= nil, true)
  end
end)

test("a certificate that is not valid yet is waited for where it is new, and fatal where it served", function()
  local new = certified({ begins = 3600 }, {})
  equal({ new.row, new.class, new.verdict }, { "early-certificate", "pending", "timed-out" })
  local old = certified({ begins = 3600 }, { established = true, deadline = 5 })
  equal({ old.row, old.class, old.verdict, #old.timeline }, { "early-certificate", "fatal", "failed", 1 })
end)

test("a certificate for another host is waited for on a new domain, and fatal where it served", function()
  local host = "192.0.2.1"   -- an address is not sent as a name, so the certificate is localhost's
  local new = certified({}, { host = host })
  equal({ new.row, new.class, new.verdict }, { "other-certificate", "pending", "timed-out" })
  equal(new.hint:find("for another host", 1, true) ~= nil, true)
  local old = certified({}, { host = host, established = true, deadline = 5 })
  equal({ old.row, old.class, old.verdict, #old.timeline }, { "other-certificate", "fatal", "failed", 1 })
end)

test("a certificate that becomes valid while it is waited for ends the wait", function()
  equal(certified({ begins = 2 }, { deadline = 20 }), nil)
end)

test("https to a port that speaks http is no matter of waiting", function()
  server.with(function() return 200 end, function(s)
    local _, err = try(health.wait, { url = "https://127.0.0.1:" .. s.port })
    equal({ err.row, err.class }, { "no-tls", "fatal" })
  end)
end)

test("an answer that is garbage is judged and no more", function()
  local deep = ("["):rep(100000)
  for _, body in ipairs { "", "{", '{"version":', '{"version":"1', '{"version":"\\ud800"}', deep, '{"a":' .. deep, "\0\0\0", '"',
    '{"version":nul}', ("x"):rep(500000), "\xff\xfe<title>", "<title>" .. ("y"):rep(9000), '{"\\u0076ersion":"2"}' } do
    server.with(function() return 200, body end, function(s)
      local _, err = try(health.wait, { url = s.url, version = "2", deadline = 0.01,
        expect = { body = { pattern = "v(%d+)" }, json = { ["/a/0/b~1c/~0"] = 1 } } })
      equal({ #body, err.class }, { #body, "stale" })
    end)
    server.with(function() return 500, body end, function(s)
      local _, err = try(health.wait, { url = s.url, deadline = 0.01 })
      equal({ #body, err.code, #err.timeline[1].reason < 200 }, { #body, "not-healthy", true })
    end)
  end
end)

test("a body without end stops at max_body", function()
  server.with(function() return 200, ("x"):rep(3 << 20) end, function(s)
    local _, err = try(health.wait, { url = s.url })
    equal({ err.row, err.class }, { "too-large", "fatal" })
  end)
end)

test("a server that drops connections is waited for", function()
  local n = 0
  server.with(function()
    n = n + 1
    return n < 3 and { close = true } or 200
  end, function(s)
    local seen = health.wait(options(s.url))
    equal({ seen.timeline[1].row, seen.timeline[1].class, seen.attempts }, { "no-answer", "pending", 3 })
  end)
end)

test("10,000 targets in one process", function()
  local asked = 0
  server.with(function(request)
    asked = asked + 1
    return request.path:find "7$" and asked < 5000 and 503 or 200
  end, function(s)
    local targets = {}
    for i = 1, 10000 do targets[i] = s.url .. "/" .. i end
    local seen = health.wait { targets = targets, timeout = 60 }
    equal({ seen.verdict, #seen.targets, seen.targets[7].url }, { "ok", 10000, s.url .. "/7" })
    equal({ seen.probes == asked, seen.targets[7].counts.transient ~= nil, seen.targets[8].attempts }, { true, true, 1 })
  end)
end)

-- ---- waiting like every primitive ---------------------------------------------------------------------

test("it waits inside of a recipe's own coroutines, beside other tasks, and ends with its task", function()
  server.with(function() return 503 end, function(s)
    local co = coroutine.wrap(function() return try(health.wait, { url = s.url, deadline = 0.05 }) end)
    local _, err = co()
    equal(err.verdict, "timed-out")
    local _, failed = try(parallel, {
      waits = function() health.wait { url = s.url } end, fails = function() failure { code = "mine", message = "no" } end,
    })
    equal(failed.code, "mine")
  end)
end)

test("a wait that nobody goes on with frees what it holds", function()
  server.with(function(request)
    if request.path == "/slow" then sleep(5) end
    return 200
  end, function(s)
    parallel { one = function()
      local co = coroutine.create(function() health.wait { url = s.url .. "/slow" } end)
      try(require("task").deadline, 0.02, coroutine.resume, co)
    end }
    for i = 1, 300000 do local _ = { i } end   -- so much garbage is collected meanwhile
    equal(health.wait { url = s.url }.attempts, 1)
  end)
end)
