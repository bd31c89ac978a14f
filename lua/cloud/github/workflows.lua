---Workflows: the files that runs come from, with what starts them by hand and the jobs that such a run gets.
---
---A model reads no YAML: a workflow is told, by the seed or by whoever owns this cloud, or is known from its first run.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local ids = require "cloud.ids"
local links = require "cloud.github.links"

local workflows = {}

local FOLDER = ".github/workflows/"

---@class github.Workflow
---@field id integer
---@field name string
---@field path string
---@field state string               active, disabled_manually, …
---@field dispatch? { inputs: table<string, workflows.Input> }   nil: it cannot be started by workflow_dispatch
---@field listens? string[]          types of repository_dispatch; empty: all of them; nil: none
---@field jobs? jobs.New[]           of a run that a dispatch starts
---@field runs integer               how many there were
---@field created number
---@field updated number

---@class workflows.Input
---@field required? boolean
---@field default? string
---@field options? string[]

---@class workflows.New
---@field file string                such as "deploy.yml"
---@field name? string
---@field state? string
---@field workflow_dispatch? boolean|{ inputs: table<string, workflows.Input> }
---@field repository_dispatch? boolean|{ types: string[] }
---@field jobs? jobs.New[]

---@param repository github.Repository
function workflows.init(repository)
  repository.workflows = repository.workflows or {}   -- in the order in which they became known
end

---@param name string  a file or its path
---@return string
function workflows.path(name)
  return name:sub(1, #FOLDER) == FOLDER and name or FOLDER .. name
end

---By its number, file or path.
---@param repository github.Repository
---@param which string
---@return github.Workflow|nil
function workflows.find(repository, which)
  local id, path = math.tointeger(tonumber(which)), workflows.path(which)
  for _, workflow in ipairs(repository.workflows) do
    if workflow.id == id or workflow.path == path then return workflow end
  end
end

---Puts a workflow into a repository, or changes the one of this file.
---@param state table
---@param repository github.Repository
---@param o workflows.New
---@param now number
---@return github.Workflow
function workflows.add(state, repository, o, now)
  local workflow = workflows.find(repository, o.file)
  if not workflow then
    workflow = { id = 160000000 + ids.next(state, "workflow"), path = workflows.path(o.file), runs = 0, created = now }
    table.insert(repository.workflows, workflow)
  end
  local dispatch, listens = o.workflow_dispatch, o.repository_dispatch
  workflow.name = o.name or workflow.name or workflow.path
  workflow.state, workflow.updated, workflow.jobs = o.state or "active", now, o.jobs or workflow.jobs
  workflow.dispatch = dispatch and { inputs = type(dispatch) == "table" and dispatch.inputs or {} } or nil
  workflow.listens = listens and (type(listens) == "table" and listens.types or {}) or nil
  return workflow
end

-- ---- requests ---------------------------------------------------------------------------------

---The address of a workflow, for programs.
function workflows.url(context, workflow)
  return links.api(context, ("/repos/%s/actions/workflows/%d"):format(context.repository.full_name, workflow.id))
end

local function show(context, workflow)
  local page = links.html("/" .. context.repository.full_name)
  local file = workflow.path:sub(#FOLDER + 1)
  return { id = workflow.id, node_id = ("W_%d"):format(workflow.id), name = workflow.name, path = workflow.path,
    state = workflow.state, url = workflows.url(context, workflow),
    html_url = ("%s/blob/%s/%s"):format(page, context.repository.default_branch, workflow.path),
    badge_url = ("%s/workflows/%s/badge.svg"):format(page, links.escape(file)),
    created_at = clock.iso(workflow.created), updated_at = clock.iso(workflow.updated) }
end

---The workflow of a path; refuses when there is none.
---@param context github.Context
---@return github.Workflow
function workflows.get(context)
  local workflow = workflows.find(context.repository, context.params.workflow)
  if not workflow then answers.not_found() end
  return workflow
end

local ALL = "/repos/{owner}/{repo}/actions/workflows"
local reads = { "actions", "read" }

workflows.routes = {
  { "GET", ALL, function(context)
    return answers.counted(context, "workflows", context.repository.workflows, show)
  end, permission = reads, docs = "actions/workflows#list-repository-workflows" },
  { "GET", ALL .. "/{workflow}", function(context) return show(context, workflows.get(context)) end,
    permission = reads, docs = "actions/workflows#get-a-workflow" },
}

return workflows
