---Runs of workflows, and what is said of a commit, as the GitHub provider has them, against the model.
local cloud = require "cloud.github"
local core = require "core"
local github = require "github"
local json = require "json"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure = provider_world.ensure

local function open(o)
  o = o or {}
  return provider_world.open { github = { tokens = o.tokens }, pull_requests = {
    { number = 42, title = "Add a page", head = "page" },
    { number = 43, title = "From elsewhere", head = "page", from = "somebody/codex" },
  } }
end

local function client(token)
  return github.client { repository = "example/codex", token = token or "github-token" }
end

local function repository(w) return w.state.github.repositories["example/codex"] end

-- A run, as events start it; with a conclusion it has ended.
local function begin(w, o)
  o.jobs = { { name = "unit", seconds = o.conclusion and 0 or nil, conclusion = o.conclusion } }
  o.conclusion = nil
  local answer = cloud.admin({ method = "POST", path = "/_davit/github/runs", query = "", headers = {},
    body = json.encode(o) }, w.state, w.now)
  local run = json.decode(answer.body)
  equal(answer.status, 201)
  w.now = w.now + 60
  return run
end

-- ---- runs --------------------------------------------------------------------------------

test("what is no run is refused before anything is sent", function()
  local w <close> = open()
  local gh = client()
  raises("'sha' is the whole hash of a commit, not ''", gh.find_run, { workflow = "testing.yml", sha = "" })
  raises("option 'workflow' is required", gh.find_run, { sha = ("a"):rep(40) })
  raises("unknown option 'name'", gh.find_run, { workflow = "x", sha = ("a"):rep(40), name = "x" })
  raises("expected a run of a workflow or its id, not 'x'", gh.run, "x")
  equal(#w.log, 0)
end)

test("the newest run of a workflow at a commit is found by its file, its path and its name", function()
  local w <close> = open()
  local gh = client()
  local sha = gh.pull(42).sha
  begin(w, { workflow = "testing.yml", pull = 42, conclusion = "failure" })
  local second = begin(w, { workflow = "testing.yml", pull = 42, conclusion = "success" })
  begin(w, { workflow = "lint.yml", pull = 42, conclusion = "failure" })
  local workflow = repository(w).workflows[1]
  workflow.name, repository(w).runs[1].name, repository(w).runs[2].name = "Testing", "Testing", "Testing"
  w:forget()
  local found = gh.find_run { workflow = "testing.yml", sha = sha }
  equal(found, { id = second.id, attempt = 1, workflow = "Testing", event = "pull_request", branch = "page", sha = sha,
    status = "completed", conclusion = "success", fork = false, url = found.url })
  equal(#w.log, 1)
  equal(gh.find_run({ workflow = "Testing", sha = sha }).id, second.id)
  equal(gh.find_run({ workflow = ".github/workflows/testing.yml", sha = sha }).id, second.id)
  equal(gh.run(second.id), found)
  equal(gh.run(found), found)
  equal(gh.find_run { workflow = "test", sha = sha }, nil)
end)

test("a run of another commit, event or branch is not the one", function()
  local w <close> = open()
  local gh = client()
  local main = repository(w).branches.main.sha
  local run = begin(w, { workflow = "testing.yml", conclusion = "success" })
  equal(gh.find_run { workflow = "testing.yml", sha = gh.pull(42).sha }, nil)
  equal(gh.find_run({ workflow = "testing.yml", sha = main, event = "push", branch = "main" }).id, run.id)
  equal(gh.find_run { workflow = "testing.yml", sha = main, event = "pull_request" }, nil)
  equal(gh.find_run { workflow = "testing.yml", sha = main, branch = "page" }, nil)
  raises("could not read the run 1: status 404", gh.run, 1)
end)

test("a filter that the service passes over lets no other commit's result count", function()
  local w <close> = open()
  local gh = client()
  begin(w, { workflow = "testing.yml", conclusion = "success" })
  local all = client().find_run { workflow = "testing.yml", sha = repository(w).branches.main.sha }
  w:fail("actions/runs", { status = 200, headers = {}, body = json.encode { total_count = 1, workflow_runs = { {
    id = all.id, name = "testing.yml", path = ".github/workflows/testing.yml@main", head_sha = all.sha, event = "push",
    repository = { id = 1 }, head_repository = { id = 1 } } } } })
  equal(gh.find_run { workflow = "testing.yml", sha = gh.pull(42).sha }, nil)
end)

test("a run that goes on has no conclusion, and one of a fork says so, the fork gone too", function()
  local w <close> = open()
  local gh = client()
  begin(w, { workflow = "testing.yml", pull = 43 })
  local sha = gh.pull(43).sha
  local found = gh.find_run { workflow = "testing.yml", sha = sha }
  equal({ found.conclusion, found.status ~= "completed", found.fork }, { nil, true, true })
  w.state.github.repositories["somebody/codex"] = nil
  equal(gh.run(found.id).fork, true)
end)

test("a run beyond the first page is found", function()
  local w <close> = open()
  local wanted = begin(w, { workflow = "testing.yml", conclusion = "success" })
  for _ = 1, 110 do begin(w, { workflow = "other.yml", conclusion = "success" }) end
  local found = client().find_run { workflow = "testing.yml", sha = repository(w).branches.main.sha }
  equal({ found.id, w:count("^GET") }, { wanted.id, 2 })
end)

-- ---- statuses of commits ------------------------------------------------------------------

local function said(sha, state, changes)
  local o = { sha = sha, context = "davit/preview", state = state, description = "deployed",
    url = "https://example.test" }
  for name, value in pairs(changes or {}) do o[name] = value end
  return o
end

test("a status of a commit is said once, and again when something else was said", function()
  local w <close> = open()
  local gh = client()
  local sha = gh.pull(42).sha
  local first = ensure(gh.status(said(sha, "pending")))
  equal({ first.context, first.state }, { "davit/preview", "pending" })
  equal(ensure(gh.status(said(sha, "pending", { context = "Davit/preview" }))).id, first.id)
  ensure(gh.status(said(sha, "success")))
  ensure(gh.status(said(sha, "success")))
  ensure(gh.status(said(sha, "success", { description = "again" })))
  equal(w:count("^POST"), 3)
  raises("'state' is error, failure, pending, success, not 'done'", gh.status, said(sha, "done"))
  raises("'url' is an http", gh.status, said(sha, "success", { url = "example.test" }))
end)

test("a status whose reply was lost is looked for, and stays said when it is taken back", function()
  local w <close> = open()
  local gh = client()
  local sha = gh.pull(42).sha
  w:fail("^POST", { lost = "after" })
  local resource = gh.status(said(sha, "failure"))
  ensure(resource)
  resource.destroy(resource.find())
  equal({ resource.find(), w:count("^POST"), #repository(w).statuses[sha] }, { nil, 1, 1 })
end)

test("statuses and checks of a context count together, the worse one first", function()
  local w <close> = open { tokens = { { value = "farm", kind = "installation", app = "farm",
    permissions = { checks = "write", statuses = "write" } } } }
  local gh = client()
  local sha = gh.pull(42).sha
  equal(gh.find_status { sha = sha, context = "tests" }, nil)
  ensure(gh.status(said(sha, "success", { context = "tests" })))
  equal(gh.find_status { sha = sha, context = "tests" }, { state = "success", url = "https://example.test" })
  local made = cloud.handle({ method = "POST", path = "/repos/example/codex/check-runs", query = "",
    headers = { authorization = "Bearer farm", ["user-agent"] = "farm" },
    body = json.encode { name = "tests", head_sha = sha, status = "in_progress", details_url = "https://farm.test" } },
    w.state, w.now)
  equal(made.status, 201)
  equal(gh.find_status { sha = sha, context = "tests" }, { state = "pending", url = "https://farm.test" })
  local check = repository(w).check_runs[1]
  for conclusion, state in pairs { failure = "failure", timed_out = "failure", success = "success",
    skipped = "success", neutral = "success" } do
    check.status, check.conclusion = "completed", conclusion
    equal({ conclusion, gh.find_status({ sha = sha, context = "tests" }).state }, { conclusion, state })
  end
end)

test("what was only skipped has not succeeded, and all contexts count where none is named", function()
  local w <close> = open()
  local gh = client()
  local sha = gh.pull(42).sha
  begin(w, { workflow = "testing.yml", pull = 42, conclusion = "skipped" })
  equal(gh.find_status({ sha = sha, context = "unit" }).state, "skipped")
  ensure(gh.status(said(sha, "success", { context = "tests" })))
  equal(gh.find_status({ sha = sha }).state, "success")
  ensure(gh.status(said(sha, "error", { context = "lint", url = "https://lint.test" })))
  equal(gh.find_status { sha = sha }, { state = "failure", url = "https://lint.test" })
end)
