---Runs that are cancelled and run again.
local answers = require "cloud.github.answers"
local jobs = require "cloud.github.jobs"
local route = require "cloud.route"
local run_clock = require "cloud.github.run_clock"
local runs = require "cloud.github.runs"
local shape = require "cloud.github.shape"

local run_actions = {}

local MONTH = 30 * 86400

-- GitHub takes a moment; here it is done when it is answered.
local function cancel(context)
  local run = runs.get(context)
  if run.status == "completed" then
    route.refuse { status = 409, message = "Cannot cancel a workflow run that is completed." }
  end
  for _, job in ipairs(jobs.latest(run)) do
    if job.status ~= "completed" then run_clock.finish(context, run, job, "cancelled", context.now) end
  end
  run_clock.conclude(run)
  return {}, { status = 202 }
end

-- ---- again ------------------------------------------------------------------------------------

local function check_may_run_again(context, run)
  if run.status ~= "completed" then answers.forbidden "This workflow is already running" end
  if context.now - run.created > MONTH then
    answers.forbidden "Unable to retry this workflow run because it was created over a month ago"
  end
end

local function begin_attempt(context, run, list)
  table.insert(run.attempts, { attempt = run.attempt, started = run.started, updated = run.updated,
    status = run.status, conclusion = run.conclusion, triggering_actor = run.triggering_actor })
  run.attempt, run.started, run.updated = run.attempt + 1, context.now, context.now
  run.triggering_actor = context.token.login
  local plans = {}
  for i, job in ipairs(list) do plans[i] = job.plan end
  runs.add_jobs(context.state, run, plans, context.now)
  run_clock.advance(context, run)
  return {}, { status = 201 }
end

local fields = { enable_debug_logging = { "boolean" } }

local function rerun(context)
  local run = runs.get(context)
  shape.body(context, fields)
  check_may_run_again(context, run)
  return begin_attempt(context, run, jobs.latest(run))
end

local succeeded = { success = true, neutral = true }

-- Those that did not succeed: whoever needs one of them was skipped.
local function rerun_failed(context)
  local run, failed = runs.get(context), {}
  shape.body(context, fields)
  check_may_run_again(context, run)
  for _, job in ipairs(jobs.latest(run)) do
    if not succeeded[job.conclusion] then failed[#failed + 1] = job end
  end
  if #failed == 0 then answers.forbidden "This workflow run cannot be retried" end
  return begin_attempt(context, run, failed)
end

local ONE = "/repos/{owner}/{repo}/actions/runs/{run}"
local writes = { "actions", "write" }

run_actions.routes = {
  { "POST", ONE .. "/cancel", cancel, permission = writes, docs = "actions/workflow-runs#cancel-a-workflow-run" },
  { "POST", ONE .. "/rerun", rerun, permission = writes, docs = "actions/workflow-runs#re-run-a-workflow" },
  { "POST", ONE .. "/rerun-failed-jobs", rerun_failed, permission = writes,
    docs = "actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run" },
}

return run_actions
