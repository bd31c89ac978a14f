---A project that wrangler's configuration describes, deployed by wrangler and by Davit from the same file: what lives
---afterwards is the same, whether the bundle is finished or wrangler's bundler makes it. Each of the two versions that are
---pinned is compared with a Davit that has that version to bundle with.
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local fs = require "fs"
local process = require "process"
local twin = assert(core.load_file "tests/clients/twin.lua")()
local wrangler = assert(core.load_file "tests/clients/wrangler.lua")()

local why_not = wrangler.missing()

-- ---- two ways to deploy -----------------------------------------------------------------------

local RECIPE = [[
local cloudflare = require "cloudflare"
local flow = require "flow"
local project = require "project"

return { summary = "Deploy the twin", params = { environment = { type = "string" } }, run = function(p, run)
  local own = project.current()
  local settings = own.workers.twin
  local worker = { name = "twin", settings = settings, folder = own.root .. "/" .. settings.path, environment = p.environment }
  local cf = cloudflare.client { account = own.cloudflare.account, zone = "example.com", token = "%s", dns_token = "%s" }
  run.step("build", function() flow.build(worker) end)
  local bundle = flow.bundle(worker)
  run.ensure(cf.worker { name = bundle.name, marker = "twin/production/1", main = bundle.main, modules = bundle.modules,
    compatibility_date = bundle.compatibility_date, compatibility_flags = bundle.compatibility_flags,
    bindings = bundle.bindings, observability = bundle.observability,
    assets = next(bundle.assets) and bundle.assets or nil, assets_config = bundle.rules })
  run.ensure(cf.workers_dev { worker = bundle.name, marker = "twin/production/1" })
  local crons = (settings.crons or {})[p.environment or "production"]
  if crons then run.ensure(cf.crons { worker = bundle.name, marker = "twin/production/1", crons = crons }) end
end }
]]

-- A user may have signed in at wrangler; a dry run must not even be able to know.
local SHIM = "#!/bin/sh\nenv > '%s/seen'\nexec '%s' '%s/%s/bin/wrangler.js' \"$@\"\n"

local function by_davit(place, which, o)
  local function write(name, text, options) fs.write(place.folder .. "/" .. name, text, options) end
  write("davit.yaml", ("version: 1\nproject: twin\ncloudflare: { account: %s }\nworkers:\n  twin: { wrangler: %s, host: x }\n")
    :format(cloud.account, o.config))
  write("recipes/ship.lua", RECIPE:format(cloud.tokens.workers, cloud.tokens.dns))
  write("node_modules/.bin/wrangler", SHIM:format(place.folder, cloud.node, cloud.parts, which.part), { mode = "0755" })
  for name, text in pairs(o.files) do write(name, text) end
  local argv = { cloud.program, "run", "ship", "--local" }
  if o.environment then table.move({ "--environment", o.environment }, 1, 2, #argv + 1, argv) end
  process.run { argv = argv, cwd = place.folder, timeout = 240, env = {
    CLOUDFLARE_API_TOKEN = "not for wrangler", HOME = place.folder,
    NODE_COMPILE_CACHE = cloud.here .. "/build/clients-cache" } }
end

local function by_wrangler(place, which, o)
  local w <close> = wrangler.project(place, which, "twin")
  fs.remove(w.folder .. "/wrangler.json")
  for name, text in pairs(o.files) do w:write(name, text) end
  w:succeeds("deploy", table.unpack(o.environment and { "--env", o.environment } or {}))
end

-- ---- differences that are meant ---------------------------------------------------------------

local known = {
  { "^scripts%.[^.]*%.tags%.", "Davit marks what is its own, wrangler names service and environment" },
  { "^scripts%..*%.extra%.tags%.", "Davit sends its mark with the upload" },
  { "^scripts%..*%.code_update_strategy%.", "only the newer wrangler has an opinion on when running code is replaced" },
  { "%.subdomain%.previews$", "wrangler lets versions be looked at on workers.dev; with Davit a preview is a Worker of its own" },
}

-- ---- the test -----------------------------------------------------------------------------------

local function compare(which, o)
  local theirs <close> = cloud.open("wrangler-" .. which.part)
  local ours <close> = cloud.open("davit-" .. which.part)
  parallel { theirs = function() by_wrangler(theirs, which, o) end, ours = function() by_davit(ours, which, o) end }
  if o.bundled then
    local seen = fs.read(ours.folder .. "/seen")
    equal({ seen:find "CLOUDFLARE_", seen:find("HOME=" .. ours.folder .. "\n", 1, true) }, {})
  end
  return twin.differences(twin.lines(theirs), twin.lines(ours), known)
end

local function same(name, o)
  test(name, function()
    if why_not then skip(why_not) end
    for _, which in ipairs(wrangler.versions()) do
      equal({ which.version, compare(which, o) }, { which.version, {} })
    end
  end)
end

same("a finished bundle is uploaded as wrangler uploads it", { config = "wrangler.toml", files = {
  ["wrangler.toml"] = [=[
name = "finished"
main = "dist/index.js"
compatibility_date = "2026-01-01"
compatibility_flags = ["nodejs_compat"]
no_bundle = true
workers_dev = true
upload_source_maps = true

[vars]
TEXT = "a text"
NUMBER = 3
LIST = [1, "two", { three = 3.5 }]

[[kv_namespaces]]
binding = "KV"
id = "0123456789abcdef0123456789abcdef"

[[hyperdrive]]
binding = "DATABASE"
id = "11111111222233334444555555555555"

[version_metadata]
binding = "SELF"

[[analytics_engine_datasets]]
binding = "AE"
dataset = "visits"

[assets]
directory = "./dist/public"
binding = "ASSETS"
html_handling = "drop-trailing-slash"
not_found_handling = "404-page"
run_worker_first = ["/api/*", "!/api/docs/*"]

[[rules]]
type = "Text"
globs = ["**/*.md"]
fallthrough = true

[observability]
enabled = true
head_sampling_rate = 0.5

[triggers]
crons = ["*/5 * * * *", "0 1 * * *"]
]=],
  ["dist/index.js"] = "import text from './a.txt';\nimport data from './deep/b.bin';\n"
    .. "export default { fetch() { return new Response(text + data.byteLength); }, scheduled() {} };\n"
    .. "//# sourceMappingURL=index.js.map\n",
  ["dist/index.js.map"] = '{"version":3,"file":"index.js","names":[],"sources":["src/index.ts"],"mappings":"AAAA"}',
  ["dist/a.txt"] = "text", ["dist/deep/b.bin"] = "\0\1\2", ["dist/c.md"] = "# c", ["dist/d.png"] = "no module",
  ["dist/public/index.html"] = "<h1>x</h1>", ["dist/public/404.html"] = "none", ["dist/public/_headers"] = "/*\n  x-a: b\n",
  ["dist/public/_redirects"] = "/a /b 301\n", ["dist/public/.assetsignore"] = "*.map\n_worker.js\nprivate/\n!keep.map\n",
  ["dist/public/x.map"] = "{}", ["dist/public/keep.map"] = "{}", ["dist/public/_worker.js"] = "secret",
  ["dist/public/private/a.html"] = "private", ["dist/public/deep/a.css"] = "a{}",
} })

same("what wrangler's bundler makes is uploaded as wrangler uploads it", { config = "wrangler.jsonc", bundled = true,
  environment = "staging", files = {
  ["wrangler.jsonc"] = [[{
  // read by both
  "name": "bundled", "main": "src/index.ts", "compatibility_date": "2026-01-01", "workers_dev": true,
  "upload_source_maps": true, "define": { "UNUSED": "1" }, "vars": { "WHERE": "top" },
  "build": { "command": "mkdir -p made && echo 'export const MADE = 1;' > made/made.ts" },
  "env": { "staging": {
    "vars": { "WHERE": "staging" }, "define": { "LEVEL": "\"debug\"" },
    "d1_databases": [{ "binding": "DB", "database_name": "d", "database_id": "11111111-2222-3333-4444-555555555555" }],
    "triggers": { "crons": ["0 * * * *"] }, "observability": { "enabled": true },
  } },
}]],
  ["src/index.ts"] = [[
import text from "./a.txt";
import { MADE } from "../made/made";
declare const LEVEL: string;
interface Env { WHERE: string }
export default {
  fetch(_: Request, env: Env): Response { return new Response(text + MADE + LEVEL + env.WHERE); },
  scheduled(): void {},
};
]],
  ["src/a.txt"] = "a text",
} })

test("every difference that is meant occurs", function()
  if why_not then skip(why_not) end
  local stale = {}
  for _, one in ipairs(known) do
    if not one.used then stale[#stale + 1] = one[1] .. ": " .. one[2] end
  end
  equal(stale, {})
end)
