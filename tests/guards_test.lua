---Nothing but production's own flow touches what is production's: every function of the providers that writes, called
---with production's names by the client of a preview, and a project's own recipe that tries each way.
local artifact = require "artifact"
local cloudflare = require "cloudflare"
local core = require "core"
local environment = require "environment"
local exit = require "cli.exit"
local flow = require "flow"
local github = require "github"
local json = require "json"
local neon = require "neon"
local project = require "project"
local recipe = require "recipe"
local runs = require "run"
local secret = require "secret"
local store = require "store.core"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local secret_core = require "secret.core"
local ensure, open = provider_world.ensure, provider_world.open

local MARK, LIVE, SHA = "codex/preview/42", "codex/production/live", ("a"):rep(40)
local ZONE = "revelations.studio"

local production = { worker = { "codex-web-production" }, host = { "Codex." .. ZONE }, branch = { "production", "main" } }

local function environment_of(kind, key)
  return environment.new { project = "codex", kind = kind, key = key, production = production }
end

local preview, live = environment_of("preview", 42), environment_of("production", "live")

local function clients(env)
  return {
    cloudflare = cloudflare.client { account = "acc", zone = ZONE, token = "workers-token", dns_token = "dns-token",
      environment = env },
    neon = neon.client { project = "wandering-moon-123456", key = "neon-token", environment = env },
    github = github.client { repository = "example/codex", token = "github-owner-token", environment = env },
  }
end

local function secret_of(name) return secret_core.new(name, "guards-value-1", { "PUT https://api.github.com/repos body" }) end

-- What a client of anything but production refuses, by what is said of it.
local function refused(code, f, ...)
  local err = raises("production", f, ...)
  equal({ err.code, exit.code(err) }, { code or "preview-to-production", 9 })
  return err
end

local function upload(o)
  local all = { name = "codex-web-preview-42", marker = MARK, main = "i.js",
    modules = { { name = "i.js", type = "application/javascript+module", body = "export default {}" } } }
  for name, value in pairs(o) do all[name] = value end
  return all
end

local function version(o)
  o = upload(o)
  o.worker, o.name, o.version_tag = o.worker or "codex-web-preview-42", nil, "v1"
  return o
end

-- ---- every function that writes ------------------------------------------------------------------

local HOST, WORKER = "codex." .. ZONE, "codex-web-production"
local thing = { id = "br-x", name = "production" }
local own = { id = "br-y", name = "pr-42", marker = MARK }
local to = { "sql:*" }

-- By function: calls that name something of production's.
local calls = {
  cloudflare = {
    worker = { upload { name = WORKER }, upload { name = "Codex-Web-Production" }, upload { marker = LIVE },
      upload { bindings = { { name = "API", type = "service", service = WORKER } } },
      upload { bindings = { { name = "D", type = "durable_object_namespace", class_name = "D", script_name = WORKER } } },
      upload { tail_consumers = { { service = WORKER } } }, upload { streaming_tail_consumers = { { service = WORKER } } } },
    version = { version { worker = WORKER }, version { marker = LIVE } },
    deployment = { { worker = WORKER, marker = MARK, version = "v" }, { worker = "w", marker = LIVE, version = "v" } },
    rollback = { { worker = WORKER, version = "v" }, { worker = "w", marker = LIVE, version = "v" } },
    change_secrets = { { worker = WORKER, marker = MARK, set = { A = "b" } }, { worker = "w", marker = LIVE } },
    route = { { pattern = HOST .. "/*", worker = "w", marker = MARK }, { pattern = "*." .. ZONE .. "/*", worker = "w", marker = MARK },
      { pattern = "https://*" .. HOST .. "/x", worker = "w", marker = MARK },
      { pattern = "a." .. ZONE .. "/*", worker = WORKER, marker = MARK } },
    workers_dev = { { worker = WORKER, marker = MARK } },
    adoption = { { worker = WORKER, marker = MARK }, { worker = "w", marker = LIVE } },
    crons = { { worker = WORKER, marker = MARK, crons = { "* * * * *" } } },
    domain = { { host = HOST, worker = "w", marker = MARK }, { host = HOST:upper(), worker = "w" },
      { host = "a." .. ZONE, worker = WORKER }, { host = HOST, worker = "w", marker = MARK, take_over = true } },
    dns_record = { { host = HOST, marker = MARK }, { host = "*." .. ZONE, marker = MARK }, { host = "a." .. ZONE, marker = LIVE },
      { host = HOST, marker = MARK, take_over = true } },
    destroy = { { kind = "worker", name = WORKER, id = WORKER, marker = MARK }, { kind = "dns", name = HOST, id = "1", marker = MARK },
      { kind = "dns", name = "_davit-before." .. HOST, id = "1", marker = MARK },
      { kind = "domain", name = HOST, worker = "w", id = "1", marker = MARK }, { kind = "worker", name = "w", id = "w", marker = LIVE } },
  },
  neon = {
    branch = { { name = "production", marker = MARK }, { name = "pr-42", marker = LIVE } },
    restore = { { branch = thing, to = { time = 1 }, preserve_as = "old", marker = MARK },
      { branch = own, to = { time = 1 }, preserve_as = "main", marker = MARK },
      { branch = own, to = { time = 1 }, preserve_as = "old", marker = LIVE } },
    endpoint = { { branch = thing }, { branch = { id = "br-z", name = "x", default = true } } },
    suspend = { thing },
    reset_password = { { branch = thing, role = "r", to = to } },
    connection_uri = { { branch = thing, to = to }, { branch = { id = "br-z", name = "x", marker = LIVE }, to = to },
      { branch = { id = "br-z", name = "x", default = true }, to = to },
      { branch = { id = "br-z", name = "x", protected = true }, to = to } },
    destroy = { { kind = "branch", name = "production", id = "br-x", marker = MARK },
      { kind = "branch", name = "x", id = "br-x", marker = LIVE } },
  },
  github = {
    comment = { { pr = 42, key = LIVE, body = "b" }, { pr = 42, key = "production", body = "b" } },
    deployment = { { environment = "production", sha = SHA, marker = MARK },
      { environment = "Production", sha = SHA, marker = MARK },
      { environment = "preview-42", sha = SHA, marker = LIVE },
      { environment = "preview-42", sha = SHA, marker = MARK, production = true } },
    deployment_status = { { deployment = { id = 1, environment = "production" }, state = "success" },
      { deployment = { id = 1, marker = LIVE }, state = "inactive" } },
    destroy = { { kind = "deployment", id = 1, name = "production", marker = MARK },
      { kind = "deployment", id = 1, name = "x", marker = LIVE } },
    remove_environment = { "production" },
    issue = { { key = "codex/production/incident", title = "t", body = "b" } },
    close_issue = { { key = "codex/production/incident" } },
    secret = { { name = "A", value = secret_of "A", environment = "production" }, { name = "A", value = secret_of "A" } },
    delete_secret = { { name = "A", environment = "production" }, { name = "A" } },
    variable = { { name = "A", value = "b", environment = "production" }, { name = "A", value = "b" } },
    review = { { run = 1, environments = { "preview-42", "production" }, state = "approved" } },
  },
}

-- What only looks, and says nothing that a preview may not know.
local readers = {
  cloudflare = { "verify", "serving", "versions", "last_good", "find_version", "secrets", "has_secret", "inventory" },
  neon = { "find_branch", "branches", "ready", "rollback_point", "roles", "inventory" },
  github = { "pull", "open_pull", "open_pulls", "comments", "find_run", "run", "find_status", "status", "inventory", "secrets",
    "variables", "pending_deployments" },
}

for service, functions in pairs(calls) do
  for name, list in pairs(functions) do
    test(("%s.%s of a preview refuses what is production's, and asks nobody"):format(service, name), function()
      local w <close> = open()
      local f = clients(preview)[service][name]
      for _, given in ipairs(list) do refused(nil, f, given) end
      equal(#w.log, 0)
    end)
  end
end

test("every function of a client is known to write or to look", function()
  for service, client in pairs(clients()) do
    local known = {}
    for name in pairs(calls[service]) do known[name] = true end
    for _, name in ipairs(readers[service]) do known[name] = true end
    for name in pairs(client) do equal({ service, name, known[name] }, { service, name, true }) end
  end
end)

test("the clients of production, and those of nobody in particular, are kept from nothing", function()
  for _, env in pairs { live, "none" } do
    local w <close> = open()
    local c = clients(env ~= "none" and env or nil)
    equal(c.cloudflare.worker(upload { name = WORKER, marker = LIVE }).find(), nil)
    equal(c.neon.branch({ name = "production", marker = MARK }).find().default, true)
    equal(c.github.deployment({ environment = "production", sha = SHA, marker = LIVE, production = true }).find(), nil)
    equal(#w.log > 2, true)
  end
end)

test("an environment is a type, and not its name", function()
  local message = "option 'environment' must be of environment.new, not a string"
  raises(message, cloudflare.client, { token = "t", environment = "preview" })
  raises(message, neon.client, { project = "p", key = "k", environment = "preview" })
  raises(message, github.client, { repository = "o/r", token = "t", environment = "preview" })
end)

-- ---- by what is there ----------------------------------------------------------------------------

local function writes(w)
  return w:count "^POST" + w:count "^PUT" + w:count "^PATCH" + w:count "^DELETE"
end

-- A Worker and a DNS record of production under names that davit.yaml does not list.
local function with_unlisted()
  local w = open()
  local c = clients(live)
  ensure(c.cloudflare.worker(upload { name = "old-site", marker = LIVE, version_tag = "v1" }))
  ensure(c.cloudflare.dns_record { host = "old." .. ZONE, marker = LIVE })
  w:forget()
  return w, clients(preview)
end

test("a Worker that carries production's marker is refused under any name, and stays as it is", function()
  local w <close>, c = with_unlisted()
  local cf = c.cloudflare
  for _, f in pairs {
    function() ensure(cf.worker(upload { name = "old-site" })) end,
    function() cf.worker(upload { name = "old-site" }).create() end,   -- who does not look is looked after
    function() cf.version(version { worker = "old-site" }).create() end,
    function() cf.deployment({ worker = "old-site", marker = MARK, version = "v" }).create() end,
    function() cf.rollback { worker = "old-site", version = "v" } end,
    function() cf.change_secrets { worker = "old-site", marker = MARK, set = { A = "b" } } end,
    function() cf.crons({ worker = "old-site", marker = MARK, crons = { "* * * * *" } }).create() end,
    function() cf.workers_dev({ worker = "old-site", marker = MARK }).create() end,
    function() cf.domain({ worker = "old-site", host = "a." .. ZONE }).create() end,
    function() cf.route({ worker = "old-site", marker = MARK, pattern = "a." .. ZONE .. "/*" }).create() end,
    function() ensure(cf.dns_record { host = "old." .. ZONE, marker = MARK }) end,
    function() ensure(cf.dns_record { host = "old." .. ZONE, marker = MARK, take_over = true }) end,
    function() cf.destroy { kind = "worker", name = "old-site", id = "old-site", marker = MARK } end,
  } do refused(nil, f) end
  equal(writes(w), 0)
end)

test("a host that leads to production's Worker is taken over by nobody else, whoever agrees", function()
  local w <close>, c = with_unlisted()
  ensure(clients(live).cloudflare.domain { host = "old2." .. ZONE, worker = "old-site", marker = LIVE })
  ensure(c.cloudflare.worker(upload {}))
  w:forget()
  local o = { host = "old2." .. ZONE, worker = "codex-web-preview-42", marker = MARK, take_over = true }
  refused(nil, function() c.cloudflare.domain(o).create() end)
  refused(nil, function() c.cloudflare.dns_record({ host = o.host, marker = MARK, take_over = true }).create() end)
  equal(writes(w), 0)
end)

-- Branches: production's own (the default), one of its, one of another preview, one of nobody.
local function with_branches()
  local w = open()
  local c = clients(live)
  ensure(c.neon.branch { name = "rescue", marker = LIVE })
  ensure(c.neon.branch { name = "pr-7", marker = "codex/preview/7" })
  ensure(c.neon.branch { name = "pr-42", marker = MARK })
  w.now = w.now + 60
  local ids = {}
  for _, one in ipairs(c.neon.branches()) do ids[one.name] = one.id end
  w:forget()
  return w, clients(preview).neon, ids
end

test("by its id alone a branch is reached and changed by its own environment only", function()
  local w <close>, db, ids = with_branches()
  for _, name in ipairs { "production", "rescue", "pr-7" } do
    local id = ids[name]
    for _, f in pairs {
      function() db.connection_uri { branch = id, to = to } end,
      function() db.reset_password { branch = id, role = "neondb_owner", to = to } end,
      function() db.restore { branch = id, to = { time = w.now - 5 }, preserve_as = "old", marker = MARK } end,
      function() db.endpoint({ branch = id, type = "read_only" }).create() end,
      function() db.suspend(id) end,
    } do equal(raises("asked for by codex/preview/42", f).code, "preview-to-production") end
  end
  equal({ writes(w), w:count "connection_uri" }, { 0, 0 })
  equal(db.connection_uri { branch = ids["pr-42"], to = to } ~= nil, true)
end)

test("where its own branch is not there, a preview gets none in its place", function()
  local w <close>, db = with_branches()
  equal(db.find_branch "pr-43", nil)
  raises("'branch' is required", db.connection_uri, { to = to })
  raises("there is no branch br%-gone", db.connection_uri, { branch = "br-gone", to = to })
  equal(w:count "connection_uri", 0)
end)

test("the default branch is production's whatever it is called", function()
  local w <close> = open()
  local nameless = environment.new { project = "codex", kind = "preview", key = 42 }   -- davit.yaml names nothing of it
  local db = clients(nameless).neon
  local default
  for _, one in ipairs(db.branches()) do default = one.default and one or default end
  w:forget()
  refused(nil, function() ensure(db.branch { name = default.name, marker = MARK }) end)
  refused(nil, db.connection_uri, { branch = default.id, to = to })
  equal(writes(w), 0)
end)

test("a status of production's deployment is not said by its id either", function()
  local w <close> = open()
  local sha = w.state.github.repositories["example/codex"].branches.main.sha
  local made = ensure(clients(live).github.deployment { environment = "production", sha = sha, marker = LIVE })
  w:forget()
  refused(nil, clients(preview).github.deployment_status({ deployment = made.id, state = "inactive" }).create)
  equal(writes(w), 0)
end)

-- ---- a project's own recipe ----------------------------------------------------------------------

local PROJECT = [[
version: 1
project: codex
zone: revelations.studio
cloudflare: { account: acc }
github: { repository: example/codex }
workers:
  web: { path: apps/web, entry: index.js, host: codex, secrets: [STRIPE_SECRET_KEY, DATABASE_URL] }
databases:
  main: { neon: wandering-moon-123456, parent: production }
secrets:
  CLOUDFLARE_API_TOKEN: { to: [api.cloudflare.com] }
  CLOUDFLARE_DNS_API_TOKEN: { to: [api.cloudflare.com/client/v4/zones] }
  NEON_API_KEY: { to: [console.neon.tech] }
  GITHUB_TOKEN: { to: [api.github.com] }
environments:
  preview:
    { name: "{worker}-preview-{pr}", host: "{host}-preview-{pr}", database: "pr-{pr}", secrets: { STRIPE_SECRET_KEY: TEST_KEY } }
  production: { name: "codex-{worker}-production", host: "{host}", database: production, secrets: { STRIPE_SECRET_KEY: LIVE_KEY } }
]]

local variables = { CLOUDFLARE_API_TOKEN = "workers-token", CLOUDFLARE_DNS_API_TOKEN = "dns-token", NEON_API_KEY = "neon-token",
  GITHUB_TOKEN = "github-owner-token", TEST_KEY = "a-key-for-tests", LIVE_KEY = "a-key-of-production" }

-- A world in which the project is at home; the environment holds what `have` has.
local function at_home(have, text, seed)
  local w = open(seed)
  local p = project.parse(text or PROJECT, "davit.yaml")
  p.root = "."
  project.use(p)
  require("fs.core").stay_in()   -- other tests write elsewhere
  local env = secret.env
  secret.env = function(name)
    if (have or variables)[name] then return (have or variables)[name] end
    failure { code = "secret-missing", class = "misuse", message = "the environment holds no " .. name }
  end
  return w, setmetatable({}, { __close = function() secret.env = env end })
end

-- What a recipe of the project's own comes to.
local function run_recipe(f, params)
  local session <close> = store.open ":memory:"
  return runs.start { recipe = { name = "own", file = "own.lua", source = "1", params = {}, run = f, approves = true },
    params = params or {}, store = session, report = function() end, ask = function() end }
end

-- Each way to production that a recipe of a preview can write down.
local ways = {
  ["deploys to its Worker"] = function(env, run)
    run.ensure(env.cloudflare.worker(upload { name = "codex-web-production", marker = env.marker }))
  end,
  ["deploys to a Worker of the environment that was renamed"] = function(env, run)
    env.workers[1].script = "codex-web-production"
    run.ensure(env:worker_named(env.workers[1]))
  end,
  ["attaches its domain"] = function(env, run)
    env.workers[1].host = HOST
    run.ensure(env:domain(env.workers[1], true))
  end,
  ["points its DNS record elsewhere"] = function(env, run)
    run.ensure(env.cloudflare.dns_record { host = HOST, marker = env.marker, take_over = true })
  end,
  ["carries its marker"] = function(env, run) run.destroy(env.neon.branch { name = "pr-42", marker = LIVE }) end,
  ["makes its database branch its own"] = function(env, run) run.ensure(env:branch { name = "production" }) end,
  ["migrates its database"] = function(env)
    env:migrate { id = env.neon.find_branch("production").id, name = "pr-42", operations = {} }
  end,
  ["connects to its database"] = function(env) env:database_url(env.neon.find_branch "production") end,
  ["takes its secret"] = function(env)
    env.project.environments.preview.secrets.STRIPE_SECRET_KEY = "LIVE_KEY"
    env:require_secrets()
  end,
  ["sets a secret of its Worker"] = function(env)
    env.cloudflare.change_secrets { worker = "codex-web-production", marker = env.marker, set = { A = "b" } }
  end,
  ["says that it is deployed there"] = function(env, run)
    run.ensure(env.github.deployment { environment = "production", sha = SHA, marker = env.marker })
  end,
  ["removes what is found of it"] = function(env)
    env:remove { kind = "worker", name = "codex-web-production", id = "x", marker = env.marker }
  end,
}

for name, way in pairs(ways) do
  test(("a preview's recipe that %s is stopped with 9, and nothing was sent that changes anything"):format(name), function()
    local w <close>, home = at_home()
    local _ <close> = home
    local run = run_recipe(function(_, run) way(flow.environment("preview", { pr = 42 }), run) end)
    equal({ run.error and run.error.code, exit.of(run), writes(w) }, { "preview-to-production", 9, 0 })
  end)
end

test("a pull request whose names are production's gets no preview", function()
  for from, becomes in pairs {
    ["codex-{worker}-production"] = "{worker}-preview-42", ["host: \"{host}\", database"] = "host: \"{host}-preview-42\", database",
    ["database: production"] = "database: pr-42",
  } do
    local text = PROJECT:gsub(from:gsub("%p", "%%%0"), becomes)
    local _ <close>, home = at_home(nil, text)
    local _ <close> = home
    refused(nil, flow.environment, "preview", { pr = 42 })
    equal(flow.environment("preview", { pr = 43 }).kind, "preview")
  end
end)

-- ---- the connection string ------------------------------------------------------------------------

-- What is handed over by f, and where the connection strings that are asked for may go.
local function handed_over(f)
  local w <close>, home = at_home()
  local _ <close> = home
  local given, real = nil, artifact.hand_over
  artifact.hand_over = function(o) given = o end
  local _, err = try(f, flow.environment("preview", { pr = 42 }))
  artifact.hand_over = real
  if err then error(err, 0) end
  return given, w:count "connection_uri"
end

test("a flow hands its database over by the branch's id alone: no connection string is even asked for", function()
  local given, asked = handed_over(function(env) env:hand_over { id = "br-1", name = "pr-42" } end)
  equal({ given.values, given.sealed_to, asked }, { { branch = "br-1" }, nil, 0 })
end)

test("what hands a connection string over says for whom it is sealed", function()
  local given, asked = handed_over(function(env)
    local branch = ensure(env:branch())
    env:hand_over(branch, { sealed_to = "e2e" })
  end)
  equal({ given.sealed_to, given.values.DATABASE_URL ~= nil, asked }, { "e2e", true, 1 })
  raises("holds the secret DATABASE_URL", artifact.hand_over,
    { name = "database", values = { DATABASE_URL = secret_of "DATABASE_URL" } })
end)

test("a connection string is neither an output nor a result of a run, nor what somebody approves", function()
  for _, f in pairs {
    function(run, url) run.output("database", url) end, function(run, url) run.output("database", { url = url }) end,
    function(run, url) run.step("give", function() return url end) end,
    function(run, url) run.look("give", function() return { url } end) end,
    function(run, url) run.step("take", { url = url }, function() end) end,
    function(run, url) run.approve { "Go?", plan = url } end,
  } do
    local run = run_recipe(function(_, run) f(run, secret_of "DATABASE_URL") end)
    equal({ run.error.class, tostring(run.error):find "secret" ~= nil }, { "misuse", true })
  end
end)

-- ---- tokens ---------------------------------------------------------------------------------------

-- A shipped recipe in a project at home, for a push that is production's.
local function run_shipped(name, params)
  local opened = flow.environment
  flow.environment = function(...)
    local env = opened(...)
    rawset(env, "require_push", function() return { sha = SHA } end)
    rawset(env, "require_tested", function() return { by = "hand" } end)
    return env
  end
  local run = run_recipe(recipe.load(nil, name).run, params)
  flow.environment = opened
  return run
end

local WORKERS, DNS, NEON, GITHUB = "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_DNS_API_TOKEN", "NEON_API_KEY", "GITHUB_TOKEN"

-- Of every recipe that changes something: how it is called, and whose tokens it needs for that.
local calls_of = {
  preview = { { pr = 42, untested = true }, { WORKERS, DNS, NEON, GITHUB } },
  production = { {}, { WORKERS, DNS, NEON, GITHUB } },
  cleanup = { { pr = 42 }, { WORKERS, DNS, NEON, GITHUB } },
  rollback = { { why = "data", time = "2026-01-31T12:00:00Z" }, { WORKERS, DNS, NEON } },
  secrets = { { github = true, set = { "STRIPE_SECRET_KEY" }, rotate = {}, delete = {} }, { WORKERS, DNS, GITHUB } },
  migrate = { { to = "production" }, { NEON } },
  test = { { branch = "x", sha = SHA, only = {}, all = true, parallel = 1 }, { NEON } },
}

test("every recipe that is shipped is among those whose tokens are looked at", function()
  for _, file in ipairs(require("fs.core").list "recipes") do
    equal({ file, calls_of[file:gsub("%.lua$", "")] ~= nil }, { file, true })
  end
end)

for name, call in pairs(calls_of) do
  test(("%s without one of its tokens is a wrong call, before anything was asked"):format(name), function()
    for _, missing in ipairs(call[2]) do
      local have = {}
      for variable, value in pairs(variables) do have[variable] = variable ~= missing and value or nil end
      local w <close>, home = at_home(have, PROJECT .. "checks:\n  all: { run: 'false', needs: database }\n")
      local _ <close> = home
      local run = run_shipped(name, call[1])
      equal({ run.error.code, exit.of(run), run.error.message:find(missing, 1, true) ~= nil, #w.log },
        { "secret-missing", 2, true, 0 })
    end
  end)
end

-- Tokens that may look and change nothing, or that were taken for each other.
local weak = {
  { token = "reads-workers", dns = "dns-token", lacks = "CLOUDFLARE_API_TOKEN) lacks Workers Scripts Edit", edit = true },
  { token = "workers-token", dns = "reads-dns", lacks = "CLOUDFLARE_DNS_API_TOKEN) lacks DNS Edit", edit = true },
  { token = "dns-token", dns = "dns-token", lacks = "CLOUDFLARE_API_TOKEN) lacks Workers Scripts Edit" },
  { token = "workers-token", dns = "workers-token", lacks = "CLOUDFLARE_DNS_API_TOKEN) lacks DNS Edit" },
}

local readers_seed = { tokens = { { name = "reader", value = "reads-workers", permissions = { "Workers Scripts Read" } },
  { name = "dns reader", value = "reads-dns", permissions = { "Zone Read", "DNS Read" } } } }

local function open_pull(w)
  local answer = require("cloud.github").admin({ method = "POST", path = "/_davit/pulls", query = "", headers = {},
    body = json.encode { number = 42, title = "t", state = "open", head = "feature" } }, w.state, w.now)
  equal(answer.status // 100, 2)
end

-- Requests that would change something if they could: verify tries to change what cannot be there.
local function real_writes(w)
  return writes(w) - w:count "^PATCH .*davit%.invalid" - w:count "^DELETE .*/0000000000+"
end

-- What each is to be able to do: to change Workers and not to read them alone, and records, too.
local abilities = { preview = { zone = true }, production = { edit = true, zone = true }, cleanup = { zone = true },
  rollback = { edit = true, zone = true }, secrets = { edit = true } }

for name, able in pairs(abilities) do
  test(("%s looks at what its tokens may do before it does anything"):format(name), function()
    for _, one in ipairs(weak) do
      local have = setmetatable({ CLOUDFLARE_API_TOKEN = one.token, CLOUDFLARE_DNS_API_TOKEN = one.dns }, { __index = variables })
      local w <close>, home = at_home(have, nil, readers_seed)
      local _ <close> = home
      open_pull(w)
      if (able.edit or not one.edit) and (able.zone or not one.lacks:find "DNS Edit") then
        local run = run_shipped(name, calls_of[name][1])
        equal({ run.error.code, exit.of(run), run.error.message:find(one.lacks, 1, true) ~= nil, real_writes(w) },
          { "cloudflare-scope", 2, true, 0 })
      end
    end
  end)
end
