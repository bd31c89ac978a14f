---The model of Cloudflare: previews of Workers, their deployments, what new ones begin with, where they are seen.
local core = require "core"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local base64 = require "base64"
local certificates = require "cloud.certificates"
local cloudflare = require "cloud.cloudflare"
local data = require "cloud.data"
local json = require "json"
local store = require "cloud.store"

local S, W = client.S, client.W
local WEB = W .. "/workers/web"
local ALL = WEB .. "/previews"
local MODULE = "application/javascript+module"
local CODE = "export default { fetch() {} }"

-- A client whose account has a Worker with previews on workers.dev.
local function with_worker(seed)
  local c = client.new(seed)
  c:result("POST", W .. "/workers", { name = "web", subdomain = { enabled = true, previews_enabled = true } })
  return c
end

local function made(c, name, more, query)
  local body = { name = name }
  for key, value in pairs(more or {}) do body[key] = value end
  return c:result("POST", ALL .. (query or ""), body)
end

local function form(metadata, code)
  local parts = { ("--x\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n%s\r\n"):format(json.encode(metadata)) }
  local function add(name, body, type)
    parts[#parts + 1] = ("--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"%s\"\r\nContent-Type: %s"
      .. "\r\n\r\n%s\r\n"):format(name, type, body)
  end
  if type(code) == "table" then
    for name, body in pairs(code) do add(name, body, name:sub(1, 1) == "_" and "text/plain" or MODULE) end
  else
    add("index.js", code or CODE, MODULE)
  end
  return table.concat(parts) .. "--x--\r\n"
end

local HEADERS = { headers = { ["content-type"] = "multipart/form-data; boundary=x", ["user-agent"] = "wrangler/4.164.0" } }

local function upload_of(metadata)
  local whole = { main_module = "index.js", compatibility_date = "2026-01-01" }
  for key, value in pairs(metadata or {}) do whole[key] = value end
  return whole
end

local function deployed(c, preview, metadata, code, query)
  return c:result("POST", ("%s/%s/deployments%s"):format(ALL, preview, query or ""), form(upload_of(metadata), code), HEADERS)
end

local function refused(c, preview, metadata, code, o)
  local more = { headers = HEADERS.headers, rejected = o and o.rejected }
  return c:refused("POST", ("%s/%s/deployments"):format(ALL, preview), form(upload_of(metadata), code), more)
end

local function latest(c, preview) return c:result("GET", ("%s/%s/deployments/latest"):format(ALL, preview)) end

local function text(value) return { type = "plain_text", text = value } end

local function secret(value) return { type = "secret_text", text = value } end

local function host_of(url) return (url:gsub("^https://", "")) end

-- What somebody meets at a host: the version's id, or what there is in its place.
local function seen(c, host)
  local served = cloudflare.serve(c.state, { host = host }, c.now)
  if served.kind == "worker" then return served.version.id end
  return served.code or served.kind
end

-- ---- previews ----------------------------------------------------------------------------

test("a preview is made once and found by its id, its name and its slug", function()
  local c = with_worker()
  local preview = made(c, "feature/My_Branch", { tags = json.array { "team" }, tail_consumers = json.array { { name = "tail" } } })
  equal({ preview.name, preview.slug, preview.worker_name, #preview.id }, { "feature/My_Branch", "feature-my-branch", "web", 32 })
  equal(preview.urls, { "https://feature-my-branch-web.davit.workers.dev" })
  equal({ preview.tags, preview.tail_consumers, preview.logpush }, { { "team" }, { { name = "tail" } }, false })
  equal(preview.deployed_on, json.null)
  for _, named in ipairs { preview.id, "feature%2FMy_Branch", "feature-my-branch" } do
    equal(c:result("GET", ALL .. "/" .. named).id, preview.id)
  end
  equal(c:refused("GET", ALL .. "/other"), { 404, 10025 })
  equal(c:refused("GET", W .. "/workers/nobody/previews/other"), { 404, 10007 })
end)

test("a name that is taken, or whose slug is, is refused", function()
  local c = with_worker()
  made(c, "a/b")
  equal(c:refused("POST", ALL, { name = "a/b" }), { 409, 10040 })
  equal(c:refused("POST", ALL, { name = "A.B" }), { 409, 10040 })
  c:result("POST", W .. "/workers", { name = "other" })
  equal(c:result("POST", W .. "/workers/other/previews", { name = "a/b" }).slug, "a-b")
end)

test("names and tags that no preview may have are refused", function()
  local c = with_worker()
  for _, name in ipairs { "", "-a", "a-", "a b", ("a"):rep(257), 7 } do
    equal(c:refused("POST", ALL, { name = name }), { 400, 10016 })
  end
  equal(c:refused("POST", ALL, {}), { 400, 10016 })
  equal(c:refused("POST", ALL, { name = "a", tags = json.array { "a,b" } }), { 400, 10026 })
  equal(c:refused("POST", ALL, { name = "a", tags = json.array { "1", "2", "3", "4", "5", "6", "7", "8", "9" } }), { 400, 10026 })
  equal(c:refused("POST", ALL, { name = "a", logpush = "yes" }), { 400, 10026 })
  equal(#c:result("GET", ALL), 0)
  equal(made(c, ("a"):rep(256)).name, ("a"):rep(256))
end)

test("previews are listed with pages, filters and orders", function()
  local c = with_worker()
  for _, name in ipairs { "one", "two", "three" } do
    c.now = c.now + 10
    made(c, name)
  end
  c.now = c.now + 10
  deployed(c, "two")
  local function names(query)
    local list = {}
    for i, preview in ipairs(c:result("GET", ALL .. query)) do list[i] = preview.name end
    return list
  end
  equal(names "?order_by=created_on", { "three", "two", "one" })
  equal(names "?order_by=name&order=asc", { "one", "three", "two" })
  equal(names "", { "two", "one", "three" })   -- the one that was deployed first
  equal(names "?name=t&order_by=name&order=asc", { "three", "two" })
  equal(names "?slug=one", { "one" })
  local page, info = c:result("GET", ALL .. "?per_page=2&page=2")
  equal({ #page, info.total_count, info.total_pages }, { 1, 3, 2 })
end)

test("a preview is changed in part, or as a whole", function()
  local c = with_worker()
  made(c, "main", { tags = json.array { "a" }, logpush = true })
  local preview = c:result("PATCH", ALL .. "/main", { observability = { enabled = true } })
  equal({ preview.observability, preview.tags, preview.logpush }, { { enabled = true }, { "a" }, true })
  preview = c:result("PUT", ALL .. "/main", { name = "renamed" })
  equal({ preview.name, preview.slug, preview.tags, preview.logpush }, { "renamed", "main", {}, false })
  equal(c:refused("PUT", ALL .. "/main", {}), { 400, 10016 })
  made(c, "other")
  equal(c:refused("PATCH", ALL .. "/main", { name = "other" }), { 409, 10040 })
end)

test("a deleted preview is gone with its deployments, and its Worker takes all of them", function()
  local c = with_worker()
  made(c, "main")
  local id = deployed(c, "main").id
  equal(c:result("DELETE", ALL .. "/main"), json.null)
  equal(c:refused("GET", ALL .. "/main"), { 404, 10025 })
  equal(c:refused("GET", ("%s/main/deployments/%s"):format(ALL, id)), { 404, 10025 })
  equal(c:refused("DELETE", ALL .. "/main"), { 404, 10025 })
  made(c, "main")
  c:result("DELETE", WEB)
  equal(c:refused("GET", ALL .. "/main"), { 404, 10007 })
end)

test("a token that may only read cannot make a preview", function()
  local c = with_worker { tokens = { { value = "reader", permissions = { "Workers Scripts Read" } } } }
  made(c, "main")
  c.token = "reader"
  equal(#c:result("GET", ALL), 1)
  equal(c:refused("POST", ALL, { name = "other" }), { 403, 10000 })
  equal(c:refused("DELETE", ALL .. "/main"), { 403, 10000 })
end)

test("the one that was deployed to longest ago makes room, and so does the oldest deployment", function()
  local c = with_worker { settings = { workers_plan = "free", cloudflare_requests = 1000000 } }
  for i = 1, 100 do
    c.now = c.now + 1
    made(c, "p" .. i)
  end
  deployed(c, "p1")
  made(c, "p101")
  equal(c:refused("GET", ALL .. "/p2"), { 404, 10025 })
  equal({ c:result("GET", ALL .. "/p1").name, select(2, c:result("GET", ALL)).total_count }, { "p1", 100 })
  for _ = 2, 101 do deployed(c, "p1") end
  local page, info = c:result("GET", ALL .. "/p1/deployments?per_page=100")
  equal({ info.total_count, page[1].number, page[100].number }, { 100, 101, 2 })
end)

-- ---- deployments -------------------------------------------------------------------------

test("a deployment is made of form data with a map of bindings, and shown in both forms", function()
  local c = with_worker()
  local preview = made(c, "main")
  local deployment = deployed(c, preview.id, { annotations = { ["workers/message"] = "m", ["workers/tag"] = "t" },
    limits = { cpu_ms = 50 }, env = { GREETING = text "hello", KEY = secret "hush", LIST = { type = "json", json = { 1, 2 } },
      DB = { type = "d1", database_id = "11111111-2222-3333-4444-555555555555" } } })
  equal({ deployment.number, deployment.preview_id, deployment.preview_name, deployment.source, deployment.startup_time_ms },
    { 1, preview.id, "main", "wrangler", 4 })
  equal({ deployment.env.GREETING, deployment.env.KEY, deployment.env.LIST },
    { text "hello", { type = "secret_text" }, { type = "json", json = { 1, 2 } } })
  equal(#deployment.bindings, 4)
  equal(deployment.annotations, { ["workers/message"] = "m", ["workers/tag"] = "t",
    ["workers/triggered_by"] = "create_preview_deployment_api" })
  equal({ deployment.limits, deployment.compatibility_date, deployment.modules }, { { cpu_ms = 50 }, "2026-01-01", nil })
  equal(deployment.urls, { ("https://%s-web.davit.workers.dev"):format(deployment.id:sub(1, 8)) })
  equal(c:result("GET", ALL .. "/main").deployed_on, deployment.created_on)
  for _, named in ipairs { "latest", deployment.id, deployment.id:sub(1, 8) } do
    equal(c:result("GET", ("%s/main/deployments/%s"):format(ALL, named)), deployment)
  end
  equal(c:refused("GET", ALL .. "/main/deployments/" .. deployment.id:sub(1, 7)), { 404, 10336 })
end)

test("a deployment may be JSON with modules in base64, which are given back when asked for", function()
  local c = with_worker()
  made(c, "main")
  local deployment = c:result("POST", ALL .. "/main/deployments?include=modules", { main_module = "index.js",
    bindings = json.array { { name = "A", type = "plain_text", text = "a" } },
    modules = json.array { { name = "index.js", content_type = MODULE, content_base64 = base64.encode(CODE) } } })
  equal(deployment.modules, { { name = "index.js", content_type = MODULE, content_base64 = base64.encode(CODE) } })
  equal(deployment.env, { A = text "a" })
  equal(c:refused("POST", ALL .. "/main/deployments", { main_module = "index.js",
    modules = json.array { { name = "index.js" } } }), { 400, 10026 })
end)

test("nothing is inherited from the Worker, nor from the deployment before, unless it is asked for", function()
  local c = with_worker()
  c:put("web", { bindings = { { name = "OF_WORKER", type = "plain_text", text = "x" },
    { name = "HIDDEN", type = "secret_text", text = "x" } } })
  made(c, "main")
  deployed(c, "main", { env = { KEY = secret "hush", A = text "a" } })
  equal(latest(c, "main").env, { KEY = { type = "secret_text" }, A = text "a" })
  equal(deployed(c, "main", { env = { KEY = { type = "inherit" } } }).env, { KEY = { type = "secret_text" } })
  equal(deployed(c, "main").env, {})
  equal(refused(c, "main", { env = { KEY = { type = "inherit" } } }), { 400, 10057 })
  equal(c:bindings("web").OF_WORKER.text, "x")
end)

test("what cannot be deployed is refused, and the preview stays as it was", function()
  local c = with_worker()
  made(c, "main")
  local id = deployed(c, "main").id
  equal(refused(c, "main", { main_module = "other.js" }), { 400, 10021 })
  equal(refused(c, "main", {}, nil, { rejected = { code = 10021, message = "Uncaught SyntaxError" } }), { 400, 10021 })
  equal(refused(c, "main", { env = { A = { type = "nothing" } } }), { 400, 10021 })
  equal(refused(c, "main", { env = { A = "text" } }), { 400, 10026 })
  equal(refused(c, "main", { env = { OTHER = { type = "service", service = "nobody" } } }), { 400, 10143 })
  equal(refused(c, "main", { compatibility_date = "2999-01-01" }), { 400, 10021 })
  equal(refused(c, "main", { annotations = { ["workers/tag"] = ("t"):rep(101) } }), { 400, 10026 })
  equal(refused(c, "main", { assets = { jwt = "made-up" } }), { 401, 10000 })
  equal(refused(c, "other"), { 404, 10025 })
  equal(latest(c, "main").id, id)
  local long = deployed(c, "main", { annotations = { ["workers/message"] = ("é"):rep(600) } })
  equal(long.annotations["workers/message"], ("é"):rep(500))
end)

test("assets come by their token, and their rules as modules of their own", function()
  local c = with_worker()
  made(c, "main")
  local hash = ("a"):rep(32)
  local session = c:result("POST", S .. "web/assets-upload-session", { manifest = { ["/index.html"] = { hash = hash, size = 4 } } })
  local jwt = c.token
  c.token = session.jwt
  local completion = c:result("POST", W .. "/assets/upload?base64=true", client.form { { hash, base64.encode "home", "text/html" } },
    { headers = client.form_headers }).jwt
  c.token = jwt
  local whole = { assets = { jwt = completion, config = { html_handling = "none" } } }
  local body = form(whole, { ["_headers"] = "/*\n  x-a: b\n" })
  local deployment = c:result("POST", ALL .. "/main/deployments?include=modules", body, HEADERS)
  equal(deployment.assets.config, { html_handling = "none", _headers = "/*\n  x-a: b\n" })
  equal(deployment.modules, {})
  equal(c:result("PATCH", ALL .. "/main/deployments/latest", {}).assets.config.html_handling, "none")
end)

test("a deployment can be deleted, then the one before serves", function()
  local c = with_worker()
  made(c, "main")
  equal(c:refused("GET", ALL .. "/main/deployments/latest"), { 404, 10222 })
  local first, second = deployed(c, "main"), deployed(c, "main")
  equal(latest(c, "main").id, second.id)
  c:result("DELETE", ALL .. "/main/deployments/latest")
  equal(latest(c, "main").id, first.id)
  c:result("DELETE", ALL .. "/main/deployments/" .. first.id)
  equal(#c:result("GET", ALL .. "/main/deployments"), 0)
  equal(c:refused("DELETE", ALL .. "/main/deployments/latest"), { 404, 10222 })
  equal(deployed(c, "main").number, 3)
end)

test("migrations make namespaces of the preview's own", function()
  local c = with_worker()
  made(c, "main")
  local preview = made(c, "other")
  local metadata = { migrations = { new_tag = "v1", steps = { { new_sqlite_classes = { "Counter" } } } },
    env = { COUNTER = { type = "durable_object_namespace", class_name = "Counter" } } }
  deployed(c, "main", metadata)
  equal(deployed(c, "other", metadata).migration_tag, "v1")
  equal(refused(c, "other", { migrations = { old_tag = "v0", new_tag = "v2" } }), { 400, 10079 })
  equal(deployed(c, "other").migration_tag, "v1")
  local list = c:result("GET", "/accounts/acc/workers/durable_objects/namespaces")
  equal({ #list, list[2].class, list[2].script, list[2].preview }, { 2, "Counter", "web", { id = preview.id, name = "other" } })
  equal(list[1].id ~= list[2].id, true)
end)

-- ---- the newest one, patched -------------------------------------------------------------

test("a patch of the newest deployment makes a new one with what it changes", function()
  local c = with_worker()
  made(c, "main")
  local first = deployed(c, "main", { env = { A = text "a", B = text "b" }, annotations = { ["workers/tag"] = "t" } })
  local function patched(body) return c:result("PATCH", ALL .. "/main/deployments/latest", body) end
  local second = patched { env = { KEY = secret "hush", B = json.null }, annotations = { ["workers/message"] = "m" } }
  equal({ second.number, second.id ~= first.id, second.env }, { 2, true, { A = text "a", KEY = { type = "secret_text" } } })
  equal({ second.annotations["workers/tag"], second.annotations["workers/message"] }, { "t", "m" })
  equal(patched({ env = { A = { text = "other" } } }).env.A, text "other")
  equal(patched({ limits = { cpu_ms = 10 }, compatibility_date = "2026-02-01" }).limits, { cpu_ms = 10 })
  local last = latest(c, "main")
  equal({ last.number, last.compatibility_date, last.env.KEY.type, last.main_module }, { 4, "2026-02-01", "secret_text", "index.js" })
  local kept = c.state.cloudflare.scripts.web.previews[1].deployments[4]
  equal(data.find(kept.bindings, "name", "KEY").text, "hush")
  equal(c:result("GET", ALL .. "/main/deployments/" .. first.id).env, { A = text "a", B = text "b" })
end)

test("there is nothing to patch before the first deployment", function()
  local c = with_worker()
  made(c, "main")
  local path = ALL .. "/main/deployments/latest"
  equal(c:refused("PATCH", path, { env = {} }), { 404, 10032 })
  equal(c:refused("PATCH", ALL .. "/other/deployments/latest", {}), { 404, 10025 })
  deployed(c, "main")
  equal(c:refused("PATCH", path, { env = { A = "text" } }), { 400, 10026 })
  equal(c:refused("PATCH", path, { env = { A = { type = "plain_text" } } }), { 400, 10021 })
  equal(latest(c, "main").number, 1)
end)

-- ---- what new previews begin with --------------------------------------------------------

test("new previews begin with what the Worker says, and keep it when that changes", function()
  local c = with_worker()
  local function base(body) return c:result("PATCH", WEB, { previews_base_config = body }).previews_base_config end
  equal(base { env = { KEY = secret "hush", A = text "base" }, limits = { cpu_ms = 5 }, logpush = true },
    { env = { KEY = { type = "secret_text" }, A = text "base" }, limits = { cpu_ms = 5 }, logpush = true })
  equal(made(c, "main").logpush, true)
  equal(base { env = { KEY = json.null, NEW = secret "new" } }.env, { A = text "base", NEW = { type = "secret_text" } })
  local first = deployed(c, "main", { env = { A = text "own", B = text "b" } })
  equal(first.env, { A = text "own", B = text "b", KEY = { type = "secret_text" } })
  equal(first.limits, { cpu_ms = 5 })
  equal(deployed(c, "main").env, {})   -- only the first one has it
  equal(made(c, "bare", nil, "?ignore_base_config=true").logpush, false)
  equal(deployed(c, "bare").env, {})
  made(c, "null")
  equal(deployed(c, "null", { env = { A = json.null, NEW = json.null } }).env, {})
  equal(c:result("GET", WEB).previews_base_config.env.NEW, { type = "secret_text" })
end)

test("what is no base for previews is refused, and null takes it back", function()
  local c = with_worker()
  equal(c:refused("PATCH", WEB, { previews_base_config = "x" }), { 400, 10026 })
  equal(c:refused("PATCH", WEB, { previews_base_config = { tail_consumers = 1 } }), { 400, 10026 })
  equal(c:refused("PATCH", WEB, { previews_base_config = { env = { A = { type = "plain_text" } } } }), { 400, 10021 })
  c:result("PATCH", WEB, { previews_base_config = { env = { A = text "a" } } })
  equal(c:result("PATCH", WEB, { tags = json.array {} }).previews_base_config.env, { A = text "a" })
  equal(c:result("PATCH", WEB, { previews_base_config = { env = json.null } }).previews_base_config, {})
  c:result("PATCH", WEB, { previews_base_config = { logpush = true } })
  equal(c:result("PATCH", WEB, { previews_base_config = json.null }).previews_base_config, {})
end)

-- ---- where they are seen -----------------------------------------------------------------

test("a preview shows its newest deployment, and each deployment has a host of its own", function()
  local c = with_worker()
  local preview = made(c, "main")
  local host = host_of(preview.urls[1])
  equal(seen(c, host), "placeholder")
  local first = deployed(c, "main")
  equal(seen(c, host), "placeholder")
  c.now = c.now + 5
  equal(seen(c, host), first.id)
  local second = deployed(c, "main")
  equal(seen(c, host), first.id)   -- until the new one has spread
  c.now = c.now + 5
  equal({ seen(c, host), seen(c, host_of(first.urls[1])), seen(c, host_of(second.urls[1])) }, { second.id, first.id, second.id })
  equal(cloudflare.resolve(c.state, host, "A", c.now).answers[1].data, "127.0.0.1")
  equal(#cloudflare.versions(c.state, c.now), 2)
  c:result("DELETE", ALL .. "/main")
  equal({ seen(c, host), seen(c, host_of(second.urls[1])), #cloudflare.versions(c.state, c.now) }, { 1042, 1042, 0 })
end)

local ZONE = "revelations.studio"

local function attach(c, more)
  local body = { hostname = "app." .. ZONE, service = "web", zone_name = ZONE }
  for key, value in pairs(more) do body[key] = value end
  return c:result("PUT", W .. "/domains", body)
end

test("previews are seen below a custom domain that is to have them", function()
  local c = with_worker()
  c:result("POST", S .. "web/subdomain", { enabled = false, previews_enabled = false })
  local host = made(c, "a/b").slug .. ".app." .. ZONE
  attach(c, { previews_enabled = true })
  local id = deployed(c, "a-b").id
  local fixed = ("%s-a-b.app.%s"):format(id:sub(1, 8), ZONE)
  equal(c:result("GET", ALL .. "/a-b").urls, { "https://" .. host })
  equal(latest(c, "a-b").urls, { "https://" .. fixed })
  equal(seen(c, host), "no-certificate")
  c.now = c.now + 20
  equal({ seen(c, host), seen(c, fixed), seen(c, "c.app." .. ZONE), seen(c, "00000000-a-b.app." .. ZONE) }, { id, id, 1042, 1042 })
  equal(cloudflare.resolve(c.state, host, "A", c.now).answers[1].data, "127.0.0.1")
  equal(#cloudflare.versions(c.state, c.now), 1)
  attach(c, { previews_enabled = false })
  equal({ seen(c, host), c:result("GET", ALL .. "/a-b").urls, #cloudflare.versions(c.state, c.now) }, { 1016, {}, 0 })
end)

test("until the certificate below a domain is issued, handshakes for its previews fail", function()
  local c, refused_now = with_worker(), {}
  local kept = certificates.new { refuse = function(_, host, refuse) refused_now[host] = refuse or nil end }
  attach(c, { previews_enabled = true })
  made(c, "main")
  local id = deployed(c, "main").id
  kept:update(c.state, c.now)
  local app = "app." .. ZONE
  equal(refused_now, { [app] = true, ["main." .. app] = true, [("%s-main.%s"):format(id:sub(1, 8), app)] = true })
  kept:update(c.state, c.now + 20)
  equal(refused_now, {})
end)

test("a domain for previews alone has only the wildcard record, which goes with it", function()
  local c = with_worker()
  local domain = attach(c, { previews_enabled = true, enabled = false })
  local function records()
    local list = {}
    for i, record in ipairs(c.state.cloudflare.records) do list[i] = record.name end
    return list
  end
  equal(records(), { "*.app." .. ZONE })
  attach(c, { enabled = true })
  equal(records(), { "*.app." .. ZONE, "app." .. ZONE })
  c:result("DELETE", W .. "/domains/" .. domain.id)
  equal(records(), {})
end)

test("somebody's records below a domain come before previews, and a wildcard of theirs is in the way", function()
  local c = with_worker()
  c.token = "dns-token"
  local path = ("/zones/%s/dns_records"):format(c.state.cloudflare.zones[1].id)
  local wildcard = c:result("POST", path, { type = "A", name = "*.app." .. ZONE, content = "192.0.2.1", proxied = true })
  c:result("POST", path, { type = "A", name = "own.app." .. ZONE, content = "192.0.2.2", proxied = true })
  c.token = "workers-token"
  equal(c:refused("PUT", W .. "/domains", { hostname = "app." .. ZONE, service = "web", zone_name = ZONE,
    previews_enabled = true }), { 409, 100117 })
  c.token = "dns-token"
  c:result("DELETE", path .. "/" .. wildcard.id)
  c.token = "workers-token"
  attach(c, { previews_enabled = true })
  made(c, "own")
  deployed(c, "own")
  c.now = c.now + 20
  equal(seen(c, "own.app." .. ZONE), 522)
end)

test("while previews are off there is no host", function()
  local c = with_worker()
  made(c, "main")
  deployed(c, "main")
  c:result("POST", S .. "web/subdomain", { enabled = true, previews_enabled = false })
  equal({ c:result("GET", ALL .. "/main").urls, latest(c, "main").urls }, { {}, {} })
  equal({ seen(c, "main-web.davit.workers.dev"), #cloudflare.versions(c.state, c.now) }, { 1042, 0 })
end)

test("Workers and previews whose names have hyphens are told apart", function()
  local c = with_worker()
  c:result("POST", W .. "/workers", { name = "b-web", subdomain = { enabled = true, previews_enabled = true } })
  made(c, "a-b")
  local id = deployed(c, "a-b").id
  c.now = c.now + 5
  equal(seen(c, "a-b-web.davit.workers.dev"), id)
end)

test("a name that is too long for a host is cut and told from others", function()
  local c = with_worker()
  local one, two = made(c, ("long-"):rep(20) .. "one"), made(c, ("long-"):rep(20) .. "two")
  equal({ #one.slug <= 59, one.slug ~= two.slug, one.slug:find "^long%-long%-.*%-%x%x%x%x$" ~= nil }, { true, true, true })
  deployed(c, one.slug)
  c.now = c.now + 5
  equal(seen(c, host_of(one.urls[1])), latest(c, one.slug).id)
end)

test("the state with previews is saved and loaded", function()
  local c = with_worker()
  c:result("PATCH", WEB, { previews_base_config = { env = { KEY = secret "hush" } } })
  made(c, "main")
  deployed(c, "main", { env = { A = text "a" } })
  made(c, "later")
  local texts = {}
  local saved = store.encode(c.state, function(long)
    texts[#texts + 1] = long
    return tostring(#texts)
  end)
  c.state = assert(store.decode(saved, function(hash) return texts[tonumber(hash)] end))
  equal(latest(c, "main").env, { A = text "a", KEY = { type = "secret_text" } })
  equal(deployed(c, "later").env, { KEY = { type = "secret_text" } })
end)
