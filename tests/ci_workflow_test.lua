---The workflow of docs/recipes.md, as GitHub would carry it out: its text is taken from there, and its steps run as a runner
---runs them, each job on a machine of its own that knows no earlier one, against a local cloud with real workerd and real
---PostgreSQL, whose model of GitHub gives the job's token the workflow's permissions and no more.
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local places = assert(core.load_file "tests/place.lua")()
local process = require "process"
local workflow = assert(core.load_file "tests/runner/workflow.lua")()

local ci_test = places.tests(test, skip)

local here = os.getenv "PWD"

-- ---- the repository, and the secrets that it has ---------------------------------------------------------

local FLOW <const> = workflow.read(fs.read("docs/recipes.md"):match "### In CI.-```yaml\n(.-)```")
local TOKEN <const>, ZEROS <const> = "ghs_fakeTokenOfTheJob0007", ("0"):rep(40)

local SECRETS <const> = {
  CLOUDFLARE_API_TOKEN = "fake-cloudflare-workers-token-0001", CLOUDFLARE_DNS_API_TOKEN = "fake-cloudflare-dns-token-0002",
  NEON_API_KEY = "fake-neon-api-key-0003", DAVIT_GENERATE_KEY = "fake-generate-key-0123456789abcdef",
  STRIPE_TEST_KEY = "sk_test_fake0005", STRIPE_PRODUCTION_KEY = "sk_live_fake0006",
}

-- davit.yaml as docs/recipes.md has it where secrets are concerned, with the pace of what is quick.
local function settings(yaml)
  yaml = yaml:gsub("secrets: %[DATABASE_URL, STRIPE_WEBHOOK.-%]", "secrets: [DATABASE_URL, STRIPE_SECRET_KEY]")
  yaml = yaml:gsub("    secrets:\n      S.-\n    checklist:[^\n]*", "    secrets: { STRIPE_SECRET_KEY: STRIPE_TEST_KEY }")
  yaml = yaml:gsub("    secrets:\n      S.-\nhealth: [^\n]*", "    secrets: { STRIPE_SECRET_KEY: STRIPE_PRODUCTION_KEY }\n"
    .. "health: { grace: 0s, next: 0s, attempts: 60, backoff: 0.2s, cap: 1s, deadline: 60s }")
  yaml = yaml:gsub("\nchecks:\n.-\nsecrets:\n", [[

checks:
  types:       { run: node scripts/types.mjs, when: { paths: [apps] } }
  integration: { run: 'node --test "packages/**/*.integration.mjs" && echo "$DATABASE_URL"', needs: database }
  shop:        { run: node --test e2e/shop.mjs, needs: e2e, when: { paths: [workers] } }
secrets:
]])
  return yaml
end

local function git(folder, ...)
  return process.run { cwd = folder, env = { GIT_CONFIG_GLOBAL = "/dev/null", GIT_CONFIG_NOSYSTEM = "1" }, argv = { "git",
    "-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false", ... } }.output
end

local place <close> = not places.missing() and places.new() or nil

local function desk(path, body)
  return json.decode(http.expect { url = ("http://127.0.0.1:%d/_davit/%s"):format(place.listens.http_port, path),
    method = "POST", json = body }.body)
end

-- The cloud's token for jobs has what the workflow's `permissions:` say.
local function start()
  local permissions = {}
  for name, level in pairs(FLOW:token_permissions()) do permissions[#permissions + 1] = ("%s: %s"):format(name, level) end
  fs.write(place.parent .. "/seed.yaml", ([[
github: { tokens: [{ value: %s, kind: workflow, permissions: { %s } }] }
settings: { dns_delay: 0s, tls_delay: 0s, propagation_delay: 0s, operation_seconds: 0s }
]]):format(TOKEN, table.concat(permissions, ", ")))
  place:start { "--seed", place.parent .. "/seed.yaml" }
  fs.write(place.folder .. "/davit.yaml", settings(fs.read(place.folder .. "/davit.yaml")))
  fs.write(place.folder .. "/.gitignore", "node_modules\ndist\n.davit\nsecrets.env\n")
  git(place.folder, "init", "-q", "-b", "main")
  git(place.folder, "add", "-A")
  git(place.folder, "commit", "-qm", "one")
end

-- What is on the machine's PATH: Davit, which finds the local cloud, and an npm that installs what is there already.
local function put_programs()
  local npm = [[
#!/bin/sh
[ "$*" = ci ] || exit 1
mkdir node_modules && ln -s %s/build/npm/node_modules/* node_modules/
]]
  fs.write(place.parent .. "/bin/npm", npm:format(here))
  fs.write(place.parent .. "/bin/davit", ("#!/bin/sh\nexec %s \"$@\" --local\n"):format(places.program))
  process.run { argv = { "chmod", "755", place.parent .. "/bin/npm", place.parent .. "/bin/davit" } }
end

if place then
  start()
  put_programs()
end

-- ---- what happens in the repository ---------------------------------------------------------------------

local function sha_of(ref) return git(place.folder, "rev-parse", ref):match "%x+" end

-- Changes a file on a branch, which is made of main when it is not there.
local function commit(branch, path, text)
  if not try(sha_of, branch) then git(place.folder, "branch", branch, "main") end
  git(place.folder, "checkout", "-q", branch)
  fs.write(("%s/%s"):format(place.folder, path), fs.read(("%s/%s"):format(place.folder, path)) .. text)
  git(place.folder, "commit", "-qam", "change " .. path)
  git(place.folder, "checkout", "-q", "main")
  return sha_of(branch)
end

local REPOSITORY <const> = "example/codex"

local function pull_event(number, action, from)
  local branch = "change-" .. number
  local sha = sha_of(branch)
  return { name = "pull_request", sha = ZEROS, payload = { action = action, number = number,
    pull_request = { head = { sha = sha, ref = branch, repo = { full_name = from or REPOSITORY } },
      base = { sha = sha_of "main", ref = "main" } } } }
end

-- A pull request that changes a file, which GitHub knows of.
local function pushed(number, action, path, text)
  local sha = commit("change-" .. number, path, text)
  desk("pulls", { number = number, head = "change-" .. number, title = "A change", sha = sha })
  return pull_event(number, action)
end

local function push_event()
  local sha = sha_of "main"
  return { name = "push", sha = sha, payload = { ref = "refs/heads/main", before = ZEROS, after = sha,
    repository = { full_name = REPOSITORY } } }
end

-- ---- machines -------------------------------------------------------------------------------------------

local machines = 0

-- actions/checkout. What is linked into the folder stands for the way to the services.
local function checkout(with, folder)
  git(place.parent, "init", "-q", "-b", "main", folder)
  local deep = with["fetch-depth"] == "0"
  git(folder, "fetch", "-q", "file://" .. place.folder, "+refs/heads/*:refs/remotes/origin/*", not deep and "--depth=1" or nil)
  if with.ref then
    git(folder, "checkout", "-q", "--detach", with.ref)
  else
    git(folder, "checkout", "-q", "-B", "main", "origin/main")
  end
  fs.make(folder .. "/.davit")
  process.run { argv = { "ln", "-s", place.folder .. "/.davit/local", folder .. "/.davit/local" } }
end

-- Carries the workflow out for an event, on a machine that nothing was on before.
local function run(event, o)
  o = o or {}
  machines = machines + 1
  local folder = ("%s/machine %d"):format(place.parent, machines)
  fs.write(folder .. "/event.json", json.encode(event.payload))
  return (o.flow or FLOW):run {
    event = event, event_file = folder .. "/event.json", repository = REPOSITORY, secrets = o.secrets or SECRETS, token = TOKEN,
    workspaces = folder, actions = { ["actions/checkout@v4"] = checkout },
    env = { PATH = ("%s/bin:%s/build/npm/node_modules/.bin:%s"):format(place.parent, here, os.getenv "PATH"),
      DAVIT_TEST = o.mark or "cloud", XDG_STATE_HOME = folder },
  }
end

-- ---- what is seen ---------------------------------------------------------------------------------------

local function text_of(result) return table.concat(result.job.log, "\n") end

-- A job that has ended so, and whose reader has seen no secret, in the log, in annotations, in a summary or in an output.
local function ends(expected, result)
  if result.result ~= expected then
    error(("the job ended with %s: %s"):format(result.result, result.job and text_of(result) or ""), 2)
  end
  local seen = { text_of(result) }
  for _, step in ipairs(result.job.steps) do
    seen[#seen + 1] = json.encode { step.annotations, step.outputs, step.summary or "" }
  end
  local all = table.concat(seen, "\n")
  places.check_secrets(all)
  for name, value in pairs(SECRETS) do
    if all:find(value, 1, true) then error("a reader sees the secret " .. name, 2) end
  end
  equal({ all:find(TOKEN, 1, true), result.dropped }, { nil, {} })
  return result
end

local function has(result, part)
  if not text_of(result):find(part, 1, true) then error(("'%s' is not in: %s"):format(part, text_of(result)), 2) end
end

local function scripts(result)
  local list = {}
  for i, step in ipairs(result.job.steps) do list[i] = step.script end
  return table.concat(list, "; ")
end

local function github(path)
  return json.decode(place:ask("https://api.github.com/repos/example/codex" .. path, "fake-github-token-0004"))
end

local function branches()
  local url, names = "https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches", {}
  for i, branch in ipairs(json.decode(place:ask(url, "fake-neon-api-key-0003")).branches) do names[i] = branch.name end
  table.sort(names)
  return table.concat(names, " ")
end

local function tested(sha)
  local found = github(("/commits/%s/status"):format(sha)).statuses[1]
  return found and found.context .. " " .. found.state
end

local function served(host) return json.decode(place:ask(("https://%s.revelations.studio/health"):format(host))) end

local function lines_of(number)
  local text = place:lua("place_inventory.lua", tostring(number))
  return select(2, text:gsub("[^\n]+", ""))
end

-- ---- a pull request --------------------------------------------------------------------------------------

ci_test("a pull request that is opened is tested and previewed, in one job", function()
  local event = pushed(51, "opened", "apps/web/src/index.mjs", "\nconsole.debug('changed');\n")
  local results = run(event)
  local result = ends("success", results.preview)
  equal({ results.production.result, scripts(result) },
    { "skipped", "npm ci && davit test --bundles && davit preview --pr 51" })
  equal({ result.concurrency.group, result.concurrency.cancels }, { "preview-51", true })
  equal({ tested(event.payload.pull_request.head.sha), branches(), served("codex-preview-51").status, #github "/issues/51/comments" },
    { "davit/test success", "pr-51 production", "ok", 1 })
end)

ci_test("its checks are those that the change asks for, as the checkout has history", function()
  local result = ends("success", run(pushed(51, "synchronize", "workers/auth/src/index.mjs", "\nconsole.debug('changed');\n")).preview)
  has(result, "ok  shop/check")
  has(result, "integration | ***")   -- the connection string that the check prints
end)

ci_test("a push to it brings the preview up to date from another machine, with one comment, and no bundle is built twice", function()
  local before = github("/issues/51/comments")[1]
  local event = pushed(51, "synchronize", "apps/web/src/index.mjs", "\nconsole.debug('once more');\n")
  local result = ends("success", run(event).preview)
  has(result, "codex-web: the bundle that was tested")
  local comments = github "/issues/51/comments"
  equal({ #comments, comments[1].id == before.id, comments[1].body ~= before.body }, { 1, true, true })
  local deployments = github "/deployments?environment=preview-51"
  equal({ #deployments, deployments[1].sha }, { 3, event.payload.pull_request.head.sha })
end)

-- Whether the fault that was asked for has been met.
local function is_met()
  local url = ("http://127.0.0.1:%d/_davit/faults"):format(place.listens.http_port)
  return json.decode(http.expect { url = url }.body).rules[1].injected > 0
end

ci_test("a job that is killed in the middle of its preview is followed by one that ends well, from what lives", function()
  local event = pushed(52, "opened", "apps/web/src/index.mjs", "\nconsole.debug('another');\n")
  local mark, killed = place.parent .. "/killed", nil
  desk("faults", "cloudflare GET /accounts/{}/workers/domains delay=10m times=1")   -- it is in the middle until then
  parallel {
    function() killed = run(event, { mark = mark }).preview end,
    function()   -- the runner's last word, as the shell of a `run:` hands on no signal to what it waits for
      while not is_met() do sleep(0.02) end
      process.run { command = "kill -9 $(grep -lazF \"DAVIT_TEST=$MARK\" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)",
        env = { MARK = mark }, check = false }
    end,
  }
  equal({ killed.result, lines_of(52) > 0 }, { "failure", true })
  ends("success", run(pushed(52, "synchronize", "apps/web/src/index.mjs", "\nconsole.debug('newer');\n")).preview)
  equal({ served("codex-preview-52").status, #github "/issues/52/comments", branches() },
    { "ok", 1, "pr-51 pr-52 production" })
end)

ci_test("a pull request that is closed is cleaned up, and only that", function()
  for _, number in ipairs { 51, 52 } do
    desk("pulls", { number = number, state = "closed" })
    local result = ends("success", run(pull_event(number, "closed")).preview)
    equal(scripts(result), ("davit cleanup --pr %d"):format(number))
    equal(lines_of(number), 1)   -- the comment that says so
  end
  equal(branches(), "production")
end)

ci_test("secrets that the repository does not have are empty variables: what cannot be done without is named", function()
  local missing = { STRIPE_TEST_KEY = false, DAVIT_GENERATE_KEY = true }
  for name, needless in pairs(missing) do
    local secrets = {}
    for other, value in pairs(SECRETS) do secrets[other] = other ~= name and value or nil end
    local event = pushed(53, "opened", "apps/web/src/index.mjs", ("\nconsole.debug('without %s');\n"):format(name))
    local result = ends(needless and "success" or "failure", run(event, { secrets = secrets }).preview)
    if not needless then has(result, name) end
  end
  desk("pulls", { number = 53, state = "closed" })
  ends("success", run(pull_event(53, "closed")).preview)
end)

ci_test("nothing runs for a fork, whose jobs would have no secrets, nor for what the workflow does not name", function()
  local event = pushed(56, "opened", "apps/web/src/index.mjs", "\nconsole.debug('theirs');\n")
  event.payload.pull_request.head.repo.full_name = "stranger/codex"
  local results = run(event)
  equal({ results.preview.result, results.production.result }, { "skipped", "skipped" })
  equal({ run(pull_event(56, "labeled")), run { name = "push", sha = ZEROS, payload = { ref = "refs/heads/other" } } }, { {}, {} })
end)

-- ---- production ------------------------------------------------------------------------------------------

-- GitHub knows a commit of main by a pull request that leads to it.
local function merged(number, text, path)
  local sha = commit("main", path or "apps/web/src/index.mjs", text)
  desk("pulls", { number = number, head = "merged-" .. number, sha = sha })
  return push_event()
end

ci_test("a push to main is tested and deployed to production", function()
  local event = merged(61, "\nconsole.debug('for all');\n")
  local results = run(event)
  local result = ends("success", results.production)
  equal({ results.preview.result, scripts(result), result.concurrency.group },
    { "skipped", "npm ci && davit test --bundles && davit production --yes", "production" })
  has(result, "ecom-api: the bundle that was tested")
  equal({ tested(event.sha), served("codex").status, branches() }, { "davit/test success", "ok", "production" })
  equal(json.decode(place:ask "https://api.revelations.studio/products").payments, "live")
end)

ci_test("a main branch whose tests fail is not deployed, and the job says so", function()
  local before = served("codex").version
  local event = merged(62, "\nthrow 'in vain';\n", "scripts/types.mjs")
  local result = ends("failure", run(event).production)
  equal({ tested(event.sha), served("codex").version }, { "davit/test failure", before })
  equal(result.ending.annotations[#result.ending.annotations].message, "Process completed with exit code 1.")
end)

-- ---- from job to job ---------------------------------------------------------------------------------------

local SPLIT <const> = [[
on: { pull_request: { types: [opened] } }
permissions: { contents: read }
env:
  NEON_API_KEY: ${{ secrets.NEON_API_KEY }}
  GITHUB_TOKEN: ${{ github.token }}
jobs:
  use:
    needs: test
    steps:
      - uses: actions/checkout@v4
        with: { ref: "${{ github.event.pull_request.head.sha }}" }
      - run: davit use --state "${{ needs.test.outputs.state }}" --branch "${{ needs.test.outputs.branch }}"
  test:
    outputs: { state: "${{ steps.db.outputs.database_state }}", branch: "${{ steps.db.outputs.database_branch }}" }
    steps:
      - uses: actions/checkout@v4
        with: { ref: "${{ github.event.pull_request.head.sha }}", fetch-depth: 0 }
      - id: db
        run: npm ci && davit test
]]

ci_test("a test hands its database on to the next job by outputs, none of which is a connection string", function()
  git(place.folder, "revert", "--no-edit", "HEAD")
  fs.write(place.folder .. "/recipes/use.lua", [[
    return { summary = "Uses the database of the test", params = { state = { type = "string" }, branch = { type = "string" } },
      run = function(p, run)
        local env = require("flow").environment("preview", { pr = 54 })
        local _, url = env:take_over { given = { state = p.state, branch = p.branch } }
        local session <close> = require("sql").connect { url = url }
        run.output("products", session:query("select count(*)::integer as n from products").rows[1].n)
      end }]])
  git(place.folder, "add", "recipes")
  git(place.folder, "commit", "-qm", "a recipe")
  local results = run(pushed(54, "opened", "apps/web/src/index.mjs", "\nconsole.debug('split');\n"), { flow = workflow.read(SPLIT) })
  local outputs = ends("success", results.test).outputs
  equal({ outputs.state, outputs.branch:match "^br%-" }, { "ready", "br-" })
  has(ends("success", results.use), "products: 4")
  for name in pairs(results.test.job.by_id.db.outputs) do equal({ name, name:find "url" }, { name }) end
end)
