---Two things that go wrong in one run: which are tried, for how long, and what is told of them.
local couples = require "rehearsal.couples"
local crosstab = require "rehearsal.crosstab"
local grid = require "rehearsal.grid"
local json = require "json"
local report = require "rehearsal.report"
local toy = assert(require("core").load_file("tests/rehearsal_toy.lua"))()

local function contains(text, part) equal({ part, text:find(part, 1, true) ~= nil }, { part, true }) end

-- Asks two times, and does not mind what comes of one of them.
local TWO <const> = [[
  local _, first = try(find, "a")
  local _, second = try(find, "b")
  if first and second then failure { code = "twice", message = "nobody answers" } end
]]

-- ---- which are tried -----------------------------------------------------------------------------

test("a plan may hold a schedule and others that begin as it does, in any order", function()
  toy.with(TWO, function(root)
    local one, two, three = "secondary-limit:http:1", "secondary-limit:http:1+secondary-limit:http:2", "crash-after:http:1:resume"
    local four = "crash-after:http:1:resume+timeout:http:3"
    for _, plan in ipairs { { one, two, three, four }, { four, three, two, one } } do
      local result = toy.rehearse(root, { plan = table.concat(plan, "\n") })
      equal({ result.failed, result.tried, result.schedules }, { {}, { [one] = true, [two] = true, [three] = true, [four] = true }, 4 })
    end
  end)
end)

test("each of them ends as it does alone", function()
  toy.with(TWO, function(root)
    local function codes(...)
      local found = {}
      toy.rehearse(root, { plan = table.concat({ ... }, "\n") }, function(packet) found[packet.schedule] = packet.code end)
      return found
    end
    local one, two = "500:http:1", "500:http:1+500:http:2"
    local together = codes(one, two)
    equal({ together[one], together[two] }, { codes(one)[one], codes(two)[two] })
    equal({ together[one], together[two] }, { 0, 1 })
  end)
end)

-- What a schedule of a toy did, as packets say it.
local function a_single(id)
  return { schedule = id, after = { http = { from = 2, groups = { "http:github:GET", "http:github:POST" } } } }
end

test("which pairs are drawn the seed decides, and none is drawn twice", function()
  local function draw(seed, n)
    local pool = couples.new(seed)
    for _, id in ipairs { "500:http:1", "reset:http:1", "crash-after:http:1:resume" } do pool:add(a_single(id)) end
    return pool:sample(n), pool.count
  end
  local first, count = draw(7, 20)
  equal(draw(7, 20), first)
  equal(table.concat(draw(8, 20), " ") ~= table.concat(first, " "), true)
  local seen = {}
  for _, id in ipairs(first) do seen[id] = true end
  local different = 0
  for _ in pairs(seen) do different = different + 1 end
  equal({ different, count > 60 }, { #first, true })
end)

-- ---- for how long ----------------------------------------------------------------------------------

test("a sample ends with its budget, and what is under way then counts as not tried", function()
  -- Of two that go wrong here the second never lets go: only the budget ends it, long before its limit does.
  local body = [[ local bad = 0
    for i = 1, 12 do
      local _, err = try(find, "x" .. i)
      if err and err.class ~= "cancelled" then bad = bad + 1 end
      while bad == 2 do end
    end ]]
  toy.with(body, function(root)
    local result = toy.rehearse(root, { depth = 2, budget = 0.5, every = 11, limit = 60 })
    equal({ result.failed, result.pairs.all > 2000, result.pairs.tried < result.pairs.all }, { {}, true, true })
  end)
end)

test("a budget is a time as any other", function()
  toy.with(TWO, function(root)
    for _, budget in ipairs { "30s", "30", "0.5m" } do
      equal(toy.run(root, "toy", "--budget", budget, "--every", "1000").exit, 0)
    end
    local wrong = toy.run(root, "toy", "--budget", "soon")
    equal(wrong.exit, 2)
    contains(wrong.errors, "--budget must be a time such as 50ms or 2s, not 'soon'")
  end)
end)

-- ---- what is told ------------------------------------------------------------------------------------

local TRIED <const> = {
  ["500:http:1"] = true, ["500:http:1+503:http:2"] = true, ["500:http:1+502:http:3"] = false, ["500:http:1+reset:http:2"] = true,
  ["crash-after:http:1:resume+stop:http:2:undo"] = true,
}

test("pairs are counted by what went wrong first and what went wrong then", function()
  local m = crosstab.of { tried = TRIED }
  equal({ m.columns, m.total.held, m.total.failed }, { { "lost", "5xx", "stop" }, 3, 1 })
  equal({ m.rows[1].name, m.rows[2].name, #m.rows }, { "5xx", "crash", 2 })
  equal({ m.rows[1].cells["5xx"].held, m.rows[1].cells["5xx"].failed, m.rows[1].cells.stop }, { 1, 1 })
  equal(m.rows[1].cells.lost.ids, { { id = "500:http:1+reset:http:2", state = "held" } })
  local lines = grid.lines(m)
  for i, line in ipairs(lines) do lines[i] = line:gsub("%s+", " ") end
  equal(lines, { "first ↓ then → lost 5xx stop", " 5xx 1 ✗1", " crash 1" })
  equal(crosstab.of { tried = { ["500:http:1"] = true } }, nil)
end)

test("a pair that fails because of one thing alone leads to that one's story", function()
  local result = { tried = TRIED, smallest = { ["500:http:1+502:http:3"] = "502:http:3" } }
  equal({ crosstab.story_of(result, "500:http:1+502:http:3"), crosstab.story_of(result, "500:http:1+reset:http:2") },
    { "502:http:3", "500:http:1+reset:http:2" })
end)

test("the report has the table of pairs where there were any, within 100 columns", function()
  toy.with(TWO, function(root)
    local plan = "secondary-limit:http:1\nsecondary-limit:http:1+secondary-limit:http:2\nslow:http:1+stop:http:2:undo"
    local result, o = toy.rehearse(root, { plan = plan })
    local text = report.text(result, "davit rehearse toy", o)
    contains(text, "pairs that held, by what went wrong first and what went wrong then; ✗ failed\n")
    contains(text:gsub(" +", " "), "\nfirst ↓ then → limit stop\n limit 1\n slow 1\n")
    for line in text:gmatch "[^\n]+" do equal({ line, utf8.len(line) <= 100 }, { line, true }) end
    local alone = toy.rehearse(root, { plan = "secondary-limit:http:1" })
    equal(report.text(alone, "davit rehearse toy", o):find("pairs that held", 1, true), nil)
  end)
end)

test("--depth 2 --json has how many pairs there are, and what came of them by both groups", function()
  toy.with(TWO, function(root)
    local last
    for line in toy.run(root, "toy", "--depth", "2", "--every", "30", "--json").output:gmatch "[^\n]+" do last = json.decode(line) end
    local told, sum = last.summary.pairs, 0
    for _, cell in ipairs(told.cells) do
      equal({ type(cell.first), type(cell.second), cell.failed }, { "string", "string", 0 })
      sum = sum + cell.held
    end
    equal({ sum, told.tried <= told.all, told.tried > 0 }, { told.tried, true, true })
    for line in toy.run(root, "toy", "--every", "1000", "--json").output:gmatch "[^\n]+" do last = json.decode(line) end
    equal(last.summary.pairs, nil)
  end)
end)
