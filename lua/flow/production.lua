---What production's flow does beside what every environment can: what may be deployed, where to go back to, and going
---back. The methods are flow.Environment's (lua/flow.lua).
local back = require "flow.back"
local bundles = require "flow.bundle"
local commit = require "flow.commit"
local incident = require "flow.incident"
local json = require "json"
local log = require "log"
local migrations = require "flow.migrations"
local names = require "flow.names"
local planned = require "run.planned"
local put = require "flow.put"
local testing = require "flow.testing"

local production = { methods = {} }

local methods = production.methods

-- ---- what may be deployed ----------------------------------------------------------------------------

---The commit of the push that this run is for; raises "denied" for anything else.
---@return flow.Commit
function methods:require_push() return commit.pushed(self.project) end

local function not_tested(sha, why)
  failure { code = "denied", about = sha, message = ("%s has not passed its tests: %s"):format(sha:sub(1, 8), why),
    hint = "run 'davit test' on it, or name the workflow that does in davit.yaml (github.tests)" }
end

-- The workflow that davit.yaml names has the word; without one it is the status that `test` leaves.
local function result_of(env, sha)
  local workflow = env.project.github.tests
  if not workflow then
    local found = env.github.find_status { sha = sha, context = testing.CONTEXT }
    return found and found.state, ("the status %s"):format(testing.CONTEXT)
  end
  local run = env.github.find_run { workflow = workflow, sha = sha }
  return run and not run.fork and (run.conclusion or run.status), ("the workflow %s"):format(workflow)
end

---Raises "denied" unless the tests of a commit have passed.
---@param sha string
---@return { by: string }
function methods:require_tested(sha)
  local result, who = result_of(self, sha)
  if result == "success" then return { by = who } end
  not_tested(sha, result and ("%s says %s"):format(who, result) or ("%s says nothing of it"):format(who))
end

-- ---- where to go back to -----------------------------------------------------------------------------

---The database branch that lasts: found by its name, never made.
---@return { id: string, name: string }
function methods:lasting_branch()
  local found = self.neon.find_branch(self.branch_name)
  if found then return { id = found.id, name = found.name } end
  failure { code = "neon-branch", class = "misuse", about = self.branch_name,
    message = ("Neon: the project has no branch '%s'"):format(self.branch_name),
    hint = ("davit.yaml names it: environments.%s.database"):format(self.kind) }
end

-- Shares of traffic are somebody's business in progress, and nothing here could bring them back.
local function refuse_split(worker, now)
  local shares = {}
  for i, share in ipairs(now.split) do shares[i] = ("%s %s %%"):format(share.version, share.percentage) end
  failure { code = "denied", about = worker.script,
    message = ("the traffic of the Worker %s is split (%s)"):format(worker.script, table.concat(shares, ", ")),
    hint = "give one version all of it first: davit rollback --worker NAME --version ID" }
end

---What serves and what is stored now: where a rollback leads to.
---@param branch { id: string }
---@return { database: neon.RollbackPoint, workers: table<string, { version: string, tag?: string }> }
function methods:rollback_point(branch)
  local url = self:database_url(branch)
  local point = { database = self.neon.rollback_point { branch = branch.id, url = url }, workers = {} }
  for _, worker in ipairs(self.workers) do
    local now = self.cloudflare.serving(worker.script)
    if now and not now.version then refuse_split(worker, now) end
    if now then point.workers[worker.name] = { version = now.version, tag = now.tag } end
  end
  return point
end

-- ---- the database ------------------------------------------------------------------------------------

---@param branch { id: string }
---@return migrations.Plan
function methods:pending_migrations(branch)
  self.neon.ready(branch)
  return migrations.plan(self.database, migrations.folder(self.database), self:migration_url(branch))
end

---@param branch { id: string }
---@param plan migrations.Plan
---@return migrations.Report
function methods:apply_migrations(branch, plan)
  return migrations.apply { database = self.database, url = self:migration_url(branch), plan = plan,
    environment = self.kind, consented = true }
end

-- ---- Workers -----------------------------------------------------------------------------------------

-- The Workers that somebody else has made, and nobody has marked.
local function unmarked(env)
  local list = {}
  for _, worker in ipairs(env.workers) do
    local found = env:worker_named(worker).find()
    if found and not found.marker then list[#list + 1] = worker.script end
  end
  return list
end

---Makes Workers ours that were deployed before without Davit, by wrangler for example; without consent they are refused
---before anything else is touched. Taken back, they are nobody's again.
---@param run run
---@param env flow.Environment
---@param take_over? boolean
function production.adopt(run, env, take_over)
  local found = run.look("Workers without a marker", function() return json.array(unmarked(env)) end)
  if found[1] and not take_over then
    failure { code = "not-ours", about = found[1],
      message = ("these Workers were not deployed by Davit: %s"):format(table.concat(found, ", ")),
      hint = "nothing was changed; --take-over adopts them: their versions stay, and are what a failure goes back to" }
  end
  for _, script in ipairs(found) do
    run.ensure(env.cloudflare.adoption { worker = script, marker = env.marker })
  end
end

-- Whether another version serves by now, so that nothing of this run's is left to take back: somebody has deployed
-- since, or has gone back. A split may give a part to ours.
local function is_replaced(env, worker, version)
  local now = env.cloudflare.serving(worker.script)
  return now ~= nil and now.version ~= nil and now.version ~= version
end

-- A Worker that this run has made goes; one that was there serves what it served.
local function take_back(env, worker, version, o)
  if is_replaced(env, worker, version) then return end
  if not o.before then return put.away(env:worker_named(worker)) end
  if o.no_way_back then
    failure { code = "no-way-back", about = worker.script, message = ("the Worker %s keeps its new version: %s"):format(
      worker.script, o.no_way_back), hint = "the issue of this run has the commands" }
  end
  -- By force: secrets that this run has changed have the values again that served until then.
  env.cloudflare.rollback { worker = worker.script, marker = env.marker, version = o.before.version, force = true,
    message = "the deploy has failed" }
end

-- What a plan says of a deploy, by the version that was found and the one that serves.
local function plan_deploy(worker, version, before)
  if not before then return "run" end
  if planned.is(worker.version) then
    return "change", ("a new version after %s, with its secrets: %s"):format(before.tag or before.version,
      table.concat(worker.settings.secrets, ", "))
  end
  if version.deployed and not planned.is(version) then return "keep", "it serves" end
  return "change", names.differences(worker.version, before.tag)
end

-- A version that serves stays, as no way leads back; one that never did goes, and a Worker that it has made.
local function remove_unused(wanted, before)
  local version = wanted.find()
  if version and not (version.deployed and before) then put.away(wanted) end
end

-- What belongs to the Worker and to no version of it.
local function lasting(bundle)
  return { observability = bundle.observability, logpush = bundle.logpush, tail_consumers = bundle.tail_consumers,
    streaming_tail_consumers = bundle.streaming_tail_consumers }
end

---Uploads a version of a Worker and gives it all traffic; taken back, the one before has it again.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param o { secrets: table, branch: table, sha?: string, before?: { version: string }, no_way_back?: string }
function production.deploy(run, env, worker, o)
  local bundle = bundles.read(worker)
  worker.version = env:version(worker, bundle, o.branch, o.secrets)
  local wanted = env:worker_version(worker, bundle, worker.version, o.secrets)
  -- A version that would be deployed again anyway is nothing to take back.
  local version = not o.no_way_back and run.ensure(wanted)
    or run.step(wanted[1], function() return put.there(wanted) end, function() remove_unused(wanted, o.before) end,
      function() return put.plan(wanted) end)
  run.step("deploy " .. worker.name, { version = version.id }, function()
    return put.there(env.cloudflare.deployment { worker = worker.script, marker = env.marker, version = version.id,
      message = o.sha and back.release(o.sha, run.id), settings = lasting(bundle) })
  end, function() take_back(env, worker, version.id, o) end,
    function() return plan_deploy(worker, version, o.before) end)
end

---What is asked for where davit.yaml says `approve`.
---@param env flow.Environment
---@param sha string
---@param plan migrations.Plan
---@return table
function production.plan_of(env, sha, plan)
  local files, hosts = {}, {}
  for i, one in ipairs(plan.pending) do files[i] = one.name end
  for i, worker in ipairs(env.workers) do
    hosts[i] = ("%s at %s"):format(worker.script, worker.host or "workers.dev")
  end
  return { commit = sha, migrations = files, breaking = #plan.breaking, workers = hosts }
end

-- ---- what is told ------------------------------------------------------------------------------------

---What GitHub calls this environment.
---@return string
function methods:deployed_as()
  return self.kind == "preview" and ("%s-%s"):format(self.kind, self.key) or self.kind
end

---The deployment of a commit at GitHub, as run.ensure takes it.
---@param sha string
function methods:deployment(sha)
  return self.github.deployment { environment = self:deployed_as(), sha = sha, marker = self.marker,
    production = self.is:is_production(), transient = not self.is:is_production() }
end

---@param deployment { id: integer }
---@param state "in_progress"|"success"|"failure"
---@param url? string
function methods:tell_deployed(deployment, state, url)
  put.there(self.github.deployment_status { deployment = deployment, state = state, url = url })
  if state == "success" then self:retire_deployments(deployment) end
end

---Ends what was deployed here before: one deployment stands in an environment, and what is old is history.
---@param deployment { id: integer }
function methods:retire_deployments(deployment)
  for _, item in ipairs(self.github.inventory(self.marker, { environment = self:deployed_as() })) do
    if item.id ~= deployment.id then
      put.there(self.github.deployment_status { deployment = item, state = "inactive" })
    end
  end
end

-- Which of the planned migrations are applied: where the run broke off meanwhile, the database itself says so.
local function applied(env, told)
  if told.migrated then return told.migrated.applied end
  if not told.plan or migrations.is_empty(told.plan) then return {} end
  local now = try(function() return env:pending_migrations(told.branch) end)
  if not now then return {}, true end
  local pending, list = {}, {}
  for _, one in ipairs(now.pending) do pending[one.name] = true end
  for _, one in ipairs(told.plan.pending) do
    if not pending[one.name] then list[#list + 1] = one.name end
  end
  return list, now.opaque
end

---Has people told when the run is taken back: by the issue, and where davit.yaml says. Both are steps that do nothing
---but know how they are taken back, the first of the run, so that what they tell is all there is.
---@param run run
---@param env flow.Environment
---@param told { sha: string, run: string, branch?: table, point?: table, plan?: table, migrated?: table }
function production.watch(run, env, told)
  if env.project.notify then
    run.step("notify of a failure", function() end, function() env:notify(told, "failure", run.outcome().error) end)
  end
  run.step("watch", function() end, function() env:report_incident(told, run.outcome()) end)
end

---Opens the issue about a failed deploy, or brings the open one up to date.
---@param told { sha: string, run: string, branch?: table, point?: table, plan?: table, migrated?: table }
---@param outcome table  of run.outcome
function methods:report_incident(told, outcome)
  local done, unsure = applied(self, told)
  local issue = put.there(incident.issue(self, { sha = told.sha, run = told.run, point = told.point, outcome = outcome,
    applied = done, unsure = unsure, breaking = told.plan and not told.plan.additive }))
  told.issue = issue and issue.url
end

---What is told after everything is healthy: that it could not be told is no reason to take production back.
---@param run run
---@param name string
---@param f fun()
function production.tell(run, name, f)
  local _, err = try(run.step, name, f)
  if not err then return end
  if err.class == "cancelled" then error(err, 0) end
  log.warn(("%s: %s; production is deployed all the same"):format(name, err.message))
end

---Tells everybody that production serves a commit: GitHub, whoever waits for the incident, and where davit.yaml says.
---@param run run
---@param env flow.Environment
---@param deployment { id: integer }
---@param told { sha: string, run: string }
function production.tell_success(run, env, deployment, told)
  production.tell(run, "tell GitHub", function() env:tell_deployed(deployment, "success") end)
  production.tell(run, "close the incident", function() return env:close_incident(told.sha) end)
  if env.project.notify then production.tell(run, "notify", function() env:notify(told, "success") end) end
end

---@param sha string  the commit that serves now
---@return integer|nil  the issue's number
function methods:close_incident(sha) return incident.close(self, sha) end

return production
