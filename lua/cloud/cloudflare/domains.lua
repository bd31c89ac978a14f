---Custom domains: a host name of a zone that a Worker answers, with its managed DNS record.
local data = require "cloud.data"
local dns = require "cloud.cloudflare.dns"
local ids = require "cloud.ids"
local route = require "cloud.route"
local zones = require "cloud.cloudflare.zones"

local domains = {}

local function show(domain)
  return { id = domain.id, hostname = domain.hostname, service = domain.service,
    environment = "production", zone_id = domain.zone_id, zone_name = domain.zone_name,
    cert_id = domain.cert_id }
end

local function list(context)
  local query = context.query
  return data.array(data.filter(context.cloudflare.domains, function(domain)
    for _, field in ipairs { "hostname", "service", "zone_id", "zone_name" } do
      if query[field] and query[field] ~= domain[field] then return false end
    end
    return true
  end), show)
end

-- ---- attaching ---------------------------------------------------------------------------

local function check_script(context, name)
  if context.cloudflare.scripts[name] then return end
  route.refuse { status = 404, code = 10007,
    message = "This Worker does not exist on your account." }
end

-- What a body says of a host: lower case, with the zone it lies in.
local function origin_of(context, body)
  local host = data.text(body.hostname)
  if not host then
    route.refuse { status = 400, code = 10026, message = "hostname is required." }
  end
  host = host:lower()
  local zone = zones.holding(context.cloudflare, host)
  local fits = zone and (body.zone_id or zone.id) == zone.id
    and (body.zone_name or zone.name) == zone.name
  if fits then return { hostname = host, zone = zone } end
  route.refuse { status = 404, code = 10082,   -- code assumed
    message = ("There is no zone of this account for %s."):format(host) }
end

local function refuse_dns(context, host)
  if #dns.external(context.cloudflare, host) == 0 then return end
  route.refuse { status = 409, code = 100117,
    message = ("Hostname '%s' already has externally managed DNS records."):format(host) }
end

local function attach(context, origin, service)
  local domain = data.find(context.cloudflare.domains, "hostname", origin.hostname)
  if not domain then
    domain = { id = ids.hex(context.state, "domain"),
      cert_id = ids.uuid(context.state, "certificate"),
      hostname = origin.hostname, zone_id = origin.zone.id, zone_name = origin.zone.name,
      created = context.now }
    table.insert(context.cloudflare.domains, domain)
  end
  domain.service = service
  dns.attach(context, origin.zone, origin.hostname, service)
  return domain
end

-- Assumed: a host that another Worker has moves to the one named here, without a word.
local function put(context)
  local body = data.plain(context.body)
  if not data.text(body.service) then
    route.refuse { status = 400, code = 10026, message = "service is required." }
  end
  check_script(context, body.service)
  local origin = origin_of(context, body)
  refuse_dns(context, origin.hostname)
  return show(attach(context, origin, body.service))
end

-- ---- detaching ---------------------------------------------------------------------------

local function detach(cloudflare, domain)
  local _, index = data.find(cloudflare.domains, "id", domain.id)
  table.remove(cloudflare.domains, index)
  dns.detach(cloudflare, domain.hostname)
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
  route.refuse { status = 404, code = 10114, message = "Domain not found." }   -- code assumed
end

local function delete(context)
  local domain = find(context)
  detach(context.cloudflare, domain)
  return { id = domain.id }
end

-- ---- all domains of a script at once, as wrangler sets them ------------------------------

local function refuse_origin(context, host, service)
  local other = data.find(context.cloudflare.domains, "hostname", host)
  if not other or other.service == service then return end
  route.refuse { status = 409, code = 100116,   -- code assumed
    message = ("Hostname '%s' is already attached to the Worker %s."):format(host, other.service) }
end

-- The list replaces the script's domains. Nothing changes unless every host may be attached.
local function put_records(context)
  local service, body = context.params.script, data.plain(context.body)
  check_script(context, service)
  local origins, keep = {}, {}
  for i, given in ipairs(body.origins or {}) do
    local origin = origin_of(context, given)
    if not body.override_existing_dns_record then refuse_dns(context, origin.hostname) end
    if not body.override_existing_origin then refuse_origin(context, origin.hostname, service) end
    origins[i], keep[origin.hostname] = origin, true
  end
  domains.release(context.cloudflare, service, keep)
  return data.array(origins, function(origin)
    return show(attach(context, origin, service))
  end)
end

domains.routes = {
  { "GET", "/accounts/{account}/workers/domains", list },
  { "PUT", "/accounts/{account}/workers/domains", put },
  { "GET", "/accounts/{account}/workers/domains/{domain}", function(c) return show(find(c)) end },
  { "DELETE", "/accounts/{account}/workers/domains/{domain}", delete },
  { "PUT", "/accounts/{account}/workers/scripts/{script}/domains/records", put_records },
}
for _, entry in ipairs(domains.routes) do entry.scope = "workers" end

return domains
