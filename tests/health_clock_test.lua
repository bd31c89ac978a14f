---Every rule of time of health.wait, on a virtual clock: what is due when, what ends a wait, and what must
---never happen.
local health = require "health"
local world = require("core").load_file("tests/health_world.lua")()

local play, not_yet, no_certificate = world.play, world.not_yet, world.no_certificate

local never = { ["a.example"] = { { at = 0, fault = not_yet } } }

local function ready_at(t, before)
  return { ["a.example"] = { { at = 0, fault = before or not_yet }, { at = t, status = 200 } } }
end

local function near(got, expected)
  equal(#got, #expected)
  for i, value in ipairs(expected) do
    if math.abs(got[i] - value) > 0.1 then error(("look %d is at %s, not at %s"):format(i, got[i], value), 2) end
  end
end

-- ---- the deadline -----------------------------------------------------------------------------------

test("the last look is at the deadline exactly, and none comes after it", function()
  for seed = 1, 20 do
    local result = play(never, [[
      local seen = wait { url = "https://a.example/", deadline = 17.3 }
      return { at = times(seen), verdict = seen.verdict, overlaps = stats().overlaps }
    ]], seed)
    equal({ result.at[#result.at], result.verdict, result.overlaps }, { 17.3, "timed-out", 0 })
    for i = 2, #result.at do equal(result.at[i] > result.at[i - 1], true) end
  end
end)

test("a look that would outlast the deadline ends there, so that the last one can begin", function()
  local result = play({ ["a.example"] = { { at = 0, fault = { "http-timeout", "transient", "late" }, delay = 3 } } }, [[
    return times(wait { url = "https://a.example/", deadline = 7, timeout = 3, backoff = { initial = 1, jitter = "none" } })
  ]])
  equal(result[#result], 7)
end)

test("success at the deadline is success", function()
  equal(play(ready_at(10), [[
    local seen = wait { url = "https://a.example/", deadline = 10 }
    return { verdict = seen.verdict, last = times(seen)[#seen.timeline] }
  ]]), { verdict = "ok", last = 10 })
end)

-- ---- backoff ----------------------------------------------------------------------------------------------

test("without jitter the pauses double up to the largest", function()
  near(play(never, [[
    return times(wait { url = "https://a.example/", deadline = 40, pace = { edge = 0 },
      backoff = { initial = 1, multiplier = 2, max = 8, jitter = "none" } })
  ]]), { 0, 1.02, 3.04, 7.06, 15.08, 23.1, 31.12, 39.14, 40 })
end)

test("each jitter stays within its bounds, and a seed repeats it", function()
  for jitter, bounds in pairs {
    full = { 0, 4 }, equal = { 0.5, 4 }, decorrelated = { 1, 4 }, none = { 1, 4 },
  } do
    local text = ([[
      return times(wait { url = "https://a.example/", deadline = 200, timeline = 500, pace = { edge = 0 },
        backoff = { initial = 1, multiplier = 2, max = 4, jitter = "%s", seed = 7 } })
    ]]):format(jitter)
    local at = play(never, text, 1)
    for i = 2, #at - 1 do
      local pause = at[i] - at[i - 1] - 0.02
      if pause < bounds[1] - 1e-3 or pause > bounds[2] + 1e-3 then error(jitter .. " pauses " .. pause, 0) end
    end
    equal(play(never, text, 2), at)
  end
end)

test("without a seed two waits differ", function()
  local text = [[ return times(wait { url = "https://a.example/", deadline = 30 }) ]]
  equal(play(never, text, 1)[3] ~= play(never, text, 2)[3], true)
end)

-- ---- pace by state ---------------------------------------------------------------------------------------

test("what refuses is tried soon, and later after a tenth of the time waited", function()
  local at = play(never, [[ return times(wait { url = "https://a.example/", deadline = 120, timeline = 500 }) ]])
  for i = 2, #at - 1 do
    local pause, usual = at[i] - at[i - 1] - 0.02, math.min(5, math.max(0.25, at[i - 1] / 10))
    equal({ i, pause > 0.85 * usual, pause < 1.15 * usual }, { i, true, true })
  end
  equal(#at > 50 and #at < 80, true)
end)

test("what was serving and refuses is tried by the backoff", function()
  local at = play(never, [[
    return times(wait { url = "https://a.example/", established = true, fall = 4, pace = { edge = 0 }, backoff = { seed = 5 } })
  ]])
  equal({ #at, at[2] > 0.5, at[4] > 1.5 }, { 4, true, true })
end)

test("of very many origins that refuse each is tried less often", function()
  local result = play(never, [[
    local targets = {}
    for i = 1, 2000 do targets[i] = ("https://a.example:%d/"):format(10000 + i) end
    local _, err = wait { targets = targets, deadline = 10, fall = 1000 }
    return err.probes
  ]])
  equal(result > 2000 * 5 and result < 2000 * 9, true)
end)

test("a certificate is looked for at once, soon, and then when it can be there", function()
  local at = play({ ["a.example"] = { { at = 0, fault = no_certificate } } }, [[
    return times(wait { url = "https://a.example/", deadline = 60, backoff = { seed = 1 } })
  ]])
  equal({ at[1], at[2] > 2.9 and at[2] < 3.2, at[3] > 35 and at[3] < 36 }, { 0, true, true })
  for i = 4, #at - 1 do equal(at[i] - at[i - 1] < 5.9 and at[i] - at[i - 1] > 5.1, true) end
end)

test("a change is followed quickly", function()
  local at = play({ ["a.example"] = { { at = 0, fault = not_yet }, { at = 20, status = 503 }, { at = 90, status = 200 } } }, [[
    return times(wait { url = "https://a.example/", backoff = { initial = 4, max = 8, jitter = "none" }, pace = { edge = 0.25 } })
  ]])
  near({ table.unpack(at, 1, 6) }, { 0, 4.02, 12.04, 20.06, 20.33, 24.35 })
end)

test("grace, interval, backoff and attempts in their classic form", function()
  near(play(never, [[
    return times(wait { url = "https://a.example/", grace = 3, interval = 1, backoff = 5, attempts = 4 })
  ]]), { 0, 1.02, 2.04, 3.06, 8.08, 18.1, 38.12 })
end)

test("the runbook's preset waits half a minute and then looks 5, 10, 20, 40, 80 s apart", function()
  near(play(never, [[
    local o = { url = "https://a.example/" }
    for name, value in pairs(health.presets.runbook) do o[name] = value end
    return times(wait(o))
  ]]), { 30, 35.02, 45.04, 65.06, 105.08, 185.1, 265.12, 300 })
end)

test("Retry-After is waited for, told, and cut by the deadline", function()
  local result = play({ ["a.example"] = { { at = 0, status = 429, headers = { ["retry-after"] = "12" } } } }, [[
    local seen = wait { url = "https://a.example/", deadline = 20 }
    return { at = times(seen), asked = seen.timeline[1].retry_after, verdict = seen.verdict }
  ]])
  near(result.at, { 0, 12.02, 20 })
  equal({ result.asked, result.verdict }, { 12, "inconclusive" })
end)

test("Retry-After may be a date", function()
  near(play({ ["a.example"] = { { at = 0, status = 503, headers = { ["retry-after"] = "Fri, 15 Jan 2027 08:00:09 GMT" } },
    { at = 5, status = 200 } } }, [[ return times(wait { url = "https://a.example/" }) ]]), { 0, 9 })
end)

-- ---- proving ----------------------------------------------------------------------------------------------

test("rise wants healthy looks in a row", function()
  local result = play({ ["a.example"] = {
    { at = 0, status = 200 }, { at = 0.4, status = 503 }, { at = 2, status = 200 } } }, [[
    local seen = wait { url = "https://a.example/", rise = 3, pace = { edge = 1 } }
    return { classes = classes(seen), first_ok = seen.first_ok }
  ]])
  equal(result.first_ok, 0)
  equal({ table.unpack(result.classes, #result.classes - 2) }, { "healthy", "healthy", "healthy" })
  equal(result.classes[2], "transient")
end)

test("stable_for wants health for so long, looked at in between, and proven at its end", function()
  near(play(ready_at(0), [[
    return times(wait { url = "https://a.example/", stable_for = 7, pace = { soak = 3 } })
  ]]), { 0, 3.02, 6.04, 7.02 })
end)

test("health that breaks within stable_for begins again", function()
  local result = play({ ["a.example"] = {
    { at = 0, status = 200 }, { at = 3, status = 503 }, { at = 4, status = 200 } } }, [[
    local seen = wait { url = "https://a.example/", stable_for = 5, pace = { soak = 1 } }
    return { seconds = seen.seconds, verdict = seen.verdict }
  ]])
  equal({ result.verdict, result.seconds > 9 }, { "ok", true })
end)

test("healthy at the deadline and not yet for long enough is inconclusive", function()
  equal(play(ready_at(8), [[
    local seen, err = wait { url = "https://a.example/", stable_for = 5, deadline = 10 }
    return { seen.verdict, err.code, err.message:find("healthy, not for long enough", 1, true) ~= nil }
  ]]), { "inconclusive", "not-healthy", true })
end)

test("samples are probes of one look, and one that is bad makes it bad", function()
  local result = play({ ["a.example"] = {
    { at = 0, status = 200 }, { at = 0.03, status = 503 }, { at = 0.055, status = 200 } } }, [[
    local seen = wait { url = "https://a.example/", samples = 4, backoff = { initial = 1, jitter = "none" } }
    return { classes = classes(seen), probes = seen.probes, attempts = seen.attempts, overlaps = stats().overlaps }
  ]])
  equal(result, { classes = { "transient", "healthy" }, probes = 7, attempts = 2, overlaps = 0 })
end)

-- ---- failing ----------------------------------------------------------------------------------------------

test("fall ends the wait after so many answers in a row that say broken", function()
  local script = { ["a.example"] = { { at = 0, status = 404 } } }
  equal(#play(script, [[ return times(wait { url = "https://a.example/", fall = 3 }) ]]), 3)
  equal(#play(script, [[ return times(wait { url = "https://a.example/", fall = 5 }) ]]), 5)
  equal(#play(script, [[ return times(wait { url = "https://a.example/", established = true }) ]]), 3)
  equal(#play(script, [[ return times(wait { url = "https://a.example/", grace = 0 }) ]]), 3)
  equal(play(script, [[
    local seen, err = wait { url = "https://a.example/", fatal_after = { failing = 2 } }
    return { #seen.timeline, seen.verdict, err.class }
  ]]), { 2, "failed", "fatal" })
end)

test("what is new is given the edge's time before an answer that says broken is its own", function()
  for _, broken in ipairs { { at = 0, status = 500 }, { at = 0, status = 404 }, { at = 0, status = 500, body = "error code: 1101" } } do
    -- The version before it, which this one mends, goes on answering for 14 s.
    local mended = play({ ["a.example"] = { broken, { at = 14, status = 200, body = '{"version":"2"}' } } }, [[
      local seen = wait { url = "https://a.example/", version = "2" }
      return { seen.verdict, seen.counts.failing > 3 }
    ]])
    equal(mended, { "ok", true })
    local last = play({ ["a.example"] = { broken } }, [[
      local seen = wait { url = "https://a.example/" }
      local at = times(seen)
      return { verdict = seen.verdict, at = at[#at], before = at[#at - 1] }
    ]])
    equal({ last.verdict, last.at >= 15, last.before < 15 }, { "failed", true, true })
  end
end)

test("how long an answer must say broken can be said, and it must say so all the time", function()
  local script = { ["a.example"] = { { at = 0, status = 500 }, { at = 6, status = 503 }, { at = 8, status = 500 } } }
  local at = play(script, [[
    return times(wait { url = "https://a.example/", fall_for = 10, pace = { edge = 1 },
      backoff = { initial = 1, max = 1, jitter = "none" } })
  ]])
  equal({ at[#at] > 18, at[#at] < 20 }, { true, true })
  equal(#play(script, [[ return times(wait { url = "https://a.example/", fall_for = 0 }) ]]), 3)
  raises("'fall_for' is a time, seconds from 0", health.wait, { url = "https://a.example/", fall_for = -1 })
end)

test("a name is asked for again when the resolver has forgotten that it is not there, or every 15 s", function()
  local function looks(ttl, more)
    return play({ ["a.example"] = { { at = 0, fault = { "dns-not-found", "pending", "no such name" }, ttl = ttl } } }, ([[
      return times(wait { url = "https://a.example/", deadline = 40, %s })
    ]]):format(more or ""))
  end
  for ttl, step in pairs { [8] = 8, [1800] = 15 } do
    local at = looks(ttl)
    for i = 2, #at - 1 do
      local pause = at[i] - at[i - 1]
      equal({ ttl, i, pause > step and pause < step + 0.6 }, { ttl, i, true })
    end
    equal(at[#at], 40)
  end
  equal(#looks(1800, "pace = { slow = 0 }") > 8, true)
  near({ looks(nil)[2] }, { 3 })
end)

test("a limit can be set for any class, and one healthy look begins the count again", function()
  equal(#play({ ["a.example"] = { { at = 0, status = 503 } } }, [[
    return times(wait { url = "https://a.example/", fatal_after = { transient = 4 } })
  ]]), 4)
  equal(#play({ ["a.example"] = { { at = 0, status = 404 }, { at = 1.3, status = 200 }, { at = 2.3, status = 404 } } }, [[
    return times(wait { url = "https://a.example/", rise = 9, backoff = { initial = 1, max = 1, jitter = "none" }, pace = { edge = 1 } })
  ]]), 6)
end)

test("a certificate that is not there after a quarter of an hour is not coming", function()
  local result = play({ ["a.example"] = { { at = 0, fault = no_certificate } } }, [[
    local seen, err = wait { url = "https://a.example/", deadline = 3600 }
    return { seconds = seen.seconds, verdict = seen.verdict, hint = err.hint:find("CAA", 1, true) ~= nil }
  ]])
  equal({ result.verdict, result.hint, result.seconds >= 900 and result.seconds < 910 }, { "failed", true, true })
end)

test("after the first success the second column counts", function()
  local result = play({ ["a.example"] = { { at = 0, status = 200 }, { at = 1, fault = no_certificate } } }, [[
    local seen = wait { url = "https://a.example/", stable_for = 60 }
    return { seen.verdict, classes(seen)[#seen.timeline] }
  ]])
  equal(result, { "failed", "fatal" })
  equal(play({ ["a.example"] = { { at = 0, fault = no_certificate } } }, [[
    local seen = wait { url = "https://a.example/", established = true }
    return { seen.verdict, #seen.timeline }
  ]]), { "failed", 1 })
end)

test("the first delay is waited before anything is asked", function()
  near(play(ready_at(0), [[ return times(wait { url = "https://a.example/", delay = 4 }) ]]), { 4 })
end)

-- ---- the timeline --------------------------------------------------------------------------------------------

test("of a long wait the first and the last looks are kept, and all are counted", function()
  local result = play(never, [[
    local seen = wait { url = "https://a.example/", deadline = 3600, timeline = 3, backoff = { initial = 1, max = 1, jitter = "none" } }
    return { at = times(seen), counts = seen.counts, attempts = seen.attempts, out = seen.targets[1].left_out }
  ]])
  equal(#result.at, 6)
  equal({ result.at[1], result.at[6] }, { 0, 3600 })
  equal({ result.counts.pending, result.out }, { result.attempts, result.attempts - 6 })
end)

test("what was recorded of a wait is played again, look by look", function()
  local steps = { { at = 0, fault = { "dns-not-found", "pending", "no such name" } }, { at = 33, fault = no_certificate },
    { at = 50, status = 404, body = "error code: 1042" }, { at = 58, status = 503, headers = { ["retry-after"] = "4" } },
    { at = 66, status = 200, body = '{"version":"1"}' }, { at = 75, status = 200, body = '{"version":"2"}' } }
  local program = [[
    local looks = {}
    local seen = wait { url = "https://a.example/", version = "2", rise = 2, backoff = { seed = 11 },
      on_attempt = function(look) looks[#looks + 1] = look end }
    local texts = {}
    for i, look in ipairs(seen.timeline) do texts[i] = ("%.3f %s %s"):format(look.at, look.class, look.reason) end
    return { looks = looks, texts = texts, verdict = seen.verdict }
  ]]
  local first = play({ ["a.example"] = steps }, program)
  local again = play(world.script_of(first.looks, "a.example"), program)
  equal({ first.verdict, #first.texts > 8 }, { "ok", true })
  equal(again.texts, first.texts)
end)

-- ---- hooks -----------------------------------------------------------------------------------------------------

test("classify reclassifies, may wait, and cannot give health", function()
  equal(play({ ["a.example"] = { { at = 0, status = 404 }, { at = 9, status = 200 } } }, [[
    local seen = wait { url = "https://a.example/", classify = function(look)
      sleep(1)
      if look.status == 404 then return "pending" end
    end }
    return { seen.verdict, seen.counts.pending > 3, seen.counts.failing == nil }
  ]]), { "ok", true, true })
  equal(play(never, [[
    local _, err = wait { url = "https://a.example/", classify = function() return "healthy" end }
    return err.message:find("cannot make a pending look healthy", 1, true) ~= nil
  ]]), true)
  equal(play(ready_at(0), [[
    local seen, err = wait { url = "https://a.example/", classify = function() return "fatal" end }
    return { seen.verdict, err.message:find("classify calls it fatal", 1, true) ~= nil }
  ]]), { "failed", true })
end)

test("a hook that raises ends the wait with its error; one that returns nonsense is named", function()
  equal(play(ready_at(5), [[
    local _, err = wait { url = "https://a.example/", on_attempt = function() failure { code = "mine", message = "no" } end }
    local _, other = wait { url = "https://a.example/", classify = function() return "green" end }
    return { err.code, other.message }
  ]]), { "mine", "health.wait: classify returned 'green', which is no class" })
end)

test("a hook sees the answer and the class that stands", function()
  equal(play({ ["a.example"] = { { at = 0, status = 500, body = "broken", headers = { ["x-a"] = "b", ["cf-ray"] = "8f-LHR" } } } }, [[
    local seen = {}
    wait { url = "https://a.example/", name = "api", on_attempt = function(look) seen[#seen + 1] = look end,
      classify = function() return "fatal" end }
    local look = seen[1]
    return { #seen, look.class, look.row, look.status, look.body, look.headers["x-a"], look.colo, look.name, look.url }
  ]]), { 1, "fatal", "error", 500, "broken", "b", "LHR", "api", "https://a.example/" })
end)

-- ---- many -------------------------------------------------------------------------------------------------------

local three = {
  ["a.example"] = { { at = 0, fault = not_yet }, { at = 3, status = 200 } },
  ["b.example"] = { { at = 0, fault = not_yet }, { at = 9, status = 200 } },
  ["c.example"] = { { at = 0, fault = not_yet } },
}

local TARGETS = [[ targets = { a = "https://a.example/", b = { url = "https://b.example/" }, c = "https://c.example/" } ]]

test("need is all, any, or a number", function()
  local function ends(need)
    return play(three, ([[
      local seen, err = wait { %s, need = %s, deadline = 20 }
      return { err and err.code or seen.verdict, seen.targets.a.verdict, seen.targets.b.verdict, seen.targets.c.verdict }
    ]]):format(TARGETS, need))
  end
  equal(ends '"any"', { "ok", "ok", "inconclusive", "inconclusive" })
  equal(ends "2", { "ok", "ok", "ok", "inconclusive" })
  equal(ends '"all"', { "not-healthy", "ok", "ok", "timed-out" })
end)

test("what cannot be reached any more ends the wait at once, and the error names who failed", function()
  local result = play({
    ["a.example"] = { { at = 0, status = 403 } }, ["b.example"] = { { at = 0, fault = not_yet } },
    ["c.example"] = { { at = 0, fault = not_yet } } }, ([[
    local seen, err = wait { %s }
    return { seconds = err.seconds, message = err.message, b = err.targets.b.verdict }
  ]]):format(TARGETS))
  equal({ result.seconds < 0.1, result.b }, { true, "inconclusive" })
  equal(result.message:find("3 of 3 targets are not healthy after 0.0 s (all are needed): a: status 403 (fatal);", 1, true), 1)
end)

test("a target has options of its own over those of all", function()
  local result = play(three, [[
    local seen = wait { need = 2, deadline = 30, targets = {
      a = { url = "https://a.example/", deadline = 1 }, b = "https://b.example/", c = "https://c.example/" } }
    return { seen.targets.a.verdict, seen.targets.a.seconds }
  ]])
  equal(result[1], "timed-out")
  equal(result[2] < 1.1, true)
end)

test("a rate is shared by all targets", function()
  local at = play({ ["a.example"] = { { at = 0, status = 200 } } }, [[
    local targets = {}
    for i = 1, 20 do targets[i] = "https://a.example/" .. i end
    wait { targets = targets, rate = 4 }
    return stats().at
  ]])
  equal(#at, 20)
  for i = 2, 20 do equal(at[i] - at[i - 1] > 0.249, true) end
end)

test("no more probes than allowed are under way at once", function()
  local at = play({ ["a.example"] = { { at = 0, status = 200, delay = 1 } } }, [[
    local targets = {}
    for i = 1, 12 do targets[i] = "https://a.example/" .. i end
    wait { targets = targets, concurrency = 4 }
    return stats().at
  ]])
  for i, t in ipairs(at) do equal(math.floor(t + 0.5), (i - 1) // 4) end
end)

-- ---- one origin ---------------------------------------------------------------------------------------------------

local ORIGIN = [[
  local targets = {}
  for i = 1, 300 do targets[i] = "https://a.example/" .. i end
]]

test("while an origin refuses one probe stands for all its targets, and then all are probed", function()
  local result = play(ready_at(40), ORIGIN .. [[
    local seen = wait { targets = targets, backoff = { seed = 3 } }
    local counted, own = stats(), 0
    for _, n in pairs(counted.asked) do own = own + n end
    local shared = 0
    for _, look in ipairs(seen.targets[300].timeline) do shared = shared + (look.shared and 1 or 0) end
    return { verdict = seen.verdict, probes = seen.probes, asked = own, overlaps = counted.overlaps, shared = shared,
      last = seen.seconds, probes_of_last = seen.targets[300].probes }
  ]])
  equal({ result.verdict, result.overlaps, result.asked == result.probes }, { "ok", 0, true })
  equal(result.probes < 128 + 300 + 40, true)
  equal({ result.shared > 5, result.probes_of_last }, { true, 1 })
  equal(result.last < 47, true)
end)

test("the deadline of all that wait is looked at by one probe", function()
  local result = play(never, ORIGIN .. [[
    local seen, err = wait { targets = targets, deadline = 30 }
    local last = seen.targets[250].timeline
    return { code = err.code, probes = err.probes, verdict = seen.targets[250].verdict, at = last[#last].at }
  ]])
  equal({ result.code, result.verdict, result.at }, { "not-healthy", "timed-out", 30 })
  equal(result.probes < 128 + 40, true)
end)

test("a service that answers at the deadline is found by every target", function()
  equal(play(ready_at(30), ORIGIN .. [[
    local seen = wait { targets = targets, deadline = 30 }
    return { seen.verdict, stats().overlaps }
  ]]), { "ok", 0 })
end)

test("an origin that goes down again is waited for again", function()
  local result = play({ ["a.example"] = { { at = 0, fault = not_yet }, { at = 5, status = 200 }, { at = 6, fault = not_yet },
    { at = 12, status = 200 } } }, ORIGIN .. [[
    local seen = wait { targets = targets, rise = 2, pace = { edge = 3 }, fall = 100, fatal_after = { failing = 100 } }
    return { seen.verdict, stats().overlaps }
  ]])
  equal(result, { "ok", 0 })
end)

test("targets of other origins, and of other ways to them, are looked at by themselves", function()
  local result = play(three, [[
    local seen = wait { need = "any", deadline = 20, targets = {
      "https://c.example/", "https://b.example/", { url = "https://c.example/x", connect_to = "192.0.2.1" }, "https://a.example/" } }
    return seen.seconds
  ]])
  equal(result < 9, true)
end)

test("10,000 targets of one origin that refuses cost hardly more than one", function()
  local result = play(ready_at(20), [[
    local targets = {}
    for i = 1, 10000 do targets[i] = "https://a.example/" .. i end
    local seen = wait { targets = targets }
    return { verdict = seen.verdict, more = seen.probes - 10000, attempts = seen.attempts }
  ]])
  equal({ result.verdict, result.more < 200, result.attempts > 20000 }, { "ok", true, true })
end)

-- ---- ending early ---------------------------------------------------------------------------------------------------

test("a cancelled wait ends at once, whatever is under way", function()
  equal(play({ ["a.example"] = { { at = 0, status = 200, delay = 50 } }, ["c.example"] = { { at = 0, fault = not_yet } } }, [[
    local task, began = require "task", core.monotonic()
    local _, err = try(task.deadline, 2, health.wait, { targets = { "https://a.example/", "https://c.example/" }, timeout = 100 })
    return { err.code, math.floor(core.monotonic() - began + 0.5) }
  ]]), { "deadline", 2 })
end)

-- ---- the study ----------------------------------------------------------------------------------------------------------

test("a first deployment is found healthy five times sooner than by the runbook, with at most twice the probes", function()
  local study = require("core").load_file("tests/health_study.lua")()
  local rows = study(1500, 1, 1)
  local runbook, ours = rows[1], rows[2]
  equal({ runbook.policy, ours.policy }, { "runbook", "health.wait" })
  equal(runbook.lag.median / ours.lag.median >= 5, true)
  equal(ours.probes.mean <= 2 * runbook.probes.mean and ours.probes.median <= 2 * runbook.probes.median, true)
  equal(ours.lag.p99 < runbook.lag.p90, true)
end)
