---What the flows of a project share: an environment's names, clients, secrets and bundles.
---Recipes say what happens in which order; this module knows how davit.yaml names things.
local artifact = require "artifact"
local bundles = require "flow.bundle"
local cloudflare = require "cloudflare"
local core = require "core"
local dns = require "dns"
local github = require "github"
local json = require "json"
local marker = require "marker"
local neon = require "neon"
local project = require "project"
local removal = require "flow.removal"
local retry = require "retry"
local secret = require "secret"
local secrets = require "flow.secrets"
local sha256 = require "sha256"
local sql = require "sql"

local flow = {}

local function config_error(message, hint)
  failure { code = "config", class = "misuse", message = message, hint = hint }
end

-- Names -----------------------------------------------------------------------------

---"{worker}-preview-{pr}" with its values; a name without a value is a configuration error.
local function expand(template, values)
  return (template:gsub("{([%w_]+)}", function(name)
    local value = values[name]
    if value == nil then config_error(("davit.yaml: nothing is known for {%s} in '%s'"):format(name, template)) end
    return tostring(value)
  end))
end

---A preview that does not carry its pull request in every name could touch something else.
local function refuse_shared_names(settings)
  for _, key in ipairs { "name", "host", "database" } do
    if not (settings[key] or ""):find("{pr}", 1, true) then
      failure {
        code = "refused", message = ("davit.yaml: environments.preview.%s has no {pr}"):format(key),
        hint = "a preview whose names are shared could touch production or another preview",
      }
    end
  end
end

-- The environment ------------------------------------------------------------------------

local Environment = {}
Environment.__index = Environment

-- Two Workers of one name would replace each other in every run.
local function refuse_same(list, field, key)
  local first = {}
  for _, worker in ipairs(list) do
    local other = first[worker[field]]
    if other then
      config_error(("davit.yaml: %s and %s would both be %s"):format(other, worker.name, worker[field]),
        ("environments.preview.%s needs {%s}"):format(key, key == "name" and "worker" or "host"))
    end
    first[worker[field]] = worker.name
  end
end

local function workers_of(env)
  local list = {}
  for _, name in ipairs(env.project.deploy) do
    local worker = env.project.workers[name]
    local values = { worker = name, host = worker.host }
    for key, value in pairs(env.values) do values[key] = value end
    list[#list + 1] = {
      name = name, settings = worker, script = expand(env.settings.name, values),
      host = expand(env.settings.host, values) .. "." .. env.project.zone,
      folder = env.project.root .. "/" .. worker.path,
    }
  end
  refuse_same(list, "script", "name")
  refuse_same(list, "host", "host")
  return list
end

local function database_of(p)
  local name, database = next(p.databases)
  if not name then config_error("davit.yaml: no database is declared") end
  if next(p.databases, name) then
    config_error("davit.yaml: several databases are declared", "this version works with one")
  end
  return database
end

---Opens an environment of the project: its names, its clients, no secret of any other.
---@param kind "preview"
---@param values table  what the names are made of: { pr = 42 }
---@return flow.Environment
function flow.environment(kind, values)
  if kind ~= "preview" then config_error("flow.environment: this version knows the environment 'preview' only") end
  if type(values) ~= "table" or math.type(values.pr) ~= "integer" then
    failure { code = "misuse", class = "misuse", message = "flow.environment: expected { pr = NUMBER }" }
  end
  local p = project.current()
  local settings = p.environments[kind]
  if not settings then config_error(("davit.yaml: no environment is called '%s'"):format(kind)) end
  if not p.github.repository then config_error("davit.yaml: the key 'github.repository' is missing") end
  if not p.zone then config_error("davit.yaml: the key 'zone' is missing", "previews without a zone come later") end
  refuse_shared_names(settings)
  local env = setmetatable({ project = p, kind = kind, settings = settings, values = values }, Environment)
  env.file = secrets.env_file(p)
  env.marker = marker.new { project = p.project, environment = kind, key = tostring(values.pr) }
  env.workers = workers_of(env)
  env.database = database_of(p)
  env.branch_name = expand(settings.database, values)
  env.upload_token = secrets.credential(env, "CLOUDFLARE_API_TOKEN", cloudflare.places.token)
  env.cloudflare = cloudflare.client {
    account = p.cloudflare.account or os.getenv "CLOUDFLARE_ACCOUNT_ID", zone = p.zone,
    token = env.upload_token,
    dns_token = secrets.credential(env, "CLOUDFLARE_DNS_API_TOKEN", cloudflare.places.dns_token),
  }
  env.neon = neon.client { project = env.database.neon, key = secrets.credential(env, "NEON_API_KEY", neon.places.key) }
  env.github = github.client {
    repository = p.github.repository, login = p.github.login,
    token = secrets.credential(env, "GITHUB_TOKEN", github.places.token),
  }
  return env
end

-- The database ----------------------------------------------------------------------------

local BRANCH_LIFE = 14 * 86400  -- a second net: Neon itself deletes a branch that nobody cleaned up

---The environment's own database branch, as run.ensure takes it.
function Environment:branch()
  return self.neon.branch {
    name = self.branch_name, parent = self.database.parent, marker = self.marker, expires = BRANCH_LIFE,
  }
end

---The branch by its name alone: enough to find and to destroy it.
function Environment:branch_named()
  return self.neon.branch { name = self.branch_name, marker = self.marker }
end

local function connection_uri(env, id, to)
  return env.neon.connection_uri {
    branch = id, database = env.database.database, role = env.database.role, preview = true, to = to,
  }
end

---The branch's connection string, which may go to the database and into Workers only.
---@param branch table  what run.ensure returned
function Environment:database_url(branch)
  return connection_uri(self, branch.id, { "sql:*", secrets.WORKER_UPLOAD })
end

-- For the places above, and for whom it is sealed.
local function places_of(sealed_to)
  local to = { "sql:*", secrets.WORKER_UPLOAD }
  for _, key in ipairs(type(sealed_to) == "table" and sealed_to or { sealed_to }) do to[#to + 1] = "sealed:" .. key end
  return to
end

---Hands the database over to a later job: the branch by its id; sealed, its connection string, too.
---@param branch table  what run.ensure returned
---@param o? { name?: string, sealed_to?: string|string[], run?: string, attempt?: integer, retention?: number|string }
function Environment:hand_over(branch, o)
  o = o or {}
  local url = o.sealed_to and connection_uri(self, branch.id, places_of(o.sealed_to)) or nil
  artifact.hand_over {
    name = o.name or "database", run = o.run, attempt = o.attempt, retention = o.retention, sealed_to = o.sealed_to,
    values = { branch = branch.id, DATABASE_URL = url },
  }
end

---Takes over the database that a job before has handed over, and asks Neon how it is reached.
---@param o? { name?: string, given?: table<string, string>, run?: string, attempt?: integer }
---@return { id: string } branch, any url  a secret
function Environment:take_over(o)
  o = o or {}
  local handed = artifact.take_over {
    name = o.name or "database", given = o.given, run = o.run, attempt = o.attempt, expect = { "branch" },
  }
  local branch = { id = handed.branch }
  return branch, self:database_url(branch)
end

-- A new branch may be reached before its roles have their passwords (28P01), or not at all.
local first_connection = { classes = { transient = true, pending = true }, first = 0.25, most = 4, budget = 60 }

local function wait_for_connection(url)
  retry.run(first_connection, function()
    local _, err = try(function()
      local session <close> = sql.connect { url = url }
      session:query "select 1"
    end)
    if not err then return end
    if err.sqlstate == "28P01" then err.class = "pending" end
    error(err, 0)
  end)
end

---Waits until the branch accepts connections and applies what the folder has and it has not.
---@return { applied: string[], already: integer }
function Environment:migrate(branch)
  self.neon.ready(branch)
  local url = self:database_url(branch)
  wait_for_connection(url)
  if not self.database.migrations then return { applied = json.array {}, already = 0 } end
  return sql.migrate { url = url, folder = self.project.root .. "/" .. self.database.migrations }
end

-- Bundles ------------------------------------------------------------------------------------

flow.build = bundles.build
flow.bundle = bundles.read

-- Taking back ---------------------------------------------------------------------------------

flow.remove = removal.remove

-- Workers --------------------------------------------------------------------------------------

---The secrets of all Workers by name. A generated one is kept while every Worker that wants it has it already;
---else all of them get the value that it has in this environment (flow/secrets.lua).
---@param branch table  what run.ensure returned
---@param run run
---@return table<string, any> templates, or "keep"
function Environment:secrets(branch, run)
  local values, choices = {}, run.step("generated secrets", function() return secrets.choose(self) end)
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
---anything was made.
function Environment:require_secrets()
  for _, worker in ipairs(self.workers) do
    for _, name in ipairs(worker.settings.secrets) do
      if name ~= "DATABASE_URL" and not secrets.is_generated(self, name) then secrets.of_worker(self, name) end
    end
  end
end

function Environment:secret(name, choice, branch)
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

---The same for the same code, settings and secrets on the same database; else another.
---@param values table<string, any>  of env:secrets
---@return string  12 hex digits
function Environment:version(worker, bundle, branch, values)
  local settings = json.encode {
    vars = worker.settings.vars, secrets = json.array(worker.settings.secrets),
    values = fingerprints(self, worker, values), date = worker.settings.compatibility_date,
  }
  return sha256(bundle.digest .. branch.id .. settings):sub(1, 12)
end

local function bindings_of(env, worker, version, values)
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
  return list
end

---A Worker of the environment with this bundle, as run.ensure takes it.
function Environment:worker(worker, bundle, version, values)
  return self.cloudflare.worker {
    name = worker.script, marker = self.marker, main = "index.js",
    modules = { { name = "index.js", type = "application/javascript+module", body = bundle.entry } },
    compatibility_date = worker.settings.compatibility_date, version_tag = version,
    bindings = bindings_of(self, worker, version, values),
    assets = next(bundle.assets) and bundle.assets or nil, assets_config = bundle.rules,
    always = gets_another(self, worker, values),
  }
end

---A Worker by its name alone: enough to find and to destroy it.
function Environment:worker_named(worker)
  return self.cloudflare.worker { name = worker.script, marker = self.marker }
end

---Has a Worker of the environment run by itself when davit.yaml says so. An environment without a list of its own has
---no crons: what an earlier push has set is taken away. Without the key they are left alone.
function Environment:set_crons(run, worker)
  local lists = worker.settings.crons
  if not lists then return end
  local list = lists[self.kind] or {}
  local act = list[1] and run.ensure or run.destroy
  act(self.cloudflare.crons { worker = worker.script, marker = self.marker, crons = list })
end

function Environment:dns_record(worker)
  return self.cloudflare.dns_record { host = worker.host, marker = self.marker }
end

function Environment:domain(worker)
  return self.cloudflare.domain { host = worker.host, worker = worker.script, marker = self.marker }
end

-- The zone's own servers remember nothing; a resolver that is asked too early does, for half an hour. It is
-- asked only where the servers cannot be, from behind a firewall for example.
local function known(host)
  local found, err = try(dns.authoritative, { name = host, timeout = 3 })
  if found or err.class == "pending" then return found end
  if err.class ~= "transient" then error(err, 0) end
  found, err = try(dns.find, { name = host, type = "A" })
  if err and err.class ~= "transient" then error(err, 0) end
  return found
end

---Asks the zone's name servers until the host is known, without a fixed pause.
---@param host string
---@param deadline number  seconds
function flow.wait_for_name(host, deadline)
  local stop, pause = core.monotonic() + deadline, 0.25
  while not known(host) do
    if core.monotonic() + pause > stop then
      failure {
        code = "not-healthy", class = "pending", about = host,
        message = ("the name %s is not known after %d s"):format(host, deadline),
        hint = "is the zone served by Cloudflare's name servers?",
      }
    end
    sleep(pause)
    pause = math.min(2 * pause, 4)
  end
end

---How long and how often to look at the n-th Worker (davit.yaml, health).
function Environment:health_policy(n)
  local h = self.project.health
  return {
    grace = n == 1 and h.grace or h.next or h.grace, attempts = h.attempts, backoff = h.backoff,
    cap = h.cap, deadline = h.deadline,
  }
end

-- What lives -------------------------------------------------------------------------------------

---Everything of this environment that is there, found without any journal, in an order in which
---it can be removed.
---@return { kind: string, name: string, id: string, marker: string }[]
function Environment:inventory()
  local list = {}
  for _, client in ipairs { self.cloudflare, self.neon } do
    for _, thing in ipairs(client.inventory(self.marker)) do
      list[#list + 1] = thing
    end
  end
  return list
end

---Removes a thing of the inventory.
function Environment:remove(thing)
  local client = thing.kind == "branch" and self.neon or self.cloudflare
  client.destroy(thing)
end

---This environment's one comment in the pull request, as run.ensure takes it.
function Environment:comment(body)
  return self.github.comment { pr = self.values.pr, key = self.marker, body = body }
end

return flow
