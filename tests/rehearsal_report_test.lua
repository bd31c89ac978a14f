---What a rehearsal tells: stories of what failed, the table of what was tried, the page, and how little is enough to fail.
local alike = require "rehearsal.alike"
local assumed = require "rehearsal.assumed"
local claims = require "rehearsal.claims"
local events = require "rehearsal.events"
local explore = require "rehearsal.explore"
local faults = require "rehearsal.faults"
local fs = require "fs"
local grid = require "rehearsal.grid"
local json = require "json"
local matrix = require "rehearsal.matrix"
local page = require "rehearsal.page"
local process = require "process"
local report = require "rehearsal.report"
local rows = require "rehearsal.rows"
local shrink = require "rehearsal.shrink"
local story = require "rehearsal.story"
local toy = assert(require("core").load_file("tests/rehearsal_toy.lua"))()
local words = require "rehearsal.words"

local function contains(text, part) equal({ part, text:find(part, 1, true) ~= nil }, { part, true }) end

local function lacks(text, part) equal({ part, text:find(part, 1, true) == nil }, { part, true }) end

-- Makes a comment without a look whether it is there: whatever loses the reply makes two, or leaves one.
local BLIND = [[ run.step("comment", function() return comment(p.text) end) ]]

-- Whoever is asked two times to wait goes another way, and in the end makes a comment without a look.
local TWICE = [[
  local _, first = try(find, "a")
  local _, second = try(find, "b")
  if first and second then return run.step("both", function() return comment "both" end) end
]] .. BLIND

local function packet_of(result, id)
  for _, packet in ipairs(result.failed) do
    if packet.schedule == id then return packet end
  end
end

-- Stories ------------------------------------------------------------------------------------

local function story_of(result, id)
  local log, common = explore.log(result, id)
  return story.of(packet_of(result, id), log, common, result.effects)
end

test("a failing schedule is a story: what was before, the fault, what came of it, what broke, what is left", function()
  toy.with(BLIND, function(root)
    local result = toy.rehearse(root)
    local s = story_of(result, "crash-after:http:1:resume")
    equal(s.before[#s.before].text, "POST api.github.com/repos/example/codex/issues/42/comments -> 201")
    equal(s.after[1].meaning, "Davit dies right after it")
    equal(s.ended, { "exit code 0, done" })
    equal(s.broke[1], { what = "left over", meaning = words.invariant "left over", lines = {} })
    equal(#s.left == 1 and s.left[1]:match "^%+ comment on #42 by .*: hello$" ~= nil, true)
    local text = table.concat(story.lines(s), "\n")
    for _, part in ipairs { "before ", "POST github /issues/42/comments: Davit dies right after it", "davit died; 60 s pass",
      "davit begins again: resume", "run-resumed", "exit code 0, done", "left over: ", "+ comment on #42" } do
      contains(text, part)
    end
  end)
end)

test("what a run said when it failed is told, and what was taken over by whom", function()
  toy.with(BLIND, function(root)
    local result = toy.rehearse(root)
    local s = story_of(result, "lost:http:1")
    equal(#s.ended, 1)
    contains(s.ended[1], "exit code 8, failed")
    contains(s.ended[1], "the connection broke")
    local stopped = story_of(result, "stop:http:1:undo")
    equal({ #stopped.ended, stopped.ended[2] }, { 2, "exit code 0, undone" })
    contains(stopped.ended[1], "exit code 10")
  end)
end)

test("the events of a schedule begin with the undisturbed run's and are those of its replay", function()
  toy.with(BLIND, function(root)
    local result = toy.rehearse(root)
    local log, common = explore.log(result, "cut:http:1")
    equal(log:sub(1, common), result.log:sub(1, common))
    equal({ common > 100, log:sub(common + 1):match "^[%d.]+ ([^\n]*)" }, { true, "cut at http 1" })
    equal(toy.rehearse(root, { replay = "cut:http:1" }).log, log)
  end)
end)

test("of many events those are told that matter, and a number says how many more there are", function()
  local list = events.read(("0.000 500 at http 1\n" .. ("1.000 http PUT x/y -> 200\n"):rep(20) .. "2.000 file stat x -> done\n"
    .. "3.000 journal undo-failed x\n"))
  local picked = story.pick(list, 9)
  equal({ #picked, picked[7], picked[#picked].text }, { 10, 12, "undo-failed x" })
  equal(#story.pick(list, 30), 21)
end)

test("an event that went wrong is known from one that did not", function()
  local function bad(line) return events.read("1.000 " .. line .. "\n")[1].bad end
  for _, line in ipairs { "http GET x/y -> 503", "http DELETE x/y -> 404", "http GET x/y -> http-lost",
    "journal step-failed x", "dns A x -> dns-failed", "journal run-started -> refused", "lease take x -> refused",
    "process node x in . -> 128" } do
    equal({ line, bad(line) }, { line, true })
  end
  for _, line in ipairs { "http GET x/y -> 204", "http GET x/y -> 404", "journal step-finished x", "dns A x -> found",
    "sql select 1 -> done", "process node x in . -> 0", "file stat x -> file-not-found" } do
    equal({ line, bad(line) }, { line, false })
  end
end)

test("schedules that failed alike are told once, and all are named or counted", function()
  local function packet(id, what, line) return { schedule = id, problems = { { what = what, line = line } } } end
  local groups = alike.groups {
    packet("lost:http:1", "missing", "a"), packet("lost:http:2", "missing", "b"), packet("cut:http:9", "missing", "b"),
    packet("stop:http:1:undo", "missing", "c"), packet("lost:http:3", "lease", "d"), packet("lost:http:4", "missing", "e"),
    packet("lost:http:5", "missing", "f"), packet("undisturbed", "missing", "a"),
  }
  equal({ #groups, #groups[1], #groups[2], #groups[3], groups[4][1].schedule }, { 4, 5, 1, 1, "undisturbed" })
  equal(alike.others(groups[1]), "lost:http:2, cut:http:9, lost:http:4 and 1 more")
end)

test("every fault has words and a column", function()
  local kinds = {
    http = { "GET api.github.com/x", "POST api.github.com/x", "PUT api.cloudflare.com/x", "POST console.neon.tech/x",
      "GET worker.example/x" },
    sql = { "connect x", "select 1" }, dns = { "A x" }, process = { "node in ." }, file = { "read x", "write x" },
    journal = { "run-started" }, lease = { "take x" },
  }
  for kind, abouts in pairs(kinds) do
    for _, about in ipairs(abouts) do
      for _, name in ipairs((faults.at(kind, about))) do
        local fault = name:match "^%S+"
        local group, meaning = words.of(kind, fault)
        equal({ kind, fault, words.legend[group] ~= nil, meaning ~= fault }, { kind, fault, true, true })
      end
    end
  end
  equal({ words.of("http", "unheard-of") }, { "other", "unheard-of" })
end)

test("a schedule's id says what went wrong, one thing after the other", function()
  equal(words.terms "500-applied:http:12+crash-after:journal:7:undo", {
    { fault = "500-applied", kind = "http", index = 12 },
    { fault = "crash-after", kind = "journal", index = 7, ending = "undo" },
  })
  equal(words.terms "undisturbed", {})
end)

-- The table ------------------------------------------------------------------------------------

test("effects that differ in ids and names alone share a row", function()
  local cloudflare = "api.cloudflare.com/client/v4/accounts/0000000000000000000000000000c0de"
  for _, one in ipairs {
    { "http", "GET " .. cloudflare .. "/workers/scripts/codex-web/settings", "Cloudflare", "GET /workers/scripts/{}/settings" },
    { "http", "POST api.cloudflare.com/client/v4/zones/3b39acaa0d3afc60535393e0cb1c1cb5/dns_records", "Cloudflare",
      "POST /zones/{}/dns_records" },
    { "http", "GET api.github.com/repos/example/codex/pulls/42", "GitHub", "GET /pulls/{}" },
    { "http", "GET console.neon.tech/api/v2/projects/wandering-moon-123456/branches/br-x-1", "Neon", "GET /branches/{}" },
    { "http", "GET codex-preview-42.revelations.studio/health", "hosts", "GET /health" },
    { "sql", "connect ep-x.neon.tech", "databases", "connect" },
    { "sql", "insert into t values (17, 'a')", "databases", "insert into t values (N, '…')" },
    { "dns", "AAAA ada.ns.cloudflare.com", "names", "AAAA cloudflare.com" },
    { "process", "/usr/bin/git in .", "programs", "git" }, { "file", "read ./a/b", "files", "read" },
    { "journal", "step-started x y", "journal", "step-started" }, { "lease", "take run/x", "leases", "take" },
  } do
    equal({ rows.of(one[1], one[2]) }, { one[3], one[4] })
  end
end)

local function counts(total) return { total.held + total.failed, total.merged, total.untried } end

test("the table has every schedule there is, once, and says what was not tried", function()
  toy.with(BLIND, function(root)
    local result, o = toy.rehearse(root)
    local all = matrix.of(result, o).total
    equal(counts(all), { result.schedules, result.merged, 0 })
    equal(all.failed, #result.failed)
    local some, part = toy.rehearse(root, { every = 3 })
    local total = matrix.of(some, part).total
    equal(total.held + total.failed, some.schedules)
    equal(total.held + total.failed + total.merged + total.untried, result.schedules + result.merged)
    local crashes, only = toy.rehearse(root, { faults = false })
    equal(matrix.of(crashes, only).total.untried > 20, true)
    contains(select(2, claims.of(crashes, matrix.of(crashes, only), only)), "schedules of one thing that goes wrong")
  end)
end)

test("what is claimed counts what held, in pairs, too, and never more than was tried", function()
  local m = { rows = {}, total = { held = 5, failed = 0, untried = 0 } }
  local o, result = { seed = 7 }, { order = { "http:1" }, tried = { ["500:http:1"] = true } }
  local proven, untried = claims.of(result, m, o)
  contains(proven, "all of 5 schedules")
  contains(proven, "at any of 1 points, with these parameters and seed 7")
  contains(untried, "two things that go wrong in one run; ")
  result.tried = { ["500:http:1+500:http:2"] = true, ["500:http:1+500:http:3"] = false }
  result.pairs = { tried = 2, all = 9 }
  m.total.failed = 1
  proven, untried = claims.of(result, m, o)
  contains(proven, "5 of 6 schedules")
  contains(proven, "so do 1 of 2 in which two things go wrong")
  contains(untried, "7 of 9 pairs")
end)

test("where even the undisturbed run does not hold, nothing else is claimed", function()
  toy.with([[ while true do end ]], function(root)
    local result, o = toy.rehearse(root, { limit = 1 })
    local m = matrix.of(result, o)
    equal({ m.total.held, m.total.failed, m.total.merged, m.total.untried > 5 }, { 0, 0, 0, true })
    equal((claims.of(result, m, o)), "nothing")
    contains(page.of(result, "davit rehearse toy", o), "The undisturbed run does not hold")
    contains(report.text(result, "davit rehearse toy", o), "FAILED  undisturbed\n  broke   no end: it did not end within 1 s\n")
  end)
end)

test("a cell says what came of its schedules", function()
  local function cell(held, failed, merged, untried)
    return grid.cell { held = held, failed = failed, merged = merged, untried = untried }
  end
  equal({ cell(3, 0, 1, 0), cell(3, 2, 0, 1), cell(0, 0, 2, 0), cell(0, 0, 0, 2), cell(3, 0, 0, 1), grid.cell(nil) },
    { "3", "✗2", "=", "·", "3·", "" })
end)

test("the table of a whole flow fits into 100 columns", function()
  local result, o = toy.rehearse("tests/projects/codex", { recipe = "preview", every = 1000,
    params = { pr = 42, untested = true, take_over = false } })
  local m = matrix.of(result, o)
  local lines = grid.lines(m)
  equal(#lines > 40, true)
  for _, line in ipairs(lines) do equal({ line, utf8.len(line) <= 100 }, { line, true }) end
  contains(lines[1], "unsent lost fails 5xx limit garbage slow unseen crash stop other")
  contains(table.concat(lines, "\n"), "PUT /workers/scripts/{} ×3")
  equal(#assumed.met(m) > 15, true)
end)

test("what is assumed of the models is what docs/local-cloud.md says, row by row", function()
  local service, found = nil, {}
  for name, operation, modelled in fs.read "docs/local-cloud.md":gmatch "\n| (%a*) ?| ([^|]+) | ([^|]+) |%f[\n]" do
    service = name ~= "" and name or service
    if modelled:find "assumed" or operation:find "assumed" then
      local one = operation:find "^edge" and "edge" or service
      for _, entry in ipairs(assumed.list) do
        if entry.service == one and operation:sub(1, #entry.operation) == entry.operation then
          found[entry] = (found[entry] or 0) + 1
          one = nil
        end
      end
      equal({ operation, one }, { operation })
    end
  end
  for _, entry in ipairs(assumed.list) do equal({ entry.operation, found[entry] }, { entry.operation, 1 }) end
end)

-- Fewer faults -------------------------------------------------------------------------------------

-- Schedules of which those fail that have all of these terms.
local function world_where(...)
  local needed, asked = { ... }, {}
  return asked, function(tried)
    return function(ids)
      for _, id in ipairs(ids) do
        local fails = true
        for _, term in ipairs(needed) do fails = fails and ("+" .. id .. "+"):find("+" .. term .. "+", 1, true) ~= nil end
        asked[#asked + 1], tried[id] = id, not fails
      end
    end
  end
end

test("the fewest things that fail are found, the smaller ones first", function()
  local tried = {}
  local asked, run = world_where("b:http:2", "d:http:4")
  equal(shrink.all({ "a:http:1+b:http:2+c:http:3+d:http:4" }, tried, run(tried)),
    { ["a:http:1+b:http:2+c:http:3+d:http:4"] = "b:http:2+d:http:4" })
  equal(#asked, 4 + 6)
  equal(tried["a:http:1"], true)
end)

test("what is known already is not tried again, and what needs all stays as it is", function()
  local tried = { ["a:http:1"] = true }
  local asked, run = world_where("a:http:1", "b:http:2")
  equal(shrink.all({ "a:http:1+b:http:2", "c:http:3" }, tried, run(tried)), {})
  equal(asked, { "b:http:2" })
  equal(shrink.all({ "a:http:1+x:http:2" }, { ["a:http:1"] = false }, function() end), { ["a:http:1+x:http:2"] = "a:http:1" })
end)

test("a choice that is no schedule teaches nothing", function()
  equal(shrink.all({ "a:http:1+b:http:9" }, {}, function() end), {})
end)

test("a failing schedule of two faults is reported as the one that matters", function()
  toy.with([[ find "nothing" ]] .. BLIND, function(root)
    local result = toy.rehearse(root, { plan = "slow:http:1+crash-after:http:2:resume" })
    equal(#result.failed, 1)
    equal({ result.failed[1].schedule, result.failed[1].shrunk },
      { "crash-after:http:2:resume", "slow:http:1+crash-after:http:2:resume" })
    equal(result.tried["slow:http:1"], true)
    contains(table.concat(story.lines(story_of(result, "crash-after:http:2:resume")), "\n"), "Davit dies right after it")
  end)
end)

test("one that needs both faults is reported with both", function()
  toy.with([[
    local _, first = try(find, "a")
    local _, second = try(find, "b")
    if first and second then run.step("comment", function() return comment "both" end) end
  ]], function(root)
    local id = "secondary-limit:http:1+secondary-limit:http:2"
    local result = toy.rehearse(root, { plan = id })
    equal({ #result.failed, result.failed[1].schedule, result.failed[1].shrunk, result.schedules }, { 1, id, nil, 3 })
    local marks = {}
    for _, event in ipairs(story_of(result, id).after) do marks[#marks + 1] = event.term end
    equal(marks, { "secondary-limit:http:1", "secondary-limit:http:2" })
    equal(toy.rehearse(root, { replay = id }).log, (explore.log(result, id)))
  end)
end)

-- The command line -----------------------------------------------------------------------------------

test("the report has the stories, the table, what was proven, what was not tried and what is assumed", function()
  toy.with(BLIND, function(root)
    local all = toy.run(root, "toy")
    equal(all.exit, 1)
    for _, part in ipairs { "FAILED  toy:500-applied:http:1\n", "  fault ", "  broke   left over: ", "  left    + comment on #42",
      "  alike   ", ("  again   davit rehearse toy --project %s --replay toy:500-applied:http:1\n"):format(root),
      "\n  POST /issues/{}/comments ", "\nproven ", "\nnot tried ", "\nassumed ", " failed\n" } do
      contains(all.output, part)
    end
    for line in all.output:gmatch "[^\n]+" do
      if not line:find("--replay", 1, true) then equal({ line, utf8.len(line) <= 100 }, { line, true }) end
    end
  end)
end)

test("a command that is printed has the parameters that were given, and no others", function()
  toy.with(BLIND, function(root)
    contains(toy.run(root, "toy", "--text", "it's").output, "davit rehearse toy --text 'it'\\''s' --project ")
  end)
end)

test("a replay tells every event, what broke and what is left; one that holds says so", function()
  toy.with(BLIND, function(root)
    local failed = toy.run(root, "toy", "--replay", "toy:lost:http:1", "--log", root .. "/log")
    equal(failed.exit, 1)
    contains(failed.output, "FAILED  toy:lost:http:1\n   0.000 ")
    contains(failed.output, "\n>> 0.000 lost at http 1: POST api.github.com/repos/example/codex/issues/42/comments, "
      .. "it is carried out, and the connection breaks before the answer\n")
    contains(failed.output, "\n  left    + comment on #42")
    contains(fs.read(root .. "/log"), "0.000 lost at http 1\n")
    local held = toy.run(root, "toy", "--replay", "crash-before:http:1:resume")
    equal(held.exit, 0)
    contains(held.output, "HOLDS  toy:crash-before:http:1:resume\n")
    lacks(held.output, "broke")
    local none = toy.run(root, "toy", "--replay", "crash-before:http:7:resume")
    equal(none.exit, 1)
    contains(none.output, "no end: the run never comes to this point")
    for _, id in ipairs { "foo", "toy:crash-after:journal:x:resume", "other:crash-after:http:1:resume", "" } do
      local wrong = toy.run(root, "toy", "--replay", id)
      equal(wrong.exit, 2)
      contains(wrong.errors, ("--replay: no schedule of 'toy' is called '%s'"):format(id))
    end
  end)
end)

test("--json has the table, what is assumed, and how a run that failed has ended", function()
  toy.with(BLIND, function(root)
    local failed, last
    for line in toy.run(root, "toy", "--json").output:gmatch "[^\n]+" do
      last = json.decode(line)
      if last.schedule == "toy:lost:http:1" then failed = last end
    end
    equal({ #failed.ended, failed.ended[1].code, failed.ended[1].status }, { 1, 8, "failed" })
    local sum = { held = 0, failed = 0, merged = 0, untried = 0 }
    for _, cell in ipairs(last.summary.cells) do
      for name in pairs(sum) do sum[name] = sum[name] + cell[name] end
    end
    equal(sum, { held = last.summary.schedules - last.summary.failed, failed = last.summary.failed,
      merged = last.summary.merged, untried = last.summary.untried })
    equal(last.summary.assumed[1], { service = "GitHub", operation = "comments" })
  end)
end)

-- The page -------------------------------------------------------------------------------------------

local function browser()
  for _, name in ipairs { "chromium", "chromium-browser", "google-chrome" } do
    local found = process.run { argv = { "sh", "-c", 'command -v "$1"', "sh", name }, check = false }
    if found.exit == 0 then return found.output:match "[^\n]+" end
  end
end

local function opened(folder, program, file, of_pairs)
  local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"
  local path = ("%s/build/npm/node_modules/.bin:%s"):format(here, os.getenv "PATH")
  return json.decode(process.run { timeout = 240, env = { HOME = folder, PATH = path },
    argv = { "node", "tests/rehearsal_page.mjs", here .. "/build/clients-npm/node_modules", program, folder .. "/profile",
      file, folder .. "/page.png", of_pairs } }.output)
end

-- A page of a few pairs, of which one fails, and one because of what went wrong then.
local function page_of_pairs(root)
  local folder, file = root .. "/pairs", root .. "/pairs.html"
  fs.write(folder .. "/davit.yaml", fs.read(root .. "/davit.yaml"))
  fs.write(folder .. "/recipes/toy.lua", toy.recipe(TWICE))
  local result, o = toy.rehearse(folder, { plan = table.concat({ "secondary-limit:http:1", "secondary-limit:http:1+secondary-limit:http:2",
    "slow:http:1+slow:http:2", "slow:http:1+crash-after:http:3:resume" }, "\n") })
  fs.write(file, page.of(result, "davit rehearse toy", o))
  return file
end

local function check_pairs(seen)
  equal({ seen.wide, seen.dead, seen.closed }, { false, {}, {} })
  equal(seen.table, { { "", "limit", "slow", "crash" }, { "first ↓  then →" }, { "limit", "✗1", "", "" },
    { "slow", "", "1", "✗1" } })
  equal({ #seen.cell, #seen.schedule, seen.schedule[1].id }, { 1, 1, "s-secondary-limit:http:1+secondary-limit:http:2" })
  contains(seen.cell[1].text, "First: too many requests. Then: too many requests")
  contains(seen.cell[1].text, "failed: 403, GitHub's secondary limit, wait for 60 s, then 403, GitHub's secondary limit, wait for 60 s")
  contains(seen.schedule[1].text, "--replay toy:secondary-limit:http:1+secondary-limit:http:2")
end

test("the page stands alone, and in a browser leads from a cell to its schedules and their events", function()
  local program = browser() or skip "there is no Chromium"
  if not fs.exists "build/clients-npm/node_modules/puppeteer-core" then skip "puppeteer-core is not installed" end
  toy.with(BLIND, function(root)
    equal(toy.run(root, "toy", "--html", root .. "/page.html").exit, 1)
    local seen = opened(root, program, root .. "/page.html", page_of_pairs(root))
    equal({ seen.title, seen.verdict:match "%d+ of %d+ schedules failed" ~= nil }, { "Rehearsal of toy", true })
    equal({ seen.problems, seen.asked, seen.dead, seen.before, seen.closed }, { {}, { "file:", "file:" }, {}, {}, {} })
    equal({ seen.wide, seen.narrow, seen.cells > 20, #seen.failed > 5 }, { false, false, true, true })
    equal({ #seen.cell, #seen.schedule }, { 1, 1 })
    contains(seen.cell[1].text, "lost:http:1 failed: it is carried out, and the connection breaks before the answer")
    contains(seen.cell[1].text, "reset:http:1 held")
    equal(seen.schedule[1].id, "s-cut:http:1")
    for _, part in ipairs { "What broke", "+ comment on #42", "exit code 8", "step-failed comment", "--replay toy:cut:http:1" } do
      contains(seen.schedule[1].text, part)
    end
    equal(#seen.faults, 1)
    contains(seen.faults[1], "the connection breaks in the answer")
    check_pairs(seen.pairs)
  end)
end)

test("the page has nothing from elsewhere, and what a run says is text in it", function()
  toy.with(BLIND, function(root)
    toy.run(root, "toy", "--html", root .. "/page.html", "--text", "<script>alert(1)</script>&")
    local html = fs.read(root .. "/page.html")
    contains(html, "default-src 'none'; style-src 'unsafe-inline'")
    contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;")
    for _, part in ipairs { "<script", "src=", "url(", "@import", "<link", 'href="http' } do lacks(html, part) end
    contains(html, 'id="undisturbed"')
  end)
end)

test("a secret that a run was given is in no page, story, log or line", function()
  toy.with(BLIND, function(root)
    local value = 'it"s<secret>&more'
    local function given(...)
      local argv = { toy.davit:sub(1, 1) == "/" and toy.davit or "./" .. toy.davit, "rehearse", "toy", "--text", value, ... }
      argv[#argv + 1] = "--project=" .. root
      local told = process.run { argv = argv, env = { GITHUB_TOKEN = value }, check = false, timeout = 300 }
      return told.output .. told.errors
    end
    local told = given("--html", root .. "/page.html", "--log", root .. "/log") .. given "--json"
      .. given("--replay", "lost:http:1") .. fs.read(root .. "/page.html") .. fs.read(root .. "/log")
    contains(told, "comment on #42 by github-actions[bot]: ***")
    for _, part in ipairs { value, 'it"s', "it&quot;s&lt;secret&gt;&amp;more", "secret>&more" } do lacks(told, part) end
  end)
end)

-- A debugger -----------------------------------------------------------------------------------------

test("a replay can be watched in gdb: it stops where something goes wrong, and goes on", function()
  if toy.sanitized then skip "the sanitizers look for leaks by ptrace, too" end
  if process.run { argv = { "sh", "-c", "command -v gdb" }, check = false }.exit ~= 0 then skip "there is no gdb" end
  toy.with(BLIND, function(root)
    local davit = toy.davit:sub(1, 1) == "/" and toy.davit or "./" .. toy.davit
    local told = process.run { check = false, timeout = 240, argv = { "gdb", "-q", "-nx", "-batch", "-iex",
      "set debuginfod enabled off", "-x", "docs/replay.gdb", "-ex", "print t->fault", "-ex", "continue", "--args", davit,
      "rehearse", "toy", "--replay", "toy:lost:http:1", "--project=" .. root } }
    if (told.output .. told.errors):find("ptrace", 1, true) then skip "processes may not be watched here" end
    contains(told.output, 'hit Breakpoint 3, go_wrong')
    contains(told.output, '$1 = "lost')
    contains(told.output, "FAILED  toy:lost:http:1\n")
  end)
end)
