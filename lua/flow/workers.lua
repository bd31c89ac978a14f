---The Workers of an environment: their secrets, versions, bindings, hosts and crons. These are methods of
---flow.Environment (lua/flow.lua).
local bundles = require "flow.bundle"
local json = require "json"
local names = require "flow.names"
local planned = require "run.planned"
local put = require "flow.put"
local secret = require "secret"
local secrets = require "flow.secrets"
local sha256 = require "sha256"

local workers = {}

---The secrets of all Workers by name. A generated one is kept while every Worker that wants it has it already;
---else all of them get the value that it has in this environment (flow/secrets.lua).
---@param branch table  what run.ensure returned
---@param run run
---@return table<string, any> templates, or "keep"
function workers:secrets(branch, run)
  local values, choices = {}, run.look("generated secrets", function() return secrets.choose(self) end)
  for _, worker in ipairs(self.workers) do
    for _, name in ipairs(worker.settings.secrets) do
      values[name] = values[name] or self:secret(name, choices[name], branch)
    end
  end
  return values
end

-- A value that is made anew must reach the Workers whose code has not changed, too.
local function gets_another(env, worker, values)
  for _, name in ipairs(worker.settings.secrets) do
    if secrets.is_generated(env, name) and values[name] ~= "keep" then return true end
  end
  return false
end

---Looks for every secret that a Worker wants, so that one that is missing stops the run before
---anything was made; so does what a configuration of wrangler's asks for and cannot have.
function workers:require_secrets()
  for _, worker in ipairs(self.workers) do
    bundles.check(worker)
    for _, name in ipairs(worker.settings.secrets) do
      if name ~= "DATABASE_URL" and not secrets.is_generated(self, name) then secrets.of_worker(self, name) end
    end
  end
end

function workers:secret(name, choice, branch)
  if name == "DATABASE_URL" then return self:database_url(branch) end
  if choice then return secrets.generate(self, name, choice, branch) end
  return secrets.of_worker(self, name)
end

-- The values that a Worker gets, without showing them: a changed one is another version. Who has
-- the key could upload anyway. A generated value is left out: it is made anew only where it is missing.
local function fingerprints(env, worker, values)
  local found = {}
  for _, name in ipairs(worker.settings.secrets) do
    if not secrets.is_generated(env, name) then found[name] = secret.fingerprint(values[name], env.upload_token) end
  end
  return found
end

-- Whether a plan is made, and what goes into a version is not there yet.
local function is_unknown(worker, bundle, branch, values)
  local unknown = planned.is(bundle) or planned.is(branch)
  for _, name in ipairs(worker.settings.secrets) do unknown = unknown or planned.is(values[name]) end
  return unknown
end

---The same for the same code, settings and secrets on the same database; else another.
---@param values table<string, any>  of env:secrets
---@return string  "BUNDLE-SETTINGS": 12 digits of what was built, 8 of the rest
function workers:version(worker, bundle, branch, values)
  if is_unknown(worker, bundle, branch, values) then return planned.unknown("the build of " .. worker.name) end
  local settings = json.encode {
    vars = worker.settings.vars, secrets = json.array(worker.settings.secrets),
    values = fingerprints(self, worker, values), date = worker.settings.compatibility_date,
  }
  return ("%s-%s"):format(bundle.digest:sub(1, 12), sha256(branch.id .. settings):sub(1, 8))
end

-- project/given.lua and wrangler/upload.lua see to it that nothing is given twice, but for wrangler's ENVIRONMENT.
local function bindings_of(env, worker, bundle, version, values)
  local list = {
    { type = "plain_text", name = "VERSION", text = version },
    { type = "plain_text", name = "ENVIRONMENT", text = env.kind },
  }
  for name, text in pairs(worker.settings.vars) do
    list[#list + 1] = { type = "plain_text", name = name, text = text }
  end
  for _, name in ipairs(worker.settings.secrets) do
    local value = values[name]
    list[#list + 1] = value == "keep" and { type = "inherit", name = name }
      or { type = "secret_text", name = name, text = value }
  end
  for _, binding in ipairs(bundle.bindings or {}) do
    if binding.name ~= "ENVIRONMENT" then list[#list + 1] = binding end
  end
  return list
end

-- What an upload consists of, be it deployed at once or not.
local function upload_of(env, worker, bundle, version, values)
  return {
    marker = env.marker, main = bundle.main, modules = bundle.modules,
    compatibility_date = bundle.compatibility_date or worker.settings.compatibility_date,
    compatibility_flags = bundle.compatibility_flags, version_tag = version,
    message = ("bundle %s"):format(bundle.digest:sub(1, 12)),
    bindings = bindings_of(env, worker, bundle, version, values),
    assets = next(bundle.assets) and bundle.assets or nil, assets_config = bundle.rules,
    observability = bundle.observability, placement = bundle.placement, limits = bundle.limits,
    logpush = bundle.logpush, tail_consumers = bundle.tail_consumers,
    streaming_tail_consumers = bundle.streaming_tail_consumers, cache_options = bundle.cache_options,
    migrations = bundle.migrations,
  }
end

---A Worker of the environment with this bundle, as run.ensure takes it: what is uploaded serves.
function workers:worker(worker, bundle, version, values)
  local o = upload_of(self, worker, bundle, version, values)
  o.name, o.always = worker.script, gets_another(self, worker, values)
  local resource = self.cloudflare.worker(o)
  local plan = resource.plan
  function resource.plan(thing)
    local action, why, serving = plan(thing)
    return action, serving and names.differences(version, serving) or why
  end
  return resource
end

---A version of a Worker with this bundle, as run.ensure takes it: it has no traffic yet.
function workers:worker_version(worker, bundle, version, values)
  local o = upload_of(self, worker, bundle, version, values)
  o.worker = worker.script
  return self.cloudflare.version(o)
end

---A Worker by its name alone: enough to find and to destroy it.
function workers:worker_named(worker)
  return self.cloudflare.worker { name = worker.script, marker = self.marker }
end

---Raises unless a Worker of the environment is there, and ours.
function workers:require_worker(worker)
  local resource = self:worker_named(worker)
  local found = resource.find()
  if found then return put.check(resource, found) end
  failure { code = "cloudflare-10007", about = worker.script,
    message = ("Cloudflare: there is no Worker %s"):format(worker.script), hint = "deploy it first" }
end

---Has a Worker of the environment run by itself when davit.yaml says so. An environment without a list of its own has
---no crons: what an earlier push has set is taken away. Without the key they are left alone.
function workers:set_crons(run, worker)
  local lists = worker.settings.crons
  if not lists then return end
  local list = lists[self.kind] or {}
  local act = list[1] and run.ensure or run.destroy
  act(self.cloudflare.crons { worker = worker.script, marker = self.marker, crons = list })
end

---@param take_over? boolean  what others have there is replaced, and kept
function workers:dns_record(worker, take_over)
  return self.cloudflare.dns_record { host = worker.host, marker = self.marker, take_over = take_over }
end

---@param take_over? boolean
function workers:domain(worker, take_over)
  return self.cloudflare.domain { host = worker.host, worker = worker.script, marker = self.marker,
    take_over = take_over }
end

return workers
