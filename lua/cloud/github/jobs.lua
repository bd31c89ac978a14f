---Jobs of workflow runs: how they come to be, and how they are shown. What time does to them is run_clock's.
---
---A job waits for those that it needs, then for its environment, then for a runner, then it runs. How long each takes
---is its plan; without one it stays as it is until somebody says how it went on.
local check_runs = require "cloud.github.check_runs"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local links = require "cloud.github.links"

local jobs = {}

---@class jobs.New
---@field name string
---@field environment? string
---@field needs? string[]       names of jobs
---@field labels? string[]      ("ubuntu-latest")
---@field steps? { name: string, seconds?: number, conclusion?: string }[]
---@field queue_seconds? number until a runner takes it; without it and `seconds` none does
---@field seconds? number       that it runs; without it, it does not end
---@field status? string        queued, in_progress, completed: a plan in a word
---@field conclusion? string    (success)

---@class github.Job
---@field id integer
---@field run integer
---@field attempt integer
---@field name string
---@field plan jobs.New
---@field status string         pending (it is not shown), waiting, queued, in_progress, completed
---@field conclusion? string
---@field created number
---@field ready? number         since when nothing that it needs holds it back
---@field gate? { environment: integer, since: number, approved?: number, answers?: table<string, number> }
---@field released? number      since when it may be taken by a runner
---@field started? number
---@field completed? number
---@field deployment? integer
---@field message? string       why it failed before it began

-- A word for the status is short for times.
local function plan_of(given)
  local plan = {}
  for key, value in pairs(given) do plan[key] = value end
  local ends = plan.status == "completed" or plan.conclusion ~= nil and plan.status == nil
  if ends then plan.seconds = plan.seconds or 0 end
  if plan.status == "in_progress" or plan.seconds then plan.queue_seconds = plan.queue_seconds or 0 end
  plan.labels, plan.needs, plan.steps = plan.labels or { "ubuntu-latest" }, plan.needs or {}, plan.steps or {}
  return plan
end

---A job of an attempt, which has not begun.
---@param state table
---@param run github.Run
---@param given jobs.New
---@param now number
---@return github.Job
function jobs.new(state, run, given, now)
  return { id = check_runs.next_id(state), run = run.id, attempt = run.attempt, name = given.name,
    plan = plan_of(given), status = "pending", created = now, runner = ids.next(state, "runner") }
end

---The newest job of each name, in the order of their names' first appearance.
---@param run github.Run
---@return github.Job[]
function jobs.latest(run)
  local list, place = {}, {}
  for _, job in ipairs(run.jobs) do
    place[job.name] = place[job.name] or #list + 1
    list[place[job.name]] = job
  end
  return list
end

-- ---- shown ------------------------------------------------------------------------------------

-- Steps follow one another; those without a length share the time of the job's end.
local function steps_of(job)
  local at, list = job.started, json.array {}
  for i, step in ipairs(job.plan.steps) do
    local ends = at and at + (step.seconds or 0)
    local done = job.completed ~= nil and job.started ~= nil
    local conclusion = done and (step.conclusion or "success") or json.null
    list[i] = { name = step.name, number = i, status = done and "completed" or at and "in_progress" or "queued",
      conclusion = conclusion, started_at = clock.iso_or_null(at),
      completed_at = clock.iso_or_null(done and ends or nil) }
    at = ends
  end
  return list
end

---The page of a job.
---@param repository github.Repository
---@param job github.Job
function jobs.page(repository, job)
  return links.html(("/%s/actions/runs/%d/job/%d"):format(repository.full_name, job.run, job.id))
end

---@param context github.Context
---@param run github.Run
---@param job github.Job
function jobs.show(context, run, job)
  local api = links.api(context, "/repos/" .. context.repository.full_name)
  local taken = job.started ~= nil
  return {
    id = job.id, run_id = run.id, run_url = ("%s/actions/runs/%d"):format(api, run.id), run_attempt = job.attempt,
    node_id = ("CR_%d"):format(job.id), head_sha = run.head_sha, head_branch = data.nullable(run.head_branch),
    url = ("%s/actions/jobs/%d"):format(api, job.id), html_url = jobs.page(context.repository, job),
    check_run_url = ("%s/check-runs/%d"):format(api, job.id), status = job.status,
    conclusion = data.nullable(job.conclusion), name = job.name, workflow_name = data.nullable(run.name),
    created_at = clock.iso(job.created), started_at = clock.iso(job.started or job.ready or job.created),
    completed_at = clock.iso_or_null(job.completed), labels = data.array(job.plan.labels), steps = steps_of(job),
    runner_id = taken and job.runner or json.null, runner_group_id = taken and 0 or json.null,
    runner_name = taken and ("GitHub Actions %d"):format(job.runner) or json.null,
    runner_group_name = taken and "GitHub Actions" or json.null,
  }
end

return jobs
