---What a plan does with a recipe: looks, names, and changes nothing.
local fs = require "fs"
local http = require "http"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()
local plan = require "run.plan"
local planned = require "run.planned"
local process = require "process"

local function resource(name, o)
  o = o or {}
  return { name, find = function() return o.there end, create = function() error("created " .. name) end,
    destroy = function() error("destroyed " .. name) end, matches = o.matches, update = o.update, plan = o.plan }
end

-- A list such as "create x; run y (why)", and what would stop the run.
local function planned_of(run, params)
  local list, err = plan.make({ run = run }, params or {})
  local texts = {}
  for i, one in ipairs(list) do texts[i] = ("%s %s%s"):format(one.action, one.name, one.why and " (" .. one.why .. ")" or "") end
  return table.concat(texts, "; "), err
end

test("what is not there would be created, and what is there kept or changed as it says itself", function()
  local thing = { id = "1" }
  local told, err = planned_of(function(_, run)
    run.ensure(resource "a")
    equal(run.ensure(resource("b", { there = thing })), thing)
    run.ensure(resource("c", { there = thing, plan = function() return "keep" end, update = error }))
    run.ensure(resource("d", { there = thing, plan = function() return "change", "its size" end, update = error }))
    run.ensure(resource("e", { there = thing, update = error }))
    equal({ run.destroy(resource("f", { there = thing })), run.destroy(resource "g") }, { true, false })
  end)
  equal({ told, err }, { "create a; keep b; keep c; change d (its size); change e (as far as it differs); destroy f" })
end)

test("only what says that it reads is run; every other step is named", function()
  local told, err = planned_of(function(p, run)
    equal(run.look("reads", { n = 1 }, function() return p.n + 1 end), 3)
    local result = run.step("writes", function() error "it ran" end, function() error "taken back" end)
    run.parallel { left = function() run.step("half", { of = result }, function() error "it ran" end) end }
    local _ <close> = run.lease "nobody's"
    run.approve { "Go?", plan = result }
    run.output("result", result)
    equal(#run.outcome().back, 0)
  end, { n = 2 })
  equal({ told, err }, { "read reads; run writes; run left/half; ask Go?" })
end)

test("what is not known yet can be indexed, called, joined and printed, and has no items", function()
  planned_of(function(_, run)
    local branch = run.ensure(resource "branch")
    equal(tostring(branch.id), "(known after branch)")
    equal("at " .. branch.host.name .. ":" .. branch.port, "at (known after branch):(known after branch)")
    equal(("%s"):format(branch.digest:sub(1, 12)), "(known after branch)")
    equal({ #branch, branch[1], next(branch), planned.is(branch.id), planned.is "x" }, { 0, nil, nil, true, false })
    for _ in ipairs(branch) do error "an item" end
    run.ensure(resource("version " .. branch.id))
  end)
end)

test("a resource whose name is not known yet may be there", function()
  equal(planned_of(function(_, run)
    run.ensure(resource("version " .. run.step("build", function() end)))
  end), "run build; create version (known after build) (unless it is there)")
end)

test("what would stop the run stops the plan, after what comes before it", function()
  local told, err = planned_of(function(_, run)
    run.ensure(resource "a")
    run.ensure(resource("b", { there = {}, matches = function() return false, "it is another's" end }))
    run.ensure(resource "c")
  end)
  equal({ told, err.code }, { "create a", "not-ours" })
end)

test("a plan is strict about how it is called, as a run is", function()
  local function misuse(pattern, f)
    local _, err = planned_of(function(_, run) f(run) end)
    equal({ err and err.class, tostring(err):find(pattern) ~= nil }, { "misuse", true })
  end
  misuse("run.step: expected a name", function(run) run.step(nil, function() end) end)
  misuse("run.step 'x': expected a function", function(run) run.step("x", {}) end)
  misuse("run.look 'x': inputs are a table, not a number", function(run) run.look("x", 3, function() end) end)
  misuse("run.ensure 'x': the field 'find' must be a function", function(run) run.ensure { "x" } end)
end)

-- ---- what a step says of itself ---------------------------------------------------------------------

test("a step may say what it would do, why, and what it would give back", function()
  local told, err = planned_of(function(_, run)
    local made = run.step("a", { n = 1 }, error, nil, function() return "create" end)
    equal(tostring(made.id), "(known after a)")
    equal(run.step("b", error, error, function() return "keep", "it serves", { id = 7 } end).id, 7)
    run.step("c", error, nil, function() return "skip", "nothing is pending" end)
    planned.tell("stays", "the data")
  end)
  equal({ told, err }, { "create a; keep b (it serves); skip c (nothing is pending); stays the data" })
  local _, wrong = planned_of(function(_, run) run.step("d", error, nil, function() return "maybe" end) end)
  equal(wrong.message, "run.step 'd': its plan says create, change, keep, destroy, run or skip, not maybe")
  _, wrong = planned_of(function(_, run) run.step("e", error, nil, "keep") end)
  equal(wrong.message, "run.step 'e': plan must be a function")
end)

test("what the run itself would make is destroyed in its plan, too", function()
  equal(planned_of(function(_, run)
    run.ensure(resource "a")
    run.step("b", error, nil, function() return "create" end)
    for _, name in ipairs { "a", "b", "c" } do run.destroy(resource(name)) end
  end), "create a; create b; destroy a (which this run has made); destroy b (which this run has made)")
end)

-- ---- the net below ----------------------------------------------------------------------------------

local function refused(pattern, f, plans)
  local _, err = plan.make({ run = function(_, run) f(run) end, plans = plans }, {})
  equal({ err and err.code, err and tostring(err):find(pattern) ~= nil or tostring(err) }, { "plan-effect", true })
  return err
end

test("an effect is refused wherever it stands: nothing is sent, written or started", function()
  local folder <close> = fs.temporary()
  local file, outside = folder / "made.txt", { outside = true }
  fs.write(folder / "there.txt", "x", outside)
  for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE", "get" } do
    refused("would send a " .. method .. " to 127.0.0.1:9/x; do it in a run.step", function()
      http.request { url = "http://127.0.0.1:9/x?secret=1", method = method }
    end)
  end
  refused("would open a WebSocket to 127.0.0.1:9/x", function()
    require("websocket").connect { url = "ws://127.0.0.1:9/x" }
  end)
  refused("would write .*made.txt", function() fs.write(file, "x", outside) end)
  refused("would write .*made.txt", function(run)
    run.look("looks", function() fs.write(file, "x", outside) end)
  end)
  refused("would remove .*there.txt", function() fs.remove(folder / "there.txt", outside) end)
  refused("would rename .*there.txt", function() fs.move(folder / "there.txt", file, outside) end)
  refused("would copy .*there.txt", function() fs.copy(folder / "there.txt", file, outside) end)
  refused("would make .*sub", function() fs.make(folder / "sub", outside) end)
  refused("would open a store of runs", function() require("store.core").open(folder / "journal.db") end)
  refused("would run 'touch .*made.txt'", function() process.run { argv = { "touch", file } } end)
  refused("would run 'touch made.txt'", function(run)
    run.look("looks", function() process.run { command = "touch made.txt" } end)
  end)
  equal(fs.list(folder.path, outside), { "there.txt" })
  equal(planned.active(), false)
end)

test("a refusal names the recipe's line, and is exit code 7", function()
  local err = refused("would send a POST", function() http.request { url = "http://127.0.0.1:9/", method = "POST" } end)
  equal(err.where:match "^tests/plan_test.lua:%d+$" ~= nil, true)
  equal(require("cli.exit").code(err), 7)
end)

test("what a recipe caught is told at its end all the same, unless something else stops it", function()
  refused("would run 'rm %-rf x', and the recipe went on", function()
    equal(select(2, try(process.run, { argv = { "rm", "-rf", "x" } })).code, "plan-effect")
  end)
  local _, err = planned_of(function()
    try(process.run, { argv = { "rm", "-rf", "x" } })
    failure { code = "denied", message = "no" }
  end)
  equal(err.code, "denied")
end)

test("what only reads goes through: questions to git, and programs that the recipe names", function()
  local told, err = planned_of(function(_, run)
    equal(run.look("asks git", function() return process.run({ argv = { "git", "rev-parse", "HEAD" } }).exit end), 0)
    local _, refusal = try(http.request, { url = "http://127.0.0.1:9/" })
    equal(refusal.code ~= "plan-effect", true)
  end)
  equal({ told, err }, { "read asks git" })
  refused("would run 'git push'", function() process.run { argv = { "git", "push" } } end)
  refused("would run 'git symbolic%-ref HEAD refs/heads/x'", function()
    process.run { argv = { "git", "symbolic-ref", "HEAD", "refs/heads/x" } }
  end)
  local _, wrong = plan.make({ plans = { "echo main", "printf a | cat" }, run = function()
    equal(process.run({ argv = { "echo", "main", "and more" } }).output, "main and more\n")
    equal(process.run({ command = "printf a | cat" }).output, "a")
  end }, {})
  equal(wrong, nil)
  refused("would run 'echo other'", function() process.run { argv = { "echo", "other" } } end, { "echo main" })
end)

-- Of recipes of a project's own, as a person asks for it.
local OWN <const> = [[
local fs = require "fs"
return { summary = "x", plans = true, params = { up = { type = "boolean", default = false } }, run = function(p, run)
  local own <close> = fs.temporary()
  fs.write(own / "file", "x")
  print(fs.read(own / "file"))
  if p.up then fs.write(own / "../../../made", "x") end
end }]]

local SLIP <const> = [[
local http = require "http"
return { summary = "x", plans = { "echo a" }, run = function(_, run)
  run.step("announce", function() error "it ran" end)
  http.request { url = "http://127.0.0.1:9/token", method = "POST" }
end }]]

test("temporary files of a project's recipe are fine, and lead nowhere else", function()
  local bare <close> = places.bare { own = OWN }
  local result = bare:davit("own", "--plan")
  equal({ result.exit, result.output:sub(1, 2) }, { 0, "x\n" })
  result = bare:davit("own", "--plan", "--up")
  equal({ result.exit, result.errors:find("would write .*made") ~= nil }, { 7, true })
  equal(fs.list(bare.folder, { outside = true }), { ".davit/", "davit.yaml", "recipes/" })
  equal(fs.list(bare.folder .. "/.davit/tmp", { outside = true }), {})
end)

test("a slip of a project's own recipe is exit code 7 with its line, in text and JSON", function()
  local bare <close> = places.bare { slip = SLIP }
  local result = bare:davit("slip", "--plan")
  equal({ result.exit, result.output:find("> run      announce", 1, true) ~= nil }, { 7, true })
  equal(result.errors:find("recipes/slip.lua:4: a plan changes nothing, and this would send a POST to 127.0.0.1:9/token",
    1, true) ~= nil, true)
  result = bare:davit("slip", "--plan", "--json")
  local last = json.decode(result.output:match "([^\n]+)\n$")
  equal({ result.exit, last.event, last.data.error.code, last.data.counts.run }, { 7, "plan", "plan-effect", 1 })
end)

test("a recipe that says nothing of plans refuses one", function()
  local bare <close> = places.bare { plain = [[return { summary = "x", run = print }]],
    wrong = [[return { summary = "x", plans = { 1 }, run = print }]] }
  local result = bare:davit("plain", "--plan")
  equal({ result.exit, result.errors:find("--plan is not available for 'plain'", 1, true) ~= nil }, { 2, true })
  result = bare:davit("wrong", "--plan")
  equal({ result.exit, result.errors:find("the field 'plans' must be a boolean or list", 1, true) ~= nil }, { 2, true })
end)

test("after a plan everything is as it was", function()
  local folder <close> = fs.temporary()
  planned_of(function() failure { code = "denied", message = "no" } end)
  fs.write(folder / "file", "x", { outside = true })
  equal(process.run({ argv = { "cat", folder / "file" } }).output, "x")
end)
