---Rate budgets: held back before the wall, shared by tasks and by processes, told by the service's headers.
local budget = require "http.budget"
local budget_core = require "http.budget.core"
local core = require "core"
local fs = require "fs"
local http = require "http"
local process = require "process"
local secret = require "secret.core"
local server = require "server"
local task = require "task"
local clock = assert(core.load_file("tests/virtual_clock.lua"))()

local DAVIT = os.getenv "DAVIT" or "build/davit"

-- A server that answers as `answer(n)` says to the n-th request: status, headers.
local function with_server(answer, body)
  local seen = { count = 0 }
  server.with(function()
    seen.count = seen.count + 1
    local status, headers = 200, nil
    if answer then status, headers = answer(seen.count) end
    return status, "", headers
  end, function(s) body(s, seen) end)
end

local function ask(s, b, o)
  o = o or {}
  return http.request { url = s.url .. "/", budget = b, method = o.method, headers = o.headers or { authorization = "Bearer x" } }
end

-- ---- our own limits ---------------------------------------------------------------------------

test("requests over the limit wait until the window has room again", function()
  local w <close> = clock.open()
  with_server(nil, function(s, seen)
    local b = http.budget { limits = { { limit = 3, window = 16 } } }
    for _ = 1, 3 do ask(s, b) end
    equal(#w.pauses, 0)
    ask(s, b)
    local waited = w.now - 1800000000
    equal({ seen.count, waited > 15 and waited <= 17.1 }, { 4, true })
  end)
end)

test("who would wait longer than the budget allows is told until when, and nothing is sent", function()
  local w <close> = clock.open(1800000000)   -- 08:00:00 UTC
  with_server(nil, function(s, seen)
    local b = http.budget { limits = { { limit = 1, window = 160 } }, wait = 20 }
    ask(s, b)
    local _, err = try(ask, s, b)
    equal({ err.code, err.class, err.about, seen.count, #w.pauses }, { "http-budget", "throttled", s.url .. "/", 1, 0 })
    equal({ err.retry_after > 150, err["until"] == 1800000000 + err.retry_after }, { true, true })
    equal(err.message, ("GET %s/: not sent: 1 requests in 160 s are used up until 08:02:50 UTC (170 s)"):format(s.url))
  end)
end)

test("a deadline of the task counts, too", function()
  local w <close> = clock.open()
  with_server(nil, function(s, seen)
    local b = http.budget { limits = { { limit = 1, window = 16 } }, wait = 60 }
    ask(s, b)
    local _, err = try(task.deadline, 5, ask, s, b)
    equal({ err.code, seen.count, #w.pauses }, { "http-budget", 1, 0 })
  end)
end)

test("each credential has its own account at each origin, and one value is one credential", function()
  local _ <close> = clock.open()
  with_server(nil, function(s, seen)
    local b = http.budget { limits = { { limit = 1, window = 1600 } }, wait = 0 }
    local token = secret.new("TOKEN", "a-token-of-some-length", { s.url })
    ask(s, b, { headers = { authorization = "Bearer " .. token } })
    ask(s, b, { headers = { Authorization = "Bearer other" } })
    ask(s, b, { headers = {} })
    equal(seen.count, 3)
    for _, value in ipairs { "Bearer " .. token, "Bearer other" } do
      raises("used up", ask, s, b, { headers = { AUTHORIZATION = value } })
    end
    with_server(nil, function(other) equal(ask(other, b, { headers = { authorization = "Bearer other" } }).status, 200) end)
  end)
end)

test("a key in another header is a credential where the budget says so", function()
  local _ <close> = clock.open()
  with_server(nil, function(s)
    local b = http.budget { limits = { { limit = 1, window = 1600 } }, wait = 0, header = "X-Api-Key" }
    ask(s, b, { headers = { ["x-api-key"] = "one" } })
    ask(s, b, { headers = { ["x-api-key"] = "two" } })
    raises("used up", ask, s, b, { headers = { ["x-api-key"] = "one" } })
  end)
end)

test("a limit of the machine counts all credentials together", function()
  local _ <close> = clock.open()
  with_server(nil, function(s)
    local b = http.budget { limits = { { limit = 9, window = 1600 }, { limit = 2, window = 1600, per = "machine" } }, wait = 0 }
    for i = 1, 2 do ask(s, b, { headers = { authorization = "Bearer " .. i } }) end
    raises("2 requests in 1600 s are used up", ask, s, b, { headers = { authorization = "Bearer 3" } })
  end)
end)

test("a method counts for what it costs", function()
  local _ <close> = clock.open()
  with_server(nil, function(s)
    local b = http.budget { wait = 0, limits = { { limit = 16, window = 1600, cost = { GET = 1, default = 5 } },
      { limit = 2, window = 1600, cost = { POST = 1, default = 0 } } } }
    for _ = 1, 2 do ask(s, b, { method = "POST" }) end
    raises("2 requests in", ask, s, b, { method = "POST" })
    for _ = 1, 6 do ask(s, b) end
    raises("16 requests in", ask, s, b)
  end)
end)

test("all tasks share the account", function()
  local _ <close> = clock.open()
  with_server(nil, function(s, seen)
    local b, refused, branches = http.budget { limits = { { limit = 5, window = 1600 } }, wait = 0 }, 0, {}
    for i = 1, 12 do
      branches[i] = function()
        local _, err = try(ask, s, b)
        if err then refused = refused + 1 end
      end
    end
    parallel(branches)
    equal({ seen.count, refused }, { 5, 7 })
  end)
end)

-- ---- what the service says --------------------------------------------------------------------

test("a Ratelimit header slows requests down before the wall, and stops them at it", function()
  local w <close> = clock.open()
  local left = 6
  with_server(function()
    left = left - 1
    return 200, { ratelimit = ('"burst";r=%d;t=4, "daily";r=900;t=3600'):format(math.max(left, 0)),
      ["ratelimit-policy"] = '"burst";q=100;w=60, "daily";q=1000;w=86400' }
  end, function(s)
    local b = http.budget { wait = 3 }
    for _ = 1, 3 do ask(s, b) end
    local paced = #w.pauses
    equal(paced, 2)
    for _, pause in ipairs(w.pauses) do equal(pause > 0 and pause <= 1, true) end
    left = 1
    ask(s, b)
    local _, err = try(ask, s, b)
    equal({ err.code, err.message:find("the service says that the credential's requests are used up", 1, true) ~= nil },
      { "http-budget", true })
  end)
end)

test("GitHub's headers count for the resource they are about", function()
  local w <close> = clock.open(1800000000)
  local resource = "search"
  with_server(function()
    return 200, { ["x-ratelimit-limit"] = "5000", ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = "1800000030",
      ["x-ratelimit-resource"] = resource }
  end, function(s)
    local b = http.budget { resource = "core" }
    ask(s, b)
    ask(s, b)
    equal(#w.pauses, 0)
    resource = "core"
    ask(s, b)
    ask(s, b)
    equal(w.now, 1800000030.0)
  end)
end)

test("the headers of earlier drafts are read, and nonsense in any of them is not", function()
  local w <close> = clock.open()
  local headers = { ["ratelimit-limit"] = "10", ["ratelimit-remaining"] = "0", ["ratelimit-reset"] = "7" }
  with_server(function() return 200, headers end, function(s)
    local b = http.budget {}
    ask(s, b)
    for _, nonsense in ipairs {
      { ratelimit = "default;r=0;t=50" }, { ratelimit = '"x";r=;t=5' }, { ratelimit = '"x";r=-1;t=5' }, { ratelimit = '"' },
      { ["x-ratelimit-remaining"] = "0" }, { ["x-ratelimit-remaining"] = "none", ["x-ratelimit-reset"] = "soon" },
      { ["ratelimit-remaining"] = "0", ["ratelimit-reset"] = "-5" },
    } do
      headers = nonsense
      ask(s, b)
    end
    equal(w.now, 1800000007.0)
  end)
end)

test("a 429 holds every task that shares the credential until Retry-After, and nobody else", function()
  local w <close> = clock.open()
  with_server(function(n) return n == 1 and 429 or 200, n == 1 and { ["retry-after"] = "30" } or nil end, function(s, seen)
    local b = http.budget {}
    equal(ask(s, b).status, 429)
    ask(s, b, { headers = { authorization = "Bearer other" } })
    equal({ seen.count, #w.pauses }, { 2, 0 })
    equal(ask(s, b).status, 200)
    equal(w.now, 1800000030.0)
  end)
end)

test("a 429 without a time holds for the budget's pause; a 403 holds only when it says until when", function()
  for _, case in ipairs {
    { 429, {}, 9 }, { 403, {}, 0 }, { 403, { ["retry-after"] = "20" }, 20 }, { 503, { ["retry-after"] = "20" }, 0 },
    { 403, { ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = "1800000025" }, 25 },
  } do
    local w <close> = clock.open(1800000000)
    with_server(function() return case[1], case[2] end, function(s)
      local b = http.budget { pause = 9 }
      ask(s, b)
      ask(s, b)
      equal({ case[1], w.now - 1800000000 == case[3] }, { case[1], true })
    end)
  end
end)

test("retries wait within the budget", function()
  local w <close> = clock.open()
  with_server(function(n) return n < 3 and 429 or 200, n < 3 and { ["retry-after"] = "5" } or nil end, function(s, seen)
    local answer = http.request { url = s.url, budget = http.budget {}, retry = true, headers = { authorization = "x" } }
    equal({ answer.status, answer.attempts, seen.count, w.now }, { 200, 3, 3, 1800000010 })
  end)
end)

test("each hop at the first origin counts, a hop elsewhere does not", function()
  local _ <close> = clock.open()
  server.with(function() return 200, "" end, function(far)
    server.with(function(request)
      return 302, "", { location = request.path == "/" and "/2" or far.url }
    end, function(s)
      local b = http.budget { limits = { { limit = 3, window = 1600 } }, wait = 0 }
      equal(ask(s, b).status, 200)
      raises("3 requests in 1600 s are used up.*redirect 1: ", ask, s, b)
    end)
  end)
end)

test("a request that never left is counted, and cancelling a wait takes nothing", function()
  local saved = budget.ledger
  budget.ledger = budget_core.open()
  local _ <close> = setmetatable({}, { __close = function() budget.ledger = saved end })
  with_server(nil, function(s, seen)
    local b = http.budget { limits = { { limit = 1, window = 0.5 } } }
    ask(s, b)
    local _, err = try(parallel, { wait = function() ask(s, b) end, fail = function() sleep(0.01) error "stop" end })
    equal({ err.message:find("stop", 1, true) ~= nil, seen.count }, { true, 1 })
    ask(s, b)
    equal(seen.count, 2)
  end)
end)

test("what is wrong with a budget is said", function()
  local _ <close> = clock.open()
  raises("unknown option 'limit' %(expected limits", http.budget, { limit = 3 })
  raises("'header' is the name of a header, not ''", http.budget, { header = "" })
  raises("up to 10^9", http.budget, { limits = { { limit = math.maxinteger, window = 1 } } })
  raises("0 to 10^9", http.budget, { limits = { { limit = 1, window = 1, cost = { GET = math.maxinteger } } } })
  raises("'wait' and 'pause' are seconds", http.budget, { wait = 0 / 0 })
  raises("option 'url' is required", http.request, { budget = http.budget {} })
  raises("option 'url' must be a string", http.request, { url = 5, budget = http.budget {} })
  raises("limits: option 'window' is required", http.budget, { limits = { { limit = 3 } } })
  raises("a limit is { limit = requests up to 10^9, window = seconds", http.budget, { limits = { { limit = 0, window = 1 } } })
  raises("'per' is \"credential\" or \"machine\", not 'host'", http.budget, { limits = { { limit = 1, window = 1, per = "host" } } })
  raises("'cost' is a table of method", http.budget, { limits = { { limit = 1, window = 1, cost = { GET = 0.5 } } } })
  raises("more than four limits", http.budget, { limits = { { limit = 1, window = 1 }, { limit = 1, window = 1 },
    { limit = 1, window = 1 }, { limit = 1, window = 1 }, { limit = 1, window = 1 } } })
  raises("'wait' and 'pause' are seconds", http.budget, { wait = -1 })
  local b = http.budget { limits = { { limit = 100, window = 1 } } }
  raises("option 'headers' must be a table", http.request, { url = "http://127.0.0.1:9/", budget = b, headers = "x" })
  raises("headers are a table name = value", http.request, { url = "http://127.0.0.1:9/", budget = b, headers = { "x" } })
  raises("must be a string, not a boolean", http.request,
    { url = "http://127.0.0.1:9/", budget = b, headers = { authorization = true } })
  raises("'budget' is what http.budget returns, not a table", http.request, { url = "http://127.0.0.1:9/", budget = {} })
end)

-- ---- other processes --------------------------------------------------------------------------

-- Asks as often as it may; prints how many went and the error that ended it. `before` is Lua to run first.
local asker = [[
local http, core, sent = require "http", require "core", 0
%s
local b = http.budget { limits = { { limit = 20, window = 3600 } }, wait = 0 }
for i = 1, %d do
  local answer, err = try(http.request, { url = %q, headers = { authorization = "Bearer shared" }, budget = b })
  if err then print(sent, err.code, err.message) return end
  sent = sent + 1
end
print(sent, "done")
]]

local function environment(folder)
  return { XDG_STATE_HOME = folder, HOME = folder }
end

local function child(folder, s, times, before)
  return process.start { argv = { DAVIT, "eval", asker:format(before or "", times, s.url .. "/") }, env = environment(folder) }
end

local function run(folder, s, times, before)
  local c <close> = child(folder, s, times, before)
  return c:wait().output
end

local function with_folder(body)
  local folder = ("/tmp/davit-budget-test-%s"):format((core.random(8):gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
  local _ <close> = setmetatable({}, { __close = function() process.run { argv = { "rm", "-rf", folder } } end })
  body(folder)
end

test("two processes share one budget: together they send what one may", function()
  with_folder(function(folder)
    with_server(nil, function(s, seen)
      local outputs = parallel {
        a = function() return run(folder, s, 30) end,
        b = function() return run(folder, s, 30) end,
      }
      equal(seen.count, 20)
      local a, b = tonumber(outputs.a:match("^%d+")), tonumber(outputs.b:match("^%d+"))
      equal({ a + b, outputs.a:find("http-budget", 1, true) ~= nil, outputs.b:find("http-budget", 1, true) ~= nil }, { 20, true, true })
    end)
  end)
end)

test("a process that is killed in the middle loses nothing of the account and holds nobody up", function()
  with_folder(function(folder)
    local victim, dead
    with_server(function(n)
      if n == 7 then
        victim:kill "SIGKILL"
        while not dead do sleep(0.005) end   -- else its next request may come before the signal
      end
      return 200
    end, function(s, seen)
      local c <close> = child(folder, s, 1000)
      victim = c
      equal(c:wait().signal, "SIGKILL")
      dead = true
      equal(seen.count, 7)
      equal(run(folder, s, 30):match("^%d+\t%S+"), "13\thttp-budget")
      equal(seen.count, 20)
    end)
  end)
end)

test("a clock that is set back by a day gives nothing away and makes nobody wait longer", function()
  with_folder(function(folder)
    with_server(nil, function(s, seen)
      run(folder, s, 12)
      local behind = run(folder, s, 30, "local now = core.now core.now = function() return now() - 86400 end")
      equal({ behind:match("^%d+\t%S+"), seen.count }, { "8\thttp-budget", 20 })
      local wait = tonumber(behind:match("%((%d+) s%)"))
      equal(wait > 3000 and wait <= 3600 * 17 / 16, true)
    end)
  end)
end)

test("a 429 that one process sees holds the other", function()
  with_folder(function(folder)
    with_server(function() return 429, { ["retry-after"] = "1000" } end, function(s, seen)
      equal(run(folder, s, 1), "1\tdone\n")
      local other = run(folder, s, 1)
      equal({ other:match("^%d+\t%S+"), seen.count }, { "0\thttp-budget", 1 })
      equal(other:find("the service turned the credential away until", 1, true) ~= nil, true)
    end)
  end)
end)

test("the account is a private file without the credential, and a broken one starts afresh", function()
  with_folder(function(folder)
    with_server(nil, function(s, seen)
      run(folder, s, 20)
      local path = folder .. "/davit/budgets"
      local modes = process.run { argv = { "stat", "-c", "%a", path, folder .. "/davit" } }.output
      equal(modes, "600\n700\n")
      equal(fs.read(path):find("shared", 1, true), nil)
      equal(run(folder, s, 1):match("^%d+\t%S+"), "0\thttp-budget")
      process.run { argv = { "sh", "-c", "yes broken | head -c 70000 >\"$0\"", path } }
      equal(run(folder, s, 5), "5\tdone\n")
      equal(seen.count, 25)
    end)
  end)
end)

test("a process that was stopped while it had the file holds nobody up", function()
  with_folder(function(folder)
    with_server(nil, function(s)
      run(folder, s, 1)
      local lock <close> = require("filelock").take(folder .. "/davit/budgets", "")
      local c <close> = child(folder, s, 30)
      local result = c:wait()
      equal({ lock ~= nil, result.output:match("^%d+\t%S+") }, { true, "20\thttp-budget" })
      equal(result.errors:find("holds " .. folder .. "/davit/budgets: rate budgets are not shared any more", 1, true) ~= nil, true)
    end)
  end)
end)

test("without a home the account is in memory", function()
  with_server(nil, function(s, seen)
    local program = asker:format("", 30, s.url .. "/")
    local result = process.run { argv = { "env", "-i", DAVIT, "eval", program } }
    equal({ result.output:match("^%d+\t%S+"), seen.count }, { "20\thttp-budget", 20 })
    local relative = process.run { argv = { "env", "-i", "XDG_STATE_HOME=relative", DAVIT, "eval", program } }
    equal({ relative.output:match("^%d+\t%S+"), fs.exists("relative") }, { "20\thttp-budget", false })
  end)
end)

local TOY = [[
local http, json = require "http", require "json"
return { summary = "A toy", run = function(_, run)
  local b = http.budget { limits = { { limit = 2, window = 60 } }, wait = 600 }
  for _ = 1, 7 do
    http.expect { url = "https://api.github.com/repos/example/codex/pulls/42", budget = b,
      headers = { authorization = "Bearer " .. require("secret").env("GITHUB_TOKEN", { to = { "api.github.com" } }) } }
  end
end }
]]

test("a rehearsal waits in its own time, and its account is nobody else's", function()
  with_folder(function(folder)
    fs.write(folder .. "/project/davit.yaml", "version: 1\nproject: toy\ngithub: { repository: example/codex }\n"
      .. "secrets:\n  GITHUB_TOKEN: { to: [api.github.com] }\n")
    fs.write(folder .. "/project/recipes/toy.lua", TOY)
    local project = require("project").read(folder .. "/project")
    local result = require("rehearsal.explore").run(project,
      { recipe = "toy", params = {}, seed = 1, jobs = 1, every = 1000, limit = 30, log = true, pull_requests = { 42 } }, function() end)
    equal(result.reference.outcome.code, 0)
    local times = {}
    for time in result.log:gmatch("([%d.]+) http GET api%.github%.com") do times[#times + 1] = tonumber(time) end
    equal({ #times, times[7] - times[1] > 180 }, { 7, true })
    local ran = process.run { argv = { DAVIT, "rehearse", "toy", "--project", folder .. "/project" },
      env = environment(folder .. "/state"), check = false }
    equal({ ran.exit, fs.exists(folder .. "/state") }, { 0, false })
  end)
end)
