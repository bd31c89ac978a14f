---DNS records of a zone, and the read-only ones that custom domains of Workers put there.
---
---Invariants: 1. at a host there is a CNAME, or a managed record, or any number of A and AAAA.
---            2. no two records agree in name, type and content.
---            3. only dns.attach and dns.detach touch a record with managed_by.
local clock = require "cloud.clock"
local data = require "cloud.data"
local filter = require "cloud.cloudflare.filter"
local ids = require "cloud.ids"
local record_filters = require "cloud.cloudflare.record_filters"
local record_rules = require "cloud.cloudflare.record_rules"
local route = require "cloud.route"
local zones = require "cloud.cloudflare.zones"

local dns = {}

local address = record_rules.address

local function time(seconds) return clock.iso(seconds, 6) end

local function show(record)
  local managed = record.managed_by and { origin_worker_id = record.managed_by, read_only = true }
  return {
    id = record.id, name = record.name, type = record.type, content = record.content,
    ttl = record.ttl, proxied = record.proxied, proxiable = address[record.type] or false,
    priority = record.priority, data = record.data, comment = data.nullable(record.comment),
    comment_modified_on = record.comment and time(record.comment_modified or record.created) or nil,
    tags = data.array(record.tags),
    tags_modified_on = #(record.tags or {}) > 0 and time(record.tags_modified or record.created) or nil,
    settings = record.settings or {}, meta = managed or {},
    created_on = time(record.created), modified_on = time(record.modified),
  }
end

-- ---- listing -----------------------------------------------------------------------------

local orders = { type = true, name = true, content = true, ttl = true, proxied = true }

local function matching(context)
  local zone, filters = zones.of(context), record_filters.of(context.query)
  local found = data.filter(context.cloudflare.records, function(record)
    return record.zone_id == zone.id and filter.passes(record, filters, context.query.match)
  end)
  filter.sort(found, orders[context.query.order] and context.query.order, context.query.direction)
  return found
end

local function list(context)
  local page, info = route.page(context.query, matching(context), 100, 50000)
  return data.array(page, show), { info = info }
end

-- One line for each record, as zone files have them.
local function line_of(record)
  local content = record.content
  if record.type == "TXT" and content:sub(1, 1) ~= '"' then content = '"' .. content .. '"' end
  if record.type == "CNAME" or record.type == "MX" or record.type == "NS" then content = content .. "." end
  if record.type == "MX" then content = ("%d %s"):format(record.priority or 0, content) end
  local proxied = ("cf_tags=cf-proxied:%s"):format(record.proxied)
  return ("%s.\t%d\tIN\t%s\t%s ; %s\n"):format(record.name, record.ttl, record.type, content, proxied)
end

local function export(context)
  local zone, lines = zones.of(context), {}
  for i, record in ipairs(matching(context)) do lines[i] = line_of(record) end
  local body = (";;\n;; Domain:     %s.\n;;\n$ORIGIN %s.\n%s"):format(zone.name, zone.name, table.concat(lines))
  return nil, { raw = { type = "text/plain; charset=utf-8", body = body } }
end

-- ---- one record --------------------------------------------------------------------------

local function find(context, id)
  local zone = zones.of(context)
  local record, index = data.find(context.cloudflare.records, "id", id)
  if record and record.zone_id == zone.id then return record, index end
  route.refuse { status = 404, code = 81044, message = "Record does not exist." }
end

local function find_own(context, id)
  local record, index = find(context, id)
  if not record.managed_by then return record, index end
  route.refuse { status = 400, code = 1043,   -- code assumed; that it is refused is known
    message = "This DNS record is managed by Workers and cannot be changed here." }
end

local function insert(state, fields, now)
  fields.id, fields.created, fields.modified = ids.hex(state, "record"), now, now
  table.insert(state.cloudflare.records, fields)
  return fields
end

local function check_room(context, zone)
  local count, limit = 0, context.state.settings.records_limit
  for _, record in ipairs(context.cloudflare.records) do
    if record.zone_id == zone.id then count = count + 1 end
  end
  if count < limit then return end
  route.refuse { status = 400, code = 81045, message = "Record quota exceeded." }
end

function dns.create(context, body)
  local zone = zones.of(context)
  local fields = record_rules.fields(zone, body)
  record_rules.refuse_conflicts(context.cloudflare.records, fields)
  check_room(context, zone)
  return show(insert(context.state, fields, context.now))
end

local changeable = { "type", "name", "content", "proxied", "ttl", "priority", "comment", "tags",
  "settings", "data" }

local function overwrite(record, fields, now)
  if fields.comment ~= record.comment then record.comment_modified = now end
  if table.concat(fields.tags or {}, ",") ~= table.concat(record.tags or {}, ",") then
    record.tags_modified = now
  end
  for _, name in ipairs(changeable) do record[name] = fields[name] end
  record.modified = now
  return record
end

---Changes a record; with keep, what the body leaves out stays as it is.
function dns.change(context, id, body, keep)
  local record = find_own(context, id)
  local fields = record_rules.fields(zones.of(context), body, keep and record or nil)
  record_rules.refuse_conflicts(context.cloudflare.records, fields, record)
  return show(overwrite(record, fields, context.now))
end

---@return table  the record as it was
function dns.delete(context, id)
  local record, index = find_own(context, id)
  table.remove(context.cloudflare.records, index)
  return show(record)
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

local ALL, ONE = "/zones/{zone}/dns_records", "/zones/{zone}/dns_records/{record}"

local function change(keep)
  return function(context) return dns.change(context, context.params.record, context.body, keep) end
end

dns.routes = {
  { "GET", ALL, list },
  { "POST", ALL, function(context) return dns.create(context, context.body) end },
  { "GET", ALL .. "/export", export },
  { "GET", ONE, function(context) return show((find(context, context.params.record))) end },
  { "PATCH", ONE, change(true) },
  { "PUT", ONE, change(false) },
  { "DELETE", ONE, function(context) return { id = dns.delete(context, context.params.record).id } end },
}
for _, entry in ipairs(dns.routes) do entry.scope = "dns" end

return dns
