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

local LATEST = 1 << 37        -- seconds since 1970 that have four digits for the year

local function refuse(message, status)
  route.refuse { status = status or 400, message = message }
end

local function show(run)
  return { id = run.id, number = run.number, attempt = run.attempt, status = run.status, conclusion = run.conclusion,
    head_sha = run.head_sha, jobs = data.array(jobs.latest(run), function(job)
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

-- Takes a job on, through what lies between.
local function move(world, run, job, o)
  if job.status == "completed" then return end
  if o.status == "in_progress" and job.status ~= "in_progress" then
    run_clock.start(world, run, job, world.now)
  elseif o.status == "completed" or o.conclusion then
    if job.status ~= "in_progress" and o.conclusion ~= "skipped" then run_clock.start(world, run, job, world.now) end
    run_clock.finish(world, run, job, o.conclusion or "success", world.now)
  end
end

local function check_not_waiting(job)
  if job.status ~= "waiting" then return end
  refuse(("%s waits for its environment: it has to be reviewed"):format(job.name), 409)
end

local function change(context)
  local run, body = runs.get(context), answers.body(context)
  plans.check_ending("the run", body)
  local world = { state = context.state, repository = context.repository, now = context.now }
  local named = {}
  for _, wanted in ipairs(type(body.jobs) == "table" and body.jobs or {}) do
    local job = find_job(run, wanted)
    plans.check_ending(job.name, wanted)
    named[#named + 1] = { job = job, to = wanted }
  end
  if body.status or body.conclusion then
    for _, job in ipairs(jobs.latest(run)) do named[#named + 1] = { job = job, to = body } end
  end
  for _, one in ipairs(named) do check_not_waiting(one.job) end
  for _, one in ipairs(named) do move(world, run, one.job, one.to) end
  run_clock.advance(world, run)
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
