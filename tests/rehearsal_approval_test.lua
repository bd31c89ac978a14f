---Questions in a rehearsal: somebody says no, or nobody is there, and what becomes of the run then.
local explore = require "rehearsal.explore"
local matrix = require "rehearsal.matrix"
local oracle = require "rehearsal.oracle"
local story = require "rehearsal.story"
local toy = assert(require("core").load_file("tests/rehearsal_toy.lua"))()

-- A comment as a resource, as toy's recipes have none.
local THE = [[
    local function the(body)
      return { "comment " .. body, find = function() return find(body) end, create = function() return comment(body) end,
        destroy = function() call("DELETE", "/issues/comments/" .. find(body)) end }
    end
]]
local ASKS = THE .. [[ run.ensure(the "before") run.approve "Go on?" run.ensure(the "after") ]]

-- The index of the question among the writes to the journal, and only schedules of it.
local function question_of(root)
  local result = toy.rehearse(root, { plan = "none" })
  for point, about in pairs(result.effects) do
    if about:find "^approval%-asked " then return point, result end
  end
end

local function ids_at(point)
  local list = { "denied:" .. point }
  for _, ending in ipairs { "approve", "deny", "expire", "undo" } do
    list[#list + 1] = ("unanswered:%s:%s"):format(point, ending)
  end
  return list
end

-- What broke in the schedules of a recipe's question: "denied unapproved".
local function broken(body)
  return toy.with(body, function(root)
    local result = toy.rehearse(root, { plan = table.concat(ids_at(question_of(root)), "\n") })
    local list, seen = {}, {}
    for _, packet in ipairs(result.failed) do
      for _, problem in ipairs(packet.problems) do
        local text = ("%s %s"):format(packet.schedule:gsub(":journal:%d+", ""), problem.what)
        if not seen[text] then list[#list + 1], seen[text] = text, true end
      end
    end
    table.sort(list)
    return list
  end)
end

test("every question is denied, and left without an answer that comes later, or never", function()
  toy.with(ASKS, function(root)
    local point, undisturbed = question_of(root)
    local ids, codes = ids_at(point), {}
    local result = toy.rehearse(root, { plan = table.concat(ids, "\n"), endings = true }, function(packet)
      if packet.ending then codes[packet.schedule] = { packet.code, packet.ending.code } end
    end)
    equal({ undisturbed.failed, result.failed }, { {}, {} })
    equal({ codes[ids[1]], codes[ids[2]], codes[ids[3]], codes[ids[4]], codes[ids[5]] },
      { { 7, 7 }, { 75, 0 }, { 75, 7 }, { 75, 0 }, { 75, 0 } })
  end)
end)

test("the table has a line for the question", function()
  toy.with(ASKS, function(root)
    local _, result = question_of(root)
    local m = matrix.of(result, { params = {}, faults = true })
    for _, row in ipairs(m.rows) do
      if row.name == "approval-asked" then
        equal({ #row.cells.fails.ids, #row.cells.slow.ids }, { 2, 4 })   -- full and denied; four ways to go on
        return
      end
    end
    error("no line", 0)
  end)
end)

test("a no that is caught, and an answer that nobody gave, are found", function()
  equal(broken(THE .. [[ try(run.approve, "Go on?") run.ensure(the "after") ]]),
    { "denied left over", "denied unapproved", "unanswered:deny left over", "unanswered:deny unapproved" })
end)

test("a branch beside the one that asks needs no approval", function()
  equal(broken(THE .. [[
    run.parallel { asks = function() run.approve "Go on?" run.ensure(the "after") end,
      other = function() run.ensure(the "beside") run.ensure(the "too") end } ]]), {})
end)

test("several questions are answered one after the other", function()
  equal(broken(THE .. [[ run.approve "First?" run.ensure(the "one") run.approve "Second?" run.ensure(the "two") ]]), {})
end)

test("what goes wrong beside an answer that is late meets whoever goes on, too", function()
  toy.with(ASKS, function(root)
    local point = question_of(root)
    local n = math.tointeger(tonumber(point:match "%d+$"))
    local plan = {}
    for _, first in ipairs { "approve", "deny" } do
      for later = 2, 4 do
        plan[#plan + 1] = ("unanswered:%s:%s+crash-after:journal:%d:resume"):format(point, first, n + later)
        plan[#plan + 1] = ("unanswered:%s:%s+stop:journal:%d:undo"):format(point, first, n + later)
      end
    end
    local result = toy.rehearse(root, { plan = table.concat(plan, "\n") })
    equal({ result.failed, result.schedules }, { {}, #plan })
  end)
end)

test("a story tells what the person said", function()
  toy.with(THE .. [[ try(run.approve, "Go on?") run.ensure(the "after") ]], function(root)
    local point = question_of(root)
    local id = "denied:" .. point
    local result = toy.rehearse(root, { replay = id })
    local log, common = explore.log(result, id)
    local text = table.concat(story.lines(story.of(result.failed[1], log, common, result.effects)), "\n")
    for _, part in ipairs { "whoever is asked says no", "person asked -> no", "unapproved: " } do
      equal({ part, text:find(part, 1, true) ~= nil }, { part, true })
    end
  end)
end)

test("a run that waits and holds a lease is found", function()
  local judge = oracle.new({})
  judge.reference = { outcome = { code = 0 }, inventory = {}, shared = {} }
  judge.elapsed = 1
  local parked = { code = 75, status = "waiting", leases = { "toy by run 1" }, left = {}, waits = 86400 }
  equal(judge:follow("start", parked, "expire"), "resume 86401")
  local ending = { outcome = { code = 0, status = "done", leases = {}, left = {} }, inventory = {}, shared = {} }
  equal(judge:problems("resume", false, ending, 1), { { what = "lease", line = "toy by run 1" } })
end)
