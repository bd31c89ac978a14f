---DNS records as resources: one address record at a host, ours by its comment.
---
---Once a custom domain is attached, Workers replaces the record by one of its own, read-only and
---without comment. Such a record is ours when the domain leads to a Worker of ours.
---
---With take_over, records of others are as good as none: they are replaced, and put back by destroy (taken.lua).
local api = require "cloudflare.api"
local begun = require "run.begun"
local domain = require "cloudflare.domain"
local marker = require "marker"
local options = require "options"
local records = require "cloudflare.records"
local taken = require "cloudflare.taken"
local worker = require "cloudflare.worker"

local dns = {}

local fields = {
  { "host", "string", true }, { "marker", "string", true }, { "type", "string" },
  { "content", "string" }, { "proxied", "boolean" }, { "ttl", "integer" }, { "take_over", "boolean" },
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
local function at_host(account, o)
  local found = records.at(account, o.host)
  local record = found[1]
  for _, other in ipairs(found) do
    if other.marker ~= o.marker then record = other end
  end
  if record and record.managed then return managed_thing(account, record) end
  return record
end

-- What was taken over is ours until it is put back, whatever is left of our own record. With others' records there no
-- thing of ours is, so that they are taken over.
local function find_taken(account, o)
  local thing, before = at_host(account, o), taken.find(account, o.host, o.marker, "record")
  if thing and thing.marker ~= o.marker then thing = nil end
  if before then
    thing = thing or { host = o.host, marker = o.marker, gone = true }
    thing.took_over = before
  end
  return thing
end

local function find(account, o)
  return (o.take_over and find_taken or at_host)(account, o)
end

local function body_of(o)
  return { type = o.type, name = o.host, content = o.content, proxied = o.proxied, ttl = o.ttl,
    comment = marker.to_comment(o.marker) }
end

-- The service has no other time to live than its own for what is proxied.
local function is_current(thing, o)
  return thing.managed
    or thing.type == o.type and thing.content == o.content and thing.proxied == o.proxied
      and (thing.proxied or o.ttl == 1 or thing.ttl == o.ttl)
end

local function delete(account, host, id)
  account:dns("cloudflare.dns_record", "/" .. id, { method = "DELETE", absent = true,
    changes = { "records " .. host }, what = "delete the DNS record " .. host })
end

local function write(account, o, id)
  local before = records.seen(account, o.host)
  local written = account:dns("cloudflare.dns_record", id and "/" .. id or "", { method = id and "PATCH" or "POST",
    safe = id ~= nil, json = body_of(o), what = (id and "change" or "create") .. " the DNS record " .. o.host,
    changes = { "records " .. o.host } })
  if before then records.wrote(account, o.host, before, written) end
  return records.thing(written)
end

-- The first of the others' records becomes ours, so that the host is never without any.
local function replace_records(account, o)
  local before, others = taken.foreign(account, o.host, o.marker)
  if not before then return write(account, o) end
  local kept = taken.keep(account, o.host, o.marker, { by = "record", records = before })
  local thing = begun.go_on(function()
    for i = #others, 2, -1 do delete(account, o.host, others[i].id) end
    return write(account, o, others[1].id)
  end)
  thing.took_over = kept
  return thing
end

-- A domain of another Worker has a record of its own, which goes with it.
local function create(account, o)
  local attached = o.take_over and domain.at(account, o.host)
  if not attached then return (o.take_over and replace_records or write)(account, o) end
  worker.check(account, attached.worker)   -- nobody agrees to that for production
  local kept = taken.keep(account, o.host, o.marker, { by = "record", worker = attached.worker })
  local thing = begun.go_on(function()
    domain.detach(account, attached)
    return write(account, o)
  end)
  thing.took_over = kept
  return thing
end

local function update(account, thing, o)
  if thing.gone then return create(account, o) end
  if is_current(thing, o) then return thing end
  local written = write(account, o, thing.id)
  written.took_over = thing.took_over
  return written
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
  worker.refuse_foreign(account, thing.marker, o.marker, "the DNS record " .. o.host)
  if thing.managed then refuse_managed(thing) end
  if not thing.gone then delete(account, o.host, thing.id) end
  if thing.took_over then taken.undo(account, o.host, o.marker, "record") end
end

local function read(account, given)
  options.read("cloudflare.dns_record", given, fields)
  marker.check("cloudflare.dns_record", given.marker)
  local host = account:host("cloudflare.dns_record", given.host)
  return { host = host, marker = given.marker, type = given.type or "CNAME",
    content = given.content or account.zone_name, proxied = given.proxied ~= false, ttl = given.ttl or 1,
    take_over = given.take_over }
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
    matches = function(thing) return account:same(thing.marker, o.marker, "the " .. name) end,
    update = function(thing) return update(account, thing, o) end,
    plan = function(thing)
      if thing.gone then return "change", "taken over again" end
      if is_current(thing, o) then return "keep" end
      return "change", ("%s %s"):format(o.type, o.content)
    end,
    destroy = function() destroy(account, o) end,
  }
end

---Deletes an item of the inventory.
function dns.destroy(account, item)
  local host = taken.host_of(item.name)
  if host then return taken.undo(account, host, item.marker) end
  destroy(account, { host = item.name, marker = item.marker })
end

-- What was taken over is put back when nothing of ours is at the host any more.
local function notes_last(a, b)
  local first, second = taken.host_of(a.name) ~= nil, taken.host_of(b.name) ~= nil
  if first ~= second then return second end
  return a.name < b.name
end

---The records that carry a marker below the prefix, and the notes of what was taken over.
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
  table.sort(list, notes_last)
  return list
end

return dns
