---A workflow as GitHub and its runners carry it out: which jobs an event starts, in which order, with which environment;
---its steps one after the other in the runner's view (tests/runner.lua). What an action does, `actions/checkout` for one,
---the test says.
local core = require "core"
local json = require "json"
local yaml = require "yaml"

local expressions = assert(core.load_file "tests/runner/expressions.lua")()
local runner = assert(core.load_file "tests/runner.lua")()

local workflow = {}

---@class runner.Workflow
---@field on table
---@field jobs table<string, table>
local Workflow = {}
Workflow.__index = Workflow

---@param text string  YAML
---@return runner.Workflow
function workflow.read(text)
  return setmetatable(yaml.decode(text), Workflow)
end

---What `permissions:` gives the token of its jobs, by the names that a token has them under.
---@return table<string, string>
function Workflow:token_permissions()
  local made = {}
  for name, level in pairs(self.permissions) do made[name:gsub("-", "_")] = level end
  return made
end

-- ---- events -----------------------------------------------------------------------------------

local function among(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

---Whether an event starts the workflow at all.
---@param event runner.Event
---@return boolean
function Workflow:is_for(event)
  local filter = self.on[event.name]
  if filter == nil then return false end
  if filter == json.null then return true end
  local branch = (event.payload.ref or ""):match "^refs/heads/(.+)$"
  return (not filter.branches or among(filter.branches, branch))
    and (not filter.types or among(filter.types, event.payload.action))
end

-- ---- scopes -----------------------------------------------------------------------------------

local function has_failed(steps)
  for _, one in ipairs(steps) do
    if one.failed then return true end
  end
  return false
end

-- What is known at GitHub before a runner takes the job.
local function scope_of(o, needs)
  local failed, skipped = false, false
  for _, one in pairs(needs) do
    failed, skipped = failed or one.result == "failure", skipped or one.result == "skipped"
  end
  local event = o.event
  return {
    contexts = { github = { event_name = event.name, event = event.payload, repository = o.repository, token = o.token,
      sha = event.sha, ref = event.payload.ref }, secrets = o.secrets, needs = needs, env = {}, steps = {} },
    functions = { success = function() return not (failed or skipped) end, failure = function() return failed end,
      always = function() return true end, cancelled = function() return false end },
  }
end

-- Each level of the workflow adds to the environment, and sees that of the levels before it.
local function with_environment(scope, given)
  local contexts, env = {}, {}
  for name, value in pairs(scope.contexts) do contexts[name] = value end
  for name, value in pairs(contexts.env) do env[name] = value end
  for name, value in pairs(given or {}) do env[name] = expressions.fill(value, scope) end
  contexts.env = env
  return { contexts = contexts, functions = scope.functions }
end

-- ---- one job ----------------------------------------------------------------------------------

local function wanted_outputs(given)
  local made = {}
  for name, text in pairs(given or {}) do
    local id, output = text:match "^%${{%s*steps%.([%w_-]+)%.outputs%.([%w_-]+)%s*}}$"
    if not id then error(("the output %s is no output of a step: %s"):format(name, text), 0) end
    made[name] = { id, output }
  end
  return made
end

-- The runner's own variables.
local function runner_environment(o)
  return { GITHUB_EVENT_NAME = o.event.name, GITHUB_EVENT_PATH = o.event_file, GITHUB_REPOSITORY = o.repository,
    GITHUB_SHA = o.event.sha, GITHUB_REF = o.event.payload.ref or "", GITHUB_RUN_ID = "1" }
end

local function run_step(job, o, scope, step)
  if step.uses then
    local with = {}
    for key, value in pairs(step.with or {}) do with[key] = expressions.fill(value, scope) end
    local action = o.actions[step.uses] or error("no test knows the action " .. step.uses, 0)
    action(with, o.workspace)
    return
  end
  local env = runner_environment(o)
  for name, value in pairs(o.env or {}) do env[name] = value end
  for name, value in pairs(with_environment(scope, step.env).contexts.env) do env[name] = value end
  local script = expressions.fill(step.run, scope)
  local one = job:run { id = step.id, argv = { "bash", "-e", "-c", script }, cwd = o.workspace, env = env }
  one.script = script
  if step.id then scope.contexts.steps[step.id] = { outputs = one.outputs } end
end

local function run_steps(job, o, scope, plan)
  scope = with_environment(scope, plan.env)
  scope.functions = { success = function() return not has_failed(job.steps) end, always = function() return true end,
    failure = function() return has_failed(job.steps) end, cancelled = function() return false end }
  for _, step in ipairs(plan.steps) do
    if expressions.holds(step["if"], scope) then run_step(job, o, scope, step) end
  end
end

local function concurrency_of(plan, scope)
  local given = plan.concurrency
  if type(given) == "table" then
    return { group = expressions.fill(given.group, scope), cancels = given["cancel-in-progress"] == true }
  end
  return given and { group = expressions.fill(given, scope), cancels = false } or nil
end

---@class runner.JobResult
---@field result "success"|"failure"|"skipped"
---@field outputs table<string, string>
---@field dropped? string[]
---@field job? runner.Job
---@field concurrency? { group: string, cancels: boolean }

---@return runner.JobResult
local function run_job(self, name, o, needs)
  local plan = self.jobs[name]
  o = setmetatable({ workspace = o.workspaces .. "/" .. name }, { __index = o })
  local scope = scope_of(o, needs)
  if not expressions.holds(plan["if"], scope) then return { result = "skipped", outputs = {} } end
  scope = with_environment(scope, self.env)
  local secrets = { token = o.token }
  for key, value in pairs(o.secrets) do secrets[key] = value end
  local job = runner.job { secrets = secrets, outputs = wanted_outputs(plan.outputs) }
  run_steps(job, o, scope, plan)
  local ending = job:finish()
  return { result = ending.failed and "failure" or "success", outputs = ending.outputs, dropped = ending.dropped,
    ending = ending, job = job, concurrency = concurrency_of(plan, scope) }
end

-- ---- all jobs ---------------------------------------------------------------------------------

local function needs_of(plan)
  return type(plan.needs) == "string" and { plan.needs } or plan.needs or {}
end

-- The results of what a job needs; nil while one of them has not ended.
local function ended(plan, results)
  local needs = {}
  for _, name in ipairs(needs_of(plan)) do
    if not results[name] then return nil end
    needs[name] = results[name]
  end
  return needs
end

---@class runner.Event
---@field name string      "push", "pull_request"
---@field payload table
---@field sha string

---@class runner.Workflow.Options
---@field event runner.Event
---@field event_file string   where the runner keeps the payload
---@field repository string
---@field secrets table<string, string>  of the repository
---@field token string        of the jobs
---@field workspaces string   each job has a folder in it, by its name; a checkout makes that
---@field env? table<string, string>     of the machine
---@field actions table<string, fun(with: table<string, string>, workspace: string)>

---Carries out every job that the event starts, one after the other; those that need another one after that.
---@param o runner.Workflow.Options
---@return table<string, runner.JobResult>  by job; empty where the event does not start the workflow
function Workflow:run(o)
  local results, moved = {}, self:is_for(o.event)
  while moved do
    moved = false
    for name, plan in pairs(self.jobs) do
      local needs = not results[name] and ended(plan, results)
      if needs then
        results[name], moved = run_job(self, name, o, needs), true
      end
    end
  end
  return results
end

return workflow
