---Cron triggers by the Cloudflare provider, and as davit.yaml declares them.
local cloudflare = require "cloudflare"
local core = require "core"
local flow = require "flow"
local json = require "json"
local project = require "project"
local secret = require "secret"
local resource = require "run.resource"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local NAME, MARK, OTHER = "codex-web-production", "codex/production/1", "codex/preview/7"

-- ---- what the tests share ----------------------------------------------------------------

local function client()
  return cloudflare.client { account = "acc", zone = "revelations.studio", token = "workers-token" }
end

local function worker_of(mark)
  return client().worker { name = NAME, marker = mark or MARK, main = "index.js", version_tag = "v1",
    modules = { { name = "index.js", type = "application/javascript+module", body = "export default {}" } } }
end

local function crons_of(list)
  return client().crons { worker = NAME, marker = MARK, crons = list }
end

local function scheduled(w)
  local list = {}
  for i, schedule in ipairs(w.state.cloudflare.scripts[NAME].schedules or {}) do list[i] = schedule.cron end
  return list
end

-- ---- the provider ------------------------------------------------------------------------

test("crons are set once, and changed as one", function()
  local w <close> = open()
  ensure(worker_of())
  equal(ensure(crons_of { "0 * * * *", "30 2 * * MON" }).crons, json.array { "0 * * * *", "30 2 * * MON" })
  ensure(crons_of { "30 2 * * MON", "0 * * * *" })
  equal(w:count "^PUT .*schedules", 1)
  equal(ensure(crons_of { "0 * * * *" }).worker, NAME)
  equal({ w:count "^PUT .*schedules", scheduled(w) }, { 2, { "0 * * * *" } })
end)

test("no crons are no thing to make: they are destroyed", function()
  local w <close> = open()
  ensure(worker_of())
  raises("run.destroy takes them away", ensure, crons_of {})
  ensure(crons_of { "0 * * * *" })
  raises("run.destroy takes them away", ensure, crons_of())
  equal({ w:count "^PUT .*schedules", scheduled(w) }, { 1, { "0 * * * *" } })
end)

test("crons that are destroyed are gone, and so they are with their Worker", function()
  local w <close> = open()
  local crons = crons_of { "0 * * * *" }
  ensure(worker_of())
  ensure(crons)
  crons.destroy(crons.find())
  equal({ crons.find(), scheduled(w) }, { nil, {} })
  crons.destroy()
  ensure(crons)
  worker_of().destroy()
  equal(crons.find(), nil)
  crons.destroy()
  equal(w:count "^PUT .*schedules", 3)
end)

test("the crons of somebody else's Worker are neither set nor taken away", function()
  local w <close> = open()
  ensure(worker_of(OTHER))
  raises("belongs to codex/preview/7", ensure, crons_of { "0 * * * *" })
  ensure(client().crons { worker = NAME, marker = OTHER, crons = { "1 1 * * *" } })
  raises("belongs to codex/preview/7", ensure, crons_of { "0 * * * *" })
  raises("belongs to codex/preview/7", crons_of({ "0 * * * *" }).destroy)
  equal(scheduled(w), { "1 1 * * *" })
end)

test("crons whose answer was lost are set again, and those of a Worker just made are waited for", function()
  local w <close> = open()
  ensure(worker_of())
  w:fail("^PUT .*schedules", { lost = "after" })
  w:fail("^PUT .*schedules", { status = 404, headers = {}, body = json.encode { success = false, result = json.null,
    messages = json.array {}, errors = json.array { { code = 10007, message = "not yet" } } } }, 2)
  ensure(crons_of { "0 * * * *" })
  equal({ w:count "^PUT .*schedules", scheduled(w) }, { 4, { "0 * * * *" } })
end)

test("what Cloudflare refuses names the Worker", function()
  local w <close> = open()
  ensure(worker_of())
  local _, err = try(ensure, crons_of { "61 * * * *" })
  equal({ err.code, err.message:find("set the crons of the Worker " .. NAME, 1, true) ~= nil },
    { "cloudflare-10100", true })
  equal(scheduled(w), {})
end)

test("mistakes are refused before anything is sent", function()
  local w <close> = open()
  local cf = client()
  raises("option 'worker' is required", cf.crons, { marker = MARK, crons = {} })
  raises("unknown option 'cron'", cf.crons, { worker = NAME, marker = MARK, cron = {} })
  raises("'marker' must be like", cf.crons, { worker = NAME, marker = "codex", crons = {} })
  raises("expected a list of crons", cf.crons, { worker = NAME, marker = MARK, crons = { production = "* * * * *" } })
  raises("such as '0 %* %* %* %*' at 1, not a number", cf.crons, { worker = NAME, marker = MARK, crons = { 5 } })
  raises("'0 %* %* %* %*' is given twice", crons_of, { "0 * * * *", "0 * * * *" })
  equal(#w.log, 0)
end)

-- ---- davit.yaml --------------------------------------------------------------------------

local YAML = [[
version: 1
project: codex
workers:
  api:
    path: workers/api
    entry: index.js
    host: api
    crons: %s
environments: { staging: {} }
]]

local function crons_in(text)
  return project.parse(YAML:format(text), "davit.yaml").workers.api.crons
end

test("a list of crons is production's; each environment may have its own", function()
  equal(crons_in '["*/5 * * * *", "0 3 * * SUN"]', { production = { "*/5 * * * *", "0 3 * * SUN" } })
  equal(crons_in '{ production: ["0 * * * *"], preview: ["*/5 * * * *"], staging: [] }',
    { production = { "0 * * * *" }, preview = { "*/5 * * * *" }, staging = {} })
  equal(crons_in "{}", {})
  equal(crons_in "[]", {})
  equal(project.parse(YAML:gsub(" *crons: %%s\n", ""), "davit.yaml").workers.api.crons, nil)
end)

test("a cron in davit.yaml that cannot be meant is refused with its line", function()
  local place = "davit.yaml:8: workers.api.crons"
  raises(place .. ".1: '%* %* %* %*' has 4 fields, not five", crons_in, '["* * * *"]')
  raises(place .. ".prodution: no environment is called 'prodution', did you mean 'production'", crons_in,
    '{ prodution: ["* * * * *"] }')
  raises(place .. ".production.2: '%* %* %* %* %*' is there twice", crons_in,
    '{ production: ["* * * * *", "* * * * *"] }')
  raises(place .. ".preview: must be a list", crons_in, '{ preview: "* * * * *" }')
  raises(place .. ": must be a mapping", crons_in, '"* * * * *"')
  raises(place .. ".1: must be a text", crons_in, "[5]")
end)

-- ---- a flow ------------------------------------------------------------------------------

local SAMPLE = [[
version: 1
project: codex
zone: revelations.studio
cloudflare: { account: acc }
github: { repository: example/codex }
workers:
  asked: { path: asked, entry: index.js, host: asked, crons: %s }
  silent: { path: silent, entry: index.js, host: silent }
databases: { main: { neon: project-1, parent: production } }
environments:
  preview: { name: "{worker}-preview-{pr}", host: "{host}-preview-{pr}", database: "pr-{pr}" }
]]

local credentials = { CLOUDFLARE_API_TOKEN = "workers-token", CLOUDFLARE_DNS_API_TOKEN = "dns-token",
  NEON_API_KEY = "neon-token", GITHUB_TOKEN = "github-token" }

-- The preview of pull request 42 of that project.
local function preview(crons)
  local p = project.parse(SAMPLE:format(crons), "davit.yaml")
  p.root = "."
  project.use(p)
  require("fs.core").stay_in()   -- other tests write elsewhere
  local own = secret.env
  local _ <close> = setmetatable({}, { __close = function() secret.env = own end })
  secret.env = function(name) return credentials[name] end
  local env = flow.environment("preview", { pr = 42 })
  env:require_credentials("cloudflare")
  return env
end

test("a preview runs at no time unless it is asked to, and no more when it is not", function()
  local w <close> = open()
  local function ship(crons)
    local env = preview(crons)
    local asked, silent = table.unpack(env.workers)
    local run = { ensure = ensure, destroy = resource.destroy }
    env:set_crons(run, silent)
    equal(w:count "silent", 0)
    ensure(client().worker { name = asked.script, marker = env.marker, main = "index.js", version_tag = "v1",
      modules = { { name = "index.js", type = "application/javascript+module", body = "export default {}" } } })
    env:set_crons(run, asked)
    local list = {}
    for i, one in ipairs(w.state.cloudflare.scripts["asked-preview-42"].schedules or {}) do list[i] = one.cron end
    return list
  end
  equal(ship '["0 * * * *"]', {})
  equal(ship '{ production: ["0 * * * *"], preview: ["*/5 * * * *"] }', { "*/5 * * * *" })
  equal(ship '{ production: ["0 * * * *"] }', {})
end)
