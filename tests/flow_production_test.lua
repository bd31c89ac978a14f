---Production end to end: the sample project on the local cloud with real workerd and real PostgreSQL. What may be
---deployed, what a success leaves, and what every failure does.
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local production_test, exits, has = productions.tests(test, skip), productions.exits, productions.has

local place <close> = not productions.missing() and productions.new() or nil

local function deploy(...) return place:davit("production", "--local", "--yes", ...) end

local function open_issue(state)
  for _, one in ipairs(state.issues) do
    if one.state == "open" then return one end
  end
end

-- What production consists of, for whoever uses it.
local function served(state)
  local list = {}
  for name, worker in pairs(state.workers) do list[name] = worker.serves end
  return { workers = list, domains = state.domains, records = state.records, branches = state.branches,
    crons = (state.workers["codex-web-production"] or {}).crons }
end

-- ---- what may be deployed -----------------------------------------------------------------------------

production_test("only a tested push to main of this repository is deployed, from a clean checkout of it", function()
  local sha = place:push "one"
  local before = place:state()
  local function refused(what, ...)
    local result = exits(7, deploy())
    for _, part in ipairs { ... } do has(result.errors, part) end
    local after = place:state()
    if json.encode(after) ~= json.encode(before) then error(what .. ": something was changed", 2) end
  end
  place:event()
  refused("by hand", "it was started by hand")
  place:event("pull_request", { number = 42, pull_request = { head = { sha = sha, ref = "main",
    repo = { full_name = "example/codex" } }, base = { sha = sha } } })
  refused("a pull request", "the event is pull_request, and not a push")
  place:push_event(sha, { ref = "refs/heads/feature/main" })
  refused("another branch", "the push was to feature/main")
  place:push_event(sha, { ref = "refs/tags/main" })
  refused("a tag", "the push was to no branch")
  place:push_event(sha, { repository = { full_name = "stranger/codex" } })
  refused("another repository", "the commit is of the repository stranger/codex")
  local function workflow_run(change)
    local run = { head_sha = sha, head_branch = "main", event = "push", conclusion = "success",
      head_repository = { full_name = "example/codex" } }
    for key, value in pairs(change) do run[key] = value end
    place:event("workflow_run", { workflow_run = run })
  end
  workflow_run { head_repository = { full_name = "stranger/codex" } }
  refused("a fork's run", "the commit is of the repository stranger/codex")
  workflow_run { event = "pull_request" }
  refused("a pull request's run", "the event is pull_request, and not a push")
  workflow_run { conclusion = "failure" }
  refused("a run that failed", "the workflow before it ended with failure")
  place:push_event(("0"):rep(39) .. "1")
  refused("another commit", "is checked out", "check out the pushed commit")
  place:push_event(sha)
  local code = place:read "workers/auth/src/index.mjs"
  place:write("workers/auth/src/index.mjs", code .. "\n")
  refused("a dirty tree", "files differ from the commit that is checked out")
  place:write("workers/auth/src/index.mjs", code)
  place:push("untested", false)
  refused("no tests", "has not passed its tests", "davit/test says nothing of it")
  place:push("failed", "failure")
  refused("failed tests", "the status davit/test says failure")
end)

-- ---- success ------------------------------------------------------------------------------------------

production_test("a push is deployed, also where another workflow's success has started the run", function()
  local sha = place:push "first"
  place:event("workflow_run", { workflow_run = { head_sha = sha, head_branch = "main", event = "push",
    conclusion = "success", head_repository = { full_name = "example/codex" } } })
  local result = exits(0, deploy())
  equal(result.output, table.concat({ "ecom-api: https://api.revelations.studio",
    "auth-worker: https://auth.revelations.studio", "codex-web: https://codex.revelations.studio", "" }, "\n"))
  local products = json.decode(place:ask "https://api.revelations.studio/products")
  equal({ #products.products, products.payments }, { 3, "live" })
  local state = place:state()
  equal(state.deployments, { sha:sub(1, 8) .. " 1 success" })
  equal({ #state.issues, state.workers["codex-web-production"].crons }, { 0, { "0 * * * *" } })
end)

production_test("the same commit once more changes nothing", function()
  local before = place:state()
  exits(0, deploy())
  equal(place:state(), before)
end)

production_test("where davit.yaml says nothing of health, production is looked at as carefully as its guide says", function()
  local yaml = place:read "davit.yaml"
  place:write("davit.yaml", (yaml:gsub("\nhealth:[^\n]*", "")))
  place:write("recipes/policy.lua", [[return { summary = "Tells the policy", run = function()
    local env = require("flow").environment "production"
    print(require("json").encode { env:health_policy(1), env:health_policy(2) })
  end }]])
  local told = exits(0, place:davit "policy").output
  place:remove "recipes"
  place:write("davit.yaml", yaml)
  local first = { grace = 30, attempts = 10, backoff = 5, cap = 80, deadline = 300 }
  local rest = { grace = 15, attempts = 10, backoff = 5, cap = 80, deadline = 300 }
  equal(json.decode(told), { first, rest })
end)

-- ---- failures -------------------------------------------------------------------------------------------

-- Deploys a commit that fails, and looks at what is left: what served before serves, and people know.
local function fails(o)
  local before = served(place:state())
  local sha = place:push(o.what)
  if o.faults then place:faults(table.unpack(o.faults)) end
  local result = deploy(table.unpack(o.flags or {}))
  place:faults()
  if result.exit ~= (o.exit or 1) then
    error(("%s: exit %s instead of %d: %s"):format(o.what, result.exit or result.signal, o.exit or 1, result.errors), 2)
  end
  local after = place:state()
  local ok, why = pcall(equal, served(after), before)
  if not ok then error(("%s: what serves has changed: %s\n%s"):format(o.what, why, result.errors), 2) end
  local issue = open_issue(after)
  if not issue then error(("%s: there is no issue: %s"):format(o.what, result.errors), 2) end
  has(issue.body, ("The deploy of `%s` has failed"):format(sha:sub(1, 8)))
  for _, part in ipairs(o.says or {}) do has(issue.body, part) end
  equal(after.deployments[1]:find(sha:sub(1, 8), 1, true), nil)
  return issue, result
end

-- Requests that are not tried again; each is the only thing that goes wrong.
local refused_requests = {
  { "neon GET /projects/{}/branches 403", "No Worker and no database was touched" },
  { "cloudflare GET /accounts/{}/workers/scripts/{}/deployments 403 times=1", "No Worker and no database was touched" },
  { "github POST /repos/{}/{}/deployments 403", "`ecom-api-production` serves `", "as before" },
  { "cloudflare POST /accounts/{}/workers/scripts/{}/versions 400", "`Deployment of " },
  { "cloudflare POST /accounts/{}/workers/scripts/{}/versions 400 nth=3", "`deploy auth-worker`" },
  { "cloudflare POST /accounts/{}/workers/scripts/{}/deployments 400 times=1", "`ecom-api-production` serves" },
  { "cloudflare POST /accounts/{}/workers/scripts/{}/deployments 400 nth=2", "`deploy ecom-api`" },
  { "cloudflare GET /accounts/{}/workers/domains 403", "list the domains" },
  { "cloudflare GET /accounts/{}/workers/scripts/{}/schedules 403 times=1", "`deploy codex-web`" },
}

production_test("whichever request is refused, the Workers before serve again and an issue says so", function()
  for _, worker in ipairs { "workers/ecom-api", "workers/auth", "apps/web" } do place:change("two", worker) end
  for _, case in ipairs(refused_requests) do
    fails { what = case[1], faults = { case[1] }, says = { table.unpack(case, 2) } }
  end
end)

production_test("a build that fails, and a migration, leave Workers and schema as they were", function()
  local build = place:read "workers/auth/build.mjs"
  place:write("workers/auth/build.mjs", "throw new Error('no');\n")
  fails { what = "build", says = { "the build of auth-worker", "No Worker and no database was touched" } }
  place:write("workers/auth/build.mjs", build)
  place:migration("bad", "alter table products add column stock integer; alter table nowhere add column x integer;")
  local issue = fails { what = "migration", says = { "nowhere" } }
  equal(issue.body:find("is applied and stays", 1, true), nil)
  place:drop_migration()
end)

production_test("a Worker that is not healthy is taken back with all before it; an additive migration stays", function()
  place:migration("stock", "alter table products add column stock integer;")
  place:edit("workers/auth/src/index.mjs", function(text)
    return (text:gsub("fetch: serve%(", "fetch: () => new Response('no', { status: 500 }), was: serve(", 1))
  end)
  local issue = fails { what = "unhealthy", exit = 4, says = {
    "`deploy ecom-api`", "`deploy auth-worker`", "`auth-worker-production` serves", "as before",
    "the migration `0003_stock.sql` is applied and stays", "davit rollback --why data --time 20" } }
  equal(issue.body:find("davit rollback --worker", 1, true), nil)
  place:git("checkout", "-q", "HEAD~1", "--", "workers/auth/src/index.mjs")
end)

production_test("what could not be taken back stands in the same issue, with its command", function()
  local before = place:state()
  place:change("left", "workers/ecom-api")
  place:push "left"
  place:faults("cloudflare POST /accounts/{}/workers/scripts/{}/versions 400 nth=2",
    "cloudflare POST /accounts/{}/workers/scripts/{}/deployments 400 nth=2 times=10")
  local result = exits(3, deploy())
  place:faults()
  local after = place:state()
  local issue = open_issue(after)
  equal(issue.number, open_issue(before).number)
  has(issue.body, "`ecom-api-production` keeps the new version")
  local command = issue.body:match "(davit rollback %-%-worker ecom%-api %-%-version %S+)"
  has(command or issue.body, before.workers["ecom-api-production"].serves)
  has(result.errors, "davit undo")
end)

production_test("the next success closes the issue", function()
  place:push "good"
  exits(0, deploy())
  local state = place:state()
  equal({ #state.issues, state.issues[1].state, state.issues[1].comments }, { 1, "closed", 1 })
end)

production_test("GitHub's failure to be told is no reason to take back what is healthy", function()
  local sha = place:push "told"
  place:faults("github POST /repos/{}/{}/deployments/{}/statuses 403")
  has(exits(0, deploy()).errors, "production is deployed all the same")
  place:faults()
  exits(0, deploy())
  has(place:state().deployments[1], sha:sub(1, 8) .. " 1 success")
end)

production_test("a breaking migration needs consent; then the Workers keep the new version, and the issue says why", function()
  place:migration("breaking", "alter table products drop column stock;")
  local before = served(place:state())
  place:push "breaking"
  local refused = exits(7, deploy())
  has(refused.errors, "--accept-breaking")
  equal(served(place:state()), before)
  place:change("three", "workers/ecom-api")
  place:edit("workers/auth/src/index.mjs", function(text)
    return (text:gsub("fetch: serve%(", "fetch: () => new Response('no', { status: 500 }), was: serve(", 1))
  end)
  place:push "breaking, and not healthy"
  exits(3, deploy "--accept-breaking")
  local state = place:state()
  equal({ state.workers["ecom-api-production"].serves ~= before.workers["ecom-api-production"],
    state.workers["auth-worker-production"].serves ~= before.workers["auth-worker-production"],
    state.workers["codex-web-production"].serves }, { true, true, before.workers["codex-web-production"] })
  local issue = open_issue(state)
  for _, part in ipairs { "`ecom-api-production` keeps the new version", "the migrations of this run break what served before",
    "the migration `0004_breaking.sql` is applied and stays", "davit rollback --why migration --breaking --time 20" } do
    has(issue.body, part)
  end
  place:git("checkout", "-q", "HEAD~2", "--", "workers/auth/src/index.mjs")
  place:push "good again"
  exits(0, deploy())
  equal(open_issue(place:state()), nil)
end)

production_test("who is asked may say no, and nothing was touched", function()
  place:change("asked", "workers/ecom-api")
  place:push "asked"
  local before = served(place:state())
  local parked = exits(75, place:davit("production", "--local"))
  local run = parked.errors:match "davit approve (%S-)'"
  local said = place:davit("approve", run, "--deny", "--why", "not today")
  if said.exit ~= 7 then error(("%s %s %s"):format(said.exit, said.output, said.errors)) end
  equal(served(place:state()), before)
  has(open_issue(place:state()).body, "was denied by")
  exits(0, deploy())
end)

production_test("secrets that a deploy brings go back with it", function()
  exits(0, place:sh "sed -i 's/^STRIPE_PRODUCTION_KEY=.*/STRIPE_PRODUCTION_KEY=sk_live_fake_codex_2006/' secrets.env")
  fails { what = "rotated", faults = { "cloudflare GET /accounts/{}/workers/scripts/{}/schedules 403 times=1" },
    says = { "`deploy ecom-api`", "`ecom-api-production` serves" } }
  exits(0, deploy())
end)

production_test("traffic that somebody has split is left alone", function()
  local base = "/accounts/0000000000000000000000000000c0de/workers/scripts/codex-web-production"
  local versions = place:api("cloudflare", "GET", base .. "/versions").result.items
  place:api("cloudflare", "POST", base .. "/deployments?force=true", json.encode { strategy = "percentage",
    versions = { { version_id = versions[1].id, percentage = 60 }, { version_id = versions[2].id, percentage = 40 } } })
  place:push "split"
  local before = place:state()
  has(exits(7, deploy()).errors, "the traffic of the Worker codex-web-production is split")
  equal(served(place:state()), served(before))
  exits(0, place:davit("rollback", "--local", "--yes", "--worker", "codex-web", "--version", versions[1].id))
  exits(0, deploy())
end)

-- ---- killed ---------------------------------------------------------------------------------------------

-- Kills a deploy right after an event of its; the run's id.
local function killed(pattern)
  local run <close> = place:begin("production", "--local", "--yes", "--json")
  local id
  repeat
    local line = run:line()
    if not line then error(("no event is like '%s': %s"):format(pattern, run:wait().errors), 2) end
    id = json.decode(line).run or id
  until line:find(pattern)
  run:kill "KILL"
  equal(run:wait().signal, "SIGKILL")
  return id
end

local points = { '"step%-started".*rollback point', '"step%-started".*"migrate"', '"ensure%-started".*version .* of auth',
  '"step%-started".*deploy auth', '"step%-finished".*deploy codex', '"step%-started".*tell GitHub' }

production_test("killed at any point, undo brings back what served, and tells", function()
  for n, point in ipairs(points) do
    for _, worker in ipairs { "workers/ecom-api", "workers/auth", "apps/web" } do place:change("undo " .. n, worker) end
    place:push("undo " .. n)
    local before = served(place:state())
    local id = killed(point)
    exits(0, place:davit("undo", id))
    local after = place:state()
    equal({ point, served(after) }, { point, before })
    has(open_issue(after).body, "it was stopped")
  end
end)

production_test("killed at any point, resume finishes the deploy", function()
  for n, point in ipairs(points) do
    for _, worker in ipairs { "workers/ecom-api", "workers/auth", "apps/web" } do place:change("resume " .. n, worker) end
    local sha = place:push("resume " .. n)
    local before = place:state()
    exits(0, place:davit("resume", killed(point), "--yes"))
    local after = place:state()
    equal({ point, after.deployments[1], open_issue(after) }, { point, sha:sub(1, 8) .. " 1 success" })
    for name, worker in pairs(after.workers) do
      local more, under_way = worker.versions - before.workers[name].versions, point:find "version" ~= nil
      -- What was under way when Davit was killed may arrive after who goes on has looked for it.
      equal({ point, name, more == 1 or under_way and more == 2 }, { point, name, true })
    end
  end
end)

-- ---- what others have made ------------------------------------------------------------------------------

local ACCOUNT = "/accounts/0000000000000000000000000000c0de/workers/scripts/"

production_test("Workers that were deployed without Davit are adopted by consent only, and given back by a failure", function()
  for _, name in ipairs { "ecom-api-production", "codex-web-production" } do
    place:api("cloudflare", "PATCH", ACCOUNT .. name .. "/script-settings", json.encode { tags = { "team:shop" } })
  end
  place:change("adopted", "workers/ecom-api")
  place:push "adopt"
  local before = place:state()
  local refused = exits(1, deploy())
  has(refused.errors, "were not deployed by Davit: ecom-api-production, codex-web-production")
  has(refused.errors, "--take-over adopts them")
  equal(place:state().workers, before.workers)
  fails { what = "adopt, and fail", flags = { "--take-over" },
    faults = { "cloudflare POST /accounts/{}/workers/scripts/{}/versions 400" } }
  equal(place:state().workers["ecom-api-production"].tags, { "team:shop" })
  exits(0, deploy "--take-over")
  equal(place:state().workers["codex-web-production"].tags, { "team:shop", "davit:codex/production/live" })
  exits(0, deploy())
end)

production_test("a Worker, a domain and a record of somebody else are never taken without consent", function()
  place:api("cloudflare", "PATCH", ACCOUNT .. "auth-worker-production/script-settings",
    json.encode { tags = { "davit:others/production/live" } })
  local before = place:state()
  for _, flags in ipairs { {}, { "--take-over" } } do
    has(exits(1, deploy(table.unpack(flags))).errors, "others/production/live")
    equal(place:state().workers, before.workers)
  end
  place:api("cloudflare", "PATCH", ACCOUNT .. "auth-worker-production/script-settings",
    json.encode { tags = { "davit:codex/production/live" } })
  exits(0, deploy())
end)
