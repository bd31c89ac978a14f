---Runs of workflows: how they come to be, how they are listed and shown, and how long they took.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local date_range = require "cloud.github.date_range"
local git = require "cloud.github.git"
local ids = require "cloud.ids"
local jobs = require "cloud.github.jobs"
local json = require "json"
local links = require "cloud.github.links"
local pull_heads = require "cloud.github.pull_heads"
local repositories = require "cloud.github.repositories"
local run_clock = require "cloud.github.run_clock"
local users = require "cloud.github.users"
local workflows = require "cloud.github.workflows"

local runs = {}

---@class github.Run
---@field id integer
---@field name string
---@field workflow integer
---@field path string
---@field number integer          of the workflow's runs
---@field attempt integer
---@field event string
---@field ref string              refs/heads/…, refs/tags/…, refs/pull/…/merge
---@field head_sha string
---@field head_branch? string
---@field head_repository string  full name
---@field title string
---@field actor string
---@field triggering_actor string who asked for the newest attempt
---@field status string           queued, waiting, in_progress, completed
---@field conclusion? string
---@field created number
---@field started number          the newest attempt
---@field updated number
---@field inputs? table           of workflow_dispatch
---@field payload? table          of repository_dispatch
---@field jobs github.Job[]       of all attempts
---@field attempts table[]        those before the newest: attempt, started, updated, status, conclusion, actor
---@field approvals table[]       environments, state, user, comment

---@param repository github.Repository
function runs.init(repository)
  repository.runs = repository.runs or {}   -- the oldest first
end

---@class runs.New
---@field workflow string         file
---@field event string
---@field head_sha string
---@field head_branch? string
---@field head_repository? string
---@field ref string
---@field title? string           (the commit's first line)
---@field actor string
---@field jobs? jobs.New[]        (the workflow's; else one that waits for a runner)
---@field inputs? table
---@field payload? table

local function title_of(repository, sha)
  local commit = repository.commits[sha]
  return commit and commit.message:match "^[^\n]*" or sha
end

---Puts jobs into the newest attempt of a run.
---@param state table
---@param run github.Run
---@param list jobs.New[]
---@param now number
function runs.add_jobs(state, run, list, now)
  for _, given in ipairs(list) do table.insert(run.jobs, jobs.new(state, run, given, now)) end
end

---Puts a run into a repository; it stands where it would be by now.
---@param state table
---@param repository github.Repository
---@param o runs.New
---@param created number
---@param now number
---@return github.Run
function runs.add(state, repository, o, created, now)
  local workflow = workflows.find(repository, o.workflow)
    or workflows.add(state, repository, { file = o.workflow }, created)
  workflow.runs = workflow.runs + 1
  local run = { id = 17000000000 + ids.next(state, "workflow run"), workflow = workflow.id, name = workflow.name,
    path = workflow.path, number = workflow.runs, attempt = 1, event = o.event, ref = o.ref, head_sha = o.head_sha,
    head_branch = o.head_branch, head_repository = o.head_repository or repository.full_name,
    title = o.title or title_of(repository, o.head_sha), actor = o.actor, triggering_actor = o.actor,
    status = "queued", created = created, started = created, updated = created, inputs = o.inputs,
    payload = o.payload, jobs = {}, attempts = {}, approvals = {} }
  table.insert(repository.runs, run)
  runs.add_jobs(state, run, o.jobs or workflow.jobs or { { name = "build" } }, created)
  run_clock.advance({ state = state, repository = repository, now = now }, run)
  return run
end

-- ---- shown ------------------------------------------------------------------------------------

---@param repository github.Repository
---@param run github.Run
---@return string  path of a run
function runs.path(repository, run)
  return ("/repos/%s/actions/runs/%d"):format(repository.full_name, run.id)
end

local function head_commit(repository, sha)
  local commit = git.find(repository, sha)
  if not commit then return json.null end
  local by = { name = commit.login, email = users.email(commit.login) }
  return { id = commit.sha, tree_id = commit.tree, message = commit.message, timestamp = clock.iso(commit.date),
    author = by, committer = by }
end

local function suite_of(run) return run.id + 10000000000 end

local function add_addresses(context, shown, run)
  local url = links.api(context, runs.path(context.repository, run))
  local html = links.html(("/%s/actions/runs/%d"):format(context.repository.full_name, run.id))
  shown.url, shown.html_url, shown.jobs_url, shown.logs_url = url, html, url .. "/jobs", url .. "/logs"
  shown.artifacts_url, shown.cancel_url, shown.rerun_url = url .. "/artifacts", url .. "/cancel", url .. "/rerun"
  shown.check_suite_url = links.api(context, ("/repos/%s/check-suites/%d"):format(context.repository.full_name,
    suite_of(run)))
  shown.previous_attempt_url = run.attempt > 1 and ("%s/attempts/%d"):format(url, run.attempt - 1) or json.null
  shown.workflow_url = links.api(context, ("/repos/%s/actions/workflows/%d"):format(context.repository.full_name,
    run.workflow))
end

local function head_repository(context, run)
  local head = context.github.repositories[run.head_repository]
  return head and repositories.show(context, head) or json.null
end

---@param context github.Context
---@param run github.Run
function runs.show(context, run)
  local repository = context.repository
  local hides_pulls = context.query.exclude_pull_requests == "true"
  local shown = {
    id = run.id, node_id = ("WFR_%d"):format(run.id), name = run.name, display_title = run.title, path = run.path,
    head_branch = data.nullable(run.head_branch), head_sha = run.head_sha, run_number = run.number,
    run_attempt = run.attempt, event = run.event, status = run.status, conclusion = data.nullable(run.conclusion),
    workflow_id = run.workflow, check_suite_id = suite_of(run), check_suite_node_id = ("CS_%d"):format(suite_of(run)),
    pull_requests = hides_pulls and json.array {} or pull_heads.at(context, run.head_sha),
    created_at = clock.iso(run.created), updated_at = clock.iso(run.updated), run_started_at = clock.iso(run.started),
    actor = users.show(context, run.actor), triggering_actor = users.show(context, run.triggering_actor),
    referenced_workflows = json.array {}, head_commit = head_commit(repository, run.head_sha),
    repository = repositories.show(context, repository), head_repository = head_repository(context, run),
  }
  add_addresses(context, shown, run)
  return shown
end

-- ---- the list ---------------------------------------------------------------------------------

local conclusions = { action_required = true, cancelled = true, failure = true, neutral = true, skipped = true,
  stale = true, success = true, timed_out = true }

local function fits_status(run, wanted)
  if not wanted then return true end
  if conclusions[wanted] then return run.conclusion == wanted end
  return run.status == wanted
end

-- What is no range finds nothing.
local function fits_time(run, wanted)
  if not wanted then return true end
  local first, last = date_range.parse(wanted)
  return first ~= nil and last ~= nil and run.created >= first and run.created <= last
end

local function fits(run, query)
  return (not query.actor or run.actor:lower() == query.actor:lower())
    and (not query.branch or run.head_branch == query.branch) and (not query.event or run.event == query.event)
    and (not query.head_sha or run.head_sha == query.head_sha) and fits_status(run, query.status)
    and (not query.check_suite_id or suite_of(run) == math.tointeger(tonumber(query.check_suite_id)))
    and fits_time(run, query.created)
end

-- The newest first.
local function list(context, workflow)
  local found = data.filter(context.repository.runs, function(run)
    return (not workflow or run.workflow == workflow.id) and fits(run, context.query)
  end)
  table.sort(found, function(a, b)
    if a.created ~= b.created then return a.created > b.created end
    return a.id > b.id
  end)
  return answers.counted(context, "workflow_runs", found, runs.show)
end

-- ---- one --------------------------------------------------------------------------------------

---The run of a path; refuses when there is none.
---@param context github.Context
---@return github.Run run, integer index
function runs.get(context)
  local run, index = data.find(context.repository.runs, "id", math.tointeger(tonumber(context.params.run)))
  if not run then answers.not_found() end
  return run, index
end

-- What is still going on cannot be deleted; the words are assumed.
local function delete(context)
  local run, index = runs.get(context)
  if run.status ~= "completed" then answers.forbidden "Cannot delete a workflow run that is not completed." end
  table.remove(context.repository.runs, index)
  return nil, { status = 204 }
end

-- The run as it was in one of its attempts.
local function attempt(context)
  local run, number = runs.get(context), math.tointeger(tonumber(context.params.attempt))
  if number == run.attempt then return runs.show(context, run) end
  local before = data.find(run.attempts, "attempt", number)
  if not before then answers.not_found() end
  local then_ = {}
  for _, fields in ipairs { run, before } do
    for key, value in pairs(fields) do then_[key] = value end
  end
  return runs.show(context, then_)
end

-- Jobs that wait for others are not there yet. Assumed.
local function answer_jobs(context, run, list_of)
  local visible = data.filter(list_of, function(job) return job.ready ~= nil end)
  return answers.counted(context, "jobs", visible, function(_, job) return jobs.show(context, run, job) end)
end

local function list_jobs(context)
  local run = runs.get(context)
  local all = context.query.filter == "all" and run.jobs or jobs.latest(run)
  return answer_jobs(context, run, all)
end

local function list_attempt_jobs(context)
  local run, number = runs.get(context), math.tointeger(tonumber(context.params.attempt))
  local of = data.filter(run.jobs, function(job) return job.attempt == number end)
  if #of == 0 then answers.not_found() end
  return answer_jobs(context, run, of)
end

local function get_job(context)
  local id = math.tointeger(tonumber(context.params.job))
  for _, run in ipairs(context.repository.runs) do
    local job = data.find(run.jobs, "id", id)
    if job and job.ready then return jobs.show(context, run, job) end
  end
  answers.not_found()
end

-- ---- how long it took -------------------------------------------------------------------------

local systems = { { "windows", "WINDOWS" }, { "macos", "MACOS" }, { "", "UBUNTU" } }

local function system_of(job)
  local labels = table.concat(job.plan.labels, " "):lower()
  for _, pair in ipairs(systems) do
    if labels:find(pair[1], 1, true) then return pair[2] end
  end
end

local function milliseconds(seconds) return math.floor(seconds * 1000 + 0.5) end

-- Assumed: milliseconds as they are, where GitHub counts whole minutes of private repositories.
local function timing(context)
  local run, billable = runs.get(context), {}
  for _, job in ipairs(run.jobs) do
    if job.started and job.completed then
      local system = system_of(job)
      local of = billable[system] or { total_ms = 0, jobs = 0, job_runs = json.array {} }
      local took = milliseconds(job.completed - job.started)
      billable[system], of.total_ms, of.jobs = of, of.total_ms + took, of.jobs + 1
      of.job_runs[#of.job_runs + 1] = { job_id = job.id, duration_ms = took }
    end
  end
  local took = run.status == "completed" and milliseconds(run.updated - run.started) or nil
  return { billable = billable, run_duration_ms = took }
end

local ALL = "/repos/{owner}/{repo}/actions/runs"
local ONE = ALL .. "/{run}"
local reads, writes = { "actions", "read" }, { "actions", "write" }

runs.routes = {
  { "GET", ALL, function(context) return list(context) end, permission = reads,
    docs = "actions/workflow-runs#list-workflow-runs-for-a-repository" },
  { "GET", "/repos/{owner}/{repo}/actions/workflows/{workflow}/runs", function(context)
    return list(context, workflows.get(context))
  end, permission = reads, docs = "actions/workflow-runs#list-workflow-runs-for-a-workflow" },
  { "GET", ONE, function(context) return runs.show(context, (runs.get(context))) end, permission = reads,
    docs = "actions/workflow-runs#get-a-workflow-run" },
  { "DELETE", ONE, delete, permission = writes, docs = "actions/workflow-runs#delete-a-workflow-run" },
  { "GET", ONE .. "/timing", timing, permission = reads, docs = "actions/workflow-runs#get-workflow-run-usage" },
  { "GET", ONE .. "/jobs", list_jobs, permission = reads,
    docs = "actions/workflow-jobs#list-jobs-for-a-workflow-run" },
  { "GET", ONE .. "/attempts/{attempt}", attempt, permission = reads,
    docs = "actions/workflow-runs#get-a-workflow-run-attempt" },
  { "GET", ONE .. "/attempts/{attempt}/jobs", list_attempt_jobs, permission = reads,
    docs = "actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt" },
  { "GET", "/repos/{owner}/{repo}/actions/jobs/{job}", get_job, permission = reads,
    docs = "actions/workflow-jobs#get-a-job-for-a-workflow-run" },
}

return runs
