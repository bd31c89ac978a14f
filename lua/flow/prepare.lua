---Getting all Workers of an environment ready before anything else is touched: the bundles that were tested, else
---builds of their own, after what the project sets up for them.
local bundles = require "flow.bundle"
local checks = require "flow.checks"
local fs = require "fs"
local log = require "log"
local planned = require "run.planned"
local testing = require "flow.testing"

local prepare = {}

local SETUPS_AT_ONCE <const> = 4

-- What would be deployed, as far as it makes a difference: where a Worker is there. A tested bundle goes into a folder
-- of its own.
local function bundle_of_plan(env, worker, sha, is_stored)
  if not env:worker_named(worker).find() then return nil end
  if not is_stored then
    bundles.build(worker)
    return bundles.read_built(worker)
  end
  local folder <close> = fs.temporary()
  local there = setmetatable({ folder = folder.path }, { __index = worker })
  testing.take_bundle(there, sha)
  return bundles.read_built(there)
end

local function plan_tested(worker, sha)
  if testing.find_bundle(worker, sha) then return "run", "it is what is deployed", { there = true } end
  return "skip", "none is stored", { there = false }
end

-- Takes the bundles that a test of the commit has stored; the Workers that have none.
local function take_tested(run, env, sha)
  local tasks, missing = {}, {}
  for _, worker in ipairs(env.workers) do
    tasks[worker.name] = function()
      local taken = run.step("tested bundle", { sha = sha }, function() return testing.take_bundle(worker, sha) end,
        nil, function() return plan_tested(worker, sha) end)
      if not taken.there then missing[worker.name] = worker end
      if planned.active() then
        worker.planned_bundle = taken.there and bundle_of_plan(env, worker, sha, true) or nil
        return
      end
      log.info(taken.there and ("%s: the bundle that was tested"):format(worker.name)
        or ("%s: built anew, no tested bundle of %s is stored"):format(worker.name, sha:sub(1, 8)))
    end
  end
  run.parallel(tasks)
  return missing
end

-- What the checks would have set up before their builds; a setup of databases is none for builds.
local function setups_of(env)
  local chosen = {}
  for name, check in pairs(env.project.checks) do
    if check.setup and not check.needs then chosen[name] = check end
  end
  return chosen
end

---Runs the setups that builds and checks of a preview share, once a run, whoever asks first.
---@param run run
---@param env flow.Environment
function prepare.set_up(run, env)
  local chosen = setups_of(env)
  if env.is_set_up or not next(chosen) then return end
  run.parallel { ["set up"] = function()
    checks.run(run, { chosen = chosen, root = env.project.root, jobs = SETUPS_AT_ONCE,
      env_of = function(check) return testing.variables(env, check, {}) end })
  end }
  env.is_set_up = true
end

local function any_builds(workers)
  for _, worker in pairs(workers) do
    if bundles.has_build(worker) then return true end
  end
  return false
end

---Takes the bundles that were tested, or builds anew, all Workers at once. A plan does so, too, for the Workers that
---are there: only so can it tell what would change.
---@param run run
---@param env flow.Environment
---@param sha string
function prepare.run(run, env, sha)
  local missing, builds = take_tested(run, env, sha), {}
  if any_builds(missing) then prepare.set_up(run, env) end
  for name, worker in pairs(missing) do
    builds[name] = function()
      run.step("build", function() bundles.build(worker) end)
      if planned.active() then worker.planned_bundle = bundle_of_plan(env, worker, sha, false) end
    end
  end
  if next(builds) then run.parallel(builds) end
end

return prepare
