---Issues as the GitHub provider has them, and whose marker counts, against the model.
local core = require "core"
local github = require "github"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure = provider_world.ensure

local KEY = "codex/production/deploy"
local MARK = "<!-- davit:codex/production/deploy -->"

local function open(o)
  o = o or {}
  return provider_world.open { pull_requests = { { number = 42, title = "Add a page", head = "page", body = MARK } },
    github = { issues = o.issues, tokens = o.tokens,
      repositories = { { name = "example/codex", collaborators = { will = "push" } } } } }
end

local function client(token, login)
  return github.client { repository = "example/codex", token = token or "github-token", login = login }
end

local function repository(w) return w.state.github.repositories["example/codex"] end

local function trouble(changes)
  local o = { key = KEY, title = "Production: the deploy failed", body = "Run `davit rollback`.",
    labels = { "deploy-failure" } }
  for name, value in pairs(changes or {}) do o[name] = value end
  return o
end

test("what is no issue is refused before anything is sent", function()
  local w <close> = open()
  local gh = client()
  raises("'key' must be a marker like \"project/environment/key\", not 'x'", gh.issue, trouble { key = "x" })
  raises("'title' is blank", gh.issue, trouble { title = " " })
  raises("'labels' is a list of names", gh.issue, trouble { labels = { 1 } })
  raises("longer than GitHub's 65536 characters", gh.issue, trouble { body = ("x"):rep(65536) })
  raises("'key' must be a marker", gh.close_issue, { key = "x" })
  raises("unknown option 'body'", gh.close_issue, { key = KEY, body = "x" })
  raises("'login' is the name of an account, or a list of names", client, nil, { 1 })
  equal(#w.log, 0)
end)

test("an issue is opened once and then changed; a pull request that has the marker is none", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.issue(trouble()))
  equal({ first.state, first.labels, first.body }, { "open", { "deploy-failure" }, MARK .. "\nRun `davit rollback`." })
  equal(ensure(gh.issue(trouble())).number, first.number)
  equal({ w:count("^POST"), w:count("^PATCH") }, { 1, 0 })
  equal(ensure(gh.issue(trouble { body = "Worse." })).number, first.number)
  equal({ w:count("^PATCH"), #repository(w).issues, repository(w).issues[1].body }, { 1, 1, MARK .. "\nWorse." })
end)

test("labels that people gave stay, and one that is missing is added", function()
  local _ <close> = open { issues = { { title = "Production: the deploy failed", body = MARK .. "\nRun `davit rollback`.",
    login = "github-actions[bot]", labels = { "seen" } } } }
  equal(ensure(client().issue(trouble())).labels, { "seen", "deploy-failure" })
end)

test("title and body are masked", function()
  local w <close> = open()
  require("secret.core").new("ECHOED", "echoed-in-an-issue", { "api.github.com" })
  local gh = client()
  local o = trouble { title = "it said echoed-in-an-issue", body = "it said echoed-in-an-issue" }
  local first = ensure(gh.issue(o))
  equal({ first.title, first.body:find("echoed", 1, true) }, { "it said ***", nil })
  ensure(gh.issue(o))
  equal(w:count("^PATCH"), 0)
end)

test("a closed issue is not opened again: the next trouble is a new one", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.issue(trouble()))
  equal(gh.close_issue { key = KEY }, first.number)
  equal(gh.close_issue { key = KEY }, nil)
  local second = ensure(gh.issue(trouble()))
  equal({ second.number ~= first.number, repository(w).issues[1].state }, { true, "closed" })
end)

test("an issue that is taken back is closed", function()
  local w <close> = open()
  local resource = client().issue(trouble())
  resource.destroy(ensure(resource))
  equal({ resource.find(), repository(w).issues[1].state, repository(w).issues[1].reason },
    { nil, "closed", "completed" })
end)

test("an issue whose reply was lost is looked for, never opened again", function()
  local w <close> = open()
  w:fail("^POST", { lost = "after" })
  ensure(client().issue(trouble()))
  equal({ w:count("^POST"), #repository(w).issues }, { 1, 1 })
end)

test("who closes can say why, once, whatever is lost on the way", function()
  local w <close> = open()
  local gh = client()
  local number = ensure(gh.issue(trouble())).number
  w:fail("^POST.*comments", { lost = "after" })
  w:fail("^PATCH", { lost = "before" })
  equal(gh.close_issue { key = KEY, comment = "Deployed again." }, number)
  local comments = repository(w).comments
  equal({ #comments, comments[1].number, comments[1].body }, { 1, number, MARK .. "\nDeployed again." })
  equal(repository(w).issues[1].state, "closed")
end)

test("an issue that was closed and opened again by people gets the newer words in the same comment", function()
  local w <close> = open()
  local gh = client()
  ensure(gh.issue(trouble()))
  gh.close_issue { key = KEY, comment = "Deployed." }
  repository(w).issues[1].state = "open"
  gh.close_issue { key = KEY, comment = "Deployed for good." }
  equal({ #repository(w).comments, repository(w).comments[1].body }, { 1, MARK .. "\nDeployed for good." })
end)

test("an issue among hundreds is found", function()
  local issues = { { title = "t", body = MARK, login = "github-actions[bot]" } }
  for i = 2, 130 do issues[i] = { title = "issue " .. i, body = "x" } end
  local w <close> = open { issues = issues }
  equal({ client().issue(trouble()).find().title, w:count("^GET") }, { "t", 2 })
end)

test("the token of a fork cannot open an issue, and is told which permission that needs", function()
  local _ <close> = open { tokens = { { value = "fork", kind = "workflow", fork = true } } }
  raises("status 403: Resource not accessible.*'issues: write', and no fork's token has it",
    client("fork").issue(trouble()).create)
end)

-- ---- whose marker counts ------------------------------------------------------------------

test("an issue that a stranger made does not count", function()
  local w <close> = open { issues = { { title = "mine", body = MARK, login = "mallory" } } }
  equal(client().close_issue { key = KEY }, nil)
  ensure(client().issue(trouble()))
  equal({ #repository(w).issues, repository(w).issues[1].state }, { 2, "open" })
end)

test("what a collaborator's token wrote is found by a workflow's, and the other way round", function()
  local w <close> = open { tokens = { { value = "of-will", login = "will" } } }
  local first = ensure(client("of-will").issue(trouble()))
  equal(ensure(client().issue(trouble { body = "by the workflow" })).number, first.number)
  equal(ensure(client("of-will").issue(trouble())).number, first.number)
  local comment = { pr = 42, key = "preview", body = "ready" }
  local made = ensure(client("of-will").comment(comment))
  equal(made.login, "will")
  equal(ensure(client().comment(comment)).id, made.id)
  equal({ #repository(w).issues, #repository(w).comments }, { 1, 1 })
end)

test("what a workflow wrote goes before what somebody else did, however old that is", function()
  local w <close> = open { issues = { { title = "ours", body = MARK, login = "github-actions[bot]" },
    { title = "copied", body = MARK, login = "will" } } }
  equal(client().issue(trouble()).find().title, "ours")
  equal(#w.log, 1)
end)

test("an app that 'login' names is ours, alone or among others", function()
  local _ <close> = open { issues = { { title = "of the app", body = MARK, login = "helper[bot]" } } }
  equal(client().issue(trouble()).find(), nil)
  equal(client(nil, "helper[bot]").issue(trouble()).find().title, "of the app")
  equal(client(nil, { "other", "Helper[bot]" }).issue(trouble()).find().title, "of the app")
end)
