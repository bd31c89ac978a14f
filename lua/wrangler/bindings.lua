---The bindings of a wrangler configuration, as an upload names them. Pure.
local core = require "core"
local json = require "json"

local bindings = {}

-- A kind: its key in the file, its type in an upload, and its fields as { in the file, in the upload, required }.
-- `name` is the field that names the binding (binding). `shared` is the upload's field that says which thing it is,
-- where a preview that has production's would read or change it.
local kinds = {
  { "kv_namespaces", "kv_namespace", shared = "namespace_id", { "id", "namespace_id", true } },
  { "r2_buckets", "r2_bucket", shared = "bucket_name", { "bucket_name", "bucket_name", true },
    { "jurisdiction", "jurisdiction" } },
  { "d1_databases", "d1", shared = "id", { "database_id", "id", true }, { "database_internal_env", "internalEnv" } },
  { "vectorize", "vectorize", shared = "index_name", { "index_name", "index_name", true } },
  { "hyperdrive", "hyperdrive", shared = "id", { "id", "id", true } },
  { "services", "service", shared = "service", { "service", "service", true }, { "environment", "environment" },
    { "entrypoint", "entrypoint" }, { "props", "props" }, { "cross_account_grant", "cross_account_grant" } },
  { "send_email", "send_email", name = "name", { "destination_address", "destination_address" },
    { "allowed_destination_addresses", "allowed_destination_addresses" },
    { "allowed_sender_addresses", "allowed_sender_addresses" } },
  { "analytics_engine_datasets", "analytics_engine", { "dataset", "dataset" } },
  { "mtls_certificates", "mtls_certificate", shared = "certificate_id", { "certificate_id", "certificate_id", true } },
  { "secrets_store_secrets", "secrets_store_secret", shared = "secret_name", { "store_id", "store_id", true },
    { "secret_name", "secret_name", true } },
  { "pipelines", "pipelines", shared = "pipeline", { "pipeline", "pipeline" }, { "stream", "stream" } },
  { "ratelimits", "ratelimit", name = "name", { "namespace_id", "namespace_id", true }, { "simple", "simple", true } },
  { "dispatch_namespaces", "dispatch_namespace", shared = "namespace", { "namespace", "namespace", true } },
  { "ai_search_namespaces", "ai_search_namespace", shared = "namespace", { "namespace", "namespace", true } },
  { "ai_search", "ai_search", shared = "instance_name", { "instance_name", "instance_name", true } },
  { "agent_memory", "agent_memory", shared = "namespace", { "namespace", "namespace", true } },
  { "artifacts", "artifacts", shared = "namespace", { "namespace", "namespace", true } },
  { "flagship", "flagship", { "app_id", "app_id", true } },
  { "vpc_services", "vpc_service", shared = "service_id", { "service_id", "service_id", true } },
  { "vpc_networks", "vpc_network", shared = "network_id", { "network_id", "network_id" },
    { "tunnel_id", "tunnel_id" } },
  { "k2", "k2", shared = "stream", { "stream", "stream", true } },
  { "worker_loaders", "worker_loader" },
}

-- Bindings of which there is one, under one key.
local singles = {
  { "browser", "browser" }, { "ai", "ai", { "staging", "staging" } }, { "images", "images" }, { "stream", "stream" },
  { "media", "media" }, { "analytics", "analytics" }, { "version_metadata", "version_metadata" },
}

-- Below a key of their own.
local objects = { "durable_objects", "durable_object_namespace", name = "name", shared = "script_name",
  { "class_name", "class_name", true }, { "script_name", "script_name" }, { "environment", "environment" } }
local producers = { "queues", "queue", shared = "queue_name", { "queue", "queue_name", true },
  { "delivery_delay", "delivery_delay" } }

-- What only commands of wrangler's read.
local ignored = {
  preview_id = true, preview_bucket_name = true, preview_database_id = true, database_name = true,
  migrations_dir = true, migrations_table = true, migrations_pattern = true, remote = true, experimental_remote = true,
  localConnectionString = true, local_dev = true,
}

-- ---- one binding -------------------------------------------------------------------------------

local function check_fields(settings, kind, item, path)
  local names, known = {}, { [kind.name or "binding"] = true }
  for i = 3, #kind do
    names[#names + 1] = kind[i][1]
    known[kind[i][1]] = true
  end
  for name in pairs(item) do
    if not known[name] and not ignored[name] then
      local near = core.nearest(tostring(name), names)
      settings:wrong(("%s.%s"):format(path, name), "is not supported", near and ("did you mean '%s'?"):format(near)
        or "take it out, or deploy this Worker with wrangler")
    end
  end
end

local function one_of(settings, kind, item, path)
  if type(item) ~= "table" then settings:wrong(path, "must be a table") end
  local name = item[kind.name or "binding"]
  if type(name) ~= "string" then settings:wrong(path, ("the key '%s' is required"):format(kind.name or "binding")) end
  local made = { name = name, type = kind[2] }
  for i = 3, #kind do
    local from, to, required = table.unpack(kind[i])
    if required and item[from] == nil then
      settings:wrong(path, ("%s has no '%s'"):format(name, from),
        "Davit makes no resource of that kind: create it, and name it here")
    end
    made[to] = item[from]
  end
  return made
end

---@class wrangler.Found  the bindings of an environment
---@field list table[]   in a fixed order
---@field by_name table<string, { path: string, binding: table }>  where each stands

local function add(settings, found, binding, path)
  local other = found.by_name[binding.name]
  if other then settings:wrong(path, ("is called %s, as %s is"):format(binding.name, other.path)) end
  found.by_name[binding.name] = { path = path, binding = binding }
  found.list[#found.list + 1] = binding
end

local function add_one(settings, found, kind, item, path)
  local binding = one_of(settings, kind, item, path)
  check_fields(settings, kind, item, path)
  add(settings, found, binding, path)
end

local function add_all(settings, found, kind, items, path)
  if type(items) ~= "table" or next(items) ~= nil and #items == 0 then settings:wrong(path, "must be a list") end
  for i, item in ipairs(items) do add_one(settings, found, kind, item, ("%s.%d"):format(path, i)) end
end

-- ---- all of them -------------------------------------------------------------------------------

local function add_vars(settings, found)
  for name, value in pairs(settings:get("vars", { map = "any" }) or {}) do
    add(settings, found, type(value) == "string" and { type = "plain_text", name = name, text = value }
      or { type = "json", name = name, json = value }, "vars." .. name)
  end
end

local function add_queues(settings, found)
  local queues = settings:get("queues", { producers = "any", consumers = { list = "any" } }) or {}
  if queues.consumers and #queues.consumers > 0 then
    settings:wrong("queues.consumers", "is not supported",
      "a consumer outlives versions: add it once with 'wrangler queues consumer add', and take it out here")
  end
  add_all(settings, found, producers, queues.producers or {}, "queues.producers")
end

local function add_objects(settings, found)
  local durable = settings:get("durable_objects", { bindings = "any", code_update_strategy = "any" }) or {}
  if durable.code_update_strategy then
    settings:wrong("durable_objects.code_update_strategy", "is not supported",
      "Cloudflare decides when running objects get new code: take it out, or deploy this Worker with wrangler")
  end
  add_all(settings, found, objects, durable.bindings or {}, "durable_objects.bindings")
end

---@param settings wrangler.Resolved
---@return wrangler.Found
function bindings.of(settings)
  local found = { list = json.array {}, by_name = {} }
  add_vars(settings, found)
  for _, kind in ipairs(kinds) do add_all(settings, found, kind, settings:get(kind[1]) or {}, kind[1]) end
  add_objects(settings, found)
  add_queues(settings, found)
  for _, kind in ipairs(singles) do
    local item = settings:get(kind[1])
    if item ~= nil then add_one(settings, found, kind, item, kind[1]) end
  end
  local assets = settings:get("assets", { map = "any" }) or {}
  if assets.binding then add(settings, found, { type = "assets", name = assets.binding }, "assets.binding") end
  return found
end

-- ---- what a preview may not share ---------------------------------------------------------------

local identities = { [objects[2]] = objects.shared, [producers[2]] = producers.shared }
for _, kind in ipairs(kinds) do identities[kind[2]] = kind.shared end

local function identity(binding)
  local field = identities[binding.type]
  local value = field and binding[field]
  return value and ("%s %s"):format(binding.type, value)
end

---The first of a preview's bindings that leads to what production's lead to, too.
---@param preview table[]
---@param production table[]
---@param allowed string[]  names of bindings that may
---@return table|nil
function bindings.find_shared(preview, production, allowed)
  local theirs, may = {}, {}
  for _, binding in ipairs(production) do
    local id = identity(binding)
    if id then theirs[id] = true end
  end
  for _, name in ipairs(allowed) do may[name] = true end
  for _, binding in ipairs(preview) do
    local id = identity(binding)
    if id and theirs[id] and not may[binding.name] then return binding end
  end
end

return bindings
