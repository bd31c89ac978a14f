---Runs that somebody asks for: a workflow by its name, or whichever listens for an event of one's own.
local answers = require "cloud.github.answers"
local git = require "cloud.github.git"
local json = require "json"
local links = require "cloud.github.links"
local runs = require "cloud.github.runs"
local shape = require "cloud.github.shape"
local workflows = require "cloud.github.workflows"

local dispatches = {}

local LARGEST = 64 << 10   -- bytes of inputs, and of a payload

-- ---- of one workflow --------------------------------------------------------------------------

local fields = {
  ref = { "string", required = true }, inputs = { "object", max_keys = 25 }, return_run_details = { "boolean" },
}

local function check_options(name, input, value)
  if not input.options then return end
  for _, option in ipairs(input.options) do
    if option == value then return end
  end
  answers.malformed(("Provided value '%s' for input '%s' not in the list of allowed values"):format(value, name))
end

-- The inputs with their defaults; refuses those that the workflow does not have, and a lack of those that it must have.
local function inputs_of(workflow, given)
  local known, unexpected, made = workflow.dispatch.inputs or {}, {}, {}
  for name, value in pairs(given) do
    if not known[name] then unexpected[#unexpected + 1] = json.encode(name) end
    made[name] = value
  end
  if #unexpected > 0 then
    answers.malformed(("Unexpected inputs provided: [%s]"):format(table.concat(unexpected, ", ")))
  end
  for name, input in pairs(known) do
    if made[name] == nil then made[name] = input.default end
    if made[name] == nil and input.required then
      answers.malformed(("Required input '%s' not provided"):format(name))
    end
    if made[name] ~= nil then check_options(name, input, tostring(made[name])) end
  end
  return made
end

local function check_workflow(workflow)
  if workflow.state ~= "active" then
    answers.malformed "Cannot trigger a 'workflow_dispatch' on a disabled workflow"
  elseif not workflow.dispatch then
    answers.malformed "Workflow does not have 'workflow_dispatch' trigger"
  end
end

-- Commits cannot be asked for by their hash.
local function resolve(repository, ref)
  local commit, branch = git.resolve(repository, ref)
  if not branch then answers.malformed("No ref found for: " .. ref) end
  return commit, branch
end

local function of_workflow(context)
  local workflow, repository = workflows.get(context), context.repository
  local body = shape.body(context, fields)
  local commit, branch = resolve(repository, body.ref)
  check_workflow(workflow)
  if #json.encode(body.inputs or {}) > LARGEST then answers.malformed "inputs are too large." end
  local run = runs.add(context.state, repository, { workflow = workflow.path, event = "workflow_dispatch",
    ref = "refs/heads/" .. branch, head_branch = branch, head_sha = commit.sha, actor = context.token.login,
    title = workflow.name, inputs = inputs_of(workflow, body.inputs or {}) }, context.now, context.now)
  if not body.return_run_details then return nil, { status = 204 } end
  return { workflow_run_id = run.id, run_url = links.api(context, runs.path(repository, run)),
    html_url = links.html(("/%s/actions/runs/%d"):format(repository.full_name, run.id)) }
end

-- ---- of a repository --------------------------------------------------------------------------

local event = {
  event_type = { "string", required = true, max_length = 100 }, client_payload = { "object", max_keys = 10 },
}

local function listens(workflow, kind)
  if not workflow.listens or workflow.state ~= "active" then return false end
  for _, wanted in ipairs(workflow.listens) do
    if wanted == kind then return true end
  end
  return #workflow.listens == 0
end

-- Always on the default branch; that nothing listens is no error.
local function of_repository(context)
  local body, repository = shape.body(context, event), context.repository
  if #json.encode(body.client_payload or {}) >= LARGEST then answers.malformed "client_payload is too large." end
  local branch = repository.default_branch
  for _, workflow in ipairs(repository.workflows) do
    if listens(workflow, body.event_type) then
      runs.add(context.state, repository, { workflow = workflow.path, event = "repository_dispatch",
        ref = "refs/heads/" .. branch, head_branch = branch, head_sha = repository.branches[branch].sha,
        actor = context.token.login, title = body.event_type, payload = body.client_payload or {} },
        context.now, context.now)
    end
  end
  return nil, { status = 204 }
end

dispatches.routes = {
  { "POST", "/repos/{owner}/{repo}/actions/workflows/{workflow}/dispatches", of_workflow,
    permission = { "actions", "write" }, docs = "actions/workflows#create-a-workflow-dispatch-event" },
  { "POST", "/repos/{owner}/{repo}/dispatches", of_repository, permission = { "contents", "write" },
    docs = "repos/repos#create-a-repository-dispatch-event" },
}

return dispatches
