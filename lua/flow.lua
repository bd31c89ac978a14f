---What the flows of a project share: an environment's names, clients, secrets and bundles.
---Recipes say what happens in which order; this module knows how davit.yaml names things.
---
---Its parts: flow/names.lua how davit.yaml names things, flow/database.lua and flow/workers.lua what an environment
---can do with them, flow/secrets.lua where values come from, flow/bundle.lua what is deployed, flow/removal.lua how
---it is taken back, flow/reach.lua when a host is known, flow/rollout.lua how a Worker is brought out;
---flow/testing.lua and flow/checks.lua are the tests, flow/commit.lua what they and production are about,
---flow/production.lua and flow/incident.lua what only production does.
local back = require "flow.back"
local bundles = require "flow.bundle"
local cloudflare = require "cloudflare"
local database = require "flow.database"
local environment = require "environment"
local github = require "github"
local names = require "flow.names"
local neon = require "neon"
local notify = require "flow.notify"
local migrations = require "flow.migrations"
local prepare = require "flow.prepare"
local preview = require "flow.preview"
local production = require "flow.production"
local project = require "project"
local reach = require "flow.reach"
local removal = require "flow.removal"
local restore = require "flow.restore"
local rollout = require "flow.rollout"
local secret_changes = require "flow.secret_changes"
local secrets = require "flow.secrets"
local testing = require "flow.testing"
local workers = require "flow.workers"

local flow = {
  build = bundles.build, bundle = bundles.read, remove = removal.remove, wait_for_name = reach.wait_for_name,
  change = testing.change, choose_checks = testing.choose_checks, test_databases = testing.test_databases,
  remove_test_databases = testing.remove_test_databases, run_checks = testing.run_checks,
  store_bundles = testing.store_bundles, hand_over = testing.hand_over, summary = testing.summary,
  name = rollout.name, attach = rollout.attach, wait = rollout.wait,
  preview_comment = preview.comment, check_preview = preview.check,
  prepare = prepare.run, deploy = production.deploy, plan_of = production.plan_of, adopt = production.adopt,
  tell = production.tell, tell_success = production.tell_success, watch = production.watch,
  consent = migrations.consent, plan_apply = migrations.plan_apply,
  decide_back = back.decide, stays = back.stays, say_stays = back.say_stays, plan_back = back.plan,
  restore = restore.run, wait_back = rollout.wait_back,
  secret_changes = secret_changes.read,
}

local Environment = {}
for _, part in ipairs { database, workers, testing.methods, preview.methods, production.methods, notify.methods,
  back.methods, secret_changes.methods } do
  for name, method in pairs(part) do Environment[name] = method end
end

-- Seconds that an answer counts while nothing of the run changes what it is about (docs/flows.md, Requests).
local RECENT <const> = 60

-- A client is opened by who needs it: a job that runs checks has no token of Cloudflare.
local clients = {}

function clients.upload_token(env) return secrets.credential(env, "CLOUDFLARE_API_TOKEN", cloudflare.places.token) end

function clients.cloudflare(env)
  local p = env.project
  return cloudflare.client {
    account = p.cloudflare.account or os.getenv "CLOUDFLARE_ACCOUNT_ID", zone = p.zone, token = env.upload_token,
    dns_token = p.zone and secrets.credential(env, "CLOUDFLARE_DNS_API_TOKEN", cloudflare.places.dns_token) or nil,
    environment = env.is, recent = RECENT,
  }
end

function clients.neon(env)
  return neon.client { project = env.database.neon, key = secrets.credential(env, "NEON_API_KEY", neon.places.key),
    environment = env.is, recent = RECENT }
end

function clients.github(env)
  return github.client {
    repository = env.project.github.repository, login = env.project.github.login,
    token = secrets.credential(env, "GITHUB_TOKEN", github.places.token), environment = env.is,
  }
end

local function index(env, name)
  if Environment[name] ~= nil then return Environment[name] end
  local open = clients[name]
  if not open then return nil end
  local client = open(env)
  rawset(env, name, client)
  return client
end

---Opens the clients of these services, so that a credential that is missing stops a run before anything was done.
---@param ... "cloudflare"|"neon"|"github"
function Environment:require_credentials(...)
  for _, name in ipairs { ... } do local _ = self[name] end
end

---Opens an environment of the project: its names, its clients, no secret of any other.
---@param kind string   "preview", "production" or another of davit.yaml
---@param values? table what the names are made of: { pr = 42 }
---@return flow.Environment
function flow.environment(kind, values)
  values = values or {}
  local key = names.key(kind, values)
  local p = project.current()
  local settings = names.settings(p, kind)
  if not p.github.repository then names.wrong "davit.yaml: the key 'github.repository' is missing" end
  local env = setmetatable({ project = p, kind = kind, settings = settings, values = values, key = key, urls = {} },
    { __index = index })
  env.is = environment.new { project = p.project, kind = kind, key = key, production = names.production(p) }
  env.marker = env.is.marker
  env.file = secrets.env_file(p)
  env.workers = names.workers(p, kind, settings, values)
  env.database = names.database(p)
  env.branch_name = kind == "test" and key or names.expand(settings.database, values)
  for _, worker in ipairs(env.workers) do
    if worker.script then env.is:check("worker", worker.script) end
    if worker.host then env.is:check("host", worker.host) end
  end
  env.is:check("branch", env.branch_name)
  return env
end

-- Production's, where davit.yaml says nothing: seconds, between looks 5, 10, 20, 40 and 80.
local careful = { grace = 30, next = 15, attempts = 10, backoff = 5, cap = 80, deadline = 300 }

---How long and how often to look at the n-th Worker (davit.yaml, health).
function Environment:health_policy(n)
  local h, default = self.project.health, self.is:is_production() and careful or {}
  local first = h.grace or default.grace
  return {
    grace = n == 1 and first or h.next or h.grace or default.next, attempts = h.attempts or default.attempts,
    backoff = h.backoff or default.backoff, cap = h.cap or default.cap, deadline = h.deadline or default.deadline,
  }
end

-- What lives -------------------------------------------------------------------------------------

local SERVICES <const> = { "cloudflare", "neon", "github" }
Environment.services = SERVICES

---Everything of this environment that is there, found without any journal, in an order in which
---it can be removed.
---@param services? string[]  of these only
---@return { kind: string, name: string, id: string, marker: string }[]
function Environment:inventory(services)
  local list = {}
  for _, name in ipairs(services or SERVICES) do
    local options = name == "github" and { environment = self:deployed_as() } or nil
    for _, thing in ipairs(self[name].inventory(self.marker, options)) do list[#list + 1] = thing end
  end
  return list
end

---Removes a thing of the inventory.
function Environment:remove(thing)
  local client = thing.kind == "branch" and self.neon or thing.kind == "deployment" and self.github or self.cloudflare
  client.destroy(thing)
end

---This environment's one comment in the pull request, as run.ensure takes it.
function Environment:comment(body)
  return self.github.comment { pr = self.values.pr, key = self.marker, body = body }
end

return flow
