---The file of `davit cloud --seed`: what a new world begins with. Read strictly; the model itself judges records and
---Workers (cloud/seed/), and what it refuses is named with its line, too.
local client = require "cloud.seed.client"
local clock = require "cloud.clock"
local paths = require "path"
local permissions = require "cloud.cloudflare.permissions"
local records = require "cloud.seed.records"
local shape = require "project.shape"
local workers = require "cloud.seed.workers"

local seed_file = {}

local token_keys = {
  name = "text", value = "text", permissions = { list = "text" }, kind = "text", zones = { list = "text" },
  expires = "text", not_before = "text", disabled = "boolean",
}
local zone_keys = { name = "text", status = "text", paused = "boolean" }
local pull_keys = {
  number = "integer", title = "text", head = "text", state = "text", body = "text", sha = "text", login = "text",
  comments = { list = "any" },
}
local keys = {
  seed = "text",
  cloudflare = {
    account = { id = "text", name = "text" }, subdomain = "text", zones = { list = "any" },
    records = { list = records.keys }, workers = { list = workers.keys }, tokens = { list = token_keys },
  },
  neon = { project = "text", token = "text" },
  github = { repository = "text", token = "text", pull_requests = { list = pull_keys } },
  settings = {
    dns_delay = "duration", negative_ttl = "duration", tls_delay = "duration", propagation_delay = "duration",
    operation_seconds = "duration", cloudflare_requests = "integer", github_requests = "integer",
    branches_limit = "integer", workers_plan = "text", records_limit = "integer", future_dates = "boolean",
  },
}

-- ---- what no type can say ---------------------------------------------------------------------

local function one_of(file, path, value, ...)
  for _, name in ipairs { ... } do
    if value == nil or value == name then return end
  end
  shape.wrong(file, path, ("is %s, not '%s'"):format(table.concat({ ... }, " or "), value))
end

-- A list whose items may be a text, too, which then stands for one key.
local function with_short_form(file, list, item_keys, short, path)
  local made = {}
  for i, item in ipairs(list or {}) do
    local here = ("%s.%d"):format(path, i)
    if type(item) == "string" then item = { [short] = item } end
    made[i] = shape.check(file, item, item_keys, here)
    shape.require_keys(file, made[i], here, { short })
  end
  return made
end

local function time(file, path, text)
  if not text then return nil end
  return clock.parse(text) or shape.wrong(file, path, "is a time such as 2026-12-31T00:00:00Z")
end

local function read_token(file, token, path, seen)
  shape.require_keys(file, token, path, { "name", "value", "permissions" })
  one_of(file, path .. ".kind", token.kind, "user", "account")
  if seen[token.name] then shape.wrong(file, path .. ".name", ("two tokens are called '%s'"):format(token.name)) end
  seen[token.name] = true
  for i, name in ipairs(token.permissions) do
    local _, err = try(permissions.grants, { name })
    if err then shape.wrong(file, ("%s.permissions.%d"):format(path, i), err.message) end
  end
  token.expires = time(file, path .. ".expires", token.expires)
  token.not_before = time(file, path .. ".not_before", token.not_before)
end

local function read_pulls(file, list)
  local seen = {}
  for i, pull in ipairs(list or {}) do
    local path = "github.pull_requests." .. i
    shape.require_keys(file, pull, path, { "number" })
    if pull.number < 1 or seen[pull.number] then
      shape.wrong(file, path .. ".number", "is a number from 1 that no other pull request has")
    end
    seen[pull.number] = true
    one_of(file, path .. ".state", pull.state, "open", "closed")
    pull.title, pull.head = pull.title or "Pull request " .. pull.number, pull.head or "pull-" .. pull.number
    pull.comments = with_short_form(file, pull.comments, { body = "text", login = "text" }, "body", path .. ".comments")
  end
  return list
end

local function check_names(file, value)
  local account, repository = value.cloudflare.account or {}, value.github.repository
  if account.id and not account.id:find("^" .. ("%x"):rep(32) .. "$") then
    shape.wrong(file, "cloudflare.account.id", "is made of 32 hexadecimal digits")
  end
  one_of(file, "settings.workers_plan", (value.settings or {}).workers_plan, "free", "paid")
  if repository and not repository:find "^[%w._-]+/[%w._-]+$" then
    shape.wrong(file, "github.repository", "is OWNER/NAME")
  end
end

-- ---- the file ---------------------------------------------------------------------------------

local function tokens_of(file, value)
  local seen = { workers = true, dns = true }   -- every world has these
  local made = { neon = value.neon.token, github = value.github.token }
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
  local zones = with_short_form(file, cloudflare.zones, zone_keys, "name", "cloudflare.zones")
  for i, record in ipairs(cloudflare.records or {}) do
    shape.require_keys(file, record, "cloudflare.records." .. i, { "type", "name" })
  end
  return {
    seed = value.seed, account_id = cloudflare.account and cloudflare.account.id,
    account_name = cloudflare.account and cloudflare.account.name, subdomain = cloudflare.subdomain,
    zone = table.remove(zones, 1), zones = zones, tokens = tokens_of(file, value), neon_project = value.neon.project,
    repository = value.github.repository, pull_requests = read_pulls(file, value.github.pull_requests),
    settings = value.settings or {}, records = cloudflare.records or {},
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
