---What tokens may do: permission groups by the service's names for them, what each opens, and the
---question whether a token may ask for a route.
---
---A route names what it needs by `scope`, one of the resources below; reading methods need "read"
---of it, all others "write". Without a scope it is open to every valid token.
local data = require "cloud.data"
local envelope = require "cloud.cloudflare.envelope"
local route = require "cloud.route"

local permissions = {}

-- The resource of each group, and whether it lies in a zone.
local groups = {
  ["Workers Scripts"] = { "workers" }, ["Workers Routes"] = { "routes", zone = true },
  ["Workers KV Storage"] = { "kv" }, ["Workers Tail"] = { "tail" }, ["Workers R2 Storage"] = { "r2" },
  ["D1"] = { "d1" }, ["Pages"] = { "pages" }, ["Account Settings"] = { "account" },
  ["Account API Tokens"] = { "account tokens" }, ["API Tokens"] = { "tokens" },
  ["User Details"] = { "user" }, ["Memberships"] = { "memberships" },
  ["Zone"] = { "zones", zone = true }, ["DNS"] = { "dns", zone = true },
}

local levels = { Read = "read", Write = "write", Edit = "write" }   -- "Edit" is the dashboard's word

-- The two tokens that every world has: the dashboard's template "Edit Cloudflare Workers" with the
-- zones' list, and one for DNS.
permissions.presets = {
  workers = { "Workers Scripts Write", "Workers Routes Write", "Workers KV Storage Write",
    "Workers R2 Storage Write", "D1 Write", "Pages Write", "Workers Tail Read",
    "Account Settings Read", "User Details Read", "Memberships Read", "Zone Read" },
  dns = { "Zone Read", "DNS Write" },
}

---@param names string[]  such as "DNS Write"
---@return table<string, string> grants  resource to "read" or "write"; raises for an unknown name
function permissions.grants(names)
  local grants = {}
  for _, name in ipairs(names) do
    local group, level = tostring(name):match("^(.-) (%a+)$")
    if not (groups[group] and levels[level]) then
      error(("unknown permission '%s' (such as 'Workers Scripts Write', 'DNS Read')"):format(tostring(name)), 0)
    end
    local resource = groups[group][1]
    if grants[resource] ~= "write" then grants[resource] = levels[level] end
  end
  return grants
end

---The names of all permissions, sorted.
---@return string[]
function permissions.names()
  local names = {}
  for group in pairs(groups) do
    names[#names + 1] = group .. " Read"
    names[#names + 1] = group .. " Write"
  end
  table.sort(names)
  return names
end

-- ---- one token ----------------------------------------------------------------------------

local in_zone = {}
for _, group in pairs(groups) do in_zone[group[1]] = group.zone end

local function covers(token, zone)
  if not token.zones then return true end
  for _, name in ipairs(token.zones) do
    if name == zone.name then return true end
  end
  return false
end

---@param token table
---@param resource string
---@param level string  "read" or "write"
---@param zone? table   the one it is about
---@return boolean
function permissions.allows(token, resource, level, zone)
  local has = token.grants[resource]
  if not has or level == "write" and has ~= "write" then return false end
  return zone == nil or covers(token, zone)
end

---Whether a token may do anything in this zone: then it sees the zone itself.
function permissions.sees_zone(token, zone)
  for resource in pairs(token.grants) do
    if in_zone[resource] and covers(token, zone) then return true end
  end
  return false
end

---Whether a token may do anything in the account: then it sees the account itself.
function permissions.sees_account(token)
  for resource in pairs(token.grants) do
    if not in_zone[resource] then return true end
  end
  return false
end

-- ---- one request --------------------------------------------------------------------------

---Whether any of the tokens that the request's value stands for passes a test.
---@param context table
---@param test fun(token: table): boolean
---@return boolean
function permissions.any(context, test)
  for _, token in ipairs(context.tokens) do
    if test(token) then return true end
  end
  return false
end

function permissions.denied()
  route.refuse { status = 403, code = 10000, message = "Authentication error" }
end

---Refuses a token that may not write a resource in every zone of the account.
function permissions.require_all_zones(context, resource)
  local may = permissions.any(context, function(token)
    return token.zones == nil and permissions.allows(token, resource, "write")
  end)
  if not may then permissions.denied() end
end

local function unauthorized()
  route.refuse { status = 403, code = 9109, message = "Unauthorized to access requested resource" }
end

-- The zone that the path names. A malformed id cannot be routed at all; one of nobody's zones is
-- told from a foreign one by nobody.
local function zone_of(context, found)
  local id = context.params.zone
  if not id then return nil end
  local zone = data.find(context.cloudflare.zones, "id", id)
  if zone then return zone end
  if not id:find("^" .. ("%x"):rep(32) .. "$") then envelope.no_such_path(context) end
  if found.scope == "zones" then unauthorized() end
  permissions.denied()
end

local reading = { GET = true, HEAD = true, OPTIONS = true }

local function may(token, found, level, zone)
  if found.scope == "zones" and level == "read" then
    return zone == nil or permissions.sees_zone(token, zone)
  end
  return permissions.allows(token, found.scope, level, zone)
end

---Refuses a request that its token may not make.
---@param context table
---@param found route.Route
function permissions.check(context, found)
  local account = context.params.account
  if account and account ~= context.cloudflare.account_id then
    if found.scope == "account" then unauthorized() end
    permissions.denied()
  end
  local zone = zone_of(context, found)
  if not found.scope or found.scope == "session" then return end
  local level = reading[found[1]] and "read" or "write"
  if permissions.any(context, function(token) return may(token, found, level, zone) end) then return end
  if found.scope == "zones" or found.scope == "account" then unauthorized() end
  permissions.denied()
end

return permissions
