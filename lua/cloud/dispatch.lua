---One request to the local cloud: which host it means, and who answers for that host.
---
---`NAME.localhost` is NAME, because browsers find every such name on this machine. What is not
---what the real service would answer says so in the header x-davit-stand-in.
local cloudflare = require "cloud.cloudflare"
local console = require "cloud.console"
local core = require "core"
local world = require "cloud.world"

local dispatch = {}

local own_hosts = { ["localhost"] = true, ["127.0.0.1"] = true, ["[::1]"] = true, [""] = true }

-- Clients that take a base address instead of a host come to the cloud's own port.
local bases = { ["/client/v4/"] = "api.cloudflare.com", ["/api/v2/"] = "console.neon.tech" }

local function service_of(path)
  for base, host in pairs(bases) do
    if path:sub(1, #base) == base then return host end
  end
end

local reads = { GET = true, HEAD = true, OPTIONS = true }

local function text(status, body, mark)
  return { status = status, body = body, headers = {
    ["content-type"] = "text/plain; charset=utf-8", ["x-davit-stand-in"] = mark } }
end

-- ---- the edge ---------------------------------------------------------------------------------

local kinds = {}

function kinds.worker(cloud, request, served) return cloud.workers:answer(served.version, request) end

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
    scheme = request.scheme, headers = request.headers, chance = chance() }
  local served = cloudflare.serve(cloud.state, where, cloud.now())
  if served then return kinds[served.kind](cloud, request, served) end
  return text(421, ("The local cloud does not serve %s.\n"):format(request.host), "no such host")
end

-- ---- every host -------------------------------------------------------------------------------

---@param cloud cloud.Cloud
---@param request table  as the server gives it
---@return table response
function dispatch.answer(cloud, request)
  request.host = request.host:match("^(.+)%.localhost$") or request.host
  if own_hosts[request.host] then
    local host = service_of(request.path)
    if not host then return console.answer(cloud, request) end
    request.host = host
  end
  local response = world.handle(request, cloud.state, cloud.now())
  if not response then return at_edge(cloud, request) end
  if not reads[request.method] then cloud.changed() end
  return response
end

return dispatch
