---Recipes with a bug that was put there on purpose: a rehearsal finds every one and names what it breaks. The same recipe
---without it holds.
local core = require "core"
local explore = require "rehearsal.explore"
local fs = require "fs"
local process = require "process"
local project = require "project"
local toy = core.load_file("tests/rehearsal_toy.lua")()

local HEAD = fs.read "tests/planted/head.lua"
local bugs = core.load_file("tests/planted/bugs.lua")()

local YAML <const> = toy.YAML .. "databases: { main: { neon: wandering-moon-123456, parent: production } }\n"

-- What comes when the pull request is closed: nothing is there to clean up but by the lease.
local CLEANUP = [[
return { summary = "Nothing", params = { pr = { type = "integer", required = true } }, run = function(p, run)
  local _ <close> = run.lease("toy/" .. p.pr, { supersede = true })
end }
]]

local BEGIN <const> = "local _ <close> = begin(run)\n"

local function recipe(folder, name, body)
  fs.write(("%s/recipes/%s.lua"):format(folder, name), ([[
%s
return { summary = "A toy", approves = true, params = { pr = { type = "integer", default = 42 } }, run = function(_, run)
%s
end }
]]):format(HEAD, body))
end

local function rehearse(bug, body, every, each)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  fs.write(folder .. "/davit.yaml", YAML)
  fs.write(folder .. "/recipes/cleanup.lua", CLEANUP)
  recipe(folder, "scene", bug.scene or "")
  recipe(folder, "toy", (bug.leaseless and "" or BEGIN) .. body)
  local params = { pr = 42 }
  return explore.run(project.read(folder), { recipe = "toy", params = params, faults = true, seed = 1, jobs = 2,
    after = { { recipe = "scene", params = params } }, pull_requests = { 42 }, every = every, limit = 60 },
    each or function() end)
end

local function broken(result)
  local seen = {}
  for _, packet in ipairs(result.failed) do
    for _, problem in ipairs(packet.problems) do seen[problem.what] = seen[problem.what] or packet.schedule end
  end
  return seen
end

local function names_it(packet, what)
  for _, problem in ipairs(packet.problems) do
    if problem.what == what then return true end
  end
end

local function names(set)
  local list = {}
  for name, schedule in pairs(set) do list[#list + 1] = ("%s (%s)"):format(name, schedule) end
  return table.concat(list, ", ")
end

for _, bug in ipairs(bugs) do
  test("found: " .. bug[1], function()
    if toy.sanitized then skip "a forked process under the sanitizers is slow" end
    local seen = broken(rehearse(bug, bug.wrong, 1, function(packet) return names_it(packet, bug.breaks) end))
    if not seen[bug.breaks] then error(("not named: %s; but %s"):format(bug.breaks, names(seen)), 0) end
  end)

  test("without it: " .. bug[1], function()
    local result = rehearse(bug, bug.right, toy.sanitized and 41 or 3)
    equal(names(broken(result)), "")
    equal(result.reference.outcome.code, 0)
  end)
end

test("there are twenty-five of them at least", function() equal(#bugs >= 25, true) end)
