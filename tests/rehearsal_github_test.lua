---What the GitHub provider makes, rehearsed: a flow that uses all of it holds at every point.
local explore = require "rehearsal.explore"
local fs = require "fs"
local project = require "project"

local DAVIT = os.getenv "DAVIT" or ""
local EVERY = DAVIT:find("san", 1, true) and 23 or 1   -- a forked process under the sanitizers is slow

local YAML = [[
version: 1
project: toy
zone: revelations.studio
cloudflare: { account: 0000000000000000000000000000c0de }
github: { repository: example/codex }
secrets:
  GITHUB_TOKEN: { to: [api.github.com] }
  STRIPE_KEY:   { to: [api.github.com] }
]]

local HEAD = [[
local github, secret = require "github", require "secret"
local KEY = "toy/preview/42"
local gh = github.client { repository = "example/codex",
  token = secret.env("GITHUB_TOKEN", { to = github.places.token }) }
local function deployment() return gh.deployment { environment = "preview/pr-42", sha = gh.pull(42).sha, marker = KEY } end
]]

-- Rehearses a recipe of this body.
local function rehearse(body)
  local folder <close> = fs.temporary()
  fs.write(folder / "davit.yaml", YAML)
  fs.write(folder / "recipes/toy.lua", ("%s\nreturn { summary = 'A toy', run = function(_, run)\n%s\nend }\n"):format(HEAD, body))
  return explore.run(project.read(folder.path), { recipe = "toy", params = {}, seed = 1, jobs = 2, pull_requests = { 42 },
    every = EVERY, limit = 60 }, function() end)
end

test("deployments, statuses and issues hold wherever a run is killed, resumed or taken back", function()
  local result = rehearse [[
    local made = run.ensure(deployment())
    run.ensure(gh.deployment_status { deployment = made, state = "in_progress" })
    run.ensure(gh.status { sha = made.sha, context = "davit", state = "pending" })
    run.ensure(gh.issue { key = KEY, title = "It goes on", body = "soon" })
    run.ensure(gh.deployment_status { deployment = made, state = "success", url = "https://example.test" })
    run.ensure(gh.status { sha = made.sha, context = "davit", state = "success" })
    run.step("close", function() return gh.close_issue { key = KEY, comment = "done" } end)
  ]]
  equal({ result.reference.outcome.code, result.failed }, { 0, {} })
end)

test("deployments that are cleaned up are gone wherever that is killed", function()
  local result = rehearse [[
    local made = run.ensure(deployment())
    run.ensure(gh.deployment_status { deployment = made, state = "success" })
    for _, item in ipairs(run.step("look", function() return gh.inventory "toy" end)) do
      run.step("destroy " .. item.id, function() gh.destroy(item) end)
    end
    run.output("left", run.step("environment", function() return gh.remove_environment "preview/pr-42" end).state)
  ]]
  equal({ result.reference.outcome.code, result.failed }, { 0, {} })
end)

test("secrets are sealed and variables set, and taken back, wherever a run is killed", function()
  local result = rehearse [[
    local owner = github.client { repository = "example/codex", token = "github-owner-token" }
    local value = secret.env("STRIPE_KEY", { to = github.places.secret })
    run.ensure(owner.secret { name = "STRIPE_KEY", value = "Bearer " .. value })
    run.ensure(owner.variable { name = "REGION", value = "eu" })
  ]]
  equal({ result.reference.outcome.code, result.failed }, { 0, {} })
  equal({ table.unpack(result.reference.inventory, 2) }, { "secret STRIPE_KEY of example/codex: sealed",
    "variable REGION of example/codex: eu" })
end)
