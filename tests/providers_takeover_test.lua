---Hosts, records and routes that belong to somebody else: refused, or with consent replaced and put back.
local cloudflare = require "cloudflare"
local core = require "core"
local resource = require "run.resource"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local HOST, NAME = "codex.revelations.studio", "codex-web-production"
local MARK, OTHER = "codex/production/main", "shop/production/main"

-- ---- what the tests share ----------------------------------------------------------------

local function client()
  return cloudflare.client { account = "acc", zone = "revelations.studio", token = "workers-token", dns_token = "dns-token" }
end

local function worker_of(name, mark)
  return client().worker { name = name or NAME, marker = mark or MARK, main = "m", version_tag = "v1",
    modules = { { name = "m", type = "application/javascript+module", body = "export default {}" } } }
end

local function record_of(more)
  local o = { host = HOST, marker = MARK, take_over = true }
  for name, value in pairs(more or {}) do o[name] = value end
  return client().dns_record(o)
end

local function domain_of(more)
  local o = { host = HOST, worker = NAME, marker = MARK, take_over = true }
  for name, value in pairs(more or {}) do o[name] = value end
  return client().domain(o)
end

local function foreign(w, content, fields)
  local record = { id = "foreign-" .. content, zone_id = w.state.cloudflare.zones[1].id, type = "A", name = HOST,
    content = content, proxied = false, ttl = 300, tags = {}, comment = "the old shop", created = w.now, modified = w.now }
  for name, value in pairs(fields or {}) do record[name] = value end
  table.insert(w.state.cloudflare.records, record)
end

-- What is at the host and beside it: "type content".
local function records(w)
  local list = {}
  for _, record in ipairs(w.state.cloudflare.records) do
    list[#list + 1] = ("%s %s %s"):format(record.type, record.name, record.type == "TXT" and "…" or record.content)
  end
  table.sort(list)
  return list
end

local OWN = "CNAME codex.revelations.studio revelations.studio"
local NOTE = "TXT _davit-before.codex.revelations.studio …"

-- ---- DNS records -------------------------------------------------------------------------

test("without consent a record of somebody else stays, with it the record is replaced", function()
  local w <close> = open()
  foreign(w, "192.0.2.1")
  raises("carries no marker of Davit", ensure, record_of { take_over = false })
  equal(records(w), { "A codex.revelations.studio 192.0.2.1" })
  local thing = ensure(record_of())
  equal({ thing.type, thing.content, thing.marker }, { "CNAME", "revelations.studio", MARK })
  equal(thing.took_over.records, { { type = "A", content = "192.0.2.1", proxied = false, ttl = 300, comment = "the old shop" } })
  equal(records(w), { OWN, NOTE })
end)

test("what was taken over is put back when the record is destroyed", function()
  local w <close> = open()
  foreign(w, "192.0.2.1")
  foreign(w, "192.0.2.2", { proxied = true, ttl = 1 })
  ensure(record_of())
  equal(resource.destroy(record_of()), true)
  equal(records(w), { "A codex.revelations.studio 192.0.2.1", "A codex.revelations.studio 192.0.2.2" })
  for _, record in ipairs(w.state.cloudflare.records) do equal(record.comment, "the old shop") end
  equal(w.state.cloudflare.records[1].ttl + w.state.cloudflare.records[2].ttl, 301)
  equal(resource.destroy(record_of()), false)
end)

test("the second run finds the record, and what it took over", function()
  local w <close> = open()
  foreign(w, "192.0.2.1")
  local first = ensure(record_of())
  w:forget()
  local again = ensure(record_of())
  equal({ again.id, again.took_over.records[1].content, w:count "^POST" + w:count "^PATCH" }, { first.id, "192.0.2.1", 0 })
end)

test("a free host needs no note, with consent or without", function()
  local w <close> = open()
  equal(ensure(record_of()).took_over, nil)
  equal(records(w), { OWN })
  resource.destroy(record_of())
  equal(records(w), {})
end)

test("a take-over that breaks off anywhere is finished, or put back, by the next attempt", function()
  for _, at in ipairs { "^POST .*dns_records", "^DELETE .*dns_records", "^PATCH .*dns_records" } do
    for _, lost in ipairs { "before", "after" } do
      local w <close> = open()
      foreign(w, "192.0.2.1")
      foreign(w, "192.0.2.2")
      w:fail(at, { lost = lost }, 1000)
      try(ensure, record_of())
      w.faults = {}
      equal({ at, lost, ensure(record_of()).type, records(w) }, { at, lost, "CNAME", { OWN, NOTE } })
      resource.destroy(record_of())
      equal(records(w), { "A codex.revelations.studio 192.0.2.1", "A codex.revelations.studio 192.0.2.2" })
    end
  end
end)

test("a take-over whose next request is refused is one that has begun", function()
  local w <close> = open()
  foreign(w, "192.0.2.1")
  w:fail("^PATCH .*dns_records", { status = 403 }, 1000)
  local _, adopted = resource.create(record_of())
  w.faults = {}
  equal({ adopted, resource.destroy(record_of()), records(w) }, { true, true, { "A codex.revelations.studio 192.0.2.1" } })
end)

test("putting back that breaks off anywhere is finished by the next attempt", function()
  for _, at in ipairs { "^POST .*dns_records", "^DELETE .*dns_records" } do
    for _, lost in ipairs { "before", "after" } do
      local w <close> = open()
      foreign(w, "192.0.2.1")
      ensure(record_of())
      w:fail(at, { lost = lost }, 1000)
      try(resource.destroy, record_of())
      w.faults = {}
      resource.destroy(record_of())
      equal({ at, lost, records(w) }, { at, lost, { "A codex.revelations.studio 192.0.2.1" } })
    end
  end
end)

test("without any journal the inventory puts back what was taken over", function()
  local w <close> = open()
  foreign(w, "192.0.2.1")
  ensure(record_of())
  local list = client().inventory(MARK)
  equal({ #list, list[1].name, list[2].name }, { 2, HOST, "_davit-before." .. HOST })
  for _, item in ipairs(list) do client().destroy(item) end
  equal({ records(w), client().inventory(MARK) }, { { "A codex.revelations.studio 192.0.2.1" }, {} })
end)

test("of a host with many records every one is put back", function()
  local w <close> = open()
  for i = 1, 12 do foreign(w, "192.0.2." .. i, { comment = ("record %d of the old shop"):format(i) }) end
  local before = records(w)
  ensure(record_of())
  equal(records(w), { OWN, NOTE })
  for _, record in ipairs(w.state.cloudflare.records) do
    for piece in record.type == "TXT" and record.content:gmatch '"(.-)"' or function() end do equal(#piece <= 255, true) end
  end
  resource.destroy(record_of())
  equal(records(w), before)
end)

test("a record is kept with the time to live that was asked for", function()
  local w <close> = open()
  local function record(ttl)
    return client().dns_record { host = HOST, marker = MARK, type = "A", content = "192.0.2.9", proxied = false, ttl = ttl }
  end
  equal(ensure(record(600)).ttl, 600)
  ensure(record(600))
  equal(w:count "^PATCH", 0)
  equal({ ensure(record(900)).ttl, w:count "^PATCH" }, { 900, 1 })
  ensure(client().dns_record { host = HOST, marker = MARK, type = "A", content = "192.0.2.9", ttl = 900 })
  ensure(client().dns_record { host = HOST, marker = MARK, type = "A", content = "192.0.2.9", ttl = 900 })
  equal(w:count "^PATCH", 2)
end)

-- ---- domains -----------------------------------------------------------------------------

test("a domain with records of somebody else replaces them only with consent, and puts them back", function()
  local w <close> = open()
  foreign(w, "192.0.2.1")
  ensure(worker_of())
  raises("carries no marker of Davit", ensure, domain_of { take_over = false })
  local thing = ensure(domain_of())
  equal({ thing.worker, thing.took_over.records[1].content }, { NAME, "192.0.2.1" })
  equal(resource.destroy(domain_of()), true)
  equal({ records(w), #w.state.cloudflare.domains }, { { "A codex.revelations.studio 192.0.2.1" }, 0 })
end)

test("a domain of another Worker is taken over only with consent, and given back", function()
  local w <close> = open()
  ensure(worker_of())
  ensure(worker_of("shop", OTHER))
  ensure(client().domain { host = HOST, worker = "shop", marker = OTHER })
  raises("leads to the Worker shop, not to codex%-web%-production", ensure, domain_of { take_over = false })
  local thing = ensure(domain_of())
  equal({ thing.worker, thing.took_over.worker }, { NAME, "shop" })
  equal({ ensure(domain_of()).took_over.worker, #w.state.cloudflare.domains }, { "shop", 1 })
  resource.destroy(domain_of())
  equal({ w.state.cloudflare.domains[1].service, #w.state.cloudflare.domains }, { "shop", 1 })
  equal(resource.destroy(domain_of()), false)
  equal(client().domain({ host = HOST, worker = "shop", marker = OTHER }).find().worker, "shop")
end)

test("a record and its domain are taken over one after the other, and put back by the record", function()
  local w <close> = open()
  ensure(worker_of())
  ensure(worker_of("shop", OTHER))
  ensure(client().domain { host = HOST, worker = "shop", marker = OTHER })
  equal(ensure(record_of()).took_over.worker, "shop")
  local thing = ensure(domain_of())
  equal({ thing.worker, thing.took_over }, { NAME })
  equal(ensure(record_of()).managed, true)
  resource.destroy(domain_of())
  equal(#w.state.cloudflare.domains, 0)
  equal(resource.destroy(record_of()), true)
  equal({ w.state.cloudflare.domains[1].service, #w.state.cloudflare.records }, { "shop", 1 })
end)

test("the other Worker of a domain may be gone when it is to be given back", function()
  local w <close> = open()
  ensure(worker_of())
  ensure(worker_of("shop", OTHER))
  ensure(client().domain { host = HOST, worker = "shop", marker = OTHER })
  ensure(domain_of())
  worker_of("shop", OTHER).destroy()
  equal({ resource.destroy(domain_of()), #w.state.cloudflare.domains, records(w) }, { true, 0, {} })
end)

test("a domain is taken over under a marker only", function()
  local _ <close> = open()
  raises("option 'marker' must be like", client().domain, { host = HOST, worker = NAME, take_over = true })
end)

-- ---- routes ------------------------------------------------------------------------------

local function route_of(more)
  local o = { pattern = HOST .. "/api/*", worker = NAME, marker = MARK }
  for name, value in pairs(more or {}) do o[name] = value end
  return client().route(o)
end

test("a route is made once, with the token for Workers, and taken away", function()
  local w <close> = open()
  ensure(worker_of())
  local thing = ensure(route_of())
  equal({ thing.pattern, thing.worker, ensure(route_of()).id }, { HOST .. "/api/*", NAME, thing.id })
  equal({ w:count "^POST .*workers/routes", w:last("^POST .*workers/routes").headers.authorization },
    { 1, "Bearer workers-token" })
  equal({ resource.destroy(route_of()), #w.state.cloudflare.routes, resource.destroy(route_of()) }, { true, 0, false })
end)

test("a route whose answer was lost is found, not made again", function()
  local w <close> = open()
  ensure(worker_of())
  w:fail("^POST .*workers/routes", { lost = "after" })
  equal(ensure(route_of()).worker, NAME)
  equal(#w.state.cloudflare.routes, 1)
end)

test("a route to another Worker, or to none, is neither changed nor taken away", function()
  local w <close> = open()
  ensure(worker_of())
  ensure(worker_of("shop", OTHER))
  ensure(route_of { worker = "shop", marker = OTHER })
  raises("leads to the Worker shop, not to the Worker codex%-web%-production", ensure, route_of())
  raises("nothing was changed", route_of().destroy)
  w.state.cloudflare.routes[1].script = nil
  raises("leads to no Worker", ensure, route_of())
  equal(#w.state.cloudflare.routes, 1)
end)

test("no route is made to somebody else's Worker, nor without a zone", function()
  local w <close> = open()
  ensure(worker_of(NAME, OTHER))
  raises("belongs to shop/production/main", ensure, route_of())
  raises("cloudflare.route: the client has no zone", cloudflare.client({ token = "t" }).route,
    { pattern = "x/*", worker = NAME, marker = MARK })
  equal(#w.state.cloudflare.routes, 0)
end)

test("the account may have no name on workers.dev", function()
  local _ <close> = open { subdomain = false }
  ensure(worker_of())
  local err = raises("choose a name on workers.dev in the dashboard", ensure,
    client().workers_dev { worker = NAME, marker = MARK })
  equal(err.code, "cloudflare-10063")
end)

test("the URL on workers.dev is told", function()
  local _ <close> = open()
  ensure(worker_of())
  local thing = ensure(client().workers_dev { worker = NAME, marker = MARK })
  equal(thing.url, "https://codex-web-production.davit.workers.dev")
end)
