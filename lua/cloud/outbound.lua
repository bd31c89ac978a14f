---Workers' own requests. They come to the local cloud as to a proxy, with a header that says whose
---they are; a token in it keeps visitors from saying so.
local core = require "core"
local data = require "cloud.data"
local workerd = require "cloud.workerd"
local zones = require "cloud.cloudflare.zones"

local outbound = {}

local MOST = 100   -- requests of Workers to one Worker at a time: more is a loop; assumed
local PUBLIC = "global_fetch_strictly_public"

---@class cloud.Outbound
---@field token string
---@field refused table<string, boolean>    what was said in the log already
---@field under_way table<string, integer>  Workers' requests, by the Worker that is asked
local Outbound = {}
Outbound.__index = Outbound

---@return cloud.Outbound
function outbound.new()
  local token = core.random(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  return setmetatable({ token = token, refused = {}, under_way = {} }, Outbound)
end

local function strictly_public(version)
  for _, flag in ipairs(version.compatibility_flags or {}) do
    if flag == PUBLIC then return true end
  end
  return false
end

---What the requests of a version say of themselves.
---@param script string
---@param version table
---@return string
function Outbound:caller(script, version)
  return table.concat({ self.token, script, strictly_public(version) and "public" or "zone" }, " ")
end

---Takes the header out of a request; of a Worker's it sets `from`, and `outside` when it is to be
---answered as anybody's.
---@param request table
function Outbound:identify(request)
  local said = request.headers[workerd.CALLER]
  request.headers[workerd.CALLER] = nil
  local token, script, how = (said or ""):match "^(%S+) (%S+) (%S+)$"
  if token ~= self.token then return end
  request.from, request.outside = script, how == "public"
end

---Whether a Worker's request is one within its zone, which passes by the zone's routes.
---@param state table
---@param request table
---@return boolean
function outbound.behind_routes(state, request)
  local zone = request.from and not request.outside and zones.holding(state.cloudflare, request.host)
  if not zone then return false end
  for _, route in ipairs(state.cloudflare.routes) do
    if route.script == request.from and route.zone_id == zone.id then return true end
  end
  return false
end

---Whether a Worker asks for one of its own account on workers.dev, which the service refuses (1042).
---@param state table
---@param request table
---@return boolean
function outbound.same_account(state, request)
  local suffix = data.text(state.cloudflare.subdomain) and "." .. state.cloudflare.subdomain .. ".workers.dev"
  return request.from ~= nil and not request.outside and suffix and request.host:sub(-#suffix) == suffix or false
end

---Asks a Worker on another's behalf, unless so many do that they must be going round in a circle.
---@param request table
---@param script string
---@param ask fun(): table
---@return table|nil response
function Outbound:count(request, script, ask)
  if not request.from then return ask() end
  local count = self.under_way[script] or 0
  if count >= MOST then return nil end
  self.under_way[script] = count + 1
  local response, err = try(ask)
  self.under_way[script] = self.under_way[script] - 1
  if err then error(err, 0) end
  return response
end

---Says once for every Worker and host that a request was refused.
---@param request table
---@param log fun(text: string)
function Outbound:tell(request, log)
  local key = ("%s %s"):format(request.from or "", request.host)
  if not request.from or self.refused[key] then return end
  self.refused[key] = true
  log(("%s: a request to %s was refused: nothing leaves this machine"):format(request.from, request.host))
end

return outbound
