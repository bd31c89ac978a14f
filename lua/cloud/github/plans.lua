---Plans of runs: what may be told of workflows, of jobs and of how they go on. What nobody could mean is refused.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local route = require "cloud.route"

local plans = {}

local keys = {
  job = { "name", "environment", "needs", "labels", "steps", "queue_seconds", "seconds", "status", "conclusion" },
  step = { "name", "seconds", "status", "conclusion" },
  workflow = { "file", "name", "state", "workflow_dispatch", "repository_dispatch", "jobs", "repository" },
}

local LONGEST = 365 * 86400   -- seconds of a job

local statuses = { queued = true, in_progress = true, completed = true }
local conclusions = { action_required = true, cancelled = true, failure = true, neutral = true, skipped = true,
  success = true, timed_out = true }

local function refuse(message)
  route.refuse { status = 400, message = message }
end

-- ---- what may be said of a job ----------------------------------------------------------------

---Refuses a status or a conclusion that there is not.
---@param what string  whose
---@param o { status?: any, conclusion?: any }
function plans.check_ending(what, o)
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
    answers.check_keys(step.name, step, keys.step)
    plans.check_ending(step.name, step)
    check_seconds(step.name, step)
  end
end

local function check_job(job)
  if type(job) ~= "table" or not data.text(job.name) then refuse "every job has a name" end
  answers.check_keys(job.name, job, keys.job)
  if job.environment ~= nil and not data.text(job.environment) then
    refuse(("%s: environment is a name"):format(job.name))
  end
  check_texts(job.name, "needs", job.needs)
  check_texts(job.name, "labels", job.labels)
  check_steps(job.name, job.steps)
  plans.check_ending(job.name, job)
  check_seconds(job.name, job)
end

-- A job that needs what there is not would never run.
local function check_needs(list)
  for _, job in ipairs(list) do
    for _, name in ipairs(job.needs or {}) do
      local needed = data.find(list, "name", name)
      if not needed then refuse(("%s: there is no job '%s' that it could need"):format(job.name, name)) end
    end
  end
end

---The jobs of a run. What it says of all of them is what those have that say nothing.
---@param body table
---@return jobs.New[]|nil
function plans.jobs(body)
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
  check_needs(list)
  return list
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

---A workflow.
---@param body table
---@return workflows.New
function plans.workflow(body)
  answers.check_keys("the workflow", body, keys.workflow)
  if not data.text(body.file) then refuse "file is missing, such as \"deploy.yml\"" end
  for _, name in ipairs { "name", "state" } do
    if body[name] ~= nil and not data.text(body[name]) then refuse(name .. " is a text") end
  end
  local dispatch, listens = body.workflow_dispatch, body.repository_dispatch
  if type(dispatch) == "table" then check_inputs(dispatch.inputs) end
  if type(listens) == "table" then check_texts("repository_dispatch", "types", listens.types) end
  body.jobs = plans.jobs { jobs = body.jobs }
  return body
end

return plans
