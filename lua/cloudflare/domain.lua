---Custom domains as resources: a host that a Worker answers.
---
---A domain itself has no place for a marker: it is ours when it leads to our Worker. With take_over, a host of another
---Worker or with records of others is as good as a free one; destroy puts back what was there (taken.lua).
local begun = require "run.begun"
local core = require "core"
local marker = require "marker"
local options = require "options"
local records = require "cloudflare.records"
local resource = require "run.resource"
local taken = require "cloudflare.taken"
local url = require "url"
local worker = require "cloudflare.worker"

local domain = {}

local fields = {
  { "host", "string", true }, { "worker", "string", true }, { "marker", "string" },
  { "take_over", "boolean" },
}

-- ---- what is there -----------------------------------------------------------------------

local function ask(account) return (account:workers("/domains", { what = "list the domains" })) or {} end

-- All of the account, in whatever zone: a Worker may answer hosts of several.
local function list(all)
  local things = {}
  for i, found in ipairs(all) do
    things[i] = { id = found.id, host = found.hostname, worker = found.service }
  end
  return things
end

local function known(account)
  return list(account.seen:ask("domains", function() return ask(account) end))
end

---The domain at a host, or nil.
---@return { id: string, host: string, worker: string }|nil
function domain.at(account, host)
  for _, thing in ipairs(known(account)) do
    if thing.host == host then return thing end
  end
end

---Detaches a domain; its record goes with it.
---@param thing { id: string, host: string }
function domain.detach(account, thing)
  account:workers("/domains/" .. url.encode(thing.id), { method = "DELETE", absent = true,
    changes = { "domains", "records " .. thing.host }, what = "detach the domain " .. thing.host })
end

-- ---- attaching ---------------------------------------------------------------------------

-- The marker under which the host is attached: the Worker's, which must be the one asked for.
local function owner_of(account, o)
  local holder = worker.find(account, o.worker)
  if holder and o.marker then
    worker.refuse_foreign(account, holder.marker, o.marker, "the Worker " .. o.worker)
  elseif holder then
    account.environment:check_marker(holder.marker, "the Worker " .. o.worker)
  end
  return o.marker or holder and holder.marker
end

-- Whether a record of ours stands where the domain's own will be. One of anybody else is refused
-- here, so that the permission to overwrite is never given for it.
local function has_own_record(account, o, text)
  local own = false
  for _, record in ipairs(records.at(account, o.host)) do
    if not record.managed then
      worker.refuse_foreign(account, record.marker, text, "the DNS record " .. o.host)
      own = true
    end
  end
  return own
end

-- The request replaces the Worker's whole set of domains, so it names those it has, too.
local function origins_of(account, o)
  local origins = {}
  for _, thing in ipairs(known(account)) do
    if thing.worker == o.worker and thing.host ~= o.host then origins[#origins + 1] = { hostname = thing.host } end
  end
  origins[#origins + 1] = { hostname = o.host, zone_id = account:zone("cloudflare.domain").id }
  return origins
end

-- Attaches as wrangler does, which uses this undocumented endpoint: the documented one refuses a
-- host that has a record, and deleting ours first would leave the host without any for a while.
local function attach(account, o, overwrite, another)
  account:workers(("/scripts/%s/domains/records"):format(url.encode(o.worker)), {
    method = "PUT", just_made = true, changes = { "domains", "records " .. o.host },
    what = ("attach the domain %s to the Worker %s"):format(o.host, o.worker),
    json = { override_scope = true, override_existing_origin = another,
      override_existing_dns_record = overwrite, origins = origins_of(account, o) } })
  local thing = begun.go_on(function()   -- the list may show it late
    return resource.wait_until_seen(function() return domain.at(account, o.host) end, core.now())
  end)
  if thing then return thing end
  failure { code = "cloudflare-domain-missing", class = "pending", about = o.host,
    message = ("Cloudflare: the domain %s was attached and is not listed after %d s"):format(o.host, resource.unseen),
    hint = "try again in a moment" }
end

-- What others have at the host: a domain, whose record is its own, or records. Kept before it is replaced.
local function take_over(account, o)
  local attached, before = domain.at(account, o.host), { by = "domain" }
  if attached then
    before.worker = attached.worker ~= o.worker and attached.worker or nil
    worker.check(account, attached.worker)   -- nobody agrees to that for production
  else
    before.records = taken.foreign(account, o.host, o.marker)
  end
  return (before.worker or before.records) and taken.keep(account, o.host, o.marker, before) or nil
end

-- Without consent, a domain of another Worker is never taken over, nor a record of somebody else.
local function create(account, o)
  local text = owner_of(account, o)
  if not o.take_over then return attach(account, o, has_own_record(account, o, text), false) end
  local before = take_over(account, o)
  local function go_on() return attach(account, o, true, before ~= nil and before.worker ~= nil) end
  local thing = before and begun.go_on(go_on) or go_on()
  thing.took_over = before
  return thing
end

-- ---- the resource ------------------------------------------------------------------------

-- A Worker that is gone cannot say whose it was; nothing is taken from anybody then.
local function matches(account, thing, o)
  if thing.worker ~= o.worker then
    return false, ("the domain %s leads to the Worker %s, not to %s"):format(thing.host,
      thing.worker, o.worker)
  end
  if not o.marker then
    worker.check(account, o.worker)
    return true
  end
  local holder = worker.find(account, o.worker)
  if not holder then return true end
  return account:same(holder.marker, o.marker, "the Worker " .. o.worker)
end

-- What was taken over is ours until it is put back, though our domain may be gone already.
local function find(account, o)
  local thing = domain.at(account, o.host)
  if not o.take_over then return thing end
  if thing and thing.worker ~= o.worker then thing = nil end
  local before = taken.find(account, o.host, o.marker, "domain")
  if before then
    thing = thing or { host = o.host, worker = o.worker, gone = true }
    thing.took_over = before
  end
  return thing
end

local function destroy(account, o)
  local thing = find(account, o)
  if not thing then return end
  local ours, reason = matches(account, thing, o)
  if not ours then worker.refuse(reason, o.host) end
  if not thing.gone then domain.detach(account, thing) end
  if thing.took_over then taken.undo(account, o.host, o.marker, "domain") end
end

---@return table resource
function domain.resource(account, given)
  options.read("cloudflare.domain", given, fields)
  if given.marker or given.take_over then marker.check("cloudflare.domain", given.marker) end
  local o = { host = account:host("cloudflare.domain", given.host), worker = given.worker,
    marker = given.marker, take_over = given.take_over }
  return {
    "Domain " .. o.host,
    find = function() return find(account, o) end,
    create = function() return create(account, o) end,
    matches = function(thing) return matches(account, thing, o) end,
    update = function(thing) return thing.gone and create(account, o) or thing end,
    plan = function(thing)
      if thing.gone then return "change", "attached again" end
      return "keep"
    end,
    destroy = function() destroy(account, o) end,
  }
end

---Detaches an item of the inventory.
function domain.destroy(account, item)
  destroy(account, { host = item.name, worker = item.worker, marker = item.marker })
end

---The domains of the Workers given.
---@param workers table[]  of worker.inventory
---@return table[]  kind, name, id, marker, worker
function domain.inventory(account, workers)
  local markers, items = {}, {}
  for _, item in ipairs(workers) do markers[item.name] = item.marker end
  for _, thing in ipairs(list(ask(account))) do
    if markers[thing.worker] then
      items[#items + 1] = { kind = "domain", name = thing.host, id = thing.id,
        marker = markers[thing.worker], worker = thing.worker }
    end
  end
  return items
end

return domain
