---The model of GitHub: pull requests, from their opening to the merge.
local client = assert(require("core").load_file "tests/github_client.lua")()
local R = client.R

local function numbers(list)
  local made = {}
  for i, item in ipairs(list) do made[i] = item.number end
  return made
end

local function new(...)
  local c = client.new { pull_requests = ... or { { number = 42, title = "Ship it", head = "ship" } } }
  return c
end

-- ---- lists ---------------------------------------------------------------------------------

test("pull requests are listed by state, head and base, newest first", function()
  local c = new { { number = 1, title = "a", head = "x", base = "next" }, { number = 2, title = "b", head = "y" },
    { number = 3, title = "c", head = "z", state = "closed" } }
  equal(numbers(c:result("GET", R .. "/pulls")), { 2, 1 })
  equal(numbers(c:result("GET", R .. "/pulls?state=all&direction=asc")), { 1, 2, 3 })
  equal(numbers(c:result("GET", R .. "/pulls?state=closed")), { 3 })
  equal(numbers(c:result("GET", R .. "/pulls?head=example:y")), { 2 })
  equal(numbers(c:result("GET", R .. "/pulls?head=stranger:y")), {})
  equal(numbers(c:result("GET", R .. "/pulls?base=next")), { 1 })
  equal(c:refusal("GET", R .. "/pulls?state=merged"), { 422, "Validation Failed" })
end)

test("a head without its owner filters nothing", function()
  local c = new { { number = 1, title = "a", head = "x" }, { number = 2, title = "b", head = "y" } }
  equal(numbers(c:result("GET", R .. "/pulls?head=y")), { 2, 1 })
end)

test("the one that changed last comes first, if that was asked for", function()
  local c = new { { number = 1, title = "a", head = "x" }, { number = 2, title = "b", head = "y" } }
  c.now = c.now + 5
  c:result("PATCH", R .. "/pulls/1", { title = "A" })
  equal(numbers(c:result("GET", R .. "/pulls?sort=updated&direction=desc")), { 1, 2 })
end)

-- ---- opening -------------------------------------------------------------------------------

local function branch(c, name, repository)
  local from = c.state.github.repositories[repository or "example/codex"]
  require("cloud.github.git").push(c.state, from, name, { message = "Change " .. name,
    files = { { filename = "a.txt", additions = 2 } } }, c.now)
end

test("a pull request is opened for a branch with commits that its base lacks", function()
  local c = new()
  branch(c, "feature/x")
  local status, made, headers = c:ask("POST", R .. "/pulls", { title = "X", head = "feature/x", base = "main",
    body = "why", draft = true })
  equal({ status, made.number, made.state, made.draft, made.user.login }, { 201, 43, "open", true, "example" })
  equal({ made.head.label, made.base.ref, made.commits, made.changed_files, made.additions },
    { "example:feature/x", "main", 1, 1, 2 })
  equal(headers.location, "https://api.github.com/repos/example/codex/pulls/43")
  equal(c:result("GET", R .. "/pulls/43/files")[1].filename, "a.txt")
  equal(c:result("GET", R .. "/pulls/43/commits")[1].sha, made.head.sha)
  equal(numbers(c:result("GET", R .. "/commits/" .. made.head.sha .. "/pulls")), { 43 })
end)

test("what cannot be a pull request is refused in the field that is wrong", function()
  local c = new()
  branch(c, "x")
  local function error_of(body)
    local status, answer = c:ask("POST", R .. "/pulls", body)
    equal(status, 422)
    local err = (answer.errors or { {} })[1]
    return { err.field, err.code, err.message }
  end
  equal(error_of { title = "t", head = "nothing", base = "main" }, { "head", "invalid" })
  equal(error_of { title = "t", head = "x", base = "nothing" }, { "base", "invalid" })
  equal(error_of { head = "x", base = "main" }, { "title", "missing_field" })
  equal(error_of { title = "t", head = "ship", base = "main" },
    { nil, "custom", "A pull request already exists for example:ship." })
  equal(error_of { title = "t", head = "main", base = "main" }, { nil, "custom", "No commits between main and main" })
  equal(error_of { title = ("x"):rep(257), head = "x", base = "main" },
    { "title", "custom", "title is too long (maximum is 256 characters)" })
  equal(c:refusal("POST", R .. "/pulls", { title = "t" })[2]:find('"head" wasn\'t supplied.', 1, true) ~= nil, true)
  equal(#c:result("GET", R .. "/pulls"), 1)
end)

test("a fork's branch is named with its owner, and its commits come along", function()
  local c = client.new { github = { repositories = { { name = "stranger/codex", fork_of = "example/codex" } } } }
  branch(c, "patch", "stranger/codex")
  local made = c:result("POST", R .. "/pulls", { title = "P", head = "stranger:patch", base = "main" })
  equal({ made.head.label, made.head.repo.full_name, made.head.repo.fork, made.base.repo.full_name },
    { "stranger:patch", "stranger/codex", true, "example/codex" })
  equal(c:result("GET", R .. "/commits/" .. made.head.sha).sha, made.head.sha)
  equal(c:result("GET", R .. "/git/ref/pull/1/head").object.sha, made.head.sha)
end)

test("an issue may become a pull request and keeps its number", function()
  local c = new()
  branch(c, "x")
  local issue = c:result("POST", R .. "/issues", { title = "Do it" })
  local made = c:result("POST", R .. "/pulls", { issue = issue.number, head = "x", base = "main" })
  equal({ made.number, made.title }, { issue.number, "Do it" })
end)

test("a workflow opens no pull requests unless the repository allows it", function()
  local c = new()
  branch(c, "x")
  local body = { title = "t", head = "x", base = "main" }
  equal(c:with("github-token"):refusal("POST", R .. "/pulls", body),
    { 403, "GitHub Actions is not permitted to create or approve pull requests." })
  c.state.github.repositories["example/codex"].actions_create_pulls = true
  equal(c:with("github-token"):result("POST", R .. "/pulls", body).user.login, "github-actions[bot]")
end)

-- ---- while it is open ----------------------------------------------------------------------

test("a push moves the head of an open pull request, not of a closed one", function()
  local c = new { { number = 1, title = "a", head = "x" }, { number = 2, title = "b", head = "x", state = "closed" } }
  local before = c:result("GET", R .. "/pulls/1").head.sha
  c.now = c.now + 60
  local pushed = c:pull { number = 1, push = true, message = "More", files = { "b.txt" } }
  local after = c:result("GET", R .. "/pulls/1")
  equal({ after.head.sha, after.commits, after.updated_at }, { pushed.sha, 2, "2027-01-15T08:01:00Z" })
  equal({ after.head.sha ~= before, c:result("GET", R .. "/pulls/2").head.sha }, { true, before })
end)

test("it is closed, reopened where its branch stands now, and given another base", function()
  local c = new()
  local before = c:result("PATCH", R .. "/pulls/42", { state = "closed" }).head.sha
  c:pull { number = 42, push = true }
  equal(c:result("GET", R .. "/pulls/42").head.sha, before)
  branch(c, "next")
  local open = c:result("PATCH", R .. "/pulls/42", { state = "open", base = "next", title = "Again", body = "b" })
  equal({ open.state, open.base.ref, open.title, open.body }, { "open", "next", "Again", "b" })
  equal({ open.head.sha, open.head.sha ~= before }, { c:result("GET", R .. "/git/ref/heads/ship").object.sha, true })
  equal(c:refusal("PATCH", R .. "/pulls/42", { state = "merged" }), { 422, "Validation Failed" })
  equal(c:refusal("PATCH", R .. "/pulls/42", { base = "nothing" }), { 422, "Validation Failed" })
end)

test("the branch that goes takes its pull request with it", function()
  local c = new()
  c:result("DELETE", R .. "/git/refs/heads/ship")
  equal(c:result("GET", R .. "/pulls/42").state, "closed")
  equal(c:refusal("PATCH", R .. "/pulls/42", { state = "open" })[1], 422)
end)

test("the base that goes closes its pull requests, which can then neither be merged nor opened", function()
  local c = new()
  branch(c, "next")
  c:result("PATCH", R .. "/pulls/42", { base = "next" })
  c:result("DELETE", R .. "/git/refs/heads/next")
  equal(c:result("GET", R .. "/pulls/42").state, "closed")
  equal(c:refusal("PATCH", R .. "/pulls/42", { state = "open" })[1], 422)
  equal(c:refusal("PUT", R .. "/pulls/42/merge", {})[1], 405)
end)

-- ---- merging -------------------------------------------------------------------------------

test("merging makes a commit on the base and closes the pull request", function()
  local c = new()
  local head = c:result("GET", R .. "/pulls/42").head.sha
  equal(c:ask("GET", R .. "/pulls/42/merge"), 404)
  local merged = c:result("PUT", R .. "/pulls/42/merge", { sha = head })
  equal({ merged.merged, merged.message }, { true, "Pull Request successfully merged" })
  local main = c:result("GET", R .. "/commits/main")
  equal({ main.sha, #main.parents, main.parents[2].sha, main.commit.message },
    { merged.sha, 2, head, "Merge pull request #42 from example/ship\n\nShip it" })
  local pull = c:result("GET", R .. "/pulls/42")
  equal({ pull.state, pull.merged, pull.merged_by.login, pull.merge_commit_sha, pull.merged_at, pull.commits },
    { "closed", true, "example", merged.sha, "2027-01-15T08:00:00Z", 1 })
  equal(c:ask("GET", R .. "/pulls/42/merge"), 204)
  equal(c:refusal("PATCH", R .. "/pulls/42", { state = "open" })[1], 422)
end)

test("squash and rebase leave commits with one parent", function()
  for _, method in ipairs { "squash", "rebase" } do
    local c = new()
    c:pull { number = 42, push = true, files = { "b.txt" }, message = "Second" }
    c:result("PUT", R .. "/pulls/42/merge", { merge_method = method, commit_title = "All of it" })
    local main = c:result("GET", R .. "/commits/main")
    equal({ method, #main.parents, main.commit.message },
      { method, 1, method == "squash" and "All of it" or "Second" })
    equal(main.files[1].filename, "b.txt")
  end
end)

test("what cannot be merged says why", function()
  local c = new()
  equal(c:refusal("PUT", R .. "/pulls/42/merge", { sha = ("0"):rep(40) }),
    { 409, "Head branch was modified. Review and try the merge again." })
  equal(c:refusal("PUT", R .. "/pulls/42/merge", { merge_method = "octopus" })[1], 422)
  c:pull { number = 42, conflict = true }
  equal(c:result("GET", R .. "/pulls/42").mergeable_state, "dirty")
  equal(c:refusal("PUT", R .. "/pulls/42/merge"), { 405, "Pull Request is not mergeable" })
  c:pull { number = 42, conflict = false, draft = true }
  equal(c:refusal("PUT", R .. "/pulls/42/merge"), { 405, "Pull Request is still a draft" })
end)

-- ---- what people do without the API --------------------------------------------------------

test("people open pull requests from forks, push to them, close and merge them", function()
  local c = client.new()
  local made = c:pull { number = 9, title = "Patch", from = "stranger/codex", head = "fix", files = { "a.lua" } }
  equal({ made.state, made.from, made.head, #made.sha }, { "open", "stranger/codex", "fix", 40 })
  local shown = c:result("GET", R .. "/pulls/9")
  equal({ shown.user.login, shown.head.repo.fork, shown.changed_files }, { "octocat", true, 1 })
  local pushed = c:pull { number = 9, sha = ("a"):rep(40), title = "Better" }
  equal({ pushed.sha, pushed.title }, { ("a"):rep(40), "Better" })
  equal(c:pull({ number = 9, state = "closed" }).state, "closed")
  equal(c:pull({ number = 9, state = "open" }).state, "open")
  equal(c:pull({ number = 9, state = "merged", method = "squash" }).merged, true)
  equal(c:result("GET", R .. "/pulls/9").merged, true)
  equal(c:pull({ number = 10, state = "merged" }).merged, true)
end)

test("orders that make no sense change nothing", function()
  local c = client.new { github = { issues = { { number = 3, title = "Broken" } } } }
  for text, body in pairs {
    ["number is missing"] = { title = "x" }, ["state is open, closed or merged"] = { number = 1, state = "gone" },
    ["from is OWNER/NAME"] = { number = 1, from = "stranger" }, ["#3 is an issue"] = { number = 3 },
    ["method is merge, squash or rebase"] = { number = 1, method = "octopus" },
    ["a file is a name"] = { number = 1, files = { 7 } },
    ["sha is the whole hash of a commit"] = { number = 42, sha = "abc" },
    ["head is not a text"] = { number = 1, head = 7 }, ["there is no repository a/b"] = { number = 1, repository = "a/b" },
  } do
    raises(text, c.pull, c, body)
  end
  equal(#c:result("GET", R .. "/pulls?state=all"), 0)
end)
