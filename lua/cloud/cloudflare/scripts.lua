---Workers scripts: listed, searched, uploaded and deployed at once, deleted.
local data = require "cloud.data"
local durable = require "cloud.cloudflare.durable"
local json = require "json"
local references = require "cloud.cloudflare.references"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local settings = require "cloud.cloudflare.settings"
local upload = require "cloud.cloudflare.upload"

local scripts = { of = script.of }

-- Of a Worker that has no version yet, what is known without one.
local nothing = { handlers = {}, compatibility_flags = {} }

---@param of table
---@return table  the script, as answered
function scripts.show(of)
  local version, current = script.newest(of) or nothing, script.current(of)
  local extra = upload.extra(version)
  return {
    id = of.name, tag = of.tag, tags = data.array(of.tags), etag = version.etag,
    handlers = data.array(version.handlers), usage_model = extra.usage_model or "standard",
    created_on = script.time(of.created), modified_on = script.time(of.modified),
    has_assets = version.assets ~= nil, has_modules = version.main_module ~= nil,
    compatibility_date = version.compatibility_date,
    compatibility_flags = data.array(version.compatibility_flags),
    last_deployed_from = (current or version).source, logpush = of.logpush or false,
    observability = of.observability, tail_consumers = data.array(of.tail_consumers),
    placement = extra.placement, migration_tag = of.migration_tag,
  }
end

-- "blue:yes,green:no": tags that a script must have and must not have.
local function tagged(of, wanted)
  for tag, allowed in wanted:gmatch("([^,]+):(%l+)") do
    local has = false
    for _, own in ipairs(of.tags) do has = has or own == tag end
    if has ~= (allowed == "yes") then return false end
  end
  return true
end

local function list(context)
  local found = json.array {}
  for _, of in pairs(context.cloudflare.scripts) do
    if tagged(of, context.query.tags or "") then found[#found + 1] = scripts.show(of) end
  end
  return found
end

local function search(context)
  local query, found = context.query, {}
  for name, of in pairs(context.cloudflare.scripts) do
    local fits = name:find(query.name or "", 1, true) and (query.id or of.tag) == of.tag
    if fits then
      found[#found + 1] = { id = of.tag, script_name = name, service_name = name,
        environment_name = "production", environment_is_default = true,
        created_on = script.time(of.created), modified_on = script.time(of.modified) }
    end
  end
  local by = { created_on = "created_on", modified_on = "modified_on", id = "id" }
  by = by[query.order_by] or "script_name"
  table.sort(found, function(a, b) return a[by] < b[by] end)
  local page, info = route.page(query, found, 10, 100)
  return data.array(page), { info = info }
end

-- ---- upload ------------------------------------------------------------------------------

-- The only optimistic lock there is. Assumed: the status.
local function check_etag(context, of)
  local wanted = context.request.headers["if-match"]
  if not wanted then return end
  local version = of and script.newest(of)
  local fits = version and (wanted == "*" or wanted:gsub('^W/', ""):gsub('"', "") == version.etag)
  if fits then return end
  route.refuse { status = 412, code = 10018, message = "The etag did not match the Worker's." }
end

local function put(context)
  local name = context.params.script
  script.check(context, name)
  local of = context.cloudflare.scripts[name]
  check_etag(context, of)
  local version, metadata = upload.read(context, name)
  local namespaces, tag = durable.migrated(context, of, metadata)
  settings.check(metadata)
  of = script.ensure(context, name)
  settings.apply(of, metadata)
  of.namespaces, of.migration_tag, version.migration_tag = namespaces, tag, tag
  script.publish(context, of, version, "upload")
  local answer = scripts.show(of)
  answer.startup_time_ms, answer.entry_point = version.startup_ms, version.main_module or version.body_part
  answer.deployment_id = version.id:gsub("-", "")   -- this answer alone has the id without hyphens
  return answer
end

local function delete(context)
  local of = script.of(context)
  references.remove(context, of)
  return { id = of.name }
end

local ALL = "/accounts/{account}/workers/scripts"

scripts.routes = {
  { "GET", ALL, list }, { "GET", "/accounts/{account}/workers/scripts-search", search },
  { "PUT", ALL .. "/{script}", put }, { "DELETE", ALL .. "/{script}", delete },
}
for _, entry in ipairs(scripts.routes) do entry.scope = "workers" end

return scripts
