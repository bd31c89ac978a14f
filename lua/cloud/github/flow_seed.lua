---Environments, settings and workflows that a repository begins with.
local environments = require "cloud.github.environments"
local plans = require "cloud.github.plans"
local repositories = require "cloud.github.repositories"
local users = require "cloud.github.users"
local workflows = require "cloud.github.workflows"

local flow_seed = {}

---@class flow_seed.Environment
---@field name string
---@field wait_timer? integer        minutes
---@field reviewers? string[]        logins; who has no role gets that to read
---@field prevent_self_review? boolean
---@field protected_branches? boolean  whether only those may deploy
---@field branches? string[]         patterns of those that may deploy
---@field secrets? table<string, string>
---@field variables? table<string, string>

---@class flow_seed.Flows
---@field environments? flow_seed.Environment[]
---@field workflows? workflows.New[]
---@field secrets? table<string, string>
---@field variables? table<string, string>

local function settings(values, now)
  local made = {}
  for name, value in pairs(values or {}) do
    made[name:upper()] = { name = name:upper(), value = value, created = now, updated = now }
  end
  return made
end

-- Nobody reviews in a repository that he does not see.
local function let_in(repository, login)
  if not repositories.is(repository, login, "pull") then repository.collaborators[login] = "pull" end
  return { type = "User", id = users.id(login) }
end

local function add_environment(state, repository, o, now)
  local made = environments.ensure(state, repository, o.name, now)
  made.wait_timer, made.prevent_self_review = o.wait_timer or 0, o.prevent_self_review or false
  for i, login in ipairs(o.reviewers or {}) do made.reviewers[i] = let_in(repository, login) end
  if o.protected_branches then made.branch_policy = "protected" end
  for i, pattern in ipairs(o.branches or {}) do
    made.branch_policy, made.branch_rules[i] = "custom", { id = i, name = pattern, type = "branch" }
  end
  made.secrets, made.variables = settings(o.secrets, now), settings(o.variables, now)
end

---@param state table
---@param repository github.Repository
---@param o flow_seed.Flows
function flow_seed.plant(state, repository, o)
  local now = state.settings.created_at
  for _, environment in ipairs(o.environments or {}) do add_environment(state, repository, environment, now) end
  for _, workflow in ipairs(o.workflows or {}) do workflows.add(state, repository, plans.workflow(workflow), now) end
  for name, secret in pairs(settings(o.secrets, now)) do repository.secrets[name] = secret end
  for name, variable in pairs(settings(o.variables, now)) do repository.variables[name] = variable end
end

return flow_seed
