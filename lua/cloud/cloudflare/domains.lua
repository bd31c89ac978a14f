---Custom domains: a host name of a zone that a Worker answers, with its managed DNS record and its
---certificate. How all domains of a script are set at once is in domain_sets.lua.
local data = require "cloud.data"
local dns = require "cloud.cloudflare.dns"
local ids = require "cloud.ids"
local route = require "cloud.route"
local zones = require "cloud.cloudflare.zones"

local domains = {}

function domains.show(domain)
  return { id = domain.id, hostname = domain.hostname, service = domain.service,
    environment = "production", zone_id = domain.zone_id, zone_name = domain.zone_name,
    cert_id = domain.cert_id, enabled = domain.enabled ~= false,
    previews_enabled = domain.previews_enabled or false }
end

local show = domains.show

local filters = { "hostname", "service", "zone_id", "zone_name", "environment" }

function domains.matching(context)
  return data.filter(context.cloudflare.domains, function(domain)
    for _, field in ipairs(filters) do
      local wanted, value = context.query[field], domain[field]
      if field == "environment" then value = "production" end
      if data.text(wanted) and wanted:lower() ~= value then return false end
    end
    return true
  end)
end

-- ---- attaching ---------------------------------------------------------------------------

function domains.check_script(context, name)
  if context.cloudflare.scripts[name] then return end
  route.refuse { status = 404, code = 10007,
    message = "This Worker does not exist on your account." }
end

local function refuse(status, code, message)
  route.refuse { status = status, code = code, message = message }
end

---What a body says of a host: lower case, with the zone it lies in. A zone that is named is the
---one it has to lie in.
---@return { hostname: string, zone: table, enabled?: boolean, previews_enabled?: boolean }
function domains.origin_of(context, body)
  local host = data.text(body.hostname)
  if not host then refuse(400, 10026, "hostname is required.") end
  host = host:lower()
  if host:find("[^%w.-]") then   -- code assumed
    refuse(400, 10026, ("hostname '%s' is invalid."):format(host))
  end
  local zone = zones.holding(context.cloudflare, host)
  local fits = zone and (data.text(body.zone_id) or zone.id) == zone.id
    and (data.text(body.zone_name) or zone.name):lower() == zone.name
  if not fits then   -- code assumed
    refuse(404, 10082, ("There is no zone of this account for %s."):format(host))
  end
  return { hostname = host, zone = zone, enabled = body.enabled, previews_enabled = body.previews_enabled }
end

local taken = "Hostname '%s' already has externally managed DNS records (A, CNAME, etc). %s"

---Refuses a host that has address records of somebody else.
---@param may_override boolean  whether the caller could have told to override them
function domains.refuse_dns(context, host, may_override)
  if #dns.external(context.cloudflare, host) == 0 then return end
  local advice = may_override
    and "Either delete them, try a different hostname, or use the option 'override_existing_dns_record' to override."
    or "Delete them first or try a different hostname."
  refuse(409, 100117, taken:format(host, advice))
end

---Refuses an origin whose records, the wildcard of its previews too, are somebody else's.
---@param origin table
---@param may_override boolean
function domains.refuse_records(context, origin, may_override)
  domains.refuse_dns(context, origin.hostname, may_override)
  if origin.previews_enabled then domains.refuse_dns(context, "*." .. origin.hostname, may_override) end
end

local function set(domain, origin, name)
  if type(origin[name]) == "boolean" then domain[name] = origin[name] end
end

-- Who had the host goes on answering until the change has spread.
local function hand_over(domain, service, now)
  if domain.service == service then return end
  domain.before, domain.changed = domain.service, domain.service and now
  domain.service = service
end

-- Previews lie below the host, where a wildcard record leads. Where the host is for previews alone it has no record
-- of its own.
local function attach_records(context, domain, zone)
  local wildcard, previews = "*." .. domain.hostname, domain.previews_enabled == true
  domain.previews_since = previews and (domain.previews_since or context.now) or nil
  if previews then dns.attach(context, zone, wildcard, domain.service) else dns.detach(context.cloudflare, wildcard) end
  if previews and domain.enabled == false then
    dns.detach(context.cloudflare, domain.hostname)
  else
    dns.attach(context, zone, domain.hostname, domain.service)
  end
end

---Attaches a host to a Worker, whoever has it now.
---@return table domain
function domains.attach(context, origin, service)
  local domain = data.find(context.cloudflare.domains, "hostname", origin.hostname)
  if not domain then
    domain = { id = ids.hex(context.state, "domain"),
      cert_id = ids.uuid(context.state, "certificate"),
      hostname = origin.hostname, zone_id = origin.zone.id, zone_name = origin.zone.name,
      created = context.now }
    table.insert(context.cloudflare.domains, domain)
  end
  hand_over(domain, service, context.now)
  set(domain, origin, "enabled")
  set(domain, origin, "previews_enabled")
  attach_records(context, domain, origin.zone)
  return domain
end

-- Assumed: a host that another Worker has moves to the one named here, without a word.
local function put(context)
  local body = data.plain(context.body)
  if not data.text(body.service) then refuse(400, 10026, "service is required.") end
  domains.check_script(context, body.service)
  local origin = domains.origin_of(context, body)
  domains.refuse_records(context, origin, false)
  return show(domains.attach(context, origin, body.service))
end

-- ---- detaching ---------------------------------------------------------------------------

local function detach(cloudflare, domain)
  local _, index = data.find(cloudflare.domains, "id", domain.id)
  table.remove(cloudflare.domains, index)
  dns.detach(cloudflare, domain.hostname)
  dns.detach(cloudflare, "*." .. domain.hostname)
end

---Detaches every domain of a script, save those of the hosts to keep.
---@param keep? table<string, any>
function domains.release(cloudflare, service, keep)
  local own = data.filter(cloudflare.domains, function(domain)
    return domain.service == service and not (keep and keep[domain.hostname])
  end)
  for _, domain in ipairs(own) do detach(cloudflare, domain) end
end

local function find(context)
  local domain = data.find(context.cloudflare.domains, "id", context.params.domain)
  if domain then return domain end
  refuse(404, 10114, "Domain not found.")   -- code assumed
end

local function delete(context)
  local domain = find(context)
  detach(context.cloudflare, domain)
  return { id = domain.id }
end

local ALL = "/accounts/{account}/workers/domains"

domains.routes = {
  { "GET", ALL, function(context) return data.array(domains.matching(context), show) end },
  { "PUT", ALL, put },
  { "GET", ALL .. "/{domain}", function(context) return show(find(context)) end },
  { "DELETE", ALL .. "/{domain}", delete },
  { "GET", ALL .. "/records/{domain}", function(context) return show(find(context)) end },
}
for _, entry in ipairs(domains.routes) do entry.scope = "workers" end

return domains
