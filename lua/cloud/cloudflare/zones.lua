---Zones of the account: a read-only list, and the zone of a request or of a host name.
local clock = require "cloud.clock"
local data = require "cloud.data"
local json = require "json"
local route = require "cloud.route"

local zones = {}

local name_servers = { "ada.ns.cloudflare.com", "ivan.ns.cloudflare.com" }

---The zone's own records, as its name servers tell them, and where those servers are.
---@param zone table
---@param negative_ttl number  seconds
function zones.records(zone, negative_ttl)
  local soa = ("%s dns.cloudflare.com 2400000000 10000 2400 604800 %d"):format(name_servers[1], negative_ttl)
  local records = { { name = zone.name, type = "SOA", data = soa } }
  for _, server in ipairs(name_servers) do
    records[#records + 1] = { name = zone.name, type = "NS", data = server }
  end
  return records
end

zones.servers = { [name_servers[1]] = "192.0.2.53", [name_servers[2]] = "192.0.2.54" }

local function show(context, zone)
  local born = clock.iso(context.state.settings.created_at, 6)
  return {
    id = zone.id, name = zone.name, status = "active", paused = false, type = "full",
    development_mode = 0, name_servers = data.array(name_servers),
    original_name_servers = json.null, original_registrar = json.null,
    original_dnshost = json.null,
    created_on = born, modified_on = born, activated_on = born,
    account = { id = context.cloudflare.account_id, name = "Davit" },
    owner = { id = json.null, type = "user", email = json.null },
    meta = { step = 2, custom_certificate_quota = 0, page_rule_quota = 3,
      phishing_detected = false },
    permissions = data.array { "#zone:read" },
    plan = { id = "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", name = "Free Website", price = 0,
      currency = "USD", frequency = "", is_subscribed = false, can_subscribe = false,
      legacy_id = "free", legacy_discount = false, externally_managed = false },
  }
end

local function list(context)
  local query = context.query
  local found = data.filter(context.cloudflare.zones, function(zone)
    return (not query.name or query.name:lower() == zone.name)
      and (query["account.id"] or context.cloudflare.account_id) == context.cloudflare.account_id
      and (query.status or "active") == "active"
  end)
  local page, info = route.page(query, found, 20, 50)
  return data.array(page, function(zone) return show(context, zone) end), { info = info }
end

---The zone that the path names; refuses when the account has none such.
function zones.of(context)
  local zone = data.find(context.cloudflare.zones, "id", context.params.zone)
  if zone then return zone end
  route.refuse { status = 404, code = 7003,   -- assumed: as for a malformed id
    message = ("Could not route to %s, perhaps your object identifier is invalid?")
      :format(context.request.path) }
end

---The zone that a host name lies in, or nil.
---@param cloudflare table  the service's state
---@param host string
function zones.holding(cloudflare, host)
  for _, zone in ipairs(cloudflare.zones) do
    if host == zone.name or host:sub(-#zone.name - 1) == "." .. zone.name then return zone end
  end
end

zones.routes = {
  { "GET", "/zones", list, scope = "zones:read" },
  { "GET", "/zones/{zone}", function(context) return show(context, zones.of(context)) end,
    scope = "zones:read" },
}

return zones
