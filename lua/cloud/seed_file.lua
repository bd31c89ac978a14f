---The file of `davit cloud --seed`: what a new world begins with. Read strictly; the model itself judges the
---records, and what it refuses is named with its line, too.
local clock = require "cloud.clock"
local json = require "json"
local permissions = require "cloud.cloudflare.permissions"
local shape = require "project.shape"
local world = require "cloud.world"

local seed_file = {}

local token_keys = {
  name = "text", value = "text", permissions = { list = "text" }, kind = "text", zones = { list = "text" },
  expires = "text", not_before = "text", disabled = "boolean",
}
local zone_keys = { name = "text", status = "text", paused = "boolean" }
local record_keys = {
  zone = "text", type = "text", name = "text", content = "text", proxied = "boolean", ttl = "integer",
  priority = "integer", comment = "text", tags = { list = "text" }, data = "any",
}
local pull_keys = {
  number = "integer", title = "text", head = "text", state = "text", body = "text", sha = "text", login = "text",
  comments = { list = "any" },
}
local keys = {
  seed = "text",
  cloudflare = {
    account = { id = "text", name = "text" }, subdomain = "text", zones = { list = "any" },
    records = { list = record_keys }, tokens = { list = token_keys },
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
---@return table world  world.Seed without what the project says, and `records`, `file` for seed_file.plant
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
    settings = value.settings or {}, records = cloudflare.records or {}, file = file,
  }
end

-- ---- records ----------------------------------------------------------------------------------

-- The zone that a record names, else the one that its name ends with.
local function zone_of(state, record)
  for _, zone in ipairs(state.cloudflare.zones) do
    local ends = record.name == zone.name or record.name:sub(-#zone.name - 1) == "." .. zone.name
    if record.zone == zone.name or not record.zone and ends then return zone end
  end
  if not record.zone then return state.cloudflare.zones[1] end
end

local function create(state, zone, record)
  local body = {}
  for key, item in pairs(record) do body[key] = item end
  body.zone, body.ttl = nil, body.ttl or 1
  local token
  for _, one in ipairs(state.cloudflare.tokens) do token = one.name == "dns" and one.value or token end
  return world.handle({
    method = "POST", host = "api.cloudflare.com", path = ("/client/v4/zones/%s/dns_records"):format(zone.id),
    headers = { authorization = "Bearer " .. token, ["content-type"] = "application/json" }, body = json.encode(body),
  }, state, state.settings.created_at)
end

---Puts the records of the file into a new world.
---@param state table
---@param from table  of seed_file.read
function seed_file.plant(state, from)
  for i, record in ipairs(from.records) do
    local path = "cloudflare.records." .. i
    local zone = zone_of(state, record)
    if not zone then shape.wrong(from.file, path .. ".zone", ("there is no zone %s"):format(record.zone)) end
    local answer = create(state, zone, record)
    if answer.status >= 300 then
      local err = json.decode(answer.body).errors[1]
      shape.wrong(from.file, path, ("Cloudflare would refuse it: %s (%d)"):format(err.message, err.code))
    end
  end
  state.cloudflare.used = {}   -- nobody asked yet
end

return seed_file
