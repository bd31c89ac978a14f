---A recipe's own deadline: what it cuts short and what it does not, what is told, and which one is refused.
local history = require "run.history"
local process = require "process"
local recipe = require "recipe"
local deadline = require "run.deadline"
local exit = require "cli.exit"
local fs = require "fs"
local task = require "task"
local world = assert(require("core").load_file("tests/run_world.lua"))()

local DAVIT = os.getenv "DAVIT" or "build/davit"
local LONG <const>, SHORT <const> = 600, 0.05   -- what never passes here, and what soon does

-- A recipe that may take so many seconds.
local function within(seconds, f) return { deadline = seconds, run = f } end

-- The clocks of runs stand until the recipe says begin(): how busy the machine is decides nothing.
local real, begin = task.limit, nil
local function start(r, more)
  local _ <close> = setmetatable({}, { __close = function() task.limit = real end })
  function task.limit(seconds, f)
    return real(seconds, function(limit)
      limit:pause()
      function begin() limit:go() end
      return f(limit)
    end)
  end
  return world.start(r, more)
end

test("a run that reaches its deadline is cancelled, taken back, and says what it had reached", function()
  local cloud = {}
  local run, events = start(within(SHORT, function(_, run)
    run.ensure(world.thing(cloud, "branch"))
    run.step("build", function() end)
    run.step("deploy", function() run.step("wait for health", function()
      begin()
      sleep(LONG)
    end) end)
    run.step("never", function() end)
  end))
  equal({ run.status, run.error.code, run.error.class, exit.of(run), run.back }, { "undone", "deadline", "fatal", 1, { "branch" } })
  equal(run.error.message,
    "'test' has not ended within its deadline of 0.05s: it was at 'deploy/wait for health', and 2 of its steps had ended")
  equal({ run.error.hint:find("'davit show " .. run.id .. "'", 1, true) ~= nil, cloud }, { true, {} })
  equal({ events[#events - 1], events[#events] }, { "undo-finished branch", "run-finished " })
end)

test("branches are cancelled with it, and each is named", function()
  local here = 0
  local function wait()
    here = here + 1
    if here == 2 then begin() end
    sleep(LONG)
  end
  local run = start(within(SHORT, function(_, run)
    run.parallel { a = function() run.step("api", wait) end, b = function() run.step("web", wait) end }
  end))
  equal(run.error.message:match ": (.*)$", "it was at 'a/api', 'b/web', and 0 of its steps had ended")
end)

test("a recipe that catches it gets it again from whatever it waits for next", function()
  local caught = 0
  local run = world.start(within(SHORT, function()
    for _ = 1, 3 do
      local _, err = try(sleep, LONG)
      if err.code == "deadline" then caught = caught + 1 end
    end
    sleep(LONG)
  end))
  equal({ caught, run.error.code, run.error.message:find("between its steps", 1, true) ~= nil }, { 3, "deadline", true })
end)

test("a reason of the recipe's own stays the reason, also when the deadline has passed meanwhile", function()
  local run = world.start(within(SHORT, function()
    try(sleep, LONG)
    failure { code = "left-behind", message = "something may be there" }
  end))
  equal({ run.error.code, exit.of(run) }, { "left-behind", 3 })
end)

test("a deadline within the recipe is its own affair", function()
  local run = world.start(within(LONG, function() task.deadline(0.01, sleep, LONG) end))
  equal(run.error.message, "the deadline of 0.01 s has passed")
end)

test("taking back is not cut short by it", function()
  local taken
  local run = start(within(SHORT, function(_, run)
    run.step("make", nil, function() end, function()
      sleep(2 * SHORT)
      taken = true
    end)
    begin()
    sleep(LONG)
  end))
  equal({ run.status, run.error.code, taken }, { "undone", "deadline", true })
end)

test("what was being changed when it passed is told as perhaps changed", function()
  local cloud = { worker = { name = "worker" } }
  local run = start(within(SHORT, function(_, run)
    local thing = world.thing(cloud, "worker")
    thing.update = function()
      begin()
      sleep(LONG)
    end
    run.ensure(thing)
  end))
  equal({ run.changed, run.error.code }, { { "worker" }, "deadline" })
end)

test("a run that is resumed has all of its time again", function()
  local tries = 0
  local function recipe_of(seconds)
    return within(seconds, function(_, run)
      run.step("first", function() end)
      run.step("second", function()
        tries = tries + 1
        if tries == 1 then failure { code = "interrupted", class = "cancelled", message = "stopped" } end
        sleep(0.01)
      end)
    end)
  end
  local stopped = world.start(recipe_of(LONG))
  equal(stopped.status, "interrupted")
  equal(world.resume(stopped.id, recipe_of(LONG)).status, "done")
  tries = 0
  local run = world.resume(world.start(recipe_of(LONG)).id, within(SHORT, function(_, r)
    r.step("first", function() end)
    r.step("second", function() sleep(LONG) end)
  end))
  equal({ run.error.code, run.error.message:match "and .*$" }, { "deadline", "and 1 of its steps had ended" })
end)

test("how long somebody thinks about a question does not count", function()
  local run = start({ approves = true, deadline = SHORT, run = function(_, run)
    run.approve "Really?"
    run.step("go on", function() sleep(0) end)
  end }, { ask = function()
    begin()
    sleep(2 * SHORT)
    return "yes"
  end })
  equal({ run.status, run.error }, { "done" })
end)

test("nor does how long another run holds a lease", function()
  world.store:take { name = "slow", run = "another", seconds = 30 }
  local run, waiting
  parallel {
    waits = function()
      run = start(within(SHORT, function(_, own) local _ <close> = own.lease "slow" end), { wait = true, report = function(kind)
        if kind ~= "lease-awaited" then return end
        begin()
        waiting = true
      end })
    end,
    gives = function()
      while not waiting do sleep(0.01) end
      sleep(2 * SHORT)
      world.store:release "slow"
    end,
  }
  equal({ run.status, run.error }, { "done" })
end)

test("a question that was denied ends a run that has a deadline as any other", function()
  local run = world.start({ approves = true, deadline = LONG, run = function(_, run) run.approve "Really?" end },
    { ask = function() return "no" end })
  equal({ run.error.code, exit.of(run) }, { "denied", 7 })
end)

test("without one a run takes the time that it takes", function()
  local run = world.start(function(_, run) run.step("a", function() equal(task.remaining(), nil) end) end)
  equal({ run.status, run.limit }, { "done" })
end)

test("an undo by the record has no deadline", function()
  local cloud = {}
  local function f(_, run) run.ensure(world.thing(cloud, "branch")) end
  local run = world.start(within(LONG, f))
  local undone = world.undo(run.id, within(0.000001, function(p, r)
    f(p, r)
    equal(task.remaining(), nil)
  end))
  equal({ undone.status, cloud, history.read(world.store, run.id).status }, { "undone", {}, "undone" })
end)

-- Declaring one ------------------------------------------------------------------------------------

local function project_with(value, f)
  local folder <close> = fs.temporary()
  fs.write(folder / "davit.yaml", "version: 1\nproject: timed\n")
  fs.write(folder / "recipes/timed.lua", ([[
return { summary = "Timed", deadline = %s, undo = function(_, run) run.step("x", function() sleep(0.05) end) end,
  run = function(_, run) run.step("wait", function() sleep(600) end) end }]]):format(value))
  return f(folder.path)
end

local function davit(...)
  return process.run { argv = { DAVIT:sub(1, 1) == "/" and DAVIT or "./" .. DAVIT, ... }, check = false, timeout = 60 }
end

for given, seconds in pairs { ["90"] = 90, ['"30m"'] = 1800, ['"1.5h"'] = 5400, ["0.5"] = 0.5 } do
  test(("a recipe may take %s"):format(given), function()
    project_with(given, function(folder) equal(recipe.load(folder, "timed").deadline == seconds, true) end)
  end)
end

for _, wrong in ipairs { "0", "-5", '"soon"', '"30 m"', "true", "0/0", "math.huge", "{}" } do
  test(("check refuses the deadline %s"):format(wrong), function()
    project_with(wrong, function(folder)
      local result = davit("check", "--project", folder)
      equal({ wrong, result.exit, result.errors:find("recipes/timed.lua: the field 'deadline' must be a", 1, true) ~= nil },
        { wrong, 2, true })
    end)
  end)
end

test("davit run ends it with exit code 1 and one line, help names it, and an undo without a journal has none", function()
  project_with("0.02", function(folder)
    local result = davit("run", "timed", "--project", folder)
    equal({ result.exit, result.errors:find("'timed' has not ended within its deadline of 0.02s: it was at 'wait'", 1, true) ~= nil },
      { 1, true })
    equal(davit("undo", "timed", "--project", folder).exit, 0)
    equal(davit("run", "timed", "--help", "--project", folder).output:find("after 0.02s.", 1, true) ~= nil, true)
  end)
end)

test("a time is told as people write it", function()
  equal({ deadline.text(7200), deadline.text(1800), deadline.text(90), deadline.text(0.5) }, { "2h", "30m", "90s", "0.5s" })
end)
