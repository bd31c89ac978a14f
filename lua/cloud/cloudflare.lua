---The Cloudflare API: who may ask, how answers are wrapped, and which file knows the rest.
local edge = require "cloud.cloudflare.edge"
local envelope = require "cloud.cloudflare.envelope"
local ids = require "cloud.ids"
local names = require "cloud.cloudflare.names"
local permissions = require "cloud.cloudflare.permissions"
local route = require "cloud.route"
local throttle = require "cloud.cloudflare.throttle"

local accounts = require "cloud.cloudflare.accounts"
local assets = require "cloud.cloudflare.assets"
local content = require "cloud.cloudflare.content"
local deployments = require "cloud.cloudflare.deployments"
local dns = require "cloud.cloudflare.dns"
local dns_batch = require "cloud.cloudflare.dns_batch"
local domain_sets = require "cloud.cloudflare.domain_sets"
local domains = require "cloud.cloudflare.domains"
local durable = require "cloud.cloudflare.durable"
local preview_deployments = require "cloud.cloudflare.preview_deployments"
local previews = require "cloud.cloudflare.previews"
local routes = require "cloud.cloudflare.routes"
local schedules = require "cloud.cloudflare.schedules"
local scripts = require "cloud.cloudflare.scripts"
local secrets = require "cloud.cloudflare.secrets"
local services = require "cloud.cloudflare.services"
local settings = require "cloud.cloudflare.settings"
local subdomain = require "cloud.cloudflare.subdomain"
local tokens = require "cloud.cloudflare.tokens"
local versions = require "cloud.cloudflare.versions"
local worker_versions = require "cloud.cloudflare.worker_versions"
local workers = require "cloud.cloudflare.workers"
local zones = require "cloud.cloudflare.zones"

local cloudflare = {
  resolve = names.resolve,
  serve = edge.serve,
  versions = edge.versions,
  asset = edge.asset,
  error = edge.error,
  bound = edge.bound,
  newest = edge.newest,
}

---The part of the world that this service owns.
function cloudflare.init(state, seed)
  local list = zones.seeded(state, seed)
  state.cloudflare = {
    account_id = seed.account_id or ids.hex(state, "account"),
    account_name = seed.account_name, account_settings = {},
    subdomain = seed.subdomain == nil and "davit" or seed.subdomain,   -- false: none yet
    tokens = tokens.list(seed.tokens or {}),
    used = {}, records = {}, scripts = {}, domains = {}, routes = {}, assets = {}, sessions = {},
    zones = list, zone = list[1].name,   -- the project's, which a client may remove
  }
end

local table_of_routes = route.table(
  accounts.routes, tokens.routes, zones.routes, dns_batch.routes, dns.routes, domain_sets.routes, domains.routes,
  routes.routes, schedules.routes, subdomain.routes, scripts.routes, secrets.routes, assets.routes, settings.routes,
  versions.routes, deployments.routes, content.routes, services.routes, durable.routes, workers.routes,
  worker_versions.routes, previews.routes, preview_deployments.routes)

-- ---- one request -------------------------------------------------------------------------

-- HEAD is GET without a body; the host drops it.
local function locate(context)
  local method = context.request.method
  if method == "HEAD" then method = "GET" end
  local found, params = route.find(table_of_routes, method, context.path)
  if found then return found, params end
  if params == "method" then
    if method == "OPTIONS" then return nil end
    envelope.no_such_method(context)
  end
  envelope.no_handler(context)
end

local function handle(context)
  tokens.identify(context)
  throttle.count(context)
  local found, params = locate(context)
  if not found then return nil, { status = 204 } end   -- OPTIONS; status assumed
  context.params = params
  tokens.authenticate(context, found)
  permissions.check(context, found)
  context.body = found.raw and {} or envelope.read_body(context)
  return found[3](context)
end

---Whether a request has a token that is valid, whatever that may do.
---@param request table
---@param state table
---@param now number
---@return boolean
function cloudflare.knows(request, state, now)
  local context = { request = request, cloudflare = state.cloudflare, now = now }
  tokens.identify(context)
  return #context.tokens > 0
end

---@param request table
---@param state table   the world
---@param now number
---@return table response
function cloudflare.handle(request, state, now)
  local headers = { ["cf-ray"] = ids.hex(state, "ray", 16) .. "-LHR" }
  local path = request.path:match("^/client/v4(/.*)$") or ""
  local context = { request = request, state = state, cloudflare = state.cloudflare, now = now,
    path = path, query = route.query(request.query or ""), headers = headers }
  local ok, value, options = route.attempt(handle, context)
  local response = ok and envelope.done(value, options, headers) or envelope.refused(value, headers)
  if request.method == "HEAD" then response.body = "" end
  return response
end

return cloudflare
