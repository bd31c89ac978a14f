---Jobs that wait for an environment's reviewers: which there are, and who lets them pass or turns them away.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local deployments = require "cloud.github.deployments"
local environments = require "cloud.github.environments"
local jobs = require "cloud.github.jobs"
local json = require "json"
local people = require "cloud.github.people"
local run_clock = require "cloud.github.run_clock"
local runs = require "cloud.github.runs"
local shape = require "cloud.github.shape"
local users = require "cloud.github.users"

local reviews = {}

-- The jobs of a run that wait, by their environments, in the order in which they began to.
local function waiting(context, run)
  local list, by_id = {}, {}
  for _, job in ipairs(jobs.latest(run)) do
    local environment = job.status == "waiting" and data.find(context.repository.environments, "id",
      job.gate.environment)
    if environment then
      local entry = by_id[environment.id] or { environment = environment, jobs = {} }
      if not by_id[environment.id] then list[#list + 1] = entry end
      by_id[environment.id] = entry
      table.insert(entry.jobs, job)
    end
  end
  return list, by_id
end

-- Who began a run may be kept from reviewing it.
local function may_review(context, run, environment)
  if environment.prevent_self_review and run.triggering_actor == context.token.login then return false end
  return people.is_reviewer(context, environment.reviewers)
end

local function show(context, run, entry)
  local environment = entry.environment
  return { environment = environments.brief(context, environment), wait_timer = environment.wait_timer,
    wait_timer_started_at = environment.wait_timer > 0 and clock.iso(entry.jobs[1].gate.since) or json.null,
    current_user_can_approve = may_review(context, run, environment),
    reviewers = environments.reviewers(context, environment) }
end

local function list(context)
  local run = runs.get(context)
  return data.array((waiting(context, run)), function(entry) return show(context, run, entry) end)
end

-- ---- a review ---------------------------------------------------------------------------------

local fields = {
  environment_ids = { "array", required = true, items = { "integer" } },
  state = { "string", required = true, enum = { "approved", "rejected" } },
  comment = { "string", required = true },
}

-- All that are named have to wait for whoever asks; the words of both refusals are assumed.
local function chosen(context, run, wanted)
  local _, by_id = waiting(context, run)
  local list_of = {}
  for i, id in ipairs(wanted) do
    local entry = by_id[id]
    if not entry or #entry.environment.reviewers == 0 or entry.jobs[1].gate.approved then
      answers.malformed "There are no pending deployment requests to approve or reject in these environments"
    end
    list_of[i] = entry
  end
  for _, entry in ipairs(list_of) do
    if not may_review(context, run, entry.environment) then
      answers.forbidden(("You are not a required reviewer of the environment %s"):format(entry.environment.name))
    end
  end
  return list_of
end

local function decide(context, run, job, state)
  if state == "rejected" then return run_clock.finish(context, run, job, "failure", context.now) end
  job.gate.approved = context.now
end

local function review(context)
  local run, body = runs.get(context), shape.body(context, fields)
  if #body.environment_ids == 0 then answers.malformed "Invalid request.\n\n1 item required; only 0 were supplied." end
  local entries, made = chosen(context, run, body.environment_ids), json.array {}
  for _, entry in ipairs(entries) do
    for _, job in ipairs(entry.jobs) do
      decide(context, run, job, body.state)
      made[#made + 1] = data.find(context.repository.deployments, "id", job.deployment)
    end
  end
  table.insert(run.approvals, { environments = data.plain(body.environment_ids), state = body.state,
    user = context.token.login, comment = body.comment, at = context.now })
  run_clock.advance(context, run)
  return data.array(made, function(deployment) return deployments.show(context, deployment) end)
end

local function approvals(context)
  local run = runs.get(context)
  return data.array(run.approvals, function(approval)
    local of = {}
    for _, id in ipairs(approval.environments) do
      local environment = data.find(context.repository.environments, "id", id)
      if environment then
        local shown = environments.brief(context, environment)
        shown.created_at, shown.updated_at = clock.iso(environment.created), clock.iso(environment.updated)
        of[#of + 1] = shown
      end
    end
    return { environments = json.array(of), state = approval.state, user = users.show(context, approval.user),
      comment = approval.comment }
  end)
end

local ONE = "/repos/{owner}/{repo}/actions/runs/{run}"
local reads = { "actions", "read" }

reviews.routes = {
  { "GET", ONE .. "/pending_deployments", list, permission = reads,
    docs = "actions/workflow-runs#get-pending-deployments-for-a-workflow-run" },
  { "POST", ONE .. "/pending_deployments", review, permission = { "deployments", "write" }, role = "pull",
    docs = "actions/workflow-runs#review-pending-deployments-for-a-workflow-run" },
  { "GET", ONE .. "/approvals", approvals, permission = reads,
    docs = "actions/workflow-runs#get-the-review-history-for-a-workflow-run" },
}

return reviews
