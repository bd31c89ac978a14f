---Environments: what jobs and deployments are for, and the rules that protect it.
---
---A deployment, and a job of a workflow, makes the environment that it names. Nothing removes one but who may
---administer the repository, which the token of a workflow never may: so they pile up.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local links = require "cloud.github.links"
local people = require "cloud.github.people"
local shape = require "cloud.github.shape"

local environments = {}

local LONGEST = 255

---@class github.Environment
---@field id integer
---@field name string
---@field wait_timer integer             minutes
---@field prevent_self_review boolean
---@field reviewers { type: string, id: integer }[]
---@field branch_policy? "protected"|"custom"   nil: every branch
---@field branch_rules { id: integer, name: string, type: string }[]
---@field custom_rules? github.CustomRule[]
---@field created number
---@field updated number

---@param repository github.Repository
function environments.init(repository)
  repository.environments = repository.environments or {}   -- the oldest first
end

---By its name, in any case.
---@param repository github.Repository
---@param name string
---@return github.Environment|nil, integer|nil index
function environments.find(repository, name)
  local wanted = name:lower()
  for i, environment in ipairs(repository.environments) do
    if environment.name:lower() == wanted then return environment, i end
  end
end

---The environment of a path; refuses when there is none.
---@param context github.Context
---@return github.Environment environment, integer index
function environments.get(context)
  local found, index = environments.find(context.repository, context.params.environment)
  if not found then answers.not_found() end
  return found, index
end

---Refuses what cannot be the name of an environment. Which characters it may not have is assumed.
---@param name string
function environments.check_name(name)
  local length = utf8.len(name)
  if length and length <= LONGEST and not name:find "[%c'\"`;,\\]" and name:find "%S" then return end
  answers.malformed "Invalid environment name"
end

---The environment of this name, made if it is not there.
---@param state table
---@param repository github.Repository
---@param name string
---@param now number
---@return github.Environment
function environments.ensure(state, repository, name, now)
  local found = environments.find(repository, name)
  if found then return found end
  local made = { id = 900000000 + ids.next(state, "environment"), name = name, wait_timer = 0,
    prevent_self_review = false, reviewers = {}, branch_rules = {}, created = now, updated = now }
  table.insert(repository.environments, made)
  return made
end

-- ---- shown ------------------------------------------------------------------------------------

---What stands of it in other answers.
---@param context github.Context
---@param environment github.Environment
function environments.brief(context, environment)
  local full = context.repository.full_name
  return { id = environment.id, node_id = ("EN_%d"):format(environment.id), name = environment.name,
    url = links.api(context, ("/repos/%s/environments/%s"):format(full, links.escape(environment.name))),
    html_url = links.html(("/%s/deployments/activity_log?environments_filter=%s"):format(full,
      links.escape(environment.name))) }
end

---@param context github.Context
---@param environment github.Environment
---@return table
function environments.reviewers(context, environment)
  return data.array(environment.reviewers, function(reviewer) return people.reviewer(context, reviewer) end)
end

local function rules_of(context, environment)
  local rules = {}
  local function add(kind, rule)
    rule.id, rule.type = environment.id * 10 + #rules, kind
    rule.node_id = ("GA_%d"):format(rule.id)
    rules[#rules + 1] = rule
  end
  if environment.wait_timer > 0 then add("wait_timer", { wait_timer = environment.wait_timer }) end
  if #environment.reviewers > 0 then
    add("required_reviewers", { prevent_self_review = environment.prevent_self_review,
      reviewers = environments.reviewers(context, environment) })
  end
  if environment.branch_policy then add("branch_policy", {}) end
  return json.array(rules)
end

local function show(context, environment)
  local shown = environments.brief(context, environment)
  shown.created_at, shown.updated_at = clock.iso(environment.created), clock.iso(environment.updated)
  shown.protection_rules = rules_of(context, environment)
  shown.can_admins_bypass = true
  local policy = environment.branch_policy
  shown.deployment_branch_policy = policy and { protected_branches = policy == "protected",
    custom_branch_policies = policy == "custom" } or json.null
  return shown
end

-- ---- requests ---------------------------------------------------------------------------------

local fields = {
  wait_timer = { "integer", min = 0, max = 43200 }, prevent_self_review = { "boolean" },
  reviewers = { "array", nullable = true, max_items = 6,
    items = { "object", fields = { type = { "string", enum = { "User", "Team" } }, id = { "integer" } } } },
  deployment_branch_policy = { "object", nullable = true, fields = {
    protected_branches = { "boolean", required = true }, custom_branch_policies = { "boolean", required = true } } },
}

local function policy_of(wanted)
  if wanted == nil then return nil end
  if wanted.protected_branches == wanted.custom_branch_policies then
    answers.malformed "protected_branches and custom_branch_policies cannot have the same value"   -- words assumed
  end
  return wanted.protected_branches and "protected" or "custom"
end

local function check_reviewers(context, reviewers)
  for _, reviewer in ipairs(reviewers) do
    if not people.may_review(context, reviewer) then
      answers.invalid_field("Environment", "reviewers", "invalid")   -- words assumed
    end
  end
end

-- All rules are replaced by those of the request: what it does not name is as if it had none. Assumed.
local function put(context)
  local name = context.params.environment
  environments.check_name(name)
  local body = shape.body(context, fields)
  local policy, reviewers = policy_of(body.deployment_branch_policy), body.reviewers or {}
  check_reviewers(context, reviewers)
  local environment = environments.ensure(context.state, context.repository, name, context.now)
  environment.wait_timer, environment.reviewers = body.wait_timer or 0, reviewers
  environment.prevent_self_review = body.prevent_self_review or false
  if policy ~= "custom" then environment.branch_rules = {} end
  environment.branch_policy, environment.updated = policy, context.now
  return show(context, environment)
end

local function delete(context)
  local _, index = environments.get(context)
  table.remove(context.repository.environments, index)
  return nil, { status = 204 }
end

local ALL = "/repos/{owner}/{repo}/environments"
local ONE = ALL .. "/{environment}"
local reads, writes = { "actions", "read" }, { "administration", "write" }

environments.routes = {
  { "GET", ALL, function(context)
    return answers.counted(context, "environments", context.repository.environments, show)
  end, permission = reads, docs = "deployments/environments#list-environments" },
  { "GET", ONE, function(context) return show(context, (environments.get(context))) end, permission = reads,
    docs = "deployments/environments#get-an-environment" },
  { "PUT", ONE, put, permission = writes, docs = "deployments/environments#create-or-update-an-environment" },
  { "DELETE", ONE, delete, permission = writes, docs = "deployments/environments#delete-an-environment" },
}

return environments
