---Settings of a script: those of its newest version, and those of the script itself, which no version has.
---
---Assumed: settings are read from the newest version, deployed or not; it is what uploads inherit from.
local bindings = require "cloud.cloudflare.bindings"
local data = require "cloud.data"
local form = require "cloud.cloudflare.form"
local json = require "json"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local upload = require "cloud.cloudflare.upload"

local settings = {}

-- What belongs to the script, with the type it must have.
local own = { tags = "table", logpush = "boolean", observability = "table", tail_consumers = "table",
  streaming_tail_consumers = "table" }

-- What belongs to a version, beside its bindings.
local versioned = { "compatibility_date", "compatibility_flags", "limits", "placement", "usage_model",
  "cache_options", "migrations", "exports", "annotations" }

---Refuses settings of a script that have the wrong type.
---@param wanted table  as decoded
function settings.check(wanted)
  for name, kind in pairs(own) do
    local value = wanted[name]
    if value ~= nil and value ~= json.null and type(value) ~= kind then
      route.refuse { status = 400, code = 10026, message = ("%s is not a %s."):format(name, kind) }
    end
  end
  for _, list in ipairs { "tags", "tail_consumers", "streaming_tail_consumers" } do
    local item = list == "tags" and "string" or "table"
    for _, value in pairs(type(wanted[list]) == "table" and wanted[list] or {}) do
      if type(value) ~= item then
        route.refuse { status = 400, code = 10026, message = ("%s has an item of another type."):format(list) }
      end
    end
  end
end

---Sets what the request says of the script itself; null takes it back.
---@param of table      the script
---@param wanted table  as decoded
function settings.apply(of, wanted)
  settings.check(wanted)
  for name in pairs(own) do
    if wanted[name] ~= nil then of[name] = data.plain(wanted[name]) end
  end
  of.tags = of.tags or {}
end

---@return table  the script's own settings, as answered
function settings.of_script(of)
  return { tags = data.array(of.tags), logpush = of.logpush or false,
    observability = of.observability or { enabled = false }, tail_consumers = data.array(of.tail_consumers) }
end

local function show(of, version)
  local answer, extra = settings.of_script(of), upload.extra(version)
  answer.bindings = bindings.all(version)
  answer.annotations = data.plain(version.annotations)
  answer.compatibility_date = version.compatibility_date
  answer.compatibility_flags = data.array(version.compatibility_flags)
  answer.usage_model = extra.usage_model or "standard"
  answer.placement, answer.limits = extra.placement, extra.limits or {}
  return answer
end

-- ---- changes -----------------------------------------------------------------------------

-- The contract has a part `settings`; a JSON body, with or without that key, is taken too.
local function wanted_of(context)
  if not form.is(context.request) then
    local inside = context.body.settings
    return type(inside) == "table" and inside or context.body
  end
  return form.document(form.parts(context.request), "settings") or {}
end

local function is_versioned(wanted)
  if wanted.bindings ~= nil then return true end
  for _, name in ipairs(versioned) do
    if wanted[name] ~= nil then return true end
  end
  return false
end

-- A binding of which nothing is sent but name and type stays as it is: so wrangler names those that
-- it does not change.
local function with_kept(version, wanted)
  local list = {}
  for i, binding in ipairs(wanted) do
    list[i] = binding
    local old = type(binding) == "table" and data.find(version.bindings, "name", binding.name)
    local bare = old and old.type == binding.type
    for key in pairs(bare and binding or {}) do bare = bare and (key == "name" or key == "type") end
    if bare then list[i] = { type = "inherit", name = old.name } end
  end
  return list
end

-- The newest version again, with what the request says. Bindings are replaced as a whole; those
-- that are to stay are inherited.
local function changed(context, of, version, wanted)
  local metadata = upload.extra(version)
  metadata.compatibility_date = version.compatibility_date
  metadata.compatibility_flags = version.compatibility_flags
  metadata.main_module, metadata.body_part = version.main_module, version.body_part
  for _, name in ipairs(versioned) do
    if wanted[name] ~= nil then metadata[name] = wanted[name] end
  end
  if wanted.bindings ~= nil then
    local list = type(wanted.bindings) == "table" and wanted.bindings or {}
    metadata.bindings, metadata.keep_bindings = with_kept(version, list), {}
  end
  metadata.keep_assets = true
  local made = upload.make(context, of.name, version.modules, metadata)
  if wanted.bindings == nil then made.bindings = data.plain(version.bindings) end
  return made
end

local function patch(context)
  local of, version = script.with_version(context)
  local wanted = wanted_of(context)
  settings.check(wanted)
  if is_versioned(wanted) then
    if not script.newest_serves(of) then
      route.refuse { status = 400, code = 10214, message = "Script edit failed. You attempted to deploy "
        .. "the latest version with modified settings, but the latest version isn't currently deployed. "
        .. "Either upload a new version to edit the version settings, or use the script-level settings "
        .. "API (/workers/scripts/{script_name}/script-settings) to modify the \"logpush\" and "
        .. "\"tail_consumers\" settings." }
    end
    version = script.publish(context, of, changed(context, of, version, wanted), "upload")
  end
  settings.apply(of, wanted)
  return show(of, version)
end

local function patch_script(context)
  local of = script.of(context)
  settings.apply(of, context.body)
  return settings.of_script(of)
end

local ONE = "/accounts/{account}/workers/scripts/{script}"

settings.routes = {
  { "GET", ONE .. "/settings", function(c) return show(script.with_version(c)) end },
  { "PATCH", ONE .. "/settings", patch },
  { "GET", ONE .. "/script-settings", function(c) return settings.of_script(script.of(c)) end },
  { "PATCH", ONE .. "/script-settings", patch_script },
}
for _, entry in ipairs(settings.routes) do entry.scope = "workers" end

return settings
