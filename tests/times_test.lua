---How long the flows take on the virtual clock, where custom domains have their certificates after 30 or 90 s: the undisturbed
---runs of rehearsals, whose other delays are the models' own (docs/rehearsal.md).
local explore = require "rehearsal.explore"
local json = require "json"
local process = require "process"
local project = require "project"

local DAVIT = os.getenv "DAVIT" or "build/davit"
local CODEX <const> = "tests/projects/codex"
local NONE <const> = 1000000   -- of the schedules; what is judged here is the run that nothing disturbs

-- The undisturbed run's seconds.
local function seconds_of(o, certificates)
  o.seed, o.jobs, o.every, o.limit, o.pull_requests = 1, 1, NONE, 60, { 42 }
  o.delays = { tls = certificates }
  local outcome = explore.run(project.read(CODEX), o, function() end).reference.outcome
  equal({ o.recipe, outcome.code, outcome.error }, { o.recipe, 0 })
  return outcome.seconds
end

-- With both kinds of certificates within a time, the slower ones making a difference or none.
local function within(most, o)
  local quick, slow = seconds_of(o, 30), seconds_of(o, 90)
  if math.max(quick, slow) >= most then
    error(("%s takes %.1f s with certificates of 30 s, %.1f s with those of 90 s"):format(o.recipe, quick, slow), 2)
  end
  return slow - quick
end

local PREVIEW <const> = { recipe = "preview", params = { pr = 42, untested = true, take_over = false } }

test("a preview is there within five minutes of its start, however long its certificates take", function()
  local later = within(300, PREVIEW)
  equal(later >= 55, true)   -- it did wait for them
end)

test("a preview whose certificates are there already does not wait for any", function()
  local again = { recipe = "preview", params = PREVIEW.params, after = { PREVIEW } }
  equal({ within(300, again) < 1, seconds_of(again, 90) < 60 }, { true, true })
end)

local TEST <const> = { recipe = "test", params = { parallel = 4, only = {}, all = false, bundles = false } }
local PRODUCTION <const> = { recipe = "production", params = { take_over = false, accept_breaking = false } }

test("production is deployed within three minutes of its start, the first time too, however long its certificates take", function()
  local later = within(180, { recipe = "production", params = PRODUCTION.params, after = { TEST } })
  equal({ later >= 55, later < 100 }, { true, true })   -- it waited for them once, and not for one after the other
end)

test("a later deploy to production has its certificates", function()
  equal(within(180, { recipe = "production", params = PRODUCTION.params, after = { TEST, PRODUCTION, { push = true }, TEST } }) < 1, true)
end)

local function rollback(params)
  local all = { why = "code", breaking = false, force = false }
  for name, value in pairs(params) do all[name] = value end
  return { recipe = "rollback", params = all, after = { TEST, PRODUCTION, { push = true }, TEST, PRODUCTION } }
end

test("production is back within two minutes, its Workers alone or its database with them", function()
  equal(within(120, rollback {}) < 1, true)
  equal(within(120, rollback { why = "data", time = "2027-01-15T08:00:30Z" }) < 1, true)
end)

test("the command line takes the delays and tells how long the run took", function()
  local function told(...)
    local result = process.run { check = false, argv = { DAVIT, "rehearse", "preview", "--pr", "42", "--untested", "--project", CODEX,
      "--replay", "undisturbed", "--json", ... } }
    return json.decode(result.output:match "[^\n]+\n$").summary.undisturbed.seconds
  end
  local plain = told()
  equal(told("--tls-delay", "90s") == seconds_of(PREVIEW, 90), true)
  equal({ told("--latency", "1s") > plain + 10, told("--dns-delay", "30s") > plain, told("--propagation-delay", "60") > plain },
    { true, true, true })
end)

test("a delay that is no time is refused", function()
  local result = process.run { check = false, argv = { DAVIT, "rehearse", "preview", "--pr", "42", "--project", CODEX,
    "--tls-delay", "soon" } }
  equal({ result.exit, result.errors:find("--tls-delay must be a time such as 50ms or 2s, not 'soon'", 1, true) ~= nil }, { 2, true })
end)
