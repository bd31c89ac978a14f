---The file of `davit cloud --seed`: what a new world begins with. Read strictly; the model itself judges the
---records, and what it refuses is named with its line, too.
local github = require "cloud.seed.github"
local json = require "json"
local permissions = require "cloud.cloudflare.permissions"
local records = require "cloud.seed.records"
local shape = require "project.shape"
local values = require "cloud.seed.values"
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
local keys = {
  seed = "text",
  cloudflare = {
    account = { id = "text", name = "text" }, subdomain = "text", zones = { list = "any" },
    records = { list = records.keys }, workers = { list = workers.keys }, tokens = { list = token_keys },
  },
  neon = {
    project = "text", token = "text", organization = { id = "text", name = "text" },
    tokens = { list = { name = "text", value = "text", kind = "text", project = "text" } },
    branches = { list = "any" },
    projects = { list = { id = "text", name = "text", shared = "boolean", branches = { list = "any" } } },
  },
  github = { repository = "text", token = "text", pull_requests = { list = pull_keys } },
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

local branch_keys = { name = "text", parent = "text", protected = "boolean", compute = "boolean" }

-- Parents stand before their children.
local function read_branches(file, list, path)
  local made, seen = with_short_form(file, list, branch_keys, "name", path), { production = true }
  for i, one in ipairs(made) do
    local here = ("%s.%d"):format(path, i)
    if seen[one.name] then shape.wrong(file, here .. ".name", ("two branches are called '%s'"):format(one.name)) end
    if one.parent and not seen[one.parent] then
      shape.wrong(file, here .. ".parent",
        ("is production or a branch that stands before, not '%s'"):format(one.parent))
    end
    seen[one.name] = true
  end
  return made
end

-- Without neon.project the first project is the one that davit.yaml names.
local function read_neon_tokens(file, neon, known)
  for i, token in ipairs(neon.tokens or {}) do
    local path = "neon.tokens." .. i
    shape.require_keys(file, token, path, { "name", "value" })
    token.kind = token.kind or token.project and "project" or "user"
    one_of(file, path .. ".kind", token.kind, "user", "org", "project")
    if (token.kind == "project") ~= (token.project ~= nil) then
      shape.wrong(file, path .. ".project", "belongs to a key of kind 'project', which has one")
    end
    if token.project and neon.project and not known[token.project] then
      shape.wrong(file, path .. ".project", ("there is no project %s in this file"):format(token.project))
    end
  end
  return neon.tokens
end

local function check_project_id(file, path, id, known)
  if not id:find "^[a-z0-9-]+$" or #id > 60 then
    shape.wrong(file, path, "is made of a-z, 0-9 and -, 60 of them at most")
  end
  if known[id] then shape.wrong(file, path, ("two projects are called '%s'"):format(id)) end
  known[id] = true
end

-- What the model takes of it: neon.Seed.
local function read_neon(file, neon)
  local known = {}
  if neon.project then check_project_id(file, "neon.project", neon.project, known) end
  for i, project in ipairs(neon.projects or {}) do
    local path = "neon.projects." .. i
    shape.require_keys(file, project, path, { "id" })
    check_project_id(file, path .. ".id", project.id, known)
    project.branches = read_branches(file, project.branches, path .. ".branches")
  end
  return { org = neon.organization, projects = neon.projects, tokens = read_neon_tokens(file, neon, known),
    branches = read_branches(file, neon.branches, "neon.branches") }
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
    neon = read_neon(file, value.neon),
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
