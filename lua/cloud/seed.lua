---What a local cloud begins with: a world made from the project, or the one that was saved, brought
---up to date with the project's credentials.
local core = require "core"
local data = require "cloud.data"
local declared = require "cloud.neon.declared"
local dotenv = require "dotenv"
local first_repository = require "cloud.seed.first_repository"
local fs = require "fs.core"
local github = require "cloud.github"
local neon = require "cloud.neon"
local seed_file = require "cloud.seed_file"
local sha256 = require "sha256"
local webhooks = require "cloud.webhooks"
local world = require "cloud.world"

local seed = {}

-- The credentials that the services accept, by the names that projects give them.
local names = {
  workers = "CLOUDFLARE_API_TOKEN", dns = "CLOUDFLARE_DNS_API_TOKEN", neon = "NEON_API_KEY",
  github = "GITHUB_TOKEN", github_owner = "GH_TOKEN",
}

-- What stands for a credential that nobody gave.
local made_up = {
  workers = "workers-token", dns = "dns-token", neon = "neon-token", github = "github-token",
  github_owner = "github-owner-token",
}

-- Real services take longer; whoever waits at a terminal should see that things take time, no more.
local quick = { dns_delay = 0.5, tls_delay = 1, propagation_delay = 0.5, operation_seconds = 0.5 }

-- ---- what the project says --------------------------------------------------------------------

-- As runs do, the cloud takes a credential from the environment before the project's env file, which need not be there.
-- In a script that starts one, the environment does not show what the project declares.
local function environment(project)
  local path = project.env_file and (project.root or ".") .. "/" .. project.env_file
  local from_file = path and fs.exists(path) and dotenv.decode(fs.read(path), { name = project.env_file }) or {}
  return function(name) return core.getenv(name) or data.text(from_file[name]) end
end

local function tokens_of(value_of, given)
  local tokens = {}
  for token, name in pairs(names) do tokens[token] = given[token] or value_of(name) or made_up[token] end
  table.move(given, 1, #given, 1, tokens)
  return tokens
end

-- The clouds of two projects run at the same time: each has a loopback network of its own, the
-- same at every start, as Workers keep the addresses in their connection strings.
local function network_of(folder)
  local a, b = sha256(folder):match("^(%x%x)(%x%x)")
  return ("127.%d.%d"):format(16 + tonumber(a, 16) % 200, tonumber(b, 16))
end

local function settings_of(folder, ...)
  local settings = { network = network_of(folder), sslmode = "disable" }   -- without certificates
  for _, given in ipairs { quick, ... } do
    for name, value in pairs(given) do settings[name] = value end
  end
  return settings
end

local function overlay(from, file)
  for key, value in pairs(file) do
    if key ~= "tokens" and key ~= "settings" then from[key] = value end
  end
  return from
end

local function merged(a, b)
  local made = {}
  for key, value in pairs(a) do made[key] = value end
  for key, value in pairs(b) do made[key] = value end
  return made
end

---@param project table  as davit.yaml has it: zone, github, databases, cloudflare, env_file, root
---@param o { tokens?: table, pull_requests?: table[], settings?: table, world?: table }  world: of cloud.seed_file
---@param folder string  where the cloud's state is, absolute
---@return world.Seed
function seed.of(project, o, folder)
  local value_of = environment(project)
  local file = o.world or {}
  local neon_project, of_neon = declared.seed(project.databases, file.neon)
  local made = overlay({
    zone = project.zone, repository = project.github and project.github.repository,
    neon_project = neon_project,
    account_id = project.cloudflare and project.cloudflare.account or value_of "CLOUDFLARE_ACCOUNT_ID",
    tokens = tokens_of(value_of, merged(file.tokens or {}, o.tokens or {})),
    settings = settings_of(folder, file.settings or {}, o.settings or {}),
    pull_requests = o.pull_requests, webhook = project.notify and project.notify.host,
  }, file)
  made.neon, made.pull_requests = of_neon, first_repository.pull_requests(made)
  return made
end

---Which of the credentials nobody gave: these are no secrets.
---@param from world.Seed
---@return table<string, boolean>
function seed.made_up(from)
  local list = {}
  for token, value in pairs(made_up) do list[token] = from.tokens[token] == value end
  return list
end

-- ---- the world --------------------------------------------------------------------------------

local function differs(what, saved, wanted)
  failure {
    code = "cloud-state-differs", about = wanted,
    message = ("the local cloud was made for the %s %s, the project says %s"):format(what, saved, wanted),
    hint = "the same command with --reset begins anew, without what was deployed",
  }
end

-- A state of an older version has the project's zone first, unless somebody removed it.
local function zone_of(state)
  local first = state.cloudflare.zones[1]
  return state.cloudflare.zone or first and first.name
end

-- What a saved world cannot take on without being another one.
local function compare(state, fresh)
  local pairs_of = {
    { "zone", zone_of(state), fresh.cloudflare.zone },
    { "account", state.cloudflare.account_id, fresh.cloudflare.account_id },
    { "repository", state.github.repository, fresh.github.repository },
    { "Neon project", state.neon.project_id, fresh.neon.project_id },
  }
  for _, pair in ipairs(pairs_of) do
    if pair[2] ~= pair[3] then differs(pair[1], pair[2], pair[3]) end
  end
end

---@param saved table|nil  the state of the last run
---@param from world.Seed
---@return table state
function seed.world(saved, from)
  local fresh = world.new(from)
  local state = saved or fresh
  compare(state, fresh)
  if not saved and from.records then seed_file.plant(state, from, core.now()) end
  state.settings = fresh.settings
  for key, value in pairs(fresh.cloudflare) do   -- what a state of an older version does not have
    if state.cloudflare[key] == nil then state.cloudflare[key] = value end
  end
  state.cloudflare.tokens = fresh.cloudflare.tokens
  github.renew(state, fresh)
  neon.upgrade(state, fresh)
  webhooks.renew(state, fresh)
  state.neon.token, state.neon.tokens = fresh.neon.token, fresh.neon.tokens
  return state
end

local function copy(value)
  local made = {}
  for key, item in pairs(value) do made[key] = item end
  return made
end

---The state as it may be kept: credentials are read anew at every start.
---@param state table
---@return table
function seed.without_tokens(state)
  local kept = copy(state)
  for _, name in ipairs { "cloudflare", "neon", "github" } do kept[name] = copy(state[name]) end
  kept.cloudflare.tokens, kept.neon.token, kept.neon.tokens, kept.github.tokens = nil, nil, nil, nil
  return kept
end

return seed
