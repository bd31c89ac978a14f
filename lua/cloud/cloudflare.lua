---The Cloudflare API: who may ask, how answers are wrapped, and which file knows the rest.
local edge = require "cloud.cloudflare.edge"
local ids = require "cloud.ids"
local json = require "json"
local names = require "cloud.cloudflare.names"
local route = require "cloud.route"
local sha256 = require "sha256"

local assets = require "cloud.cloudflare.assets"
local dns = require "cloud.cloudflare.dns"
local domains = require "cloud.cloudflare.domains"
local scripts = require "cloud.cloudflare.scripts"
local secrets = require "cloud.cloudflare.secrets"
local zones = require "cloud.cloudflare.zones"

local cloudflare = {
  resolve = names.resolve,
  serve = edge.serve,
  versions = edge.versions,
  asset = edge.asset,
}

local WINDOW = 300   -- the seconds over which requests are counted

-- What each token may do; a route without a scope is open to every token of the account.
local granted = {
  workers = { ["workers"] = true, ["zones:read"] = true },
  dns = { ["zones:read"] = true, ["dns"] = true },
}

---The part of the world that this service owns.
function cloudflare.init(state, seed)
  local tokens = seed.tokens or {}
  state.cloudflare = {
    account_id = seed.account_id or ids.hex(state, "account"),
    subdomain = "davit",
    tokens = { workers = tokens.workers or "workers-token", dns = tokens.dns or "dns-token" },
    used = {}, records = {}, scripts = {}, domains = {}, assets = {}, sessions = {},
    zones = { { id = ids.hex(state, "zone"), name = seed.zone or "revelations.studio" } },
  }
end

local function verify(context)
  return { id = sha256(context.cloudflare.tokens[context.token]):sub(1, 32), status = "active" }
end

local own = {
  { "GET", "/user/tokens/verify", verify },
  { "GET", "/accounts/{account}/tokens/verify", verify },
}

local routes = route.table(own,
  zones.routes, dns.routes, scripts.routes, secrets.routes, assets.routes, domains.routes)

-- ---- answers -----------------------------------------------------------------------------

local function message_of(refusal)
  local chain = refusal.chain and json.array(refusal.chain)
  return { code = refusal.code, message = refusal.message, error_chain = chain }
end

local function envelope(ok, value, options)
  if value == nil then value = json.null end
  return { success = ok, errors = json.array(ok and {} or { message_of(options) }),
    messages = json.array {}, result = value, result_info = ok and options and options.info or nil }
end

-- Requests are counted per token in fixed windows; over the limit all are refused until the
-- window ends. Assumed: the service blocks for five minutes from the moment the limit is hit.
local function count(context)
  local used, limit = context.cloudflare.used, context.state.settings.cloudflare_requests
  local name, window = context.token or "nobody", context.now // WINDOW
  local mine = used[name]
  if not mine or mine.window ~= window then
    mine = { window = window, requests = 0 }
    used[name] = mine
  end
  mine.requests = mine.requests + 1
  local left = math.ceil((window + 1) * WINDOW - context.now)
  context.headers["ratelimit"] =
    ('"default";r=%d;t=%d'):format(math.max(limit - mine.requests, 0), left)
  context.headers["ratelimit-policy"] = ('"default";q=%d;w=%d'):format(limit, WINDOW)
  if mine.requests <= limit then return end
  context.headers["retry-after"] = tostring(left)
  route.refuse { status = 429, code = 971,
    message = "Please wait and consider throttling your request speed" }
end

-- ---- who may ask -------------------------------------------------------------------------

-- One token may stand for both, it may then do all that either may.
local function identify(context)
  local header = context.request.headers.authorization or ""
  context.bearer = header:match("^[Bb]earer%s+(%S+)$")
  for name, token in pairs(context.cloudflare.tokens) do
    if token == context.bearer then
      context.token = name
      for scope in pairs(granted[name]) do context.granted[scope] = true end
    end
  end
end

-- The asset upload carries a token of its own, which its handler checks.
local function authenticate(context, found)
  if not context.bearer then
    route.refuse { status = 400, code = 6003, message = "Invalid request headers",
      chain = { { code = 6111, message = "Invalid format for Authorization header" } } }
  end
  if context.token or found.scope == "session" then return end
  if found[3] == verify then
    route.refuse { status = 401, code = 1000, message = "Invalid API Token" }
  end
  route.refuse { status = 403, code = 9109, message = "Invalid access token" }
end

local function authorize(context, found)
  local foreign = context.params.account and context.params.account ~= context.cloudflare.account_id
  local allowed = not found.scope or found.scope == "session" or context.granted[found.scope]
  if foreign or not allowed then
    route.refuse { status = 403, code = 10000, message = "Authentication error" }
  end
end

-- ---- one request -------------------------------------------------------------------------

local function locate(context)
  local request = context.request
  local found, params = route.find(routes, request.method, context.path)
  if found then return found, params end
  if params == "method" then   -- status assumed
    route.refuse { status = 405, code = 7001,
      message = ("Method %s not available for that URI."):format(request.method) }
  end
  route.refuse { status = 404, code = 7003,
    message = ("Could not route to %s, perhaps your object identifier is invalid?")
      :format(request.path),
    chain = { { code = 7000, message = "No route for that URI" } } }
end

local function read_body(context)
  local type = context.request.headers["content-type"] or ""
  if type:find("^multipart/") then return end
  context.body = route.json(context.request)
  if not context.body then   -- code assumed
    route.refuse { status = 400, code = 6007, message = "Malformed JSON in request body" }
  end
end

local function handle(context)
  identify(context)
  count(context)
  local found, params = locate(context)
  context.params = params
  authenticate(context, found)
  authorize(context, found)
  read_body(context)
  return found[3](context)
end

---@param request table
---@param state table   the world
---@param now number
---@return table response
function cloudflare.handle(request, state, now)
  local headers = { ["cf-ray"] = ids.hex(state, "ray", 16) .. "-LHR" }
  local path = request.path:match("^/client/v4(/.*)$") or ""
  local context = { request = request, state = state, cloudflare = state.cloudflare, now = now,
    path = path, query = route.query(request.query or ""), headers = headers, granted = {} }
  local ok, value, options = route.attempt(handle, context)
  if not ok then options = value end
  local body = envelope(ok, ok and value or nil, options)
  return route.response(options and options.status or 200, body, headers)
end

return cloudflare
