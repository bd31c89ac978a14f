---Faults on demand: how rules are read, which requests they meet, and what becomes of those.
local faults = require "cloud.faults"
local json = require "json"

local HOSTS = { cloudflare = "api.cloudflare.com", neon = "console.neon.tech", github = "api.github.com" }

local function request(service, method, path)
  local base = service == "cloudflare" and "/client/v4" or service == "neon" and "/api/v2" or ""
  return { method = method, host = HOSTS[service], path = base .. path }
end

local function set_of(...)
  local set = faults.new "test"
  for _, line in ipairs { ... } do faults.add(set, assert(faults.parse(line))) end
  return set
end

local function applied() return { status = 200, headers = {}, body = '{"ok":true}' } end

-- What a request is answered with, and whether it was carried out.
local function answer(set, asked)
  local calls = 0
  local response = faults.answer(faults.pick(set, asked, 1000), asked, 1000, function()
    calls = calls + 1
    return applied()
  end)
  return response, calls == 1
end

-- ---- rules ------------------------------------------------------------------------------------

test("a rule is read from a line, and written as the same line", function()
  for _, line in ipairs {
    "cloudflare POST /accounts/*/workers/scripts/*/versions 500 times=2",
    "any 503", "neon locked times=3", "github GET secondary-limit retry-after=2s",
    "neon POST /projects/{}/branches drop applied nth=2 times=1",
    "cloudflare GET,POST delay=0.5s probability=0.25", "cloudflare html status=503",
    "cloudflare 400 code=10220 message='secrets have changed'", "cloudflare /zones/** cut",
    [[github 422 code=already_exists message='it'"'"'s "there"']], "cloudflare truncated", "neon limit status=429",
  } do
    equal(faults.line(assert(faults.parse(line))), line)
  end
end)

test("a rule may be a table with the keys of the line", function()
  local made = assert(faults.rule { service = "neon", method = { "POST", "PATCH" }, path = "/projects/{}/branches",
    fault = 500, delay = "250ms", times = 2, applied = true })
  equal(faults.line(made), "neon PATCH,POST /projects/{}/branches 500 applied delay=0.25s times=2")
  equal(faults.line((faults.rule "any drop")), "any drop")
end)

test("what is wrong with a rule is said, with the nearest name", function()
  local wrong = {
    { "cloudfare 500", "unknown service 'cloudfare'", "did you mean 'cloudflare'?" },
    { "", "which service%?" },
    { "neon POTS /x 500", "unknown method 'POTS'", "did you mean 'POST'?" },
    { "neon drob", "unknown fault 'drob'", "did you mean 'drop'?" },
    { "neon 500 tmes=2", "unknown key 'tmes'", "did you mean 'times'?" },
    { "neon 99", "a status from 200 to 599" }, { "neon 500 times=0", "whole number from 1" },
    { "neon 500 times=1.5", "whole number from 1" }, { "neon delay=soon", "must be a time such as 500ms" },
    { "neon 500 probability=2", "from 0 to 1" }, { "neon POST /x", "what shall go wrong" },
    { "cloudflare locked", "only neon answers 'locked'" }, { "any secondary-limit", "only github" },
    { "neon drop code=1", "code does not go with 'drop'" }, { "neon delay=1s retry-after=1s", "with a delay alone" },
    { "neon 500 502", "what is '502'" }, { "neon 500 times=1 times=2", "times is given twice" },
    { "neon 500 applied=yes", "stands alone" }, { "neon 500 message='open", "a quote is not closed" },
    { "neon GET /x?y=1 500", "without its query" },
  }
  for _, case in ipairs(wrong) do
    local made, reason, hint = faults.parse(case[1])
    equal({ case[1], made, reason and reason:find(case[2]) ~= nil }, { case[1], nil, true })
    if case[3] then equal(hint, case[3]) end
  end
  equal(select(2, faults.rule(7)), "a rule is a line of text or a mapping")
  equal(select(2, faults.rule { service = "neon", fault = "drop", path = "x" }), "path must begin with /")
end)

-- ---- which requests ---------------------------------------------------------------------------

local function meets(line, service, method, path)
  return faults.pick(set_of(line), request(service, method, path), 0) ~= nil
end

test("a rule meets its service and method alone", function()
  equal(meets("neon GET 500", "neon", "GET", "/projects/p"), true)
  equal(meets("neon GET 500", "neon", "POST", "/projects/p"), false)
  equal(meets("neon GET 500", "github", "GET", "/projects/p"), false)
  equal(meets("any PUT,POST 500", "github", "POST", "/repos/o/r/pulls"), true)
  equal(faults.pick(set_of "any 500", { method = "GET", host = "example.com", path = "/" }, 0), nil)
  equal(meets("any 500", "cloudflare", "GET", "/zones"), true)
end)

test("a path is compared segment by segment, without the service's base", function()
  local cases = {
    { "/zones", "/zones", true }, { "/client/v4/zones", "/zones", true }, { "/zones", "/zones/1", false },
    { "/zones/*", "/zones/1", true }, { "/zones/*", "/zones/1/dns_records", false },
    { "/zones/{zone}/dns_records", "/zones/1/dns_records", true }, { "/zones/**", "/zones/1/dns_records", true },
    { "/zones/**", "/zones", true }, { "/**/versions", "/accounts/a/workers/scripts/s/versions", true },
    { "/**/versions", "/accounts/versions/x", false }, { "/a/*-preview-*", "/a/web-preview-42", true },
    { "/a/*-preview-*", "/a/web-42", false }, { "/a/b*c*d", "/a/bxcycxd", true }, { "/a/x.y", "/a/x+y", false },
    { "/a/{}/c", "/a/%2f/c", true }, { "/a/b c", "/a/b%20c", true }, { "/", "/zones", false },
  }
  for _, case in ipairs(cases) do
    local line = ("cloudflare '%s' 500"):format(case[1])
    equal({ case[1], case[2], meets(line, "cloudflare", "GET", case[2]) }, case)
  end
end)

test("no pattern takes long", function()
  local path = "/" .. ("a"):rep(5000) .. "/" .. ("a/"):rep(2000)
  equal(meets("any /" .. ("a*"):rep(20) .. "b/" .. ("**/a/"):rep(20) .. "b 500", "github", "GET", path), false)
end)

local function outcomes(set, n)
  local list = {}
  for i = 1, n do list[i] = faults.pick(set, request("neon", "GET", "/x"), 0) and 1 or 0 end
  return table.concat(list)
end

test("times and nth say which of the requests go wrong", function()
  equal(outcomes(set_of "neon 500", 4), "1111")
  equal(outcomes(set_of "neon 500 times=2", 4), "1100")
  equal(outcomes(set_of "neon 500 nth=3", 5), "00100")
  equal(outcomes(set_of "neon 500 nth=2 times=2", 5), "01100")
end)

test("of several rules the first that is due is taken, and all count", function()
  local set = set_of("neon 500 times=1", "neon 429 times=2")
  local seen = {}
  for i = 1, 4 do
    local one = faults.pick(set, request("neon", "GET", "/x"), 0)
    seen[i] = one and one.fault or 0
  end
  equal(seen, { 500, 429, 429, 0 })
  equal({ set.rules[1].seen, set.rules[2].seen }, { 4, 4 })
end)

test("a probability is the same for the same seed, and another for another", function()
  local line = "neon 500 probability=0.5"
  local first = outcomes(set_of(line), 64)
  equal(outcomes(set_of(line), 64), first)
  local other = faults.new "other"
  faults.add(other, faults.parse(line))
  equal(outcomes(other, 64) ~= first, true)
  local _, hits = first:gsub("1", "")
  equal(hits > 16 and hits < 48, true)
  equal(outcomes(set_of "neon 500 probability=0", 8), "00000000")
  equal(outcomes(set_of "neon 500 probability=1", 8), "11111111")
end)

test("what was injected is listed, and rules can be taken back", function()
  local set = set_of("neon GET 500", "neon POST drop")
  faults.pick(set, request("neon", "GET", "/x"), 12)
  equal(set.injected, { { at = 12, rule = 1, service = "neon", method = "GET", path = "/x", fault = "neon GET 500" } })
  equal({ faults.remove(set, 1), faults.remove(set, 1), #set.rules }, { true, false, 1 })
  equal({ faults.remove(set), #set.rules }, { true, 0 })
end)

test("a set is plain data that can be saved", function()
  local set = set_of("neon GET /x 500 probability=0.5", "any drop applied")
  faults.pick(set, request("neon", "GET", "/x"), 12)
  equal(json.decode(json.encode(set)), json.decode(json.encode(set)))
end)

-- ---- what becomes of them ---------------------------------------------------------------------

test("an error is in the service's own form, and nothing is carried out", function()
  local response, done = answer(set_of "cloudflare 500", request("cloudflare", "GET", "/zones"))
  equal({ response.status, done }, { 500, false })
  local body = json.decode(response.body)
  equal({ body.success, body.errors[1].code, body.errors[1].message }, { false, 10013, "An unknown error has occurred" })
  response = answer(set_of "neon 503 message='try later'", request("neon", "GET", "/x"))
  equal(json.decode(response.body).message, "try later")
  response = answer(set_of "github 422 code=already_exists", request("github", "POST", "/x"))
  equal(json.decode(response.body).errors[1].code, "already_exists")
  response = answer(set_of "cloudflare 400 code=10220", request("cloudflare", "POST", "/x"))
  equal(json.decode(response.body).errors[1].message, "Rollback failed. The following secrets have changed: A, B")
  equal(answer(set_of "neon 204", request("neon", "GET", "/x")).body, "")
end)

test("an answer may be lost before or after the request is carried out", function()
  local response, done = answer(set_of "neon drop", request("neon", "POST", "/x"))
  equal({ response, done }, { { close = true }, false })
  response, done = answer(set_of "neon drop applied", request("neon", "POST", "/x"))
  equal({ response, done }, { { close = true }, true })
  response, done = answer(set_of "neon 500 applied", request("neon", "POST", "/x"))
  equal({ response.status, done }, { 500, true })
end)

test("half an answer, half a JSON text and a page are three things", function()
  local response, done = answer(set_of "neon cut", request("neon", "POST", "/x"))
  equal({ response.body, response.cut, done }, { '{"ok":true}', 5, true })
  response, done = answer(set_of "neon truncated", request("neon", "POST", "/x"))
  equal({ response.body, response.status, done }, { '{"ok"', 200, true })
  response, done = answer(set_of "neon html", request("neon", "POST", "/x"))
  equal({ response.status, response.headers["content-type"], done }, { 502, "text/html; charset=utf-8", false })
end)

test("each service has limits of its own", function()
  local response = answer(set_of "cloudflare limit retry-after=3s", request("cloudflare", "GET", "/zones"))
  equal({ response.status, response.headers["retry-after"], json.decode(response.body).errors[1].code }, { 429, "3", 971 })
  response = answer(set_of "cloudflare limit code=10000", request("cloudflare", "GET", "/zones"))
  equal({ response.status, response.headers["retry-after"] }, { 429, nil })
  equal(json.decode(response.body).errors[1].message:find("throttling", 1, true) ~= nil, true)
  response = answer(set_of "github limit", request("github", "GET", "/x"))
  equal({ response.status, response.headers["x-ratelimit-remaining"] }, { 403, "0" })
  response = answer(set_of "github secondary-limit retry-after=1m", request("github", "GET", "/x"))
  equal({ response.status, response.headers["retry-after"], response.headers["x-ratelimit-remaining"] }, { 403, "60", nil })
  response = answer(set_of "neon locked", request("neon", "POST", "/x"))
  equal({ response.status, json.decode(response.body).message:find("conflicting operations", 1, true) ~= nil }, { 423, true })
  equal(answer(set_of "neon limit", request("neon", "GET", "/x")).status, 429)
end)

test("a delay alone changes nothing else", function()
  local one = faults.pick(set_of "neon delay=2s", request("neon", "GET", "/x"), 0)
  equal({ one.delay, one.applied }, { 2, nil })
  equal(answer(set_of "neon delay=2s", request("neon", "GET", "/x")), applied())
end)
