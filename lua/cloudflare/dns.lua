---DNS records as resources: one address record at a host, ours by its comment.
---
---Once a custom domain is attached, Workers replaces the record by one of its own, read-only and
---without comment. Such a record is ours when the domain leads to a Worker of ours.
local api = require "cloudflare.api"
local domain = require "cloudflare.domain"
local marker = require "marker"
local options = require "options"
local records = require "cloudflare.records"
local worker = require "cloudflare.worker"

local dns = {}

local fields = {
  { "host", "string", true }, { "marker", "string", true }, { "type", "string" },
  { "content", "string" }, { "proxied", "boolean" },
}

-- A managed record whose domain is gone is on its way out with it: it is not there.
local function managed_thing(account, record)
  local attached = domain.at(account, record.host)
  if not attached then return nil end
  record.worker = attached.worker
  record.marker = worker.marker_of(account, attached.worker)
  return record
end

-- Of several records one that is not ours comes first: it decides.
local function find(account, o)
  local found = records.at(account, o.host)
  local record = found[1]
  for _, other in ipairs(found) do
    if other.marker ~= o.marker then record = other end
  end
  if record and record.managed then return managed_thing(account, record) end
  return record
end

local function body_of(o)
  return { type = o.type, name = o.host, content = o.content, proxied = o.proxied, ttl = 1,
    comment = marker.to_comment(o.marker) }
end

local function is_current(thing, o)
  return thing.managed
    or thing.type == o.type and thing.content == o.content and thing.proxied == o.proxied
end

local function create(account, o)
  return records.thing(account:dns("cloudflare.dns_record", "", { method = "POST",
    json = body_of(o), what = "create the DNS record " .. o.host }))
end

local function update(account, thing, o)
  if is_current(thing, o) then return thing end
  return records.thing(account:dns("cloudflare.dns_record", "/" .. thing.id, { method = "PATCH",
    safe = true, json = body_of(o), what = "change the DNS record " .. o.host }))
end

-- An attached host is freed by detaching its domain; the record then goes by itself.
local function refuse_managed(thing)
  failure { code = "cloudflare-dns-managed", about = thing.host,
    message = ("Cloudflare: the DNS record %s is held by the custom domain of the Worker %s")
      :format(thing.host, thing.worker), hint = "destroy the domain first" }
end

local function destroy(account, o)
  local thing = find(account, o)
  if not thing then return end
  worker.refuse_foreign(thing.marker, o.marker, "the DNS record " .. o.host)
  if thing.managed then refuse_managed(thing) end
  account:dns("cloudflare.dns_record", "/" .. thing.id, { method = "DELETE", absent = true,
    what = "delete the DNS record " .. o.host })
end

local function read(account, given)
  options.read("cloudflare.dns_record", given, fields)
  marker.check("cloudflare.dns_record", given.marker)
  local host = account:host("cloudflare.dns_record", given.host)
  return { host = host, marker = given.marker, type = given.type or "CNAME",
    content = given.content or account.zone_name, proxied = given.proxied ~= false }
end

---A record at a host. What it points to is hidden behind the proxy, by default the zone itself.
---@return table resource
function dns.record(account, given)
  local o = read(account, given)
  local name = "DNS record " .. o.host
  return {
    name,
    find = function() return find(account, o) end,
    create = function() return create(account, o) end,
    matches = function(thing) return marker.same(thing.marker, o.marker, "the " .. name) end,
    update = function(thing) return update(account, thing, o) end,
    destroy = function() destroy(account, o) end,
  }
end

---Deletes an item of the inventory.
function dns.destroy(account, item)
  destroy(account, { host = item.name, marker = item.marker })
end

---The records that carry a marker below the prefix.
---@return table[]  kind, name, id, marker
function dns.inventory(account, prefix)
  local beginning = marker.to_comment((prefix:gsub("/+$", "")))
  local found = account:dns("cloudflare.inventory", "", { what = "list the DNS records",
    query = { ["comment.startswith"] = beginning } }, api.pages)
  local list = {}
  for _, record in ipairs(found) do
    local text = marker.of_comment(record.comment)
    if text and marker.under(text, prefix) then
      list[#list + 1] = { kind = "dns", name = record.name, id = record.id, marker = text }
    end
  end
  return list
end

return dns
