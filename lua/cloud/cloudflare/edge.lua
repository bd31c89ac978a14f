---What a request meets at the edge: a Worker's version, a placeholder, an error page. All of it
---lags behind the API by the delays of the settings.
local data = require "cloud.data"
local names = require "cloud.cloudflare.names"
local zones = require "cloud.cloudflare.zones"

local edge = {}

-- ---- what answers ------------------------------------------------------------------------

local function version_of(script, deployment)
  return (data.find(script.versions, "id", deployment.versions[1].version_id))
end

-- The index of the newest deployment that has spread; nil while the first one has not.
local function spread(state, script, now)
  for i = #script.deployments, 1, -1 do
    if script.deployments[i].created + state.settings.propagation_delay <= now then return i end
  end
end

-- On workers.dev people see this text until the first deployment has spread; that a new custom
-- domain shows the same is assumed.
local function placeholder()
  return { kind = "placeholder", status = 404,
    body = "<!DOCTYPE html>\n<title>Davit</title>\n<h1>There is nothing here yet</h1>\n" }
end

local function refusal(status, code)
  return { kind = "error", status = status, code = code, body = ("error code: %d"):format(code) }
end

-- A host that was switched on or attached just now has not spread either.
local function worker(state, script, since, now)
  local index = spread(state, script, now)
  if not index or since + state.settings.propagation_delay > now then return placeholder() end
  return { kind = "worker", script = script.name,
    version = version_of(script, script.deployments[index]) }
end

---@class edge.Where
---@field host string       with or without a port
---@field path? string      without the query ("/")
---@field headers? table<string, string>  by lower-case names
---@field chance? number    in [0, 1), decides between the versions of a split (0)

---What a request meets at the edge.
---@param state table
---@param where edge.Where
---@param now number
---@return table|nil answer  kind and more; nil for a host that is not served here
function edge.serve(state, where, now)
  local cloudflare = state.cloudflare
  local host = where.host:lower():gsub(":%d+$", "")
  if host:sub(-12) == ".workers.dev" then
    local script, since = names.workers_dev(cloudflare, host)
    if not since then return refusal(404, 1042) end
    return worker(state, script, since, now)
  end
  if not zones.holding(cloudflare, host) then return nil end
  local domain = data.find(cloudflare.domains, "hostname", host)
  if not domain then return refusal(530, 1016) end   -- a name without an origin
  if domain.created + state.settings.tls_delay > now then return { kind = "no-certificate" } end
  return worker(state, cloudflare.scripts[domain.service], domain.created, now)
end

-- ---- for whoever runs the Workers --------------------------------------------------------

---The versions that may be served from now on: of each script the one that serves and those
---deployed after it. Without now, every version that was ever deployed.
---@param state table
---@param now? number
---@return table[]  references into the state
function edge.versions(state, now)
  local live = {}
  for _, script in pairs(state.cloudflare.scripts) do
    local first = now and spread(state, script, now) or 1
    for i = first, #script.deployments do
      live[#live + 1] = version_of(script, script.deployments[i])
    end
  end
  return live
end

---@param state table
---@param hash string
---@return string|nil body, string|nil content_type
function edge.asset(state, hash)
  local found = state.cloudflare.assets[hash]
  if found then return found.body, found.type end
end

return edge
