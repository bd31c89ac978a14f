---The flows of production through the crash rehearsal: deploying, going back, secrets. Each starts where the flows
---before it have led, and holds wherever it is killed.
local explore = require "rehearsal.explore"
local project = require "project"

local DAVIT = os.getenv "DAVIT" or ""
local EVERY = DAVIT:find("san", 1, true) and 29 or 1   -- a forked process under the sanitizers is slow

local CODEX = "tests/projects/codex"

local TEST = { recipe = "test", params = { parallel = 4, only = {}, all = false, bundles = false } }
local PUSH = { push = true }

local function production(own)
  local params = { take_over = false, accept_breaking = false }
  for name, value in pairs(own or {}) do params[name] = value end
  return { recipe = "production", params = params }
end

-- Rehearses a recipe after others; every n-th schedule alone where `every` says so.
local function rehearse(what, after, o)
  o = o or {}
  return explore.run(project.read(o.root or CODEX), { recipe = what.recipe, params = what.params, after = after,
    seed = 1, jobs = 2, pull_requests = { 42 }, every = (o.every or 1) * EVERY, limit = 60 }, function() end)
end

local function ended(result) return { result.failed, (result.reference or { outcome = {} }).outcome.code } end

-- The lines of an inventory that begin with this.
local function lines_of(list, beginning)
  local found = {}
  for _, line in ipairs(list) do
    if line:sub(1, #beginning) == beginning then found[#found + 1] = line end
  end
  return found
end

test("the first deploy to production ends as undisturbed, or as if it had never run, wherever it is killed", function()
  local result = rehearse(production(), { TEST }, { every = 2 })
  equal(ended(result), { {}, 0 })
  equal(#lines_of(result.reference.inventory, "deployment of "), 1)
  equal(#lines_of(result.before, "Worker "), 0)
end)

test("a commit that comes after another is deployed, or the one before serves again, wherever it is killed", function()
  local result = rehearse(production(), { TEST, production(), PUSH, TEST }, { every = 2 })
  equal(ended(result), { {}, 0 })
  equal(#lines_of(result.reference.inventory, "deployment of "), 2)
  equal(#lines_of(result.before, "Worker ecom-api-production: module"), 1)
end)

test("production is refused for a commit whose tests have not passed", function()
  equal(ended(rehearse(production(), { TEST, PUSH })), { {}, 7 })
end)
