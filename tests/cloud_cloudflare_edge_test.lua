---The model of Cloudflare: who answers a request at the edge, and with which version.
local cloudflare = require "cloud.cloudflare"
local core = require "core"
local json = require "json"
local split = require "cloud.cloudflare.split"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()

local SCRIPTS = client.S
local ZONE = "revelations.studio"
local HOST = "app." .. ZONE
local NOW = { dns_delay = 0, tls_delay = 0, propagation_delay = 0 }

local function new(seed)
  seed = seed or {}
  seed.settings = seed.settings or NOW
  local c = client.new(seed)
  c:put("web")
  c:put("api")
  return c
end

local function record(c, fields)
  if fields.proxied == nil then fields.proxied = true end
  return c:record(fields)
end

local function route(c, pattern, script)
  return c:result("POST", "/zones/" .. c.zone .. "/workers/routes", { pattern = pattern, script = script })
end

local function attach(c, service, host)
  return c:result("PUT", "/accounts/acc/workers/domains", { hostname = host or HOST, service = service })
end

-- The Worker that answers, or what answers instead of one.
local function who(c, where)
  local answer = c:serve(where)
  return answer and (answer.script or answer.code or answer.kind)
end

-- ---- routes ------------------------------------------------------------------------------

test("the most specific route answers, where the host has a proxied record", function()
  local c = new()
  record(c, { type = "A", name = "www", content = "192.0.2.1" })
  route(c, "*." .. ZONE .. "/*", "web")
  route(c, "www." .. ZONE .. "/api/*", "api")
  equal({ who(c, "www." .. ZONE .. "/"), who(c, "WWW." .. ZONE .. ":8443/api/x") }, { "web", "api" })
  equal(who(c, "other." .. ZONE .. "/"), 1016)
end)

test("a route without a Worker keeps the others from running", function()
  local c = new()
  record(c, { type = "A", name = "www", content = "192.0.2.1" })
  route(c, "www." .. ZONE .. "/*", "web")
  route(c, "www." .. ZONE .. "/static/*")
  equal({ who(c, "www." .. ZONE .. "/static/a.css"), who(c, "www." .. ZONE .. "/") }, { 522, "web" })
end)

test("a route looks at the query and the scheme", function()
  local c = new()
  record(c, { type = "A", name = "www", content = "192.0.2.1" })
  route(c, "https://www." .. ZONE .. "/path", "web")
  local function ask(query, scheme)
    return who(c, { host = "www." .. ZONE, path = "/path", query = query, scheme = scheme })
  end
  equal({ ask("", "https"), ask("x=1", "https"), ask("", "http") }, { "web", 522, 522 })
end)

test("a route is asked before the custom domain, unless a Worker of the zone asks", function()
  local c = new()
  attach(c, "web")
  route(c, HOST .. "/admin/*", "api")
  equal({ who(c, HOST .. "/"), who(c, HOST .. "/admin/x") }, { "web", "api" })
  equal(who(c, { host = HOST, path = "/admin/x", behind_routes = true }), "web")
end)

test("a wildcard record proxies every host that has no record of its own", function()
  local c = new()
  record(c, { type = "A", name = "*.preview", content = "192.0.2.1" })
  record(c, { type = "A", name = "own.preview", content = "192.0.2.2", proxied = false })
  route(c, "*.preview." .. ZONE .. "/*", "web")
  equal(who(c, "pr-42.preview." .. ZONE .. "/"), "web")
  equal(who(c, "own.preview." .. ZONE .. "/"), nil)
  equal(cloudflare.resolve(c.state, "pr-42.preview." .. ZONE, "A", c.now).answers[1].data, "127.0.0.1")
  equal(cloudflare.resolve(c.state, "own.preview." .. ZONE, "A", c.now).answers[1].data, "192.0.2.2")
  equal(cloudflare.resolve(c.state, "x.other." .. ZONE, "A", c.now).rcode, "NXDOMAIN")
end)

test("a new route spreads, and one that changed shows the Worker before it", function()
  local c = new { settings = { dns_delay = 0, tls_delay = 0, propagation_delay = 3 } }
  c.now = c.now + 3
  record(c, { type = "A", name = "www", content = "192.0.2.1" })
  local made = route(c, "www." .. ZONE .. "/*", "web")
  equal(who(c, "www." .. ZONE .. "/"), 522)
  c.now = c.now + 3
  equal(who(c, "www." .. ZONE .. "/"), "web")
  c:result("PUT", "/zones/" .. c.zone .. "/workers/routes/" .. made.id, { pattern = "www." .. ZONE .. "/*", script = "api" })
  equal(who(c, "www." .. ZONE .. "/"), "web")
  c.now = c.now + 3
  equal(who(c, "www." .. ZONE .. "/"), "api")
end)

test("a paused zone runs no routes, a pending one answers nothing", function()
  local c = new { zones = { { name = "pending.example", status = "pending" } } }
  record(c, { type = "A", name = "www", content = "192.0.2.1" })
  route(c, "www." .. ZONE .. "/*", "web")
  c.cf.zones[1].paused = true
  equal({ who(c, "www." .. ZONE .. "/"), who(c, "www.pending.example/") }, { 522, 1001 })
end)

-- ---- custom domains ----------------------------------------------------------------------

test("a host that another Worker takes over shows the one before it at first", function()
  local c = new { settings = { dns_delay = 0, tls_delay = 0, propagation_delay = 3 } }
  attach(c, "web")
  c.now = c.now + 10
  attach(c, "api")
  equal(who(c, HOST .. "/"), "web")
  c.now = c.now + 3
  equal(who(c, HOST .. "/"), "api")
end)

test("a host that was taken from a Worker that is gone shows the new one", function()
  local c = new { settings = { dns_delay = 0, tls_delay = 0, propagation_delay = 3 } }
  attach(c, "web")
  c.now = c.now + 10
  attach(c, "api")
  c:result("DELETE", SCRIPTS .. "web")
  equal(who(c, HOST .. "/"), "api")
end)

test("a domain has no certificate at first, and answers nothing when it is switched off", function()
  local c = new { settings = { dns_delay = 0, tls_delay = 10, propagation_delay = 0 } }
  attach(c, "web")
  equal(who(c, HOST .. "/"), "no-certificate")
  c.now = c.now + 10
  c:result("PUT", SCRIPTS .. "web/domains/records", { origins = json.array { { hostname = HOST, enabled = false } } })
  equal(who(c, HOST .. "/"), 1042)
end)

-- ---- origins -----------------------------------------------------------------------------

test("an origin gives the error that its record leads to", function()
  local c = new()
  local function ask(fields)
    fields.name = "x" .. #c.cf.records
    record(c, fields)
    return who(c, fields.name .. "." .. ZONE .. "/")
  end
  equal(ask { type = "A", content = "192.0.2.1" }, 522)
  equal(ask { type = "AAAA", content = "100::" }, 523)
  equal(ask { type = "CNAME", content = "gone.example.com" }, 1016)
  equal(ask { type = "CNAME", content = "x0." .. ZONE }, 522)
  equal(ask { type = "CNAME", content = "web.davit.workers.dev" }, 1014)
  equal(ask { type = "CNAME", content = ZONE }, 1016)
  equal(ask { type = "A", content = "192.0.2.1", proxied = false }, nil)
end)

test("records that lead to one another end in an error", function()
  local c = new()
  record(c, { type = "CNAME", name = "a", content = "b." .. ZONE })
  record(c, { type = "CNAME", name = "b", content = "a." .. ZONE })
  equal(who(c, "a." .. ZONE .. "/"), 1016)
end)

test("an error is text for programs and a page with a ray for browsers", function()
  local c = new()
  local text = c:serve("none." .. ZONE .. "/")
  equal({ text.status, text.body, text.headers["content-type"] }, { 530, "error code: 1016", "text/plain; charset=UTF-8" })
  local page = c:serve { host = "none." .. ZONE, path = "/", headers = { accept = "text/html,*/*" } }
  local ray = page.headers["cf-ray"]:match("^(%x+)%-LHR$")
  equal({ #ray, page.headers["content-type"], page.headers.server }, { 16, "text/html; charset=UTF-8", "cloudflare" })
  equal({ page.body:find("Error 1016", 1, true) ~= nil, page.body:find(ray, 1, true) ~= nil }, { true, true })
  equal(cloudflare.error(1101, { host = HOST }, c.now).status, 500)
  equal(cloudflare.error(1102, { host = HOST }, c.now).body, "error code: 1102")
end)

-- ---- splits ------------------------------------------------------------------------------

-- Two versions of a Worker, the older one with the rest of the traffic.
local function deploy(c, share)
  local script = c.cf.scripts.web
  while #script.versions < 2 do c:put("web") end
  local old, new_one = script.versions[1], script.versions[2]
  table.insert(script.deployments, { id = "d" .. #script.deployments, created = c.now, source = "api", annotations = {},
    versions = { { version_id = new_one.id, percentage = share }, { version_id = old.id, percentage = 100 - share } } })
  return old, new_one
end

local function version_for(c, o)
  return c:serve({ host = HOST, path = "/", headers = o.headers, chance = o.chance }).version.number
end

test("a split sends its share to each version, by chance", function()
  local c = new()
  attach(c, "web")
  deploy(c, 10)
  local function ask(chance) return version_for(c, { chance = chance }) end
  equal({ ask(0), ask(0.0999), ask(0.1), ask(0.9999), ask() }, { 2, 2, 1, 1, 2 })
  deploy(c, 0)
  equal({ ask(0), ask(0.9999), ask() }, { 1, 1, 1 })
  deploy(c, 100)
  equal({ ask(0), ask(0.9999) }, { 2, 2 })
end)

test("a key always gets the same version, and keeps the new one while its share grows", function()
  local c = new()
  attach(c, "web")
  deploy(c, 30)
  local function news()
    local found = {}
    for i = 1, 200 do
      local headers = { ["cloudflare-workers-version-key"] = "user-" .. i }
      found[i] = version_for(c, { headers = headers, chance = 0.5 }) == 2
      equal(version_for(c, { headers = headers, chance = 0.01 }) == 2, found[i])
    end
    return found
  end
  local function count(list)
    local sum = 0
    for _, is in ipairs(list) do sum = sum + (is and 1 or 0) end
    return sum
  end
  local few = news()
  deploy(c, 60)
  local more = news()
  for i, is in ipairs(few) do equal(is and not more[i], false) end
  equal({ count(few) > 40 and count(few) < 80, count(more) > 95 and count(more) < 145 }, { true, true })
end)

test("an override gets a version of the deployment, even one without a share", function()
  local c = new()
  attach(c, "web")
  local old, new_one = deploy(c, 0)
  local function ask(header) return version_for(c, { headers = { ["cloudflare-workers-version-overrides"] = header } }) end
  equal(ask(('web="%s"'):format(new_one.id)), 2)
  equal(ask(('api="x", web="%s"'):format(new_one.id)), 2)
  equal(ask(('api="%s"'):format(new_one.id)), 1)
  equal(ask(('web=%s'):format(new_one.id)), 1)
  c:put("web")
  equal(ask(('web="%s"'):format(old.id)), 3)
end)

test("a deployment whose versions are gone is nobody's", function()
  equal(split.choose({ name = "x", tag = "t", versions = {} }, { versions = { { version_id = "v", percentage = 100 } } }, {}), nil)
end)

-- ---- previews ----------------------------------------------------------------------------

local function preview(c, prefix) return who(c, prefix .. "-web.davit.workers.dev/") end

test("a version answers at its own host when previews are on", function()
  local c = new()
  local id = c.cf.scripts.web.versions[1].id:sub(1, 8)
  equal(preview(c, id), 1042)
  c:result("POST", SCRIPTS .. "web/subdomain", { enabled = false, previews_enabled = true })
  c:put("web", { annotations = { ["workers/alias"] = "pr-42" } })
  c:put("web")
  local function number(prefix) return c:serve(prefix .. "-web.davit.workers.dev/").version.number end
  equal({ number(id), number "pr-42" }, { 1, 2 })
  equal({ preview(c, "00000000"), who(c, "web.davit.workers.dev/") }, { 1042, 1042 })
  equal(#cloudflare.versions(c.state, c.now), 4)
  equal(cloudflare.resolve(c.state, id .. "-web.davit.workers.dev", "A", c.now).rcode, "NOERROR")
end)

test("a Worker's name may have hyphens, and is meant before a preview's", function()
  local c = new()
  c:put("pr-web")
  c:result("POST", SCRIPTS .. "web/subdomain", { enabled = true, previews_enabled = true })
  c:result("POST", SCRIPTS .. "pr-web/subdomain", { enabled = true })
  equal(who(c, "pr-web.davit.workers.dev/"), "pr-web")
  equal(who(c, "a.web.davit.workers.dev/"), 1042)
end)

test("a new version's host shows the placeholder until it has spread", function()
  local c = new { settings = { dns_delay = 0, tls_delay = 0, propagation_delay = 3 } }
  c:result("POST", SCRIPTS .. "web/subdomain", { enabled = true, previews_enabled = true })
  local id = c.cf.scripts.web.versions[1].id:sub(1, 8)
  equal(preview(c, id), "placeholder")
  c.now = c.now + 3
  equal(preview(c, id), "web")
end)

test("an account without a subdomain serves nothing on workers.dev", function()
  local c = new { subdomain = false, settings = NOW }
  equal(who(c, "web.davit.workers.dev/"), 1042)
  equal(cloudflare.resolve(c.state, "web.davit.workers.dev", "A", c.now).rcode, "NXDOMAIN")
end)
