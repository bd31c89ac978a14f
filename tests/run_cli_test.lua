---Durable runs on the command line, each verb a process of its own: what is resumed from where, what is
---refused, what `cancel`, `approve` and `gc` make of a run that is over.
local fs = require "fs"
local json = require "json"
local process = require "process"
local store = require "store.core"

local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
local davit = here .. "/" .. (os.getenv "DAVIT" or "build/davit")

local function davit_in(folder, ...)
  return process.run {
    argv = { davit, ... }, cwd = folder, check = false, env = { CI = false, NO_COLOR = "1" },
  }
end

-- A project whose recipe `files` makes files, asks, and fails while the file "broken" is there.
local recipe = [[
local fs = require "fs"
local function file(name)
  return {
    name,
    find = function() return fs.exists(name) and name or nil end,
    create = function() fs.write(name, "") return name end,
    destroy = function() fs.remove(name) end,
  }
end
return {
  summary = "Makes files", approves = true,
  params = { ask = { type = "boolean", default = false }, names = { type = "list", default = { "a", "b" } } },
  run = function(p, run)
    local _ <close> = run.lease "files"
    for _, name in ipairs(p.names) do run.ensure(file(name)) end
    if p.ask then run.approve { "go on?" } end
    run.step("check", function() if fs.exists "broken" then failure { code = "broken", message = "broken" } end end)
    run.output("files", #p.names)
  end,
  undo = function() end,
}
]]

local function project(f)
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  fs.write(folder .. "/davit.yaml", "version: 1\nproject: one\n")
  fs.write(folder .. "/recipes/files.lua", recipe)
  fs.make(folder .. "/below")
  local _, err = try(f, folder)
  fs.remove(folder)
  if err then error(err, 0) end
end

local function runs(folder)
  local list = {}
  for line in davit_in(folder, "runs", "--json").output:gmatch("[^\n]+") do list[#list + 1] = json.decode(line) end
  return list
end

-- A run that failed and keeps what it made.
local function failed(folder)
  fs.write(folder .. "/broken", "")
  equal(davit_in(folder, "files", "--keep").exit, 3)
  fs.remove(folder .. "/broken")
  return runs(folder)[1].run
end

-- What was asked for ---------------------------------------------------------------------------

test("a run is told as it was typed, and with all that it was given where its recipe is gone", function()
  project(function(folder)
    equal(davit_in(folder, "files", "--names", "c,a b").exit, 0)
    local function told()
      local id = runs(folder)[1].run
      return davit_in(folder, "runs").output:match "%((.-)%)\n$", davit_in(folder, "show", id).output:match "^%S+  (.-)  done"
    end
    equal({ told() }, { "files --names 'c,a b'", "files --names 'c,a b'" })
    fs.remove(folder .. "/recipes/files.lua")
    equal({ told() }, { "files --no-ask --names 'c,a b'", "files --no-ask --names 'c,a b'" })
  end)
end)

-- Where -----------------------------------------------------------------------------------------

test("a run is resumed from a folder below the project, and after the project was moved", function()
  project(function(folder)
    local first = failed(folder)
    local below = davit_in(folder .. "/below", "resume", first)
    equal(below.errors:find("changed since", 1, true), nil)
    equal(davit_in(folder, "undo", first).exit, 0)
    local second = failed(folder)
    local moved = folder .. "-moved"
    process.run { argv = { "mv", folder, moved } }
    local result = davit_in(moved, "resume", second, "--project", moved)
    process.run { argv = { "mv", moved, folder } }
    equal({ result.exit, result.output }, { 0, "files: 2\n" })
  end)
end)

test("a run of another project in the same store is refused, and not taken as the only one", function()
  project(function(folder)
    local id = failed(folder)
    local session <close> = store.open(folder .. "/.davit/journal.db")
    session:append { { run = id, at = os.time(), kind = "run-interrupted", path = "", status = "interrupted",
      data = "{}" } }
    fs.write(folder .. "/davit.yaml", "version: 1\nproject: two\n")
    for _, verb in ipairs { "resume", "undo", "cancel", "approve" } do
      local result = davit_in(folder, verb, id)
      equal({ verb, result.exit }, { verb, 2 })
      equal(result.errors:find("belongs to the project 'one', and this is 'two'", 1, true) ~= nil, true)
    end
    equal(davit_in(folder, "resume").output, "nothing to resume\n")
  end)
end)

test("a recipe that is gone is named", function()
  project(function(folder)
    local id = failed(folder)
    fs.remove(folder .. "/recipes/files.lua")
    local result = davit_in(folder, "undo", id)
    equal({ result.exit, result.errors:find("no recipe is called 'files'", 1, true) ~= nil }, { 2, true })
    equal(davit_in(folder, "show", id).exit, 0)
  end)
end)

-- What is left --------------------------------------------------------------------------------------

test("the command that takes back without a journal can be typed as it stands", function()
  project(function(folder)
    fs.write(folder .. "/broken", "")
    local result = davit_in(folder, "files", "--keep", "--names", "it's,b", "--no-ask")
    local command = result.errors:match("without the journal: 'davit (.-)'\n")
    equal(command, "undo files --ask=false --names 'it'\\''s,b'")
    equal(process.run { command = davit .. " " .. command, cwd = folder, check = false }.exit, 0)
  end)
end)

test("an undo that is refused neither prints outputs nor changes the run", function()
  project(function(folder)
    equal(davit_in(folder, "files").output, "files: 2\n")
    equal(davit_in(folder, "files").output, "files: 2\n")
    local older = runs(folder)[2]
    local result = davit_in(folder, "undo", older.run)
    equal({ result.exit, result.output }, { 2, "" })
    equal(runs(folder)[2].status, "done")
    equal(davit_in(folder, "resume").output, "nothing to resume\n")
    equal(davit_in(folder, "undo", older.run, "--accept-changes").exit, 0)
  end)
end)

test("an undo that is stopped before it took anything back leaves the run as it was", function()
  project(function(folder)
    equal(davit_in(folder, "files").exit, 0)
    local id = runs(folder)[1].run
    local session <close> = store.open(folder .. "/.davit/journal.db")
    session:take { name = "one/files", run = "other", seconds = 30 }
    local child <close> = process.start {
      argv = { davit, "undo", id, "--wait", "--json" }, cwd = folder, env = { CI = false },
    }
    repeat local line = child:line() until line:find("lease-awaited", 1, true)
    child:kill "INT"
    local result = child:wait()
    equal({ result.exit, runs(folder)[1].status }, { 10, "done" })
    equal(result.errors:find(("nothing was taken back yet, 'davit undo %s' begins again"):format(id), 1, true) ~= nil,
      true)
    session:release "one/files"
    equal({ davit_in(folder, "undo", id).exit, fs.exists(folder .. "/a") }, { 0, false })
  end)
end)

-- Deciding --------------------------------------------------------------------------------------------

test("a parked run that was taken back or cancelled cannot be approved any more", function()
  project(function(folder)
    for verb, status in pairs { undo = "undone", cancel = "cancelled" } do
      equal(davit_in(folder, "files", "--ask").exit, 75)
      local id = runs(folder)[1].run
      equal({ verb, davit_in(folder, verb, id).exit }, { verb, 0 })
      local late = davit_in(folder, "approve", id)
      equal(late.errors:find(("does not wait for an approval: it is %s"):format(status), 1, true) ~= nil, true)
      equal({ late.exit, runs(folder)[1].status }, { 2, status })
    end
  end)
end)

test("a run whose process ended without a word is cancelled, and can be resumed", function()
  project(function(folder)
    local id = failed(folder)
    local session <close> = store.open(folder .. "/.davit/journal.db")
    session:append { { run = id, at = os.time(), kind = "run-resumed", path = "", status = "running",
      data = json.encode(session:runs({ run = id })[1].first and {}) } }
    equal(session:take { name = "run/" .. id, run = id, seconds = 1 } ~= nil, true)
    local result
    parallel {
      cancel = function() result = davit_in(folder, "cancel", id) end,
      ends = function()
        while not session:leases("run/" .. id)[1].request do sleep(0.01) end
        session:release("run/" .. id)
      end,
    }
    equal({ result.exit, runs(folder)[1].status }, { 0, "cancelled" })
  end)
end)

test("gc does not forget what somebody takes back now", function()
  project(function(folder)
    equal(davit_in(folder, "files").exit, 0)
    local id = runs(folder)[1].run
    local session <close> = store.open(folder .. "/.davit/journal.db")
    session:take { name = "run/" .. id, run = id, seconds = 30 }
    local kept = davit_in(folder, "gc", "--keep", "0s").output
    equal({ kept:find("^0 runs forgotten") ~= nil, #runs(folder) }, { true, 1 })
    session:release("run/" .. id)
    equal(davit_in(folder, "gc", "--keep", "0s").output:find("^1 runs forgotten") ~= nil, true)
  end)
end)

-- Taking the place of another ---------------------------------------------------------------------------

test("a run that is superseded while it takes back is over, and takes nothing more back", function()
  project(function(folder)
    fs.write(folder .. "/recipes/slow.lua", [[
local fs = require "fs"
return { summary = "s", params = { fail = { type = "boolean", default = false } }, run = function(p, run)
  local _ <close> = run.lease("slow", { supersede = true })
  if not p.fail then return end
  run.ensure {
    "thing",
    find = function() return fs.exists "thing" and "thing" or nil end,
    create = function() fs.write("thing", "") return "thing" end,
    destroy = function() fs.write("destroying", "") sleep(600) end,
  }
  failure "stop"
end }
]])
    local older <close> = process.start {
      argv = { davit, "slow", "--fail" }, cwd = folder, env = { CI = false },
    }
    while not fs.exists(folder .. "/destroying") do sleep(0.02) end
    equal(davit_in(folder, "slow").exit, 0)
    equal(older:wait().exit, 6)
    equal({ runs(folder)[2].status, fs.exists(folder .. "/thing") }, { "superseded", true })
    equal(davit_in(folder, "resume").output, "nothing to resume\n")
  end)
end)

-- ---- what cannot be taken back -------------------------------------------------------------------------------

local STUCK = [[
local fs = require "fs"
return { summary = "Makes what cannot be taken back", run = function(_, run)
  run.step("first", function() end, function() fs.append("undone", "first ") end)
  run.step("stuck", function() end, function()
    fs.append("undone", "stuck ")
    if not fs.exists "free" then failure { code = "stuck", class = "fatal", message = "it is bolted on" } end
  end)
  failure { code = "broken", message = "broken" }
end }
]]

local function stuck(f)
  project(function(folder)
    fs.write(folder .. "/recipes/stuck.lua", STUCK)
    local result = davit_in(folder, "run", "stuck")
    equal(result.exit, 3)
    f(folder, result.errors:match "davit undo (stuck%-%S+)'")
  end)
end

local function says(result, text)
  if not result.errors:find(text, 1, true) then error(("'%s' is not in: %s"):format(text, result.errors), 2) end
end

test("what cannot be taken back is named with its reason, each time, until it can be", function()
  stuck(function(folder, id)
    local again = davit_in(folder, "undo", id)
    equal(again.exit, 3)
    says(again, "not taken back: stuck (it is bolted on)")
    says(again, ("'davit undo %s' tries again; with --accept-left it stays as it is, and the run is over"):format(id))
    equal(fs.read(folder .. "/undone"), "stuck first stuck ")
    fs.write(folder .. "/free", "")
    equal(davit_in(folder, "undo", id).exit, 0)
    equal(runs(folder)[1].status, "undone")
  end)
end)

test("what somebody accepts is left as it is, and the run is over", function()
  stuck(function(folder, id)
    local accepted = davit_in(folder, "undo", id, "--accept-left")
    equal(accepted.exit, 0)
    says(accepted, "it stays as it is: stuck")
    equal({ fs.read(folder .. "/undone"), runs(folder)[1].status }, { "stuck first ", "undone" })
    says(davit_in(folder, "undo", id), "it was taken back already")
    equal(davit_in(folder, "show", id).output:find("not taken back, and accepted", 1, true) ~= nil, true)
    equal(davit_in(folder, "gc", "--keep", "0s", "--dry-run").output:find("^1 runs") ~= nil, true)
  end)
end)

test("nothing is accepted that nobody has tried to take back", function()
  project(function(folder)
    local id = failed(folder)
    local refused = davit_in(folder, "undo", id, "--accept-left")
    equal(refused.exit, 2)
    says(refused, "nobody has tried to take 'a' back")
    equal(davit_in(folder, "undo", id).exit, 0)
  end)
end)
