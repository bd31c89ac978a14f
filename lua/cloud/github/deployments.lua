---Deployments: the record that a commit was to be deployed somewhere. Creating one makes the environment that it
---names, which outlives it.
---
---Two defaults are traps, here as there: `auto_merge` merges the default branch into a branch that is behind it, and
---answers 202 without a deployment; `required_contexts` are all checks of the commit, the asking workflow's own job
---among them, and one that has not succeeded answers 409.
local answers = require "cloud.github.answers"
local integration = require "cloud.github.integration"
local clock = require "cloud.clock"
local contexts = require "cloud.github.contexts"
local data = require "cloud.data"
local environments = require "cloud.github.environments"
local git = require "cloud.github.git"
local ids = require "cloud.ids"
local json = require "json"
local links = require "cloud.github.links"
local pulls = require "cloud.github.pulls"
local route = require "cloud.route"
local shape = require "cloud.github.shape"
local users = require "cloud.github.users"

local deployments = {}

---@class github.Deployment
---@field id integer
---@field sha string
---@field ref string
---@field task string
---@field payload any
---@field environment string           of the newest status that named one
---@field original_environment string
---@field description string
---@field login string                 who asked for it
---@field app? string                  through which app
---@field transient boolean
---@field production boolean
---@field created number
---@field updated number
---@field run? integer                 of a workflow, whose job it is
---@field statuses table[]             the newest last

---@param repository github.Repository
function deployments.init(repository)
  repository.deployments = repository.deployments or {}   -- the oldest first
end

---@param context github.Context
---@return github.Deployment deployment, integer index  of the path; refuses when there is none
function deployments.get(context)
  local id = math.tointeger(tonumber(context.params.deployment))
  local found, index = data.find(context.repository.deployments, "id", id)
  if not found then answers.not_found() end
  return found, index
end

---@param context github.Context
---@param deployment github.Deployment
---@return string
function deployments.path(context, deployment)
  return ("/repos/%s/deployments/%d"):format(context.repository.full_name, deployment.id)
end

---As it stands in answers.
function deployments.show(context, deployment)
  local repository = links.api(context, "/repos/" .. context.repository.full_name)
  local url = ("%s/deployments/%d"):format(repository, deployment.id)
  return {
    id = deployment.id, node_id = ("DE_%d"):format(deployment.id), url = url, statuses_url = url .. "/statuses",
    repository_url = repository, sha = deployment.sha, ref = deployment.ref, task = deployment.task,
    payload = deployment.payload or {}, environment = deployment.environment,
    original_environment = deployment.original_environment, description = data.nullable(deployment.description),
    creator = users.show(context, deployment.login),
    performed_via_github_app = integration.show(context, deployment.app),
    transient_environment = deployment.transient, production_environment = deployment.production,
    created_at = clock.iso(deployment.created), updated_at = clock.iso(deployment.updated),
  }
end

-- ---- made -------------------------------------------------------------------------------------

---@class deployments.New
---@field sha string
---@field ref string
---@field environment string
---@field task? string         ("deploy")
---@field payload? any         ({})
---@field description? string
---@field transient? boolean
---@field production? boolean  (whether the environment is called "production")
---@field login string
---@field app? string
---@field run? integer

---Puts a deployment into a repository, and its environment if that is not there.
---@param state table
---@param repository github.Repository
---@param o deployments.New
---@param now number
---@return github.Deployment
function deployments.add(state, repository, o, now)
  local production = o.production
  if production == nil then production = o.environment == "production" end
  local made = { id = 1800000000 + ids.next(state, "deployment"), sha = o.sha, ref = o.ref, task = o.task or "deploy",
    payload = o.payload, environment = o.environment, original_environment = o.environment,
    description = o.description, login = o.login, app = o.app, run = o.run, transient = o.transient or false,
    production = production, created = now, updated = now, statuses = {} }
  table.insert(repository.deployments, made)
  environments.ensure(state, repository, o.environment, now)
  return made
end

-- ---- a request for one ------------------------------------------------------------------------

local fields = {
  ref = { "string", required = true }, task = { "string" }, auto_merge = { "boolean" },
  required_contexts = { "array", items = { "string" }, nullable = true }, payload = { "any" },
  environment = { "string" }, description = { "string", nullable = true }, transient_environment = { "boolean" },
  production_environment = { "boolean" },
}

-- Whether the default branch has what the commit lacks.
local function is_behind(repository, commit)
  local main = repository.branches[repository.default_branch]
  return main and not git.contains(repository, commit.sha, main.sha) and main.sha
end

local function conflicts(repository, branch)
  for _, pull in ipairs(repository.pulls) do
    local of_branch = pull.head == branch and pull.head_repository == repository.full_name
    if of_branch and pull.state == "open" and pull.conflict then return true end
  end
  return false
end

-- Only a branch can take the merge in. Assumed: what is said of a commit that is behind.
local function merge(context, ref, branch, main)
  local repository = context.repository
  local default = repository.default_branch
  if not branch or conflicts(repository, branch) then
    route.refuse { status = 409, message = ("Conflict merging %s into %s."):format(default, ref) }
  end
  local head = repository.branches[branch].sha
  local made = git.commit(context.state, repository, { parents = { head, main }, login = context.token.login,
    message = ("Merge branch '%s' into %s"):format(default, branch) }, context.now)
  git.point(repository, branch, made.sha, context.now)
  pulls.synchronize(context.state, repository, branch, context.now)
  return { message = ("Auto-merged %s into %s on deployment."):format(default, branch) }, { status = 202 }
end

local function check_contexts(context, ref, commit, wanted)
  local unmet, all = contexts.unmet(context, commit.sha, wanted)
  if not unmet then return end
  route.refuse { status = 409, message = ("Conflict: Commit status checks failed for %s."):format(ref),
    errors = { { resource = "Deployment", field = "required_contexts", code = "invalid",
      contexts = json.array(all) } } }
end

local function list_of(value)
  return value ~= nil and value ~= json.null and data.plain(value) or nil
end

local function create(context)
  local body, repository = shape.body(context, fields), context.repository
  local commit, branch = git.resolve(repository, body.ref)
  if not commit then answers.malformed("No ref found for: " .. body.ref) end
  local environment = data.text(body.environment) or "production"
  environments.check_name(environment)
  local main = body.auto_merge ~= false and is_behind(repository, commit)
  if main then return merge(context, body.ref, branch, main) end
  check_contexts(context, body.ref, commit, list_of(context.body.required_contexts))
  local made = deployments.add(context.state, repository, { sha = commit.sha, ref = body.ref, task = body.task,
    payload = body.payload, environment = environment, description = body.description,
    transient = body.transient_environment, production = body.production_environment, login = context.token.login,
    app = integration.of(context.token) }, context.now)
  return deployments.show(context, made), { status = 201 }
end

-- ---- the others -------------------------------------------------------------------------------

local filters = { sha = "sha", ref = "ref", task = "task", environment = "environment" }

-- The newest first. "none" is what the contract has where nothing is asked for.
local function list(context)
  local found = data.filter(context.repository.deployments, function(deployment)
    for name, field in pairs(filters) do
      local wanted = data.text(context.query[name])
      if wanted and wanted ~= "none" and deployment[field] ~= wanted then return false end
    end
    return true
  end)
  table.sort(found, function(a, b) return a.id > b.id end)
  return answers.list(context, found, deployments.show)
end

---Whether its newest status is that it succeeded.
---@param deployment github.Deployment
function deployments.is_active(deployment)
  local newest = deployment.statuses[#deployment.statuses]
  return newest ~= nil and newest.state == "success"
end

local function is_alone(repository, deployment)
  for _, other in ipairs(repository.deployments) do
    if other ~= deployment and other.environment == deployment.environment then return false end
  end
  return true
end

local function delete(context)
  local deployment, index = deployments.get(context)
  if deployments.is_active(deployment) and not is_alone(context.repository, deployment) then
    answers.malformed "We cannot delete an active deployment unless it is the only deployment in a given environment."
  end
  table.remove(context.repository.deployments, index)
  return nil, { status = 204 }
end

local ALL = "/repos/{owner}/{repo}/deployments"
local ONE = ALL .. "/{deployment}"
local reads, writes = { "deployments", "read" }, { "deployments", "write" }

deployments.routes = {
  { "GET", ALL, list, permission = reads, docs = "deployments/deployments#list-deployments" },
  { "POST", ALL, create, permission = writes, docs = "deployments/deployments#create-a-deployment" },
  { "GET", ONE, function(context) return deployments.show(context, (deployments.get(context))) end,
    permission = reads, docs = "deployments/deployments#get-a-deployment" },
  { "DELETE", ONE, delete, permission = writes, docs = "deployments/deployments#delete-a-deployment" },
}

return deployments
