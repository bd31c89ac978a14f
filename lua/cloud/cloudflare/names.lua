---What the outside sees of the zones: the names, some time after they were made.
local blobs = require "cloud.github.blobs"
local data = require "cloud.data"
local hosts = require "cloud.cloudflare.preview_hosts"
local results = require "cloud.github.results"
local webhooks = require "cloud.webhooks"
local zones = require "cloud.cloudflare.zones"

local names = {}

local LOOPBACK = "127.0.0.1"
local TTL = 300   -- of every name that is served through the edge

local api_hosts = { ["api.cloudflare.com"] = true, ["console.neon.tech"] = true, ["api.github.com"] = true,
  [results.HOST] = true, [blobs.HOST] = true }

-- A preview's host is PREFIX-NAME; both may have hyphens. Of several Workers that it could be, the one is meant
-- that shows something there.
local function preview_of(cloudflare, label)
  local from, first = 1, nil
  while true do
    local hyphen = label:find("-", from, true)
    if not hyphen then break end
    local script, prefix = cloudflare.scripts[label:sub(hyphen + 1)], label:sub(1, hyphen - 1)
    if script and script.subdomain.previews then
      local preview, version = hosts.shown(script, prefix)
      if preview or version then return script, prefix end
      first = first or { script, prefix }
    end
    from = hyphen + 1
  end
  if first then return first[1], first[2] end
end

---The script that a host of workers.dev names.
---@return table|nil script, number|nil since, string|nil prefix  since when the host is there; and
---  what a preview's host has before the script's name
function names.workers_dev(cloudflare, host)
  if not cloudflare.subdomain then return nil end
  local suffix = "." .. cloudflare.subdomain .. ".workers.dev"
  if host:sub(-#suffix) ~= suffix then return nil end
  local label = host:sub(1, -#suffix - 1)
  local script = cloudflare.scripts[label]
  if script and script.subdomain.since then return script, script.subdomain.since end
  local previewed, prefix = preview_of(cloudflare, label)
  if previewed then return previewed, previewed.subdomain.previews_since or previewed.created, prefix end
  return script
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

local function visible_at(state, name, now)
  return data.filter(state.cloudflare.records, function(record)
    return record.name == name and record.created + state.settings.dns_delay <= now
  end)
end

-- Where a name has no record of its own, the nearest wildcard above it answers (RFC 4592).
local function visible_for(state, name, now)
  local found = visible_at(state, name, now)
  while #found == 0 and name:find(".", 1, true) do
    name = name:match("^[^.]*%.(.*)$")
    found = visible_at(state, "*." .. name, now)
    if #visible_at(state, name, now) > 0 then break end
  end
  return found
end

---The address record (A, AAAA or CNAME) that already answers for a host, or nil; a proxied one
---before others.
---@return table|nil record
function names.address(state, host, now)
  local found
  for _, record in ipairs(visible_for(state, host, now)) do
    local address = record.type == "A" or record.type == "AAAA" or record.type == "CNAME"
    if address and not (found and found.proxied) then found = record end
  end
  return found
end

-- Records that already answer for a name; a proxied one hides what it points to.
local function lookup(state, name, kind, now)
  local visible = visible_for(state, name, now)
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
function names.resolve(state, name, kind, now)
  name, kind = name:lower():gsub("%.$", ""), kind:upper()
  if api_hosts[name] or webhooks.serves(state, name) then return served(kind) end
  local _, since = names.workers_dev(state.cloudflare, name)
  if since and since + state.settings.dns_delay <= now then return served(kind) end
  if zones.servers[name] then return served(kind, zones.servers[name]) end
  local zone = zones.holding(state.cloudflare, name)
  if zone then return of_zone(state, zone, name, kind, now) end
  return { rcode = "NXDOMAIN", ttl = state.settings.negative_ttl, answers = {} }
end

return names
