---What a rehearsal's requests and questions meet: the models of the services by their hosts, the
---edge for every other host, and a resolver that remembers what was not there.
local cloud = require "cloud.world"
local cloudflare = require "cloud.cloudflare"
local sql_over_http = require "rehearsal.sql_over_http"
local stand_in = require "cloud.stand_in"

local internet = {}

local API, EDGE, NAME = 0.05, 0.01, 0.005   -- seconds until an answer comes
local SICK <const> = { status = 503, body = "rehearsed to be unhealthy\n" }
local GOLDEN = (5 ^ 0.5 - 1) / 2   -- its multiples are spread evenly between two integers

local function fault(code, class, message)
  return { fault = { code, class, message }, delay = EDGE }
end

-- ---- names -------------------------------------------------------------------------------

local Internet = {}
Internet.__index = Internet

-- Addresses and localhost need no server.
local function own(name)
  if name:find "^%d+%.%d+%.%d+%.%d+$" then return { A = name } end
  if name:find(":", 1, true) then return { AAAA = name } end
  if name == "localhost" or name:find "%.localhost$" then return { A = "127.0.0.1", AAAA = "::1" } end
end

local function answer_own(addresses, kind)
  local address = addresses[kind]
  return { answers = { address and { type = kind, data = address } }, ttl = 0 }
end

-- A resolver keeps "no such name" as long as the zone says, even when the name is there by then.
-- Gives nil and for how many more seconds. A server that is named is asked itself: it keeps nothing.
function Internet:resolve(name, kind, now, server)
  name = name:lower():gsub("%.$", "")
  local known = own(name)
  if known then return answer_own(known, kind) end
  local missing = not server and self.missing[name] or now
  if missing > now then return nil, math.ceil(missing - now) end
  local answer = cloudflare.resolve(self.state, name, kind, now)
  if answer.rcode ~= "NXDOMAIN" then return answer end
  if not server then self.missing[name] = now + answer.ttl end
  return nil, answer.ttl
end

function Internet:dns(name, kind, server, now)
  local found, missing = self:resolve(name, kind, now, server)
  if not found then
    local message = ("no such name: %s (NXDOMAIN)"):format(name)
    return { fault = { "dns-not-found", "pending", message }, ttl = missing, delay = NAME }
  elseif #found.answers == 0 then
    local soa = (found.authority or {})[1]
    local message = ("%s has no %s record"):format(name, kind)
    return { fault = { "dns-no-data", "pending", message }, ttl = soa and soa.ttl, delay = NAME }
  end
  local list = { delay = NAME }
  for i, answer in ipairs(found.answers) do
    list[i] = { type = answer.type, data = answer.data, ttl = answer.ttl or found.ttl }
  end
  return list
end

-- ---- requests ----------------------------------------------------------------------------

-- As errors name it: what the recipe asked for, not what that is on the wire.
local function what_of(request)
  local method = request.headers.upgrade == "websocket" and "WebSocket" or request.method
  return ("%s %s%s"):format(method, request.host, request.path)
end

-- Successive requests fall evenly on the versions of a split, the same ones in every rehearsal.
function Internet:where(request)
  self.asked = self.asked + 1
  return { host = request.host, path = request.path, query = request.query, headers = request.headers,
    chance = self.asked * GOLDEN % 1 }
end

-- Of a Worker that must not become healthy every version is sick that did not serve before the run.
function Internet:is_sick(version)
  return self.known ~= nil and version.script == self.unhealthy and not self.known[version.id]
end

---Says that the run begins, and which versions serve before it.
function Internet:before()
  self.known = {}
  for _, script in pairs(self.state.cloudflare.scripts) do
    local newest = script.deployments[#script.deployments]
    for _, share in ipairs(newest and newest.versions or {}) do self.known[share.version_id] = true end
  end
end

function Internet:edge(request, now)
  local what = what_of(request)
  local found, missing = self:resolve(request.host, "A", now)
  if not found then
    local answer = fault("dns-not-found", "pending", what .. ": no such name (NXDOMAIN)")
    answer.ttl = missing
    return answer
  end
  local served = cloudflare.serve(self.state, self:where(request), now)
  if not served then return fault("http-refused", "transient", what .. ": no model answers for this host") end
  if served.kind == "no-certificate" then
    return fault("http-tls", "pending", what .. ": the TLS handshake failed (no certificate yet)")
  end
  local answer = served
  if served.kind == "worker" and self:is_sick(served.version) then
    answer = SICK
  elseif served.kind == "worker" then
    answer = stand_in.answer(served.version, { path = "/health", method = request.method })
  end
  return { status = answer.status, headers = answer.headers or {}, body = answer.body, delay = EDGE }
end

-- Lines of "name: value", as the world hands them over.
local function lines_of(headers)
  local lines = {}
  for name, value in pairs(headers) do lines[#lines + 1] = ("%s: %s\n"):format(name:lower(), value) end
  return table.concat(lines)
end

-- Undisturbed.
function Internet:answer(request, now)
  local answer = cloud.handle(request, self.state, now)
  if answer then self.watch:answered(request, answer) end
  answer = answer or sql_over_http.is_for(request) and sql_over_http.answer(self.state, request, now)
  if not answer then return self:edge(request, now) end
  answer.delay = answer.delay or self.latency
  return answer
end

function Internet:http(request, now)
  self.watch:request(request)
  local answer = self.faults:http(request, now, function() return self:answer(request, now) end)
  if not answer.fault then answer.headers = lines_of(answer.headers or {}) end
  return answer
end

---@param state table  the models' state
---@param o { unhealthy?: string, latency?: number }  the Worker that does not become healthy, by its name at
---  Cloudflare; seconds until an API answers
---@param faults rehearsal.Faults
---@param watch rehearsal.Watch
function internet.new(state, o, faults, watch)
  return setmetatable({ state = state, faults = faults, watch = watch, missing = {}, asked = 0, unhealthy = o.unhealthy,
    latency = o.latency or API }, Internet)
end

return internet
