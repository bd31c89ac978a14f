---Going back in production, end to end: the sample project on the local cloud with real workerd and real PostgreSQL.
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local rollback_test, exits, has = productions.tests(test, skip), productions.exits, productions.has

local place <close> = not productions.missing() and productions.new() or nil

local function rollback(...) return place:davit("rollback", "--local", ...) end

local function serves(state)
  local list = {}
  for _, name in ipairs { "ecom-api", "auth-worker", "codex-web" } do
    list[name] = state.workers[name .. "-production"].serves
  end
  return list
end

local function health_of(host) return json.decode(place:ask(("https://%s.revelations.studio/health"):format(host))).version end

-- Deploys a commit in which all Workers differ from the one before; what serves then.
local function release(word)
  for _, worker in ipairs { "workers/ecom-api", "workers/auth", "apps/web" } do place:change(word, worker) end
  place:push(word)
  exits(0, place:davit("production", "--local", "--yes"))
  local versions = { api = health_of "api", auth = health_of "auth", codex = health_of "codex" }
  return serves(place:state()), versions
end

local first, second, first_health

rollback_test("all Workers go back to the last good version, and it is the one that serves", function()
  first, first_health = release "one"
  second = release "two"
  local result = exits(0, rollback "--yes")
  has(result.errors, "It does not bring back: the database: its schema and its data are what they are now")
  equal(serves(place:state()), first)
  equal({ api = health_of "api", auth = health_of "auth", codex = health_of "codex" }, first_health)
end)

rollback_test("what somebody went back from is not good: a second rollback does not go there", function()
  local refused = exits(1, rollback "--yes")
  has(refused.errors, "has no earlier version that was good")
  equal(serves(place:state()), first)
end)

rollback_test("one Worker goes to a version that is named, and no other does", function()
  exits(0, rollback("--worker", "ecom-api", "--version", second["ecom-api"], "--yes"))
  equal(serves(place:state()), { ["ecom-api"] = second["ecom-api"], ["auth-worker"] = first["auth-worker"],
    ["codex-web"] = first["codex-web"] })
  has(exits(1, rollback("--worker", "ecom-api", "--version", "00000000-0000-4000-8000-000000000000", "--yes")).errors,
    "has no version 00000000-0000-4000-8000-000000000000")
  exits(0, rollback("--worker", "ecom-api", "--version", first["ecom-api"], "--yes"))
end)

rollback_test("nothing is changed without consent", function()
  release "three"
  local before = serves(place:state())
  exits(75, rollback())
  equal(serves(place:state()), before)
end)

rollback_test("a Worker that the newest release left alone stays where it is", function()
  local before = serves(place:state())
  place:change "four"
  place:push "four"
  exits(0, place:davit("production", "--local", "--yes"))
  equal(serves(place:state())["ecom-api"] ~= before["ecom-api"], true)
  has(exits(0, rollback "--plan").output, "/ skip     auth-worker-production (the newest release did not change it)")
  has(exits(0, rollback "--yes").errors, "codex-web-production stays: the newest release did not change it")
  equal(serves(place:state()), before)
end)

rollback_test("a deploy that is undone leaves alone what somebody has gone back to since", function()
  local older = release "four"
  local newer = release "five"
  release "six"
  local run = place:davit("runs").output:match "production%-%S+"
  exits(0, rollback("--worker", "ecom-api", "--version", older["ecom-api"], "--yes"))
  has(exits(2, place:davit("undo", run)).errors, "has held 'production' since this run did")
  exits(0, place:davit("undo", run, "--accept-changes"))
  equal(serves(place:state()), { ["ecom-api"] = older["ecom-api"], ["auth-worker"] = newer["auth-worker"],
    ["codex-web"] = newer["codex-web"] })
end)

rollback_test("a version that is not healthy is told, with 4", function()
  local bad = serves(place:state())
  place:faults()
  place:edit("workers/ecom-api/src/index.mjs", function(text)
    return (text:gsub("fetch: serve%(", "fetch: () => new Response('no', { status: 500 }), was: serve(", 1))
  end)
  place:push "sick"
  exits(4, place:davit("production", "--local", "--yes"))
  local state = place:state()
  equal(serves(state), bad)
  local sick = place:api("cloudflare", "GET",
    "/accounts/0000000000000000000000000000c0de/workers/scripts/ecom-api-production/versions").result.items[1].id
  exits(4, rollback("--worker", "ecom-api", "--version", sick, "--yes"))
  exits(0, rollback("--worker", "ecom-api", "--version", bad["ecom-api"], "--yes"))
  place:git("checkout", "-q", "HEAD~1", "--", "workers/ecom-api/src/index.mjs")
end)

rollback_test("what does not fit together is refused before anything is asked", function()
  for _, case in ipairs {
    { "--why is code, migration or data, not 'mood'", "--why", "mood" },
    { "the database goes back to a moment, and none is named", "--why", "data" },
    { "--time is a moment such as 2026-01-31T12:00:00Z, not 'yesterday'", "--why", "data", "--time", "yesterday" },
    { "--time is for the database", "--why", "code", "--time", "2026-01-31T12:00:00Z" },
    { "--worker and --version are for Workers alone", "--why", "data", "--time", "2026-01-31T12:00:00Z", "--worker", "ecom-api" },
    { "--version is one Worker's", "--version", "x" },
    { "did you mean 'ecom-api'", "--worker", "ecom-ap" },
  } do
    has(exits(2, rollback("--yes", table.unpack(case, 2))).errors, case[1])
  end
end)

local function products() return #json.decode(place:ask "https://api.revelations.studio/products").products end

local good

-- The moment, to the millisecond.
local function now()
  local time = require("core").now()
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(time)) .. (".%03dZ"):format(math.floor(time % 1 * 1000))
end

rollback_test("the database goes back to a moment as a branch of its own, and the Workers with it", function()
  place:push "well"
  exits(0, place:davit("production", "--local", "--yes"))
  equal(products(), 3)
  good = now()
  place:migration("accident", "delete from products;")
  place:push "accident"
  exits(0, place:davit("production", "--local", "--yes", "--accept-breaking"))
  equal(products(), 0)
  local before = place:state()
  exits(75, rollback("--why", "data", "--time", good))
  equal(serves(place:state()), serves(before))
  local result = exits(0, rollback("--why", "data", "--time", good, "--yes"))
  equal(products(), 3)
  has(result.errors, ("everything that was written after %s is lost to the Workers"):format(good))
  local branch = result.output:match "database: (emergency%-restore%-%d+)"
  has(result.errors, ("name %s instead"):format(branch))
  equal(#place:state().branches, #before.branches + 1)
  for name, worker in pairs(place:state().workers) do
    equal({ name, worker.versions }, { name, before.workers[name].versions + 1 })
  end
end)

rollback_test("where that fails, the branch goes and the Workers serve what they served", function()
  local before = place:state()
  place:faults("cloudflare POST /accounts/{}/workers/scripts/{}/versions 400 nth=3")
  exits(1, rollback("--why", "data", "--time", good, "--yes"))
  place:faults()
  local after = place:state()
  equal({ serves(after), after.branches }, { serves(before), before.branches })
  place:write("workers/auth/src/index.mjs", place:read "workers/auth/src/index.mjs" .. "// not committed\n")
  has(exits(2, rollback("--why", "data", "--time", good, "--yes")).errors, "files differ from the commit")
  equal(place:state(), after)
end)

rollback_test("after a breaking migration that failed, the issue's commands bring database and Workers back, and the run ends", function()
  place:git("checkout", "-q", "--", "workers/auth/src/index.mjs")
  local sha = place:push "stands"
  exits(0, place:davit("production", "--local", "--yes"))
  local before = serves(place:state())
  place:migration("renames", "alter table products rename column title to name;")
  for _, worker in ipairs { "workers/ecom-api", "apps/web" } do place:change("renamed", worker) end
  place:edit("workers/auth/src/index.mjs", function(text)
    return (text:gsub("fetch: serve%(", "fetch: () => new Response('no', { status: 500 }), was: serve(", 1))
  end)
  place:push "breaks"
  local run = exits(3, place:davit("production", "--local", "--yes", "--accept-breaking")).errors:match "davit undo (production%-%S-)'"
  local again = exits(3, place:davit("undo", run))
  has(again.errors, "deploy ecom-api (the Worker ecom-api-production keeps its new version: the migrations of this run break")
  has(again.errors, "--accept-left")
  equal(serves(place:state())["codex-web"], before["codex-web"])

  local issue
  for _, one in ipairs(place:state().issues) do issue = one.state == "open" and one or issue end
  local time = issue.body:match "davit rollback %-%-why migration %-%-breaking %-%-time (%S+)"
  place:git("checkout", "-q", sha)
  exits(75, rollback("--why", "migration", "--breaking", "--time", time))
  local result = exits(0, rollback("--why", "migration", "--breaking", "--time", time, "--yes"))
  has(result.errors, "a migration that breaks the Workers before it: the database goes back, too")
  equal(products(), 0)   -- by its title: the accident of before stays
  local after = place:state()
  has(table.concat(after.branches, " "), result.output:match "database: (emergency%-restore%-%d+)")

  has(exits(3, place:davit("undo", run)).errors, "has held 'production' since this run did")
  exits(3, place:davit("undo", run, "--accept-changes"))   -- what was built is another commit's by now
  exits(0, place:davit("undo", run, "--accept-left"))
  equal(place:state(), after)
  place:git("checkout", "-q", "main")
end)
