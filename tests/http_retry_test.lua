---Trying again: what is repeated, how long it waits, when it gives up; and what an unwanted status says.
local core = require "core"
local http = require "http"
local retry = require "retry"
local secret = require "secret.core"
local server = require "server"
local clock = assert(core.load_file("tests/virtual_clock.lua"))()

-- A server that gives its answers one after the other, the last one for ever; `seen` counts requests.
local function with_answers(answers, body)
  local seen = { count = 0 }
  server.with(function()
    seen.count = seen.count + 1
    local answer = answers[math.min(seen.count, #answers)]
    if answer == "drop" then return { close = true } end
    return { status = answer[1], headers = answer[2], body = answer[3] or "" }
  end, function(s) body(s, seen) end)
end

test("nothing is tried again without a policy", function()
  with_answers({ { 503 }, { 200 } }, function(s, seen)
    local answer = http.request { url = s.url }
    equal({ answer.status, answer.attempts, seen.count }, { 503, nil, 1 })
  end)
end)

test("a transient status is tried again with full jitter, and the answer tells how often", function()
  local time <close> = clock.open()
  with_answers({ { 500 }, { 502 }, { 503 }, { 504 }, { 200 } }, function(s, seen)
    local answer = http.request { url = s.url, retry = true }
    equal({ answer.status, answer.attempts, seen.count }, { 200, 5, 5 })
    equal(time.pauses, { 0.5, 1.0, 2.0, 4.0 })
  end)
  local low <close> = clock.open(nil, 0.25)
  with_answers({ { 500 }, { 500 }, { 200 } }, function(s)
    http.request { url = s.url, retry = { first = 4, most = 6 } }
    equal(low.pauses, { 1.0, 1.5 })
  end)
end)

test("when no attempt helped, the last answer is the answer; expect makes it an error", function()
  local _ <close> = clock.open()
  with_answers({ { 503 } }, function(s, seen)
    equal(http.request({ url = s.url, retry = { attempts = 3 } }).attempts, 3)
    local _, err = try(http.expect, { url = s.url, retry = { attempts = 2 } })
    equal({ err.code, err.class, err.attempts, err.status, seen.count }, { "http-status", "transient", 2, 503, 5 })
  end)
end)

test("statuses that will not change are not tried again", function()
  local time <close> = clock.open()
  for _, status in ipairs { 200, 304, 400, 401, 403, 404, 409, 501, 505 } do
    with_answers({ { status } }, function(s) equal(http.request({ url = s.url, retry = true }).attempts, 1) end)
  end
  for _, status in ipairs { 408, 423, 425, 429, 500, 502, 503, 504, 520, 522, 530 } do
    with_answers({ { status }, { 200 } }, function(s) equal(http.request({ url = s.url, retry = true }).attempts, 2) end)
  end
  equal(#time.pauses, 11)
end)

test("what must not arrive twice is repeated only when nothing was done", function()
  local _ <close> = clock.open()
  for _, method in ipairs { "POST", "PATCH", "PURGE" } do
    for status, attempts in pairs { [429] = 2, [425] = 2, [500] = 1, [502] = 1, [503] = 1, [504] = 1, [408] = 1 } do
      with_answers({ { status }, { 200 } }, function(s)
        equal({ method, status, http.request({ url = s.url, method = method, retry = true }).attempts }, { method, status, attempts })
      end)
    end
    with_answers({ { 503, { ["retry-after"] = "1" } }, { 200 } }, function(s)
      equal(http.request({ url = s.url, method = method, retry = true }).attempts, 2)
    end)
  end
  for _, method in ipairs { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" } do
    with_answers({ { 502 }, { 200 } }, function(s)
      equal({ method, http.request({ url = s.url, method = method, retry = true }).attempts }, { method, 2 })
    end)
  end
end)

test("a lost reply to a POST is unknown and never repeated, whatever the policy says", function()
  local time <close> = clock.open()
  with_answers({ "drop", { 200 } }, function(s, seen)
    local _, err = try(http.request, { url = s.url, method = "POST", body = "x",
      retry = { classes = { unknown = true, transient = true } } })
    equal({ err.code, err.class, err.attempts, seen.count, #time.pauses }, { "http-lost", "unknown", 1, 1, 0 })
  end)
end)

test("a lost reply is unknown for every method that nobody knows, and where the caller says so", function()
  local _ <close> = clock.open()
  for _, o in ipairs { { method = "PURGE" }, { method = "post" }, { method = "GET", idempotent = false },
    { method = "PUT", idempotent = false } } do
    with_answers({ "drop" }, function(s, seen)
      o.url = s.url
      equal({ o.method, select(2, try(http.request, o)).class }, { o.method, "unknown" })
      o.retry = true
      local _, err = try(http.request, o)
      equal({ o.method, err.class, err.attempts, seen.count }, { o.method, "unknown", 1, 2 })
    end)
  end
end)

test("a POST that was answered with another page is not sent again because of that page", function()
  local time <close> = clock.open()
  local posts = 0
  local function serve(request)
    if request.method == "POST" then
      posts = posts + 1
      return 303, "", { location = request.query }
    end
    if request.path == "/busy" then return 503, "", { ["retry-after"] = "1" } end
    return { close = true }
  end
  server.with(serve, function(s)
    local busy = http.request { url = s.url .. "/?/busy", method = "POST", body = "x", retry = true }
    equal({ busy.status, posts }, { 503, 1 })
    local _, lost = try(http.request, { url = s.url .. "/?/lost", method = "POST", body = "x", retry = true })
    equal({ lost.class, posts }, { "unknown", 2 })
    local _, refused = try(http.request, { url = s.url .. "/?http://127.0.0.1:9/", method = "POST", body = "x", retry = true })
    equal({ refused.code, refused.class, posts, #time.pauses }, { "http-refused", "unknown", 3, 0 })
  end)
end)

test("who says that a request is idempotent has lost replies and 5xx repeated", function()
  local _ <close> = clock.open()
  with_answers({ "drop", { 500 }, { 201 } }, function(s, seen)
    local answer = http.request { url = s.url, method = "POST", body = "x", idempotent = true, retry = true,
      headers = { ["idempotency-key"] = "k" } }
    equal({ answer.status, answer.attempts, seen.count }, { 201, 3, 3 })
  end)
  with_answers({ { 500 }, { 200 } }, function(s)
    equal(http.request({ url = s.url, method = "PUT", idempotent = false, retry = true }).attempts, 1)
  end)
end)

test("a connection that was never made is tried again for every method", function()
  local time <close> = clock.open()
  local _, err = try(http.request, { url = "http://127.0.0.1:9/", method = "POST", body = "x", retry = { attempts = 3 } })
  equal({ err.code, err.attempts, #time.pauses }, { "http-refused", 3, 2 })
  equal(err.message:find("%(tried 3 times%)$") ~= nil, true)
end)

test("Retry-After is waited in full, as seconds and as a date", function()
  local time <close> = clock.open(1800000000)   -- Fri, 15 Jan 2027 08:00:00 GMT
  with_answers({ { 429, { ["retry-after"] = "7" } }, { 503, { ["retry-after"] = "Fri, 15 Jan 2027 08:00:20 GMT" } }, { 200 } },
    function(s)
      equal(http.request({ url = s.url, retry = true }).attempts, 3)
      equal({ time.pauses[1], math.floor(time.pauses[2] + 0.5) }, { 7, 13 })
    end)
end)

test("a Retry-After that the budget does not hold is not waited for", function()
  local time <close> = clock.open()
  with_answers({ { 429, { ["retry-after"] = "300" } } }, function(s)
    equal({ http.request({ url = s.url, retry = true }).status, #time.pauses }, { 429, 0 })
  end)
  local _, err = try(retry.run, true, function() failure { message = "busy", class = "throttled", retry_after = 300 } end)
  equal(err.message, "busy (it asks to wait 300 s, and the budget has 60 s left)")
end)

test("no number of attempts makes a wait that is none", function()
  local time <close> = clock.open()
  local _, err = try(retry.run, { first = 0, attempts = 1100, budget = math.huge }, function()
    failure { message = "x", class = "transient" }
  end)
  equal({ err.attempts, time.pauses[1099] }, { 1100, 0.0 })
end)

test("the budget ends what attempts would not", function()
  local time <close> = clock.open()
  with_answers({ { 500 } }, function(s, seen)
    http.request { url = s.url, retry = { attempts = math.huge, budget = 20 } }
    equal({ seen.count, time.pauses }, { 6, { 0.5, 1.0, 2.0, 4.0, 8 } })
  end)
end)

test("each form of an HTTP date is read, in any time zone, and nothing else is", function()
  local _ <close> = clock.open(784111677)   -- a minute before the dates of RFC 9110
  for _, date in ipairs { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" } do
    equal({ date, retry.after(date) }, { date, 100 })
  end
  for _, text in ipairs { "", "-5", "0x10", "1e3", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49 GMT" } do
    equal({ text, retry.after(text) }, { text, nil })
  end
  equal({ retry.after("120"), retry.after(" 1.5 ") }, { 120, 1.5 })
end)

test("a retried request follows its redirects again", function()
  local _ <close> = clock.open()
  local count = 0
  server.with(function(request)
    if request.path == "/" then return 307, "", { location = "/end" } end
    count = count + 1
    return count < 3 and 503 or 200, request.body
  end, function(s)
    local answer = http.request { url = s.url, method = "PUT", body = "again", retry = true }
    equal({ answer.attempts, answer.body, #answer.hops }, { 3, "again", 1 })
  end)
end)

test("a cancelled wait between attempts ends the request", function()
  with_answers({ { 503, { ["retry-after"] = "30" } } }, function(s, seen)
    local _, err = try(require("task").deadline, 0.1, http.request, { url = s.url, retry = true })
    equal({ err.code, seen.count }, { "deadline", 1 })
  end)
end)

test("a mistake in a policy is named, before anything is sent", function()
  local function refused(pattern, policy)
    raises(pattern, http.request, { url = "http://127.0.0.1:9/", retry = policy })
  end
  refused("retry: unknown option 'atempts' %(expected classes, first, most, attempts, budget%)", { atempts = 1 })
  refused("retry: 'attempts' is a number from 1", { attempts = 0 })
  refused("retry: 'budget' is a number of seconds", { budget = -1 })
  refused("retry: option 'first' must be a number, not a string", { first = "1" })
  refused("retry: expected a table of options, not a string", "always")
  raises("option 'idempotent' must be a boolean", http.request, { url = "http://127.0.0.1:9/", idempotent = 1 })
end)

-- ---- what an unwanted status says -------------------------------------------------------------

test("an unwanted status carries what finds it in the service's own log", function()
  with_answers({ { 500, { ["cf-ray"] = "8f1-LHR", ["x-request-id"] = "r-1" }, "broken" },
    { 404, { ["x-github-request-id"] = "G:1" }, "" } }, function(s)
    local _, err = try(http.expect, { url = s.url .. "/x" })
    equal({ err.status, err.cf_ray, err.request_id, err.about }, { 500, "8f1-LHR", "r-1", s.url .. "/x" })
    equal(err.message, ("GET %s/x answered status 500: broken (ray 8f1-LHR, request r-1)"):format(s.url))
    _, err = try(http.expect, { url = s.url .. "/x" })
    equal({ err.request_id, err.message }, { "G:1", ("GET %s/x answered status 404 (request G:1)"):format(s.url) })
  end)
end)

test("of an HTML page the title is said, of a long body the beginning, whole characters only", function()
  local page = "<!DOCTYPE html>\n<html><head><title>\n  Bad  gateway </title></head><body>" .. ("x"):rep(500)
  with_answers({ { 502, { ["content-type"] = "text/html" }, page }, { 400, {}, "a\n\tb " .. ("é"):rep(200) } }, function(s)
    local _, err = try(http.expect, { url = s.url })
    equal(err.message, ('GET %s answered status 502: the page "Bad gateway"'):format(s.url))
    _, err = try(http.expect, { url = s.url })
    equal(err.message, ("GET %s answered status 400: a b %s…"):format(s.url, ("é"):rep(98)))
  end)
end)

test("an answer that is made to be slow to read is not", function()
  local _ <close> = clock.open()
  local many = ("<"):rep(60000)
  for _, headers in ipairs {
    { ["retry-after"] = ("1"):rep(60000) .. "x" }, { link = many }, { ratelimit = ('"'):rep(60000) .. "x" },
    { ["cf-ray"] = ("r"):rep(60000), ["content-type"] = "text/html" },
  } do
    for _, body in ipairs { "<title>" .. (" "):rep(60000), ("<title"):rep(9000), ("<title>"):rep(9000), "<html><title></title>" } do
      with_answers({ { 429, headers, body } }, function(s)
        local _, err = try(http.expect, { url = s.url, budget = http.budget {} })
        equal({ err.code, #err.message < 600 }, { "http-status", true })
        try(function() for _ in http.pages { url = s.url, style = "link" } do error "no item" end end)
      end)
    end
  end
  with_answers({ { 302, { location = (" "):rep(20) .. "/" .. ("a b"):rep(20000) } } }, function(s)
    raises("the redirect leads to an address of 600%d%d bytes", http.request, { url = s.url })
  end)
end)

test("a secret in an error's excerpt is masked before the text is cut", function()
  secret.new("ECHOED", "an-echoed-secret-value", { "https://example.com" })
  with_answers({ { 400, {}, ("y"):rep(190) .. "an-echoed-secret-value" } }, function(s)
    local _, err = try(http.expect, { url = s.url })
    equal(err.message, ("GET %s answered status 400: %s***"):format(s.url, ("y"):rep(190)))
  end)
end)
