---The checks of davit.yaml: how they are read, which of them a change asks for, how they run; which commit a flow is
---about, by GitHub's event and by git.
local checks = require "flow.checks"
local commit = require "flow.commit"
local fs = require "fs"
local json = require "json"
local process = require "process"
local project = require "project"

local DAVIT = os.getenv "DAVIT" or "build/davit"

local HEAD = "version: 1\nproject: codex\ngithub: { repository: example/codex }\nchecks:\n"

local function read(text) return project.parse(HEAD .. text, "davit.yaml").checks end

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end

local function temporary()
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  return setmetatable({ path = folder }, { __close = function() fs.remove(folder) end })
end

-- ---- reading ---------------------------------------------------------------------------------------

test("a text alone is a command, and what is no setup comes after every setup", function()
  local all = read [[
  install: { run: npm ci, setup: true }
  packages: { run: npm run build, setup: true, after: [install] }
  lint: npm run lint
  e2e: { run: npm run e2e, needs: e2e, after: [lint], timeout: 5m, env: { A: b }, cwd: apps/web }
]]
  equal({ all.lint.run, all.lint.after }, { "npm run lint", { "install", "packages" } })
  equal({ all.packages.after, all.install.after }, { { "install" }, {} })
  equal({ all.e2e.after, all.e2e.timeout, all.e2e.env, all.e2e.cwd },
    { { "lint", "install", "packages" }, 300, { A = "b" }, "apps/web" })
end)

test("what is wrong in the checks is named with its line", function()
  for pattern, text in pairs {
    ["davit.yaml:5: checks.unit: the key 'run' is required"] = "  unit: { needs: database }\n",
    ["davit.yaml:5: checks.unit.nedds: unknown key, did you mean 'needs'%?"] = "  unit: { run: a, nedds: database }\n",
    ["checks.unit.needs: cannot be 'databse', did you mean 'database'%?"] = "  unit: { run: a, needs: databse }\n",
    ["checks.unit.after.1: no check is called 'lnt', did you mean 'lint'%?"] = "  lint: a\n  unit: { run: a, after: [lnt] }\n",
    ["checks.a.after: waits for itself: a %-> b %-> a"] = "  a: { run: x, after: [b] }\n  b: { run: x, after: [a] }\n",
    ["checks.a.after: waits for itself: a"] = "  a: { run: x, after: [a] }\n",
    ["waits for itself"] = "  a: { run: x, setup: true, after: [b] }\n  b: { run: x }\n",
    ["checks.a.when: goes with no setup"] = "  a: { run: x, setup: true, when: { paths: [b] } }\n",
    ["checks.a.needs: is no preview for a setup"] = "  a: { run: x, setup: true, needs: preview }\n",
    ["checks.a.when.paths: must be a list"] = "  a: { run: x, when: { paths: b } }\n",
    ["checks: must be a mapping of names to commands"] = "  - a\n",
  } do
    raises(pattern, read, text)
  end
end)

-- ---- choosing --------------------------------------------------------------------------------------

local ALL = [[
  install: { run: x, setup: true }
  lint: x
  unit: { run: x, needs: database, when: { paths: [packages, ./workers/] } }
  styles: { run: x, when: { paths: ["**/*.css"] } }
  release: { run: x, when: { branches: [main, "release/*"] } }
  mutation: { run: x, when: { schedule: true } }
  browser: { run: x, needs: preview, when: { paths: [apps] } }
]]

local function chosen(change)
  change.stage = change.stage or "test"
  return sorted((checks.choose(read(ALL), change)))
end

test("a change asks for what its paths and its branch touch", function()
  equal(chosen { paths = { "README.md" } }, "install lint")
  equal(chosen { paths = { "packages/a/b.mjs" } }, "install lint unit")
  equal(chosen { paths = { "workers/api/x.mjs" } }, "install lint unit")
  equal(chosen { paths = { "packages-old/a" } }, "install lint")
  equal(chosen { paths = { "packages" } }, "install lint unit")
  equal(chosen { paths = { "apps/web/public/style.css" } }, "install lint styles")
  equal(chosen { paths = {}, branch = "main" }, "install lint release")
  equal(chosen { paths = {}, branch = "release/1.2" }, "install lint release")
  equal(chosen { paths = {}, branch = "maintenance" }, "install lint")
end)

test("where nobody knows what changed everything may have, and the clock asks for its own, too", function()
  equal(chosen {}, "install lint styles unit")
  equal(chosen { schedule = true, branch = "main" }, "install lint mutation release styles unit")
end)

test("what is named runs whatever has changed, with its setups", function()
  equal(chosen { only = { "mutation" }, paths = {} }, "install mutation")
  equal(chosen { only = { "install" }, paths = {} }, "install")
  raises("no check is called 'lnt'", chosen, { only = { "lnt" } })
  raises("the check browser needs a preview", chosen, { only = { "browser" } })
end)

test("a preview runs what needs one, and nothing is set up for nothing", function()
  equal(chosen { stage = "preview" }, "browser install")
  equal(chosen { stage = "preview", paths = { "docs/a.md" } }, "")
  local all = read "  install: { run: x, setup: true }\n  unit: { run: x, when: { paths: [a] } }\n"
  local some, others = checks.choose(all, { stage = "test", paths = { "b" } })
  equal({ sorted(some), others }, { "", { install = "nothing needs it", unit = "nothing changed in its paths" } })
  equal(sorted((checks.choose(all, { stage = "test", paths = { "b" }, builds = true }))), "install")
end)

-- ---- running ---------------------------------------------------------------------------------------

-- As a run that records nothing.
local unrecorded = { step = function(_, _, f) return f() end, parallel = parallel }

-- Runs checks whose commands write into the file `log`; what they wrote, and how it ended.
local function run(text, o)
  local folder <close> = temporary()
  o = o or {}
  local _, err = try(checks.run, unrecorded, { chosen = read(text), root = folder.path, jobs = o.jobs or 4,
    env_of = o.env_of or function() return {} end })
  local log = folder.path .. "/log"
  local lines = fs.exists(log) and fs.read(log) or ""
  return lines, err
end

test("a check begins when those it comes after have passed", function()
  local log, err = run [[
  install: { run: echo install >> log, setup: true }
  second: { run: echo second >> log, after: [first] }
  first: { run: echo first >> log }
]]
  equal({ log, err }, { "install\nfirst\nsecond\n", nil })
end)

test("a check that fails keeps those after it from running, and no other", function()
  local log, err = run [[
  bad: { run: echo bad >> log; exit 3 }
  next: { run: echo next >> log, after: [bad] }
  last: { run: echo last >> log, after: [next] }
  other: { run: while ! grep -q bad log; do sleep 0.01; done; echo other >> log }
]]
  equal(log, "bad\nother\n")
  equal({ err.message:find("the check bad: ", 1, true) ~= nil, err.message:find("the check next", 1, true) },
    { true, nil })
  equal(err.message:find("exited with code 3", 1, true) ~= nil, true)
end)

test("all that fail are named", function()
  local _, err = run "  one: exit 1\n  two: exit 2\n"
  equal({ err.message:find("the check one: ", 1, true) ~= nil, err.message:find("the check two: ", 1, true) ~= nil },
    { true, true })
end)

test("so many run at a time as was said", function()
  for _, limit in ipairs { 1, 2 } do
    local text = ""
    for i = 1, 5 do text = text .. ("  c%d: echo + >> log; sleep 0.05; echo - >> log\n"):format(i) end
    local running, most = 0, 0
    for sign in run(text, { jobs = limit }):gmatch "[+-]" do
      running = running + (sign == "+" and 1 or -1)
      most = math.max(most, running)
    end
    equal({ running, most }, { 0, limit })
  end
end)

test("a check has the variables that are its own, below those it is given", function()
  local log = run("  a: { run: echo $A $B >> log, env: { A: one, B: two }, cwd: . }\n",
    { env_of = function() return { B = "given" } end })
  equal(log, "one given\n")
end)

test("a check that takes too long fails", function()
  local _, err = run "  slow: { run: sleep 600, timeout: 200ms }\n"
  equal(err.message:find("the check slow: ", 1, true) ~= nil, true)
end)

-- ---- git -------------------------------------------------------------------------------------------

-- A repository with two commits; calls f with its folder and the hash of the first.
local function with_repository(f)
  local folder <close> = temporary()
  local root = folder.path .. "/a project"
  local function sh(command)
    return process.run { command = command, cwd = fs.exists(root) and root or folder.path, env = {
      GIT_CONFIG_GLOBAL = "/dev/null", GIT_AUTHOR_NAME = "a", GIT_AUTHOR_EMAIL = "a@localhost",
      GIT_COMMITTER_NAME = "a", GIT_COMMITTER_EMAIL = "a@localhost" } }.output:match "[^\n]*"
  end
  sh "mkdir 'a project'"
  sh "git init -q -b main . && mkdir -p shop/apps other && echo 1 >shop/apps/a && echo 1 >other/b"
  sh "git add . && git commit -q -m one"
  local first = sh "git rev-parse HEAD"
  sh [[git checkout -q -b change && echo 2 >shop/apps/a && echo 2 >other/b && echo n >"shop/apps/$(printf 'n\303\244w')"]]
  sh "git add . && git commit -q -m two"
  f(root, first, sh)
end

test("git tells what changed below the project, by names as they are", function()
  with_repository(function(root, first)
    local paths = commit.changed_paths(root .. "/shop", first)
    table.sort(paths)
    equal(paths, { "apps/a", "apps/n\u{e4}w" })
    equal(commit.changed_paths(root .. "/shop", "main"), commit.changed_paths(root .. "/shop", first))
    equal(commit.changed_paths(root, "HEAD"), {})
  end)
end)

test("a checkout without history cannot say what changed, and still names its commit's parents", function()
  with_repository(function(root, first, sh)
    sh("git clone -q --depth 1 -b change 'file://" .. root .. "' ../shallow")
    local shallow = root .. "/../shallow"
    local paths, why = commit.changed_paths(shallow, first)
    equal({ paths, (why:find("git cannot compare with " .. first, 1, true)) }, { nil, 1 })
    equal(commit.checked_out(shallow).parents, { first })
  end)
end)

test("what is checked out is told with its branch, and whether it was changed", function()
  with_repository(function(root, first, sh)
    local here = commit.checked_out(root .. "/shop")
    equal(here, { sha = sh "git rev-parse HEAD", branch = "change", clean = true, parents = { first } })
    sh "echo 3 >shop/apps/a && git checkout -q --detach"
    local changed = commit.checked_out(root)
    equal({ changed.clean, changed.branch }, { false, nil })
    equal(commit.checked_out "/", nil)
  end)
end)

test("a commit was tested where it is checked out, or GitHub's merge of it", function()
  local a, b, c = ("a"):rep(40), ("b"):rep(40), ("c"):rep(40)
  local function here(sha, parents, clean) return { sha = sha, parents = parents or {}, clean = clean ~= false } end
  equal(commit.differs(here(a), a), nil)
  equal(commit.differs(here(a, { b, c }), c), nil)
  equal(commit.differs(here(a, { b }), b), "aaaaaaaa is checked out")
  equal(commit.differs(here(a), a, true), nil)
  equal(commit.differs(here(a, nil, false), a), nil)
  equal(commit.differs(here(a, nil, false), a, true), "files differ from the commit that is checked out")
  equal({ commit.differs(nil, a), commit.differs(nil, a, true) }, { nil, "the project is no checkout of git" })
end)

-- ---- events ----------------------------------------------------------------------------------------

-- What another davit makes of an event.
local function event(name, payload, expression)
  local folder <close> = temporary()
  fs.write(folder.path .. "/event.json", type(payload) == "string" and payload or json.encode(payload))
  local ended = process.run { check = false,
    argv = { DAVIT, "eval", ("print(require 'json'.encode(%s))"):format(expression or "require 'flow.commit'.event()") },
    env = { GITHUB_EVENT_NAME = name, GITHUB_EVENT_PATH = folder.path .. "/event.json", GITHUB_SHA = ("e"):rep(40),
      GITHUB_REF_NAME = "main", GITHUB_REPOSITORY = "example/codex" } }
  if ended.exit ~= 0 then error(ended.errors, 0) end
  return json.decode(ended.output)
end

local HERE = { full_name = "example/codex" }

test("a push is about the commit that the branch has now", function()
  local before, after = ("b"):rep(40), ("a"):rep(40)
  equal(event("push", { ref = "refs/heads/feat/x", before = before, after = after, repository = HERE }), {
    event = "push", sha = after, branch = "feat/x", base = before, repository = "example/codex",
    head_repository = "example/codex" })
  equal(event("push", { ref = "refs/heads/new", before = ("0"):rep(40), after = after, repository = HERE }).base, nil)
end)

test("a pull request is about its head, not about GitHub's merge of it", function()
  local payload = { number = 42, pull_request = { base = { sha = "b1" },
    head = { sha = "h1", ref = "change", repo = { full_name = "stranger/codex" } } } }
  for _, name in ipairs { "pull_request", "pull_request_target" } do
    equal(event(name, payload), { event = name, sha = "h1", branch = "change", base = "b1", pr = 42,
      repository = "example/codex", head_repository = "stranger/codex" })
  end
  payload.pull_request.head.repo = json.null   -- a fork that was deleted
  equal(event("pull_request", payload).head_repository, nil)
end)

test("a run of another workflow is about what that one ran for, also of a fork", function()
  equal(event("workflow_run", { workflow_run = { head_sha = "h1", head_branch = "main", event = "pull_request",
    conclusion = "success", pull_requests = json.array {}, head_repository = { full_name = "stranger/codex" } } }), {
    event = "workflow_run", sha = "h1", branch = "main", trigger = "pull_request", conclusion = "success",
    repository = "example/codex", head_repository = "stranger/codex" })
  equal(event("workflow_run", { workflow_run = { head_sha = "h1", pull_requests = { { number = 7 } } } }).pr, 7)
end)

test("the clock and all other events are about what GitHub says they run on", function()
  for _, name in ipairs { "schedule", "workflow_dispatch" } do
    equal(event(name, {}), { event = name, sha = ("e"):rep(40), branch = "main", repository = "example/codex" })
  end
  equal(event("", {}), { event = "none" })
end)

test("an event that cannot be read is an error that names it", function()
  raises("the event in GITHUB_EVENT_PATH: ", event, "push", "{")
  raises("it is no object", event, "push", "7")
end)

test("a commit that is none is refused before git or GitHub is asked", function()
  for _, text in ipairs { "zzz", "abc", "" } do
    raises(("--sha is a commit, at least eight digits of it, not '%s'"):format(text), commit.change, { root = "/" }, { sha = text })
  end
end)

test("a pull request that is named is not tested as the commit of another event", function()
  local change = "require 'flow.commit'.change({ root = '/', github = {} }, { pr = 42 })"
  local found = event("workflow_dispatch", {}, change)
  equal({ found.pr, found.sha, found.by_hand }, { 42, nil, nil })
  equal(event("schedule", {}, change).schedule, true)
  local own = { number = 42, pull_request = { head = { sha = "h1", ref = "c" }, base = { sha = "b1" } } }
  equal(event("pull_request", own, change).sha, "h1")
  equal(event("workflow_run", { workflow_run = { head_sha = "h1" } }, change).sha, "h1")
end)

test("without an event, a checkout or a number nobody knows what is tested", function()
  raises("nobody says which commit is tested", commit.change, { root = "/", github = {} }, {})
end)
