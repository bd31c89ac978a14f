---The Cloudflare provider against the models, and against what the models do not do.
local cloudflare = require "cloudflare"
local core = require "core"
local json = require "json"
local secret = require "secret.core"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local HOST = "codex-preview-42.revelations.studio"
local NAME = "codex-web-preview-42"
local MARK, OTHER = "codex/preview/42", "codex/preview/7"

-- ---- what the tests share ----------------------------------------------------------------

local function client(o)
  o = o or {}
  return cloudflare.client { account = o.account or "acc", zone = o.zone or "revelations.studio",
    token = o.token or "workers-token", dns_token = o.dns_token or "dns-token" }
end

local function worker_of(o)
  local base = { name = NAME, marker = MARK, main = "index.js", version_tag = "v1",
    compatibility_date = "2026-01-01",
    modules = { { name = "index.js", type = "application/javascript+module",
      body = "export default {}" } },
    bindings = { { name = "GREETING", type = "plain_text", text = "hello" },
      { name = "TOKEN", type = "secret_text", text = "hidden" } } }
  for name, value in pairs(o or {}) do base[name] = value end
  return base
end

local function record_of(o)
  local base = { host = HOST, marker = MARK }
  for name, value in pairs(o or {}) do base[name] = value end
  return base
end

local function foreign_record(w, fields)
  local record = { id = "foreign", zone_id = w.state.cloudflare.zones[1].id, type = "A",
    name = HOST,
    content = "192.0.2.1", proxied = true, ttl = 1, tags = {}, created = w.now, modified = w.now }
  for name, value in pairs(fields or {}) do record[name] = value end
  table.insert(w.state.cloudflare.records, record)
end

local function refusal(status, code, text)
  return { status = status, headers = {}, body = json.encode { success = false, result = json.null,
    messages = json.array {}, errors = json.array { { code = code, message = text or "no" } } } }
end

local function succeeded(result)
  return { status = 200, headers = {}, body = json.encode { success = true, result = result,
    messages = json.null, errors = json.null } }
end

local function metadata_of(w)
  return json.decode(w:last("^PUT .*bindings_inherit=strict").parts[1].data)
end

local function kinds(list)
  local names = {}
  for i, item in ipairs(list) do names[i] = item.kind .. " " .. item.name end
  return names
end

-- ---- options -----------------------------------------------------------------------------

test("a client says which option is missing, unknown or of the wrong type", function()
  raises("cloudflare.client: option 'token' is required", cloudflare.client, {})
  raises("cloudflare.client: unknown option 'zon' %(expected account, token", cloudflare.client,
    { token = "t", zon = "x" })
  raises("option 'token' must be a string or a secret, not a number", cloudflare.client,
    { token = 1 })
  raises("expected a table of options, not a nil", cloudflare.client)
end)

test("resources refuse mistakes before anything is sent", function()
  local w <close> = open()
  local cf = client()
  raises("cloudflare.dns_record: option 'host' is required", cf.dns_record, { marker = MARK })
  raises("does not lie in the zone", cf.dns_record, record_of { host = "example.com" })
  raises("'marker' must be like", cf.dns_record, record_of { marker = "codex" })
  raises("unknown option 'hsot'", cf.domain, { hsot = HOST, worker = NAME })
  raises("option 'worker' is required", cf.domain, { host = HOST })
  raises("cloudflare.worker: option 'name' is required", cf.worker, { marker = MARK })
  raises("option 'bindings' must be a table, not a string", cf.worker, worker_of { bindings = "x" })
  raises("modules: option 'body' is required", cf.worker,
    worker_of { modules = { { name = "a", type = "text/plain" } } })
  raises("the path 'style.css' must begin with '/'", cf.worker,
    worker_of { assets = { ["style.css"] = { body = "" } } })
  raises("the options 'main' and 'modules' are required", cf.worker({ name = "x",
    marker = MARK }).create)
  raises("cloudflare.workers_dev: option 'worker' is required", cf.workers_dev, { marker = MARK })
  raises("cloudflare.inventory: expected a marker", cf.inventory)
  raises("expected an item of the inventory", cf.destroy, { kind = "zone" })
  raises("cloudflare.has_secret: expected the names", cf.has_secret, NAME)
  equal(#w.log, 0)
end)

test("a client without a zone says so when one is needed", function()
  local w <close> = open()
  local cf = cloudflare.client { account = "acc", token = "workers-token" }
  raises("the client has no zone", cf.dns_record, record_of())
  equal(#w.log, 0)
end)

-- ---- account and tokens ------------------------------------------------------------------

test("the account is the zone's when it is not given, and is looked up once", function()
  local w <close> = open()
  local cf = cloudflare.client { zone = "revelations.studio", token = "workers-token", dns_token = "dns-token" }
  equal(cf.worker({ name = NAME, marker = MARK }).find(), nil)
  equal(cf.worker({ name = NAME, marker = MARK }).find(), nil)
  equal(w:count("^GET /client/v4/zones%?"), 1)
  equal(w:count("accounts/acc/workers/scripts/"), 2)
end)

test("without zone and account the only account that the token sees is taken", function()
  local w <close> = open()
  w:fail("/accounts%?$", succeeded(json.array { { id = "acc", name = "Davit" } }))
  local cf = cloudflare.client { token = "workers-token" }
  equal(cf.worker({ name = NAME, marker = MARK }).find(), nil)
  w:fail("/accounts%?$", succeeded(json.array { { id = "a", name = "A" }, { id = "b",
    name = "B" } }))
  cf = cloudflare.client { token = "workers-token" }
  raises("sees several accounts: a %(A%), b %(B%); say which one with the option 'account'",
    cf.worker({ name = NAME, marker = MARK }).find)
end)

test("a zone that the token does not see is an error of its own", function()
  local _ <close> = open()
  local cf = client { zone = "example.org" }
  raises("the token sees no zone example.org", cf.dns_record({ host = "example.org",
    marker = MARK }).find)
end)

-- ---- DNS records -------------------------------------------------------------------------

test("a record is created once, proxied, to the zone itself, with its marker", function()
  local w <close> = open()
  local record = client().dns_record(record_of())
  local thing = ensure(record)
  equal({ thing.type, thing.content, thing.proxied, thing.marker },
    { "CNAME", "revelations.studio", true, MARK })
  equal(ensure(record).id, thing.id)
  equal({ w:count("^POST"), w:count("^PATCH") }, { 1, 0 })
  record.destroy()
  equal(record.find(), nil)
  record.destroy()
end)

test("a record of ours that points elsewhere is brought up to date", function()
  local w <close> = open()
  ensure(client().dns_record(record_of { content = "old.example.com" }))
  equal(ensure(client().dns_record(record_of())).content, "revelations.studio")
  equal(w:count("^PATCH"), 1)
end)

test("a record of somebody else is neither taken over nor deleted", function()
  local w <close> = open()
  foreign_record(w)
  local record = client().dns_record(record_of())
  raises("carries no marker of Davit", ensure, record)
  raises("carries no marker of Davit.*nothing was changed", record.destroy)
  w.state.cloudflare.records[1].comment = "davit " .. OTHER
  raises("belongs to codex/preview/7, not to codex/preview/42", ensure, record)
  equal(w:count("^POST") + w:count("^DELETE") + w:count("^PATCH"), 0)
end)

test("a created record whose answer was lost is found, not created again", function()
  local w <close> = open()
  w:fail("^POST", { lost = "after" })
  equal(ensure(client().dns_record(record_of())).marker, MARK)
  equal(w:count("^POST"), 1)
end)

test("a server error after a POST is in doubt: it is not sent again blindly", function()
  local w <close> = open()
  w:fail("^POST", { status = 502, headers = {}, body = "<html>bad gateway</html>" })
  local err = raises("look before trying again", client().dns_record(record_of()).create)
  equal({ err.class, w:count("^POST") }, { "unknown", 1 })
end)

test("an identical record means: look again", function()
  local w <close> = open()
  for _, code in ipairs { 81057, 81058 } do
    w:fail("^POST", refusal(400, code))
    equal(raises(tostring(code), client().dns_record(record_of()).create).class, "converge")
  end
end)

test("a record of another type at the host stops with advice", function()
  local w <close> = open()
  for _, code in ipairs { 81053, 81054 } do
    w:fail("^POST", refusal(400, code))
    equal(raises("somebody else has that host", client().dns_record(record_of()).create).class,
      "fatal")
  end
end)

test("a record that is gone when it is deleted is deleted", function()
  local w <close> = open()
  local record = client().dns_record(record_of())
  ensure(record)
  w:fail("^DELETE", refusal(404, 81044))
  record.destroy()
end)

-- ---- Workers -----------------------------------------------------------------------------

test("a Worker is uploaded as wrangler does, with its marker and its tag", function()
  local w <close> = open()
  local thing = ensure(client().worker(worker_of()))
  equal({ thing.name, thing.marker, thing.version_tag, thing.version_id },
    { NAME, MARK, "v1", w.state.cloudflare.scripts[NAME].versions[1].id })
  local parts, metadata = w:last("^PUT").parts, metadata_of(w)
  equal({ parts[1].name, parts[1].filename, parts[1].type }, { "metadata" })
  equal({ parts[2].name, parts[2].filename, parts[2].type },
    { "index.js", "index.js", "application/javascript+module" })
  equal(metadata.tags[1], "davit:" .. MARK)
  equal(metadata.annotations["workers/tag"], "v1")
  equal(#metadata.keep_bindings, 0)
  equal(metadata.bindings[2], { name = "TOKEN", type = "secret_text", text = "hidden" })
end)

test("secrets reach the request as templates only", function()
  local w <close> = open()
  local token = secret.new("TOKEN", "not-to-be-seen", { "api.cloudflare.com" })
  w:fail("^PUT", succeeded { id = NAME })
  client({ token = token }).worker(worker_of { bindings = {
    { name = "TOKEN", type = "secret_text", text = token } } }).create()
  local request = w:last("^PUT")
  equal({ type(request.headers.authorization), type(request.parts[1].data) }, { "userdata",
    "userdata" })
  equal(tostring(request.parts[1].data), "[secret template: TOKEN]")
end)

test("a Worker whose version serves already is not uploaded again", function()
  local w <close> = open()
  ensure(client().worker(worker_of()))
  ensure(client().worker(worker_of()))
  equal(w:count("^PUT"), 1)
  ensure(client().worker(worker_of { version_tag = "v2" }))
  ensure(client().worker(worker_of { version_tag = "v2", bindings = {} }))
  equal(w:count("^PUT"), 3)
end)

test("a secret put by hand makes another version: the Worker is uploaded again", function()
  local w <close> = open()
  local worker = client().worker(worker_of())
  ensure(worker)
  table.insert(w.state.cloudflare.scripts[NAME].versions, { id = "by-hand", script = NAME,
    number = 2,
    bindings = {}, created = w.now, annotations = {} })
  table.insert(w.state.cloudflare.scripts[NAME].deployments,
    { id = "d", versions = { { version_id = "by-hand", percentage = 100 } }, created = w.now, annotations = {} })
  ensure(worker)
  equal(w:count("^PUT"), 2)
end)

test("a Worker that shall always be uploaded is, though what serves has the tag", function()
  local w <close> = open()
  local first = ensure(client().worker(worker_of()))
  local second = ensure(client().worker(worker_of { always = true }))
  equal(second.version_id ~= first.version_id, true)
  equal({ w:count("^PUT"), second.version_tag }, { 2, "v1" })
end)

test("an upload whose answer was lost is looked for before it is sent again", function()
  local w <close> = open()
  w:fail("^PUT", { lost = "after" })
  equal(ensure(client().worker(worker_of())).version_tag, "v1")
  equal(w:count("^PUT"), 1)
  w:fail("^PUT", { lost = "before" })
  ensure(client().worker(worker_of { version_tag = "v2" }))
  equal(#w.state.cloudflare.scripts[NAME].versions, 2)
end)

test("concurrent changes and unknown errors are waited out, up to longer each time", function()
  local w <close> = open()
  w:fail("^PUT", refusal(409, 10035), 3)
  ensure(client().worker(worker_of()))
  equal(#w.pauses, 3)
  for i, most in ipairs { 0.5, 1, 2 } do
    equal({ i, w.pauses[i] <= most and w.pauses[i] >= 0 }, { i, true })
  end
  w:fail("^GET .*settings", refusal(500, 10013))
  equal(client().worker(worker_of()).find().name, NAME)
end)

test("what was made a moment ago is waited for where Cloudflare does not show it yet", function()
  local w <close> = open()
  local cf = client()
  ensure(cf.worker(worker_of()))
  w:fail("^POST .*subdomain", refusal(404, 10007), 2)
  equal(ensure(cf.workers_dev { worker = NAME, marker = MARK }).host, NAME .. ".davit.workers.dev")
  equal(w:count("^POST .*subdomain"), 3)
  equal(cf.worker({ name = "never-made", marker = MARK }).find(), nil)
end)

test("bulk changes are waited out; when Cloudflare's side fails for good, the error says where to look", function()
  local w <close> = open()
  w:fail("^PUT", refusal(400, 10046), 2)
  ensure(client().worker(worker_of()))
  equal(w:count("^PUT"), 3)
  w:fail("^GET .*settings", refusal(500, 10013), 1000)
  local _, err = try(client().worker(worker_of()).find)
  equal({ err.class, err.hint:find("cloudflarestatus.com", 1, true) ~= nil }, { "transient", true })
end)

test("a Worker of somebody else is neither overwritten nor deleted", function()
  local w <close> = open()
  ensure(client().worker(worker_of { marker = OTHER }))
  raises("the Worker codex%-web%-preview%-42 belongs to codex/preview/7", ensure,
    client().worker(worker_of()))
  raises("nothing was changed", client().worker(worker_of()).destroy)
  equal(w:count("^DELETE"), 0)
end)

test("a Worker is deleted by its name and marker alone, also when it is gone", function()
  local _ <close> = open()
  local cf = client()
  ensure(cf.worker(worker_of()))
  local named = cf.worker { name = NAME, marker = MARK }
  named.destroy()
  equal(named.find(), nil)
  named.destroy()
end)

test("a Worker is told to have a secret or not", function()
  local _ <close> = open()
  local cf = client()
  equal(cf.has_secret(NAME, "TOKEN"), false)
  ensure(cf.worker(worker_of()))
  equal({ cf.has_secret(NAME, "TOKEN"), cf.has_secret(NAME, "GREETING") }, { true, false })
end)

test("the workers.dev host belongs to whoever has the Worker", function()
  local _ <close> = open()
  local cf = client()
  ensure(cf.worker(worker_of()))
  local host = cf.workers_dev { worker = NAME, marker = MARK }
  equal(ensure(host).host, NAME .. ".davit.workers.dev")
  raises("belongs to codex/preview/42", cf.workers_dev({ worker = NAME, marker = OTHER }).destroy)
  host.destroy()
  equal(host.find(), nil)
end)

-- ---- assets ------------------------------------------------------------------------------

local function assets_of(count)
  local files = { ["/a.css"] = { body = "same", type = "text/css" }, ["/a.js"] = { body = "same" } }
  for i = 3, count do files[("/page-%03d.html"):format(i)] = { body = "page " .. i,
    type = "text/html" } end
  return files
end

test("equal bytes under two extensions are two assets, each with its type", function()
  local w <close> = open()
  ensure(client().worker(worker_of { assets = assets_of(2) }))
  local manifest = w.state.cloudflare.scripts[NAME].versions[1].assets.manifest
  equal({ #manifest["/a.css"].hash, manifest["/a.css"].hash ~= manifest["/a.js"].hash }, { 32,
    true })
  equal(w.state.cloudflare.assets[manifest["/a.css"].hash].type, "text/css")
  equal(w.state.cloudflare.assets[manifest["/a.js"].hash], { body = "same" })
end)

test("all buckets are sent, and nothing a second time", function()
  local w <close> = open()
  ensure(client().worker(worker_of { assets = assets_of(120) }))
  equal(w:count("assets/upload%?base64=true"), 3)
  w:forget()
  ensure(client().worker(worker_of { assets = assets_of(120), version_tag = "v2" }))
  equal(w:count("assets/upload%?base64=true"), 0)
end)

test("a bucket whose answer was lost is sent again", function()
  local w <close> = open()
  w:fail("assets/upload%?", { lost = "before" })
  ensure(client().worker(worker_of { assets = assets_of(2) }))
  equal(w:count("assets/upload%?"), 2)
end)

test("a Worker may be assets alone", function()
  local w <close> = open()
  ensure(client().worker { name = NAME, marker = MARK, assets = assets_of(2), version_tag = "v1" })
  equal(w.state.cloudflare.scripts[NAME].versions[1].main_module, nil)
end)

-- ---- domains -----------------------------------------------------------------------------

local function deployed(cf, o)
  ensure(cf.worker(worker_of(o)))
  return cf.domain { host = HOST, worker = o and o.name or NAME, marker = o and o.marker or MARK }
end

test("a domain takes the place of our record, which then is found through it", function()
  local w <close> = open()
  local cf = client()
  local record = cf.dns_record(record_of())
  ensure(record)
  equal(ensure(deployed(cf)).worker, NAME)
  equal(json.decode(w:last("^PUT .*domains/records").body).override_existing_dns_record, true)
  local thing = ensure(record)
  equal({ thing.managed, thing.worker, thing.marker }, { true, NAME, MARK })
  equal(w:count("^PATCH"), 0)
end)

test("a host without a record is attached without permission to overwrite one", function()
  local w <close> = open()
  ensure(deployed(client()))
  local body = json.decode(w:last("^PUT .*domains/records").body)
  equal({ body.override_existing_dns_record, body.override_existing_origin }, { false, false })
end)

test("a host with a record of somebody else is not attached", function()
  local w <close> = open()
  foreign_record(w)
  raises("the DNS record codex.* carries no marker", ensure, deployed(client()))
  equal(w:count("^PUT .*domains/records"), 0)
end)

test("a Worker without a marker gives no right to any record", function()
  local w <close> = open()
  local cf = client()
  local domain = deployed(cf)
  w.state.cloudflare.scripts[NAME].tags = {}
  foreign_record(w)
  raises("the Worker codex.* carries no marker", domain.create)
  raises("the DNS record codex.* carries no marker",
    cf.domain({ host = HOST, worker = NAME }).create)
  equal(w:count("^PUT .*domains/records"), 0)
end)

test("a domain of a Worker that only has our Worker's name is not detached", function()
  local w <close> = open()
  local cf = client()
  local domain = deployed(cf)
  ensure(domain)
  w.state.cloudflare.scripts[NAME].tags = {}
  raises("the Worker codex.* carries no marker of Davit.*nothing was changed", domain.destroy)
  raises("carries no marker", ensure, domain)
  equal(#w.state.cloudflare.domains, 1)
end)

test("a record that appears in between is refused by the service, with advice", function()
  local w <close> = open()
  w:fail("^PUT .*domains/records", refusal(409, 100117))
  raises("100117.*a record of somebody else has that host", ensure, deployed(client()))
end)

test("a domain of another Worker is not taken over", function()
  local _ <close> = open()
  local cf = client()
  ensure(deployed(cf, { name = "other-preview-7", marker = OTHER }))
  raises("leads to the Worker other%-preview%-7, not to codex%-web%-preview%-42", ensure,
    deployed(cf))
  raises("nothing was changed", deployed(cf).destroy)
  raises("belongs to codex/preview/7", ensure, cf.dns_record(record_of()))
end)

test("a second domain leaves the first where it is", function()
  local w <close> = open()
  local cf = client()
  ensure(deployed(cf))
  ensure(cf.domain { host = "second.revelations.studio", worker = NAME })
  equal(#w.state.cloudflare.domains, 2)
end)

test("a managed record cannot be destroyed before its domain", function()
  local _ <close> = open()
  local cf = client()
  local domain = deployed(cf)
  ensure(domain)
  raises("held by the custom domain of the Worker codex%-web%-preview%-42; destroy the domain first",
    cf.dns_record(record_of()).destroy)
  domain.destroy()
  domain.destroy()
  equal(cf.dns_record(record_of()).find(), nil)
end)

-- ---- inventory ---------------------------------------------------------------------------

test("the inventory lists what carries a marker, in the order to destroy it", function()
  local w <close> = open()
  local cf = client()
  ensure(deployed(cf))
  ensure(cf.dns_record { host = "api-preview-42.revelations.studio", marker = MARK })
  ensure(cf.worker(worker_of { name = "codex-web-preview-421", marker = "codex/preview/421" }))
  foreign_record(w, { name = "www.revelations.studio" })
  local list = cf.inventory(MARK)
  equal(kinds(list), { "domain " .. HOST, "worker " .. NAME,
    "dns api-preview-42.revelations.studio" })
  for _, item in ipairs(list) do cf.destroy(item) end
  equal(cf.inventory(MARK), {})
  equal(kinds(cf.inventory "codex/preview"), { "worker codex-web-preview-421" })
end)

test("the inventory reads every page of records", function()
  local w <close> = open()
  for i = 1, 230 do
    foreign_record(w, { id = "r" .. i, name = ("h%d.revelations.studio"):format(i),
      comment = "davit " .. MARK })
  end
  equal(#client().inventory(MARK), 230)
  equal(w:count("dns_records"), 3)
end)

-- ---- answers that mislead ----------------------------------------------------------------

test("a 429 is throttling even with the code of a missing permission", function()
  local w <close> = open()
  local answer = refusal(429, 10000, "Rate limited. Please wait")
  answer.headers["Retry-After"] = "7"
  w:fail("settings", answer)
  equal(client().worker(worker_of()).find(), nil)
  equal(w.pauses, { 7 })
end)

test("a wait that is longer than the budget is not begun", function()
  local w <close> = open()
  local answer = refusal(429, 971)
  answer.headers["retry-after"] = "300"
  w:fail("settings", answer)
  local err = raises("code 971", client().worker(worker_of()).find)
  equal({ err.class, #w.pauses }, { "throttled", 0 })
end)

test("a wrong account id names itself", function()
  local _ <close> = open()
  raises("permission 'Workers Scripts: Edit', and the account must be its own",
    client({ account = "other" }).worker(worker_of()).find)
  raises("look at the account id", function()
    local w <close> = open()
    w:fail("settings", refusal(404, 7003))
    client().worker(worker_of()).find()
  end)
end)

test("success decides, not the status", function()
  local w <close> = open()
  w:fail("settings", refusal(200, 10021, "Uncaught SyntaxError"))
  raises("could not read the Worker codex%-web%-preview%-42: code 10021, status 200: Uncaught SyntaxError",
    client().worker(worker_of()).find)
end)

test("missing Workers are known by each of their codes", function()
  local w <close> = open()
  for _, code in ipairs { 10007, 10090, 10092 } do
    w:fail("settings", refusal(404, code))
    equal(client().worker(worker_of()).find(), nil)
  end
end)

test("a page of the firewall is not the API, and not tried again", function()
  local w <close> = open()
  w:fail("settings", { status = 403, headers = { ["cf-mitigated"] = "challenge" },
    body = "<html>" })
  raises("a page that is not the API's; Cloudflare challenges this machine",
    client().worker(worker_of()).find)
  equal(#w.pauses, 0)
end)

test("a page of a proxy is tried again until the budget is used up", function()
  local w <close> = open()
  w:fail("settings", { status = 502, headers = {}, body = "<html>" }, 1000)
  local err = raises("status 502.*tried %d+ times", client().worker(worker_of()).find)
  equal({ err.class, w.now - w.began <= 120, w.now - w.began > 100 }, { "transient", true, true })
end)
