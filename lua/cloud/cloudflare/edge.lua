---What a request meets at the edge: a Worker's version, a placeholder, an error page. All of it
---lags behind the API by the delays of the settings.
---
---In a zone a route is asked first, then the custom domain, then the origin of the host's record:
---a Worker on a custom domain counts as an origin, with routes in front of it.
local data = require "cloud.data"
local error_pages = require "cloud.cloudflare.error_pages"
local hosts = require "cloud.cloudflare.preview_hosts"
local names = require "cloud.cloudflare.names"
local patterns = require "cloud.cloudflare.patterns"
local split = require "cloud.cloudflare.split"
local zones = require "cloud.cloudflare.zones"

local edge = { error = error_pages.answer }

---@class edge.Where
---@field host string       with or without a port
---@field path? string      without the query ("/")
---@field query? string     routes look at it too ("")
---@field scheme? string    "http" or "https"; without one both kinds of routes match
---@field headers? table<string, string>  by lower-case names
---@field chance? number    in [0, 1), decides between the versions of a split (0)
---@field behind_routes? boolean  asked by a Worker of the same zone: its fetch goes to the origin

-- ---- versions ----------------------------------------------------------------------------

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

local function answer(script, version)
  return { kind = "worker", script = script.name, version = version }
end

-- A host that was switched on or attached just now has not spread either.
local function worker(state, script, since, where, now)
  local index = script and spread(state, script, now)
  if not index or since + state.settings.propagation_delay > now then return placeholder() end
  local version = split.choose(script, script.deployments[index], where)
  return version and answer(script, version) or placeholder()
end

-- ---- workers.dev -------------------------------------------------------------------------

-- The newest deployment of a preview that has spread.
local function serving(state, preview, now)
  for i = #preview.deployments, 1, -1 do
    local deployment = preview.deployments[i]
    if deployment.created + state.settings.propagation_delay <= now then return deployment end
  end
end

-- Assumed: a preview without deployments shows what a new Worker does.
local function at_preview(state, script, since, preview, version, now)
  version = preview and serving(state, preview, now) or version
  if not version then return placeholder() end
  local from = math.max(since, version.created) + state.settings.propagation_delay
  return from <= now and answer(script, version) or placeholder()
end

local function at_workers_dev(state, where, now)
  local script, since, prefix = names.workers_dev(state.cloudflare, where.host)
  if not since then return error_pages.answer(1042, where, now) end
  if not prefix then return worker(state, script, since, where, now) end
  local preview, version = hosts.shown(script, prefix)
  if not (preview or version) then return error_pages.answer(1042, where, now) end
  return at_preview(state, script, since, preview, version, now)
end

-- ---- routes ------------------------------------------------------------------------------

-- The Worker's name of a route at this time: one that changed shows the Worker before it at first.
-- The second result is false while the route is not there at all.
local function script_of(state, entry, now)
  if entry.created + state.settings.propagation_delay <= now then return entry.script, true end
  return entry.before and entry.before.script, entry.before ~= nil
end

-- The most specific route that matches, and its Worker's name.
local function matching(state, zone, where, now)
  local query = where.query or ""
  local path = (where.path or "/") .. (query ~= "" and "?" .. query or "")
  local target = { host = where.host, path = path, scheme = where.scheme }
  local best, name
  for _, entry in ipairs(state.cloudflare.routes) do
    local pattern = entry.zone_id == zone.id and patterns.parse(entry.pattern)
    if pattern and patterns.matches(pattern, target) and not (best and patterns.more_specific(best, pattern)) then
      local script, there = script_of(state, entry, now)
      if there then best, name = pattern, script end
    end
  end
  return best, name
end

local function routed(state, zone, where, now)
  local best, name = matching(state, zone, where, now)
  local script = best and name and state.cloudflare.scripts[name]
  if script then return worker(state, script, 0, where, now) end
end

-- ---- custom domains and origins ----------------------------------------------------------

-- A host that another Worker took over shows the one before it until that has spread.
local function service_of(state, domain, now)
  local taken = domain.before and domain.changed + state.settings.propagation_delay > now
  local name = taken and state.cloudflare.scripts[domain.before] and domain.before or domain.service
  return state.cloudflare.scripts[name]
end

local elsewhere = { ".workers.dev", ".pages.dev" }

local function of_others(host)
  for _, suffix in ipairs(elsewhere) do
    if host:sub(-#suffix) == suffix then return true end
  end
  return false
end

local LONGEST_CHAIN = 8   -- of CNAMEs; assumed

-- The code of the error that an origin gives, as nothing of the outside can be reached from here.
local function origin_error(state, host, now)
  for _ = 1, LONGEST_CHAIN do
    local record = names.address(state, host, now)
    if not record then return 1016 end
    if record.type ~= "CNAME" then
      return record.content == "100::" and 523 or 522   -- the discard prefix leads nowhere
    end
    host = record.content:lower():gsub("%.$", "")
    if of_others(host) then return 1014 end
  end
  return 1016
end

local function at_origin(state, where, now)
  local record = names.address(state, where.host, now)
  if record and not record.proxied then return nil end   -- its visitors do not come by the edge
  return error_pages.answer(origin_error(state, where.host, now), where, now)
end

local function at_domain(state, domain, where, now)
  if domain.created + state.settings.tls_delay > now then return { kind = "no-certificate" } end
  if domain.enabled == false then return error_pages.answer(1042, where, now) end   -- code assumed
  return worker(state, service_of(state, domain, now), domain.created, where, now)
end

-- Below a domain whose previews are on; a record that somebody made there comes before the wildcard. Assumed: that a
-- name which is no preview's gives this error.
local function at_preview_domain(state, domain, label, where, now)
  local script, since = state.cloudflare.scripts[domain.service], domain.previews_since
  if since + state.settings.tls_delay > now then return { kind = "no-certificate" } end
  local preview, version
  if script then preview, version = hosts.shown_below(script, label) end
  if not (preview or version) then return error_pages.answer(1042, where, now) end
  return at_preview(state, script, since, preview, version, now)
end

local function in_zone(state, zone, where, now)
  if zone.status and zone.status ~= "active" then return error_pages.answer(1001, where, now) end
  local domain = data.find(state.cloudflare.domains, "hostname", where.host)
  local pending = domain and domain.created + state.settings.tls_delay > now
  local proxied = domain or (names.address(state, where.host, now) or {}).proxied
  local by_route = proxied and not pending and not zone.paused and not where.behind_routes
    and routed(state, zone, where, now)
  if by_route then return by_route end
  if domain then return at_domain(state, domain, where, now) end
  local above, label = hosts.domain(state.cloudflare, where.host)
  if above and not data.find(state.cloudflare.records, "name", where.host) then
    return at_preview_domain(state, above, label, where, now)
  end
  return at_origin(state, where, now)
end

-- ---- every host --------------------------------------------------------------------------

local function lowered(where)
  local copy = {}
  for key, value in pairs(where) do copy[key] = value end
  copy.host = where.host:lower():gsub(":%d+$", "")
  return copy
end

---What a request meets at the edge.
---@param state table
---@param where edge.Where
---@param now number
---@return table|nil answer  kind ("worker" with script and version, "placeholder", "error",
---  "no-certificate") and more; nil for a host that is not served here
function edge.serve(state, where, now)
  where = lowered(where)
  if where.host:sub(-12) == ".workers.dev" then return at_workers_dev(state, where, now) end
  local zone = zones.holding(state.cloudflare, where.host)
  if zone then return in_zone(state, zone, where, now) end
end

-- ---- for whoever runs the Workers --------------------------------------------------------

local function add_deployed(live, state, script, now)
  local seen, first = {}, now and spread(state, script, now) or 1
  for i = first, #script.deployments do
    for _, version in ipairs(split.versions(script, script.deployments[i])) do
      if not seen[version.id] then live[#live + 1] = version end
      seen[version.id] = true
    end
  end
end

-- Every deployment of a preview has a host of its own.
local function add_previews(live, state, script, now)
  if now and not hosts.any(state.cloudflare, script) then return end
  for _, preview in ipairs(script.previews or {}) do
    table.move(preview.deployments, 1, #preview.deployments, #live + 1, live)
  end
end

---The versions that may be served from now on: of each script those that serve and those deployed
---after them, or every one when there are previews, and the previews' own. Without now, every version ever
---deployed.
---@param state table
---@param now? number
---@return table[]  references into the state
function edge.versions(state, now)
  local live = {}
  for _, script in pairs(state.cloudflare.scripts) do
    if now and script.subdomain.previews then
      table.move(script.versions, 1, #script.versions, #live + 1, live)
    else
      add_deployed(live, state, script, now)
    end
    add_previews(live, state, script, now)
  end
  return live
end

---The version of a Worker that others reach through a service binding. Assumed: of a split the one
---with the largest share; a Worker that has not spread yet is reached all the same.
---@param state table
---@param name string
---@param now number
---@return table|nil version
function edge.bound(state, name, now)
  local script = state.cloudflare.scripts[name]
  local deployment = script and script.deployments[spread(state, script, now) or #script.deployments]
  return deployment and split.largest(script, deployment)
end

---@param state table
---@param name string
---@param preview? string  its id, name or slug
---@return table|nil version  the newest of a Worker, deployed or not, or of a preview
function edge.newest(state, name, preview)
  local script = state.cloudflare.scripts[name]
  if preview then
    local found = script and hosts.preview(script, preview)
    return found and found.deployments[#found.deployments]
  end
  return script and script.versions[#script.versions]
end

---@param state table
---@param hash string
---@return string|nil body, string|nil content_type
function edge.asset(state, hash)
  local found = state.cloudflare.assets[hash]
  if found then return found.body, found.type end
end

return edge
