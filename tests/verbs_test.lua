---The verbs on runs as people mistype them: without a run, of runs that are not there or are over, with answers that
---do not fit. Each says what is wrong and what to do, and changes nothing.
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

local HEAD = [[
local fs = require "fs"
local function thing(name)
  return {
    name, find = function() return fs.exists(name) and {} or nil end,
    create = function() fs.write(name, "") return {} end, destroy = function() fs.remove(name) end,
  }
end
]]

local recipes = {
  ship = HEAD .. [[return { summary = "s", run = function(_, run)
    run.ensure(thing "thing")
    run.output("number", 7)
  end }]],
  stand = HEAD .. [[return { summary = "s", run = function(_, run)
    run.ensure(thing "thing")
    run.step("door", function() while not fs.exists "door" do sleep(0.05) end end)
  end }]],
  ask = HEAD .. [[return { summary = "s", approves = true, params = { seconds = { type = "number", default = 60 } },
    run = function(p, run)
    run.ensure(thing "before")
    run.approve { "go on?", plan = { to = 2 }, expires = p.seconds }
    run.ensure(thing "after")
  end }]],
}

local function folder()
  return places.bare(recipes)
end

-- The first line says it.
local function says(result, exit, ...)
  if result.exit ~= exit then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
  for _, part in ipairs { ... } do
    if not result.errors:find(part, 1, true) then error(("expected %s in: %s"):format(part, result.errors), 2) end
  end
end

local function newest(where)
  return where:davit("runs").output:match "^%S+"
end

local function status(where, id)
  for line in where:davit("runs", "--json").output:gmatch "[^\n]+" do
    local row = json.decode(line)
    if row.run == id then return row.status end
  end
end

local function exists(where, name)
  return fs.exists(where.folder .. "/" .. name)
end

-- A run that was killed at its door.
local function killed(where)
  local run <close> = where:begin("stand", "--json")
  repeat local line = run:line() until line:find('"step-started"', 1, true)
  run:kill "KILL"
  run:wait()
  return newest(where)
end

-- ---- which run? ---------------------------------------------------------------------------------------

test("a verb without its run asks for it, one with two refuses the second", function()
  local where <close> = folder()
  for _, verb in ipairs { "undo", "approve", "cancel", "show" } do
    says(where:davit(verb), 2, ("davit %s: which run?"):format(verb), "'davit runs' lists them")
  end
  says(where:davit "ship", 0)
  local id = newest(where)
  for _, verb in ipairs { "resume", "undo", "approve", "cancel", "show" } do
    says(where:davit(verb, id, "more"), 2, ("davit %s: unexpected argument 'more'"):format(verb))
    says(where:davit(verb, id, "--nope"), 2, "unknown flag --nope")
  end
  says(where:davit("gc", "more"), 2, "davit gc: unexpected argument 'more'")
  equal(status(where, id), "done")
end)

test("a run that nobody knows is named", function()
  local where <close> = folder()
  for _, verb in ipairs { "resume", "undo", "approve", "cancel", "show" } do
    says(where:davit(verb, "ship-20200101-000000-abcdef"), 2, "no run is called 'ship-20200101-000000-abcdef'")
  end
  says(where:davit("undo", "nothing"), 2, "no recipe is called 'nothing'")
  says(where:davit("undo", "ship"), 2, "the recipe 'ship' does not say how to take back what lives")
end)

test("what is over is not resumed, approved or cancelled, and undone once", function()
  local where <close> = folder()
  says(where:davit "ship", 0)
  local id = newest(where)
  says(where:davit("resume", id), 2, "cannot be resumed: it is done")
  says(where:davit("approve", id), 2, "does not wait for an approval: it is done")
  says(where:davit("cancel", id), 2, "is done already")
  equal(exists(where, "thing"), true)
  says(where:davit("undo", id), 0)
  equal(exists(where, "thing"), false)
  says(where:davit("undo", id), 2, "it was taken back already")
  says(where:davit("resume", id), 2, "it was taken back; run the recipe again")
  says(where:davit("cancel", id), 2, "is undone already")
end)

test("resume without a run takes the only one; of several it lists the commands", function()
  local where <close> = folder()
  says(where:davit "resume", 0)
  equal(where:davit("resume").output, "nothing to resume\n")
  local first = killed(where)
  local second = killed(where)
  says(where:davit "resume", 2, "2 runs can be resumed", "davit resume " .. first, "davit resume " .. second)
  equal({ status(where, first), status(where, second) }, { "running", "running" })
  fs.write(where.folder .. "/door", "")
  says(where:davit("resume", first), 0)
  says(where:davit "resume", 0)
  equal(status(where, second), "done")
end)

test("a run that a process carries out is no run to resume", function()
  local where <close> = folder()
  local run <close> = where:begin("stand", "--json")
  repeat local line = run:line() until line:find('"step-started"', 1, true)
  local id = newest(where)
  equal(where:davit("resume").output, "nothing to resume\n")
  says(where:davit("resume", id), 6, ("'run/%s' is held by run %s"):format(id, id), "davit cancel " .. id)
  says(where:davit("undo", id), 6, "is held by run " .. id)
  says(where:davit("cancel", id), 0)
  equal(run:wait().exit, 10)
  says(where:davit("cancel", id), 2, "is cancelled already")
  says(where:davit("undo", id), 0)
  equal(exists(where, "thing"), false)
end)

-- ---- answers --------------------------------------------------------------------------------------------

-- A run that waits for its approval.
local function parked(where, ...)
  says(where:davit("ask", ...), 75, "waiting for approval: go on?", "davit approve ask-")
  return newest(where)
end

local function digest_of(where, id)
  return where:davit("show", id).output:match "%(plan (%x+)%)"
end

test("an approval is bound to the digest that was seen", function()
  local where <close> = folder()
  local id = parked(where)
  says(where:davit("approve", id, "--digest", "0123456789abcdef"), 7, "has the digest " .. digest_of(where, id),
    "nothing was approved")
  equal({ status(where, id), exists(where, "after") }, { "waiting", false })
  says(where:davit("approve", id, "--digest", digest_of(where, id), "--why", "it is fine"), 0)
  equal({ status(where, id), exists(where, "after") }, { "done", true })
  equal(where:davit("show", id).output:find("(it is fine)", 1, true) ~= nil, true)
  says(where:davit("approve", id), 2, "does not wait for an approval")
end)

test("what was denied is taken back, with who said so and why; it cannot be approved any more", function()
  local where <close> = folder()
  local id = parked(where)
  says(where:davit("approve", id, "--deny", "--why", "not on a Friday"), 7, "'go on?' was denied by ", "not on a Friday",
    "taken back: before")
  equal({ status(where, id), exists(where, "before") }, { "undone", false })
  says(where:davit("approve", id), 2, "does not wait for an approval: it is undone")
end)

test("a question that expired is answered by asking again", function()
  local where <close> = folder()
  local id = parked(where, "--seconds", "0.001")
  says(where:davit("approve", id), 7, "expired at ", ("'davit resume %s' asks again"):format(id))
  equal(exists(where, "after"), false)
  says(where:davit("resume", id), 75, "waiting for approval")
end)

test("a run that waits may be cancelled or undone", function()
  local where <close> = folder()
  says(where:davit("cancel", parked(where)), 0)
  says(where:davit("approve", newest(where)), 2, "does not wait for an approval: it is cancelled")
  says(where:davit("undo", newest(where)), 0)
  says(where:davit("undo", parked(where)), 0)
  equal(exists(where, "before"), false)
end)

test("with the input closed nobody can be asked: the run waits", function()
  local where <close> = folder()
  says(where:sh 'exec "$DAVIT" ask <&-', 75, "waiting for approval")
  says(where:davit("approve", newest(where), "--json"), 0)
  equal(exists(where, "after"), true)
end)

-- ---- CI -----------------------------------------------------------------------------------------------------

test("under CI without a shared store a run says so, and one that asks is refused before its first effect", function()
  local where <close> = folder()
  where.env = { CI = "true" }
  says(where:davit "ship", 0, "recorded on this machine only", "DAVIT_STORE=postgresql://")
  says(where:davit "ask", 2, "'ask' asks for approval, and this run could not be resumed", "--wait")
  equal(exists(where, "before"), false)
  says(where:davit("ask", "--yes"), 0)
end)

test("under CI with --wait the run stays for its answer", function()
  local where <close> = folder()
  where.env = { CI = "true" }
  local run <close> = where:begin("ask", "--wait", "--json")
  repeat local line = run:line() until line:find('"approval-awaited"', 1, true)
  says(where:davit("approve", newest(where)), 0)
  equal({ run:wait().exit, exists(where, "after") }, { 0, true })
end)

-- ---- retention ------------------------------------------------------------------------------------------------

test("gc forgets what is over and old, and keeps what may be resumed or undone", function()
  local where <close> = folder()
  for _, text in ipairs { "soon", "3", "-1d", "" } do says(where:davit("gc", "--keep=" .. text), 2, "--keep expects a duration") end
  says(where:davit "ship", 0)
  local id = killed(where)
  equal(where:davit("gc").output:match "^%d+ runs", "0 runs")
  equal(where:davit("gc", "--keep", "0s", "--dry-run").output:match "^%d+ runs would be", "1 runs would be")
  equal(where:davit("gc", "--keep", "0s").output:match "^%d+ runs forgotten", "1 runs forgotten")
  local _, lines = where:davit("runs").output:gsub("\n", "")
  equal({ lines, newest(where) }, { 1, id })
end)
