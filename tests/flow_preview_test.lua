---The flows test, preview and cleanup, end to end: the sample project as a git repository on the local cloud with real
---workerd and real PostgreSQL, each command a process of its own.
local fs = require "fs"
local http = require "http"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

local flow_test, fails = places.tests(test, skip), places.exits

local function succeeds(result) return fails(0, result) end

local function has(text, part) return text:find(part, 1, true) ~= nil end

-- ---- the world -------------------------------------------------------------------------------------

local place <close> = not places.missing() and places.new {
  dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0, branches_limit = 1000,
} or nil
if place then place:start() end

local function desk(path, body)
  return http.expect { url = ("http://127.0.0.1:%d/_davit/%s"):format(place.listens.http_port, path), method = "POST",
    json = body }
end

local function sha_of(folder) return folder:sh("git rev-parse HEAD").output:match "%x+" end

-- Commits what the folder holds, and pushes it to the pull request, or opens that.
local function push(folder, number)
  succeeds(folder:sh [[git init -q -b main && git add . && git -c user.name=a -c user.email=a@localhost \
    commit -q --allow-empty -m "$(date +%N)"]])
  local sha = sha_of(folder)
  if number then desk("pulls", { number = number, sha = sha, head = "change-" .. number, title = "A change" }) end
  return sha
end

-- Gives the project other checks.
local function set_checks(folder, text)
  local yaml = fs.read(folder.folder .. "/davit.yaml")
  local first, last = yaml:find("\nchecks:\n.-\nsecrets:\n")
  fs.write(folder.folder .. "/davit.yaml", yaml:sub(1, first) .. "checks:\n" .. text .. yaml:sub(last - 8))
end

local GITHUB, REPOSITORY = "fake-github-token-0004", "https://api.github.com/repos/example/codex"

local function github(path) return place:look(REPOSITORY .. path, GITHUB) end

-- The database branches whose names begin so.
local function branches(prefix)
  local url, names = "https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches", {}
  for _, branch in ipairs(place:look(url, "fake-neon-api-key-0003").branches) do
    if branch.name:sub(1, #prefix) == prefix then names[#names + 1] = branch.name end
  end
  table.sort(names)
  return table.concat(names, " ")
end

-- What "davit/test" says of a commit.
local function tested(sha)
  for _, status in ipairs(github("/commits/" .. sha .. "/status").statuses) do
    if status.context == "davit/test" then return status.state end
  end
end

-- The newest states of the deployments to an environment, the newest deployment first.
local function deployed(number)
  local states = {}
  for i, one in ipairs(github("/deployments?environment=preview-" .. number)) do
    local newest = github(("/deployments/%d/statuses"):format(one.id))[1] or { state = "none" }
    states[i] = newest.state
  end
  return table.concat(states, " ")
end

local function comments(number) return github(("/issues/%d/comments"):format(number)) end

local function inventory(number) return place:lua("place_inventory.lua", tostring(number)):match "^(.-)%s*$" end

local function wait_for(run, pattern)
  local line
  repeat line = run:line() until not line or line:find(pattern)
  equal(line ~= nil, true)
end

local function folder_of(name)
  local folder = place:sibling(name)
  fs.write(folder.folder .. "/.gitignore", "node_modules\ndist\n.davit\n")
  return folder
end

-- ---- a pull request ----------------------------------------------------------------------------------

flow_test("what is not tested is not previewed, and nothing is made", function()
  push(place, 42)
  local result = fails(7, place:davit("preview", "--pr", "42", "--local"))
  equal({ has(result.errors, "has not passed its tests"), branches "pr-42", inventory(42) }, { true, "", "" })
end)

flow_test("the sample project's own checks pass, and the branch is there for the preview", function()
  local result = succeeds(place:davit("test", "--pr", "42", "--local", "--bundles"))
  equal(result.output, "checks: architecture, build, e2e, format, installed, integration, lint, types, unit\n")
  equal({ branches "pr-42", tested(sha_of(place)) }, { "pr-42", "success" })
  equal(has(result.errors, "e2e/Database branch pr-42-e2e (gone)"), true)
end)

flow_test("a preview takes the bundles that were tested, whatever is in the folder now", function()
  local page = place.folder .. "/apps/web/src/page.mjs"
  local text = fs.read(page)
  fs.write(page, (text:gsub("<h1>Codex</h1>", "<h1>Untested</h1>")))
  fs.remove(place.folder .. "/apps/web/dist")
  local result = succeeds(place:davit("preview", "--pr", "42", "--local"))
  fs.write(page, text)
  local taken = select(2, result.errors:gsub("the bundle that was tested", ""))
  local served = place:ask "https://codex-preview-42.revelations.studio/"
  equal({ taken, has(served, "<h1>Codex</h1>") }, { 3, true })
  local browser = fs.exists(place.folder .. "/node_modules/puppeteer-core") and fs.exists("/usr/bin/chromium")
  equal(has(result.output .. result.errors, browser and "✔ a visitor sees" or "# SKIP") or not browser, true)
end)

flow_test("the pull request says what is where, and GitHub that it is deployed", function()
  local list = comments(42)
  equal(#list, 1)
  for _, part in ipairs { "https://codex-preview-42.revelations.studio", "`ecom-api-preview-42`", "`pr-42`",
    "- [ ] Payments are in test mode" } do
    equal({ part, has(list[1].body, part) }, { part, true })
  end
  equal(deployed(42), "success")
  local one = github("/deployments?environment=preview-42")[1]
  equal({ one.sha, one.transient_environment, one.production_environment }, { sha_of(place), true, false })
  equal(github(("/deployments/%d/statuses"):format(one.id))[1].environment_url,
    "https://codex-preview-42.revelations.studio")
end)

flow_test("the same flows a second time change nothing", function()
  local before, comment, version = inventory(42), comments(42)[1], place:ask "https://api-preview-42.revelations.studio/health"
  local test_again = succeeds(place:davit("test", "--pr", "42", "--local", "--bundles"))
  local again = succeeds(place:davit("preview", "--pr", "42", "--local"))
  equal({ has(again.errors, "(made)"), has(test_again.errors, "database/Database branch pr-42 (made)") }, { false, false })
  equal({ inventory(42), comments(42)[1].updated_at, deployed(42) }, { before, comment.updated_at, "success" })
  equal(place:ask "https://api-preview-42.revelations.studio/health", version)
end)

flow_test("a failing check is told, takes only the test's own branch along, and keeps a preview away", function()
  set_checks(place, "  bad: { run: exit 3, needs: database }\n  good: { run: test -n \"$DATABASE_URL\", needs: e2e }\n")
  local sha = push(place, 42)
  local result = fails(1, place:davit("test", "--pr", "42", "--local"))
  equal(has(result.errors, "the check bad: "), true)
  equal({ branches "pr-42", tested(sha) }, { "pr-42", "failure" })
  local refused = fails(7, place:davit("preview", "--pr", "42", "--local"))
  equal(has(refused.errors, "the status davit/test says failure"), true)
  equal(deployed(42), "success")
end)

flow_test("a newer commit that passes replaces the deployment of the older one", function()
  set_checks(place, "  good: { run: 'true', needs: database }\n")
  push(place, 42)
  succeeds(place:davit("test", "--pr", "42", "--local"))
  local result = succeeds(place:davit("preview", "--pr", "42", "--local"))
  equal({ has(result.errors, "built anew"), deployed(42), #comments(42) }, { true, "success inactive", 1 })
end)

flow_test("some checks alone, and files that were changed since, say nothing of a commit", function()
  set_checks(place, "  good: 'true'\n  bad: exit 1\n")
  local sha = push(place, 42)
  local some = succeeds(place:davit("test", "--pr", "42", "--only", "good", "--local"))
  equal({ has(some.errors, "these were some checks only"), tested(sha) }, { true, nil })
  set_checks(place, "  good: 'true'\n")
  local dirty = succeeds(place:davit("test", "--pr", "42", "--local"))
  equal({ has(dirty.errors, "files differ from the commit"), tested(sha) }, { true, nil })
end)

flow_test("a check sees its own secrets and none of Davit's", function()
  set_checks(place, [[
  own: { run: 'case "$STRIPE_SECRET_KEY" in sk_test_*) ;; *) exit 1 ;; esac', secrets: [STRIPE_SECRET_KEY] }
  none: 'test -z "$NEON_API_KEY$GITHUB_TOKEN$CLOUDFLARE_API_TOKEN$DATABASE_URL$STRIPE_SECRET_KEY"'
  shown: { run: 'echo "$DATABASE_URL"', needs: database }
]])
  push(place, 42)
  place.env = { NEON_API_KEY = "fake-neon-api-key-0003" }
  local result = succeeds(place:davit("test", "--pr", "42", "--local"))
  place.env = nil
  equal(result.errors:find("shown | [^\n]*%*%*%*") ~= nil, true)
end)

flow_test("a check against the preview that fails takes the preview back", function()
  local folder <close> = folder_of "browser"
  set_checks(folder, [[
  web: { run: 'case "$URL_CODEX_WEB" in http*codex-preview-43*) exit 4 ;; esac', needs: preview }
]])
  push(folder, 43)
  local result = fails(1, folder:davit("preview", "--pr", "43", "--untested", "--local"))
  equal(has(result.errors, "exited with code 4"), true)
  equal({ inventory(43), deployed(43) }, { "", "" })
end)

-- ---- a push ------------------------------------------------------------------------------------------

local stand_in = 900   -- of pull requests by which GitHub gets to know a commit

-- The folder as a job that GitHub started for a push to a branch.
local function pushed(folder, branch)
  local sha = push(folder)
  stand_in = stand_in + 1
  desk("pulls", { number = stand_in, sha = sha, head = branch .. "-" .. stand_in })
  fs.write(folder.folder .. "/.davit/event.json", json.encode { ref = "refs/heads/" .. branch, after = sha,
    before = ("0"):rep(40), repository = { full_name = "example/codex" } })
  folder.env = { GITHUB_EVENT_NAME = "push", GITHUB_REPOSITORY = "example/codex",
    GITHUB_EVENT_PATH = folder.folder .. "/.davit/event.json" }
  return sha
end

-- Blocks the first time, and passes when it is run again.
local BLOCKS = [[
  slow: { run: 'test -e .davit/again || { touch .davit/again; exec sleep 600; }', needs: database }
]]
local AND_ANOTHER = "  other: { run: 'true', needs: e2e }\n"   -- with a branch of its own

flow_test("a push has branches of its own, which go whatever happens to the test", function()
  local folder <close> = folder_of "pushed"
  set_checks(folder, "  good: { run: test -n \"$DATABASE_URL\", needs: database }\n  end: { run: 'true', needs: e2e }\n")
  local sha = pushed(folder, "feat/x")
  local name = "push-feat-x-" .. sha:sub(1, 8)
  local result = succeeds(folder:davit("test", "--local"))
  equal({ has(result.errors, ("database/Database branch %s (made)"):format(name)),
    has(result.errors, ("e2e/Database branch %s-e2e (made)"):format(name)) }, { true, true })
  equal({ branches "push-", tested(sha) }, { "", "success" })

  set_checks(folder, "  bad: { run: exit 1, needs: database }\n")
  local again = pushed(folder, "feat/x")
  fails(1, folder:davit("test", "--local"))
  equal({ branches "push-", tested(again) }, { "", "failure" })
end)

-- Calls f with the folder of a run that was ended in the middle of a check, by this signal.
local function with_ended(signal, checks, f)
  local folder <close> = folder_of("ended by " .. signal)
  set_checks(folder, checks)
  pushed(folder, "x")
  folder.env = nil
  local run = folder:begin("test", "--local", "--branch", "x", "--json")
  wait_for(run, '"step%-started".*slow/check')
  while not fs.exists(folder.folder .. "/.davit/again") do sleep(0.02) end
  run:kill(signal)
  local ended = run:wait()
  equal(branches "push-x-" ~= "", true)
  f(folder, ended)
  equal(branches "push-x-", "")
end

flow_test("a test that was interrupted is resumed, and its branches go", function()
  with_ended("INT", BLOCKS .. AND_ANOTHER, function(folder, ended)
    equal(ended.exit, 10)
    succeeds(folder:davit("resume"))
  end)
end)

flow_test("a test that was killed is resumed, or taken back with its record or without", function()
  with_ended("KILL", BLOCKS, function(folder) succeeds(folder:davit("resume")) end)
  with_ended("KILL", BLOCKS, function(folder)
    succeeds(folder:davit("undo", (folder:davit("runs").output:match "test%-%S+")))
  end)
  with_ended("KILL", BLOCKS .. AND_ANOTHER, function(folder)
    for _, file in ipairs { "journal.db", "journal.db-wal", "journal.db-shm" } do
      fs.remove(folder.folder .. "/.davit/" .. file)
    end
    succeeds(folder:davit("undo", "test", "--branch", "x", "--local"))
  end)
end)

-- ---- at the same time ----------------------------------------------------------------------------------

-- One Worker without a build: what is tried is that they do not meet.
local function lighten(folder)
  local yaml = fs.read(folder.folder .. "/davit.yaml")
  fs.write(folder.folder .. "/plain.js", [[
export default { fetch: (request, env) => Response.json({ version: env.VERSION }) };
]])
  local first, last = yaml:find "workers:\n.-\ndatabases:\n"
  yaml = yaml:sub(1, first - 1) .. "workers:\n  api: { path: ., entry: plain.js, host: api }\ndatabases:\n"
    .. yaml:sub(last + 1)
  fs.write(folder.folder .. "/davit.yaml", (yaml:gsub("deploy: [^\n]*\n", "")))
  set_checks(folder, "  good: 'true'\n")
  return folder
end

-- Pull request 42 has shown that a browser is started for the check that asks for one.
local function without_browser(folder)
  local file = folder.folder .. "/davit.yaml"
  local yaml, found = fs.read(file):gsub("\n  browser:\n.-\nsecrets:\n", "\nsecrets:\n")
  equal(found, 1)
  fs.write(file, yaml)
end

flow_test("two pull requests at once are tested and previewed as if they were alone", function()
  local tasks = { all = true }
  for _, number in ipairs { 61, 62 } do
    tasks[number] = function()
      local folder <close> = folder_of("pull " .. number)
      without_browser(folder)
      push(folder, number)
      succeeds(folder:davit("test", "--pr", tostring(number), "--only", "integration", "--local"))
      succeeds(folder:davit("preview", "--pr", tostring(number), "--untested", "--local"))
    end
  end
  parallel(tasks)
  equal({ #inventory(61) > 500, inventory(61) == inventory(62) }, { true, true })
end)

-- A preview that goes on in the background, stopped where it has made its database branch.
local function begin_preview(folder, number)
  local run = folder:begin("preview", "--pr", tostring(number), "--untested", "--local", "--json")
  wait_for(run, '"ensure%-finished".*Database branch')
  return run
end

flow_test("a push during a preview supersedes it, and the newer commit is what stands", function()
  local folder <close> = folder_of "superseded"
  set_checks(folder, "  good: 'true'\n")
  push(folder, 64)
  local older = begin_preview(folder, 64)
  local sha = push(folder, 64)
  succeeds(folder:davit("preview", "--pr", "64", "--untested", "--local"))
  equal(older:wait().exit, 6)
  local newest = github("/deployments?environment=preview-64")[1]
  equal({ newest.sha, (deployed(64):gsub("inactive", ""):gsub("none", ""):gsub(" ", "")) }, { sha, "success" })
  equal(#comments(64), 1)
end)

flow_test("a close during a preview leaves nothing", function()
  local folder <close> = folder_of "closed"
  set_checks(folder, "  good: 'true'\n")
  push(folder, 65)
  local older = begin_preview(folder, 65)
  desk("pulls", { number = 65, state = "closed" })
  equal(succeeds(folder:davit("cleanup", "--pr", "65", "--local")).output, "inventory: empty\n")
  equal({ older:wait().exit, deployed(65), branches "pr-65" }, { 6, "", "" })
  equal(select(2, inventory(65):gsub("\n", "")), 0)   -- the comment that says so
  fails(1, folder:davit("preview", "--pr", "65", "--untested", "--local"))
end)

flow_test("what builds anew sets up first what the checks would, once", function()
  local folder <close> = lighten(folder_of "set up")
  local yaml = fs.read(folder.folder .. "/davit.yaml")
  fs.write(folder.folder .. "/davit.yaml", (yaml:gsub("api: {[^\n]*", "api: { path: ., build: cp made/plain.js built.js, "
    .. "entry: built.js, host: api }")))
  set_checks(folder, [[
  install: { run: 'mkdir -p made && cp plain.js made/ && echo it is set up', setup: true }
  web: { run: 'test -n "$PREVIEW_URL"', needs: preview, after: [install] }
]])
  push(folder, 67)
  local result = succeeds(folder:davit("preview", "--pr", "67", "--untested", "--local"))
  equal(select(2, result.errors:gsub("install | it is set up", "")), 1)
  equal(has(result.errors, "api: built anew"), true)
  succeeds(folder:davit("test", "--pr", "67", "--bundles", "--local"))
  local taken = succeeds(folder:davit("preview", "--pr", "67", "--local"))
  equal(has(taken.errors, "api: the bundle that was tested"), true)
  equal(select(2, taken.errors:gsub("install | it is set up", "")), 1)   -- for the check alone
end)

-- ---- cleanup, and a project without a zone ---------------------------------------------------------------

flow_test("cleanup tries every part although one fails, and ends what is left another time", function()
  desk("faults", "neon DELETE /projects/{}/branches/{} 403")
  local failed = place:davit("cleanup", "--pr", "42", "--local")
  equal({ failed.exit ~= 0, branches "pr-42", deployed(42) }, { true, "pr-42", "" })
  equal((inventory(42):gsub("comment on N[^\n]*", "comment")), "branch pr-N\ncomment")
  http.expect { url = ("http://127.0.0.1:%d/_davit/faults"):format(place.listens.http_port), method = "DELETE" }
  equal(succeeds(place:davit("cleanup", "--pr", "42", "--local")).output, "inventory: empty\n")
  equal({ branches "pr-42", has(comments(42)[1].body, "nothing of it is left") }, { "", true })
  succeeds(place:davit("cleanup", "--pr", "42", "--local"))
end)

flow_test("without a zone a preview is on workers.dev, and cleanup finds it there", function()
  local folder <close> = lighten(folder_of "no zone")
  local yaml = fs.read(folder.folder .. "/davit.yaml")
  fs.write(folder.folder .. "/davit.yaml", (yaml:gsub("\nzone: [^\n]*", "")))
  push(folder, 66)
  local url = succeeds(folder:davit("preview", "--pr", "66", "--untested", "--local")).output:match "^api: (https://%S+)\n"
  equal(url:find "^https://api%-preview%-66%.[%w-]+%.workers%.dev$" ~= nil, true)
  equal(type(json.decode(place:ask(url .. "/")).version), "string")
  equal(has(comments(66)[1].body, url), true)
  succeeds(folder:davit("cleanup", "--pr", "66", "--local"))
  equal({ branches "pr-66", select(2, inventory(66):gsub("\n", "")) }, { "", 0 })
end)
