---What happens at GitHub without its API, for tests: workflows that are pushed, runs that events start, and how their
---jobs go on.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local git = require "cloud.github.git"
local jobs = require "cloud.github.jobs"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local run_clock = require "cloud.github.run_clock"
local runs = require "cloud.github.runs"
local workflows = require "cloud.github.workflows"

local run_desk = {}

local LONGEST = 365 * 86400   -- seconds of a job
local LATEST = 1 << 37        -- seconds since 1970 that have four digits for the year

local statuses = { queued = true, in_progress = true, completed = true }
local conclusions = { action_required = true, cancelled = true, failure = true, neutral = true, skipped = true,
  success = true, timed_out = true }

local function refuse(message, status)
  route.refuse { status = status or 400, message = message }
end

local function show(run)
  return { id = run.id, number = run.number, attempt = run.attempt, status = run.status, conclusion = run.conclusion,
    head_sha = run.head_sha, jobs = data.array(jobs.latest(run), function(job)
      return { id = job.id, name = job.name, status = job.status, conclusion = job.conclusion, message = job.message }
    end) }
end

-- ---- what may be said of a job ----------------------------------------------------------------

local function check_ending(what, o)
  if o.status ~= nil and not statuses[o.status] then
    refuse(("%s: status is queued, in_progress or completed"):format(what))
  end
  if o.conclusion ~= nil and not conclusions[o.conclusion] then
    refuse(("%s: there is no conclusion '%s'"):format(what, tostring(o.conclusion)))
  end
end

local function check_seconds(what, o)
  for _, name in ipairs { "queue_seconds", "seconds" } do
    local value = o[name]
    local fits = value == nil or type(value) == "number" and value >= 0 and value <= LONGEST
    if not fits then refuse(("%s: %s is a number of seconds"):format(what, name)) end
  end
end

local function check_texts(what, name, list)
  if list == nil then return end
  local fits = type(list) == "table" and (#list > 0 or next(list) == nil)
  for _, text in ipairs(fits and list or {}) do fits = fits and type(text) == "string" end
  if not fits then refuse(("%s: %s is a list of names"):format(what, name)) end
end

local function check_steps(what, steps)
  if steps == nil then return end
  if type(steps) ~= "table" then refuse(("%s: steps is a list"):format(what)) end
  for _, step in ipairs(steps) do
    if type(step) ~= "table" or not data.text(step.name) then refuse(("%s: every step has a name"):format(what)) end
    check_ending(step.name, step)
    check_seconds(step.name, step)
  end
end

local function check_job(job)
  if type(job) ~= "table" or not data.text(job.name) then refuse "every job has a name" end
  if job.environment ~= nil and not data.text(job.environment) then
    refuse(("%s: environment is a name"):format(job.name))
  end
  check_texts(job.name, "needs", job.needs)
  check_texts(job.name, "labels", job.labels)
  check_steps(job.name, job.steps)
  check_ending(job.name, job)
  check_seconds(job.name, job)
end

-- What a run says of all its jobs is what those have that say nothing.
local function read_jobs(body)
  local list = body.jobs
  if list == nil and (body.status or body.conclusion or body.seconds) then list = { { name = "build" } } end
  if list == nil then return nil end
  if type(list) ~= "table" or #list == 0 then refuse "jobs is a list" end
  for _, job in ipairs(list) do
    check_job(job)
    for _, name in ipairs { "status", "conclusion", "seconds", "queue_seconds" } do
      if job[name] == nil then job[name] = body[name] end
    end
    check_job(job)
  end
  return list
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
  local list = read_jobs(body)
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
  check_ending("the run", body)
  local world = { state = context.state, repository = context.repository, now = context.now }
  local named = {}
  for _, wanted in ipairs(type(body.jobs) == "table" and body.jobs or {}) do
    local job = find_job(run, wanted)
    check_ending(job.name, wanted)
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

local function check_inputs(inputs)
  if inputs == nil then return end
  if type(inputs) ~= "table" then refuse "inputs are an object" end
  for name, input in pairs(inputs) do
    if type(name) ~= "string" or type(input) ~= "table" then refuse "every input has a name, and is an object" end
    check_texts(name, "options", input.options)
  end
end

local function check_workflow(body)
  if not data.text(body.file) then refuse "file is missing, such as \"deploy.yml\"" end
  for _, name in ipairs { "name", "state" } do
    if body[name] ~= nil and not data.text(body[name]) then refuse(name .. " is a text") end
  end
  local dispatch, listens = body.workflow_dispatch, body.repository_dispatch
  if type(dispatch) == "table" then check_inputs(dispatch.inputs) end
  if type(listens) == "table" then check_texts("repository_dispatch", "types", listens.types) end
end

local function put_workflow(context)
  local body = answers.body(context)
  check_workflow(body)
  local list = body.jobs
  body.jobs = nil
  local workflow = workflows.add(context.state, context.repository, body, context.now)
  workflow.jobs = list and read_jobs { jobs = list } or workflow.jobs
  return { id = workflow.id, name = workflow.name, path = workflow.path, state = workflow.state }
end

run_desk.admin = {
  { "POST", "/_davit/github/workflows", put_workflow },
  { "POST", "/_davit/github/runs", create },
  { "GET", "/_davit/github/runs/{run}", function(context) return show((runs.get(context))) end },
  { "PATCH", "/_davit/github/runs/{run}", change },
}

return run_desk
