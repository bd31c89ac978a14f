---The bindings of a version: what an upload may ask for, what it keeps or inherits from the version
---before it, and how they are shown.
---
---A binding keeps whatever else it was sent with. One of type json keeps its value as JSON text,
---because the state holds no nulls and no empty arrays. The value of a secret is never shown.
local data = require "cloud.data"
local json = require "json"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"

local bindings = {}

local function refuse(code, message, ...)
  route.refuse { status = 400, code = code, message = message:format(...) }
end

-- ---- what a binding must have ------------------------------------------------------------

-- The fields that a type cannot do without; of a group, one. Texts of most refusals are assumed.
local types = {
  agent_memory = {}, ai = {}, ai_search = {}, ai_search_namespace = {}, analytics = {},
  analytics_engine = {}, artifacts = {}, assets = {}, browser = {}, d1 = { { "id", "database_id" } },
  data_blob = { "part" }, dispatch_namespace = { "namespace" }, durable_object_namespace = {},
  flagship = {}, hyperdrive = { "id" }, images = {}, inherit = {}, json = {}, k2 = {},
  kv_namespace = { "namespace_id" }, logfwdr = {}, media = {}, messaging = {},
  mtls_certificate = { "certificate_id" }, pipelines = {}, plain_text = {},
  queue = { "queue_name" }, r2_bucket = { "bucket_name" }, ratelimit = {}, secret_key = {},
  secret_text = {}, secrets_store_secret = { "store_id" }, send_email = {},
  service = { "service" }, stream = {}, text_blob = { "part" }, unsafe_hello_world = {},
  vectorize = { "index_name" }, version_metadata = {}, vpc_network = {}, vpc_service = {},
  wasm_module = { "part" }, worker_loader = {}, workflow = {},
}

local variables = { plain_text = true, json = true, secret_text = true, secret_key = true }
local secrets = { secret_text = true, secret_key = true }

---@param binding table
---@return boolean
function bindings.is_secret(binding) return secrets[binding.type] == true end

local function present(binding, field)
  if type(field) == "string" then return data.text(binding[field]) ~= nil end
  for _, name in ipairs(field) do
    if data.text(binding[name]) then return true end
  end
  return false
end

local function check_fields(binding, fields)
  for _, field in ipairs(fields) do
    if not present(binding, field) then
      refuse(10021, "binding %s of type %s must have a valid `%s` specified", binding.name,
        binding.type, type(field) == "string" and field or field[1])
    end
  end
end

local function check_value(binding)
  local text = binding.type == "plain_text" or binding.type == "secret_text"
  if text and type(binding.text) ~= "string" then
    refuse(10021, "binding %s of type %s must have a `text` specified", binding.name, binding.type)
  end
  if binding.type == "json" and binding.json == nil then
    refuse(10021, "binding %s of type json must have a `json` value specified", binding.name)
  end
  local value = text and binding.text or binding.type == "json" and json.encode(binding.json) or ""
  if #value > limits.variable then
    refuse(10054, "Binding %s exceeds the size limit of 5 KB.", binding.name)
  end
end

local function check(binding)
  if type(binding) ~= "table" or not data.text(binding.name) then
    refuse(10052, "A binding was uploaded without a name.")
  end
  local fields = types[binding.type]
  if not fields then
    refuse(10021, "binding %s has an unknown type %s", binding.name, tostring(binding.type))
  end
  check_fields(binding, fields)
  check_value(binding)
end

-- A Worker may be bound to itself, also by its first upload.
local function check_target(context, script_name, binding)
  local target = binding.type == "service" and binding.service
    or binding.type == "durable_object_namespace" and data.text(binding.script_name)
  if not target or target == script_name or context.cloudflare.scripts[target] then return end
  if binding.type == "service" then
    refuse(10143, "Service binding '%s' references Worker '%s' which was not found. Verify the "
      .. "Worker exists in your account and that the service name in your configuration is correct.",
      binding.name, target)
  end
  refuse(10061, "Cannot create binding for class %s in script %s because that script does not "
    .. "exist.", tostring(binding.class_name), target)   -- text assumed
end

-- ---- what comes from the version before --------------------------------------------------

-- An inherit binding may say which version it means: an id, or the newest as "latest".
local function ancestor(script, binding)
  local id = data.text(binding.version_id)
  if id and id ~= "latest" then return (data.find(script and script.versions or {}, "id", id)) end
  return script and script.versions[#script.versions]
end

local function inherited(script, binding)
  local version = ancestor(script, binding)
  local name = data.text(binding.old_name) or binding.name
  local old = data.find(version and version.bindings or {}, "name", name)
  if not old then return nil end
  local copy = data.plain(old)
  copy.name = binding.name
  return copy
end

local function stored(binding)
  if binding.type ~= "json" then return data.plain(binding) end
  return { name = binding.name, type = "json", text = json.encode(binding.json) }
end

-- Assumed: without keep_bindings secrets stay, with it only the types listed do.
local function kept(keep, script, taken)
  local wanted, previous = {}, script and script.versions[#script.versions]
  for _, kind in ipairs(keep or { "secret_text", "secret_key" }) do wanted[kind] = true end
  return data.filter(previous and previous.bindings or {}, function(binding)
    return wanted[binding.type] and not taken[binding.name]
  end)
end

local function check_count(context, list)
  local count, most = 0, limits.of(context).variables
  for _, binding in ipairs(list) do
    if variables[binding.type] then count = count + 1 end
  end
  if count <= most then return end
  refuse(10055, "The number of environment variables or secrets exceeds the limit of %d per Worker.", most)
end

-- ---- reading -----------------------------------------------------------------------------

---@class bindings.Options
---@field name string     the script's, which need not be there yet
---@field script? table   whose newest version is inherited from
---@field keep? string[]  types to keep from it (secrets)
---@field strict boolean  refuses to inherit what is not there

---Makes the list of a new version from what a request asks for.
---@param context table
---@param wanted any[]     as sent
---@param o bindings.Options
---@return table[]
function bindings.read(context, wanted, o)
  local list, taken, missing = {}, {}, {}
  for _, binding in ipairs(wanted) do
    check(binding)
    if taken[binding.name] then bindings.refuse_taken(binding.name) end
    taken[binding.name] = true
    local made
    if binding.type == "inherit" then made = inherited(o.script, binding) else made = stored(binding) end
    if not made then missing[#missing + 1] = binding.name end
    list[#list + 1] = made
  end
  if o.strict and #missing > 0 then
    refuse(10057, "The previous version of this Worker has no binding to inherit for: %s.",
      table.concat(missing, ", "))   -- text assumed
  end
  for _, binding in ipairs(list) do check_target(context, o.name, binding) end
  for _, binding in ipairs(kept(o.keep, o.script, taken)) do list[#list + 1] = data.plain(binding) end
  check_count(context, list)
  return list
end

---@param name string
function bindings.refuse_taken(name)
  refuse(10053, "Binding name '%s' already in use. Please use a different name and try again.", name)
end

---The bindings of a version with some replaced, added and removed.
---@param context table
---@param version table
---@param changes table<string, table|false>  by name; false removes
---@return table[]
function bindings.changed(context, version, changes)
  local list = {}
  for _, binding in ipairs(version.bindings) do
    if changes[binding.name] == nil then list[#list + 1] = data.plain(binding) end
  end
  for name, binding in pairs(changes) do
    if binding then
      local named = { name = name }
      for key, value in pairs(binding) do named[key] = key == "name" and name or value end
      check(named)
      check_target(context, version.script, named)
      list[#list + 1] = stored(named)
    end
  end
  check_count(context, list)
  return list
end

-- ---- as a map, by name ---------------------------------------------------------------------

---The list that a map means; what is null is left out.
---@param env any  as decoded
---@return table[]
function bindings.listed(env)
  local list = {}
  for name, binding in pairs(bindings.changes(env)) do
    if binding then
      local named = {}
      for key, value in pairs(binding) do named[key] = value end
      named.name = name
      list[#list + 1] = named
    end
  end
  return list
end

---What a merge patch of a map changes.
---@param env any  as decoded
---@return table<string, table|false>  for bindings.changed
function bindings.changes(env)
  local changes = {}
  for name, binding in pairs(type(env) == "table" and env or {}) do
    if binding ~= json.null and type(binding) ~= "table" then
      refuse(10026, "A binding is an object or null.")
    end
    changes[tostring(name)] = binding ~= json.null and binding
  end
  return changes
end

---The changes after which a version has no bindings.
---@param version table
---@return table<string, false>
function bindings.none(version)
  local changes = {}
  for _, binding in ipairs(version.bindings) do changes[binding.name] = false end
  return changes
end

---@param version table
---@return table<string, table>  as answered
function bindings.mapped(version)
  local map = {}
  for _, binding in ipairs(version.bindings) do
    local shown = bindings.show(binding)
    map[shown.name], shown.name = shown, nil
  end
  return map
end

-- ---- showing -----------------------------------------------------------------------------

local shown_of_key = { "algorithm", "format", "usages" }

---@param binding table  as stored
---@return table         as answered
function bindings.show(binding)
  if binding.type == "json" then
    return { name = binding.name, type = "json", json = json.decode(binding.text) }
  end
  if not secrets[binding.type] then
    local shown = data.plain(binding)
    if binding.type == "d1" then   -- both names of it, whichever was sent
      shown.id, shown.database_id = binding.id or binding.database_id, binding.database_id or binding.id
    end
    return shown
  end
  local shown = { name = binding.name, type = binding.type }
  if binding.type == "secret_key" then
    for _, field in ipairs(shown_of_key) do shown[field] = data.plain(binding[field]) end
  end
  return shown
end

---@param version? table
---@return table[]  an array for an answer
function bindings.all(version)
  return data.array(version and version.bindings, bindings.show)
end

return bindings
