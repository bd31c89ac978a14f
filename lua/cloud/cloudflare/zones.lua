---Zones of the account, and the zone of a request or of a host name.
local accounts = require "cloud.cloudflare.accounts"
local clock = require "cloud.clock"
local data = require "cloud.data"
local filter = require "cloud.cloudflare.filter"
local ids = require "cloud.ids"
local json = require "json"
local permissions = require "cloud.cloudflare.permissions"
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

---@class zones.Seed
---@field name string
---@field status? string   "active", "pending", … ("active")
---@field paused? boolean

local function seeded(state, given)
  if type(given) == "string" then given = { name = given } end
  return { id = ids.hex(state, "zone"), name = given.name:lower(), status = given.status or "active",
    paused = given.paused or nil, created = state.settings.created_at }
end

---The zones of a seed: the project's one first.
function zones.seeded(state, seed)
  local list = { seeded(state, seed.zone or "revelations.studio") }
  for _, given in ipairs(seed.zones or {}) do list[#list + 1] = seeded(state, given) end
  return list
end

-- ---- showing ------------------------------------------------------------------------------

local function status_of(zone) return zone.status or "active" end

local function show(context, zone)
  local created = zone.created or context.state.settings.created_at
  local born, status = clock.iso(created, 6), status_of(zone)
  return {
    id = zone.id, name = zone.name, status = status, paused = zone.paused or false,
    type = zone.type or "full", development_mode = 0, name_servers = data.array(name_servers),
    original_name_servers = data.array {}, original_registrar = json.null, original_dnshost = json.null,
    created_on = born, modified_on = clock.iso(zone.modified or created, 6),
    activated_on = status == "active" and born or json.null,
    account = accounts.reference(context),
    owner = { id = accounts.user_id(context), type = "user", name = "Davit" },
    meta = { step = 2, custom_certificate_quota = 0, page_rule_quota = 3, phishing_detected = false },
    permissions = data.array { "#zone:read" },
    plan = { id = "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", name = "Free Website", price = 0,
      currency = "USD", frequency = "", is_subscribed = false, can_subscribe = false,
      legacy_id = "free", legacy_discount = false, externally_managed = false },
  }
end

-- ---- listing ------------------------------------------------------------------------------

local function equals(value, wanted) return value == wanted end
local function contains(value, wanted) return value:find(wanted, 1, true) ~= nil end

local operators = {
  equal = equals, not_equal = function(value, wanted) return value ~= wanted end,
  starts_with = function(value, wanted) return value:sub(1, #wanted) == wanted end,
  ends_with = function(value, wanted) return wanted == "" or value:sub(-#wanted) == wanted end,
  contains = contains,
}

-- "example.com", or an operator and a text: "starts_with:dev".
local function name_test(wanted)
  local operator, text = wanted:match("^([%l_]+):(.*)$")
  local test = operators[operator] or equals
  text = (operators[operator] and text or wanted):lower()
  return function(zone) return test(zone.name, text) end
end

local function filters_of(context)
  local query, account = context.query, accounts.reference(context)
  local filters = {}
  local function add(given, test) if given then filters[#filters + 1] = test end end
  add(query.name, query.name and name_test(query.name))
  add(query["account.id"], function() return query["account.id"] == account.id end)
  add(query["account.name"], function()
    return account.name:lower() == query["account.name"]:lower()
  end)
  add(query.status, function(zone) return status_of(zone) == query.status end)
  add(query.type, function(zone) return contains(query.type, zone.type or "full") end)
  return filters
end

-- One that a token may not see is not there for it.
local function visible(context, zone)
  return permissions.any(context, function(token) return permissions.sees_zone(token, zone) end)
end

local keys = { name = true, status = true, id = true }

local function list(context)
  local filters, query = filters_of(context), context.query
  local found = data.filter(context.cloudflare.zones, function(zone)
    return visible(context, zone) and filter.passes(zone, filters, query.match)
  end)
  filter.sort(found, keys[query.order] and query.order, query.direction)
  local page, info = route.page(query, found, 20, 50)
  return data.array(page, function(zone) return show(context, zone) end), { info = info }
end

-- ---- changing -----------------------------------------------------------------------------

local function invalid(code, message)
  route.refuse { status = 400, code = code, message = message }
end

local function create(context)
  local body = data.plain(context.body)
  local name = (data.text(body.name) or ""):lower()
  if not name:find("^[%w-][%w.-]*%.%w[%w-]*$") then
    invalid(1097, "Please ensure you are providing the root domain and not any subdomains "
      .. "(e.g., example.com, not subdomain.example.com)")
  end
  if data.find(context.cloudflare.zones, "name", name) then
    invalid(1061, name .. " already exists")
  end
  local zone = { id = ids.hex(context.state, "zone"), name = name, status = "pending",
    type = data.text(body.type), created = context.now }
  table.insert(context.cloudflare.zones, zone)
  return show(context, zone)
end

local function change(context)
  local zone = zones.of(context)
  if type(context.body.paused) == "boolean" then zone.paused = context.body.paused or nil end
  zone.type = data.text(context.body.type) or zone.type
  zone.modified = context.now
  return show(context, zone)
end

local function delete(context)
  local zone, index = zones.of(context)
  local cloudflare = context.cloudflare
  table.remove(cloudflare.zones, index)
  for _, kind in ipairs { "records", "routes", "domains" } do   -- assumed: all that is in it goes too
    cloudflare[kind] = data.filter(cloudflare[kind], function(item) return item.zone_id ~= zone.id end)
  end
  return { id = zone.id }
end

---The zone that the path names: whether there is one was seen when the token was checked.
---@return table zone, integer index
function zones.of(context)
  return data.find(context.cloudflare.zones, "id", context.params.zone)
end

---The zone that a host name lies in, the innermost of several, or nil.
---@param cloudflare table  the service's state
---@param host string
function zones.holding(cloudflare, host)
  local found
  for _, zone in ipairs(cloudflare.zones) do
    local holds = host == zone.name or host:sub(-#zone.name - 1) == "." .. zone.name
    if holds and not (found and #found.name > #zone.name) then found = zone end
  end
  return found
end

zones.routes = {
  { "GET", "/zones", list },
  { "POST", "/zones", create, scope = "zones" },
  { "GET", "/zones/{zone}", function(context) return show(context, (zones.of(context))) end,
    scope = "zones" },
  { "PATCH", "/zones/{zone}", change, scope = "zones" },
  { "DELETE", "/zones/{zone}", delete, scope = "zones" },
}

return zones
