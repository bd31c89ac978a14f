---Workers routes: patterns of URLs of a zone, and the Worker that runs there. A route without a
---Worker keeps less specific ones from running.
---
---Invariant: no two routes of an account have the same pattern.
local data = require "cloud.data"
local ids = require "cloud.ids"
local patterns = require "cloud.cloudflare.patterns"
local permissions = require "cloud.cloudflare.permissions"
local route = require "cloud.route"
local zones = require "cloud.cloudflare.zones"

local routes = {}

local function show(entry)
  return { id = entry.id, pattern = entry.pattern, script = entry.script,
    request_limit_fail_open = false }
end

local function refuse(status, code, message)
  route.refuse { status = status, code = code, message = message }
end

-- ---- what a body says ---------------------------------------------------------------------

local function parsed(text)
  if not data.text(text) then refuse(400, 10021, "pattern is required.") end   -- code assumed
  local pattern, reason = patterns.parse(text)
  if pattern then return pattern end
  refuse(400, 10022, ("Route pattern '%s' is invalid: %s."):format(text, reason))   -- code and text assumed
end

-- The pattern's text; refuses one that cannot be, or whose host lies outside the zone. The host
-- "*" alone is for zones that serve the hosts of others.
local function check_pattern(zone, text)
  local pattern = parsed(text)
  local inside = pattern.host == "" or pattern.host == zone.name
    or pattern.host:sub(-#zone.name - 1) == "." .. zone.name
  if not inside then   -- code assumed, the words are known
    refuse(400, 10022, "Route pattern must include zone name")
  end
  return text
end

local function check_script(context, name)
  if name == nil or context.cloudflare.scripts[name] then return name end
  refuse(400, 10019, "Cannot configure a route for a Worker which does not exist. "
    .. "Please ensure this Worker exists and try again.")
end

local function check_duplicate(cloudflare, pattern, self)
  local other = data.find(cloudflare.routes, "pattern", pattern)
  if other and other ~= self then
    refuse(409, 10020, "A route with the same pattern already exists.")
  end
end

local function fields_of(context, self)
  local zone, body = zones.of(context), data.plain(context.body)
  local fields = { pattern = check_pattern(zone, body.pattern),
    script = check_script(context, data.text(body.script)), zone_id = zone.id }
  check_duplicate(context.cloudflare, fields.pattern, self)
  return fields
end

local function insert(state, fields, now)
  fields.id, fields.created = ids.hex(state, "route"), now
  table.insert(state.cloudflare.routes, fields)
  return fields
end

-- ---- one by one, in a zone ----------------------------------------------------------------

local function list(context)
  local zone = zones.of(context)
  return data.array(data.filter(context.cloudflare.routes, function(entry)
    return entry.zone_id == zone.id
  end), show)
end

local function find(context)
  local zone = zones.of(context)
  local entry, index = data.find(context.cloudflare.routes, "id", context.params.route)
  if entry and entry.zone_id == zone.id then return entry, index end
  refuse(404, 10009, "Route not found.")   -- code assumed
end

local function create(context)
  return show(insert(context.state, fields_of(context), context.now))
end

-- A route that says something else has to spread anew.
local function replace(context)
  local entry = find(context)
  local fields = fields_of(context, entry)
  local changed = fields.pattern ~= entry.pattern or fields.script ~= entry.script
  if changed then
    entry.before = entry.pattern == fields.pattern and { script = entry.script } or nil
    entry.pattern, entry.script, entry.created = fields.pattern, fields.script, context.now
  end
  return show(entry)
end

local function delete(context)
  local entry, index = find(context)
  table.remove(context.cloudflare.routes, index)
  return { id = entry.id }
end

-- ---- all routes of a script at once, as wrangler sets them ---------------------------------

-- A zone is named by id or name, else it is the one that holds the pattern's host.
local function zone_of(context, given)
  if data.text(given.zone_id) then return data.find(context.cloudflare.zones, "id", given.zone_id) end
  if data.text(given.zone_name) then
    return data.find(context.cloudflare.zones, "name", given.zone_name:lower())
  end
  return zones.holding(context.cloudflare, parsed(given.pattern).host)
end

local function wanted(context, script)
  local list_of, body = {}, data.plain(context.body)
  if #body == 0 and next(body) ~= nil then refuse(400, 10026, "A list of routes is required.") end
  for i, given in ipairs(body) do
    if type(given) ~= "table" then given = { pattern = given } end
    local zone = zone_of(context, given)
    if not zone then   -- code assumed
      refuse(400, 10082, ("Could not find a zone for the route '%s'."):format(tostring(given.pattern)))
    end
    local pattern = check_pattern(zone, given.pattern)
    local other = data.find(context.cloudflare.routes, "pattern", pattern)
    if other and other.script ~= script then check_duplicate(context.cloudflare, pattern) end
    list_of[i] = { pattern = pattern, script = script, zone_id = zone.id }
  end
  return list_of
end

---Removes every route of a script, save those of the patterns to keep.
---@param cloudflare table  the service's state
---@param script string
---@param keep? table<string, any>
function routes.release(cloudflare, script, keep)
  cloudflare.routes = data.filter(cloudflare.routes, function(entry)
    return entry.script ~= script or keep ~= nil and keep[entry.pattern] ~= nil
  end)
end

local function of_script(context, script)
  return data.array(data.filter(context.cloudflare.routes, function(entry)
    return entry.script == script
  end), show)
end

-- As wrangler asks before it overwrites what the dashboard made.
local function of_service(context)
  local list_of = of_script(context, context.params.script)
  for _, shown in ipairs(list_of) do
    local entry = data.find(context.cloudflare.routes, "id", shown.id)
    shown.zone_id = entry.zone_id
    shown.zone_name = data.find(context.cloudflare.zones, "id", entry.zone_id).name
  end
  return list_of
end

-- It reaches into every zone of the account, so a token for some of them may not.
local function put_all(context)
  local script = context.params.script
  if not context.cloudflare.scripts[script] then
    refuse(404, 10007, "This Worker does not exist on your account.")
  end
  permissions.require_all_zones(context, "routes")
  local list_of, keep = wanted(context, script), {}
  for _, fields in ipairs(list_of) do keep[fields.pattern] = true end
  routes.release(context.cloudflare, script, keep)
  for _, fields in ipairs(list_of) do
    if not data.find(context.cloudflare.routes, "pattern", fields.pattern) then
      insert(context.state, fields, context.now)
    end
  end
  return of_script(context, script)
end

local ZONE = "/zones/{zone}/workers/routes"
local SCRIPT = "/accounts/{account}/workers/scripts/{script}/routes"
local SERVICE = "/accounts/{account}/workers/services/{script}/environments/{environment}/routes"

routes.routes = {
  { "GET", ZONE, list, scope = "routes" },
  { "POST", ZONE, create, scope = "routes" },
  { "GET", ZONE .. "/{route}", function(context) return show((find(context))) end, scope = "routes" },
  { "PUT", ZONE .. "/{route}", replace, scope = "routes" },
  { "DELETE", ZONE .. "/{route}", delete, scope = "routes" },
  { "GET", SCRIPT, function(context) return of_script(context, context.params.script) end,
    scope = "workers" },
  { "PUT", SCRIPT, put_all, scope = "workers" },
  { "GET", SERVICE, of_service, scope = "workers" },
}

return routes
