---DNS records of a zone, and the read-only ones that custom domains of Workers put there.
---
---Invariants: 1. at a host there is a CNAME, or a managed record, or any number of A and AAAA.
---            2. no two records agree in name, type and content.
---            3. only dns.attach and dns.detach touch a record with managed_by.
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local route = require "cloud.route"
local zones = require "cloud.cloudflare.zones"

local dns = {}

local address = { A = true, AAAA = true, CNAME = true }
local known = { A = true, AAAA = true, CNAME = true, MX = true, NS = true, TXT = true, CAA = true,
  SRV = true, PTR = true, HTTPS = true, SVCB = true }

local function show(record)
  local managed = record.managed_by and { origin_worker_id = record.managed_by, read_only = true }
  return {
    id = record.id, name = record.name, type = record.type, content = record.content,
    ttl = record.ttl, proxied = record.proxied, proxiable = address[record.type] or false,
    priority = record.priority, comment = data.nullable(record.comment),
    comment_modified_on = record.comment and clock.iso(record.modified, 6) or nil,
    tags = data.array(record.tags), settings = {}, meta = managed or {},
    created_on = clock.iso(record.created, 6), modified_on = clock.iso(record.modified, 6),
  }
end

-- ---- listing -----------------------------------------------------------------------------

local tests = {
  exact = function(value, wanted) return value == wanted end,
  contains = function(value, wanted) return value:find(wanted, 1, true) ~= nil end,
  startswith = function(value, wanted) return value:sub(1, #wanted) == wanted end,
  endswith = function(value, wanted) return wanted == "" or value:sub(-#wanted) == wanted end,
  present = function(value) return value ~= "" end,
  absent = function(value) return value == "" end,
}

-- The filters of a query, each a function of a record. Text is compared without regard to case.
local function filters_of(query)
  local filters = {}
  for key, wanted in pairs(query) do
    local field, how = key:match("^(%l+)%.(%l+)$")
    field, how = field or key, how or "exact"
    if (field == "name" or field == "content" or field == "comment") and tests[how] then
      filters[#filters + 1] = function(record)
        return tests[how]((record[field] or ""):lower(), wanted:lower())
      end
    elseif key == "type" then
      filters[#filters + 1] = function(record) return record.type == wanted:upper() end
    elseif key == "proxied" then
      filters[#filters + 1] = function(record) return tostring(record.proxied) == wanted end
    end
  end
  return filters
end

local function list(context)
  local zone, filters = zones.of(context), filters_of(context.query)
  local any = context.query.match == "any" and #filters > 0
  local found = data.filter(context.cloudflare.records, function(record)
    if record.zone_id ~= zone.id then return false end
    for _, passes in ipairs(filters) do
      if passes(record) == any then return any end
    end
    return not any
  end)
  local page, info = route.page(context.query, found, 100, 5000)
  return data.array(page, show), { info = info }
end

-- ---- one record --------------------------------------------------------------------------

local function find(context)
  local zone = zones.of(context)
  local record, index = data.find(context.cloudflare.records, "id", context.params.record)
  if record and record.zone_id == zone.id then return record, index end
  route.refuse { status = 404, code = 81044, message = "Record does not exist." }
end

local function find_own(context)
  local record, index = find(context)
  if not record.managed_by then return record, index end
  route.refuse { status = 400, code = 1043,   -- code assumed; that it is refused is known
    message = "This DNS record is managed by Workers and cannot be changed here." }
end

local function invalid(code, message)
  route.refuse { status = 400, code = 1004, message = "DNS Validation Error",
    chain = { { code = code, message = message } } }
end

local contents = {
  A = function(text)
    local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
    for i = 1, 4 do
      if not parts[i] or tonumber(parts[i]) > 255 then return false end
    end
    return true
  end,
  AAAA = function(text) return text:find(":", 1, true) and not text:find("[^%x:.]") end,
}

-- A name outside the zone is taken as relative to it, "@" as the zone itself.
local function full_name(zone, name)
  name = name:lower():gsub("%.$", "")
  if name == "@" then return zone.name end
  if name == zone.name or name:sub(-#zone.name - 1) == "." .. zone.name then return name end
  return name .. "." .. zone.name
end

-- The fields that a body describes, over those of base where it says nothing.
local function fields_of(zone, body, base)
  local from = setmetatable(data.plain(body), { __index = base })
  if not (data.text(from.type) and known[from.type:upper()]) then invalid(9004, "Invalid type.") end
  if not data.text(from.name) then invalid(9000, "DNS name is invalid.") end
  if not data.text(from.content) then invalid(9005, "Content is required.") end
  local kind = from.type:upper()
  if contents[kind] and not contents[kind](from.content) then
    invalid(9005, ("Content for %s record is invalid."):format(kind))
  end
  local proxied = from.proxied == true
  if proxied and not address[kind] then invalid(9003, "This record type cannot be proxied.") end
  local ttl = math.tointeger(from.ttl) or 1
  if ttl ~= 1 and (ttl < 60 or ttl > 86400) then invalid(9021, "Invalid TTL.") end
  local comment = from.comment
  if body.comment ~= nil then comment = data.text(body.comment) end
  return { zone_id = zone.id, type = kind, name = full_name(zone, from.name),
    content = from.content, proxied = proxied, ttl = proxied and 1 or ttl,
    priority = math.tointeger(from.priority), comment = comment, tags = from.tags or {} }
end

local conflicts = {
  [81053] = "An A, AAAA, or CNAME record with that host already exists.",
  [81054] = "A CNAME record with that host already exists.",
  [81057] = "The record already exists.",
  [81058] = "An identical record already exists.",
  [81062] = "A DNS record managed by Workers already exists on that host.",
}

-- Assumed: 81058 is for a record equal in all that a resolver sees, 81057 for one that differs
-- in TTL or proxying only.
local function conflict(new, old)
  if new.type == old.type and new.content == old.content and not old.managed_by then
    return (new.ttl == old.ttl and new.proxied == old.proxied) and 81058 or 81057
  end
  if not (address[new.type] and address[old.type]) then return nil end
  if old.managed_by then return 81062 end
  if new.type == "CNAME" then return 81053 end
  if old.type == "CNAME" then return 81054 end
end

local function refuse_conflicts(context, fields, self)
  for _, old in ipairs(context.cloudflare.records) do
    local code = old ~= self and old.name == fields.name and conflict(fields, old)
    if code then route.refuse { status = 400, code = code, message = conflicts[code] } end
  end
end

local function insert(state, fields, now)
  fields.id, fields.created, fields.modified = ids.hex(state, "record"), now, now
  table.insert(state.cloudflare.records, fields)
  return fields
end

local function create(context)
  local fields = fields_of(zones.of(context), context.body)
  refuse_conflicts(context, fields)
  return show(insert(context.state, fields, context.now))
end

local changeable = { "type", "name", "content", "proxied", "ttl", "priority", "comment", "tags" }

local function overwrite(record, fields, now)
  for _, name in ipairs(changeable) do
    record[name] = fields[name]
  end
  record.modified = now
  return record
end

-- With keep, what the body leaves out stays as it is.
local function change(context, keep)
  local record = find_own(context)
  local fields = fields_of(zones.of(context), context.body, keep and record or nil)
  refuse_conflicts(context, fields, record)
  return show(overwrite(record, fields, context.now))
end

local function delete(context)
  local record, index = find_own(context)
  table.remove(context.cloudflare.records, index)
  return { id = record.id }
end

-- ---- custom domains ----------------------------------------------------------------------

---The address records at a host that Workers does not manage.
---@param cloudflare table  the service's state
---@param host string
---@return table[]
function dns.external(cloudflare, host)
  return data.filter(cloudflare.records, function(record)
    return record.name == host and address[record.type] and not record.managed_by
  end)
end

---Puts the managed record of a custom domain in place. The first external record there becomes
---it, others that would be in its way are dropped.
function dns.attach(context, zone, host, script)
  local cloudflare = context.cloudflare
  local mine = data.find(data.filter(cloudflare.records, function(record)
    return record.managed_by ~= nil
  end), "name", host)
  local external = dns.external(cloudflare, host)
  for i = 2, #external do
    local _, index = data.find(cloudflare.records, "id", external[i].id)
    table.remove(cloudflare.records, index)
  end
  local fields = { zone_id = zone.id, type = "AAAA", name = host, content = "100::",
    proxied = true, ttl = 1, tags = {} }
  local record = mine or external[1]
  record = record and overwrite(record, fields, context.now)
    or insert(context.state, fields, context.now)
  record.managed_by = script
end

---Removes the managed record of a custom domain.
function dns.detach(cloudflare, host)
  for index = #cloudflare.records, 1, -1 do
    local record = cloudflare.records[index]
    if record.name == host and record.managed_by then table.remove(cloudflare.records, index) end
  end
end

local ONE = "/zones/{zone}/dns_records/{record}"

dns.routes = {
  { "GET", "/zones/{zone}/dns_records", list, scope = "dns" },
  { "POST", "/zones/{zone}/dns_records", create, scope = "dns" },
  { "GET", ONE, function(context) return show((find(context))) end, scope = "dns" },
  { "PATCH", ONE, function(context) return change(context, true) end, scope = "dns" },
  { "PUT", ONE, function(context) return change(context, false) end, scope = "dns" },
  { "DELETE", ONE, delete, scope = "dns" },
}

return dns
