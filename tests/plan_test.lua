---What a plan does with a recipe: looks, names, and changes nothing.
local fs = require "fs"
local http = require "http"
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

-- ---- the second net ---------------------------------------------------------------------------------

local function refused(pattern, f)
  local _, err = planned_of(function(_, run) f(run) end)
  equal({ err and err.code, tostring(err):find(pattern) ~= nil }, { "plan-effect", true })
end

test("an effect outside of every step is refused, and one within a step that says it only reads", function()
  local folder <close> = fs.temporary()
  local file = folder / "made.txt"
  for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE" } do
    refused("would send a " .. method .. " to http://127.0.0.1:9/x", function()
      http.request { url = "http://127.0.0.1:9/x?secret=1", method = method }
    end)
  end
  refused("would write .*made.txt", function() fs.write(file, "x", { outside = true }) end)
  refused("would write .*made.txt", function(run)
    run.look("looks", function() fs.write(file, "x", { outside = true }) end)
  end)
  refused("would run 'touch .*made.txt'", function() process.run { argv = { "touch", file } } end)
  equal(fs.exists(file, { outside = true }), false)
  equal(planned.active(), false)
end)

test("what only reads goes through, programs within a step that says so", function()
  local told, err = planned_of(function(_, run)
    equal(run.look("asks git", function() return process.run({ argv = { "echo", "main" } }).output end), "main\n")
    local _, refusal = try(http.request, { url = "http://127.0.0.1:9/" })
    equal(refusal.code ~= "plan-effect", true)
  end)
  equal({ told, err }, { "read asks git" })
end)

test("after a plan everything is as it was", function()
  local folder <close> = fs.temporary()
  planned_of(function() failure { code = "denied", message = "no" } end)
  fs.write(folder / "file", "x", { outside = true })
  equal(process.run({ argv = { "cat", folder / "file" } }).output, "x")
end)
