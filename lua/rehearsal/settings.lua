---What a rehearsal of a project begins with: the models' seed, stand-ins for its secrets, a fixed
---environment. Nothing of the machine or of a real account is in it.
local declared = require "cloud.neon.declared"
local invariants = require "rehearsal.invariants"
local job = require "rehearsal.job"
local json = require "json"
local sha256 = require "sha256"

local settings = {}

local ACCOUNT = "0000000000000000000000000000c0de"

-- The credentials that the services accept, by the names that projects give them.
local credentials = {
  workers = "CLOUDFLARE_API_TOKEN", dns = "CLOUDFLARE_DNS_API_TOKEN", neon = "NEON_API_KEY",
  github = "GITHUB_TOKEN",
}

local function stand_in(name)
  return "rehearsed-" .. sha256("secret/" .. name):sub(1, 32)
end

local function source_of(project, name)
  return (project.secrets[name] or {}).from or name
end

-- Every name under which the project may look for a secret.
local function secret_names(project)
  local names = { DAVIT_GENERATE_KEY = true }
  for _, name in pairs(credentials) do names[source_of(project, name)] = true end
  for name, secret in pairs(project.secrets) do
    if not secret.generate then names[secret.from or name] = true end
  end
  if project.notify then names[source_of(project, project.notify.webhook)] = nil end
  for _, worker in pairs(project.workers) do
    for _, name in ipairs(worker.secrets) do names[name] = true end
  end
  for _, environment in pairs(project.environments) do
    for _, from in pairs(environment.secrets or {}) do names[from] = true end
  end
  return names
end

-- The address of a webhook is one, not any text.
local function webhook_of(project)
  local given = project.notify
  return given and ("%s=https://%s/%s"):format(source_of(project, given.webhook), given.host, stand_in(given.webhook))
end

---@param project table  of project.read
---@param params table   of the recipe
---@return string[] environ  "NAME=value"
function settings.environ(project, params)
  local list = { "CLOUDFLARE_ACCOUNT_ID=" .. ACCOUNT, "HOME=/nowhere", "LANG=C.UTF-8", "PATH=/usr/bin:/bin",
    "USER=rehearsal" }
  for name in pairs(secret_names(project)) do list[#list + 1] = name .. "=" .. stand_in(name) end
  for _, variable in ipairs(job.environ(project, params)) do list[#list + 1] = variable end
  list[#list + 1] = webhook_of(project)
  return list
end

local function workers_of(project)
  local list = {}
  for name, worker in pairs(project.workers) do
    list[#list + 1] = { name = name, folder = "./" .. worker.path, entry = worker.entry, assets = worker.assets }
  end
  return list
end

-- Its main branch has the name that davit.yaml says.
local function first_repository(project)
  local name = project.github.repository
  return name and { repositories = { { name = name, default_branch = project.github.main } } } or nil
end

-- The day of the rehearsal is not the day it is held.
local function world_settings(delays)
  return { future_dates = true, dns_delay = delays.dns, tls_delay = delays.tls, propagation_delay = delays.propagation }
end

local function cloud_of(project, o)
  local neon_project, of_neon = declared.seed(project.databases)
  local tokens, pull_requests = {}, {}
  for token, name in pairs(credentials) do tokens[token] = stand_in(source_of(project, name)) end
  if o.owner then tokens.github_owner, tokens.github = tokens.github, nil end
  for _, number in ipairs(o.pull_requests) do
    pull_requests[#pull_requests + 1] = { number = number, title = "A change", head = "change-" .. number }
  end
  return {
    account_id = project.cloudflare.account or ACCOUNT, zone = project.zone, tokens = tokens,
    repository = project.github.repository, neon_project = neon_project, neon = of_neon,
    webhook = project.notify and project.notify.host, github = first_repository(project),
    pull_requests = pull_requests, seed = "rehearsal " .. o.seed,
    settings = world_settings(o.delays or {}),
  }
end

-- Nothing of the machine's own is seen: no value of a secret, nor what real jobs have left.
local function hidden_of(project)
  local hidden = { ".davit/artifacts" }
  hidden[2] = project.env_file
  return hidden
end

---@class rehearsal.Before  a recipe, or a push to the branch that is checked out
---@field recipe? string
---@field params? table
---@field push? true

---@class rehearsal.Options
---@field recipe string
---@field params table
---@field after? rehearsal.Before[]  what comes first, in this order, and is not disturbed
---@field seed integer
---@field owner? boolean  whether GITHUB_TOKEN is one of the repository's owner, and no workflow's
---@field unhealthy? string  a Worker that the run deploys and that does not become healthy, by its name at Cloudflare
---@field pull_requests integer[]  that are open
---@field endings? boolean  packets of schedules have `ending`
---@field delays? { latency?: number, dns?: number, tls?: number, propagation?: number }  seconds; the models' own else

-- Loaded once here, so that what does not load is said before anything is held.
local function own_invariants(project, o)
  local files = project.root and invariants.files(project.root, o.recipe) or {}
  invariants.load(files)
  return files
end

---@param project table
---@param o rehearsal.Options
---@return table settings  for the models and the driver, as JSON holds it
function settings.of(project, o)
  return {
    recipe = o.recipe, params = o.params, after = json.array(o.after or {}), cloud = cloud_of(project, o),
    workers = workers_of(project), hidden = hidden_of(project), told = o.replay ~= nil,
    unhealthy = o.unhealthy, latency = (o.delays or {}).latency, endings = o.endings,
    invariants = json.array(own_invariants(project, o)),
  }
end

return settings
