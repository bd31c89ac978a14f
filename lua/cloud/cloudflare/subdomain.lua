---workers.dev: the account's name there, and the switches of every Worker.
local route = require "cloud.route"
local scripts = require "cloud.cloudflare.scripts"

local subdomain = {}

local PREVIEWS_FOLLOW = "2025-08-01"   -- from this API date on previews are, if not told, as the route is

local taken = { cloudflare = true, workers = true, www = true }   -- assumed: by others

-- ---- the account's name ------------------------------------------------------------------

local function refuse(status, code, message)
  route.refuse { status = status, code = code, message = message }
end

local function get(context)
  local name = context.cloudflare.subdomain
  if name then return { subdomain = name } end
  refuse(404, 10007, "This account does not have a workers.dev subdomain.")   -- text assumed
end

local function fits(name)
  return type(name) == "string" and #name <= 63 and name:find("^[%l%d][%l%d-]*$") and name:sub(-1) ~= "-"
end

-- Asked for a name that may be had, the service answers with the error 10032 (status assumed).
local function look(context)
  local name = context.params.name
  if taken[name] or name == context.cloudflare.subdomain then
    refuse(409, 10031, "Subdomain is unavailable.")
  end
  refuse(404, 10032, "Subdomain is available.")
end

local function put(context)
  local name = context.body.subdomain
  if not fits(name) then refuse(400, 10030, "Subdomain is invalid.") end   -- code assumed
  local own = context.cloudflare.subdomain
  if taken[name] then refuse(409, 10031, "Subdomain is unavailable.") end
  if own and own ~= name then   -- assumed: it has to be deleted first
    refuse(409, 10036, "This account already has a workers.dev subdomain.")
  end
  context.cloudflare.subdomain = name
  return { subdomain = name }
end

local function delete(context)
  get(context)
  context.cloudflare.subdomain = false   -- the seed's default must not come back
  return nil, { status = 204 }
end

-- ---- the switches of a Worker ------------------------------------------------------------

local function show(script)
  return { enabled = script.subdomain.since ~= nil,
    previews_enabled = script.subdomain.previews or false }
end

-- Assumed: before that date what is left out stays as it is.
local function previews_of(context, script)
  local wanted = context.body.previews_enabled
  if type(wanted) == "boolean" then return wanted end
  local date = context.request.headers["cloudflare-workers-script-api-date"] or ""
  if date >= PREVIEWS_FOLLOW then return context.body.enabled end
  return script.subdomain.previews == true
end

-- Assumed: a script uploaded over the API is off workers.dev until it is switched on.
local function switch(context)
  local script, body = scripts.of(context), context.body
  if type(body.enabled) ~= "boolean" then refuse(400, 10026, "enabled is required.") end
  if body.enabled and not context.cloudflare.subdomain then   -- status assumed
    refuse(404, 10063, "You need a workers.dev subdomain in order to proceed.")
  end
  local on, previews = script.subdomain, previews_of(context, script)
  on.since = body.enabled and (on.since or context.now) or nil
  on.previews = previews
  on.previews_since = previews and (on.previews_since or context.now) or nil
  return show(script)
end

local function switch_off(context)
  local script = scripts.of(context)
  script.subdomain = {}
  return show(script)
end

local ACCOUNT = "/accounts/{account}/workers/subdomain"
local ONE = "/accounts/{account}/workers/scripts/{script}/subdomain"
local SERVICE = "/accounts/{account}/workers/services/{script}/environments/{environment}/subdomain"

subdomain.routes = {
  { "GET", ACCOUNT, get },
  { "PUT", ACCOUNT, put },
  { "DELETE", ACCOUNT, delete },
  { "GET", ACCOUNT .. "s/{name}", look },
  { "GET", ONE, function(context) return show((scripts.of(context))) end },
  { "POST", ONE, switch },
  { "DELETE", ONE, switch_off },
  { "GET", SERVICE, function(context) return show((scripts.of(context))) end },
}
for _, entry in ipairs(subdomain.routes) do entry.scope = "workers" end

return subdomain
