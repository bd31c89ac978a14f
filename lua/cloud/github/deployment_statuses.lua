---Statuses of deployments, and what a success does to those before it.
---
---`auto_inactive` ends the earlier successes of the same environment that are neither transient nor of production:
---whoever deploys previews as transient, or to production, ends them himself.
local answers = require "cloud.github.answers"
local integration = require "cloud.github.integration"
local clock = require "cloud.clock"
local data = require "cloud.data"
local deployments = require "cloud.github.deployments"
local environments = require "cloud.github.environments"
local ids = require "cloud.ids"
local links = require "cloud.github.links"
local shape = require "cloud.github.shape"
local users = require "cloud.github.users"

local deployment_statuses = {}

local LONGEST = 140   -- characters of a description

---@class github.DeploymentStatus
---@field id integer
---@field state string
---@field description string
---@field environment string
---@field environment_url string
---@field log_url string
---@field login string
---@field app? string
---@field created number

local function show(context, deployment, status)
  local url = links.api(context, deployments.path(context, deployment))
  return {
    id = status.id, node_id = ("DES_%d"):format(status.id), url = ("%s/statuses/%d"):format(url, status.id),
    deployment_url = url, repository_url = links.api(context, "/repos/" .. context.repository.full_name),
    state = status.state, description = status.description, environment = status.environment,
    environment_url = status.environment_url, log_url = status.log_url, target_url = status.log_url,
    creator = users.show(context, status.login), performed_via_github_app = integration.show(context, status.app),
    created_at = clock.iso(status.created), updated_at = clock.iso(status.created),
  }
end

-- ---- made -------------------------------------------------------------------------------------

local function append(state, deployment, o, now)
  local made = { id = 2800000000 + ids.next(state, "deployment status"), state = o.state,
    description = o.description or "", environment = o.environment or deployment.environment,
    environment_url = o.environment_url or "", log_url = o.log_url or "", login = o.login, app = o.app, created = now }
  table.insert(deployment.statuses, made)
  deployment.environment, deployment.updated = made.environment, now
  return made
end

-- Assumed: only a success does it.
local function end_earlier(state, repository, deployment, o, now)
  if o.state ~= "success" or o.auto_inactive == false then return end
  for _, other in ipairs(repository.deployments) do
    local ends = other.id < deployment.id and other.environment == deployment.environment
      and not other.transient and not other.production and deployments.is_active(other)
    if ends then append(state, other, { state = "inactive", login = o.login, app = o.app }, now) end
  end
end

---@class deployment_statuses.New
---@field state string
---@field description? string
---@field environment? string      (that of the status before)
---@field environment_url? string
---@field log_url? string
---@field auto_inactive? boolean   (true)
---@field login string
---@field app? string

---Adds a status to a deployment, with all that follows from it.
---@param state table
---@param repository github.Repository
---@param deployment github.Deployment
---@param o deployment_statuses.New
---@param now number
---@return github.DeploymentStatus
function deployment_statuses.add(state, repository, deployment, o, now)
  local made = append(state, deployment, o, now)
  environments.ensure(state, repository, made.environment, now)
  end_earlier(state, repository, deployment, o, now)
  return made
end

-- ---- requests ---------------------------------------------------------------------------------

local fields = {
  state = { "string", required = true,
    enum = { "error", "failure", "inactive", "in_progress", "queued", "pending", "success" } },
  target_url = { "string" }, log_url = { "string" }, description = { "string", nullable = true },
  environment = { "string" }, environment_url = { "string" }, auto_inactive = { "boolean" },
}

local function check_url(name, url)
  if not url or url == "" or url:find "^https?://[^%s/]" then return end
  answers.invalid_field("DeploymentStatus", name, "custom", name .. " must use http(s) scheme")
end

local function create(context)
  local deployment, body = deployments.get(context), shape.body(context, fields)
  if (utf8.len(body.description or "") or 0) > LONGEST then
    answers.invalid_field("DeploymentStatus", "description", "custom",
      ("description is too long (maximum is %d characters)"):format(LONGEST))
  end
  local log_url = body.log_url or body.target_url
  check_url("environment_url", body.environment_url)
  check_url("target_url", log_url)
  local environment = data.text(body.environment)
  if environment then environments.check_name(environment) end
  local made = deployment_statuses.add(context.state, context.repository, deployment, { state = body.state,
    description = body.description, environment = environment, environment_url = body.environment_url,
    log_url = log_url, auto_inactive = body.auto_inactive, login = context.token.login,
    app = integration.of(context.token) }, context.now)
  return show(context, deployment, made), { status = 201 }
end

-- The newest first.
local function list(context)
  local deployment, newest = deployments.get(context), {}
  for i = #deployment.statuses, 1, -1 do newest[#newest + 1] = deployment.statuses[i] end
  return answers.list(context, newest, function(_, status) return show(context, deployment, status) end)
end

local function get(context)
  local deployment = deployments.get(context)
  local status = data.find(deployment.statuses, "id", math.tointeger(tonumber(context.params.status)))
  if not status then answers.not_found() end
  return show(context, deployment, status)
end

local ALL = "/repos/{owner}/{repo}/deployments/{deployment}/statuses"
local reads, writes = { "deployments", "read" }, { "deployments", "write" }

deployment_statuses.routes = {
  { "GET", ALL, list, permission = reads, docs = "deployments/statuses#list-deployment-statuses" },
  { "POST", ALL, create, permission = writes, docs = "deployments/statuses#create-a-deployment-status" },
  { "GET", ALL .. "/{status}", get, permission = reads, docs = "deployments/statuses#get-a-deployment-status" },
}

return deployment_statuses
