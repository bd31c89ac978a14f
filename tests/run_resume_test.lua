---Resuming and undoing runs: what the record gives back, what is refused by name, what is taken back.
local world = assert(require("core").load_file("tests/run_world.lua"))()

local thing = world.thing

-- Resuming -----------------------------------------------------------------------------------

test("a finished step gives back what it recorded, the rest runs", function()
  local ran, healthy = {}, false
  local function recipe(_, run)
    local one = run.step("one", function() ran[#ran + 1] = "one" return { n = 1 } end)
    run.step("two", { n = one.n }, function()
      ran[#ran + 1] = "two"
      if not healthy then failure "not yet" end
    end)
    run.output("n", one.n)
  end
  local first = world.start(recipe, { keep = true })
  equal({ first.status, ran }, { "failed", { "one", "two" } })
  healthy = true
  local again, events = world.resume(first.id, recipe)
  equal({ again.status, again.id, ran }, { "done", first.id, { "one", "two", "two" } })
  equal(again.outputs, { { name = "n", value = 1 } })
  equal(events[1], "run-resumed ")
end)

test("from every point of its record a run ends with each thing made once", function()
  local cloud
  local function recipe(_, run)
    local a = run.ensure(thing(cloud, "a"))
    run.parallel {
      left = function() run.ensure(thing(cloud, "left of " .. a.name)) end,
      right = function() run.step("count", function() return 1 end) run.ensure(thing(cloud, "right")) end,
    }
    run.ensure(thing(cloud, "b"))
  end
  local moments = {}
  local function copy(of)
    local t = {}
    for name, value in pairs(of) do t[name] = value end
    return t
  end
  cloud = {}
  local clean = world.start(recipe, { report = function() moments[#moments + 1] = copy(cloud) end })
  local expected = copy(cloud)
  equal(clean.status, "done")
  for n = 1, #moments - 1 do
    cloud = copy(moments[n])
    local run = world.resume(world.crashed_after(clean.id, n), recipe)
    equal({ n, run.status, run.error }, { n, "done", nil })
    equal(cloud, expected)
    cloud = copy(moments[n])
    local back = world.undo(world.crashed_after(clean.id, n), recipe)
    equal({ n, back.status, #back.left }, { n, "undone", 0 })
    equal(cloud, {})
  end
end)

test("time and chance outside of steps are what they were", function()
  local seen = {}
  local function recipe(_, run)
    local values = { os.time(), math.random(1 << 30), os.clock() }
    seen[#seen + 1] = values
    run.step("inside", { first = values[2] }, function() return os.time() end)
    run.step("stop", function() if #seen == 1 then failure "once" end end)
  end
  local first = world.start(recipe, { keep = true })
  equal(world.resume(first.id, recipe).status, "done")
  equal(seen[1], seen[2])
end)

test("what is over is not resumed", function()
  local function recipe() end
  local run = world.start(recipe)
  raises("cannot be resumed: it is done", world.resume, run.id, recipe)
  local undone = world.undo(run.id, recipe)
  equal(undone.status, "undone")
  raises("cannot be undone: it was taken back already", world.undo, run.id, recipe)
  raises("cannot be resumed: it was taken back", world.resume, run.id, recipe)
end)

test("a resumed run that does not come to anything new is left as it is", function()
  local cloud, missing, fails = {}, false, true
  local function recipe(_, run)
    if missing then failure { code = "secret-missing", class = "misuse", message = "the secret KEY is not set" } end
    run.ensure(thing(cloud, "a"))
    run.step("last", function() if fails then failure "once" end end)
  end
  local first = world.start(recipe, { keep = true })
  missing = true
  local again = world.resume(first.id, recipe)
  equal({ again.status, again.error.code, #again.left }, { "interrupted", "secret-missing", 1 })
  missing, fails = false, false
  equal({ world.resume(first.id, recipe).status, cloud.a }, { "done", { name = "a" } })
end)

test("a resumed run that is denied is taken back: to resume it again would change nothing", function()
  local cloud, denies = {}, false
  local function recipe(_, run)
    run.ensure(thing(cloud, "a"))
    if denies then failure { code = "denied", message = "nobody has agreed" } end
    run.step("last", function() failure "once" end)
  end
  local first = world.start(recipe, { keep = true })
  denies = true
  local again = world.resume(first.id, recipe)
  equal({ again.status, again.error.code, next(cloud) }, { "undone", "denied" })
end)

test("a resumed run that fails at something new is taken back", function()
  local cloud = {}
  local function recipe(_, run)
    run.ensure(thing(cloud, "a"))
    run.step("last", function() failure "always" end)
  end
  local first = world.start(recipe, { keep = true })
  equal({ world.resume(first.id, recipe).status, cloud }, { "undone", {} })
end)

test("a run that was recorded before runs could be resumed is shown, and that is all", function()
  local function event(kind, path, data, status)
    return { run = "old-1", at = 1, kind = kind, path = path, data = data, status = status }
  end
  world.store:append {
    event("run-started", "", [[{"recipe":"test","params":{},"version":"0.1.0","source":"ab"}]], "running"),
    event("step-started", "one", "null"), event("step-finished", "one", [[{"result":1,"seconds":0.5}]]),
    event("created", "two", [[{"id":1}]]),
  }
  local past = require("run.history").read(world.store, "old-1")
  equal({ past.order[1].path, past.order[1].state }, { "one", "finished" })
  for _, verb in ipairs { "resume", "undo" } do
    raises("kept too little for that", world[verb], "old-1", function() end)
  end
end)

-- Edits ------------------------------------------------------------------------------------------

-- Runs `before` until its step "last" fails, then resumes it as `after`.
local function edited(before, after, more)
  local first = world.start({ run = before, source = "1" }, { keep = true })
  equal(first.status, "failed")
  return function() return world.resume(first.id, { run = after, source = "2" }, more) end, first.id
end

local function fail() failure "once" end
local function pass() end

test("an edited recipe, be it by a comment, is named and goes on with --accept-changes", function()
  local count = 0
  local function with(last)
    return function(_, run)
      run.step("counted", { to = 1 }, function() count = count + 1 end)
      run.step("last", last)
    end
  end
  local refused, id = edited(with(fail), with(pass))
  local err = raises("changed since the run", refused)
  equal(err.message, ("changed since the run %s began: test.lua"):format(id))
  equal(err.hint:find("--accept-changes", 1, true) ~= nil, true)
  local accepted = edited(with(fail), with(pass), { accept_changes = true })
  count = 0
  equal({ accepted().status, count }, { "done", 0 })
end)

test("other inputs, be it by a captured value, are refused by name, and nothing is done", function()
  local later = false
  local function with(inputs, last)
    return function(_, run)
      run.step("counted", inputs, pass)
      run.step("last", function() later = true last() end)
    end
  end
  local run = edited(with({ to = 1 }, fail), with({ to = 2 }, function() later = "again" end),
    { accept_changes = true })()
  equal(run.error.message, "the step 'counted' was recorded with other inputs than it has now")
  equal({ run.error.code, run.status, later }, { "run-changed", "interrupted", true })
end)

test("a value that is captured and not among the inputs is not compared", function()
  local function with(n, last)
    return function(_, run)
      equal(run.step("counted", function() return n end), 1)
      run.step("last", last)
    end
  end
  equal(edited(with(1, fail), with(2, pass), { accept_changes = true })().status, "done")
end)

test("a step that was removed is refused by name before anything new is done", function()
  local new = false
  local function before(_, run)
    run.step("gone", pass)
    run.step("last", fail)
  end
  local function after(_, run)
    run.step("new", function() new = true end)
  end
  local run = edited(before, after, { accept_changes = true })()
  equal({ run.error.message, new }, { "the step 'gone' of this run is not in the recipe any more", false })
  local function nothing() end
  local silent = edited(before, nothing, { accept_changes = true })()
  equal(silent.error.code, "run-changed")
end)

test("an edited helper beside the recipes is named", function()
  local fs = require "fs"
  local root = world.folder .. "/project"
  fs.write(root .. "/recipes/lib/names.lua", "return 1")
  local function recipe(_, run) run.step("last", fail) end
  local first = world.start(recipe, { keep = true, root = root })
  fs.write(root .. "/recipes/lib/names.lua", "return 2")
  local err = raises("changed since", world.resume, first.id, recipe, { root = root })
  equal(err.message:find(" recipes/lib/names.lua", 1, true) ~= nil, true)
end)

test("two steps of one name in a loop are told apart by their inputs, or refused", function()
  local loop = world.start(function(_, run)
    for i = 1, 3 do equal(run.step("turn", { i = i }, function() return i end), i) end
  end)
  equal(loop.error, nil)
  local ambiguous = world.start(function(_, run)
    for _ = 1, 2 do run.step("turn", pass) end
  end)
  equal({ ambiguous.error.class, ambiguous.error.message }, { "misuse",
    "run.step 'turn' comes twice in one place with the same inputs: put what differs into its name or inputs" })
end)

test("two parallels with branches of one name are told apart", function()
  local function recipe(_, run)
    local seen = {}
    for turn = 1, 2 do
      run.parallel { a = function() seen[turn] = run.step("s", { turn = turn }, function() return turn end) end }
    end
    equal(seen, { 1, 2 })
  end
  equal(world.start(recipe).error, nil)
end)

-- Undo --------------------------------------------------------------------------------------------

test("a failed run takes back what it made in the reverse order of start", function()
  local cloud, order = {}, {}
  local run, events = world.start(function(_, run)
    run.ensure(thing(cloud, "first"))
    run.step("second", function() cloud.second = true return "token" end, function(result)
      order[#order + 1] = result
      cloud.second = nil
    end)
    run.ensure(thing(cloud, "third"))
    failure { code = "broken", message = "no luck" }
  end)
  equal({ run.status, run.error.code, #run.left }, { "undone", "broken", 0 })
  equal(run.back, { "first", "second", "third" })
  equal({ cloud, order }, { {}, { "token" } })
  local undone = {}
  for _, line in ipairs(events) do undone[#undone + 1] = line:match("^undo%-finished (.*)") end
  equal(undone, { "third", "second", "first" })
end)

test("branches are taken back in parallel, and what came after them before them", function()
  local cloud, log = {}, {}
  local function slow(name)
    local r = thing(cloud, name)
    local destroy = r.destroy
    r.destroy = function(...)
      log[#log + 1] = "begin " .. name
      sleep(0.02)
      destroy(...)
      log[#log + 1] = "end " .. name
    end
    return r
  end
  world.start(function(_, run)
    run.parallel {
      a = function() run.ensure(slow "a") end,
      b = function() run.ensure(slow "b") end,
    }
    run.ensure(slow "c")
    failure "stop"
  end)
  equal(log, { "begin c", "end c", "begin a", "begin b", "end a", "end b" })
end)

test("one that cannot be taken back does not stop the others, and is named", function()
  local cloud = {}
  local function recipe(_, run)
    run.ensure(thing(cloud, "first"))
    run.ensure(thing(cloud, "stuck", { sticky = true }))
    run.ensure(thing(cloud, "third"))
    failure "stop"
  end
  local run = world.start(recipe)
  equal({ run.status, #run.left, run.left[1].path }, { "failed", 1, "stuck" })
  equal(run.left[1].undo_error.message, "stuck does not go")
  equal(cloud, { stuck = { name = "stuck" } })
  local function mended(_, again)
    again.ensure(thing(cloud, "first"))
    again.ensure(thing(cloud, "stuck"))
  end
  local later = world.undo(run.id, mended)
  equal({ later.status, later.back, cloud }, { "undone", { "first", "stuck", "third" }, {} })
end)

test("what was there before the run stays", function()
  local cloud = { old = { name = "old" } }
  local run = world.start(function(_, run)
    run.ensure(thing(cloud, "old"))
    run.ensure(thing(cloud, "new"))
    failure "stop"
  end)
  equal({ run.back, run.changed, cloud }, { { "new" }, { "old" }, { old = { name = "old" } } })
end)

test("a create whose reply was lost is taken back, one that was refused is not looked for", function()
  local cloud = {}
  local lost = { code = "lost", class = "unknown", message = "no reply" }
  local unseen = thing(cloud, "a", { after = lost })
  unseen.find = function()
    if cloud.a and not cloud.seen then failure { code = "down", class = "transient", message = "down" } end
    return cloud.a
  end
  local run = world.start(function(_, run)
    local _, err = try(run.ensure, unseen)
    equal(err.code, "lost")
    cloud.seen = true
    run.ensure(thing(cloud, "b", { before = { code = "refused", message = "no" } }))
  end)
  equal({ run.status, run.back, cloud.a }, { "undone", { "a" }, nil })
end)

test("undo tries again what may pass", function()
  local cloud, calls = {}, 0
  local r = thing(cloud, "flaky")
  local destroy = r.destroy
  r.destroy = function(...)
    calls = calls + 1
    if calls == 1 then failure { code = "busy", class = "transient", message = "busy" } end
    destroy(...)
  end
  local run = world.start(function(_, run)
    run.ensure(r)
    failure "stop"
  end)
  equal({ run.status, calls, cloud }, { "undone", 2, {} })
end)

test("an undo that was cut short goes on when the run is resumed", function()
  local cloud = {}
  local function recipe(_, run)
    run.ensure(thing(cloud, "a"))
    run.ensure(thing(cloud, "b"))
    failure { code = "broken", message = "no luck" }
  end
  local whole = world.start(recipe)
  local total = #world.store:events { run = whole.id }
  local from
  for i, event in ipairs(world.store:events { run = whole.id }) do
    if event.kind == "run-undo-started" then from = i end
  end
  for n = from, total - 1 do
    cloud = { a = n < from + 4 and { name = "a" } or nil, b = n < from + 2 and { name = "b" } or nil }
    local run = world.resume(world.crashed_after(whole.id, n), recipe)
    equal({ n, run.status, run.error.message, cloud }, { n, "undone", "no luck", {} })
  end
end)

test("a run whose recipe does not come to a step any more says that it cannot take it back", function()
  local cloud = {}
  local first = world.start(function(_, run) run.ensure(thing(cloud, "a")) end)
  local run = world.undo(first.id, function() end)
  equal({ run.status, run.left[1].path }, { "failed", "a" })
  equal(run.left[1].undo_error.message:find("does not come to it any more") ~= nil, true)
end)

test("an undo that must not run yet: nothing new is done while the ways back are learnt", function()
  local cloud, ran = {}, 0
  local function recipe(_, run)
    run.ensure(thing(cloud, "a"))
    run.step("more", function() ran = ran + 1 failure "stop" end)
  end
  local first = world.start(recipe, { keep = true })
  ran = 0
  equal({ world.undo(first.id, recipe).status, ran, cloud }, { "undone", 0, {} })
end)

-- Paths -------------------------------------------------------------------------------------------

test("a step inside a step is recorded below it, and passed over with it", function()
  local inner, fails = 0, true
  local function recipe(_, run)
    run.step("outer", function()
      run.step("inner", function() inner = inner + 1 end)
    end)
    run.step("last", function() if fails then failure "once" end end)
  end
  local first, events = world.start(recipe, { keep = true })
  equal(events[3], "step-started outer/inner")
  fails = false
  equal({ world.resume(first.id, recipe).status, inner }, { "done", 1 })
end)

test("a result is the same the first time and when the run is resumed", function()
  local seen = {}
  local function recipe(_, run)
    seen[#seen + 1] = run.step("make", function() return { list = { 1, 2.5, "x" }, none = {} } end)
    run.step("last", function() if #seen == 1 then failure "once" end end)
  end
  local first = world.start(recipe, { keep = true })
  equal(world.resume(first.id, recipe).status, "done")
  equal(seen[1], seen[2])
end)

test("branches of one name in two parallels see the time and chance they saw", function()
  local seen = {}
  local function recipe(_, run)
    local here = {}
    for turn = 1, 2 do
      run.parallel { a = function()
        here[turn] = math.random(1 << 40)
        run.step("s", { turn = turn, value = here[turn] }, function() end)
      end }
    end
    seen[#seen + 1] = here
    run.step("last", function() if #seen == 1 then failure "once" end end)
  end
  local first = world.start(recipe, { keep = true })
  equal(world.resume(first.id, recipe).status, "done")
  equal(seen[1], seen[2])
end)

test("every branch has outputs of its own, each recorded once", function()
  local fails = true
  local function recipe(_, run)
    run.parallel {
      a = function() run.output("url", 1) end,
      b = function() run.output("url", 2) end,
    }
    run.output("all", 3)
    run.step("last", function() if fails then failure "once" end end)
  end
  local first = world.start(recipe, { keep = true })
  local expected = { { name = "a/url", value = 1 }, { name = "b/url", value = 2 }, { name = "all", value = 3 } }
  equal(first.outputs, expected)
  fails = false
  equal(world.resume(first.id, recipe).outputs, expected)
end)

test("two names that come to one path are refused at once", function()
  local run = world.start(function(_, run)
    run.step("issue", { n = 1 }, function() return 1 end)
    run.step("issue", { n = 2 }, function() return 2 end)
    run.step("issue#2", { n = 2 }, function() return 3 end)
  end)
  equal(run.error and run.error.class, "misuse")
  equal(run.error.message, "run.step 'issue#2': another step has the path 'issue#2' already, give it another name")
end)

test("a name is a line of text", function()
  for _, name in ipairs { "a\nb", "\27[31mred", "\xff", "a\0b" } do
    local run = world.start(function(_, run) run.step(name, function() end) end)
    equal(run.error and run.error.class, "misuse")
  end
  equal(world.start(function(_, run) run.step("Grüße/1#2", function() end) end).error, nil)
end)

test("a result that is no plain data is named, and what the step did is taken back", function()
  local cloud = {}
  local loop = {}
  loop.loop = loop
  for _, value in ipairs { 0 / 0, print, loop } do
    local run, events = world.start(function(_, run)
      run.step("make", function() cloud.a = true return value end, function() cloud.a = nil end)
    end)
    equal({ run.status, run.error.class, cloud.a }, { "undone", "misuse", nil })
    equal(run.error.message:find("run.step 'make'", 1, true), 1)
    equal(events[3], "step-failed make")
  end
end)

test("a result of 10 MB is kept", function()
  local function recipe(_, run)
    equal(#run.step("large", function() return ("x"):rep(10000000) end), 10000000)
  end
  local run = world.start(recipe)
  equal({ run.status, world.undo(run.id, recipe).status }, { "done", "undone" })
end)

test("what an earlier failure made the recipe do is found when the run is taken back", function()
  local cloud = {}
  local function recipe(_, run)
    local _, err = try(run.step, "first way", function() failure { code = "no-way", message = "closed" } end)
    if err.code ~= "no-way" then error(err, 0) end
    run.ensure(thing(cloud, "a"))
  end
  local first = world.start(recipe)
  equal({ first.status, world.undo(first.id, recipe).status, cloud }, { "done", "undone", {} })
end)

test("a branch that failed does not keep the others from being taken back", function()
  local cloud = {}
  local function recipe(_, run)
    run.parallel {
      all = true,
      a = function() run.step("breaks", function() failure "broken" end) end,
      b = function() sleep(0) run.ensure(thing(cloud, "b")) end,
    }
  end
  local first = world.start(recipe, { keep = true })
  equal({ first.status, cloud.b }, { "failed", { name = "b" } })
  equal({ world.undo(first.id, recipe).status, cloud }, { "undone", {} })
end)

test("what could not be taken back later is not made within a step", function()
  local cloud = {}
  local run = world.start(function(_, run)
    run.step("outer", function() run.ensure(thing(cloud, "a")) end)
  end)
  equal({ run.error and run.error.class, cloud }, { "misuse", {} })
  equal(run.error.message, "run.ensure 'a' stands within 'outer', and could not be taken back once that has finished")
end)

-- Being stopped ---------------------------------------------------------------------------------------

test("the journal has everything the picture of a run needs", function()
  local history = require "run.history"
  local run = world.start(function(_, run)
    run.parallel { a = function() run.step("s", function() sleep(0.01) end) end }
  end)
  local past = history.read(world.store, run.id)
  equal({ past.status, past.order[1].path, past.order[1].seconds >= 0.01 }, { "done", "a/s", true })
  equal(past.timeline[1].kind, "run-started")
end)

world.close()
