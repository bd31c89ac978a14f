---Versions of a script: uploaded without being deployed, listed, shown.
local bindings = require "cloud.cloudflare.bindings"
local data = require "cloud.data"
local durable = require "cloud.cloudflare.durable"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local upload = require "cloud.cloudflare.upload"

local versions = {}

---Whether a version may have a preview URL; assumed: one without Durable Objects of its own.
---@return boolean
function versions.has_preview(of) return #(of.namespaces or {}) == 0 end

local function metadata_of(context, of, version)
  local time, preview = script.time(version.created), versions.has_preview(of)
  return { created_on = time, modified_on = time, source = version.source,
    author_id = context.cloudflare.account_id, author_email = script.author,
    hasPreview = preview, has_preview = preview }   -- the contract's name and the one that is read
end

local function runtime_of(version, extra)
  return { compatibility_date = version.compatibility_date,
    compatibility_flags = data.array(version.compatibility_flags), limits = extra.limits or {},
    usage_model = extra.usage_model or "standard", exports = extra.exports,
    migration_tag = version.migration_tag }
end

---@return table  as the script's own versions are answered
function versions.show(context, of, version)
  local extra = upload.extra(version)
  return {
    id = version.id, number = version.number, annotations = data.plain(version.annotations),
    metadata = metadata_of(context, of, version), startup_time_ms = version.startup_ms,
    resources = {
      bindings = bindings.all(version),
      script = { etag = version.etag, handlers = data.array(version.handlers),
        last_deployed_from = version.source, placement = extra.placement },
      script_runtime = runtime_of(version, extra),
    },
  }
end

---The newest first.
---@return table[] versions
function versions.newest_first(list)
  local reversed = {}
  for i = #list, 1, -1 do reversed[#reversed + 1] = list[i] end
  return reversed
end

-- Only the newest can be deployed; those are listed without pages.
local function list(context)
  local of, query = script.of(context), context.query
  local found = versions.newest_first(of.versions)
  local function show(version) return versions.show(context, of, version) end
  if query.deployable == "true" then
    found = table.move(found, 1, limits.versions, 1, {})
    return { items = data.array(found, show) }
  end
  local page, info = route.page(query, found, 10, 100)
  return { items = data.array(page, show) }, { info = info }
end

local function get(context)
  local of = script.of(context)
  return versions.show(context, of, script.version(of, context.params.version))
end

-- A Worker is made by its first deployment, not by a version.
local function post(context)
  local of = script.of(context)
  local version, metadata = upload.read(context, of.name)
  durable.refuse_migrations(metadata)
  script.add(context, of, version, "version_upload")
  version.migration_tag = of.migration_tag
  return versions.show(context, of, version)
end

local ALL = "/accounts/{account}/workers/scripts/{script}/versions"

versions.routes = {
  { "GET", ALL, list, scope = "workers" },
  { "POST", ALL, post, scope = "workers" },
  { "GET", ALL .. "/{version}", get, scope = "workers" },
}

return versions
