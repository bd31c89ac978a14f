---The same Worker deployed by wrangler and by a recipe of Davit's, each on a local cloud of its own: what lives
---afterwards is the same, ids and times and who it was apart. Where it is not, it stands below with the reason.
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local twin = assert(core.load_file "tests/clients/twin.lua")()
local wrangler = assert(core.load_file "tests/clients/wrangler.lua")()
local fs = require "fs"
local json = require "json"
local process = require "process"

local why_not = wrangler.missing()

local CODE = 'export default { fetch() { return new Response("the same"); }, scheduled() {} };\n'

-- ---- two ways to deploy -----------------------------------------------------------------------

-- By Davit: a recipe that reads what is wanted, and ensures it.
local RECIPE = [[
local cloudflare = require "cloudflare"
local flow = require "flow"
local fs = require "fs"
local json = require "json"

return { summary = "Deploy the twin", run = function(_, run)
  local o = json.decode(fs.read "twin.json")
  local cf = cloudflare.client(o.client)
  local bundle = flow.bundle { folder = ".", settings = { entry = "src/index.js", assets = o.assets } }
  o.worker.modules = { { name = "index.js", type = "application/javascript+module", body = bundle.entry } }
  o.worker.assets, o.worker.assets_config = next(bundle.assets) and bundle.assets or nil, bundle.rules
  if o.domain then run.ensure(cf.dns_record { host = o.domain, marker = o.worker.marker }) end
  run.ensure(cf.worker(o.worker))
  if o.workers_dev then run.ensure(cf.workers_dev { worker = o.worker.name, marker = o.worker.marker }) end
  if o.crons then run.ensure(cf.crons { worker = o.worker.name, marker = o.worker.marker, crons = o.crons }) end
  if o.domain then run.ensure(cf.domain { host = o.domain, worker = o.worker.name, marker = o.worker.marker }) end
end }
]]

local function bindings_of(o)
  local list = json.array {}
  for name, text in pairs(o.vars or {}) do list[#list + 1] = { type = "plain_text", name = name, text = text } end
  if o.assets_binding then list[#list + 1] = { type = "assets", name = o.assets_binding } end
  return list
end

-- What both deploy.
local function write_files(o, write)
  write("src/index.js", CODE)
  for path, body in pairs(o.assets or {}) do write("public" .. path, body) end
end

local function by_davit(place, o)
  local name = o.environment and o.name .. "-" .. o.environment or o.name
  local wanted = { domain = o.domain, workers_dev = o.workers_dev, crons = o.crons,
    client = { account = cloud.account, zone = "example.com", token = cloud.tokens.workers, dns_token = cloud.tokens.dns },
    worker = { name = name, marker = "twin/production/1", main = "index.js", compatibility_date = "2026-01-01",
      bindings = bindings_of(o) }, assets = o.assets and "public" or nil }
  fs.write(place.folder .. "/davit.yaml", ("version: 1\nproject: twin\nzone: example.com\ncloudflare: { account: %s }\n")
    :format(cloud.account))
  fs.write(place.folder .. "/recipes/ship.lua", RECIPE)
  fs.write(place.folder .. "/twin.json", json.encode(wanted))
  write_files(o, function(path, text) fs.write(place.folder .. "/" .. path, text) end)
  process.run { argv = { cloud.program, "run", "ship", "--local" }, cwd = place.folder, timeout = 240 }
end

local function by_wrangler(place, which, o)
  local w <close> = wrangler.project(place, which, "twin")
  local config = { name = o.name, compatibility_date = "2026-01-01", workers_dev = o.workers_dev or false,
    vars = o.vars, routes = o.domain and { { pattern = o.domain, custom_domain = true } } or nil,
    triggers = o.crons and { crons = o.crons } or nil,
    assets = o.assets and { directory = "./public", binding = o.assets_binding } or nil }
  if o.environment then
    config = { name = o.name, compatibility_date = "2026-01-01", env = { [o.environment] = {
      workers_dev = config.workers_dev, vars = config.vars } } }
  end
  w:config(config)
  write_files(o, function(path, text) w:write(path, text) end)
  w:succeeds("deploy", "--no-bundle", table.unpack(o.environment and { "--env", o.environment } or {}))
end

-- ---- differences that are meant ---------------------------------------------------------------

local known = {
  { "^scripts%.[^.]*%.tags%.", "Davit marks what is its own, wrangler names service and environment" },
  { "^scripts%..*%.extra%.tags%.", "Davit sends its mark with the upload" },
  { "^scripts%..*%.code_update_strategy%.", "only the newer wrangler has an opinion on when running code is replaced" },
  { "%.subdomain%.previews$", "wrangler lets versions be looked at on workers.dev; with Davit a preview is a Worker of its own" },
  { "%.annotations%.workers/triggered_by$", "Davit uploads and deploys in one request, wrangler in two once a Worker is there" },
  { "^scripts%.twice%.observability%.", "only wrangler says, when it deploys again, that nothing is to be observed" },
}

local function twins(name, o)
  test(name, function()
    if why_not then skip(why_not) end
    local which = wrangler.versions()
    local old <close> = cloud.open "twin-old"
    local new <close> = cloud.open "twin-new"
    local own <close> = cloud.open "twin-davit"
    for _, vars in ipairs { o.vars or {}, o.again } do
      o.vars = vars
      parallel { old = function() by_wrangler(old, which[1], o) end, new = function() by_wrangler(new, which[2], o) end,
        own = function() by_davit(own, o) end }
    end
    local davit, problems = twin.lines(own), {}
    for i, place in ipairs { old, new } do
      for _, text in ipairs(twin.differences(twin.lines(place), davit, known)) do
        problems[#problems + 1] = ("wrangler %s: %s"):format(which[i].version, text)
      end
    end
    if problems[1] then error(table.concat(problems, "\n"), 0) end
  end)
end

twins("a plain Worker is the same, whoever deployed it", { name = "plain", workers_dev = true,
  vars = { GREETING = "hello", PLACE = "here" } })

-- Files of every kind that Davit knows the content type of, and of some that it does not.
local function every_kind()
  local files = { ["/index.html"] = "<h1>the same</h1>", ["/no-extension"] = "plain", ["/_headers"] = "/*\n  x-a: b\n",
    ["/_redirects"] = "/a /b 301\n" }
  for extension in ([[avif css csv gif htm html ico jpeg jpg js json map md mjs mp3 mp4 otf pdf png svg ttf txt wasm webm
    webmanifest webp woff woff2 xml strange]]):gmatch "%S+" do
    files[("/kinds/a.%s"):format(extension)] = "of the kind " .. extension
  end
  return files
end

twins("a Worker with assets is the same", { name = "assets", workers_dev = true, assets_binding = "ASSETS",
  assets = every_kind() })

twins("a Worker on a custom domain is the same", { name = "domain", domain = "twin.example.com" })

twins("a Worker with crons is the same", { name = "crons", workers_dev = true, crons = { "*/5 * * * *" } })

twins("a Worker that was deployed twice is the same", { name = "twice", workers_dev = true, vars = { STATE = "before" },
  again = { STATE = "after" } })

twins("a Worker of an environment is the same", { name = "environment", environment = "production", workers_dev = true,
  vars = { WHERE = "production" } })

test("every difference that is meant occurs", function()
  if why_not then skip(why_not) end
  local stale = {}
  for _, one in ipairs(known) do
    if not one.used then stale[#stale + 1] = one[1] .. ": " .. one[2] end
  end
  equal(stale, {})
end)
