---Runs of workflows: whether the tests of a commit have passed, and which repository's commit that was.
local api = require "github.api"
local deployments = require "github.deployments"
local options = require "options"

local runs = {}

local READ = "actions: read"

-- The head repository of a fork may be gone.
local function is_of_fork(run)
  local head = api.given(run.head_repository)
  return not head or head.id ~= run.repository.id
end

local function show(run)
  return { id = run.id, attempt = run.run_attempt, workflow = api.given(run.name), event = run.event,
    branch = api.given(run.head_branch), sha = run.head_sha, status = run.status,
    conclusion = api.given(run.conclusion), url = run.html_url, fork = is_of_fork(run) }
end

---The id of a run, as `run` and `find_run` show it or as a number.
---@param what string  the function, for the error
---@return integer
function runs.check_id(what, given)
  local id = type(given) == "table" and given.id or given
  if math.type(id) == "integer" and id > 0 then return id end
  options.misuse("%s: expected a run of a workflow or its id, not '%s'", what, tostring(id))
end

---@return github.Run  raises when there is none
function runs.get(client, given)
  local id = runs.check_id("github.run", given)
  return show((api.call(client, { path = "/actions/runs/" .. id, needs = READ, what = "read the run " .. id })))
end

local fields = {
  { "workflow", "string", true }, { "sha", "string", true }, { "event", "string" }, { "branch", "string" },
}

-- ".github/workflows/testing.yml", for a workflow of elsewhere with the reference behind it.
local function is_file(path, name)
  path = (api.given(path) or ""):gsub("@.*", "")
  return path == name or path:match "[^/]*$" == name
end

-- What GitHub filters is looked at again: a filter that it passes over must not let another commit's result count.
local function fits(run, o)
  return run.head_sha == o.sha and (run.name == o.workflow or is_file(run.path, o.workflow))
    and (not o.event or run.event == o.event) and (not o.branch or api.given(run.head_branch) == o.branch)
end

---The newest run of a workflow, by its file or its name, at a commit.
---@return github.Run|nil
function runs.find(client, given)
  options.read("github.find_run", given, fields)
  local o = { sha = deployments.check_sha("github.find_run", given.sha), workflow = given.workflow,
    event = given.event, branch = given.branch }
  local walk = api.walk(client, { path = "/actions/runs", needs = READ, what = "look for the run of " .. o.workflow,
    query = { head_sha = o.sha, event = o.event, branch = o.branch } }, "/workflow_runs")
  for run in walk do
    if fits(run, o) then return show(run) end
  end
end

return runs
