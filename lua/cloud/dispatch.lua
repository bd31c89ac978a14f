---One request to the local cloud: which host it means, and who answers for that host.
---
---`NAME.localhost` is NAME, because browsers find every such name on this machine. What is not
---what the real service would answer says so in the header x-davit-stand-in.
local blobs = require "cloud.github.blobs"
local browser = require "cloud.browser"
local cloudflare = require "cloud.cloudflare"
local console = require "cloud.console"
local core = require "core"
local exchange = require "cloud.exchange"
local faults = require "cloud.faults"
local neon_schema = require "cloud.neon_schema"
local outbound = require "cloud.outbound"
local results = require "cloud.github.results"
local sql_proxy = require "cloud.sql_proxy"
local webhooks = require "cloud.webhooks"
local world = require "cloud.world"

local dispatch = {}

local own_hosts = { ["localhost"] = true, ["[::1]"] = true, [""] = true }

local function is_own(host) return own_hosts[host] or host:find "^127%.%d+%.%d+%.%d+$" ~= nil end

-- Clients that take a base address instead of a host come to the cloud's own port. GitHub's servers of
-- companies have their API below /api/v3, and GraphQL beside it; api.github.com has both at the top.
local bases = {
  { base = "/client/v4/", host = "api.cloudflare.com" },
  { base = "/api/v2/", host = "console.neon.tech" },
  { base = "/api/v3/", host = "api.github.com", cut = #"/api/v3" },
  { base = "/api/graphql", host = "api.github.com", cut = #"/api" },
  { base = "/twirp/", host = results.HOST, cut = 0 },
  { base = blobs.CONTAINER, host = blobs.HOST, cut = 0 },
}

-- The address that answers lead back to, for a service whose answers have any.
local function base_of(request, service)
  local host = request.headers.host
  return service.cut and host and ("%s://%s%s"):format(request.scheme, host, service.base:sub(1, service.cut)) or nil
end

-- The request as one to the service whose base it has; nil when it has none.
local function to_service(request)
  for _, service in ipairs(bases) do
    if request.path:sub(1, #service.base) == service.base then
      request.base = base_of(request, service)
      request.host, request.path = service.host, request.path:sub(1 + (service.cut or 0))
      return request
    end
  end
end

local reads = { GET = true, HEAD = true, OPTIONS = true }

local function text(status, body, mark)
  return { status = status, body = body, headers = {
    ["content-type"] = "text/plain; charset=utf-8", ["x-davit-stand-in"] = mark } }
end

-- ---- the services and the cloud itself --------------------------------------------------------

-- The state changes in one turn of the loop: nothing waits in here.
local function apply(cloud, request)
  local response = world.handle(request, cloud.state, cloud.now())
  if not reads[request.method] then cloud.changed() end
  return response
end

local function at_service(cloud, request)
  local function answer()
    return exchange.answer(cloud, request, function() return neon_schema.complete(cloud, apply(cloud, request)) end)
  end
  local known = request.host == "api.cloudflare.com" and cloudflare.knows(request, cloud.state, cloud.now())
  return known and cloud.workers:upload(request, answer) or answer()
end

-- As a proxy it answers by itself, so it can do so only for what it can read.
local function no_tunnel(cloud)
  return text(501, ("The local cloud is a proxy for http alone. For https go to 127.0.0.1:%d, whatever the name; "
    .. "curl does with --connect-to ::127.0.0.1:%d\n"):format(cloud.https_port, cloud.https_port), "no tunnel")
end

local function at_home(cloud, request)
  if to_service(request) then return at_service(cloud, request) end
  return console.answer(cloud, request)
end

-- ---- the edge ---------------------------------------------------------------------------------

local kinds = {}

function kinds.worker(cloud, request, served)
  if outbound.same_account(cloud.state, request) then return cloud.error_page(1042, request) end
  local response = cloud.outbound:count(request, served.script, function()
    return cloud.workers:answer(served, request)
  end)
  return response or cloud.error_page(1019, request)
end

function kinds.placeholder(_, _, served)
  return { status = served.status, body = served.body, headers = {
    ["content-type"] = "text/html; charset=utf-8", ["x-davit-stand-in"] = "placeholder" } }
end

function kinds.error(_, _, served)
  return { status = served.status, headers = served.headers, body = served.body .. "\n" }
end

-- Over TLS the handshake fails before; in clear text there is something to say.
kinds["no-certificate"] = function(_, request)
  return text(503, ("The certificate of %s is not issued yet.\n"):format(request.host), "no certificate")
end

-- In [0, 1): which version of a split answers.
local function chance()
  return ("<I4"):unpack(core.random(4)) / 2 ^ 32
end

local function at_edge(cloud, request)
  local where = { host = request.host, path = request.path, query = request.query,
    scheme = request.scheme, headers = request.headers, chance = chance(),
    behind_routes = outbound.behind_routes(cloud.state, request) }
  local served = cloudflare.serve(cloud.state, where, cloud.now())
  if served then return kinds[served.kind](cloud, request, served) end
  cloud.outbound:tell(request, cloud.crew.log)
  if cloud.open and not request.from then return at_home(cloud, request) end   -- other machines' names for it
  return text(421, ("The local cloud does not serve %s, and nothing else can be reached.\n"):format(request.host),
    "no such host")
end

local function serves(cloud, host)
  return faults.service(host) ~= nil or cloudflare.serve(cloud.state, { host = host }, cloud.now()) ~= nil
end

-- ---- every host -------------------------------------------------------------------------------

---@param cloud cloud.Cloud
---@param request table  as the server gives it
---@return table response
function dispatch.answer(cloud, request)
  if request.method == "CONNECT" then return no_tunnel(cloud) end
  cloud.outbound:identify(request)
  local place = browser.arrive(request)
  local by_sql = sql_proxy.answer(cloud, request, is_own(request.host))
  if by_sql then return by_sql end
  if is_own(request.host) then return at_home(cloud, request) end
  if faults.service(request.host) then return at_service(cloud, request) end
  if webhooks.serves(cloud.state, request.host) then return apply(cloud, request) end
  local response = at_edge(cloud, request)
  return place and browser.leave(response, place, function(host) return serves(cloud, host) end) or response
end

return dispatch
