---What time does to workflow runs. Nothing runs here: whenever a repository is asked for, its jobs are brought to where
---they would be by now, each step at the time at which it was due, so that it does not matter when somebody looks.
---
---A job with an environment makes a deployment, whose statuses follow the job. The environment's rules come first:
---a branch that may not deploy fails the job at once; a timer, reviewers and apps hold it, for thirty days at most.
local branch_rules = require "cloud.github.branch_rules"
local check_runs = require "cloud.github.check_runs"
local data = require "cloud.data"
local deployment_statuses = require "cloud.github.deployment_statuses"
local deployments = require "cloud.github.deployments"
local environments = require "cloud.github.environments"
local integration = require "cloud.github.integration"
local jobs = require "cloud.github.jobs"
local users = require "cloud.github.users"

local run_clock = {}

local LONGEST_WAIT = 30 * 86400   -- of a job that waits for somebody
local REFUSAL = 1                 -- seconds until a job fails that may not deploy

---What a run lives in; a github.Context is one.
---@class run_clock.World
---@field state table
---@field repository github.Repository
---@field now number

-- ---- what follows a job -----------------------------------------------------------------------

-- What belongs to a job stands near the end of a list that grows.
local function find(list, id)
  for i = #list, 1, -1 do
    if list[i].id == id then return list[i] end
  end
end

-- The check run that reports a job has the job's number.
local function report(world, run, job)
  local check = find(world.repository.check_runs, job.id)
  if not check then
    check = check_runs.add(world.repository, { id = job.id, name = job.name, sha = run.head_sha,
      app = integration.ACTIONS, job = true })
  end
  check.status, check.conclusion, check.completed = job.status, job.conclusion, job.completed
  check.started = job.started or job.ready
  check.details_url = jobs.page(world.repository, job)
  if job.message and #check.annotations == 0 then
    check.annotations[1] = { path = ".github", start_line = 1, end_line = 1, annotation_level = "failure",
      message = job.message }
  end
end

local states = { success = "success", skipped = "inactive" }   -- others are failures; "inactive" is assumed

local function tell(world, job, state, at)
  local deployment = job.deployment and find(world.repository.deployments, job.deployment)
  if not deployment then return end
  deployment_statuses.add(world.state, world.repository, deployment, { state = state, login = users.WORKFLOW,
    app = integration.ACTIONS, log_url = jobs.page(world.repository, job) }, at)
end

local function moved(world, run, job, at)
  run.updated = math.max(run.updated, at)
  report(world, run, job)
end

-- ---- the steps of a job -----------------------------------------------------------------------

---Ends a job.
---@param world run_clock.World
---@param run github.Run
---@param job github.Job
---@param conclusion string
---@param at number
function run_clock.finish(world, run, job, conclusion, at)
  job.status, job.conclusion, job.completed, job.ready = "completed", conclusion, at, job.ready or at
  moved(world, run, job, at)
  tell(world, job, states[conclusion] or "failure", at)
end

---Lets a runner take a job.
function run_clock.start(world, run, job, at)
  job.status, job.started, job.ready = "in_progress", at, job.ready or at
  moved(world, run, job, at)
  tell(world, job, "in_progress", at)
end

local function release(world, run, job, at)
  job.status, job.released = "queued", at
  moved(world, run, job, at)
  tell(world, job, "queued", at)
end

local function deploy(world, run, job, at)
  local made = deployments.add(world.state, world.repository, { sha = run.head_sha,
    ref = run.head_branch or run.head_sha, environment = job.plan.environment, login = users.WORKFLOW,
    app = integration.ACTIONS, run = run.id }, at)
  job.deployment = made.id
end

local function is_gated(environment)
  return environment.wait_timer > 0 or #environment.reviewers > 0 or #(environment.custom_rules or {}) > 0
end

-- Nothing that it needs holds a job back any more.
local function enter(world, run, job, at)
  job.ready = at
  if not job.plan.environment then return release(world, run, job, at) end
  local environment = environments.ensure(world.state, world.repository, job.plan.environment, at)
  if not branch_rules.allow(world.repository, environment, run.ref) then
    job.message = branch_rules.refusal(environment, run.ref)
    return run_clock.finish(world, run, job, "failure", at + REFUSAL)
  end
  deploy(world, run, job, at)
  if not is_gated(environment) then return release(world, run, job, at) end
  job.status, job.gate = "waiting", { environment = environment.id, since = at }
  moved(world, run, job, at)
end

local advance = {}

-- A job runs when all that it needs have succeeded, and is skipped when one has not.
function advance.pending(world, run, job)
  local at, fits = job.created, true
  for _, name in ipairs(job.plan.needs) do
    local needed = data.find(jobs.latest(run), "name", name)
    if needed and needed.status ~= "completed" then return false end
    fits = fits and needed ~= nil and needed.conclusion == "success"
    at = math.max(at, needed and needed.completed or at)
  end
  if fits then enter(world, run, job, at) else run_clock.finish(world, run, job, "skipped", at) end
  return true
end

-- When the rules let a job pass; nil: not yet. Every app has to have answered, and one reviewer.
local function opens(environment, gate)
  if #environment.reviewers > 0 and not gate.approved then return nil end
  local at = math.max(gate.since + environment.wait_timer * 60, gate.approved or gate.since)
  for _, rule in ipairs(environment.custom_rules or {}) do
    local answered = gate.answers and gate.answers[rule.app]
    if not answered then return nil end
    at = math.max(at, answered)
  end
  return at
end

function advance.waiting(world, run, job)
  local gate = job.gate
  local environment = data.find(world.repository.environments, "id", gate.environment)
  if not environment then   -- who removes the rules fails the jobs that wait for them
    run_clock.finish(world, run, job, "failure", world.now)
    return true
  end
  local at = opens(environment, gate)
  if at and at <= world.now then
    release(world, run, job, at)
  elseif not at and gate.since + LONGEST_WAIT <= world.now then
    run_clock.finish(world, run, job, "failure", gate.since + LONGEST_WAIT)
  else
    return false
  end
  return true
end

function advance.queued(world, run, job)
  local wait = job.plan.queue_seconds
  if not wait or job.released + wait > world.now then return false end
  run_clock.start(world, run, job, job.released + wait)
  return true
end

function advance.in_progress(world, run, job)
  local length = job.plan.seconds
  if not length or job.started + length > world.now then return false end
  run_clock.finish(world, run, job, job.plan.conclusion or "success", job.started + length)
  return true
end

function advance.completed() return false end

-- ---- runs -------------------------------------------------------------------------------------

-- Which conclusion of a job decides the run's, the worst first.
local worst = { "failure", "timed_out", "action_required", "cancelled" }

local function conclusion_of(list)
  local seen = {}
  for _, job in ipairs(list) do seen[job.conclusion] = true end
  for _, conclusion in ipairs(worst) do
    if seen[conclusion] then return conclusion == "timed_out" and "failure" or conclusion end
  end
  if seen.success or not seen.skipped then return "success" end
  return "skipped"
end

local function status_of(list)
  local seen = {}
  for _, job in ipairs(list) do seen[job.status] = true end
  if seen.in_progress then return "in_progress" end
  if seen.waiting then return "waiting" end
  if seen.completed then return seen.queued and "in_progress" or "completed" end
  return "queued"
end

local function is_over(list)
  for _, job in ipairs(list) do
    if job.status ~= "completed" then return false end
  end
  return true
end

---Brings what a run says of itself up to its jobs.
---@param run github.Run
function run_clock.conclude(run)
  local list = jobs.latest(run)
  if is_over(list) then
    run.status, run.conclusion = "completed", conclusion_of(list)
  else
    run.status, run.conclusion = status_of(list), nil
  end
end

---Lets a run's jobs go as far as they have come by now.
---@param world run_clock.World
---@param run github.Run
function run_clock.advance(world, run)
  local again
  repeat
    again = false
    for _, job in ipairs(jobs.latest(run)) do again = advance[job.status](world, run, job) or again end
  until not again
  run_clock.conclude(run)
end

---Brings all runs of a repository to where they are by now.
---@param repository github.Repository
---@param state table
---@param now number
function run_clock.settle(repository, state, now)
  local world = { state = state, repository = repository, now = now }
  for _, run in ipairs(repository.runs) do
    if run.status ~= "completed" then run_clock.advance(world, run) end
  end
end

return run_clock
