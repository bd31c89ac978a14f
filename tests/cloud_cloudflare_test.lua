---The model of Cloudflare: its API, and what the edge shows of it.
local base64 = require "base64"
local cloudflare = require "cloud.cloudflare"
local core = require "core"
local json = require "json"

local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local form, SCRIPTS = client.form, client.S
local FORM = { headers = client.form_headers }

-- ---- who may ask -------------------------------------------------------------------------

test("a token is verified, an unknown one is told so", function()
  local c = client.new()
  equal(c:result("GET", "/user/tokens/verify").status, "active")
  c.token = "other"
  equal(c:refused("GET", "/user/tokens/verify"), { 401, 1000 })
  equal(c:refused("GET", "/zones"), { 403, 9109 })
end)

test("a header that is no bearer token is a bad header", function()
  equal(client.new():refused("GET", "/zones", nil, { headers = { authorization = "Basic x" } }), { 400, 6003 })
end)

test("each token does only what it may", function()
  local c = client.new()
  local records = "/zones/" .. c.zone .. "/dns_records"
  equal(c:refused("GET", records), { 403, 10000 })
  equal(c:as("dns-token"):refused("GET", "/accounts/acc/workers/scripts"), { 403, 10000 })
  equal(#c:result("GET", "/zones"), 1)
  equal(#c:as("dns-token"):result("GET", "/zones"), 1)
  equal(c:refused("GET", "/accounts/foreign/workers/scripts"), { 403, 10000 })
end)

test("one token may stand for both", function()
  local c = client.new { tokens = { workers = "t", dns = "t" } }
  c.token = "t"
  equal(#c:result("GET", "/accounts/acc/workers/scripts"), 0)
  equal(#c:result("GET", "/zones/" .. c.zone .. "/dns_records"), 0)
end)

test("an unknown path and an unknown method are told apart", function()
  local c = client.new()
  equal(c:refused("GET", "/nowhere"), { 404, 7003 })
  local _, answer, headers = c:ask("GET", "/accounts/acc/d1/database")
  equal({ #answer.errors, answer.errors[3].message:match "local cloud", headers["x-davit-stand-in"] },
    { 3, "local cloud", "not modelled" })
  equal(client.new():refused("DELETE", "/zones"), { 405, 7001 })
end)

test("every answer counts the requests, and too many are refused until the window ends", function()
  local c = client.new { settings = { cloudflare_requests = 2 } }
  local _, _, headers = c:ask("GET", "/zones")
  equal({ headers.ratelimit, headers["ratelimit-policy"] },
    { '"default";r=1;t=300', '"default";q=2;w=300' })
  equal(#headers["cf-ray"], 20)
  c:ask("GET", "/zones")
  local status, answer, late = c:ask("GET", "/zones")
  equal({ status, answer.errors[1].code, late["retry-after"] }, { 429, 971, "300" })
  c.now = c.now + 300
  equal(#c:result("GET", "/zones"), 1)
end)

-- ---- zones and records -------------------------------------------------------------------

test("zones are found by name, with the page's figures", function()
  local _, answer = client.new():ask("GET", "/zones?name=revelations.studio")
  equal(answer.result_info, { page = 1, per_page = 20, count = 1, total_count = 1, total_pages = 1 })
  local _, none = client.new():ask("GET", "/zones?name=example.com")
  equal({ #none.result, none.result_info.total_count }, { 0, 0 })
end)

test("a record is made, read, changed, replaced and removed", function()
  local c = client.new():as "dns-token"
  local all = "/zones/" .. c.zone .. "/dns_records"
  local made = c:record({ type = "A", name = "API", content = "192.0.2.1", proxied = true,
    comment = "pr 42" })
  equal({ made.name, made.ttl, made.proxied, made.comment },
    { "api.revelations.studio", 1, true, "pr 42" })
  local one = all .. "/" .. made.id
  equal(c:result("PATCH", one, { content = "192.0.2.2", comment = json.null }).comment, json.null)
  equal(c:result("GET", one).content, "192.0.2.2")
  equal(c:result("PUT", one, { type = "A", name = "api", content = "192.0.2.3",
    ttl = 120 }).proxied, false)
  equal(c:result("DELETE", one), { id = made.id })
  equal(c:refused("DELETE", one), { 404, 81044 })
end)

test("records that exclude one another have codes of their own", function()
  local c = client.new():as "dns-token"
  local function again(fields) return c:refused("POST", "/zones/" .. c.zone .. "/dns_records",
    fields) end
  c:record({ type = "A", name = "a", content = "192.0.2.1" })
  c:record({ type = "A", name = "a", content = "192.0.2.2" })
  c:record({ type = "CNAME", name = "c", content = "example.com" })
  equal(again { type = "A", name = "a", content = "192.0.2.1" }, { 400, 81058 })
  equal(again { type = "A", name = "a", content = "192.0.2.1", proxied = true }, { 400, 81057 })
  equal(again { type = "CNAME", name = "a", content = "example.com" }, { 400, 81053 })
  equal(again { type = "A", name = "c", content = "192.0.2.1" }, { 400, 81054 })
  equal(again { type = "A", name = "d", content = "300.0.0.1" }, { 400, 1004 })
  c:record({ type = "TXT", name = "a", content = "free beside an address" })
end)

test("records are filtered and paged", function()
  local c = client.new():as "dns-token"
  for i = 1, 5 do
    c:record({ type = "A", name = "n" .. i, content = "192.0.2." .. i,
      comment = "davit pr " .. i % 2 })
  end
  local function names(query)
    local _, answer = c:ask("GET", "/zones/" .. c.zone .. "/dns_records?" .. query)
    local list = {}
    for i, found in ipairs(answer.result) do list[i] = found.name:match("^[^.]+") end
    return list
  end
  equal(names "name.exact=n3.revelations.studio", { "n3" })
  equal(names "name=n3.revelations.studio&type=CNAME", {})
  equal(names "comment.contains=PR%200", { "n2", "n4" })
  equal(names "content=192.0.2.5", { "n5" })
  equal(names "match=any&content=192.0.2.5&name.startswith=n1", { "n1", "n5" })
  equal(names "per_page=2&page=3", { "n5" })
end)

-- ---- scripts -----------------------------------------------------------------------------

test("an upload deploys a new version at once", function()
  local c = client.new()
  local first = c:put("web", { tags = { "pr:42" }, annotations = { ["workers/tag"] = "a1" } })
  equal({ first.id, #first.deployment_id, first.has_modules }, { "web", 32, true })
  c:put("web", {})
  local _, answer = c:ask("GET", SCRIPTS .. "web/versions")
  equal({ answer.result.items[1].number, answer.result.items[2].number }, { 2, 1 })
  equal(answer.result.items[2].annotations, { ["workers/tag"] = "a1",
    ["workers/triggered_by"] = "upload" })
  local newest = c:result("GET", SCRIPTS .. "web/deployments").deployments[1]
  equal(newest.versions, { { version_id = answer.result.items[1].id, percentage = 100 } })
  local tagged = c:result("GET", "/accounts/acc/workers/scripts?tags=pr:42:yes")
  equal({ #tagged, tagged[1].tags }, { 1, { "pr:42" } })
  equal(#c:result("GET", "/accounts/acc/workers/scripts?tags=pr:42:no"), 0)
end)

test("variables are replaced, secrets stay, and no value of one is shown", function()
  local c = client.new()
  c:put("web", { bindings = {
    { name = "A", type = "plain_text", text = "a" },
      { name = "S", type = "secret_text", text = "hush" },
    { name = "J", type = "json", json = { list = json.array {}, none = json.null } } } })
  local shown = c:result("GET", SCRIPTS .. "web/settings").bindings
  equal(shown[2], { name = "S", type = "secret_text" })
  equal(shown[3].json, { list = {}, none = json.null })
  c:put("web", { bindings = { { name = "B", type = "inherit", old_name = "A" } } })
  equal(c:result("GET", SCRIPTS .. "web/settings").bindings,
    { { name = "B", type = "plain_text", text = "a" }, { name = "S", type = "secret_text" } })
  c:put("web", { keep_bindings = { "plain_text" } })
  equal(c:result("GET", SCRIPTS .. "web/settings").bindings,
    { { name = "B", type = "plain_text", text = "a" } })
end)

test("a strict upload refuses to inherit what is not there", function()
  local c = client.new()
  local body = client.upload { bindings = { { name = "X", type = "inherit" } } }
  equal(c:refused("PUT", SCRIPTS .. "web?bindings_inherit=strict", body, FORM),
    { 400, 10057 })
  equal(c:refused("GET", SCRIPTS .. "web/settings"), { 404, 10007 })
end)

test("a broken upload says what is wrong with it", function()
  local c = client.new()
  local function put(body, name)
    return c:refused("PUT", SCRIPTS .. (name or "web"), body, FORM)
  end
  equal(put("nothing"), { 400, 10006 })
  equal(put(form { { "metadata", "{" } }), { 400, 10026 })
  equal(put(client.upload { main_module = "other.js" }), { 400, 10021 })
  equal(put(form { { "metadata", "{}" } }), { 400, 10021 })
  equal(put(client.upload {}, "Not%20a%20name"), { 400, 10016 })
end)

test("modules may hold any bytes", function()
  local c = client.new()
  local code = "export default {}//\0\r\n--y\255"
  c:put("web", {}, code)
  local version = cloudflare.versions(c.state)[1]
  equal(version.modules, { { name = "index.js", type = "application/javascript+module",
    body = code } })
  equal({ version.script, version.main_module }, { "web", "index.js" })
end)

test("every secret makes a version, and its value is never given back", function()
  local c = client.new()
  c:put("web", { bindings = { { name = "A", type = "plain_text", text = "a" } } })
  local secrets = SCRIPTS .. "web/secrets"
  local put = c:result("PUT", secrets, { name = "KEY", text = "hush", type = "secret_text" })
  equal(put, { name = "KEY", type = "secret_text" })
  equal(c:result("GET", secrets), { put })
  equal(c:result("GET", secrets .. "/KEY"), put)
  equal(#c:result("GET", SCRIPTS .. "web/versions").items, 2)
  equal(c:result("DELETE", secrets .. "/KEY"), json.null)
  equal(c:refused("DELETE", secrets .. "/KEY"), { 404, 10056 })
  equal(c:refused("PUT", secrets, { name = "A", text = "x", type = "secret_text" }), { 400, 10053 })
  equal(c:refused("PUT", SCRIPTS .. "none/secrets", { name = "K", text = "x", type = "secret_text" }),
    { 404, 10007 })
end)

test("tags and the workers.dev switch are changed apart from the code", function()
  local c = client.new()
  c:put("web")
  equal(c:result("PATCH", SCRIPTS .. "web/script-settings", { tags = { "x" } }).tags, { "x" })
  equal(c:result("GET", SCRIPTS .. "web/subdomain"), { enabled = false, previews_enabled = false })
  equal(c:result("POST", SCRIPTS .. "web/subdomain", { enabled = true }).enabled, true)
  equal(c:result("GET", "/accounts/acc/workers/subdomain"), { subdomain = "davit" })
end)

test("a removed script is gone, with its domains and their records", function()
  local c = client.new()
  c:put("web")
  c:result("PUT", "/accounts/acc/workers/domains",
    { hostname = "web.revelations.studio", service = "web" })
  c:result("DELETE", SCRIPTS .. "web?force=true")
  equal(c:refused("DELETE", SCRIPTS .. "web?force=true"), { 404, 10007 })
  equal({ #c:result("GET", "/accounts/acc/workers/domains"), #c.state.cloudflare.records }, { 0, 0 })
end)

test("a script that another one is bound to goes only by force", function()
  local c = client.new()
  c:put("api")
  c:put("web", { bindings = { { name = "API", type = "service", service = "api" } } })
  equal(c:refused("DELETE", SCRIPTS .. "api"), { 400, 10064 })
  c:result("DELETE", SCRIPTS .. "api?force=true")
end)

-- ---- assets ------------------------------------------------------------------------------

local ONE, TWO = ("a"):rep(32), ("b"):rep(32)

local function session(c, manifest)
  return c:result("POST", SCRIPTS .. "web/assets-upload-session", { manifest = manifest })
end

local function send(c, jwt, parts)
  local headers = { ["content-type"] = client.form_headers["content-type"], authorization = "Bearer " .. jwt }
  return c:ask("POST", "/accounts/acc/workers/assets/upload?base64=true", form(parts),
    { headers = headers })
end

test("assets are sent once, and redeemed by the upload of the script", function()
  local c = client.new()
  local manifest = { ["/a.css"] = { hash = ONE, size = 3 }, ["/b.txt"] = { hash = TWO, size = 2 },
    ["/copy.css"] = { hash = ONE, size = 3 } }
  local open = session(c, manifest)
  equal(open.buckets, { { ONE, TWO } })
  equal((send(c, open.jwt, { { ONE, base64.encode "a\0b", "text/css" } })), 202)
  local status, done = send(c, open.jwt, { { TWO, base64.encode "hi", "application/null" } })
  equal(status, 201)
  c:put("web", { assets = { jwt = done.result.jwt,
    config = { not_found_handling = "404-page" } } })
  local version = cloudflare.versions(c.state)[1]
  equal(version.assets, { manifest = manifest, config = { not_found_handling = "404-page" } })
  equal({ cloudflare.asset(c.state, ONE) }, { "a\0b", "text/css" })
  equal({ cloudflare.asset(c.state, TWO) }, { "hi" })
  local again = session(c, manifest)
  equal(again.buckets, {})
  c:put("only", { assets = { jwt = again.jwt } })
end)

test("a Worker may be assets alone", function()
  local c = client.new()
  local body = form { { "metadata", json.encode { assets = { jwt = session(c, {}).jwt } } } }
  equal(c:result("PUT", SCRIPTS .. "web", body, FORM).has_modules, false)
end)

test("a token of the assets is good for an hour and for its own step", function()
  local c = client.new()
  local open = session(c, { ["/a"] = { hash = ONE, size = 1 } })
  local body = client.upload { assets = { jwt = open.jwt } }
  equal(c:refused("PUT", SCRIPTS .. "web", body, FORM), { 401, 10000 })
  equal((send(c, open.jwt, { { TWO, "eA==", "text/plain" } })), 400)
  c.now = c.now + 3600
  equal((send(c, open.jwt, { { ONE, "eA==", "text/plain" } })), 401)
end)

-- ---- domains -----------------------------------------------------------------------------

local HOST = "web.revelations.studio"

local function attach(c, service, host)
  return c:result("PUT", "/accounts/acc/workers/domains",
    { hostname = host or HOST, service = service })
end

test("a domain puts a read-only record in the zone, and takes it away again", function()
  local c = client.new()
  c:put("web")
  local domain = attach(c, "web")
  equal(attach(c, "web").id, domain.id)
  equal(#c:result("GET", "/accounts/acc/workers/domains?hostname=" .. HOST .. "&service=web"), 1)
  local records = "/zones/" .. c.zone .. "/dns_records"
  local managed = c:as("dns-token"):result("GET", records)[1]
  equal({ managed.type, managed.content, managed.proxied, managed.meta.read_only },
    { "AAAA", "100::", true, true })
  equal(c:as("dns-token"):refused("DELETE", records .. "/" .. managed.id), { 400, 1043 })
  equal(c:as("dns-token"):refused("POST", records, { type = "A", name = HOST, content = "192.0.2.1" }),
    { 400, 81062 })
  c:result("DELETE", "/accounts/acc/workers/domains/" .. domain.id)
  equal(#c:as("dns-token"):result("GET", records), 0)
end)

test("a host with a record of somebody else is not taken", function()
  local c = client.new()
  c:put("web")
  local own = c:record({ type = "A", name = "web", content = "192.0.2.1" })
  local body = { hostname = HOST, service = "web" }
  equal(c:refused("PUT", "/accounts/acc/workers/domains", body), { 409, 100117 })
  local all = { origins = { { hostname = HOST } } }
  equal(c:refused("PUT", SCRIPTS .. "web/domains/records", all), { 409, 100117 })
  all.override_existing_dns_record = true
  equal(c:result("PUT", SCRIPTS .. "web/domains/records", all)[1].service, "web")
  local managed = c:as("dns-token"):result("GET", "/zones/" .. c.zone .. "/dns_records")[1]
  equal({ managed.id, managed.type, managed.meta.read_only }, { own.id, "AAAA", true })
end)

test("the list of a script's domains replaces them, and takes another's only when told", function()
  local c = client.new()
  c:put("web")
  c:put("api")
  attach(c, "api")
  attach(c, "web", "old.revelations.studio")
  local all = { origins = { { hostname = HOST } } }
  equal(c:refused("PUT", SCRIPTS .. "web/domains/records", all), { 409, 100116 })
  equal(#c:result("GET", "/accounts/acc/workers/domains?service=web"), 1)
  all.override_existing_origin = true
  c:result("PUT", SCRIPTS .. "web/domains/records", all)
  local own = c:result("GET", "/accounts/acc/workers/domains?service=web")
  equal({ #own, own[1].hostname }, { 1, HOST })
  equal(#c:result("GET", "/accounts/acc/workers/domains?service=api"), 0)
end)

test("a domain needs a script and a zone of the account", function()
  local c = client.new()
  local function put(body) return c:refused("PUT", "/accounts/acc/workers/domains", body) end
  equal(put { hostname = HOST, service = "web" }, { 404, 10007 })
  c:put("web")
  equal(put { hostname = "web.example.com", service = "web" }, { 404, 10082 })
end)

-- ---- the edge ----------------------------------------------------------------------------

local function resolve(c, name, kind) return cloudflare.resolve(c.state, name, kind or "A", c.now) end

test("a name resolves some time after it was made", function()
  local c = client.new()
  c:put("web")
  attach(c, "web")
  local missing = resolve(c, HOST)
  equal({ missing.rcode, missing.ttl, #missing.answers }, { "NXDOMAIN", 60, 0 })
  c.now = c.now + 5
  equal(resolve(c, HOST .. "."), { rcode = "NOERROR", ttl = 300, answers = { { type = "A",
    data = "127.0.0.1" } } })
  equal({ resolve(c, HOST, "AAAA").rcode, #resolve(c, HOST, "AAAA").answers }, { "NOERROR", 0 })
  equal(resolve(c, "api.github.com").answers[1].data, "127.0.0.1")
  equal(resolve(c, "elsewhere.example.com").rcode, "NXDOMAIN")
end)

test("a zone has an SOA and name servers; what is not there comes with the SOA", function()
  local c = client.new()
  local soa = "ada.ns.cloudflare.com dns.cloudflare.com 2400000000 10000 2400 604800 60"
  equal(resolve(c, "revelations.studio", "SOA").answers, { { type = "SOA", data = soa } })
  equal(resolve(c, "revelations.studio", "NS").answers,
    { { type = "NS", data = "ada.ns.cloudflare.com" }, { type = "NS", data = "ivan.ns.cloudflare.com" } })
  local authority = { { name = "revelations.studio", type = "SOA", data = soa, ttl = 60 } }
  equal(resolve(c, "gone.revelations.studio").authority, authority)
  equal(resolve(c, "revelations.studio", "MX"), { rcode = "NOERROR", ttl = 300, answers = {}, authority = authority })
  equal(resolve(c, "ada.ns.cloudflare.com").answers, { { type = "A", data = "192.0.2.53" } })
end)

test("a record that is not proxied shows its content", function()
  local c = client.new { settings = { dns_delay = 0 } }
  c:record({ type = "CNAME", name = "docs", content = "example.com", ttl = 120 })
  equal(resolve(c, "docs.revelations.studio"),
    { rcode = "NOERROR", ttl = 120, answers = { { type = "CNAME", data = "example.com" } } })
end)

test("a new domain has no certificate, then the Worker", function()
  local c = client.new()
  c:put("web")
  attach(c, "web")
  equal(c:serve(HOST).kind, "no-certificate")
  c.now = c.now + 10
  equal({ c:serve(HOST).kind, c:serve(HOST).script, c:serve(HOST).version.number }, { "worker", "web", 1 })
end)

test("a new upload shows the placeholder first, the next one the version before it", function()
  local c = client.new()
  c:put("web")
  c:result("POST", SCRIPTS .. "web/subdomain", { enabled = true })
  local host = "web.davit.workers.dev"
  local first = c:serve(host)
  equal({ first.kind, first.status }, { "placeholder", 404 })
  equal(first.body:find("There is nothing here yet", 1, true) ~= nil, true)
  c.now = c.now + 3
  c:put("web")
  equal(c:serve(host).version.number, 1)
  equal(#cloudflare.versions(c.state, c.now), 2)
  c.now = c.now + 3
  equal(c:serve(host).version.number, 2)
  equal(#cloudflare.versions(c.state, c.now), 1)
end)

test("hosts without a Worker have errors of their own", function()
  local c = client.new()
  c:record({ type = "A", name = "bare", content = "192.0.2.1", proxied = true })
  local function seen(host)
    local answer = c:serve(host)
    return { answer.kind, answer.status, answer.code, answer.body }
  end
  equal(seen "bare.revelations.studio", { "error", 530, 1016, "error code: 1016" })
  c.now = c.now + 5
  equal(seen "bare.revelations.studio", { "error", 522, 522, "error code: 522" })
  equal(seen "none.davit.workers.dev", { "error", 404, 1042, "error code: 1042" })
  equal(c:serve "example.com", nil)
end)
