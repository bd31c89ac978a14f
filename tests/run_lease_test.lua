---Leases of runs and approvals: who waits, who is asked to stop, who may go on.
local json = require "json"
local world = assert(require("core").load_file("tests/run_world.lua"))()

local store = world.store

-- A run beside another one of this process, as another process would run it.
local function beside(f)
  local session <close> = require("store.core").open(world.folder .. "/journal.db")
  return world.start(f, { store = session })
end

-- Somebody else's run that holds a lease.
local function other(name, seconds)
  equal(math.type(store:take { name = name, run = "other-run", seconds = seconds or 30 }), "integer")
end

-- Leases -----------------------------------------------------------------------------------

test("a lease is held once, and free again at the end of its scope", function()
  local run, events = world.start(function(_, run)
    do
      local _ <close> = run.lease "web/1"
      local _, err = try(run.lease, "web/1")
      equal(err.message, "run.lease: this run holds 'web/1' already")
      local second <close> = run.lease "web/2"
      equal(second.name, "web/2")
    end
    local _ <close> = run.lease "web/1"
  end)
  equal(run.error, nil)
  equal({ events[2], events[3], events[4], events[5] },
    { "lease-taken web/1", "lease-taken web/2", "lease-released web/2", "lease-released web/1" })
  for _, lease in ipairs(store:leases()) do equal(lease.run, "") end
end)

test("a lease that another run holds is named with its holder and the ways out", function()
  other "db"
  local run = world.start(function(_, again) again.lease "db" end)
  equal({ run.error.code, run.status }, { "lease-held", "failed" })
  equal(run.error.message:find("'db' is held by run other-run (process ", 1, true), 1)
  equal(run.error.hint:find("--break-lease db", 1, true) ~= nil, true)
  local broken, events = world.start(function(_, again) local _ <close> = again.lease "db" end,
    { break_lease = { db = true } })
  equal({ broken.status, events[2] }, { "done", "lease-broken db" })
end)

test("leases of two projects do not meet", function()
  other "a/x"
  equal(world.start(function(_, run) run.lease "x" end, { project = "b" }).status, "done")
  equal(world.start(function(_, run) run.lease "x" end, { project = "a" }).error.code, "lease-held")
  store:release "a/x"
end)

test("with --wait a run waits for the lease until it is given back", function()
  other "slow"
  local waited
  parallel {
    waits = function()
      waited = world.start(function(_, run) local _ <close> = run.lease "slow" end, { wait = true })
    end,
    gives = function()
      sleep(0.05)
      store:release "slow"
    end,
  }
  equal(waited.status, "done")
end)

test("what is taken back is taken back under the lease", function()
  local cloud, holder = {}, nil
  local r = world.thing(cloud, "a")
  local destroy = r.destroy
  r.destroy = function(...)
    holder = store:leases("under")[1].run
    destroy(...)
  end
  local run = world.start(function(_, run)
    local _ <close> = run.lease "under"
    run.ensure(r)
    failure "stop"
  end)
  equal({ run.status, holder }, { "undone", run.id })
  equal(store:leases("under")[1].run, "")
end)

test("a run is carried out by one process at a time", function()
  local first = world.start(function(_, run) run.step("last", function() failure "once" end) end, { keep = true })
  equal(math.type(store:take { name = "run/" .. first.id, run = "elsewhere", seconds = 30 }), "integer")
  local err = raises("is held by run elsewhere", world.resume, first.id, function() end)
  equal(err.code, "lease-held")
  store:release("run/" .. first.id)
end)

test("a run that another has superseded meanwhile is over", function()
  local function recipe(_, run)
    local _ <close> = run.lease("preview", { supersede = true })
    run.step("last", function() failure "once" end)
  end
  local first = world.start(recipe, { keep = true })
  world.start(function(_, run) local _ <close> = run.lease("preview", { supersede = true }) end)
  equal(world.resume(first.id, recipe).status, "superseded")
  raises("cannot be resumed: a newer run has taken its place", world.resume, first.id, recipe)
end)

test("a run does not go on under a lease that another has held since", function()
  local function recipe(_, run)
    local _ <close> = run.lease "shared"
    run.step("last", function() failure "once" end)
  end
  local first = world.start(recipe, { keep = true })
  local second = world.start(function(_, run) local _ <close> = run.lease "shared" end)
  local again = world.resume(first.id, recipe)
  equal({ again.status, again.error.code }, { "interrupted", "run-changed" })
  equal(again.error.message, ("run %s has held 'shared' since this run did"):format(second.id))
end)

test("a resumed run that finds its lease held is left as it is, and nothing is taken back", function()
  local cloud = {}
  local function recipe(_, run)
    local _ <close> = run.lease "ours"
    run.ensure(world.thing(cloud, "a"))
    run.step("last", function() failure "once" end)
  end
  local first = world.start(recipe, { keep = true })
  other "ours"
  local again = world.resume(first.id, recipe, { accept_changes = true })
  equal({ again.status, again.error.code, cloud.a }, { "interrupted", "lease-held", { name = "a" } })
  store:release "ours"
end)

test("a lease that a run takes for one thing after the other lets others in between", function()
  local run = world.start(function(_, run)
    for turn = 1, 2 do
      do local _ <close> = run.lease "turns" end
      if turn == 1 then
        beside(function(_, between) local _ <close> = between.lease "turns" end)
      end
    end
  end)
  equal({ run.status, run.error }, { "done", nil })
end)

test("a lease of the same name in another project is another lease", function()
  local function recipe(_, run)
    local _ <close> = run.lease("pr/1", { supersede = true })
    run.step("last", function() failure "once" end)
  end
  local first = world.start(recipe, { keep = true, project = "one" })
  world.start(function(_, run) local _ <close> = run.lease("pr/1", { supersede = true }) end, { project = "two" })
  equal(world.resume(first.id, recipe, { project = "one" }).error.message, "once")
end)

test("of three runs the newest has the last word, whoever comes to the lease first", function()
  local function take(_, run) local _ <close> = run.lease("chain", { supersede = true }) end
  local newer
  local older = world.start(function(_, run)
    newer = beside(take)
    local _ <close> = run.lease("chain", { supersede = true })
  end)
  equal({ newer.status, older.status }, { "done", "superseded" })
  equal(older.error.message, ("run %s, which is newer, has taken 'chain'"):format(newer.id))
end)

test("a run does not ask a newer one to make way", function()
  local older = world.start(function(_, run)
    beside(function(_, newer)
      local _ <close> = newer.lease("newest", { supersede = true })
      try(run.lease, "newest", { supersede = true })
    end)
  end)
  equal(older.status, "superseded")
  equal(store:leases("newest")[1].request, nil)
end)

test("a run that waited for approval with its lease free is superseded by who took it", function()
  local cloud, run, waiting = {}, nil, nil
  parallel {
    waits = function()
      run = world.start({ approves = true, run = function(_, again)
        local _ <close> = again.lease("asked", { supersede = true })
        again.ensure(world.thing(cloud, "a"))
        again.approve { "deploy?", expires = 60 }
      end }, {
        wait = true, accept_changes = true,
        report = function(kind, _, _, id) if kind == "approval-awaited" then waiting = id end end,
      })
    end,
    newer = function()
      while not waiting do sleep(0.01) end
      beside(function(_, newer) local _ <close> = newer.lease("asked", { supersede = true }) end)
      local asked = json.decode(store:events({ run = waiting, kind = "approval-asked" })[1].data)
      store:append { { run = waiting, at = os.time(), kind = "approved", path = "deploy?",
        data = json.encode { by = "mira", digest = asked.digest } } }
    end,
  }
  equal({ run.status, cloud.a }, { "superseded", { name = "a" } })
end)

test("what a run made that ended well is taken back under its lease, too", function()
  local cloud, holder = {}, nil
  local r = world.thing(cloud, "a")
  local destroy = r.destroy
  r.destroy = function(...)
    holder = store:leases("done")[1].run
    destroy(...)
  end
  local function recipe(_, run)
    local _ <close> = run.lease "done"
    run.ensure(r)
  end
  local run = world.start(recipe)
  equal({ world.undo(run.id, recipe).status, holder }, { "undone", run.id })
  equal(store:leases("done")[1].run, "")
end)

test("an undo that is refused leaves the run as it was", function()
  local function recipe(_, run) local _ <close> = run.lease "since" end
  local first = world.start(recipe)
  world.start(recipe)
  equal(world.undo(first.id, recipe).error.code, "run-changed")
  equal(store:runs({ run = first.id })[1].status, "done")
end)

test("who waited for a run to be given free goes on from what is recorded then", function()
  local count, again = 0, nil
  local function recipe(_, run)
    run.step("a", function() count = count + 1 end)
    run.step("last", function() if count == 1 then count = 2 failure "once" end end)
  end
  local first = world.start(recipe, { keep = true })
  equal(math.type(store:take { name = "run/" .. first.id, run = first.id, seconds = 30 }), "integer")
  local options = world.options(recipe)
  local past = require("run.history").read(store, first.id)
  store:append { { run = first.id, at = os.time(), kind = "run-finished", path = "", status = "done",
    data = json.encode { ok = true, left = {}, back = {} } } }
  store:release("run/" .. first.id)
  raises("cannot be resumed: it is done", function() again = require("run").resume(options, past) end)
  equal(again, nil)
end)

-- Approvals ------------------------------------------------------------------------------------

local function asking(plan, after)
  return {
    approves = true,
    run = function(_, run)
      run.step("before", function() end)
      run.approve { "deploy?", plan = plan, expires = 60 }
      if after then after(run) end
    end,
  }
end

local function approve(id, kind)
  local asked
  for _, event in ipairs(store:events { run = id, kind = "approval-asked" }) do asked = json.decode(event.data) end
  store:append { { run = id, at = os.time(), kind = kind or "approved", path = "deploy?", status = "waiting",
    data = json.encode { by = "mira", why = "it is fine", digest = asked.digest } } }
end

test("at a terminal the answer is recorded with who gave it", function()
  local function answer(text) return { ask = function() return text, "because" end } end
  local yes, events = world.start(asking({ v = 1 }), answer "yes")
  equal({ yes.status, events[4], events[5] }, { "done", "approval-asked deploy?", "approved deploy?" })
  local data = json.decode(store:events({ run = yes.id, kind = "approved" })[1].data)
  equal({ data.by, data.why, data.how, #data.digest }, { "tester", "because", "terminal", 16 })
  equal(world.start(asking(), answer "no").error.code, "denied")
  equal(world.start(asking(), { yes = true }).status, "done")
end)

test("with nobody to ask the run parks, gives its leases back, and goes on when it was approved", function()
  local function recipe()
    local r = asking { v = 1 }
    local inner = r.run
    r.run = function(p, run)
      local _ <close> = run.lease "production"
      inner(p, run)
    end
    return r
  end
  local parked = world.start(recipe())
  equal({ parked.status, parked.error.code }, { "waiting", "approval-needed" })
  equal(store:leases("production")[1].run, "")
  equal(world.resume(parked.id, recipe()).status, "waiting")
  approve(parked.id)
  equal(world.resume(parked.id, recipe()).status, "done")
end)

test("an approval holds for the plan that was shown, and no other", function()
  local parked = world.start(asking { version = 1 })
  approve(parked.id)
  local changed = asking { version = 2 }
  local again = world.resume(parked.id, changed)
  equal({ again.status, #store:events { run = parked.id, kind = "approval-asked" } }, { "waiting", 2 })
  approve(parked.id)
  equal(world.resume(parked.id, changed).status, "done")
end)

test("a denied run takes back what it made", function()
  local cloud = {}
  local function recipe()
    return { approves = true, run = function(_, run)
      run.ensure(world.thing(cloud, "a"))
      run.approve { "deploy?" }
    end }
  end
  local parked = world.start(recipe())
  approve(parked.id, "approval-denied")
  local run = world.resume(parked.id, recipe())
  equal({ run.status, run.error.code, cloud }, { "undone", "denied", {} })
  equal(run.error.message, "'deploy?' was denied by mira: it is fine")
end)

test("with --wait the run stays, its leases free for others, until somebody approves", function()
  local run, waiting
  parallel {
    waits = function()
      run = world.start(asking({ v = 1 }, function(again) again.step("after", function() end) end), {
        wait = true,
        report = function(kind, _, _, id) if kind == "approval-awaited" then waiting = id end end,
      })
    end,
    approves = function()
      while not waiting do sleep(0.01) end
      approve(waiting)
    end,
  }
  equal(run.status, "done")
end)

test("a question that expired is asked again", function()
  local recipe = asking { v = 1 }
  recipe.run = function(_, run) run.approve { "deploy?", expires = 0.001 } end
  local parked = world.start(recipe)
  sleep(0.01)
  equal(world.resume(parked.id, recipe).status, "waiting")
  equal(#store:events { run = parked.id, kind = "approval-asked" }, 2)
end)

test("misuse of approve names the option", function()
  local function misuse(pattern, ...)
    local arguments = table.pack(...)
    local run = world.start { approves = true, run = function(_, run) run.approve(table.unpack(arguments)) end }
    equal(run.error.class, "misuse")
    equal(run.error.message:find(pattern) ~= nil, true)
  end
  misuse("expected a question", nil)
  misuse("expected a question", {})
  misuse("unknown option 'by' %(expected plan, expires%)", { "sure?", by = "me" })
  misuse("'expires' is a number of seconds", { "sure?", expires = -1 })
end)

test("a run that cannot be approved is not taken back with others that may finish", function()
  local function recipe(_, run)
    run.parallel {
      all = true,
      asks = function() run.approve { "deploy?" } end,
      works = function() run.step("work", function() end) end,
    }
  end
  local parked = world.start { approves = true, run = recipe }
  equal({ parked.status, parked.error.code }, { "waiting", "approval-needed" })
end)

test("a recipe that catches what stops the run does not go on", function()
  local went_on = false
  local parked = world.start { approves = true, run = function(_, run)
    try(run.approve, { "deploy?" })
    run.step("deploy", function() went_on = true end)
  end }
  equal({ parked.status, went_on }, { "waiting", false })
end)

world.close()
