---What the outside sees of the zones and Workers: names, certificates, and the version that
---serves. All of it lags behind the API by the delays of the settings.
local data = require "cloud.data"
local zones = require "cloud.cloudflare.zones"

local edge = {}

local LOOPBACK = "127.0.0.1"
local TTL = 300   -- of every name that is served through the edge

local api_hosts = { ["api.cloudflare.com"] = true, ["console.neon.tech"] = true,
  ["api.github.com"] = true }

-- ---- names -------------------------------------------------------------------------------

-- The script that a host of workers.dev names and its switch; nil for any other host.
local function workers_dev(cloudflare, host)
  local suffix = "." .. cloudflare.subdomain .. ".workers.dev"
  if host:sub(-#suffix) ~= suffix then return nil end
  local script = cloudflare.scripts[host:sub(1, -#suffix - 1)]
  return script, script and script.subdomain.since
end

local function reply(answers, ttl)
  return { rcode = "NOERROR", ttl = ttl or TTL, answers = answers }
end

local function served(kind, address)
  return reply(kind == "A" and { { type = "A", data = address or LOOPBACK } } or {})
end

local function answers_for(record, kind)
  return record.type == kind or record.type == "CNAME"
end

-- Records that already answer for a name; a proxied one hides what it points to.
local function lookup(state, name, kind, now)
  local visible = data.filter(state.cloudflare.records, function(record)
    return record.name == name and record.created + state.settings.dns_delay <= now
  end)
  if #visible == 0 then return nil end
  local answers, ttl = {}, TTL
  for _, record in ipairs(visible) do
    if record.proxied and (kind == "A" or kind == "AAAA") then return served(kind) end
    if not record.proxied and answers_for(record, kind) then
      local content = record.type == "MX" and ("%d %s"):format(record.priority or 0, record.content) or record.content
      answers[#answers + 1] = { type = record.type, data = content }
      ttl = record.ttl > 1 and record.ttl or TTL
    end
  end
  return reply(answers, ttl)
end

-- What the zone has at its own name, beside the records of its owner.
local function apex(state, zone, name, kind)
  if name ~= zone.name then return nil end
  local answers = {}
  for _, record in ipairs(zones.records(zone, state.settings.negative_ttl)) do
    if record.type == kind then answers[#answers + 1] = { type = kind, data = record.data } end
  end
  return reply(answers)
end

-- The answer of a zone: "not there" comes with the SOA that says how long it may be remembered.
local function of_zone(state, zone, name, kind, now)
  local answer = lookup(state, name, kind, now)
  if not answer or #answer.answers == 0 then answer = apex(state, zone, name, kind) or answer end
  local negative_ttl = state.settings.negative_ttl
  answer = answer or { rcode = "NXDOMAIN", ttl = negative_ttl, answers = {} }
  if #answer.answers == 0 then
    local soa = zones.records(zone, negative_ttl)[1]
    answer.authority = { { name = soa.name, type = soa.type, data = soa.data, ttl = negative_ttl } }
  end
  return answer
end

---@param state table   the world
---@param name string
---@param kind string   A, AAAA, …
---@param now number
---@return table answer  rcode, ttl, answers of type and data; authority when there are none
function edge.resolve(state, name, kind, now)
  name, kind = name:lower():gsub("%.$", ""), kind:upper()
  if api_hosts[name] then return served(kind) end
  local _, since = workers_dev(state.cloudflare, name)
  if since and since + state.settings.dns_delay <= now then return served(kind) end
  if zones.servers[name] then return served(kind, zones.servers[name]) end
  local zone = zones.holding(state.cloudflare, name)
  if zone then return of_zone(state, zone, name, kind, now) end
  return { rcode = "NXDOMAIN", ttl = state.settings.negative_ttl, answers = {} }
end

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

---What a request to this host meets at the edge.
---@param state table
---@param host string
---@param now number
---@return table|nil answer  kind and more; nil for a host that is not served here
function edge.serve(state, host, now)
  local cloudflare = state.cloudflare
  host = host:lower():gsub(":%d+$", "")
  if host:sub(-12) == ".workers.dev" then
    local script, since = workers_dev(cloudflare, host)
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
