---The model of GitHub: repositories, their branches, references and commits.
local client = assert(require("core").load_file "tests/github_client.lua")()
local R = client.R

local function new(github)
  return client.new { github = github, pull_requests = { { number = 42, title = "Ship it", head = "feature/ship" } } }
end

local function names(list)
  local made = {}
  for i, item in ipairs(list) do made[i] = item.full_name or item.name end
  return made
end

-- ---- repositories --------------------------------------------------------------------------

test("a repository is shown, whatever case its name is written in", function()
  local c = new()
  local shown = c:result("GET", "/repos/Example/CODEX")
  equal({ shown.full_name, shown.private, shown.visibility, shown.default_branch, shown.fork, shown.open_issues },
    { "example/codex", true, "private", "main", false, 1 })
  equal({ shown.permissions.admin, c:with("github-token"):result("GET", R).permissions.push }, { true, false })
  equal(c:result("GET", "/repositories/" .. shown.id .. "/pulls/42").number, 42)
  equal(c:refusal("GET", "/repos/example/nothing"), { 404, "Not Found" })
  equal(c:refusal("GET", "/repositories/1"), { 404, "Not Found" })
end)

test("several repositories do not share anything", function()
  local c = new { repositories = { { name = "example/other" } } }
  equal(#c:result("GET", "/repos/example/other/pulls"), 0)
  equal(c:result("POST", "/repos/example/other/issues", { title = "x" }).number, 1)
  equal(c:result("POST", R .. "/issues", { title = "x" }).number, 43)
  equal(names(c:result("GET", "/user/repos")), { "example/codex", "example/other" })
end)

test("a fork has its source's commits and says where it comes from", function()
  local c = new { repositories = { { name = "example/codex", private = false },
    { name = "stranger/codex", fork_of = "example/codex", private = false } } }
  local fork = c:result("GET", "/repos/stranger/codex")
  equal({ fork.fork, fork.parent.full_name, fork.source.full_name }, { true, "example/codex", "example/codex" })
  equal({ c:result("GET", R).forks_count, names(c:result("GET", R .. "/forks")) }, { 1, { "stranger/codex" } })
  equal(c:result("GET", "/repos/stranger/codex/commits/main").sha, c:result("GET", R .. "/commits/main").sha)
end)

test("a name that a repository had before leads to the new one", function()
  local c = new { repositories = { { name = "example/codex", former = { "example/old" } } } }
  local id = c:result("GET", R).id
  local status, body, headers = c:ask("GET", "/repos/example/old/issues")
  local url = ("https://api.github.com/repositories/%d/issues"):format(id)
  equal({ status, body.message, body.url, headers.location }, { 301, "Moved Permanently", url, url })
  status, body = c:ask("POST", "/repos/example/old/issues", { title = "x" })
  equal({ status, body.message }, { 307, "Temporary Redirect" })
  equal(#c:result("GET", "/repositories/" .. id .. "/issues"), 1)
end)

test("an archived repository is only read", function()
  local c = new { repositories = { { name = "example/codex", archived = true } } }
  equal(c:result("GET", R).archived, true)
  equal(c:refusal("POST", R .. "/issues", { title = "x" }), { 403, "Repository was archived so is read-only." })
end)

-- ---- branches ------------------------------------------------------------------------------

test("branches are listed and shown, with slashes written either way", function()
  local c = new { branches = { { name = "release", protected = true, required = { "ci" } } } }
  equal(names(c:result("GET", R .. "/branches")), { "feature/ship", "main", "release" })
  equal(names(c:result("GET", R .. "/branches?protected=true")), { "release" })
  for _, path in ipairs { "/branches/feature%2Fship", "/branches/feature/ship" } do
    equal({ path, c:result("GET", R .. path).name }, { path, "feature/ship" })
  end
  local release = c:result("GET", R .. "/branches/release")
  equal({ release.protected, release.protection.required_status_checks.contexts, release.commit.commit.message },
    { true, { "ci" }, "Initial commit" })
  equal(c:refusal("GET", R .. "/branches/none"), { 404, "Branch not found" })
end)

test("references are made, moved forward, moved by force and removed", function()
  local c = new()
  local main, ship = c:result("GET", R .. "/git/ref/heads/main"), c:result("GET", R .. "/git/ref/heads/feature/ship")
  equal({ main.ref, main.object.type, ship.ref }, { "refs/heads/main", "commit", "refs/heads/feature/ship" })
  local status, made = c:ask("POST", R .. "/git/refs", { ref = "refs/heads/new", sha = main.object.sha })
  equal({ status, made.ref }, { 201, "refs/heads/new" })
  equal(c:refusal("POST", R .. "/git/refs", { ref = "refs/heads/new", sha = main.object.sha }),
    { 422, "Reference already exists" })
  equal(c:refusal("POST", R .. "/git/refs", { ref = "refs/heads/more", sha = ("0"):rep(40) }),
    { 422, "Object does not exist" })
  equal(c:refusal("POST", R .. "/git/refs", { ref = "new", sha = main.object.sha })[1], 422)
  equal(c:result("PATCH", R .. "/git/refs/heads/new", { sha = ship.object.sha }).object.sha, ship.object.sha)
  equal(c:refusal("PATCH", R .. "/git/refs/heads/new", { sha = main.object.sha }), { 422, "Update is not a fast forward" })
  equal(c:result("PATCH", R .. "/git/refs/heads/new", { sha = main.object.sha, force = true }).object.sha, main.object.sha)
  equal(#c:result("GET", R .. "/git/matching-refs/heads/fe"), 1)
  equal(c:ask("DELETE", R .. "/git/refs/heads/new"), 204)
  equal(c:refusal("DELETE", R .. "/git/refs/heads/new"), { 422, "Reference does not exist" })
  equal(c:refusal("GET", R .. "/git/ref/heads/new"), { 404, "Not Found" })
  equal(c:refusal("DELETE", R .. "/git/refs/heads/main")[1], 422)
end)

-- ---- commits -------------------------------------------------------------------------------

test("a commit is found by its branch, its reference, its number or the beginning of it", function()
  local c = new()
  local sha = c:result("GET", R .. "/git/ref/heads/feature/ship").object.sha
  for _, ref in ipairs { sha, sha:sub(1, 7), "feature/ship", "feature%2Fship", "heads/feature/ship",
    "refs/heads/feature/ship", "refs/pull/42/head" } do
    equal({ ref, c:result("GET", R .. "/commits/" .. ref).sha }, { ref, sha })
  end
  local _, short, headers = c:ask("GET", R .. "/commits/main", nil, { accept = "application/vnd.github.sha" })
  equal({ #short, headers["content-type"] }, { 40, "application/vnd.github.sha; charset=utf-8" })
  equal(c:refusal("GET", R .. "/commits/" .. ("0"):rep(40)), { 422, "No commit found for SHA: " .. ("0"):rep(40) })
  equal(c:refusal("GET", R .. "/commits/nothing")[1], 422)
end)

test("a branch's commits are listed, the newest first", function()
  local c = new()
  local pushed = c:pull { number = 42, push = true, message = "More" }
  local list = c:result("GET", R .. "/commits?sha=feature/ship")
  equal({ #list, list[1].sha, list[1].commit.message, list[3].commit.message },
    { 3, pushed.sha, "More", "Initial commit" })
  equal(#c:result("GET", R .. "/commits"), 1)
end)
