---What a rehearsal of a project begins with: the models' seed, stand-ins for its secrets, a fixed
---environment. Nothing of the machine or of a real account is in it.
local declared = require "cloud.neon.declared"
local invariants = require "rehearsal.invariants"
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
  for _, worker in pairs(project.workers) do
    for _, name in ipairs(worker.secrets) do names[name] = true end
  end
  for _, environment in pairs(project.environments) do
    for _, from in pairs(environment.secrets or {}) do names[from] = true end
  end
  return names
end

---@param project table  of project.read
---@return string[] environ  "NAME=value"
function settings.environ(project)
  local list = { "CLOUDFLARE_ACCOUNT_ID=" .. ACCOUNT, "HOME=/nowhere", "LANG=C.UTF-8", "PATH=/usr/bin:/bin",
    "USER=rehearsal" }
  for name in pairs(secret_names(project)) do list[#list + 1] = name .. "=" .. stand_in(name) end
  return list
end

local function workers_of(project)
  local list = {}
  for name, worker in pairs(project.workers) do
    list[#list + 1] = { name = name, folder = "./" .. worker.path, entry = worker.entry, assets = worker.assets }
  end
  return list
end

local function cloud_of(project, o)
  local neon_project, of_neon = declared.seed(project.databases)
  local tokens, pull_requests = {}, {}
  for token, name in pairs(credentials) do tokens[token] = stand_in(source_of(project, name)) end
  for _, number in ipairs(o.pull_requests) do
    pull_requests[#pull_requests + 1] = { number = number, title = "A change", head = "change-" .. number }
  end
  return {
    account_id = project.cloudflare.account or ACCOUNT, zone = project.zone, tokens = tokens,
    repository = project.github.repository, neon_project = neon_project, neon = of_neon,
    pull_requests = pull_requests, seed = "rehearsal " .. o.seed,
    settings = { future_dates = true },   -- the day of the rehearsal is not the day it is held
  }
end

-- Nothing of the machine's own is seen: no value of a secret, nor what real jobs have left.
local function hidden_of(project)
  local hidden = { ".davit/artifacts" }
  hidden[2] = project.env_file
  return hidden
end

---@class rehearsal.Options
---@field recipe string
---@field params table
---@field after? { recipe: string, params: table }[]  run first, in this order, and are not disturbed
---@field seed integer
---@field pull_requests integer[]  that are open

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
    invariants = json.array(own_invariants(project, o)),
  }
end

return settings
