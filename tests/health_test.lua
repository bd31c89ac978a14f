---The probing engine: versions, classes, grace, attempts, deadlines; real servers on loopback.
local health = require "health"
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
  raises("unknown option 'retries'", health.wait, { url = "http://x/", retries = 3 })
  raises("option 'url' is required", health.wait, {})
  raises("attempts and fatal_after are at least 1", health.wait, { url = "http://x/", attempts = 0 })
  raises("times are seconds above 0", health.wait, { url = "http://x/", backoff = 0 })
  raises("expect.json%['/ok'%] must be a string, a number, true or false, or {.*not a function", health.wait,
    { url = "http://x/", expect = { json = { ["/ok"] = print } } })
  raises("expect.headers%['x%-version'%] must be a string, or {.*not a number", health.wait,
    { url = "http://x/", expect = { headers = { ["x-version"] = 2 } } })
end)
