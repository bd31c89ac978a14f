---What happens at GitHub without its API, for tests: workflows that are pushed, runs that events start, and how their
---jobs go on.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local git = require "cloud.github.git"
local jobs = require "cloud.github.jobs"
local plans = require "cloud.github.plans"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local run_clock = require "cloud.github.run_clock"
local runs = require "cloud.github.runs"
local workflows = require "cloud.github.workflows"

local run_desk = {}

-- What may be told of a new run, of one that there is, and of one of its jobs.
local of_new = { "repository", "pull", "head_sha", "head_branch", "ref", "event", "workflow", "title", "actor",
  "created", "jobs", "status", "conclusion", "seconds", "queue_seconds" }
local of_run, of_job = { "repository", "jobs", "status", "conclusion" }, { "id", "name", "status", "conclusion" }

local LATEST = 1 << 37        -- seconds since 1970 that have four digits for the year

local function refuse(message, status)
  route.refuse { status = status or 400, message = message }
end

local function show(run)
  return { id = run.id, number = run.number, attempt = run.attempt, status = run.status, conclusion = run.conclusion,
    event = run.event, head_sha = run.head_sha, inputs = run.inputs, payload = run.payload,
    jobs = data.array(jobs.latest(run), function(job)
      return { id = job.id, name = job.name, status = job.status, conclusion = job.conclusion, message = job.message }
    end) }
end

-- ---- runs -------------------------------------------------------------------------------------

local function time_of(context, value)
  if value == nil then return context.now end
  local at = type(value) == "number" and value or type(value) == "string" and clock.parse(value)
  if at and at >= 0 and at <= LATEST then return at end
  refuse "created is a time such as 2026-01-01T00:00:00Z"
end

-- What a pull request's event is about.
local function of_pull(context, number)
  local pull = data.find(context.repository.pulls, "number", number)
  if not pull then refuse(("there is no pull request #%s"):format(tostring(number)), 404) end
  return { head_sha = pull.sha, head_branch = pull.head, head_repository = pull.head_repository, title = pull.title,
    ref = ("refs/pull/%d/merge"):format(pull.number), actor = pull.login }
end

local function of_ref(context, body)
  local repository = context.repository
  local ref = data.text(body.head_sha) or data.text(body.head_branch) or repository.default_branch
  local commit, branch = git.resolve(repository, ref)
  if not commit then refuse(("there is no commit or branch %s"):format(ref), 404) end
  branch = data.text(body.head_branch) or branch or repository.default_branch
  return { head_sha = commit.sha, head_branch = branch, ref = data.text(body.ref) or "refs/heads/" .. branch }
end

local function create(context)
  local body = answers.body(context)
  answers.check_keys("the run", body, of_new)
  local list = plans.jobs(body)
  local o = body.pull and of_pull(context, body.pull) or of_ref(context, body)
  o.event = data.text(body.event) or body.pull and "pull_request" or "push"
  o.workflow, o.jobs, o.title = data.text(body.workflow) or "ci.yml", list, data.text(body.title) or o.title
  o.actor = data.text(body.actor) or o.actor or repositories.owner(context.repository)
  local created = time_of(context, body.created)
  return show(runs.add(context.state, context.repository, o, created, context.now)), { status = 201 }
end

local function find_job(run, wanted)
  if type(wanted) ~= "table" then refuse "jobs is a list of what has a name" end
  for _, job in ipairs(jobs.latest(run)) do
    if job.id == wanted.id or job.name == wanted.name then return job end
  end
  refuse(("the run has no job %s"):format(tostring(wanted.name or wanted.id)), 404)
end

-- Takes a job on, through what lies between, and those that need it with it; whether that has moved it.
local function move(context, run, job, to)
  if job.status == "pending" or job.status == "waiting" or job.status == "completed" then return false end
  local ends, before = to.status == "completed" or to.conclusion ~= nil, job.status
  local starts = before == "queued" and (to.status == "in_progress" or ends and to.conclusion ~= "skipped")
  if starts then run_clock.start(context, run, job, context.now) end
  if ends then run_clock.finish(context, run, job, to.conclusion or "success", context.now) end
  run_clock.advance(context, run)
  return job.status ~= before
end

-- Tells jobs how they went on, in whatever order they are named.
local function move_all(context, run, told)
  local moved
  repeat
    moved = false
    for _, one in ipairs(told) do moved = move(context, run, one.job, one.to) or moved end
  until not moved
end

local function check_not_waiting(job)
  if job.status ~= "waiting" then return end
  refuse(("%s waits for its environment: it has to be reviewed"):format(job.name), 409)
end

-- A job comes after those that it needs, which the same request may tell of.
local function check_needs(run, job, told)
  if job.status ~= "pending" then return end
  for _, name in ipairs(job.plan.needs) do
    local needed = data.find(jobs.latest(run), "name", name)
    if needed and needed.status ~= "completed" and not data.find(told, "job", needed) then
      refuse(("%s needs %s, which has not ended"):format(job.name, needed.name), 409)
    end
  end
end

-- The jobs that are told of by name; refuses what cannot be told of them.
local function named_in(body, run)
  local told = {}
  for _, wanted in ipairs(type(body.jobs) == "table" and body.jobs or {}) do
    local job = find_job(run, wanted)
    answers.check_keys(job.name, wanted, of_job)
    plans.check_ending(job.name, wanted)
    told[#told + 1] = { job = job, to = wanted }
  end
  for _, one in ipairs(told) do
    check_not_waiting(one.job)
    check_needs(run, one.job, told)
  end
  return told
end

-- What is said of the run holds for all jobs that are not told of by name; those that others hold back wait as ever.
local function change(context)
  local run, body = runs.get(context), answers.body(context)
  answers.check_keys("the run", body, of_run)
  plans.check_ending("the run", body)
  local told = named_in(body, run)
  if body.status or body.conclusion then
    for _, job in ipairs(jobs.latest(run)) do
      check_not_waiting(job)
      told[#told + 1] = { job = job, to = body }
    end
  end
  move_all(context, run, told)
  return show(run)
end

-- ---- workflows --------------------------------------------------------------------------------

local function put_workflow(context)
  local body = answers.body(context)
  local workflow = workflows.add(context.state, context.repository, plans.workflow(body), context.now)
  return { id = workflow.id, name = workflow.name, path = workflow.path, state = workflow.state }
end

run_desk.admin = {
  { "POST", "/_davit/github/workflows", put_workflow },
  { "POST", "/_davit/github/runs", create },
  { "GET", "/_davit/github/runs/{run}", function(context) return show((runs.get(context))) end },
  { "PATCH", "/_davit/github/runs/{run}", change },
}

return run_desk
