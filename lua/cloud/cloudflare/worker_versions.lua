---Versions as workers/workers has them: flat, with modules in base64, made from JSON alone; and the
---newest one changed by a merge patch, as wrangler changes secrets without deploying them.
local base64 = require "base64"
local bindings = require "cloud.cloudflare.bindings"
local data = require "cloud.data"
local durable = require "cloud.cloudflare.durable"
local json = require "json"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local upload = require "cloud.cloudflare.upload"
local versions = require "cloud.cloudflare.versions"
local workers = require "cloud.cloudflare.workers"

local worker_versions = {}

local function refuse(code, message)
  route.refuse { status = 400, code = code, message = message }
end

-- ---- showing -----------------------------------------------------------------------------

-- Where the version can be seen: its first eight digits, and its alias.
local function urls_of(context, of, version)
  local account, urls = context.cloudflare.subdomain, {}
  if not (account and of.subdomain.previews and versions.has_preview(of)) then return json.array {} end
  for _, name in ipairs { version.id:sub(1, 8), version.annotations["workers/alias"] } do
    urls[#urls + 1] = ("https://%s-%s.%s.workers.dev"):format(name, of.name, account)
  end
  return json.array(urls)
end

local function modules_of(version)
  return data.array(version.modules, function(module)
    return { name = module.name, content_type = module.type, content_base64 = base64.encode(module.body) }
  end)
end

local function show(context, of, version, with_modules)
  local extra = upload.extra(version)
  return {
    id = version.id, number = version.number, created_on = script.time(version.created),
    urls = urls_of(context, of, version), annotations = data.plain(version.annotations),
    author_email = script.author, author_id = context.cloudflare.account_id, source = version.source,
    bindings = bindings.all(version), main_module = version.main_module,
    compatibility_date = version.compatibility_date,
    compatibility_flags = data.array(version.compatibility_flags),
    assets = version.assets and { config = version.assets.config } or nil, limits = extra.limits,
    placement = extra.placement, usage_model = extra.usage_model or "standard",
    migration_tag = version.migration_tag, startup_time_ms = version.startup_ms,
    modules = with_modules and modules_of(version) or nil,
  }
end

local function list(context)
  local of = workers.of(context)
  local page, info = route.page(context.query, versions.newest_first(of.versions), 10, 100)
  return data.array(page, function(version) return show(context, of, version) end), { info = info }
end

local function get(context)
  local of = workers.of(context)
  return show(context, of, script.version(of, context.params.version), context.query.include == "modules")
end

-- ---- making and removing -----------------------------------------------------------------

local function module_of(given)
  local ok, body = pcall(base64.decode, type(given) == "table" and given.content_base64 or nil)
  if not ok or not body or not data.text(given.name) or not data.text(given.content_type) then
    refuse(10026, "A module has a name, a content_type and a content_base64.")
  end
  return { name = given.name, type = given.content_type, body = body }
end

local function post(context)
  local of, metadata, modules = workers.of(context), {}, {}
  for key, value in pairs(context.body) do metadata[key] = value end
  for i, given in ipairs(type(metadata.modules) == "table" and metadata.modules or {}) do
    modules[i] = module_of(given)
  end
  metadata.modules = nil
  local version = upload.make(context, of.name, modules, metadata)
  local deploy, plain = context.query.deploy == "true", data.plain(metadata)
  if not deploy then durable.refuse_migrations(plain) end
  local namespaces, tag = durable.migrated(context, of, plain)
  of.namespaces, of.migration_tag, version.migration_tag = namespaces, tag, tag
  local add = deploy and script.publish or script.add
  return show(context, of, add(context, of, version, deploy and "upload" or "version_upload"))
end

-- Assumed: what was ever deployed stays.
local function delete(context)
  local of = workers.of(context)
  local version = script.version(of, context.params.version)
  for _, deployment in ipairs(of.deployments) do
    if data.find(deployment.versions, "version_id", version.id) then
      refuse(10021, "This version is part of a deployment.")
    end
  end
  local _, index = data.find(of.versions, "id", version.id)
  table.remove(of.versions, index)
end

-- ---- the newest one, patched -------------------------------------------------------------

-- The answer's shape is assumed; its id is what wrangler reads.
local function patch(context)
  local of, body = workers.of(context), context.body
  local newest = script.newest(of)
  if not newest then
    route.refuse { status = 404, code = 10222, message = "This Worker has no versions." }
  end
  local list_of = bindings.changed(context, newest, bindings.changes(body.env))
  local made = upload.copy(newest, list_of, script.annotations(body.annotations))
  made.migration_tag = newest.migration_tag
  return show(context, of, script.add(context, of, made, "secret"))
end

local ALL = "/accounts/{account}/workers/workers/{worker}/versions"

worker_versions.routes = {
  { "GET", ALL, list }, { "POST", ALL, post }, { "PATCH", ALL .. "/latest", patch },
  { "GET", ALL .. "/{version}", get }, { "DELETE", ALL .. "/{version}", delete },
}
for _, entry in ipairs(worker_versions.routes) do entry.scope = "workers" end

return worker_versions
