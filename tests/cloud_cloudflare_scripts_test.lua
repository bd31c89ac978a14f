---The model of Cloudflare: uploads and their bindings, content, services, assets, workers/workers.
local base64 = require "base64"
local core = require "core"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local json = require "json"

local S, W = client.S, client.W
local MODULE = "application/javascript+module"

local function text(name, value) return { name = name, type = "plain_text", text = value or "v" } end
local function secret(name, value) return { name = name, type = "secret_text", text = value or "hush" } end
local function service(name, of) return { name = name, type = "service", service = of } end

local function code_of(...) return (select(1, ...))[2] end

local function stored(c, name)
  local versions = c.state.cloudflare.scripts[name].versions
  return versions[#versions]
end

-- ---- what an upload may be ---------------------------------------------------------------

test("an upload that cannot run is refused with what is wrong", function()
  local c = client.new()
  local function refused(metadata, code) return code_of(c:put_refused("web", metadata, code)) end
  equal(refused { main_module = "other.js" }, 10021)
  equal(refused { compatibility_date = "yesterday" }, 10021)
  equal(select(2, c:put_refused("web", { compatibility_date = "2099-01-01" })),
    "Can't set compatibility date in the future: 2099-01-01")
  equal(refused({}, "console.log(1)"), 10068)
  equal(refused { bindings = { { type = "plain_text", text = "x" } } }, 10052)
  equal(refused { bindings = { { name = "X", type = "plain_txt", text = "x" } } }, 10021)
  equal(refused { bindings = { { name = "DB", type = "d1" } } }, 10021)
  equal(refused { bindings = { text "A", text "A" } }, 10053)
  equal(refused { bindings = { text("A", ("x"):rep(5121)) } }, 10054)
  equal(refused { bindings = { { name = "J", type = "json", json = { ("x"):rep(5121) } } } }, 10054)
  equal(refused { bindings = { { name = "X", type = "inherit" } } }, 10057)
  equal(refused { bindings = { service("OTHER", "nobody") } }, 10143)
  equal(refused { bindings = { { name = "DO", type = "durable_object_namespace", class_name = "C",
    script_name = "nobody" } } }, 10061)
  equal(c:result("GET", W .. "/scripts"), {})
end)

test("metadata of the wrong type is refused, whatever it is", function()
  local c = client.new()
  for _, metadata in ipairs { { bindings = "x" }, { keep_bindings = { 1 } }, { annotations = { a = { } } },
    { tags = { true } }, { compatibility_flags = "x" }, { observability = 3 }, { tail_consumers = { "x" } },
    { migrations = "x" }, { annotations = 1 }, { logpush = "yes" } } do
    equal(code_of(c:put_refused("web", metadata)), 10026)
  end
  equal(code_of(c:put_refused("web", { padding = ("x"):rep(1 << 20) })), 10026)
  equal(c:result("GET", W .. "/scripts"), {})
end)

test("a Worker over the size limit is refused, its source maps do not count", function()
  local c, limits = client.new(), require "cloud.cloudflare.limits"
  local most <const> = limits.worker
  local _ <close> = setmetatable({}, { __close = function() limits.worker = most end })
  limits.worker = 40
  local function put(code, map)
    return "PUT", S .. "web", client.form { { "metadata", '{"main_module":"i.js"}' },
      { "i.js", code, MODULE }, { "i.js.map", map, "application/source-map" } }, { headers = client.form_headers }
  end
  equal(c:refused(put("export default {}" .. (" "):rep(40), "")), { 400, 10027 })
  c:result(put("export default {}", (" "):rep(100)))
end)

test("an account holds as many Workers and variables as its plan says", function()
  local c = client.new { settings = { workers_plan = "free" } }
  local many = {}
  for i = 1, 65 do many[i] = text("V" .. i) end
  equal(code_of(c:put_refused("web", { bindings = many })), 10055)
  many[65] = nil
  c:put("web", { bindings = many })
  equal(c:refused("PUT", S .. "web/secrets", secret "KEY"), { 400, 10055 })
  for i = 2, 100 do c:result("POST", W .. "/workers", { name = "w" .. i }) end
  equal((c:put_refused "more"), { 403, 10037 })
  c:put "web"
end)

test("bindings of services without a model are kept with all they were sent with", function()
  local c = client.new()
  local id = "11111111-2222-3333-4444-555555555555"
  c:put("web", { bindings = { { name = "DB", type = "d1", id = id }, { name = "DC", type = "d1", database_id = id },
    { name = "KV", type = "kv_namespace", namespace_id = "n" }, service("SELF", "web"),
    { name = "R2", type = "r2_bucket", bucket_name = "b", jurisdiction = "eu" },
    { name = "Q", type = "queue", queue_name = "q", delivery_delay = 5 } } })
  local shown = c:bindings "web"
  equal({ shown.DB.database_id, shown.DC.id }, { id, id })
  equal({ shown.KV.namespace_id, shown.R2.jurisdiction, shown.Q.delivery_delay }, { "n", "eu", 5 })
end)

test("what is kept, inherited and replaced comes from the newest version", function()
  local c = client.new()
  c:put("web", { bindings = { text "A", secret "KEY", { name = "J", type = "json", json = { 1 } } } })
  local first = c:versions("web")[1].id
  c:version("web", { bindings = { text("A", "new") }, keep_bindings = { "secret_text" } })
  c:put("web", { bindings = { { name = "B", type = "inherit", old_name = "A" },
    { name = "OLD", type = "inherit", old_name = "A", version_id = first } }, keep_bindings = { "secret_text" } })
  local shown = c:bindings "web"
  equal({ shown.B.text, shown.OLD.text, shown.KEY, shown.J }, { "new", "v", { name = "KEY", type = "secret_text" } })
  equal(stored(c, "web").bindings[3].text, "hush")
  c:put("web", { keep_bindings = json.array {} })
  equal(c:bindings "web", {})
end)

test("no answer holds the value of a secret", function()
  local c = client.new()
  local seen = {}
  local function look(...) seen[#seen + 1] = json.encode((select(2, c:ask(...)))) end
  c:put("web", { bindings = { secret("KEY", "hush-hush") } })
  local id = c:version("web", { bindings = { secret("KEY", "hush-hush") } }).id
  for _, path in ipairs { S .. "web/settings", S .. "web/versions", S .. "web/versions/" .. id, S .. "web/secrets",
    S .. "web/secrets/KEY", W .. "/workers/web", W .. "/workers/web/versions?include=modules", W .. "/scripts",
    W .. "/services/web", S .. "web/deployments" } do look("GET", path) end
  look("PUT", S .. "web/secrets", secret("KEY", "hush-hush"))
  look("PATCH", W .. "/workers/web/versions/latest", { env = { KEY = { type = "secret_text", text = "hush-hush" } } })
  equal(table.concat(seen):find("hush-hush", 1, true), nil)
  equal(#seen, 12)
end)

test("an older script is one text that listens", function()
  local c = client.new()
  local function put(code)
    return "PUT", S .. "web", client.form { { "metadata", json.encode { body_part = "script" } },
      { "script", code, "application/javascript" } }, { headers = client.form_headers }
  end
  local code = 'addEventListener("fetch", f); addEventListener("scheduled", f)'
  equal(c:result(put(code)).handlers, { "fetch", "scheduled" })
  equal({ stored(c, "web").body_part, stored(c, "web").main_module }, { "script" })
  local status, body, headers = c:ask("GET", S .. "web/content/v2")
  equal({ status, body, headers["content-type"] }, { 200, code, "application/javascript" })
  equal(c:refused(put 'addEventListener("noise", f)'), { 400, 10069 })
  c:result("PUT", S .. "old", code, { headers = { ["content-type"] = "application/javascript" } })
  equal(select(2, c:ask("GET", S .. "old")), code)
end)

test("metadata in many parts, as the SDK writes it, is read like one document", function()
  local c = client.new()
  c:result("PUT", S .. "web", client.form { { "metadata[main_module]", "w.mjs" },
    { "metadata[bindings][][type]", "plain_text" }, { "metadata[bindings][][name]", "A" },
    { "metadata[bindings][][text]", "1" }, { "metadata[bindings][][type]", "json" },
    { "metadata[bindings][][name]", "J" }, { "metadata[bindings][][json][a]", "x" },
    { "metadata[bindings][][json][b]", "y" }, { "metadata[compatibility_flags][]", "nodejs_compat" },
    { "metadata[compatibility_flags][]", "other" }, { "metadata[logpush]", "true" },
    { "w.mjs", "export default {}", MODULE } }, { headers = { ["content-type"] = "application/javascript" } })
  local shown = c:bindings "web"
  equal({ shown.A.text, shown.J.json }, { "1", { a = "x", b = "y" } })
  equal(stored(c, "web").compatibility_flags, { "nodejs_compat", "other" })
  equal(c:result("GET", S .. "web/script-settings").logpush, true)
end)

-- ---- content -----------------------------------------------------------------------------

test("the content of any version is given back as it was uploaded", function()
  local c = client.new()
  c:put("web", {}, "export default 1")
  local first = c:versions("web")[1].id
  c:put("web", {}, "export default 2")
  local _, body, headers = c:ask("GET", S .. "web/content/v2?version=" .. first)
  equal(headers["cf-entrypoint"], "index.js")
  equal({ body:find("export default 1", 1, true) ~= nil, body:find('name="index.js"', 1, true) ~= nil }, { true, true })
  equal(headers["content-type"]:match("^multipart/form%-data; boundary=") ~= nil, true)
  equal(select(2, c:ask("GET", S .. "web/content")):find("export default 2", 1, true) ~= nil, true)
end)

test("content is replaced without the settings", function()
  local c = client.new()
  c:put("web", { bindings = { text "A", secret "KEY" }, compatibility_date = "2026-01-01" })
  local body = client.form { { "metadata", '{"main_module":"n.js"}' }, { "n.js", "export default {}", MODULE } }
  c:result("PUT", S .. "web/content", body, { headers = client.form_headers })
  equal({ stored(c, "web").main_module, #stored(c, "web").modules, stored(c, "web").compatibility_date },
    { "n.js", 1, "2026-01-01" })
  equal(c:bindings("web").A.text, "v")
  equal(c:refused("PUT", S .. "web/content", client.form { { "metadata", "{}" } }, { headers = client.form_headers }),
    { 400, 10026 })
end)

-- ---- services and references -------------------------------------------------------------

test("a service says where it was last deployed from", function()
  local c = client.new()
  equal(c:refused("GET", W .. "/services/web"), { 404, 10090 })
  c:put("web", { tags = { "t" } })
  local found = c:result("GET", W .. "/services/web").default_environment
  equal({ found.environment, found.script.last_deployed_from, found.script.tags }, { "production", "wrangler", { "t" } })
  c:put("web", {}, nil, { headers = client.form_headers })
  equal(c:result("GET", W .. "/services/web").default_environment.script.last_deployed_from, "api")
end)

test("a Worker that others need is deleted only by force, with what is its own", function()
  local c = client.new()
  c:put "web"
  c:put("front", { bindings = { service("WEB", "web") } })
  c:put("tail", { tail_consumers = { { service = "web" } } })
  local found = c:result("GET", S .. "web/references")
  equal(found.services.incoming, { { service = "front", environment = "production", name = "front" } })
  equal(c:result("GET", S .. "front/references").services.outgoing[1].service, "web")
  equal(c:result("GET", W .. "/tails/by-consumer/web")[1].producer.service, "tail")
  equal(c:refused("DELETE", W .. "/services/web?force=false"), { 400, 10064 })
  equal(c:result("DELETE", W .. "/services/web?force=true"), json.null)
  equal(c:refused("GET", S .. "web/settings"), { 404, 10007 })
  equal(c:refused("DELETE", W .. "/services/web"), { 404, 10090 })
  equal((c:result("GET", "/accounts/acc/storage/kv/namespaces?page=1&per_page=100")), {})
end)

test("migrations make and remove namespaces of Durable Objects", function()
  local c = client.new()
  local function put(migrations) c:put("web", { migrations = migrations }) end
  put { new_tag = "v1", new_sqlite_classes = { "A", "B" } }
  local list, info = c:result("GET", W .. "/durable_objects/namespaces?per_page=1000&page=1")
  equal({ list[1].class, list[1].script, list[1].use_sqlite, info.total_count }, { "A", "web", true, 2 })
  equal(code_of(c:put_refused("web", { migrations = { old_tag = "v0", new_tag = "v2" } })), 10079)
  equal(code_of(c:put_refused("web", { migrations = { old_tag = "v1", new_tag = "v2", new_classes = { "A" } } })), 10074)
  put { old_tag = "v1", new_tag = "v3", steps = { { renamed_classes = { { from = "A", to = "C" } } },
    { deleted_classes = { "B" } } } }
  list = c:result("GET", W .. "/durable_objects/namespaces")
  equal({ #list, list[1].class, c:result("GET", W .. "/scripts")[1].migration_tag }, { 1, "C", "v3" })
  equal(c:refused("POST", S .. "web/versions", client.upload { migrations = { new_tag = "v4" } },
    { headers = client.form_headers }), { 400, 10123 })
  equal(c:version("web").metadata.has_preview, false)
end)

test("scripts are searched by a part of their name", function()
  local c = client.new()
  for _, name in ipairs { "b-web", "a-web", "other" } do c:put(name) end
  local found, info = c:result("GET", W .. "/scripts-search?name=web&per_page=1&page=2")
  equal({ found[1].script_name, info.total_count }, { "b-web", 2 })
end)

-- ---- workers/workers ---------------------------------------------------------------------

test("a Worker is there before its content, and has no versioned settings", function()
  local c = client.new()
  local made = c:result("POST", W .. "/workers", { name = "web", tags = { "t" }, subdomain = { enabled = true } })
  equal({ made.name, #made.id, made.deployed_on, made.tags }, { "web", 32, json.null, { "t" } })
  equal(made.subdomain, { enabled = true, previews_enabled = false, url = "https://web.davit.workers.dev",
    preview_url_suffix = "-web.davit.workers.dev" })
  equal(c:refused("POST", W .. "/workers", { name = "web" }), { 409, 10040 })
  equal(c:refused("POST", W .. "/workers", { name = "No Name" }), { 400, 10016 })
  equal(c:refused("POST", W .. "/workers", {}), { 400, 10016 })
  equal(c:refused("GET", S .. "web/settings"), { 404, 10222 })
  equal(c:refused("GET", S .. "web/content/v2"), { 404, 10222 })
  equal(c:result("GET", S .. "web/secrets"), {})
  equal({ #c:result("GET", W .. "/scripts"), #c:result("GET", S .. "web/deployments").deployments }, { 1, 0 })
  equal(c:result("GET", W .. "/services/web").default_environment.script.has_modules, false)
end)

test("a Worker is found by id and name, changed, and deleted", function()
  local c = client.new()
  c:put("web", { tags = { "t" }, observability = { enabled = true } })
  local found = c:result("GET", W .. "/workers/web")
  equal(c:result("GET", W .. "/workers/" .. found.id).name, "web")
  equal(c:result("PATCH", W .. "/workers/" .. found.id, { logpush = true }).tags, { "t" })
  local replaced = c:result("PUT", W .. "/workers/web", { name = "web", tail_consumers = { { name = "other" } } })
  equal({ replaced.tags, replaced.logpush, replaced.tail_consumers }, { {}, false, { { name = "other" } } })
  equal(c:refused("PATCH", W .. "/workers/web", { name = "renamed" }), { 400, 10016 })
  equal(c:refused("PATCH", W .. "/workers/web", { tags = "t" }), { 400, 10026 })
  equal(c:refused("GET", W .. "/workers/web/previews/main"), { 404, 10025 })
  equal(c:result("GET", W .. "/workers/web/previews"), {})
  equal(c:result("DELETE", W .. "/workers/" .. found.id), json.null)
  equal(c:refused("GET", W .. "/workers/" .. found.id), { 404, 10007 })
end)

test("Workers are listed in pages, in the order that is asked for", function()
  local c = client.new()
  for _, name in ipairs { "b", "c", "a" } do
    c.now = c.now + 1
    c:put(name)
  end
  local function names(query)
    local list = {}
    for i, found in ipairs(c:result("GET", W .. "/workers?" .. query)) do list[i] = found.name end
    return table.concat(list)
  end
  equal({ names "order_by=name&order=asc", names "order_by=created_on&order=asc", names "", names "per_page=2&page=2" },
    { "abc", "bca", "acb", "b" })
end)

test("a version of JSON alone is made, deployed and shown with its modules", function()
  local c = client.new()
  c:result("POST", W .. "/workers", { name = "web", subdomain = { enabled = true, previews_enabled = true } })
  local body = { main_module = "i.js", compatibility_date = "2026-01-01", bindings = { text "A" }, modules = {
    { name = "i.js", content_type = MODULE, content_base64 = base64.encode "export default {}" } } }
  local waiting = c:result("POST", W .. "/workers/web/versions", body)
  equal(#c:result("GET", S .. "web/deployments").deployments, 0)
  equal(waiting.urls, { ("https://%s-web.davit.workers.dev"):format(waiting.id:sub(1, 8)) })
  local made = c:result("POST", W .. "/workers/web/versions?deploy=true", body)
  equal({ made.number, made.modules, made.bindings }, { 2, nil, { text "A" } })
  local one = W .. "/workers/web/versions/" .. made.id
  equal(c:result("GET", one .. "?include=modules").modules[1].content_base64, base64.encode "export default {}")
  equal(#c:result("GET", W .. "/workers/web/versions"), 2)
  equal(c:refused("DELETE", one), { 400, 10021 })
  c:result("DELETE", W .. "/workers/web/versions/" .. waiting.id)
  equal(#c:result("GET", W .. "/workers/web/versions"), 1)
  body.modules[1].content_base64 = 5
  equal(c:refused("POST", W .. "/workers/web/versions", body), { 400, 10026 })
end)

-- ---- assets ------------------------------------------------------------------------------

local A, B = ("a"):rep(32), ("b"):rep(32)

local function session(c, manifest)
  return c:result("POST", S .. "web/assets-upload-session", { manifest = manifest })
end

test("a manifest over the limits is refused", function()
  local c = client.new { settings = { workers_plan = "free" } }
  local function refused(manifest) return c:refused("POST", S .. "web/assets-upload-session", { manifest = manifest }) end
  equal(refused { ["/a"] = { hash = A, size = (25 << 20) + 1 } }, { 400, 10021 })
  equal(refused { ["/a"] = { hash = A, size = -1 } }, { 400, 10021 })
  equal(refused { ["/a"] = { hash = "short", size = 1 } }, { 400, 10021 })
  equal(refused { ["/a"] = "x" }, { 400, 10021 })
  equal(refused "x", { 400, 10021 })
  local many = {}
  for i = 1, 20001 do many["/" .. i] = { hash = A, size = 1 } end
  equal(refused(many), { 400, 10021 })
end)

test("one file may be sent alone, as it is", function()
  local c = client.new()
  local opened = session(c, { ["/a"] = { hash = A, size = 1 }, ["/b"] = { hash = B, size = 1 } })
  local function send(hash)
    return c:ask("POST", W .. "/assets/upload/" .. hash, "\0", { headers = {
      authorization = "Bearer " .. opened.jwt, ["content-type"] = "image/png" } })
  end
  equal(send(A), 202)
  local status, answer = send(B)
  equal({ status, c.state.cloudflare.assets[A].body, c.state.cloudflare.assets[A].type }, { 201, "\0", "image/png" })
  c:put("web", { assets = { jwt = answer.result.jwt, config = { _headers = "/*\n  X-A: b\n" } } })
  equal(stored(c, "web").assets.config._headers, "/*\n  X-A: b\n")
  equal(send(("c"):rep(32)), 400)
end)

test("a later version keeps its assets when it says so", function()
  local c = client.new()
  local opened = session(c, { ["/a"] = { hash = A, size = 1 } })
  local _, done = c:ask("POST", W .. "/assets/upload/" .. A, "a", { headers = { authorization = "Bearer " .. opened.jwt } })
  c:put("web", { assets = { jwt = done.result.jwt } })
  c:version("web", { keep_assets = true })
  equal(stored(c, "web").assets.manifest, { ["/a"] = { hash = A, size = 1 } })
  c:version "web"
  equal(stored(c, "web").assets, nil)
end)
