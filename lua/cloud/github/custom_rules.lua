---Rules of apps: an environment may ask apps whether a job may deploy, and each of them has to answer.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local environments = require "cloud.github.environments"
local ids = require "cloud.ids"
local integration = require "cloud.github.integration"
local jobs = require "cloud.github.jobs"
local links = require "cloud.github.links"
local run_clock = require "cloud.github.run_clock"
local runs = require "cloud.github.runs"
local shape = require "cloud.github.shape"

local custom_rules = {}

---@class github.CustomRule
---@field id integer
---@field app string   slug

local function rules_of(environment)
  environment.custom_rules = environment.custom_rules or {}
  return environment.custom_rules
end

-- ---- which there are ----------------------------------------------------------------------------

local function show_app(context, slug)
  return { id = integration.id(context, slug), slug = slug, node_id = ("A_%d"):format(integration.id(context, slug)),
    integration_url = links.api(context, "/apps/" .. slug) }
end

local function show(context, rule)
  return { id = rule.id, node_id = ("GA_%d"):format(rule.id), enabled = true, app = show_app(context, rule.app) }
end

local function list(context)
  return answers.counted(context, "custom_deployment_protection_rules", rules_of(environments.get(context)), show)
end

local fields = { integration_id = { "integer", required = true } }

-- The apps that an environment may ask are those that are installed.
local function create(context)
  local environment, body = environments.get(context), shape.body(context, fields)
  local app = data.find(context.github.apps, "id", body.integration_id)
  if not app or data.find(rules_of(environment), "app", app.slug) then   -- words assumed
    answers.malformed "The app cannot be used as a deployment protection rule of this environment"
  end
  local made = { id = 400000 + ids.next(context.state, "custom rule"), app = app.slug }
  table.insert(environment.custom_rules, made)
  return show(context, made), { status = 201 }
end

local function find(context)
  local environment = environments.get(context)
  local rule, index = data.find(rules_of(environment), "id", math.tointeger(tonumber(context.params.rule)))
  if not rule then answers.not_found() end
  return rule, index, environment
end

local function delete(context)
  local _, index, environment = find(context)
  table.remove(environment.custom_rules, index)
  return nil, { status = 204 }
end

-- ---- what an app answers ------------------------------------------------------------------------

local review = {
  environment_name = { "string", required = true }, state = { "string", enum = { "approved", "rejected" } },
  comment = { "string" },
}

local function waits_for(job, environment)
  return job.status == "waiting" and job.gate.environment == environment.id
end

local function decide(context, run, environment, app, state)
  for _, job in ipairs(jobs.latest(run)) do
    if waits_for(job, environment) and state == "rejected" then
      run_clock.finish(context, run, job, "failure", context.now)
    elseif waits_for(job, environment) then
      job.gate.answers = job.gate.answers or {}
      job.gate.answers[app] = context.now
    end
  end
  run_clock.advance(context, run)
end

-- A comment alone only tells how far the app is. Assumed: what a stranger is told.
local function answer(context)
  local run, body = runs.get(context), shape.body(context, review)
  if not body.state and not body.comment then
    answers.malformed 'Invalid request.\n\nNo subschema in "anyOf" matched.'
  end
  local environment = environments.find(context.repository, body.environment_name)
  local app = integration.of(context.token)
  if not environment or not app or not data.find(rules_of(environment), "app", app) then answers.not_found() end
  if body.state then decide(context, run, environment, app, body.state) end
  return nil, { status = 204 }
end

local ALL = "/repos/{owner}/{repo}/environments/{environment}/deployment_protection_rules"
local ONE = ALL .. "/{rule}"
local reads, writes = { "actions", "read" }, { "administration", "write" }

custom_rules.routes = {
  { "GET", ALL, list, permission = reads,
    docs = "deployments/protection-rules#get-all-deployment-protection-rules-for-an-environment" },
  { "POST", ALL, create, permission = writes,
    docs = "deployments/protection-rules#create-a-custom-deployment-protection-rule-on-an-environment" },
  { "GET", ONE, function(context) return show(context, (find(context))) end, permission = reads,
    docs = "deployments/protection-rules#get-a-custom-deployment-protection-rule" },
  { "DELETE", ONE, delete, permission = writes,
    docs = "deployments/protection-rules#disable-a-custom-protection-rule-for-an-environment" },
  { "POST", "/repos/{owner}/{repo}/actions/runs/{run}/deployment_protection_rule", answer,
    permission = { "deployments", "write" },
    docs = "actions/workflow-runs#review-custom-deployment-protection-rules-for-a-workflow-run" },
}

return custom_rules
