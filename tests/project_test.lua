---davit.yaml read strictly, and what an environment makes of it.
local flow = require "flow"
local fs = require "fs"
local process = require "process"
local project = require "project"
local secret = require "secret"

local SAMPLE = [[
version: 1
project: codex
zone: example.com
github: { repository: example/codex }
workers:
  api: { path: workers/api, entry: index.js, host: api, secrets: [KEY] }
  web: { path: workers/web, entry: index.js, host: www }
databases:
  main: { neon: project-1, parent: production }
secrets:
  CLOUDFLARE_API_TOKEN: { to: [api.cloudflare.com] }
  CLOUDFLARE_DNS_API_TOKEN: { to: [api.cloudflare.com] }
  NEON_API_KEY: { to: [console.neon.tech] }
  GITHUB_TOKEN: { to: [api.github.com] }
environments:
  preview: { name: "{worker}-preview-{pr}", host: "{host}-preview-{pr}", database: "pr-{pr}" }
  production: { name: "{worker}", host: "{host}", database: production, secrets: { KEY: LIVE_KEY } }
]]

-- The sample with one text in place of another, which must be in it.
local function sample(from, to)
  local first, last = SAMPLE:find(from or "version: 1", 1, true)
  if not first then error("not in the sample: " .. from, 2) end
  return SAMPLE:sub(1, first - 1) .. (to or "version: 1") .. SAMPLE:sub(last + 1)
end

local function parse(from, to) return project.parse(sample(from, to), "davit.yaml") end

-- ---- davit.yaml ----------------------------------------------------------------------------------

test("a project is read with its defaults", function()
  local p = parse()
  equal(p.deploy, { "api", "web" })
  equal({ p.workers.web.health, p.workers.web.secrets }, { "/health", {} })
  equal({ p.databases.main.database, p.databases.main.role }, { "neondb", "neondb_owner" })
end)

test("what is wrong in davit.yaml is named with its line", function()
  for pattern, change in pairs {
    ["davit.yaml:3: zon: unknown key, did you mean 'zone'%?"] = { "zone: example", "zon: example" },
    ["davit.yaml:6: workers.api.pth: unknown key, did you mean 'path'%?"] = { "path: workers/api", "pth: x" },
    ["davit.yaml:7: workers.web: the key 'entry' is required"] = { "workers/web, entry: index.js", "workers/web" },
    ["davit.yaml:6: workers.api.vars.VERSION: VERSION is what Davit itself gives"] = { "host: api", "host: api, vars: { VERSION: x }" },
    ["workers.api.secrets.1: A is given by workers.api.vars.A, too"] = { "secrets: [KEY]", "secrets: [A], vars: { A: x }" },
    ["workers.api.secrets.2: KEY is given by workers.api.secrets.1, too"] = { "secrets: [KEY]", "secrets: [KEY, KEY]" },
    ["davit.yaml:9: databases.main: the key 'parent' is required"] = { ", parent: production", "" },
    ["databases.main.kind: is drizzle, sql or command, not 'prisma'"] = { "parent: production", "parent: production, kind: prisma" },
    ["databases.main.kind: is command, and the key 'migrate' is missing"] = { "parent: production", "parent: p, kind: command" },
    ["databases.main.kind: goes with 'migrations', the folder"] = { "parent: production", "parent: p, kind: sql" },
    ["databases.main.migrate: goes with 'kind: command'"] = { "parent: production", "parent: p, migrate: make" },
    ["davit.yaml:1: version: this davit reads version 1"] = { "version: 1", "version: 2" },
    ["davit.yaml:1: the key 'project' is required"] = { "project: codex\n", "" },
    ["davit.yaml:1: version: must be an integer"] = { "version: 1", "version: one" },
    ["davit.yaml:3: zone: must be a text"] = { "zone: example.com", "zone: [x]" },
    ["workers: must be a mapping"] = { sample():match("workers:\n.-\ndata"):sub(1, -6), "workers: 7" },
    ["deploy.1: no worker is called 'shop'"] = { "databases:", "deploy: [shop]\ndatabases:" },
    ["artifacts.keys: must be a mapping, not a list"] = { "databases:", "artifacts: { keys: [e2e] }\ndatabases:" },
    ["secrets.NEON_API_KEY.to.1: 'postgres://…@db/x' is no place"] = {
      "[console.neon.tech]", "['postgres://me:open-sesame@db/x']" },
    ["deploy: must be a list"] = { "databases:", "deploy: { a: b }\ndatabases:" },
    ["health.grace: must be a duration such as 30s or 5m"] = { "databases:", "health: { grace: 3x }\ndatabases:" },
  } do
    equal(raises(pattern, parse, change[1], change[2]).code, "config")
  end
end)

test("a duration is a number with its unit, or of seconds", function()
  equal({ project.duration "30s", project.duration "5m", project.duration "1.5h", project.duration "200ms" },
    { 30, 300, 5400.0, 0.2 })
  equal(project.duration(7), 7)
  for _, wrong in ipairs { "", "s", "5", "5x", "-5s", true, -1 } do equal(project.duration(wrong), nil) end
end)

test("a folder without a project says so", function()
  equal(raises("no davit.yaml in /", project.read, "/").code, "config")
  equal(project.root "/", nil)
end)

-- ---- an environment --------------------------------------------------------------------------------

local env_secret = secret.env

-- Opens the preview of pull request 42; every secret of the environment is there.
local function open(from, to)
  local p = parse(from, to)
  p.root = "."
  project.use(p)
  require("fs.core").stay_in()   -- other tests write elsewhere
  secret.env = function(_, o) return secret.generate(o.name, 16, { to = o.to }) end
  local env, err = try(flow.environment, "preview", { pr = 42 })
  if env then env:require_credentials("cloudflare", "neon", "github") end
  secret.env = env_secret
  if err then error(err, 0) end
  return env
end

test("an environment names what belongs to it", function()
  local env = open()
  equal({ env.branch_name, env.marker }, { "pr-42", "codex/preview/42" })
  equal({ env.workers[1].script, env.workers[1].host }, { "api-preview-42", "api-preview-42.example.com" })
  equal({ env.workers[2].script, env.workers[2].host }, { "web-preview-42", "www-preview-42.example.com" })
end)

test("a preview whose names are shared is refused", function()
  local preview = { name = [["{worker}-preview-{pr}"]], host = [["{host}-preview-{pr}"]], database = [["pr-{pr}"]] }
  for key, text in pairs(preview) do
    equal(raises(("environments.preview.%s has no {pr}"):format(key), open, text, "shared").code, "refused")
  end
  raises("api and web would both be preview%-42; environments.preview.name needs {worker}", open,
    preview.name, [["preview-{pr}"]])
  raises("api and web would both be preview%-42.example.com; environments.preview.host needs {host}", open,
    preview.host, [["preview-{pr}"]])
end)

-- Steps that are simply called.
local plain_run = { step = function(_, f) return f() end, look = function(_, f) return f() end }

test("a secret that production uses is refused to a preview", function()
  local function taken(from, to)
    local env = open(from, to)
    secret.env = function(_, o) return secret.generate(o.name, 16, { to = o.to }) end
    local value, err = try(env.secrets, env, { id = "br-x" }, plain_run)
    secret.env = env_secret
    if err then error(err, 0) end
    return tostring(value.KEY)
  end
  equal(taken(), "[secret KEY]")
  local err = raises("KEY of codex/preview/42 would come from LIVE_KEY, which is production's", taken,
    [[database: "pr-{pr}" }]], [[database: "pr-{pr}", secrets: { KEY: LIVE_KEY } }]])
  equal(err.code, "preview-to-production")
end)

test("an environment says what davit.yaml lacks", function()
  raises("the key 'github.repository' is missing", open, "github: { repository: example/codex }\n", "")
  raises("no database is declared", open, "databases:\n  main: { neon: project-1, parent: production }\n", "")
  raises("several databases are declared", open, "databases:\n", "databases:\n  b: { neon: p, parent: q }\n")
  raises("nothing is known for {shop} in", open, "{worker}-preview-{pr}", "{shop}-{pr}")
end)

test("flow.environment says what it expects", function()
  raises("flow.environment: expected { pr = NUMBER } for the environment 'preview'", flow.environment, "preview", {})
  raises("flow.environment: expected { pr = NUMBER }", flow.environment, "preview")
  raises("expected { branch = NAME, sha = COMMIT } for the environment 'test'", flow.environment, "test", {})
  raises("no environment is called 'staging'", flow.environment, "staging")
end)

-- ---- versions --------------------------------------------------------------------------------------

test("a version is the same for the same code, settings, secrets and database, and no other", function()
  local env = open()
  local worker, bundle, branch = env.workers[1], { digest = ("d"):rep(64) }, { id = "br-x" }
  local function secrets(value)
    local made = {}
    for _, name in ipairs(worker.settings.secrets) do
      made[name] = require("secret.core").new(name, value, { "https://example.com" })
    end
    return made
  end
  worker.settings.secrets = { "STRIPE_KEY" }
  local version = env:version(worker, bundle, branch, secrets "first-value")
  equal({ #version, version:match "^(.-)%-" }, { 21, ("d"):rep(12) })
  equal(env:version(worker, bundle, branch, secrets "first-value"), version)
  equal(env:version(worker, bundle, branch, secrets "other-value") ~= version, true)
  equal(env:version(worker, bundle, { id = "br-y" }, secrets "first-value") ~= version, true)
  equal(env:version(worker, { digest = ("e"):rep(64) }, branch, secrets "first-value") ~= version, true)
  worker.settings.vars.A = "1"
  equal(env:version(worker, bundle, branch, secrets "first-value") ~= version, true)
end)

-- ---- generated secrets, first connections ------------------------------------------------------------

-- The options of the Workers that would be uploaded, where the scripts named have the secret KEY.
local function uploads(have)
  local env = open([[  web: { path: workers/web, entry: index.js, host: www }]],
    [[  web: { path: workers/web, entry: index.js, host: www, secrets: [KEY] }]])
  env.project.secrets.KEY = { generate = 32 }
  env.cloudflare.has_secret = function(script) return have[script] or false end
  env.cloudflare.worker = function(o) return o end
  local secrets, list = env:secrets({ id = "br-x" }, plain_run), {}
  for i, worker in ipairs(env.workers) do
    list[i] = env:worker(worker, { entry = "", assets = {}, digest = ("d"):rep(64) }, "v", secrets)
  end
  return list
end

test("a generated secret is kept while every Worker has it, else all get the same other one", function()
  for _, o in ipairs(uploads { ["api-preview-42"] = true, ["web-preview-42"] = true }) do
    equal({ o.bindings[3].type, o.always }, { "inherit", false })
  end
  local api, web = table.unpack(uploads { ["api-preview-42"] = true })
  equal({ api.always, web.always, api.bindings[3].type }, { true, true, "secret_text" })
  equal(api.bindings[3].text == web.bindings[3].text, true)
end)

-- Migrates on a database whose first connections fail; returns how often one was tried.
local function migrate(failures, fault)
  local sql = require "sql.core"
  local env, connect, tried = open(), sql.connect, 0
  env.neon.ready, env.neon.connection_uri = function() end, function() return "postgresql://h/d" end
  sql.connect = function()
    tried = tried + 1
    if tried <= failures then failure(fault) end
    return { query = function() end, close = function() end }
  end
  local done, err = try(env.migrate, env, { id = "br-x" })
  sql.connect = connect
  if err then error(err, 0) end
  equal(done, { kind = "none", applied = {}, already = 0, breaking = {}, additive = true, verified = true })
  return tried
end

test("migrations begin when the branch lets somebody in", function()
  equal(migrate(0), 1)
  equal(migrate(2, { code = "sql-connect", class = "fatal", sqlstate = "28P01", message = "not yet" }), 3)
  equal(migrate(1, { code = "sql-connect", class = "transient", message = "refused" }), 2)
  raises("no such database", migrate, 1, { code = "sql-connect", class = "fatal", sqlstate = "3D000",
    message = "no such database" })
end)

-- ---- bundles ---------------------------------------------------------------------------------------

test("_headers and _redirects of the assets folder are rules, not assets", function()
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  fs.write(folder .. "/dist/index.js", "export default {}")
  fs.write(folder .. "/dist/client/style.css", "body{}")
  fs.write(folder .. "/dist/client/_headers", "/*\n  X-Kind: new")
  local worker = { name = "web", folder = folder, settings = { entry = "dist/index.js", assets = "dist/client" } }
  local bundle = flow.bundle(worker)
  equal(bundle.rules, { _headers = "/*\n  X-Kind: new" })
  equal(bundle.assets, { ["/style.css"] = { body = "body{}", type = "text/css; charset=utf-8" } })
  fs.write(folder .. "/dist/client/_headers", "/*\n  X-Kind: other")
  equal(flow.bundle(worker).digest ~= bundle.digest, true)
  fs.remove(folder)
end)
