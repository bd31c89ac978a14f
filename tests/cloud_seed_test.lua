---The Workers of a seed: made through the model from files beside it, and served as soon as the cloud is ready.
local core = require "core"
local fs = require "fs.core"
local local_cloud = assert(core.load_file "tests/local_cloud.lua")()
local seed_file = require "cloud.seed_file"
local world = require "cloud.world"

local NOW = 1800000000

-- A folder with these files.
local function with_files(files, body)
  local_cloud.folder(function(folder)
    for name, text in pairs(files) do
      fs.make((folder .. "/" .. name):match "^(.*)/")
      fs.write(folder .. "/" .. name, text)
    end
    body(folder)
  end)
end

local SHOP = 'export default { fetch(r, env) { return new Response(env.GREETING + " " + env.KEY + " " '
  .. '+ new URL(r.url).pathname) }, scheduled() {} };\n'

local FILES = {
  ["shop.js"] = SHOP,
  ["pages/src/index.mjs"] = 'import { name } from "./lib/name.mjs"; import text from "./hello.txt";\n'
    .. 'export default { async fetch(r, env) { const page = await env.ASSETS.fetch(r);\n'
    .. '  return page.ok ? page : new Response(text + name) } };\n',
  ["pages/src/lib/name.mjs"] = 'export const name = "pages";\n',
  ["pages/src/hello.txt"] = "hello ",
  ["pages/public/index.html"] = "<h1>a page</h1>",
  ["pages/public/_headers"] = "/*\n  x-from: seed\n",
}

local SEED = [[
cloudflare:
  subdomain: example
  zones: [example.com, shop.example.com]
  workers:
    - name: shop
      script: shop.js
      vars: { GREETING: hello }
      secrets: { KEY: hidden-value }
      compatibility_date: "2026-01-01"
      crons: ["*/5 * * * *", "0 3 * * SUN"]
      domains: [a.example.com, b.shop.example.com]
      routes: ["www.example.com/shop/*", "*.shop.example.com/api/*"]
      workers_dev: true
    - name: pages
      folder: pages/src
      main: index.mjs
      assets: pages/public
      assets_binding: ASSETS
      compatibility_date: "2026-01-01"
      domains: [pages.example.com]
  records:
    - { type: AAAA, name: www.example.com, content: "100::", proxied: true }
]]

local function planted(text, folder)
  local from = seed_file.read(text, folder .. "/seed.yaml")
  local state = world.new(from)
  seed_file.plant(state, from, NOW)
  return state
end

test("the Workers of a seed are what a client would have deployed", function()
  with_files(FILES, function(folder)
    local state = planted(SEED, folder)
    local cloudflare = state.cloudflare
    local shop, pages = cloudflare.scripts.shop, cloudflare.scripts.pages
    local bindings = {}
    for _, binding in ipairs(shop.versions[1].bindings) do
      bindings[#bindings + 1] = ("%s %s=%s"):format(binding.type, binding.name, binding.text)
    end
    equal(bindings, { "plain_text GREETING=hello", "secret_text KEY=hidden-value" })
    equal({ shop.versions[1].compatibility_date, #shop.versions, #shop.deployments }, { "2026-01-01", 1, 1 })
    equal({ shop.schedules[1].cron, shop.schedules[2].cron, shop.subdomain.since ~= nil }, { "*/5 * * * *", "0 3 * * SUN", true })
    local hosts, patterns, names = {}, {}, {}
    for i, domain in ipairs(cloudflare.domains) do hosts[i] = ("%s %s %s"):format(domain.hostname, domain.zone_name, domain.service) end
    for i, route in ipairs(cloudflare.routes) do patterns[i] = route.pattern .. " " .. route.script end
    for i, module in ipairs(pages.versions[1].modules) do names[i] = module.name .. " " .. module.type end
    table.sort(names)
    equal(hosts, { "a.example.com example.com shop", "b.shop.example.com shop.example.com shop",
      "pages.example.com example.com pages" })
    equal(patterns, { "www.example.com/shop/* shop", "*.shop.example.com/api/* shop" })
    equal(names, { "hello.txt text/plain", "index.mjs application/javascript+module", "lib/name.mjs application/javascript+module" })
    equal({ (next(pages.versions[1].assets.manifest)), pages.schedules }, { "/index.html" })
    equal(pages.versions[1].assets.config._headers, FILES["pages/public/_headers"])
    equal(next(cloudflare.used), nil)
  end)
end)

test("the same seed makes the same world", function()
  with_files(FILES, function(folder)
    equal(planted(SEED, folder), planted(SEED, folder))
  end)
end)

test("Workers of a seed answer once the cloud is ready, at every name of theirs", function()
  if not local_cloud.has_workerd() then skip "there is no workerd" end
  with_files(FILES, function(folder)
    local from = seed_file.read(SEED, folder .. "/seed.yaml")
    local slow = { dns_delay = 60, tls_delay = 60, propagation_delay = 60 }
    local_cloud.with({ world = from, settings = slow, project = {} }, function(cloud)
      equal(cloud:get "a.example.com/x", "hello hidden-value /x")
      equal(cloud:get "b.shop.example.com/", "hello hidden-value /")
      equal(cloud:get "www.example.com/shop/y", "hello hidden-value /shop/y")
      equal(cloud:get "shop.example.workers.dev/z", "hello hidden-value /z")
      equal(cloud:get "pages.example.com/elsewhere", "hello pages")
      local page = cloud:ask("GET", "pages.example.com/")
      equal({ page.body, page.headers["x-from"] }, { "<h1>a page</h1>", "seed" })
    end)
  end)
end)

-- ---- what is wrong ----------------------------------------------------------------------------

local function refused(folder, worker, message)
  local text = "cloudflare:\n  zones: [example.com]\n  workers:\n    - name: shop\n" .. worker
  local err = raises("seed%.yaml:%d+: cloudflare%.workers%.", planted, text, folder)
  local said = err.message:match "seed%.yaml:(.*)$"
  if not said:find(message, 1, true) then error(("expected %q in %q"):format(message, said), 2) end
  equal(err.code, "config")
end

test("what Cloudflare would refuse of a Worker is named with its line", function()
  with_files(FILES, function(folder)
    local shop = "      script: shop.js\n"
    refused(folder, shop .. '      crons: ["61 * * * *"]\n', "6: cloudflare.workers.1.crons: Cloudflare would refuse it")
    refused(folder, shop .. "      domains: [example.com, a.example.org]\n",
      "6: cloudflare.workers.1.domains.2: no zone of the seed holds a.example.org")
    refused(folder, shop .. "      routes: [a.example.com/x*y]\n", "6: cloudflare.workers.1.routes.1: Cloudflare would refuse it")
    refused(folder, shop .. '      compatibility_date: "2100-01-01"\n', "Can't set compatibility date in the future: 2100-01-01 (10021)")
    refused(folder, "      script: shop.js\n    - name: Bad Name\n      script: shop.js\n", "6: cloudflare.workers.2: Cloudflare would")
    refused(folder, shop .. "      domains: [www.example.com]\n  records:\n"
      .. "    - { type: A, name: www.example.com, content: 192.0.2.1 }\n", "externally managed DNS records")
  end)
end)

test("mistakes in a Worker of a seed are named with their line", function()
  with_files(FILES, function(folder)
    refused(folder, "      script: nothing.js\n", "5: cloudflare.workers.1.script: reading ")
    refused(folder, "      assets: nowhere\n", "5: cloudflare.workers.1.assets: ")
    refused(folder, "      folder: pages/src\n      main: index.js\n", "No such module: index.js")
    refused(folder, "      vars: {}\n", "4: cloudflare.workers.1: has no code")
    refused(folder, "      folder: pages/src\n", "'folder' needs 'main'")
    refused(folder, "      main: index.mjs\n", "'main' needs 'folder'")
    refused(folder, "      script: shop.js\n      main: shop.js\n", "'script' is one module")
    refused(folder, "      script: shop.js\n      assets_binding: A\n", "'assets_binding' needs 'assets'")
    refused(folder, "      script: shop.js\n    - { name: shop, script: shop.js }\n", "two Workers are called 'shop'")
    refused(folder, "      script: shop.js\n      cron: []\n", "unknown key, did you mean 'crons'?")
    refused(folder, "      script: shop.js\n      vars: { N: 1 }\n", "6: cloudflare.workers.1.vars.N: must be a text")
  end)
end)
