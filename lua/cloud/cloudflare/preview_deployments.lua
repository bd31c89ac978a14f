---What a preview runs: deployments that never change, of which the newest serves. Each is made whole, from form data
---or JSON, or as the newest one with a merge patch, which is how wrangler changes a preview's secrets.
---
---A deployment is a version with its own modules and bindings; none are inherited from the Worker. Only the first one
---of a preview has what the Worker says for new previews (preview_base.lua).
local base64 = require "base64"
local bindings = require "cloud.cloudflare.bindings"
local data = require "cloud.data"
local durable = require "cloud.cloudflare.durable"
local form = require "cloud.cloudflare.form"
local hosts = require "cloud.cloudflare.preview_hosts"
local ids = require "cloud.ids"
local json = require "json"
local limits = require "cloud.cloudflare.limits"
local preview_base = require "cloud.cloudflare.preview_base"
local previews = require "cloud.cloudflare.previews"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local upload = require "cloud.cloudflare.upload"
local versions = require "cloud.cloudflare.versions"

local preview_deployments = {}

local function refuse(status, code, message)
  route.refuse { status = status, code = code, message = message }
end

-- ---- showing -----------------------------------------------------------------------------

local kept = { "limits", "placement", "cache_options", "cache", "exports", "containers" }

local function modules_of(deployment)
  return data.array(deployment.modules, function(module)
    return { name = module.name, content_type = module.type, content_base64 = base64.encode(module.body) }
  end)
end

local function show(context, of, preview, deployment)
  local extra, seen_at = upload.extra(deployment), hosts.of_deployment(context.cloudflare, of, preview, deployment)
  local shown = {
    id = deployment.id, number = deployment.number, preview_id = preview.id, preview_name = preview.name,
    urls = hosts.urls(seen_at), created_on = script.time(deployment.created),
    author_email = script.author, author_id = context.cloudflare.account_id, source = deployment.source,
    annotations = data.plain(deployment.annotations), startup_time_ms = deployment.startup_ms,
    env = bindings.mapped(deployment), bindings = bindings.all(deployment), main_module = deployment.main_module,
    compatibility_date = deployment.compatibility_date,
    compatibility_flags = data.array(deployment.compatibility_flags),
    assets = deployment.assets and { config = deployment.assets.config } or nil,
    usage_model = extra.usage_model or "standard", migration_tag = deployment.migration_tag,
    modules = context.query.include == "modules" and modules_of(deployment) or nil,
  }
  for _, name in ipairs(kept) do shown[name] = extra[name] end
  return shown
end

local function list(context)
  local of, preview = previews.of(context)
  local page, info = route.page(context.query, versions.newest_first(preview.deployments), 10, 100)
  return data.array(page, function(deployment) return show(context, of, preview, deployment) end), { info = info }
end

-- The code when a preview has none is the one that wrangler knows; the one of an unknown id is assumed.
local function find(context)
  local of, preview = previews.of(context)
  local named = context.params.deployment or "latest"
  local deployment, index = hosts.deployment(preview, named)
  if deployment then return of, preview, deployment, index end
  if named == "latest" then refuse(404, 10222, "This preview has no deployments.") end
  refuse(404, 10336, "Preview deployment not found.")
end

local function get(context) return show(context, find(context)) end

-- ---- what a request says -----------------------------------------------------------------

-- Bytes of each annotation.
local longest = { ["workers/tag"] = 100, ["workers/commit_sha"] = 64, ["workers/pull_request_number"] = 20,
  ["workers/pull_request_title"] = 512, ["workers/pull_request_url"] = 512, ["workers/repository_url"] = 512 }

local MESSAGE = 1000   -- bytes that are kept of a message

local function cut(text, size)
  text = text:sub(1, size)
  while not utf8.len(text) do text = text:sub(1, -2) end
  return text
end

local function annotations_of(given, trigger)
  local annotations = script.annotations(given)
  for name, text in pairs(annotations) do
    if longest[name] and #text > longest[name] then   -- code assumed
      refuse(400, 10026, ("The annotation %s has more than %d bytes."):format(name, longest[name]))
    end
    if name == "workers/message" then annotations[name] = cut(text, MESSAGE) end
  end
  annotations["workers/triggered_by"] = trigger
  return annotations
end

local function module_of(given)
  local whole = type(given) == "table" and data.text(given.name) and data.text(given.content_type)
  local ok, body = pcall(base64.decode, whole and given.content_base64 or nil)
  if ok and body then return { name = given.name, type = given.content_type, body = body } end
  refuse(400, 10026, "A module has a name, a content_type and a content_base64.")
end

local function decoded(modules)
  if type(modules) ~= "table" then return {} end
  return data.array(modules, module_of)
end

-- The metadata and the modules of an upload, in either form.
local function uploaded(context)
  local request = context.request
  if not form.is(request) then return context.body, decoded(context.body.modules) end
  local parts = form.parts(request)
  local metadata, part = form.document(parts, "metadata")
  if not metadata then refuse(400, 10026, "The upload has no part named metadata.") end
  if part and #part.body > limits.metadata then refuse(400, 10026, "The metadata exceeds 1 MB.") end
  return metadata, form.modules(parts, "metadata")
end

local apart = { env = true, bindings = true, modules = true }

-- What an upload's metadata has beside its bindings and modules.
local function others(given)
  local metadata = {}
  for key, value in pairs(given) do
    if not apart[key] then metadata[key] = value end
  end
  return metadata
end

-- ---- making ------------------------------------------------------------------------------

local function add(context, of, preview, made, trigger)
  made.id, made.preview, made.script = ids.uuid(context.state, "version"), preview.id, of.name
  preview.numbered = (preview.numbered or 0) + 1
  made.number, made.created, made.source = preview.numbered, context.now, script.source(context)
  made.annotations = annotations_of(made.annotations, trigger)
  table.insert(preview.deployments, made)
  if #preview.deployments > limits.deployments then table.remove(preview.deployments, 1) end
  preview.modified, preview.base = context.now, nil
  return show(context, of, preview, made)
end

local function given_bindings(given)
  local wanted = bindings.listed(given.env)
  local more = type(given.bindings) == "table" and given.bindings or {}
  table.move(more, 1, #more, #wanted + 1, wanted)
  return wanted
end

-- A first deployment has what new previews begin with, but for what it names itself.
local function with_base(given, metadata, base)
  local named = {}
  for _, binding in ipairs(metadata.bindings) do
    if type(binding) == "table" and binding.name ~= nil then named[binding.name] = true end
  end
  for name in pairs(bindings.changes(given.env)) do named[name] = true end
  for _, binding in ipairs(base.bindings) do
    if not named[binding.name] then table.insert(metadata.bindings, { type = "inherit", name = binding.name }) end
  end
  for key, value in pairs(base.metadata) do
    if metadata[key] == nil then metadata[key] = value end
  end
end

-- Assumed: what is to be inherited and is not there is refused.
local function line_of(list_of_versions) return { versions = list_of_versions, keep = {}, strict = true } end

local function post(context)
  local of, preview = previews.of(context)
  local given, modules = uploaded(context)
  local metadata, line = others(given), line_of(preview.deployments)
  metadata.bindings = given_bindings(given)
  if #preview.deployments == 0 and context.query.ignore_defaults ~= "true" then
    local base = preview_base.first(preview.base)
    line.versions = { base }
    with_base(given, metadata, base)
  end
  local made = upload.make(context, of.name, modules, metadata, line)
  annotations_of(made.annotations)
  local namespaces, tag = durable.migrated(context, preview, data.plain(metadata))
  preview.namespaces, preview.migration_tag, made.migration_tag = namespaces, tag, tag
  return add(context, of, preview, made, "create_preview_deployment_api")
end

-- ---- the newest one, patched -------------------------------------------------------------

-- A binding that is patched under its own type keeps what the patch leaves out.
local function merged_binding(old, patch)
  if not old or not patch or patch.type ~= nil and patch.type ~= old.type then return patch end
  local whole = data.plain(old)
  if old.type == "json" then whole.json, whole.text = json.decode(old.text), nil end
  for key, value in pairs(patch) do whole[key] = value end
  return whole
end

local function changes_of(deployment, env)
  local changes = env == json.null and bindings.none(deployment) or bindings.changes(env)
  for name, patch in pairs(changes) do
    local old = data.find(deployment.bindings, "name", name)
    changes[name] = merged_binding(old, patch)
    if old and patch and patch.type == "inherit" then changes[name] = nil end   -- it stays as it is
  end
  return changes
end

-- What a deployment's metadata was, with a patch of it.
local function patched(deployment, body)
  local metadata = upload.extra(deployment)
  metadata.migrations = nil
  metadata.main_module, metadata.compatibility_date = deployment.main_module, deployment.compatibility_date
  metadata.compatibility_flags, metadata.annotations = deployment.compatibility_flags, deployment.annotations
  for key, value in pairs(others(body)) do
    if value == json.null then metadata[key] = nil else metadata[key] = data.merged(metadata[key], value) end
  end
  metadata.keep_assets = true
  return metadata
end

local function patch(context)
  local of, preview = previews.of(context)
  local newest, body = preview.deployments[#preview.deployments], context.body
  if not newest then refuse(404, 10032, "This preview has no deployments.") end   -- status assumed
  local metadata = patched(newest, body)
  local list_of = bindings.changed(context, newest, changes_of(newest, body.env))
  local modules = type(body.modules) == "table" and decoded(body.modules) or newest.modules
  local made = upload.make(context, of.name, data.plain(modules), metadata, line_of(preview.deployments))
  made.bindings = list_of
  annotations_of(made.annotations)
  local namespaces, tag = durable.migrated(context, preview, data.plain(metadata))
  preview.namespaces, preview.migration_tag, made.migration_tag = namespaces, tag, tag
  return add(context, of, preview, made, "patch_preview_deployment_api")
end

local function delete(context)
  local _, preview, _, index = find(context)
  table.remove(preview.deployments, index)
  preview.modified = context.now
end

local ALL = "/accounts/{account}/workers/workers/{worker}/previews/{preview}/deployments"

preview_deployments.routes = {
  { "GET", ALL, list }, { "POST", ALL, post }, { "PATCH", ALL .. "/latest", patch },
  { "GET", ALL .. "/{deployment}", get }, { "DELETE", ALL .. "/{deployment}", delete },
}
for _, entry in ipairs(preview_deployments.routes) do entry.scope = "workers" end

return preview_deployments
