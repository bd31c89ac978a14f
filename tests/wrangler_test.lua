---Workers that a configuration of wrangler's describes: what is read from it, for which environment, and what is refused.
---That the uploads are wrangler's is tried in clients_wrangler_test.lua.
local process = require "process"
local flow = require "flow"
local fs = require "fs"
local json = require "json"
local project = require "project"
local worlds = assert(require("core").load_file "tests/wrangler_place.lua")()
local DAVIT, place, base = worlds.davit_yaml, worlds.new, worlds.base

local function by_name(list)
  local found = {}
  for _, one in ipairs(list) do
    found[one.name], one.name = one, nil
  end
  return found
end

local function refused(config, why, environment)
  local here <close> = place(config)
  local _, err = try(function() return here:bundle(environment) end)
  equal({ why, err and err.code, err and (err.message:find(why, 1, true) ~= nil or err.message) },
    { why, "config", true })
  return err
end

-- ---- reading ------------------------------------------------------------------------------------

test("a file of TOML says all that davit.yaml would, and all that it would not", function()
  local here <close> = place([=[
name = "codex-web"
main = "dist/index.js"
compatibility_date = "2025-01-01"
compatibility_flags = ["nodejs_compat"]
[vars]
GREETING = "hello"
LIMITS = { most = 3 }
[assets]
binding = "ASSETS"
directory = "dist/client"
not_found_handling = "single-page-application"
run_worker_first = ["/api/*"]
[observability]
enabled = true
[[kv_namespaces]]
binding = "CACHE"
id = "kv1"
preview_id = "kv2"
[triggers]
crons = ["0 * * * *"]
[build]
command = "npm run build"
]=], { ["apps/web/dist/client/a.css"] = "a{}", ["apps/web/dist/client/_headers"] = "/*\n  a: b" })
  local settings = here:worker().settings
  equal({ settings.name, settings.path, settings.entry, settings.assets, settings.build, settings.crons },
    { "codex-web", "apps/web", "dist/index.js", "dist/client", "npm run build", { production = { "0 * * * *" } } })
  local found = here:bundle()
  equal({ found.main, found.entry, #found.modules, found.compatibility_date, found.compatibility_flags, found.observability },
    { "index.js", "export default {};\n", 1, "2025-01-01", { "nodejs_compat" }, { enabled = true } })
  equal(by_name(found.bindings), { GREETING = { type = "plain_text", text = "hello" },
    LIMITS = { type = "json", json = { most = 3 } }, CACHE = { type = "kv_namespace", namespace_id = "kv1" },
    ASSETS = { type = "assets" } })
  equal(found.assets, { ["/a.css"] = { body = "a{}", type = "text/css; charset=utf-8" } })
  equal(found.rules, { _headers = "/*\n  a: b", not_found_handling = "single-page-application",
    run_worker_first = { "/api/*" } })
end)

test("JSON with comments is read as TOML is", function()
  local here <close> = place(base())
  here:write { ["davit.yaml"] = DAVIT:format("wrangler.jsonc", ""), ["dist/index.js"] = "export default 1",
    ["wrangler.jsonc"] = '{ // why\n "main": "dist/index.js", "compatibility_date": "2026-02-02", "vars": {"A": "b",},\n}' }
  local found = here:bundle()
  equal({ found.compatibility_date, found.bindings, found.entry },
    { "2026-02-02", { { type = "plain_text", name = "A", text = "b" } }, "export default 1" })
end)

test("what stands in the file is not repeated in davit.yaml", function()
  for _, more in ipairs { "entry: x", "vars: { A: b }", "path: apps", "crons: {}", "compatibility_date: x", "assets: x" } do
    local here <close> = place(base(), nil, ", " .. more)
    raises("does not go with 'wrangler: apps/web/wrangler.json'", project.read, here.root)
  end
  local here <close> = place(base { build = { command = "a" } }, nil, ", build: b")
  raises("davit.yaml:4: workers.web.build: stands in apps/web/wrangler.json already", project.read, here.root)
  local text = "version: 1\nproject: t\nworkers: { a: { path: a, entry: b, host: c, bundler: wrangler } }"
  raises("workers.a.bundler: goes with 'wrangler'", project.parse, text, "davit.yaml")
  local other <close> = place(base(), nil, ", bundler: esbuild")
  raises("'esbuild' is none of wrangler, none", project.read, other.root)
  local outside <close> = place(base())
  outside:write { ["davit.yaml"] = DAVIT:format("../wrangler.toml", "") }
  raises("is a path in the project's folder", project.read, outside.root)
end)

test("a file that is not there, not readable or none of wrangler's is a mistake of the project", function()
  local here <close> = place(base())
  here:write { ["davit.yaml"] = DAVIT:format("wrangler.yaml", "") }
  raises("is no file of wrangler's", project.read, here.root)
  here:write { ["davit.yaml"] = DAVIT:format("wrangler.toml", "") }
  raises("wrangler.toml: is not there", project.read, here.root)
  here:write { ["wrangler.toml"] = "name = \nmain = 'x'" }
  raises("wrangler.toml:1:8: expected a value", project.read, here.root)
end)

test("an account that is not the project's is refused", function()
  local here <close> = place(base { account_id = "a1" })
  here:write { ["davit.yaml"] = DAVIT:format("apps/web/wrangler.json", "") .. "cloudflare: { account: a2 }\n" }
  raises("account_id: is a1, and davit.yaml's cloudflare.account is a2", project.read, here.root)
end)

-- ---- environments -------------------------------------------------------------------------------

local SECTIONS = {
  compatibility_flags = { "top" }, vars = { A = "top", B = "top" }, kv_namespaces = { { binding = "KV", id = "top" } },
  observability = { enabled = true }, triggers = { crons = { "1 * * * *" } }, limits = { cpu_ms = 5 },
  env = { production = { vars = { A = "production" }, observability = { enabled = false } },
    staging = { name = "other", main = "dist/index.js", kv_namespaces = { { binding = "KV", id = "staging" } },
      triggers = { crons = {} } }, preview = { kv_namespaces = { { binding = "KV", id = "preview" } } } },
}

test("a section inherits what wrangler lets it inherit, and no more", function()
  local here <close> = place(base(SECTIONS))
  local production = here:bundle "production"
  equal({ production.name, production.bindings, production.compatibility_flags, production.observability, production.limits },
    { "web-production", { { type = "plain_text", name = "A", text = "production" } }, { "top" }, { enabled = false },
      { cpu_ms = 5 } })
  local staging = here:bundle "staging"
  equal({ staging.name, staging.bindings, staging.observability },
    { "other", { { type = "kv_namespace", name = "KV", namespace_id = "staging" } }, { enabled = true } })
  equal(here:bundle().name, "web")
  equal(here:worker().settings.crons, { production = { "1 * * * *" }, staging = {} })
end)

test("an environment without a section is the top, where the file has none or it is a preview", function()
  local plain <close> = place(base { vars = { A = "top" } })
  equal(plain:bundle("production").bindings, { { type = "plain_text", name = "A", text = "top" } })
  equal(plain:bundle("production").name, "web-production")
  local here <close> = place(base { vars = { A = "top" }, env = { production = {} } })
  equal(here:bundle("preview").bindings, { { type = "plain_text", name = "A", text = "top" } })
  refused(base { env = { production = {} } }, "env: has no section 'staging', only production", "staging")
end)

test("a preview does not get what is production's", function()
  for key, item in pairs { kv_namespaces = { binding = "X", id = "a" }, r2_buckets = { binding = "X", bucket_name = "a" },
    d1_databases = { binding = "X", database_id = "a" }, services = { binding = "X", service = "a" },
    hyperdrive = { binding = "X", id = "a" } } do
    local here <close> = place(base { [key] = { item } })
    local _, err = try(function() return here:bundle "preview" end)
    equal({ key, err and err.code }, { key, "refused" })
    equal(here:bundle("production").bindings[1].name, "X")
  end
  local both = { kv_namespaces = { { binding = "X", id = "a" } }, env = { preview = { kv_namespaces = { { binding = "X",
    id = "a" } } }, production = { kv_namespaces = { { binding = "Y", id = "a" } } } } }
  local here <close> = place(base(both))
  raises("the binding X %(kv_namespace%) of a preview would be production's", function() here:bundle "preview" end)
  local shared <close> = place(base(both), nil, ", shared: [X]")
  equal(shared:bundle("preview").bindings[1].namespace_id, "a")
end)

test("a service binding leads to the preview's own Worker", function()
  local here <close> = place(base { services = { { binding = "AUTH", service = "auth", entrypoint = "Admin" } } })
  equal(here:bundle("preview", { auth = "auth-preview-42" }).bindings,
    { { type = "service", name = "AUTH", service = "auth-preview-42", entrypoint = "Admin" } })
end)

-- ---- what is refused ------------------------------------------------------------------------------

test("what would be deployed otherwise than the file says is refused by name", function()
  for key, value in pairs { site = { bucket = "x" }, workflows = { { binding = "W" } }, containers = { { image = "x" } },
    unsafe = { bindings = { {} } }, keep_vars = true, pages_build_output_dir = "dist", text_blobs = { A = "b" } } do
    refused(base { [key] = value }, key .. ": is not supported")
  end
  refused(base { queues = { consumers = { { queue = "q" } } } }, "queues.consumers: is not supported")
  refused(base { queues = { producer = {} } }, "queues.producer: unknown key, did you mean 'producers'?")
  refused(base { durable_objects = { code_update_strategy = { mode = "immediate" } } },
    "durable_objects.code_update_strategy: is not supported")
  refused(base { browser = { binding = "B", region = "x" } }, "browser.region: is not supported")
  refused(base { define = { A = "1" } }, "define: is done by a bundler")
  refused(base { alias = { a = "b" } }, "alias: is done by a bundler")
  refused(base { kv_namespaces = { { binding = "KV" } } }, "kv_namespaces.1: KV has no 'id'")
  refused(base { kv_namespaces = { { id = "x" } } }, "kv_namespaces.1: the key 'binding' is required")
  refused(base { r2_buckets = { { binding = "B", bucket_name = "b", jurisdction = "eu" } } },
    "r2_buckets.1.jurisdction: is not supported")
  refused(base { vars = { A = "1" }, ai = { binding = "A" } }, "ai: is called A, as vars.A is")
  refused(base { kv_namespaces = { binding = "x" } }, "kv_namespaces: must be a list")
  refused(base { rules = { { type = "PythonModule", globs = { "*.py" } } } }, "rules.1.type: 'PythonModule' is none of")
  refused(base { main = "dist/index.py" }, "main: is Python")
  refused(base { compliance_region = "fedramp_high" }, "compliance_region: is not supported")
  refused(base { secrets = { required = { "KEY" } } }, "the secret KEY is required, and davit.yaml does not give it")
  refused(base { assets = { binding = "A" } }, "assets: the key 'directory' is required")
  refused(base { assets = { directory = "d", run_worker_first = 1 } }, "assets.run_worker_first: must be true, false or a list")
end)

test("what says nothing is not refused", function()
  local here <close> = place(base { site = json.null, workflows = json.array {}, keep_vars = false, define = {},
    unsafe = {}, dev = { port = 1 }, ["$schema"] = "x", send_metrics = false, previews = {}, minify = true, tsconfig = "t",
    queues = { consumers = json.array {} } })
  equal(here:bundle().bindings, {})
end)

test("a key that nobody knows is refused with the nearest, an environment's at its place", function()
  local err = refused(base { kv_namespace = { {} } }, "kv_namespace: is a key that Davit does not know")
  equal(err.hint, "did you mean 'kv_namespaces'?")
  refused(base { env = { staging = { dev = {} } } }, "env.staging.dev: stands at the top of the file only")
  refused(base { env = { staging = { site = { bucket = "x" } } } }, "env.staging.site: is not supported")
  local here <close> = place("main = 'x'\n[env.staging]\n\nsite = { bucket = 'x' }")
  raises("wrangler.toml:4: env.staging.site", project.read, here.root)
end)

test("an entry that is missing, or exports nothing, is said before anything is sent", function()
  refused({ name = "web", compatibility_date = "2026-01-01" }, "the key 'main' is required")
  refused({ name = "web", main = "dist/index.js" }, "the key 'compatibility_date' is required")
  local here <close> = place(base { main = "dist/none.js" })
  raises("web: its entry .*/dist/none.js is not there", function() here:bundle() end)
  here:write { ["apps/web/dist/none.js"] = "addEventListener('fetch', () => {});" }
  raises("main: exports nothing", function() here:bundle() end)
end)

-- ---- bindings --------------------------------------------------------------------------------------

test("every kind of binding has the form that an upload has", function()
  local here <close> = place(base {
    r2_buckets = { { binding = "R2", bucket_name = "b", jurisdiction = "eu", preview_bucket_name = "p" } },
    d1_databases = { { binding = "D1", database_id = "u", database_name = "n", migrations_dir = "m" } },
    queues = { producers = { { binding = "Q", queue = "q", delivery_delay = 5 } } },
    services = { { binding = "S", service = "other", props = { a = 1 } } },
    durable_objects = { bindings = { { name = "DO", class_name = "C" } } },
    migrations = { { tag = "v1", new_sqlite_classes = { "C" } } }, ai = { binding = "AI" }, browser = { binding = "BR" },
    version_metadata = { binding = "VM" }, hyperdrive = { { binding = "HD", id = "h", localConnectionString = "x" } },
    analytics_engine_datasets = { { binding = "AE", dataset = "d" } }, vectorize = { { binding = "V", index_name = "i" } },
    ratelimits = { { name = "RL", namespace_id = "1", simple = { limit = 1, period = 10 } } },
    send_email = { { name = "SE", destination_address = "a@example.com" } },
    placement = { mode = "smart" }, tail_consumers = { { service = "tail" } }, logpush = true,
    streaming_tail_consumers = { { service = "stream" } }, cache = { enabled = true },
  })
  local found = here:bundle()
  equal(by_name(found.bindings), {
    R2 = { type = "r2_bucket", bucket_name = "b", jurisdiction = "eu" }, D1 = { type = "d1", id = "u" },
    Q = { type = "queue", queue_name = "q", delivery_delay = 5 }, S = { type = "service", service = "other", props = { a = 1 } },
    DO = { type = "durable_object_namespace", class_name = "C" }, AI = { type = "ai" }, BR = { type = "browser" },
    VM = { type = "version_metadata" }, HD = { type = "hyperdrive", id = "h" }, AE = { type = "analytics_engine", dataset = "d" },
    V = { type = "vectorize", index_name = "i" },
    RL = { type = "ratelimit", namespace_id = "1", simple = { limit = 1, period = 10 } },
    SE = { type = "send_email", destination_address = "a@example.com" },
  })
  equal({ found.placement, found.tail_consumers, found.logpush, found.migrations },
    { { mode = "smart" }, { { service = "tail" } }, true, { { tag = "v1", new_sqlite_classes = { "C" } } } })
  equal({ found.streaming_tail_consumers, found.cache_options }, { { { service = "stream" } }, { enabled = true } })
end)

-- ---- modules and assets ------------------------------------------------------------------------------

local function modules_of(bundle)
  local found = {}
  for _, module in ipairs(bundle.modules) do found[module.name] = module.type end
  return found
end

test("modules are what rules name below the entry's folder", function()
  local files = { ["apps/web/dist/a.wasm"] = "\0asm", ["apps/web/dist/deep/b.txt"] = "b", ["apps/web/dist/c.bin"] = "c",
    ["apps/web/dist/d.js"] = "export {}", ["apps/web/dist/e.png"] = "e", ["apps/web/f.txt"] = "f",
    ["apps/web/dist/node_modules/g.txt"] = "g", ["apps/web/dist/client/h.html"] = "h", ["apps/web/dist/.wrangler/i.txt"] = "i" }
  local assets = { directory = "./dist/client" }
  local plain <close> = place(base { assets = assets }, files)
  equal(modules_of(plain:bundle()), { ["index.js"] = "application/javascript+module", ["a.wasm"] = "application/wasm",
    ["deep/b.txt"] = "text/plain", ["c.bin"] = "application/octet-stream" })
  local ruled <close> = place(base { assets = assets, no_bundle = true, rules = {
    { type = "ESModule", globs = { "**/*.js" } }, { type = "Data", globs = { "*.png" }, fallthrough = true },
    { type = "Text", globs = { "**/*.md" } } } }, files)
  equal(modules_of(ruled:bundle()), { ["index.js"] = "application/javascript+module", ["a.wasm"] = "application/wasm",
    ["c.bin"] = "application/octet-stream", ["d.js"] = "application/javascript+module", ["e.png"] = "application/octet-stream" })
  local none <close> = place(base { find_additional_modules = false }, files)
  equal(modules_of(none:bundle()), { ["index.js"] = "application/javascript+module" })
  local above <close> = place(base { base_dir = "." }, files)
  equal(modules_of(above:bundle())["f.txt"], "text/plain")
end)

test("what a build left is known by its paths", function()
  local bundle = require "flow.bundle"
  local here <close> = place(base { assets = { directory = "./public" } }, { ["apps/web/dist/a.wasm"] = "\0asm" })
  equal(bundle.paths(here:worker()), { "dist/index.js", "dist/a.wasm", "public" })
  local bundled <close> = place(base { main = "src/index.ts", env = { staging = {} } })
  equal(bundle.paths(bundled:worker "staging"), { ".davit/web.staging.form" })
end)

test("source maps are uploaded where the file asks for them", function()
  local files = { ["apps/web/dist/index.js"] = "export default {};\n//# sourceMappingURL=index.js.map\n",
    ["apps/web/dist/index.js.map"] = '{"version":3,"sources":["../src/a.ts"],"mappings":""}' }
  local without <close> = place(base(), files)
  equal(#without:bundle().modules, 1)
  local with <close> = place(base { upload_source_maps = true }, files)
  local map = with:bundle().modules[2]
  equal({ map.name, map.type, json.decode(map.body) }, { "index.js.map", "application/source-map",
    { version = 3, file = "index.js", sources = { "src/a.ts" }, mappings = "" } })
  with:write { ["apps/web/dist/index.js.map"] = '{"version":3, "sources":["a.ts"],"file":"index.js"}' }
  equal(with:bundle().modules[2].body, '{"version":3, "sources":["a.ts"],"file":"index.js"}')
  fs.remove(with.root .. "/apps/web/dist/index.js.map")
  raises("the map of index.js, index.js.map, is no file", function() with:bundle() end)
end)

test(".assetsignore says which files are no assets", function()
  local files = {}
  for name in ("_worker.js a.txt b/a.txt b/c.map secret/x keep.map .hidden d.md"):gmatch "%S+" do
    files["apps/web/public/" .. name] = name
  end
  local config = base { assets = { directory = "public" } }
  local here <close> = place(config, files)
  raises("assets.directory: holds _worker.js", function() here:bundle() end)
  here:write { ["apps/web/public/.assetsignore"] = "# no\n_worker.js\n/a.txt\n*.map\n!keep.map\nsecret/\n\n?.md\r\n" }
  local names = {}
  for name in pairs(here:bundle().assets) do names[#names + 1] = name end
  equal(names, { "/.hidden", "/b/a.txt", "/keep.map" })
end)

test("routes are read to warn that they are not used", function()
  local here <close> = place(base { routes = { { pattern = "x.example.com", custom_domain = true } }, workers_dev = true })
  local warnings = here:bundle().warnings
  equal({ #warnings, warnings[1] },
    { 2, "apps/web/wrangler.json: 'routes' is not read: davit.yaml's `host` says where a Worker answers" })
end)

test("the digest is another when anything that is uploaded is", function()
  local here <close> = place(base { vars = { A = "1" }, assets = { directory = "public" } },
    { ["apps/web/public/a"] = "1", ["apps/web/dist/b.txt"] = "1" })
  local changed = json.encode(base { vars = { A = "2" }, assets = { directory = "public" } })
  local seen, changes = { [here:bundle().digest] = true }, {
    function() here:write { ["apps/web/public/a"] = "2" } end,
    function() here:write { ["apps/web/dist/b.txt"] = "2" } end,
    function() here:write { ["apps/web/dist/index.js"] = "export default 2" } end,
    function() here:write { ["apps/web/public/_headers"] = "/*\n  a: b" } end,
    function() here:write { ["apps/web/wrangler.json"] = changed } end,
  }
  for i, change in ipairs(changes) do
    change()
    local digest = here:bundle().digest
    equal({ i, seen[digest] }, { i, nil })
    seen[digest] = true
  end
  equal(here:bundle().digest, here:bundle().digest)
end)

-- ---- building ----------------------------------------------------------------------------------------

test("build.command runs where it says, and what it leaves is read", function()
  local command = "mkdir -p ../out && echo 'export default 3' > ../out/index.js"
  local here <close> = place(base { main = "out/index.js", build = { command = command, cwd = "src" } },
    { ["apps/web/src/x"] = "" })
  flow.build(here:worker())
  equal(here:bundle().entry, "export default 3\n")
end)

test("an environment's section may build otherwise", function()
  local here <close> = place(base { build = { command = "echo top >> built" },
    env = { staging = { build = { command = "echo staging >> built" } }, production = { build = {} } } })
  flow.build(here:worker "preview")
  flow.build(here:worker "staging")
  flow.build(here:worker "production")
  equal(fs.read(here.root .. "/apps/web/built"), "top\nstaging\n")
end)

-- Stands in for wrangler: says with what it was called and leaves an upload.
local STAND_IN = [[#!/bin/sh
{ pwd; env; echo "$@"; } > "%s/called"
while [ $# -gt 1 ]; do
  case $1 in --outfile) out=$2 ;; --config) cp "$2" "%s/config" ;; esac
  shift
done
part() { printf -- '--b\r\nContent-Disposition: form-data; %%s\r\n\r\n%%s\r\n' "$1" "$2" >> "$out"; }
type() { printf '; filename="x"\r\nContent-Type: %%s' "$1"; }
: > "$out"
part 'name="metadata"' '{"main_module":"i.js"}'
part "name=\"./t.txt\"$(type text/plain)" t
part "name=\"i.js.map\"$(type application/source-map)" '{}'
part "name=\"i.js\"$(type application/javascript+module)" 'export {}'
printf -- '--b--\r\n' >> "$out"
]]

local function with_stand_in(config, more)
  local here = place(config, { ["apps/web/src/index.ts"] = "export default {}" }, more)
  local program = here.root .. "/node_modules/.bin/wrangler"
  fs.write(program, STAND_IN:format(here.root, here.root), { mode = "0755" })
  return here
end

test("a plan lets the declared build and wrangler's bundler run, and nothing that looks like them", function()
  local here <close> = with_stand_in(base { main = "src/index.ts", build = { command = "echo x > built" } })
  local core, worker = require "fs.core", here:worker()
  core.stay_in(here.root)
  local _, err = require("run.plan").make({ run = function()
    local _, refusal = try(process.run, { command = "echo y > built" })
    equal(refusal.code, "plan-effect")
    flow.build(worker)
    equal(tostring(flow.bundle(worker)), "(known after the build of web)")
  end }, {})
  core.stay_in(nil)
  equal({ err.code, err.message:find("echo y > built', and the recipe went on", 1, true) ~= nil }, { "plan-effect", true })
  equal({ fs.read(here.root .. "/apps/web/built"), #flow.bundle(worker).modules }, { "x\n", 2 })
  equal(fs.exists(here.root .. "/apps/web/.wrangler.web.json"), false)
end)

test("TypeScript is bundled by the project's wrangler, in a scratch folder, without credentials", function()
  local here <close> = with_stand_in(base { main = "src/index.ts", env = { production = {} } })
  local worker = here:worker "production"
  raises("web: wrangler's bundle is not there", flow.bundle, worker)
  flow.build(worker)
  local called = fs.read(here.root .. "/called")
  equal(called:find("deploy %-%-dry%-run %-%-config [^\n]*/apps/web/wrangler.json %-%-env=production %-%-outfile ") ~= nil, true)
  equal({ called:find "CLOUDFLARE_", called:find("HOME=" .. called:match "^[^\n]+", 1, true) ~= nil }, { nil, true })
  local found = flow.bundle(worker)
  equal(found.modules, { { name = "i.js", type = "application/javascript+module", body = "export {}" },
    { name = "./t.txt", type = "text/plain", body = "t" } })
  equal({ found.main, found.entry }, { "i.js", "export {}" })
  equal(flow.bundle(here:worker "production").digest, found.digest)
end)

test("a build command runs once, by Davit, before wrangler bundles", function()
  local here <close> = with_stand_in(base { main = "src/index.ts", build = { command = "echo x >> built" },
    env = { staging = { build = { command = "no" } } } })
  flow.build(here:worker())
  equal(fs.read(here.root .. "/apps/web/built"), "x\n")
  local config = json.decode(fs.read(here.root .. "/config"))
  equal({ config.build, config.env.staging.build, config.name }, { nil, nil, "web" })
  equal(fs.exists(here.root .. "/apps/web/.wrangler.web.json"), false)
end)

test("davit.yaml says who bundles, where that is not as the entry lets one think", function()
  local bundled <close> = with_stand_in(base { define = { A = "1" } }, ", bundler: wrangler")
  flow.build(bundled:worker())
  equal(bundled:bundle().main, "i.js")
  local plain <close> = with_stand_in(base { main = "src/index.ts" }, ", bundler: none")
  flow.build(plain:worker())
  equal(plain:bundle().main, "index.ts")
end)

test("wrangler's failure is told with its words, its absence with what to do", function()
  local here <close> = with_stand_in(base { main = "src/index.ts" })
  fs.write(here.root .. "/node_modules/.bin/wrangler", "#!/bin/sh\necho 'no such import' >&2\nexit 3\n", { mode = "0755" })
  raises("wrangler's bundle of web: .* exited with code 3: no such import", flow.build, here:worker())
end)

-- ---- rehearsal ---------------------------------------------------------------------------------------

local RECIPE = [[
local cloudflare = require "cloudflare"
local flow = require "flow"
local project = require "project"
local secret = require "secret"

return { summary = "Deploys what wrangler bundles", run = function(_, run)
  local own = project.current()
  local settings = own.workers.web
  local worker = { name = "web", settings = settings, folder = own.root .. "/" .. settings.path }
  local cf = cloudflare.client { token = secret.env("CLOUDFLARE_API_TOKEN", { to = cloudflare.places.token }) }
  run.step("build", function() flow.build(worker) end)
  local bundle = flow.bundle(worker)
  run.ensure(cf.worker { name = bundle.name, marker = "t/preview/1", main = bundle.main, modules = bundle.modules,
    compatibility_date = bundle.compatibility_date, bindings = bundle.bindings, version_tag = bundle.digest:sub(1, 12) })
end }
]]

test("in a rehearsal wrangler is not started, and the recipe holds wherever it is killed", function()
  local here <close> = with_stand_in(base { main = "src/index.ts", vars = { A = "b" } })
  here:write { ["recipes/ship.lua"] = RECIPE }
  local result = require("rehearsal.explore").run(project.read(here.root), { recipe = "ship", params = {}, seed = 1, jobs = 2,
    pull_requests = { 42 }, every = 5, limit = 60 }, function() end)
  equal({ result.failed, result.reference.outcome.code }, { {}, 0 })
  equal(fs.exists(here.root .. "/called"), false)
end)
