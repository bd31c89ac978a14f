---A run: what is journalled when, what ensure does with what it finds, leases, outputs.
local fs = require "fs"
local json = require "json"
local process = require "process"
local runs = require "run"
local secret = require "secret"

local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")

-- Runs a function as a recipe; returns the run and its events as "kind path" lines.
local function start(f, more)
  local events = {}
  local options = {
    recipe = { name = "test", file = "test.lua", run = f }, params = { pr = 42 }, folder = folder,
    report = function(kind, path) events[#events + 1] = kind .. " " .. path end,
    ask = function() return nil end,
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return runs.start(options), events
end

-- A thing in a table; `how` changes what its functions do.
local function resource(world, how)
  how = how or {}
  local r = {
    "thing",
    find = function() return world.thing end,
    create = function()
      world.created = (world.created or 0) + 1
      if how.before then failure(how.before) end
      world.thing = { id = world.created }
      if how.after then failure(how.after) end
      return world.thing
    end,
    destroy = function() if not how.sticky then world.thing = nil end end,
  }
  r.matches, r.update = how.matches, how.update
  return r
end

test("a step is journalled before it runs and after it", function()
  local run, events = start(function(_, run)
    equal(run.step("count", { from = 1 }, function() return 7 end), 7)
    equal(run.step("count", function() return 8 end), 8)
  end)
  equal(run.error, nil)
  equal(events, {
    "run-started ", "step-started count", "step-finished count", "step-started count#2", "step-finished count#2",
    "run-finished ",
  })
  local journal <close> = runs.journal(folder)
  local stored = journal:events(run.id)
  equal(#stored, 6)
  equal(json.decode(stored[3].data).result, 7)
  equal(json.decode(stored[2].data).from, 1)
end)

test("a step that fails is journalled with its error, and the run stops", function()
  local run, events = start(function(_, run)
    run.step("break", function() failure { code = "broken", class = "transient", message = "no luck" } end)
    error "not reached"
  end)
  equal({ run.error.code, run.error.class }, { "broken", "transient" })
  equal(events[3], "step-failed break")
end)

test("branches of a parallel are part of the path", function()
  local _, events = start(function(_, run)
    run.parallel { a = function() run.step("s", function() end) end }
  end)
  equal(events[2], "step-started a/s")
end)

test("a result that holds a secret is refused, and never written", function()
  local run = start(function(_, run)
    run.step("leak", function() return { key = secret.generate("KEY", 32, { to = { "https://example.com" } }) } end)
  end)
  equal(run.error.message, "leak holds a secret; return its name or id instead")
end)

test("ensure creates what is not there, and adopts what is", function()
  local world = {}
  local run, events = start(function(_, run)
    equal(run.ensure(resource(world)).id, 1)
    equal(run.ensure(resource(world)).id, 1)
  end)
  equal({ world.created, run.made }, { 1, { "thing" } })
  equal(events[3], "create-started thing")
  equal(events[4], "created thing")
end)

test("after a lost reply or a conflict ensure looks before anything else", function()
  for _, class in ipairs { "unknown", "converge" } do
    local world = {}
    local run = start(function(_, run)
      equal(run.ensure(resource(world, { after = { code = "lost", class = class, message = "no reply" } })).id, 1)
    end)
    equal({ run.error, world.created }, { nil, 1 })
  end
  local world = {}
  local run = start(function(_, run)
    run.ensure(resource(world, { before = { code = "lost", class = "unknown", message = "no reply" } }))
  end)
  equal({ run.error.code, world.created, #run.made }, { "lost", 1, 0 })
end)

test("what somebody else was faster to make is brought up to date", function()
  local world = {}
  local run = start(function(_, run)
    local r = resource(world, { after = { code = "taken", class = "converge", message = "is there" },
      update = function(thing) return { id = thing.id, updated = true } end })
    equal(run.ensure(r), { id = 1, updated = true })
  end)
  equal({ run.error, run.made }, { nil, { "thing" } })
end)

test("when the look after a lost reply fails, too, the thing counts as left", function()
  local world = {}
  local r = resource(world, { after = { code = "lost", class = "unknown", message = "no reply" } })
  r.find = function()
    if world.created then failure { code = "down", class = "transient", message = "down" } end
  end
  local run = start(function(_, run) run.ensure(r) end)
  equal({ run.error.code, run.made }, { "lost", { "thing (perhaps)" } })
end)

test("an ensure that is cut short finishes its look-up first, and what is there is known", function()
  local world = {}
  local slow = resource(world)
  slow.create = function()
    world.thing = { id = 1 }
    sleep(30)
  end
  local timely = start(function(_, run)
    local _, err = try(require("task").deadline, 0.02, run.ensure, slow)
    equal(err, nil)
    sleep(0)
  end)
  equal({ timely.error, timely.made }, { nil, { "thing" } })
  world.thing = nil
  local cancelled, events = start(function(_, run)
    run.parallel {
      a = function() run.ensure(slow) sleep(0) end,
      b = function() sleep(0.02) failure "stop" end,
    }
  end)
  equal({ cancelled.error.message, cancelled.made }, { "stop", { "thing" } })
  equal(events[#events - 1], "ensure-finished a/thing")
end)

test("what belongs to somebody else is not taken", function()
  local world = { thing = { id = "theirs" } }
  local ensured = start(function(_, run)
    run.ensure(resource(world, { matches = function() return false, "it has another owner" end }))
  end)
  equal(ensured.error.code, "not-ours")
  equal(ensured.error.message, "thing exists and is not ours: it has another owner")
  local other = start(function(_, run)
    run.destroy(resource(world, { matches = function() return false, "it has another owner" end }))
  end)
  equal({ other.error.code, world.thing.id }, { "not-ours", "theirs" })
end)

test("an existing thing is brought up to date", function()
  local world = { thing = { id = 1 } }
  start(function(_, run)
    local update = function(thing) return { id = thing.id + 1 } end
    equal(run.ensure(resource(world, { update = update })).id, 2)
  end)
end)

test("destroy looks whether the thing is gone", function()
  local world = { thing = { id = 1 } }
  local run = start(function(_, run)
    equal(run.destroy(resource(world)), true)
    equal(run.destroy(resource(world)), false)
    world.thing = { id = 2 }
    run.destroy(resource(world, { sticky = true }))
  end)
  equal(run.error.code, "still-there")
end)

test("a lease is held once, and free again at the end of its scope", function()
  local run = start(function(_, run)
    do
      local _ <close> = run.lease "web/1"
      local _, err = try(run.lease, "web/1")
      equal(err.code, "lease-held")
      equal(err.message:find("'web/1' is taken: run " .. run.id, 1, true), 1)
      local other <close> = run.lease "web/2"
      equal(other.name, "web/2")
    end
    local _ <close> = run.lease "web/1"
  end)
  equal(run.error, nil)
end)

test("asking for a lease that somebody holds leaves no descriptor open", function()
  local lease = require "lease"
  local file = folder .. "/asked"
  local held <close> = lease.take(file, "somebody")
  local before = #fs.list "/proc/self/fd"
  for _ = 1, 10 do
    local _, by = lease.take(file, "another")
    equal(by, "somebody")
  end
  equal(#fs.list "/proc/self/fd", before)
  held:close()
end)

test("a lease that nobody keeps is held all the same", function()
  local run = start(function(_, run)
    run.lease "web"
    for i = 1, 100000 do local _ = { i } end   -- enough for the collector to come round
    equal(select(2, try(run.lease, "web")).code, "lease-held")
  end)
  equal(run.error, nil)
end)

test("approval: yes by flag, yes and no by a person, nobody there", function()
  local function asks(_, run) run.approve "deploy to production?" end
  equal(start(asks, { yes = true }).error, nil)
  equal(start(asks, { ask = function() return "yes" end }).error, nil)
  equal(start(asks, { ask = function() return "no" end }).error.code, "denied")
  equal(start(asks).error.code, "approval-needed")
end)

test("outputs are kept in order", function()
  local run = start(function(_, run)
    run.output("url", "https://example.com")
    run.output("count", 3)
  end)
  equal(run.outputs, { { name = "url", value = "https://example.com" }, { name = "count", value = 3 } })
end)

test("a journal of a newer schema, and one that is no database, are refused and left alone", function()
  local core = require "journal.core"
  local damaged = folder .. "/damaged.db"
  fs.write(damaged, ("this is no database "):rep(100))
  local err = raises("file is not a database", core.open, damaged)
  equal(err.code, "journal-damaged")
  equal(fs.read(damaged), ("this is no database "):rep(100))
end)

test("misuse names the function and what is wrong", function()
  local function misuse(pattern, f)
    local run = start(function(_, run) f(run) end)
    equal(run.error.class, "misuse")
    equal(tostring(run.error):find(pattern) ~= nil, true)
  end
  misuse("run.step: expected a name", function(run) run.step(nil, function() end) end)
  misuse("run.step 'x': expected a function", function(run) run.step("x", {}) end)
  misuse("run.step 'x': undo must be a function", function(run) run.step("x", {}, function() end, 1) end)
  misuse("run.step 'x': inputs are a table, not a number", function(run) run.step("x", 3, function() end) end)
  misuse("run.ensure: expected a table", function(run) run.ensure(1) end)
  misuse("run.ensure 'x': the field 'find' must be a function", function(run) run.ensure { "x" } end)
  misuse("run.destroy: expected a table, not a nil", function(run) run.destroy() end)
  misuse("run.destroy 'x': the field 'find' must be a function", function(run) run.destroy { "x" } end)
  misuse("'thing': the field 'matches' must be a function", function(run)
    run.ensure(resource({}, { matches = "ours" }))
  end)
  misuse("'thing': unknown field 'match' %(expected find, create, destroy, matches, update%)", function(run)
    local r = resource {}
    r.match = r.find
    run.ensure(r)
  end)
  misuse("expected a table", function(run) run.parallel() end)
  misuse("run.lease: expected a name", function(run) run.lease() end)
  misuse("run.output: expected a name", function(run) run.output() end)
  misuse("run.approve: expected a name", function(run) run.approve {} end)
  misuse("run.approve: unknown option 'by'", function(run) run.approve { "sure?", by = "me" } end)
end)

fs.remove(folder)
