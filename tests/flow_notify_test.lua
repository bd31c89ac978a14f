---The message that production sends to an incoming webhook: what it says, that nothing depends on it, and that its
---address stays secret.
local explore = require "rehearsal.explore"
local fs = require "fs"
local json = require "json"
local notify = require "flow.notify"
local process = require "process"
local project = require "project"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local notify_test, exits, has = productions.tests(test, skip), productions.exits, productions.has

local HOOK <const> = "https://hooks.slack.com/services/T0001/B0002/fake-hook-0003"
local NOTIFY <const> = "notify: { webhook: DEPLOY_HOOK, host: hooks.slack.com }\n"

-- ---- the message ---------------------------------------------------------------------------------------

local function body(o)
  local all = { project = "codex", environment = "production", outcome = "success", commit = ("a1"):rep(20), run = "r-1" }
  for key, value in pairs(o) do all[key] = value end
  return notify.body(all)
end

test("Slack reads text, Discord content, and a receiver of one's own the rest", function()
  local made = body { url = "https://codex.test", job = "https://github.test/runs/7" }
  equal(made.text, "codex: production serves `a1a1a1a1`\nhttps://codex.test\nhttps://github.test/runs/7")
  equal(made.content, made.text)
  equal({ made.davit.version, made.davit.outcome, made.davit.commit, made.davit.run }, { 1, "success", ("a1"):rep(20), "r-1" })
  made = body { outcome = "failure", error = "it broke", issue = "https://github.test/issues/3" }
  equal(made.text, "codex: the deploy of `a1a1a1a1` to production has failed: it broke\nhttps://github.test/issues/3")
  equal(made.davit.error, "it broke")
end)

test("what an error repeats calls nobody, and is no longer than services take", function()
  local made = body { outcome = "failure", error = "<!channel> @everyone & <https://evil.test|here>" }
  has(made.text, "&lt;!channel&gt; @everyone &amp; &lt;https://evil.test|here&gt;")
  has(json.encode(made), '"allowed_mentions":{"parse":[]}')
  local long = body { outcome = "failure", error = ("x"):rep(5000), issue = "https://github.test/issues/3" }
  equal({ #long.content < 2000, long.content:find "\nhttps://github.test/issues/3$" ~= nil }, { true, true })
end)

test("davit.yaml says which secret the address is, and where it leads", function()
  local function read(text) return project.parse("version: 1\nproject: codex\n" .. text, "davit.yaml").notify end
  equal(read(NOTIFY), { webhook = "DEPLOY_HOOK", host = "hooks.slack.com" })
  for pattern, text in pairs {
    ["davit.yaml:3: notify: the key 'host' is required"] = "notify: { webhook: HOOK }\n",
    ["notify.host: '.*' is the name of no host"] = "notify: { webhook: HOOK, host: hooks.slack.com/services }\n",
    ["notify.host: 'https://hooks.slack.com' is the name of no host"] = "notify: { webhook: H, host: 'https://hooks.slack.com' }\n",
    ["notify.webhok: unknown key, did you mean 'webhook'"] = "notify: { webhok: HOOK }\n",
  } do
    raises(pattern, read, text)
  end
end)

-- ---- production ----------------------------------------------------------------------------------------

local place <close> = not productions.missing() and productions.new(nil, function(self)
  self:edit("davit.yaml", function(yaml) return NOTIFY .. yaml end)
  self.env = { DEPLOY_HOOK = HOOK }
end) or nil

local function deploy(...)
  local result = place:davit("production", "--local", "--yes", ...)
  for _, part in ipairs { "T0001", "fake-hook" } do
    if (result.output .. result.errors):find(part, 1, true) then error("the address was printed", 2) end
  end
  return result
end

-- The messages that came, oldest first.
local function messages() return json.decode(place:desk("GET", "/").body).notifications end

notify_test("a success is told with the commit and the address", function()
  local sha = place:push "one"
  place.env.GITHUB_SERVER_URL, place.env.GITHUB_RUN_ID = "https://github.com", "77"
  exits(0, deploy())
  local list = messages()
  equal({ #list, list[1].message.text }, { 1, ("codex: production serves `%s`\nhttps://codex.revelations.studio\n"):format(
    sha:sub(1, 8)) .. "https://github.com/example/codex/actions/runs/77" })
end)

notify_test("a failure is told with its reason and the issue, once, and the exit code is the failure's", function()
  local sha = place:push "two"
  place:faults "github POST /repos/{}/{}/deployments 403"
  exits(1, deploy())
  place:faults()
  local told = messages()[2].message
  has(told.text, ("codex: the deploy of `%s` to production has failed: "):format(sha:sub(1, 8)))
  has(told.text, ("https://github.com/example/codex/issues/%d"):format(place:state().issues[1].number))
  equal({ told.davit.outcome, told.davit.commit, #messages() }, { "failure", sha, 2 })
end)

notify_test("that nobody could be notified is a warning, of a success as of a failure", function()
  place:push "three"
  local function unreachable(hook, says)
    place.env.DEPLOY_HOOK = hook
    local deployed = exits(0, deploy())
    place:faults "github POST /repos/{}/{}/deployments 403"
    place:push "three, which fails"
    local failed = exits(1, deploy())
    place:faults()
    for _, result in ipairs { deployed, failed } do has(result.errors, "nobody was notified at hooks.slack.com: " .. says) end
  end
  unreachable(false, "the secret DEPLOY_HOOK is not set")
  place:push "four"
  unreachable("https://elsewhere.test/fake-hook-0004", "http.request: the secret is no URL that begins with 'https://hooks.slack.com/'")
  place.env.DEPLOY_HOOK = HOOK
  equal(#messages(), 2)
end)

notify_test("what is refused deploys nothing, and nobody is told: no message, no issue", function()
  place:push "five"
  exits(0, deploy())
  local before, told = place:state(), #messages()
  place:push("untested", false)
  exits(7, deploy())
  place:push "a token that is none"
  place.env.CLOUDFLARE_API_TOKEN = "fake-cloudflare-token-of-yesterday"
  exits(2, deploy())
  place.env.CLOUDFLARE_API_TOKEN = nil
  equal({ #messages(), place:state() }, { told, before })
end)

-- ---- in a rehearsal --------------------------------------------------------------------------------------

test("a rehearsal has somebody who listens, and tells the address to nobody", function()
  local folder <close> = fs.temporary()
  process.run { argv = { "cp", "-R", "tests/projects/codex/.", folder.path } }
  fs.write(folder / "davit.yaml", NOTIFY .. fs.read(folder / "davit.yaml"), { outside = true })
  fs.write(folder / "recipes/toy.lua", [[return { summary = "A toy", run = function(_, run)
    run.step("tell", function()
      local url = require("secret").env("DEPLOY_HOOK", { to = { "POST https://hooks.slack.com url" } })
      local answer = require("http").expect { url = url, method = "POST", json = { text = "x" } }
      return { said = answer.body, url = answer.url }
    end)
  end }]], { outside = true })
  local result = explore.run(project.read(folder.path), { recipe = "toy", params = {}, seed = 1, jobs = 1,
    pull_requests = {}, limit = 60 }, function() end)
  equal({ result.failed, result.reference.outcome.code }, { {}, 0 })
end)
