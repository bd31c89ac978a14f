---The model of Cloudflare: its API, and what the edge shows of it.
local base64 = require "base64"
local cloudflare = require "cloud.cloudflare"
local json = require "json"
local world = require "cloud.world"

local ACCOUNT = "acc"
local SCRIPTS = "/accounts/acc/workers/scripts/"

-- ---- a client ----------------------------------------------------------------------------

local function new(settings)
  local state = world.new { account_id = ACCOUNT, settings = settings }
  return { state = state, now = 1800000000, token = "workers-token",
    zone = state.cloudflare.zones[1].id }
end

-- Asks; a table as body goes as JSON. Gives the status, the decoded answer and its headers.
local function ask(c, method, target, body, headers)
  local path, query = target:match("^([^?]*)%??(.*)$")
  headers = headers or {}
  headers.authorization = headers.authorization or "Bearer " .. c.token
  local text = type(body) == "table" and json.encode(body) or body or ""
  local answer = world.handle({ method = method, host = "api.cloudflare.com", query = query,
    path = "/client/v4" .. path, headers = headers, body = text }, c.state, c.now)
  return answer.status, json.decode(answer.body), answer.headers
end

local function result(...)
  local status, answer = ask(...)
  equal({ status // 100, answer.success }, { 2, true })
  return answer.result
end

local function refused(...)
  local status, answer = ask(...)
  equal(answer.success, false)
  return { status, answer.errors[1].code }
end

local function form(parts)
  local text = {}
  for _, part in ipairs(parts) do
    local name, body, type = part[1], part[2], part[3]
    local head = ('Content-Disposition: form-data; name="%s"'):format(name)
    if type then head = ('%s; filename="%s"\r\nContent-Type: %s'):format(head, name, type) end
    text[#text + 1] = ("--x\r\n%s\r\n\r\n%s\r\n"):format(head, body)
  end
  return table.concat(text) .. "--x--\r\n"
end

local function form_headers(more)
  local headers = { ["content-type"] = "multipart/form-data; boundary=x" }
  for name, value in pairs(more or {}) do headers[name] = value end
  return headers
end

local function upload_body(metadata, code)
  metadata.main_module = metadata.main_module or "index.js"
  return form { { "metadata", json.encode(metadata) },
    { "index.js", code or "export default {}", "application/javascript+module" } }
end

local function upload(c, name, metadata, code)
  return result(c, "PUT", SCRIPTS .. name, upload_body(metadata or {}, code), form_headers())
end

local function as_dns(c)
  return setmetatable({ token = "dns-token" }, { __index = c })
end

local function record(c, fields)
  return result(as_dns(c), "POST", "/zones/" .. c.zone .. "/dns_records", fields)
end

-- ---- who may ask -------------------------------------------------------------------------

test("a token is verified, an unknown one is told so", function()
  local c = new()
  equal(result(c, "GET", "/user/tokens/verify").status, "active")
  c.token = "other"
  equal(refused(c, "GET", "/user/tokens/verify"), { 401, 1000 })
  equal(refused(c, "GET", "/zones"), { 403, 9109 })
end)

test("a header that is no bearer token is a bad header", function()
  equal(refused(new(), "GET", "/zones", nil, { authorization = "Basic x" }), { 400, 6003 })
end)

test("each token does only what it may", function()
  local c = new()
  local records = "/zones/" .. c.zone .. "/dns_records"
  equal(refused(c, "GET", records), { 403, 10000 })
  equal(refused(as_dns(c), "GET", "/accounts/acc/workers/scripts"), { 403, 10000 })
  equal(#result(c, "GET", "/zones"), 1)
  equal(#result(as_dns(c), "GET", "/zones"), 1)
  equal(refused(c, "GET", "/accounts/foreign/workers/scripts"), { 403, 10000 })
end)

test("one token may stand for both", function()
  local state = world.new { account_id = ACCOUNT, tokens = { workers = "t", dns = "t" } }
  local c = { state = state, now = 1800000000, token = "t" }
  equal(#result(c, "GET", "/accounts/acc/workers/scripts"), 0)
  equal(#result(c, "GET", "/zones/" .. state.cloudflare.zones[1].id .. "/dns_records"), 0)
end)

test("an unknown path and an unknown method are told apart", function()
  equal(refused(new(), "GET", "/nowhere"), { 404, 7003 })
  equal(refused(new(), "DELETE", "/zones"), { 405, 7001 })
end)

test("every answer counts the requests, and too many are refused until the window ends", function()
  local c = new { cloudflare_requests = 2 }
  local _, _, headers = ask(c, "GET", "/zones")
  equal({ headers.ratelimit, headers["ratelimit-policy"] },
    { '"default";r=1;t=300', '"default";q=2;w=300' })
  equal(#headers["cf-ray"], 20)
  ask(c, "GET", "/zones")
  local status, answer, late = ask(c, "GET", "/zones")
  equal({ status, answer.errors[1].code, late["retry-after"] }, { 429, 971, "300" })
  c.now = c.now + 300
  equal(#result(c, "GET", "/zones"), 1)
end)

-- ---- zones and records -------------------------------------------------------------------

test("zones are found by name, with the page's figures", function()
  local _, answer = ask(new(), "GET", "/zones?name=revelations.studio")
  equal(answer.result_info, { page = 1, per_page = 20, count = 1, total_count = 1, total_pages = 1 })
  local _, none = ask(new(), "GET", "/zones?name=example.com")
  equal({ #none.result, none.result_info.total_count }, { 0, 0 })
end)

test("a record is made, read, changed, replaced and removed", function()
  local c = as_dns(new())
  local all = "/zones/" .. c.zone .. "/dns_records"
  local made = record(c, { type = "A", name = "API", content = "192.0.2.1", proxied = true,
    comment = "pr 42" })
  equal({ made.name, made.ttl, made.proxied, made.comment },
    { "api.revelations.studio", 1, true, "pr 42" })
  local one = all .. "/" .. made.id
  equal(result(c, "PATCH", one, { content = "192.0.2.2", comment = json.null }).comment, json.null)
  equal(result(c, "GET", one).content, "192.0.2.2")
  equal(result(c, "PUT", one, { type = "A", name = "api", content = "192.0.2.3",
    ttl = 120 }).proxied, false)
  equal(result(c, "DELETE", one), { id = made.id })
  equal(refused(c, "DELETE", one), { 404, 81044 })
end)

test("records that exclude one another have codes of their own", function()
  local c = as_dns(new())
  local function again(fields) return refused(c, "POST", "/zones/" .. c.zone .. "/dns_records",
    fields) end
  record(c, { type = "A", name = "a", content = "192.0.2.1" })
  record(c, { type = "A", name = "a", content = "192.0.2.2" })
  record(c, { type = "CNAME", name = "c", content = "example.com" })
  equal(again { type = "A", name = "a", content = "192.0.2.1" }, { 400, 81058 })
  equal(again { type = "A", name = "a", content = "192.0.2.1", proxied = true }, { 400, 81057 })
  equal(again { type = "CNAME", name = "a", content = "example.com" }, { 400, 81053 })
  equal(again { type = "A", name = "c", content = "192.0.2.1" }, { 400, 81054 })
  equal(again { type = "A", name = "d", content = "300.0.0.1" }, { 400, 1004 })
  record(c, { type = "TXT", name = "a", content = "free beside an address" })
end)

test("records are filtered and paged", function()
  local c = as_dns(new())
  for i = 1, 5 do
    record(c, { type = "A", name = "n" .. i, content = "192.0.2." .. i,
      comment = "davit pr " .. i % 2 })
  end
  local function names(query)
    local _, answer = ask(c, "GET", "/zones/" .. c.zone .. "/dns_records?" .. query)
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
  local c = new()
  local first = upload(c, "web", { tags = { "pr:42" }, annotations = { ["workers/tag"] = "a1" } })
  equal({ first.id, #first.deployment_id, first.has_modules }, { "web", 32, true })
  upload(c, "web", {})
  local _, answer = ask(c, "GET", SCRIPTS .. "web/versions")
  equal({ answer.result.items[1].number, answer.result.items[2].number }, { 2, 1 })
  equal(answer.result.items[2].annotations, { ["workers/tag"] = "a1",
    ["workers/triggered_by"] = "upload" })
  local newest = result(c, "GET", SCRIPTS .. "web/deployments").deployments[1]
  equal(newest.versions, { { version_id = answer.result.items[1].id, percentage = 100 } })
  local tagged = result(c, "GET", "/accounts/acc/workers/scripts?tags=pr:42:yes")
  equal({ #tagged, tagged[1].tags }, { 1, { "pr:42" } })
  equal(#result(c, "GET", "/accounts/acc/workers/scripts?tags=pr:42:no"), 0)
end)

test("variables are replaced, secrets stay, and no value of one is shown", function()
  local c = new()
  upload(c, "web", { bindings = {
    { name = "A", type = "plain_text", text = "a" },
      { name = "S", type = "secret_text", text = "hush" },
    { name = "J", type = "json", json = { list = json.array {}, none = json.null } } } })
  local shown = result(c, "GET", SCRIPTS .. "web/settings").bindings
  equal(shown[2], { name = "S", type = "secret_text" })
  equal(shown[3].json, { list = {}, none = json.null })
  upload(c, "web", { bindings = { { name = "B", type = "inherit", old_name = "A" } } })
  equal(result(c, "GET", SCRIPTS .. "web/settings").bindings,
    { { name = "B", type = "plain_text", text = "a" }, { name = "S", type = "secret_text" } })
  upload(c, "web", { keep_bindings = { "plain_text" } })
  equal(result(c, "GET", SCRIPTS .. "web/settings").bindings,
    { { name = "B", type = "plain_text", text = "a" } })
end)

test("a strict upload refuses to inherit what is not there", function()
  local c = new()
  local body = upload_body { bindings = { { name = "X", type = "inherit" } } }
  equal(refused(c, "PUT", SCRIPTS .. "web?bindings_inherit=strict", body, form_headers()),
    { 400, 10057 })
  equal(refused(c, "GET", SCRIPTS .. "web/settings"), { 404, 10007 })
end)

test("a broken upload says what is wrong with it", function()
  local c = new()
  local function put(body, name)
    return refused(c, "PUT", SCRIPTS .. (name or "web"), body, form_headers())
  end
  equal(put("nothing"), { 400, 10006 })
  equal(put(form { { "metadata", "{" } }), { 400, 10026 })
  equal(put(upload_body { main_module = "other.js" }), { 400, 10021 })
  equal(put(form { { "metadata", "{}" } }), { 400, 10021 })
  equal(put(upload_body {}, "Not%20a%20name"), { 400, 10016 })
end)

test("modules may hold any bytes", function()
  local c = new()
  local code = "export default {}//\0\r\n--y\255"
  upload(c, "web", {}, code)
  local version = cloudflare.versions(c.state)[1]
  equal(version.modules, { { name = "index.js", type = "application/javascript+module",
    body = code } })
  equal({ version.script, version.main_module }, { "web", "index.js" })
end)

test("every secret makes a version, and its value is never given back", function()
  local c = new()
  upload(c, "web", { bindings = { { name = "A", type = "plain_text", text = "a" } } })
  local secrets = SCRIPTS .. "web/secrets"
  local put = result(c, "PUT", secrets, { name = "KEY", text = "hush", type = "secret_text" })
  equal(put, { name = "KEY", type = "secret_text" })
  equal(result(c, "GET", secrets), { put })
  equal(result(c, "GET", secrets .. "/KEY"), put)
  equal(#result(c, "GET", SCRIPTS .. "web/versions").items, 2)
  equal(result(c, "DELETE", secrets .. "/KEY"), json.null)
  equal(refused(c, "DELETE", secrets .. "/KEY"), { 404, 10056 })
  equal(refused(c, "PUT", secrets, { name = "A", text = "x", type = "secret_text" }), { 400, 10053 })
  equal(refused(c, "PUT", SCRIPTS .. "none/secrets", { name = "K", text = "x", type = "secret_text" }),
    { 404, 10007 })
end)

test("tags and the workers.dev switch are changed apart from the code", function()
  local c = new()
  upload(c, "web")
  equal(result(c, "PATCH", SCRIPTS .. "web/script-settings", { tags = { "x" } }).tags, { "x" })
  equal(result(c, "GET", SCRIPTS .. "web/subdomain"), { enabled = false, previews_enabled = false })
  equal(result(c, "POST", SCRIPTS .. "web/subdomain", { enabled = true }).enabled, true)
  equal(result(c, "GET", "/accounts/acc/workers/subdomain"), { subdomain = "davit" })
end)

test("a removed script is gone, with its domains and their records", function()
  local c = new()
  upload(c, "web")
  result(c, "PUT", "/accounts/acc/workers/domains",
    { hostname = "web.revelations.studio", service = "web" })
  result(c, "DELETE", SCRIPTS .. "web?force=true")
  equal(refused(c, "DELETE", SCRIPTS .. "web?force=true"), { 404, 10007 })
  equal({ #result(c, "GET", "/accounts/acc/workers/domains"), #c.state.cloudflare.records }, { 0, 0 })
end)

test("a script that another one is bound to goes only by force", function()
  local c = new()
  upload(c, "api")
  upload(c, "web", { bindings = { { name = "API", type = "service", service = "api" } } })
  equal(refused(c, "DELETE", SCRIPTS .. "api"), { 400, 10064 })
  result(c, "DELETE", SCRIPTS .. "api?force=true")
end)

-- ---- assets ------------------------------------------------------------------------------

local ONE, TWO = ("a"):rep(32), ("b"):rep(32)

local function session(c, manifest)
  return result(c, "POST", SCRIPTS .. "web/assets-upload-session", { manifest = manifest })
end

local function send(c, jwt, parts)
  return ask(c, "POST", "/accounts/acc/workers/assets/upload?base64=true", form(parts),
    form_headers { authorization = "Bearer " .. jwt })
end

test("assets are sent once, and redeemed by the upload of the script", function()
  local c = new()
  local manifest = { ["/a.css"] = { hash = ONE, size = 3 }, ["/b.txt"] = { hash = TWO, size = 2 },
    ["/copy.css"] = { hash = ONE, size = 3 } }
  local open = session(c, manifest)
  equal(open.buckets, { { ONE, TWO } })
  equal((send(c, open.jwt, { { ONE, base64.encode "a\0b", "text/css" } })), 202)
  local status, done = send(c, open.jwt, { { TWO, base64.encode "hi", "application/null" } })
  equal(status, 201)
  upload(c, "web", { assets = { jwt = done.result.jwt,
    config = { not_found_handling = "404-page" } } })
  local version = cloudflare.versions(c.state)[1]
  equal(version.assets, { manifest = manifest, config = { not_found_handling = "404-page" } })
  equal({ cloudflare.asset(c.state, ONE) }, { "a\0b", "text/css" })
  equal({ cloudflare.asset(c.state, TWO) }, { "hi" })
  local again = session(c, manifest)
  equal(again.buckets, {})
  upload(c, "only", { assets = { jwt = again.jwt } })
end)

test("a Worker may be assets alone", function()
  local c = new()
  local body = form { { "metadata", json.encode { assets = { jwt = session(c, {}).jwt } } } }
  equal(result(c, "PUT", SCRIPTS .. "web", body, form_headers()).has_modules, false)
end)

test("a token of the assets is good for an hour and for its own step", function()
  local c = new()
  local open = session(c, { ["/a"] = { hash = ONE, size = 1 } })
  local body = upload_body { assets = { jwt = open.jwt } }
  equal(refused(c, "PUT", SCRIPTS .. "web", body, form_headers()), { 401, 10000 })
  equal((send(c, open.jwt, { { TWO, "eA==", "text/plain" } })), 400)
  c.now = c.now + 3600
  equal((send(c, open.jwt, { { ONE, "eA==", "text/plain" } })), 401)
end)

-- ---- domains -----------------------------------------------------------------------------

local HOST = "web.revelations.studio"

local function attach(c, service, host)
  return result(c, "PUT", "/accounts/acc/workers/domains",
    { hostname = host or HOST, service = service })
end

test("a domain puts a read-only record in the zone, and takes it away again", function()
  local c = new()
  upload(c, "web")
  local domain = attach(c, "web")
  equal(attach(c, "web").id, domain.id)
  equal(#result(c, "GET", "/accounts/acc/workers/domains?hostname=" .. HOST .. "&service=web"), 1)
  local records = "/zones/" .. c.zone .. "/dns_records"
  local managed = result(as_dns(c), "GET", records)[1]
  equal({ managed.type, managed.content, managed.proxied, managed.meta.read_only },
    { "AAAA", "100::", true, true })
  equal(refused(as_dns(c), "DELETE", records .. "/" .. managed.id), { 400, 1043 })
  equal(refused(as_dns(c), "POST", records, { type = "A", name = HOST, content = "192.0.2.1" }),
    { 400, 81062 })
  result(c, "DELETE", "/accounts/acc/workers/domains/" .. domain.id)
  equal(#result(as_dns(c), "GET", records), 0)
end)

test("a host with a record of somebody else is not taken", function()
  local c = new()
  upload(c, "web")
  local own = record(c, { type = "A", name = "web", content = "192.0.2.1" })
  local body = { hostname = HOST, service = "web" }
  equal(refused(c, "PUT", "/accounts/acc/workers/domains", body), { 409, 100117 })
  local all = { origins = { { hostname = HOST } } }
  equal(refused(c, "PUT", SCRIPTS .. "web/domains/records", all), { 409, 100117 })
  all.override_existing_dns_record = true
  equal(result(c, "PUT", SCRIPTS .. "web/domains/records", all)[1].service, "web")
  local managed = result(as_dns(c), "GET", "/zones/" .. c.zone .. "/dns_records")[1]
  equal({ managed.id, managed.type, managed.meta.read_only }, { own.id, "AAAA", true })
end)

test("the list of a script's domains replaces them, and takes another's only when told", function()
  local c = new()
  upload(c, "web")
  upload(c, "api")
  attach(c, "api")
  attach(c, "web", "old.revelations.studio")
  local all = { origins = { { hostname = HOST } } }
  equal(refused(c, "PUT", SCRIPTS .. "web/domains/records", all), { 409, 100116 })
  equal(#result(c, "GET", "/accounts/acc/workers/domains?service=web"), 1)
  all.override_existing_origin = true
  result(c, "PUT", SCRIPTS .. "web/domains/records", all)
  local own = result(c, "GET", "/accounts/acc/workers/domains?service=web")
  equal({ #own, own[1].hostname }, { 1, HOST })
  equal(#result(c, "GET", "/accounts/acc/workers/domains?service=api"), 0)
end)

test("a domain needs a script and a zone of the account", function()
  local c = new()
  local function put(body) return refused(c, "PUT", "/accounts/acc/workers/domains", body) end
  equal(put { hostname = HOST, service = "web" }, { 404, 10007 })
  upload(c, "web")
  equal(put { hostname = "web.example.com", service = "web" }, { 404, 10082 })
end)

-- ---- the edge ----------------------------------------------------------------------------

local function resolve(c, name, kind) return cloudflare.resolve(c.state, name, kind or "A", c.now) end

test("a name resolves some time after it was made", function()
  local c = new()
  upload(c, "web")
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
  local c = new()
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
  local c = new { dns_delay = 0 }
  record(c, { type = "CNAME", name = "docs", content = "example.com", ttl = 120 })
  equal(resolve(c, "docs.revelations.studio"),
    { rcode = "NOERROR", ttl = 120, answers = { { type = "CNAME", data = "example.com" } } })
end)

local function serve(c, host) return cloudflare.serve(c.state, { host = host or HOST }, c.now) end

test("a new domain has no certificate, then the Worker", function()
  local c = new()
  upload(c, "web")
  attach(c, "web")
  equal(serve(c).kind, "no-certificate")
  c.now = c.now + 10
  equal({ serve(c).kind, serve(c).script, serve(c).version.number }, { "worker", "web", 1 })
end)

test("a new upload shows the placeholder first, the next one the version before it", function()
  local c = new()
  upload(c, "web")
  result(c, "POST", SCRIPTS .. "web/subdomain", { enabled = true })
  local host = "web.davit.workers.dev"
  local first = serve(c, host)
  equal({ first.kind, first.status }, { "placeholder", 404 })
  equal(first.body:find("There is nothing here yet", 1, true) ~= nil, true)
  c.now = c.now + 3
  upload(c, "web")
  equal(serve(c, host).version.number, 1)
  equal(#cloudflare.versions(c.state, c.now), 2)
  c.now = c.now + 3
  equal(serve(c, host).version.number, 2)
  equal(#cloudflare.versions(c.state, c.now), 1)
end)

test("hosts without a Worker have errors of their own", function()
  local c = new()
  record(c, { type = "A", name = "bare", content = "192.0.2.1", proxied = true })
  local function seen(host)
    local answer = serve(c, host)
    return { answer.kind, answer.status, answer.code, answer.body }
  end
  equal(seen "bare.revelations.studio", { "error", 530, 1016, "error code: 1016" })
  c.now = c.now + 5
  equal(seen "bare.revelations.studio", { "error", 522, 522, "error code: 522" })
  equal(seen "none.davit.workers.dev", { "error", 404, 1042, "error code: 1042" })
  equal(serve(c, "example.com"), nil)
end)
