---A run: what is journalled when, what ensure does with what it finds, leases, outputs.
local json = require "json"
local secret = require "secret"
local world = assert(require("core").load_file("tests/run_world.lua"))()

local start = world.start

-- A thing in a table; `how` changes what its functions do.
local function resource(cloud, how)
  how = how or {}
  local r = {
    "thing",
    find = function() return cloud.thing end,
    create = function()
      cloud.created = (cloud.created or 0) + 1
      if how.before then failure(how.before) end
      cloud.thing = { id = cloud.created }
      if how.after then failure(how.after) end
      return cloud.thing
    end,
    destroy = function() if not how.sticky then cloud.thing = nil end end,
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
  local stored = world.store:events { run = run.id }
  equal(#stored, 6)
  equal(json.decode(stored[3].data).result, 7)
  equal(json.decode(stored[2].data).inputs.from, 1)
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
  equal({ events[2], events[3] }, { "parallel-started ", "step-started a/s" })
end)

test("a result that holds a secret is refused, and never written", function()
  local run = start(function(_, run)
    run.step("leak", function() return { key = secret.generate("KEY", 32, { to = { "https://example.com" } }) } end)
  end)
  equal(run.error.message, "run.step 'leak' holds a secret; return its name or id instead")
end)

test("no form of a secret that comes back from elsewhere reaches the journal's file", function()
  local base64, url = require "base64", require "url"
  local value = 'a"long/secret+value&' .. ("%d"):format(42) .. "\\end"
  require("secret.core").new("ECHOED", value, { "https://example.com" })
  local hex = value:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  local forms = {
    value, base64.encode(value), base64.encode(value, { url = true }), hex, hex:upper(), url.encode(value),
    json.encode(value):sub(2, -2),
  }
  local run = start(function(_, run)
    run.step("echo " .. value, { sent = forms[2] }, function() return forms end)
    run.output("echoed", forms[4])
    run.parallel { [value] = function() failure { code = "echo", message = table.concat(forms, " ") } end }
  end)
  equal(run.error.code, "echo")
  local fs = require "fs"
  local stored = fs.read(world.folder .. "/journal.db") .. fs.read(world.folder .. "/journal.db-wal")
  for i, form in ipairs(forms) do equal({ i, stored:find(form, 1, true) }, { i, nil }) end
end)

test("what the mask takes out of a result the recipe does not see either, as when it is resumed", function()
  require("secret.core").new("SEEN", "a-long-secret-value", { "https://example.com" })
  require("secret.core").new("DIGITS", "918273645546", { "https://example.com" })
  local seen
  local run = start(function(_, run)
    seen = run.step("echo", function() return "it is a-long-secret-value" end)
    run.step("number", function() return 918273645546 end)
  end)
  equal({ seen, run.error.message }, { "it is ***", "run.step 'number' holds a number that is a secret" })
end)

test("ensure creates what is not there, and adopts what is", function()
  local cloud = {}
  local run, events = start(function(_, run)
    equal(run.ensure(resource(cloud)).id, 1)
    run.parallel { again = function() equal(run.ensure(resource(cloud)).id, 1) end }
  end)
  equal({ cloud.created, run.status, #run.left }, { 1, "done", 1 })
  equal(events[3], "create-started thing")
  equal(events[4], "ensure-finished thing")
end)

test("after a lost reply or a conflict ensure looks before anything else", function()
  for _, class in ipairs { "unknown", "converge" } do
    local cloud = {}
    local run = start(function(_, run)
      equal(run.ensure(resource(cloud, { after = { code = "lost", class = class, message = "no reply" } })).id, 1)
    end)
    equal({ run.error, cloud.created }, { nil, 1 })
  end
  local cloud = {}
  local run = start(function(_, run)
    run.ensure(resource(cloud, { before = { code = "lost", class = "unknown", message = "no reply" } }))
  end)
  equal({ run.error.code, cloud.created, run.status }, { "lost", 1, "failed" })
end)

test("what somebody else was faster to make is brought up to date", function()
  local cloud = {}
  local run = start(function(_, run)
    local r = resource(cloud, { after = { code = "taken", class = "converge", message = "is there" },
      update = function(thing) return { id = thing.id, updated = true } end })
    equal(run.ensure(r), { id = 1, updated = true })
  end)
  equal({ run.error, #run.left }, { nil, 1 })
end)

test("when the look after a lost reply fails, too, the thing counts as left", function()
  local cloud = {}
  local r = resource(cloud, { after = { code = "lost", class = "unknown", message = "no reply" } })
  r.find = function()
    if cloud.created then failure { code = "down", class = "transient", message = "down" } end
  end
  local run = start(function(_, run) run.ensure(r) end, { keep = true })
  equal({ run.error.code, run.left[1].path }, { "lost", "thing" })
end)

test("an ensure that is cut short finishes its look-up first, and what is there is known", function()
  local cloud = {}
  local slow = resource(cloud)
  slow.create = function()
    cloud.thing = { id = 1 }
    sleep(30)
  end
  local timely = start(function(_, run)
    local _, err = try(require("task").deadline, 0.5, run.ensure, slow)
    equal(err, nil)
    sleep(0)
  end)
  equal({ timely.error, timely.left[1].path }, { nil, "thing" })
  cloud.thing = nil
  local cancelled, events = start(function(_, run)
    run.parallel {
      a = function() run.ensure(slow) sleep(0) end,
      b = function()
        while not cloud.thing do sleep(0.01) end
        failure "stop"
      end,
    }
  end)
  equal({ cancelled.error.message, cancelled.back }, { "stop", { "a/thing" } })
  local finished = 0
  for _, event in ipairs(events) do finished = finished + (event == "ensure-finished a/thing" and 1 or 0) end
  equal(finished, 1)
end)

test("what belongs to somebody else is not taken", function()
  local cloud = { thing = { id = "theirs" } }
  local ensured = start(function(_, run)
    run.ensure(resource(cloud, { matches = function() return false, "it has another owner" end }))
  end)
  equal(ensured.error.code, "not-ours")
  equal(ensured.error.message, "thing exists and is not ours: it has another owner")
  local other = start(function(_, run)
    run.destroy(resource(cloud, { matches = function() return false, "it has another owner" end }))
  end)
  equal({ other.error.code, cloud.thing.id }, { "not-ours", "theirs" })
end)

test("an existing thing is brought up to date", function()
  local cloud = { thing = { id = 1 } }
  start(function(_, run)
    local update = function(thing) return { id = thing.id + 1 } end
    equal(run.ensure(resource(cloud, { update = update })).id, 2)
  end)
end)

test("destroy looks whether the thing is gone", function()
  local cloud = { thing = { id = 1 } }
  local run = start(function(_, run)
    equal(run.destroy(resource(cloud)), true)
    run.parallel { again = function() equal(run.destroy(resource(cloud)), false) end }
    cloud.thing = { id = 2 }
    run.parallel { sticky = function() run.destroy(resource(cloud, { sticky = true })) end }
  end)
  equal(run.error.code, "still-there")
end)

test("outputs are kept in order", function()
  local run = start(function(_, run)
    run.output("url", "https://example.com")
    run.output("count", 3)
  end)
  equal(run.outputs, { { name = "url", value = "https://example.com" }, { name = "count", value = 3 } })
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
  misuse("'thing': unknown field 'match' %(expected find, create, destroy, matches, update, plan%)", function(run)
    local r = resource {}
    r.match = r.find
    run.ensure(r)
  end)
  misuse("run.parallel: expected a table", function(run) run.parallel() end)
  misuse("run.lease: expected a name", function(run) run.lease() end)
  misuse("run.output: expected a name", function(run) run.output() end)
  misuse("run.lease: unknown option 'force'", function(run) run.lease("x", { force = true }) end)
  misuse("must say so beside its params: approves = true", function(run) run.approve "sure?" end)
end)

world.close()
