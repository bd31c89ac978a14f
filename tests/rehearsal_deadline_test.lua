---Rehearsals of recipes that say how long they may take.
local report = require "rehearsal.report"
local toy = assert(require("core").load_file("tests/rehearsal_toy.lua"))()
local undo = require "run.undo"

local function contains(text, part) equal({ part, text:find(part, 1, true) ~= nil }, { part, true }) end

-- What was broken in a rehearsal of the toy, by the schedule's id: "too long: …".
local function broken(body, deadline, o)
  return toy.with(body, function(root)
    local result, all = toy.rehearse(root, o)
    local list = {}
    for _, packet in ipairs(result.failed) do
      list[packet.schedule] = ("%s: %s"):format(packet.problems[1].what, packet.problems[1].line)
    end
    return list, result, all
  end, deadline and ('deadline = "%s",'):format(deadline))
end

-- A run that something has gone wrong for waits for ten minutes, and then ends well.
local PATIENT <const> = [[ if select(2, try(find, "a")) then sleep(600) end ]]

test("a disturbed run that waits beyond its deadline is ended by it, and holds when all is taken back", function()
  local plan = { plan = "500:http:1" }
  local list, result = broken(PATIENT, "5m", plan)
  equal({ list, result.reference.outcome.deadline, result.schedules }, { {}, 300, 1 })
  local codes = {}
  for _, deadline in ipairs { "5m", "15m" } do
    toy.with(PATIENT, function(root)
      plan.replay = "500:http:1"
      codes[#codes + 1] = toy.rehearse(root, plan).replayed.code
    end, ('deadline = "%s",'):format(deadline))
  end
  equal(codes, { 1, 0 })
end)

test("a run that goes on beyond its deadline breaks it, where an hour more would be no matter", function()
  local deaf = [[ if select(2, try(find, "a")) then require("task").shield(sleep, 1500) end ]]
  local list = broken(deaf, "5m", { plan = "500:http:1" })
  contains(list["500:http:1"], "too long: start took 1500 s, where the recipe's deadline is 5m, and taking back may take 915 s more")
  equal(broken(deaf, nil, { plan = "500:http:1" }), {})
end)

test("one that never ends is ended by the rehearsal", function()
  local list = broken([[ if select(2, try(find, "a")) then while true do require("task").shield(sleep, 100) end end ]], "5m",
    { plan = "500:http:1" })
  contains(list["500:http:1"], "where the recipe's deadline is 5m")
end)

test("taking back may take as long again, and the patience of one step more", function()
  local function steps(seconds)
    return ([[ for i = 1, 10 do run.step("make " .. i, nil, function() end, function() sleep(%d) end) end
      find "a" ]]):format(seconds)
  end
  local plan = { plan = "stop:http:1:undo\ncrash-after:http:1:undo" }
  equal(broken(steps((undo.longest + 30) // 10 - 1), "30s", plan), {})
  local list = broken(steps((undo.longest + 30) // 10 + 1), "30s", plan)
  contains(list["stop:http:1:undo"], "too long: undo took ")
  contains(list["crash-after:http:1:undo"], "too long: undo took ")
end)

test("who resumes a run has all of its time again", function()
  local body = [[ sleep(200) find "a" sleep(50) ]]
  equal(broken(body, "5m", { plan = "crash-after:http:1:resume\nstop:http:1:resume" }), {})
end)

test("a run that reaches its deadline undisturbed proves nothing, and the report says so", function()
  local list, result, o = broken([[ run.step("wait", function() sleep(600) end) ]], "5m", { every = 1000 })
  contains(list.undisturbed, "too long: ")
  contains(list.undisturbed, "'toy' has not ended within its deadline of 5m: it was at 'wait', and 0 of its steps had ended")
  contains(report.text(result, "davit rehearse toy", o), "FAILED  undisturbed\n")
end)

test("the report names the deadline", function()
  local _, result, o = broken([[ sleep(7) ]], "5m", { every = 1000 })
  contains(report.text(result, "davit rehearse toy", o),
    "the undisturbed run ends well after 7.0 s of its own time (its deadline is 5m), with ")
end)
