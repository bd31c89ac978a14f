---What an upload of a Worker consists of, as a deployment or as a version alone: its options, checked, and the parts
---that are sent.
local assets = require "cloudflare.assets"
local json = require "json"
local marker = require "marker"
local options = require "options"
local url = require "url"

local upload = {}

---The options beside the Worker's name; `migrations` are the list of a wrangler configuration.
local fields = {
  { "marker", "string", true }, { "modules", "table" },
  { "main", "string" }, { "compatibility_date", "string" }, { "compatibility_flags", "table" },
  { "bindings", "table" }, { "assets", "table" }, { "assets_config", "table" },
  { "version_tag", "string" }, { "message", "string" }, { "observability", "table" },
  { "placement", "table" }, { "limits", "table" }, { "cache_options", "table" }, { "tail_consumers", "table" },
  { "streaming_tail_consumers", "table" }, { "logpush", "boolean" }, { "migrations", "table" }, { "always", "boolean" },
}

local module_fields = {
  { "name", "string", true }, { "type", "string", true }, { "body", "text", true },
}

---@param name string  the Worker's
---@param rest? string
---@return string path  below /accounts/{account}/workers
function upload.script(name, rest)
  return "/scripts/" .. url.encode(name) .. (rest or "")
end

---What an upload of a Worker changes of what an account has seen.
---@param name string
---@return string[]
function upload.changes(name) return { "worker " .. name, "secrets " .. name } end

local function check_bindings(what, bindings)
  for i, binding in ipairs(bindings) do
    if type(binding) ~= "table" or type(binding.name) ~= "string" or type(binding.type) ~= "string" then
      options.misuse("%s: bindings: the one at %d must have a name and a type", what, i)
    end
  end
end

local function check_migrations(what, migrations)
  for i, step in ipairs(migrations) do
    if type(step) ~= "table" or type(step.tag) ~= "string" then
      options.misuse("%s: migrations: the one at %d must have a tag", what, i)
    end
  end
end

---Checks the options of a resource that uploads.
---@param what string        the function, for errors
---@param name_field table   how the Worker's name is given
---@param o table
function upload.read(what, name_field, o)
  options.read(what, o, { name_field, table.unpack(fields) })
  marker.check(what, o.marker)
  for _, module in ipairs(o.modules or {}) do
    options.read(what .. ": modules", module, module_fields)
  end
  check_bindings(what, o.bindings or {})
  check_migrations(what, o.migrations or {})
  assets.check(what, o.assets or {})
end

---Raises a misuse unless there is something to upload.
---@param what string
---@param name string
---@param o table
function upload.check_complete(what, name, o)
  if o.main and o.modules or o.assets and not o.modules then return end
  options.misuse("%s: to upload '%s' the options 'main' and 'modules' are required", what, name)
end

-- ---- migrations of Durable Objects -------------------------------------------------------

local function migrated_to(account, name)
  for _, found in ipairs(account:workers("/scripts", { what = "list the Workers" }) or {}) do
    if found.id == name then return found.migration_tag ~= json.null and found.migration_tag or nil end
  end
end

local function step_of(migration)
  local step = {}
  for key, value in pairs(migration) do
    if key ~= "tag" then step[key] = value end
  end
  return step
end

---The migrations of a list that the Worker does not have yet, as the API takes them; nil when it has all. A tag that
---the list does not know means that it was changed: then nothing can be told, and the service would refuse.
---@param account cloudflare.Account
---@param name string
---@param list? table[]
---@return table|nil
function upload.migrations(account, name, list)
  if not (list and list[1]) then return nil end
  local has, first = migrated_to(account, name), 1
  for i, migration in ipairs(list) do
    if has == migration.tag then first = i + 1 end
  end
  if has and first == 1 then
    failure { code = "cloudflare-migrations", about = name, class = "misuse",
      message = ("Cloudflare: the Worker %s was migrated to '%s', which is not among its migrations"):format(name, has),
      hint = "a migration that was applied must stay in the list, with its tag" }
  end
  if first > #list then return nil end
  local steps = json.array {}
  for i = first, #list do steps[#steps + 1] = step_of(list[i]) end
  return { old_tag = has, new_tag = list[#list].tag, steps = steps }
end

-- ---- what is sent ------------------------------------------------------------------------

local function list_of(given) return given and json.array(given) end

-- The secrets travel in here. keep_bindings is empty: a version has what it is given and nothing
-- that an earlier one left behind.
local function metadata_of(o, jwt, migrations)
  return {
    main_module = o.main, compatibility_date = o.compatibility_date,
    compatibility_flags = json.array(o.compatibility_flags or {}),
    bindings = json.array(o.bindings or {}), keep_bindings = json.array {},
    tags = json.array { marker.to_tag(o.marker) }, observability = o.observability,
    placement = o.placement, limits = o.limits, cache_options = o.cache_options, logpush = o.logpush,
    tail_consumers = list_of(o.tail_consumers), streaming_tail_consumers = list_of(o.streaming_tail_consumers),
    migrations = migrations,
    annotations = { ["workers/tag"] = o.version_tag, ["workers/message"] = o.message },
    assets = jwt and { jwt = jwt, config = o.assets_config },
  }
end

-- The metadata part goes without filename and content type, as wrangler sends it.
local function parts_of(o, jwt, migrations)
  local parts = { { name = "metadata", data = json.encode(metadata_of(o, jwt, migrations)) } }
  for _, module in ipairs(o.modules or {}) do
    parts[#parts + 1] = { name = module.name, filename = module.name, type = module.type,
      data = module.body }
  end
  return parts
end

---Sends the assets that are missing, and gives back the parts that name all of them.
---@param account cloudflare.Account
---@param name string
---@param o table
---@return table[] parts  for http.request
function upload.prepare(account, name, o)
  local migrations = upload.migrations(account, name, o.migrations)
  return parts_of(o, o.assets and assets.upload(account, name, o.assets), migrations)
end

return upload
