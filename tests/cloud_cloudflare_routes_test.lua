---The model of Cloudflare: routes, custom domains, cron triggers and workers.dev.
local core = require "core"
local crons = require "cloud.cloudflare.crons"
local json = require "json"
local patterns = require "cloud.cloudflare.patterns"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local pluck = client.pluck

local SCRIPTS = client.S
local ZONE = "revelations.studio"

local function new(seed)
  local c = client.new(seed)
  c:put("web")
  c:put("api")
  c.routes = "/zones/" .. c.zone .. "/workers/routes"
  return c
end

local function route(c, pattern, script)
  return c:result("POST", c.routes, { pattern = pattern, script = script })
end

-- ---- patterns ----------------------------------------------------------------------------

test("a pattern matches a host and a path as it is written", function()
  local function matches(text, host, path, scheme)
    return patterns.matches(patterns.parse(text), { host = host, path = path or "/", scheme = scheme })
  end
  equal(matches("example.com", "example.com"), true)
  equal(matches("example.com", "example.com", "/x"), false)
  equal(matches("example.com/*", "example.com", "/x?y=1"), true)
  equal(matches("example.com/path", "example.com", "/path?y=1"), false)
  equal(matches("example.com/path*", "example.com", "/path2"), true)
  equal(matches("Example.COM/Path", "example.com", "/path"), false)
  equal(matches("*.example.com/*", "www.example.com"), true)
  equal(matches("*.example.com/*", "example.com"), false)
  equal(matches("*example.com/*", "example.com"), true)
  equal(matches("*example.com/*", "myexample.com"), true)
  equal(matches("*/*", "anything.test", "/x"), true)
  equal(matches("https://example.com/*", "example.com", "/", "http"), false)
  equal(matches("https://example.com/*", "example.com", "/", "https"), true)
  equal(matches("https://example.com/*", "example.com", "/"), true)
end)

test("of two patterns that match, the more specific one wins", function()
  local function wins(a, b)
    return { patterns.more_specific(patterns.parse(a), patterns.parse(b)),
      patterns.more_specific(patterns.parse(b), patterns.parse(a)) }
  end
  equal(wins("www.example.com/*", "*.example.com/*"), { true, false })
  equal(wins("example.com/images/*", "example.com/*"), { true, false })
  equal(wins("example.com/images/cat.png", "example.com/images/*"), { true, false })
  equal(wins("*.a.example.com/*", "*.example.com/*"), { true, false })
  equal(wins("*.example.com/*", "*example.com/*"), { true, false })
  equal(wins("https://example.com/*", "example.com/*"), { true, false })
  equal(wins("example.com/*", "example.com/*"), { false, false })
end)

test("a pattern with a star or a query in the wrong place is none", function()
  for _, text in ipairs { "example.com/*.jpg", "www.*.com/", "example.com/?x=1", "", "/path", "exam ple.com/" } do
    equal({ text, (patterns.parse(text)) }, { text, nil })
  end
end)

-- ---- routes of a zone --------------------------------------------------------------------

test("a route is made, read, changed and removed", function()
  local c = new()
  local made = route(c, ZONE .. "/api/*", "api")
  local one = c.routes .. "/" .. made.id
  equal({ #made.id, made.pattern, made.script }, { 32, ZONE .. "/api/*", "api" })
  equal(c:result("GET", one), made)
  equal(c:result("PUT", one, { pattern = ZONE .. "/v2/*", script = "web" }).script, "web")
  equal(pluck(c:result("GET", c.routes), "pattern"), { ZONE .. "/v2/*" })
  equal(c:result("DELETE", one), { id = made.id })
  equal(c:refused("DELETE", one)[1], 404)
end)

test("a route needs a Worker that is there, or none, and a pattern in its zone", function()
  local c = new()
  local function again(body) return c:refused("POST", c.routes, body) end
  equal(again { pattern = ZONE .. "/*", script = "gone" }, { 400, 10019 })
  equal(again { pattern = "example.com/*", script = "web" }, { 400, 10022 })
  equal(again { pattern = "not" .. ZONE .. "/*", script = "web" }, { 400, 10022 })
  equal(again { pattern = ZONE .. "/*.jpg", script = "web" }, { 400, 10022 })
  equal(again { script = "web" }[1], 400)
  equal(route(c, ZONE .. "/static/*").script, nil)
  equal(again { pattern = ZONE .. "/static/*", script = "web" }, { 409, 10020 })
  local other = route(c, ZONE .. "/other/*", "web")
  equal(c:refused("PUT", c.routes .. "/" .. other.id, { pattern = ZONE .. "/static/*" }), { 409, 10020 })
end)

test("a route of another zone is not there", function()
  local c = new { zones = { "second.example" } }
  local made = route(c, ZONE .. "/*", "web")
  equal(c:refused("GET", "/zones/" .. c.cf.zones[2].id .. "/workers/routes/" .. made.id)[1], 404)
end)

-- ---- routes of a Worker ------------------------------------------------------------------

test("a list of routes replaces those of its Worker alone, and keeps the ids of what stays", function()
  local c = new { zones = { "second.example" } }
  local kept = route(c, ZONE .. "/keep/*", "web")
  route(c, ZONE .. "/drop/*", "web")
  route(c, ZONE .. "/api/*", "api")
  local set = c:result("PUT", SCRIPTS .. "web/routes", json.array {
    { pattern = ZONE .. "/keep/*", zone_name = ZONE }, { pattern = "www.second.example/*" } })
  equal(pluck(set, "pattern"), { ZONE .. "/keep/*", "www.second.example/*" })
  equal({ set[1].id, set[2].script }, { kept.id, "web" })
  equal(pluck(c:result("GET", c.routes), "pattern"), { ZONE .. "/keep/*", ZONE .. "/api/*" })
  equal(#c:result("GET", "/zones/" .. c.cf.zones[2].id .. "/workers/routes"), 1)
  equal(c:result("GET", SCRIPTS .. "web/routes"), set)
  equal(c:result("PUT", SCRIPTS .. "web/routes", "[]"), {})
end)

test("a list of routes that cannot be changes nothing", function()
  local c = new()
  route(c, ZONE .. "/mine/*", "web")
  route(c, ZONE .. "/api/*", "api")
  local function put(...) return c:refused("PUT", SCRIPTS .. "web/routes", json.array { ... }) end
  equal(put({ pattern = ZONE .. "/new/*" }, { pattern = ZONE .. "/api/*" }), { 409, 10020 })
  equal(put({ pattern = ZONE .. "/new/*" }, { pattern = "elsewhere.example/*" }), { 400, 10082 })
  equal(put({ pattern = ZONE .. "/new/*" }, { pattern = ZONE .. "/*/x" }), { 400, 10022 })
  equal(c:refused("PUT", SCRIPTS .. "web/routes", { pattern = ZONE .. "/*" })[1], 400)
  equal(c:refused("PUT", SCRIPTS .. "gone/routes", "[]"), { 404, 10007 })
  equal(#c:result("GET", c.routes), 2)
end)

test("what wrangler asks of a Worker that the dashboard made has the names of the zones", function()
  local c = new()
  route(c, ZONE .. "/*", "web")
  local path = "/accounts/acc/workers/services/web/environments/production"
  equal(c:result("GET", path .. "/routes?show_zonename=true")[1].zone_name, ZONE)
  equal(c:result("GET", path .. "/subdomain"), { enabled = false, previews_enabled = false })
end)

test("a Worker's routes go with it", function()
  local c = new()
  route(c, ZONE .. "/*", "web")
  c:result("DELETE", SCRIPTS .. "web")
  equal(#c:result("GET", c.routes), 0)
end)

-- ---- custom domains ----------------------------------------------------------------------

local HOST = "app." .. ZONE
local DOMAINS = "/accounts/acc/workers/domains"

local function attach(c, service, host)
  return c:result("PUT", DOMAINS, { hostname = host or HOST, service = service })
end

local function external(c, host)
  return c:record { type = "A", name = host, content = "192.0.2.1" }
end

local function changeset(c, service, ...)
  return c:result("POST", SCRIPTS .. service .. "/domains/changeset?replace_state=true", json.array { ... })
end

test("a domain is made with a certificate, listed by every field, and shown by its id", function()
  local c = new()
  local made = attach(c, "web")
  equal({ made.hostname, made.service, made.environment, made.zone_name, made.enabled, made.previews_enabled, #made.cert_id },
    { HOST, "web", "production", ZONE, true, false, 36 })
  for _, query in ipairs { "hostname=" .. HOST, "service=web", "zone_id=" .. c.zone, "zone_name=" .. ZONE, "environment=production" } do
    equal({ query, #c:result("GET", DOMAINS .. "?" .. query) }, { query, 1 })
  end
  equal(#c:result("GET", DOMAINS .. "?environment=staging"), 0)
  equal(c:result("GET", DOMAINS .. "/" .. made.id), made)
  equal(c:result("GET", DOMAINS .. "/records/" .. made.id), made)
  equal(c:result("GET", SCRIPTS .. "web/domains/records"), { made })
  local _, answer = c:ask("GET", DOMAINS .. "/records?page=0&per_page=5&service=web&environment=production")
  equal({ answer.result[1].id, answer.result_info.page, answer.result_info.total_count }, { made.id, 0, 1 })
end)

test("a host lies in the zone that is named, or in the innermost one", function()
  local c = new { zones = { "sub." .. ZONE } }
  equal(attach(c, "web", "x.sub." .. ZONE).zone_name, "sub." .. ZONE)
  equal(c:refused("PUT", DOMAINS, { hostname = HOST, service = "web", zone_name = "sub." .. ZONE }), { 404, 10082 })
  equal(c:refused("PUT", DOMAINS, { hostname = "*." .. ZONE, service = "web" })[1], 400)
  equal(c:refused("PUT", DOMAINS, { service = "web" })[1], 400)
end)

test("what is in the way of a host is said as the service says it", function()
  local c = new()
  external(c, HOST)
  local _, answer = c:ask("PUT", DOMAINS, { hostname = HOST, service = "web" })
  equal(answer.errors[1].message, "Hostname '" .. HOST .. "' already has externally managed DNS records "
    .. "(A, CNAME, etc). Delete them first or try a different hostname.")
  local _, set = c:ask("PUT", SCRIPTS .. "web/domains/records", { origins = { { hostname = HOST } } })
  equal({ set.errors[1].code, set.errors[1].message:match("use the option '([%l_]+)'") },
    { 100117, "override_existing_dns_record" })
end)

test("the set of changes tells new, known, lost and conflicting hosts apart", function()
  local c = new()
  attach(c, "web", "kept." .. ZONE)
  attach(c, "web", "lost." .. ZONE)
  attach(c, "api", "theirs." .. ZONE)
  external(c, "taken." .. ZONE)
  local sets = changeset(c, "web", { hostname = "kept." .. ZONE }, { hostname = "theirs." .. ZONE },
    { hostname = "taken." .. ZONE }, { hostname = "new." .. ZONE, previews_enabled = true })
  equal({ pluck(sets.added, "hostname"), pluck(sets.removed, "hostname"), pluck(sets.conflicting, "hostname") },
    { { "new." .. ZONE }, { "lost." .. ZONE }, { "taken." .. ZONE } })
  equal({ pluck(sets.updated, "hostname"), pluck(sets.updated, "modified"), pluck(sets.updated, "service") },
    { { "kept." .. ZONE, "theirs." .. ZONE }, { false, true }, { "web", "api" } })
  equal(sets.added[1].previews_enabled, true)
  equal(#c.cf.domains, 3)
  equal(#c:result("POST", SCRIPTS .. "web/domains/changeset", "[]").removed, 0)
end)

test("a list of domains takes what it may override, and all or nothing", function()
  local c = new()
  attach(c, "api")
  external(c, "taken." .. ZONE)
  local body = { override_scope = true, origins = json.array { { hostname = "new." .. ZONE }, { hostname = HOST } } }
  local path = SCRIPTS .. "web/domains/records"
  equal(c:refused("PUT", path, body), { 409, 100116 })
  body.origins[3], body.override_existing_origin = { hostname = "taken." .. ZONE }, true
  equal(c:refused("PUT", path, body), { 409, 100117 })
  equal(#c.cf.domains, 1)
  body.override_existing_dns_record = true
  equal(pluck(c:result("PUT", path, body), "hostname"), { "new." .. ZONE, HOST, "taken." .. ZONE })
  equal(#c:result("GET", DOMAINS .. "?service=api"), 0)
  equal(c:refused("PUT", path, {})[1], 400)
  body.origins = json.array { { hostname = HOST }, { hostname = HOST:upper() } }
  equal(c:refused("PUT", path, body)[1], 400)
end)

test("the switches of a domain stay as they are unless they are told", function()
  local c = new()
  local path = SCRIPTS .. "web/domains/records"
  local function put(origin)
    origin.hostname = HOST
    local set = c:result("PUT", path, { origins = { origin } })[1]
    return { set.enabled, set.previews_enabled }
  end
  equal(put {}, { true, false })
  equal(put { previews_enabled = true, enabled = false }, { false, true })
  equal(put {}, { false, true })
  equal(changeset(c, "web", { hostname = HOST }).updated[1].modified, false)
  equal(changeset(c, "web", { hostname = HOST, enabled = true }).updated[1].modified, true)
end)

-- ---- cron triggers -----------------------------------------------------------------------

local function put_crons(script, ...)
  local list = json.array {}
  for i, cron in ipairs { ... } do list[i] = { cron = cron } end
  return "PUT", SCRIPTS .. script .. "/schedules", list
end

test("cron expressions are taken with names, L, W and #, and no others", function()
  for _, good in ipairs { "* * * * *", "*/5 * * * *", "0 22 * * SUN", "0 0 LW JUL-DEC *", "59 23 L * *",
    "0 3 L * fri", "0 15 1,15 * *", "10-40/10 * * * *", "0 0 15W * *", "0 0 * * 6L", "0 0 * * FRI#2",
    "0 0 L-3 * *", "0 0 * * 1-7", "0  0 * * *" } do
    equal({ good, (crons.valid(good)) }, { good, true })
  end
  for _, bad in ipairs { "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
    "* * * 13 *", "* * * * 0", "* * * * 8", "*/0 * * * *", "1,,2 * * * *", ",1 * * * *", "5-1 * * * *", "x * * * *",
    "* * * FOO *", "1.5 * * * *", "* L * * *", "0 0 * * FRI#6", "@daily" } do
    equal({ bad, (crons.valid(bad)) }, { bad, false })
  end
end)

test("a Worker's schedules are replaced, those that stay keep their times", function()
  local c = new()
  equal(c:result("GET", SCRIPTS .. "web/schedules"), { schedules = {} })
  local first = c:result(put_crons("web", "0 * * * *", "*/5 * * * *")).schedules
  equal(pluck(first, "cron"), { "0 * * * *", "*/5 * * * *" })
  c.now = c.now + 60
  local second = c:result(put_crons("web", "*/5 * * * *", "0 0 * * *")).schedules
  equal({ second[1].created_on == first[2].created_on, second[2].created_on == first[2].created_on }, { true, false })
  equal(c:result("GET", SCRIPTS .. "web/schedules").schedules, second)
  equal(c:result(put_crons("web")), { schedules = {} })
end)

test("a wrong cron changes nothing", function()
  local c = new()
  c:result(put_crons("web", "0 * * * *"))
  equal(c:refused(put_crons("web", "0 0 * * *", "0 0 * * 0")), { 400, 10100 })
  equal(c:refused(put_crons("web", "0 0 * * *", "0 0 * * *")), { 400, 10100 })
  equal(c:refused("PUT", SCRIPTS .. "web/schedules", { cron = "0 0 * * *" }), { 400, 10100 })
  equal(c:refused(put_crons("gone", "0 0 * * *")), { 404, 10007 })
  equal(pluck(c:result("GET", SCRIPTS .. "web/schedules").schedules, "cron"), { "0 * * * *" })
end)

test("an account has five crons for free, and one over the limit may not even remove any", function()
  local c = new { settings = { workers_plan = "free" } }
  c:result(put_crons("web", "0 * * * *", "1 * * * *", "2 * * * *"))
  equal(c:refused(put_crons("api", "0 * * * *", "1 * * * *", "2 * * * *")), { 400, 10072 })
  c:result(put_crons("api", "0 * * * *", "1 * * * *"))
  c.state.settings.workers_plan = "paid"
  c:result(put_crons("api", "0 * * * *", "1 * * * *", "2 * * * *"))
  c.state.settings.workers_plan = "free"
  local _, answer = c:ask(put_crons("api"))
  equal({ answer.errors[1].code, answer.errors[1].message },
    { 10072, "This account has reached the Workers Free limit of 5 cron triggers per account." })
end)

-- ---- workers.dev -------------------------------------------------------------------------

local ACCOUNT_SUBDOMAIN = "/accounts/acc/workers/subdomain"

test("an account registers its subdomain once", function()
  local c = client.new { subdomain = false }
  equal(c:refused("GET", ACCOUNT_SUBDOMAIN), { 404, 10007 })
  equal(c:refused("GET", ACCOUNT_SUBDOMAIN .. "s/mine"), { 404, 10032 })
  equal(c:refused("GET", ACCOUNT_SUBDOMAIN .. "s/cloudflare"), { 409, 10031 })
  equal(c:refused("PUT", ACCOUNT_SUBDOMAIN, { subdomain = "cloudflare" }), { 409, 10031 })
  equal(c:refused("PUT", ACCOUNT_SUBDOMAIN, { subdomain = "Not valid" })[1], 400)
  equal(c:result("PUT", ACCOUNT_SUBDOMAIN, { subdomain = "mine" }), { subdomain = "mine" })
  equal(c:refused("GET", ACCOUNT_SUBDOMAIN .. "s/mine"), { 409, 10031 })
  equal(c:refused("PUT", ACCOUNT_SUBDOMAIN, { subdomain = "other" }), { 409, 10036 })
  equal({ (c:ask("DELETE", ACCOUNT_SUBDOMAIN)) }, { 204 })
  equal(c:refused("GET", ACCOUNT_SUBDOMAIN), { 404, 10007 })
end)

test("without a subdomain no Worker is switched on", function()
  local c = client.new { subdomain = false }
  c:put("web")
  local path = SCRIPTS .. "web/subdomain"
  equal(c:refused("POST", path, { enabled = true }), { 404, 10063 })
  equal(c:result("POST", path, { enabled = false }), { enabled = false, previews_enabled = false })
end)

test("previews follow the switch from an API date on, and stay before it", function()
  local c = new()
  local path, date = SCRIPTS .. "web/subdomain", { ["cloudflare-workers-script-api-date"] = "2025-08-01" }
  local function post(body, headers)
    local set = c:result("POST", path, body, { headers = headers })
    return { set.enabled, set.previews_enabled }
  end
  equal(post({ enabled = true }), { true, false })
  equal(post({ enabled = true }, date), { true, true })
  equal(post({ enabled = false }), { false, true })
  equal(post({ enabled = false }, date), { false, false })
  equal(post({ enabled = true, previews_enabled = false }, date), { true, false })
  equal(c:result("DELETE", path), { enabled = false, previews_enabled = false })
  equal(c:refused("POST", path, {})[1], 400)
  equal(c:refused("GET", SCRIPTS .. "gone/subdomain"), { 404, 10007 })
end)
