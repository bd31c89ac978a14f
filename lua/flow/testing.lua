---What the recipe `test` is made of: databases for checks, their variables, what GitHub is told.
local artifact = require "artifact"
local bundles = require "flow.bundle"
local checks = require "flow.checks"
local commit = require "flow.commit"
local keys = require "artifact.keys"
local log = require "log"
local planned = require "run.planned"
local project = require "project"
local put = require "flow.put"
local secrets = require "flow.secrets"

local testing = {}

---How the result of a test is called at GitHub, where davit.yaml names no workflow of its own.
testing.CONTEXT = "davit/test"

-- ---- what is asked for -------------------------------------------------------------------------------

---@param p table  the recipe's parameters: pr, branch, sha, base, only, all
---@return flow.Change
function testing.change(p)
  local change = commit.change(project.current(), p)
  change.stage, change.only = "test", p.only
  if p.all then change.paths, change.why = nil, nil end
  return change
end

---The checks that a change asks for; those that it does not are named.
---@param env flow.Environment
---@param change flow.Change
---@param builds? boolean  the Workers are built, too: what is to be set up is set up for them
---@return table<string, project.Check>
function testing.choose_checks(env, change, builds)
  change.builds = builds
  if change.why then log.warn(change.why .. "; so everything may have changed") end
  local chosen, others = checks.choose(env.project.checks, change)
  for name, why in pairs(others) do
    local told = planned.tell("skip", name .. "/check", why)
    if not told then log.info(("the check %s is left out: %s"):format(name, why)) end
  end
  return chosen
end

---What was run, in one line.
---@param chosen table<string, project.Check>
---@return string
function testing.summary(chosen)
  local names = {}
  for name in pairs(chosen) do names[#names + 1] = name end
  return #names == 0 and "none was asked for" or table.concat(names, ", ")
end

-- ---- databases ---------------------------------------------------------------------------------------

local SHORT_LIFE <const> = 86400   -- of a test's own branch, should nobody come to remove it: a day

-- Of every need its branch, and whether it outlives the test: a pull request's own one is its preview's, too.
local function names_of(env)
  return {
    database = { name = env.branch_name, lasts = env.kind == "preview" },
    e2e = { name = env.branch_name .. "-e2e", lasts = false },
  }
end

-- Found or made, and migrated. One that lasts is not taken back with the run: its preview may stand on it by now.
local function database(run, env, one)
  local branch
  if one.lasts then
    local resource = env:branch { name = one.name }
    branch = run.step(resource[1], function() return put.there(resource) end, nil,
      function() return put.plan(resource) end)
  else
    branch = run.ensure(env:branch { name = one.name, expires = SHORT_LIFE })
  end
  run.step("migrate " .. one.name, { branch = branch.id }, function() return env:migrate(branch) end, nil,
    function() return env:plan_migrate(branch) end)
  return branch
end

---The branches that the checks need, migrated.
---@param run run
---@param env flow.Environment
---@param chosen table<string, project.Check>
---@return table<string, table>  by what checks need: database, e2e
function testing.test_databases(run, env, chosen)
  local made, tasks = {}, {}
  for need, one in pairs(names_of(env)) do
    if checks.need(chosen, need) then
      tasks[need] = function() made[need] = database(run, env, one) end
    end
  end
  if next(tasks) then run.parallel(tasks) end
  return made
end

---Removes what only a test needs, whoever made it: all branches but a pull request's own.
---@param run run
---@param env flow.Environment
---@param chosen? table<string, project.Check>  what was needed; without them all are looked for
function testing.remove_test_databases(run, env, chosen)
  local tasks = {}
  for need, one in pairs(names_of(env)) do
    if not one.lasts and (not chosen or checks.need(chosen, need)) then
      tasks[need] = function() run.destroy(env:branch_named(one.name)) end
    end
  end
  if not next(tasks) then return end
  tasks.all = true
  run.parallel(tasks)
end

---Hands a pull request's own branch over to later jobs, sealed for these keys, too. A push's goes with the test.
---@param run run
---@param env flow.Environment
---@param made table<string, table>  of test_databases
---@param sealed_to? string[]        keys of davit.yaml, or public ones
function testing.hand_over(run, env, made, sealed_to)
  sealed_to = sealed_to or {}
  if made.database and names_of(env).database.lasts then
    run.step("hand over", { sealed_to = sealed_to }, function()
      env:hand_over(made.database, { sealed_to = sealed_to })
    end)
  elseif sealed_to[1] then
    log.info(made.database and ("no database is handed over: %s goes with the test"):format(made.database.name)
      or "no database is handed over: no check needed one")
  end
end

-- ---- running -----------------------------------------------------------------------------------------

---The variables of one check: its secrets, and the database that it needs.
---@param env flow.Environment
---@param check project.Check
---@param made table<string, table>  of test_databases
---@return table<string, any>
function testing.variables(env, check, made)
  local list = {}
  for _, name in ipairs(check.secrets or {}) do list[name] = secrets.of_program(env, name, checks.places) end
  local branch = made[check.needs]
  if branch then list.DATABASE_URL = env:database_url(branch, checks.places) end
  return list
end

---Runs the checks; raises what went wrong when all have ended.
---@param run run
---@param env flow.Environment
---@param chosen table<string, project.Check>
---@param o { jobs: integer, databases: table<string, table> }
function testing.run_checks(run, env, chosen, o)
  checks.run(run, { chosen = chosen, root = env.project.root, jobs = o.jobs,
    env_of = function(check) return testing.variables(env, check, o.databases) end })
end

---Builds the Workers and stores what that makes, by commit: what was tested is what is deployed.
---@param run run
---@param env flow.Environment
---@param sha string
function testing.store_bundles(run, env, sha)
  local builds = {}
  for _, worker in ipairs(env.workers) do
    builds[worker.name] = function()
      run.step("build", function() bundles.build(worker) end)
      run.step("store", { sha = sha }, function()
        local entry = artifact.put { name = "bundle-" .. worker.name, run = sha, root = worker.folder,
          paths = bundles.paths(worker), replace = true }
        return { digest = entry.sha256 }
      end)
    end
  end
  run.parallel(builds)
end

---Whether a test of the commit has stored what a Worker's build made.
---@param worker flow.Worker
---@param sha string
---@return artifact.Entry|nil
function testing.find_bundle(worker, sha) return artifact.find { name = "bundle-" .. worker.name, run = sha } end

---Takes what a test of the commit has built to where the Worker's own build would leave it. What was stored is what
---is taken: an artifact's digest is compared.
---@param worker flow.Worker
---@param sha string
---@return { there: boolean, digest?: string }
function testing.take_bundle(worker, sha)
  local entry = testing.find_bundle(worker, sha)
  if not entry then return { there = false } end
  artifact.get { name = entry.name, run = sha, into = worker.folder, replace = true,
    digest = "sha256:" .. entry.sha256 }
  return { there = true, digest = entry.sha256 }
end

-- ---- these are methods of flow.Environment -----------------------------------------------------------

testing.methods = {}

---Looks for every secret that a check wants, and for Neon's key where one wants a database, so that what is missing
---stops the run before anything was made.
---@param chosen table<string, project.Check>
function testing.methods:require_check_secrets(chosen)
  if checks.need(chosen, "database") or checks.need(chosen, "e2e") then self:require_credentials "neon" end
  for _, check in pairs(chosen) do
    for _, name in ipairs(check.secrets or {}) do secrets.of_program(self, name, checks.places) end
  end
end

---Raises "config" unless these are keys that something can be sealed for.
---@param sealed_to? string[]
function testing.methods.require_keys(_, sealed_to)
  if sealed_to and sealed_to[1] then keys.public("davit test", sealed_to) end
end

---The commit that a change is about: of a pull request the newest one, as GitHub says, unless it was named. Raises
---"github-closed" for one that is closed: it may be cleaned up already, and nobody comes back for what is made then.
---@param change flow.Change
---@return string sha
function testing.methods:commit_of(change)
  local newest = change.pr and self.github.open_pull(change.pr).sha
  return change.sha or newest
end

-- Why nothing is told of a commit; nil: nothing speaks against it.
local function why_untold(change, sha)
  return #(change.only or {}) > 0 and "these were some checks only" or commit.differs(change.here, sha, change.by_hand)
end

local function status_of(env, sha, err)
  return env.github.status { sha = sha, context = testing.CONTEXT, state = err and "failure" or "success",
    description = err and "they have not passed" or "all checks have passed" }
end

---Tells GitHub how the tests of a commit went, where preview and production look. Nothing is told of a commit that
---somebody's checkout is not, for what was tested there is something else, nor of some checks for all.
---@param change flow.Change
---@param sha string
---@param err? table
function testing.methods:tell_tested(change, sha, err)
  local why = why_untold(change, sha)
  if why then return log.warn(("GitHub is told nothing of %s: %s"):format(sha:sub(1, 8), why)) end
  put.there(status_of(self, sha, err))
end

---What a plan says of that: GitHub would be told that all have passed, unless there is a reason not to.
---@return "create"|"change"|"keep"|"skip" action, string|nil why
function testing.methods:plan_told(change, sha, err)
  local why = why_untold(change, sha)
  if why then return "skip", why end
  return put.plan(status_of(self, sha, err))
end

return testing
