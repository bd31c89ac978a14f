---Resources of the Cloudflare provider in recipes that are killed at every point: versions, deployments, secrets,
---and hosts that are taken over.
local explore = require "rehearsal.explore"
local fs = require "fs"
local process = require "process"
local project = require "project"

local DAVIT = os.getenv "DAVIT" or "build/davit"
local EVERY = DAVIT:find("san", 1, true) and 7 or 2

local YAML = [[
version: 1
project: toy
zone: revelations.studio
cloudflare: { account: 0000000000000000000000000000c0de }
github: { repository: example/codex }
secrets:
  CLOUDFLARE_API_TOKEN: { to: [api.cloudflare.com] }
  CLOUDFLARE_DNS_API_TOKEN: { to: [api.cloudflare.com/client/v4/zones] }
  KEY: { to: [api.cloudflare.com] }
]]

local HEAD = [[
local cloudflare, secret = require "cloudflare", require "secret"
local NAME, MARK, HOST = "toy", "toy/production/main", "toy.revelations.studio"
local function client()
  return cloudflare.client { account = "0000000000000000000000000000c0de", zone = "revelations.studio",
    token = secret.env("CLOUDFLARE_API_TOKEN", { to = cloudflare.places.token }),
    dns_token = secret.env("CLOUDFLARE_DNS_API_TOKEN", { to = cloudflare.places.dns_token }) }
end
local function version(tag, name)
  return client().version { worker = name or NAME, marker = MARK, main = "m", version_tag = tag,
    modules = { { name = "m", type = "application/javascript+module", body = "export default {} // " .. tag } } }
end
local function deployment(v) return client().deployment { worker = NAME, marker = MARK, version = v.id } end
]]

local function recipe(folder, name, body)
  fs.write(("%s/recipes/%s.lua"):format(folder, name),
    ("%s\nreturn { summary = 'A toy', run = function(_, run)\n%s\nend }\n"):format(HEAD, body))
end

-- The second recipe is killed at its points, after the first has run to its end.
local function rehearse(first, second)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  fs.write(folder .. "/davit.yaml", YAML)
  recipe(folder, "first", first)
  recipe(folder, "second", second)
  return explore.run(project.read(folder), { recipe = "second", params = {}, after = { { recipe = "first", params = {} } },
    seed = 1, jobs = 2, pull_requests = {}, every = EVERY, limit = 60 }, function() end)
end

local SERVES = [[run.ensure(deployment(run.ensure(version "one")))]]

test("a version and its deployment hold wherever they are killed", function()
  local result = rehearse(SERVES, [[run.ensure(deployment(run.ensure(version "two")))]])
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
end)

-- Whether an undo was found to be wrong in this way.
local function is_found(result, what, line)
  for _, packet in ipairs(result.failed) do
    for _, problem in ipairs(packet.schedule:find ":undo$" and packet.problems or {}) do
      if problem.what == what and problem.line:find(line) then return true end
    end
  end
  return false
end

test("a deployment that an undo leaves is found, and so is a secret with another value than before", function()
  local deployed = rehearse(SERVES, [[
    local two = run.ensure(version "two")
    run.step("deploy", function() require "flow.put".there(deployment(two)) end)]])
  equal(is_found(deployed, "left over", "^Worker toy: module m "), true)
  local SET = [[
    run.step("set", function()
      return client().change_secrets { worker = NAME, marker = MARK, set = {
        KEY = secret.generate("KEY", 16, { to = cloudflare.places.secrets }) } }
    end, function() end)]]
  local set = rehearse(SERVES .. SET, SET)
  equal(is_found(set, "left over", "^Worker toy: KEY = a new secret$"), true)
end)

test("the first version of a Worker is taken back with it, wherever the run is killed", function()
  local result = rehearse("", SERVES)
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
end)

test("changes of secrets hold wherever they are killed", function()
  local result = rehearse(SERVES, [[
    run.step("secrets", function()
      return client().change_secrets { worker = NAME, marker = MARK,
        set = { KEY = secret.env("KEY", { to = cloudflare.places.secrets }) }, delete = { "GONE" } }
    end, function() client().change_secrets { worker = NAME, marker = MARK, delete = { "KEY" } } end)]])
  equal(result.failed, {})
end)

local OTHERS = [[
  local other = cloudflare.client { account = "0000000000000000000000000000c0de", zone = "revelations.studio",
    token = secret.env("CLOUDFLARE_API_TOKEN", { to = cloudflare.places.token }),
    dns_token = secret.env("CLOUDFLARE_DNS_API_TOKEN", { to = cloudflare.places.dns_token }) }
  run.ensure(other.dns_record { host = HOST, marker = "shop/production/main", type = "A", content = "192.0.2.1" })
  run.ensure(version "one")
]]

test("a host that is taken over is ours or put back, wherever the run is killed", function()
  local result = rehearse(OTHERS, [[
    run.ensure(client().dns_record { host = HOST, marker = MARK, take_over = true })
    run.ensure(client().domain { host = HOST, worker = NAME, marker = MARK, take_over = true })
    run.ensure(client().route { pattern = HOST .. "/a/*", worker = NAME, marker = MARK })]])
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
end)

test("a domain alone that is taken over is ours or put back, wherever the run is killed", function()
  local result = rehearse(OTHERS, [[run.ensure(client().domain { host = HOST, worker = NAME, marker = MARK, take_over = true })]])
  equal(result.failed, {})
end)
