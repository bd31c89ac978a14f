---The file of `davit cloud --seed`: what a new world begins with. Read strictly; the model itself judges records and
---Workers (cloud/seed/), and what it refuses is named with its line, too.
local client = require "cloud.seed.client"
local github = require "cloud.seed.github"
local neon = require "cloud.seed.neon"
local paths = require "path"
local permissions = require "cloud.cloudflare.permissions"
local records = require "cloud.seed.records"
local shape = require "project.shape"
local values = require "cloud.seed.values"
local workers = require "cloud.seed.workers"

local seed_file = {}

local token_keys = {
  name = "text", value = "text", permissions = { list = "text" }, kind = "text", zones = { list = "text" },
  expires = "text", not_before = "text", disabled = "boolean",
}
local zone_keys = { name = "text", status = "text", paused = "boolean" }
local keys = {
  seed = "text",
  cloudflare = {
    account = { id = "text", name = "text" }, subdomain = "text", zones = { list = "any" },
    records = { list = records.keys }, workers = { list = workers.keys }, tokens = { list = token_keys },
  },
  neon = neon.keys,
  github = github.keys,
  settings = {
    dns_delay = "duration", negative_ttl = "duration", tls_delay = "duration", propagation_delay = "duration",
    operation_seconds = "duration", cloudflare_requests = "integer", github_requests = "integer",
    github_user_requests = "integer", github_points = "integer", github_content_per_minute = "integer",
    github_content_per_hour = "integer", artifact_storage = "integer", branches_limit = "integer",
    projects_limit = "integer", endpoints_limit = "integer", roles_limit = "integer", databases_limit = "integer",
    history_seconds = "duration", suspend_seconds = "duration", recovery_seconds = "duration",
    operation_retry = "duration", neon_requests = "integer", neon_route_requests = "integer",
    pack_seconds = "duration", sslmode = "text", workers_plan = "text", records_limit = "integer",
    future_dates = "boolean",
  },
}

-- ---- what no type can say ---------------------------------------------------------------------

local function read_token(file, token, path, seen)
  shape.require_keys(file, token, path, { "name", "value", "permissions" })
  values.one_of(file, path .. ".kind", token.kind, "user", "account")
  if seen[token.name] then shape.wrong(file, path .. ".name", ("two tokens are called '%s'"):format(token.name)) end
  seen[token.name] = true
  for i, name in ipairs(token.permissions) do
    local _, err = try(permissions.grants, { name })
    if err then shape.wrong(file, ("%s.permissions.%d"):format(path, i), err.message) end
  end
  token.expires = values.time(file, path .. ".expires", token.expires)
  token.not_before = values.time(file, path .. ".not_before", token.not_before)
end

local function check_names(file, value)
  local account = value.cloudflare.account or {}
  if account.id and not account.id:find("^" .. ("%x"):rep(32) .. "$") then
    shape.wrong(file, "cloudflare.account.id", "is made of 32 hexadecimal digits")
  end
  values.one_of(file, "settings.workers_plan", (value.settings or {}).workers_plan, "free", "paid")
  values.one_of(file, "settings.sslmode", (value.settings or {}).sslmode, "disable", "require", "verify-full")
end

-- ---- the file ---------------------------------------------------------------------------------

local function tokens_of(file, value)
  local seen = { workers = true, dns = true }   -- every world has these
  local made = { neon = value.neon.token, github = value.github.token,
    github_owner = value.github.owner_token }
  for i, token in ipairs(value.cloudflare.tokens or {}) do
    read_token(file, token, "cloudflare.tokens." .. i, seen)
    made[i] = token
  end
  return made
end

---@param text string  of the file
---@param name string  of the file, for errors
---@return table world  world.Seed without what the project says, and `records`,
---`workers`, `file` for seed_file.plant
function seed_file.read(text, name)
  local value, file = shape.read(text, name, keys, "docs/local-cloud.md shows such a file")
  for _, key in ipairs { "cloudflare", "neon", "github" } do value[key] = value[key] or {} end
  local cloudflare = value.cloudflare
  check_names(file, value)
  local zones = values.with_short_form(file, cloudflare.zones, zone_keys, "name", "cloudflare.zones")
  for i, record in ipairs(cloudflare.records or {}) do
    shape.require_keys(file, record, "cloudflare.records." .. i, { "type", "name" })
  end
  return {
    seed = value.seed, account_id = cloudflare.account and cloudflare.account.id,
    account_name = cloudflare.account and cloudflare.account.name, subdomain = cloudflare.subdomain,
    zone = table.remove(zones, 1), zones = zones, tokens = tokens_of(file, value), neon_project = value.neon.project,
    neon = neon.read(file, value.neon),
    repository = value.github.repository, pull_requests = value.github.pull_requests,
    github = github.read(file, value.github), settings = value.settings or {}, records = cloudflare.records or {},
    workers = workers.check(file, cloudflare.workers), file = file,
  }
end

-- ---- planting ---------------------------------------------------------------------------------

-- Whatever needs its time after it was made has had it when the cloud is ready.
local function long_ago(state, now)
  local settings = state.settings
  return now - math.max(settings.dns_delay, settings.tls_delay, settings.propagation_delay) - 1
end

---Puts the records and Workers of the file into a new world.
---@param state table
---@param from table   of seed_file.read
---@param now number
function seed_file.plant(state, from, now)
  records.plant(client.new(state, from.file, state.settings.created_at), from.records)
  workers.plant(client.new(state, from.file, long_ago(state, now)), from.workers, paths.dirname(from.file.name))
end

return seed_file
