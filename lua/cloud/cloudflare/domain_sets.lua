---All custom domains of a script at once, as wrangler sets them: first the set of changes that a
---list of hosts would make, then the list itself with what it may override.
---
---A request here changes all hosts or none.
local data = require "cloud.data"
local dns = require "cloud.cloudflare.dns"
local domains = require "cloud.cloudflare.domains"
local json = require "json"
local route = require "cloud.route"

local domain_sets = {}

local function refuse(status, code, message)
  route.refuse { status = status, code = code, message = message }
end

-- The hosts of a body, and the same by name. A host that is named twice is refused (assumed).
local function origins_of(context, list)
  if type(list) ~= "table" or #list == 0 and next(list) ~= nil then
    refuse(400, 10026, "A list of origins is required.")
  end
  local origins, by_host = {}, {}
  for i, given in ipairs(list) do
    if type(given) ~= "table" then refuse(400, 10026, "hostname is required.") end
    local origin = domains.origin_of(context, given)
    if by_host[origin.hostname] then
      refuse(400, 10026, ("hostname '%s' is given twice."):format(origin.hostname))
    end
    origins[i], by_host[origin.hostname] = origin, origin
  end
  return origins, by_host
end

-- ---- the set of changes --------------------------------------------------------------------

local function differs(domain, origin, service)
  if domain.service ~= service then return true end
  for _, name in ipairs { "enabled", "previews_enabled" } do
    local now = domain[name]
    if now == nil then now = name == "enabled" end
    if type(origin[name]) == "boolean" and origin[name] ~= now then return true end
  end
  return false
end

local function planned(origin, service)
  return { hostname = origin.hostname, service = service, environment = "production",
    zone_id = origin.zone.id, zone_name = origin.zone.name,
    enabled = origin.enabled ~= false, previews_enabled = origin.previews_enabled or false }
end

-- Assumed: hosts with records of somebody else are conflicting, all hosts of Workers are updated,
-- modified or not.
local function changeset(context)
  local service = context.params.script
  domains.check_script(context, service)
  local origins, by_host = origins_of(context, data.plain(context.body))
  local sets = { added = json.array {}, removed = json.array {}, updated = json.array {},
    conflicting = json.array {} }
  for _, origin in ipairs(origins) do
    local domain = data.find(context.cloudflare.domains, "hostname", origin.hostname)
    if domain then
      local shown = domains.show(domain)
      shown.modified = differs(domain, origin, service)
      table.insert(sets.updated, shown)
    elseif #dns.external(context.cloudflare, origin.hostname) > 0 then
      table.insert(sets.conflicting, planned(origin, service))
    else
      table.insert(sets.added, planned(origin, service))
    end
  end
  if context.query.replace_state == "true" then
    for _, domain in ipairs(context.cloudflare.domains) do
      local gone = domain.service == service and not by_host[domain.hostname]
      if gone then table.insert(sets.removed, domains.show(domain)) end
    end
  end
  return sets
end

-- ---- the list itself -----------------------------------------------------------------------

local function refuse_origin(context, host, service)
  local other = data.find(context.cloudflare.domains, "hostname", host)
  if not other or other.service == service then return end
  refuse(409, 100116,   -- code and text assumed
    ("Hostname '%s' is already attached to the Worker %s. Either detach it, try a different hostname, "
      .. "or use the option 'override_existing_origin' to override."):format(host, other.service))
end

-- Assumed: override_existing_dns_record takes any record; people report that it takes only those of
-- other Workers. The list replaces the script's domains; that it only adds where override_scope is false is assumed.
local function put(context)
  local service, body = context.params.script, data.plain(context.body)
  domains.check_script(context, service)
  local origins, by_host = origins_of(context, body.origins)
  for _, origin in ipairs(origins) do
    if not body.override_existing_dns_record then domains.refuse_records(context, origin, true) end
    if not body.override_existing_origin then refuse_origin(context, origin.hostname, service) end
  end
  if body.override_scope ~= false then domains.release(context.cloudflare, service, by_host) end
  return data.array(origins, function(origin)
    return domains.show(domains.attach(context, origin, service))
  end)
end

-- ---- lists ---------------------------------------------------------------------------------

-- Pages begin with 0 here.
local function records(context)
  local query = {}
  for key, value in pairs(context.query) do query[key] = value end
  query.page = (math.tointeger(tonumber(query.page)) or 0) + 1
  local page, info = route.page(query, domains.matching(context), 20, 100)
  info.page = info.page - 1
  return data.array(page, domains.show), { info = info }
end

local function of_script(context)
  local service = context.params.script
  domains.check_script(context, service)
  return data.array(data.filter(context.cloudflare.domains, function(domain)
    return domain.service == service
  end), domains.show)
end

local SCRIPT = "/accounts/{account}/workers/scripts/{script}/domains"

-- In front of those of domains.lua, where the last part is an id.
domain_sets.routes = {
  { "GET", "/accounts/{account}/workers/domains/records", records },
  { "GET", SCRIPT .. "/records", of_script },
  { "PUT", SCRIPT .. "/records", put },
  { "POST", SCRIPT .. "/changeset", changeset },
}
for _, entry in ipairs(domain_sets.routes) do entry.scope = "workers" end

return domain_sets
