---The model of GitHub: issues and labels.
local client = assert(require("core").load_file "tests/github_client.lua")()
local R = client.R

local function numbers(list)
  local made = {}
  for i, item in ipairs(list) do made[i] = item.number end
  return made
end

local function names(list)
  local made = {}
  for i, item in ipairs(list) do made[i] = item.name end
  return made
end

local function new()
  return client.new {
    pull_requests = { { number = 2, title = "Ship it", head = "ship", labels = { "bug" }, login = "alice" } },
    github = {
      repositories = { { name = "example/codex", collaborators = { alice = "push", bob = "pull", tina = "triage" } } },
      issues = { { number = 1, title = "Broken", labels = { "bug", "deploy-failure" }, login = "bob",
        body = "see @alice", comments = { { body = "a", login = "bob" } } },
        { number = 3, title = "Old", state = "closed" } },
      tokens = { { value = "of-bob", login = "bob" }, { value = "of-tina", login = "tina" },
        { value = "pulls-only", kind = "workflow", permissions = { ["pull-requests"] = "write" } },
        { value = "issues-only", kind = "workflow", permissions = { issues = "write" } } },
    },
  }
end

-- ---- the list ------------------------------------------------------------------------------

test("the list of issues holds the pull requests, too", function()
  local c = new()
  local list = c:result("GET", R .. "/issues")
  equal(numbers(list), { 2, 1 })
  equal({ list[1].pull_request.url, list[2].pull_request }, { "https://api.github.com" .. R .. "/pulls/2", nil })
  equal({ list[1].html_url, list[2].html_url },
    { "https://github.com/example/codex/pull/2", "https://github.com/example/codex/issues/1" })
end)

test("issues are listed by state, labels, people, time and order", function()
  local c = new()
  c.now = c.now + 100
  c:result("PATCH", R .. "/issues/3", { assignees = { "alice" } })
  for query, wanted in pairs {
    ["state=all"] = { 3, 2, 1 }, ["state=closed"] = { 3 }, ["state=all&direction=asc"] = { 1, 2, 3 },
    ["labels=bug"] = { 2, 1 }, ["labels=BUG,deploy-failure"] = { 1 }, ["labels=nothing"] = {},
    ["creator=bob"] = { 1 }, ["state=all&assignee=alice"] = { 3 }, ["assignee=none"] = { 2, 1 },
    ["state=all&assignee=*"] = { 3 }, ["mentioned=alice"] = { 1 }, ["sort=comments"] = { 1, 2 },
    ["state=all&sort=updated"] = { 3, 2, 1 }, ["state=all&since=2027-01-15T08:00:01Z"] = { 3 },
    ["milestone=1"] = {}, ["milestone=none"] = { 2, 1 },
  } do
    equal({ query, numbers(c:result("GET", R .. "/issues?" .. query)) }, { query, wanted })
  end
  for _, query in ipairs { "state=gone", "sort=size", "direction=up", "since=yesterday" } do
    equal({ query, c:refusal("GET", R .. "/issues?" .. query)[1] }, { query, 422 })
  end
end)

-- ---- one -----------------------------------------------------------------------------------

test("an issue is opened with labels, which are made when they are new, and with who may be assigned", function()
  local c = new()
  local status, made, headers = c:ask("POST", R .. "/issues", { title = "Deploy failed", body = "b",
    labels = { "Bug", "fresh", { name = "urgent" } }, assignees = { "alice", "stranger" } })
  equal({ status, made.number, names(made.labels), made.assignee.login, #made.assignees, headers.location },
    { 201, 4, { "bug", "fresh", "urgent" }, "alice", 1, made.url })
  equal({ made.state, made.author_association, made.comments, made.locked }, { "open", "OWNER", 0, false })
  equal(c:refusal("POST", R .. "/issues", { body = "x" })[1], 422)
  equal(c:refusal("POST", R .. "/issues", { title = " " })[1], 422)
  equal(c:refusal("POST", R .. "/issues", { title = { "x" } })[1], 422)
  equal(c:refusal("POST", R .. "/issues", { title = "x", milestone = 1 })[1], 422)
  equal(c:refusal("POST", R .. "/issues", '["x"]')[1], 422)
end)

test("an issue that is refused is not there, and neither are its labels", function()
  local c = new()
  for _, body in ipairs { { title = "x", milestone = 1 }, { title = "x", labels = { "new", 5 } } } do
    equal(c:refusal("POST", R .. "/issues", body)[1], 422)
    equal(c:refusal("PATCH", R .. "/issues/1", body)[1], 422)
  end
  equal(numbers(c:result("GET", R .. "/issues?state=all")), { 3, 2, 1 })
  equal({ c:ask("GET", R .. "/labels/new"), c:result("GET", R .. "/issues/1").title }, { 404, "Broken" })
  equal(c:result("POST", R .. "/issues", { title = "y" }).number, 4)
end)

test("the color of a label is a text of six digits", function()
  for _, color in ipairs { 123456, "12345", "#123456", true } do
    equal({ color, new():refusal("POST", R .. "/labels", { name = "x", color = color })[1] }, { color, 422 })
  end
end)

test("an issue is closed with a reason, and opened again", function()
  local c = new()
  local closed = c:result("PATCH", R .. "/issues/1", { state = "closed" })
  equal({ closed.state, closed.state_reason, closed.closed_by.login, closed.closed_at },
    { "closed", "completed", "example", "2027-01-15T08:00:00Z" })
  local open = c:result("PATCH", R .. "/issues/1", { state = "open", body = require("json").null })
  equal({ open.state, open.state_reason, open.closed_at, open.body },
    { "open", "reopened", require("json").null, require("json").null })
  equal(c:result("PATCH", R .. "/issues/1", { state = "closed", state_reason = "not_planned" }).state_reason, "not_planned")
  equal(c:refusal("PATCH", R .. "/issues/1", { state_reason = "bored" })[1], 422)
  equal(c:refusal("PATCH", R .. "/issues/9", { state = "closed" }), { 404, "Not Found" })
end)

test("who may not push may open issues and change its own, and its labels are left out without a word", function()
  local c = new()
  local bob = c:with "of-bob"
  local made = bob:result("POST", R .. "/issues", { title = "Mine", labels = { "bug" }, assignees = { "alice" } })
  equal({ made.user.login, #made.labels, #made.assignees }, { "bob", 0, 0 })
  equal(bob:result("PATCH", R .. "/issues/1", { title = "Still mine" }).title, "Still mine")
  equal(bob:refusal("PATCH", R .. "/issues/3", { title = "Not mine" })[1], 403)
  equal(bob:refusal("POST", R .. "/issues/1/labels", { labels = { "bug" } })[1], 403)
  equal(names(c:with("of-tina"):result("POST", R .. "/issues/3/labels", { labels = { "bug" } })), { "bug" })
end)

test("a locked conversation is closed to those who may not push", function()
  local c = new()
  equal(c:ask("PUT", R .. "/issues/1/lock", { lock_reason = "too heated" }), 204)
  equal(c:result("GET", R .. "/issues/1").active_lock_reason, "too heated")
  equal(c:with("of-bob"):refusal("POST", R .. "/issues/1/comments", { body = "x" }),
    { 403, "Unable to create comment because issue is locked." })
  equal(c:with("github-token"):ask("POST", R .. "/issues/1/comments", { body = "x" }), 201)
  equal(c:refusal("PUT", R .. "/issues/1/lock", { lock_reason = "bored" })[1], 422)
  c:ask("DELETE", R .. "/issues/1/lock")
  equal(c:with("of-bob"):ask("POST", R .. "/issues/1/comments", { body = "x" }), 201)
end)

-- ---- labels --------------------------------------------------------------------------------

test("a repository begins with GitHub's labels, and gets others", function()
  local c = new()
  equal({ #c:result("GET", R .. "/labels"), c:result("GET", R .. "/labels/good%20first%20issue").color }, { 10, "7057ff" })
  local status, made = c:ask("POST", R .. "/labels", { name = "preview", color = "FF00aa", description = "d" })
  equal({ status, made.name, made.color, made.description, made.default }, { 201, "preview", "ff00aa", "d", false })
  local function error_of(body)
    local _, answer = c:ask("POST", R .. "/labels", body)
    return { answer.errors[1].field, answer.errors[1].code }
  end
  equal(error_of { name = "Preview" }, { "name", "already_exists" })
  equal(error_of { name = "x", color = "red" }, { "color", "invalid" })
  equal(error_of {}, { "name", "missing_field" })
  equal(error_of { name = "x", description = ("d"):rep(101) }, { "description", "custom" })
end)

test("a label that is renamed or removed is so on every issue", function()
  local c = new()
  equal(c:result("PATCH", R .. "/labels/bug", { new_name = "defect", color = "000000" }).name, "defect")
  equal(names(c:result("GET", R .. "/issues/1").labels), { "defect", "deploy-failure" })
  equal(c:refusal("PATCH", R .. "/labels/defect", { new_name = "question" })[1], 422)
  equal(c:ask("DELETE", R .. "/labels/defect"), 204)
  equal(names(c:result("GET", R .. "/issues/2").labels), {})
  equal(c:refusal("GET", R .. "/labels/defect")[1], 404)
end)

test("an issue's labels are added, replaced and taken away", function()
  local c = new()
  local path = R .. "/issues/1/labels"
  equal(names(c:result("POST", path, { labels = { "bug", "fresh" } })), { "bug", "deploy-failure", "fresh" })
  equal(names(c:result("POST", path, '["one"]')), { "bug", "deploy-failure", "fresh", "one" })
  equal(names(c:result("PUT", path, { labels = { "two" } })), { "two" })
  equal(c:refusal("DELETE", path .. "/bug"), { 404, "Label does not exist" })
  equal(names(c:result("DELETE", path .. "/two")), {})
  c:result("POST", path, { labels = { "a", "b" } })
  equal(c:ask("DELETE", path), 204)
  equal(#c:result("GET", path), 0)
  equal(c:refusal("POST", path, { labels = { 1 } })[1], 422)
  equal(c:refusal("POST", path, {})[1], 422)
end)

test("what a number is decides which permission its labels, its lock and its text need", function()
  local c = new()
  local function statuses(token, number)
    local one, all = R .. "/issues/" .. number, {}
    for i, wanted in ipairs { { "GET", "" }, { "PATCH", "", { title = "t" } }, { "PUT", "/lock", {} }, { "DELETE", "/lock" },
      { "GET", "/labels" }, { "POST", "/labels", { labels = { "bug" } } }, { "PUT", "/labels", { labels = { "bug" } } },
      { "DELETE", "/labels/bug" }, { "DELETE", "/labels" }, { "GET", "/comments" } } do
      all[i] = c:with(token):ask(wanted[1], one .. wanted[2], wanted[3])
    end
    return all
  end
  local fine = { 200, 200, 204, 204, 200, 200, 200, 200, 204, 200 }
  equal({ statuses("issues-only", 1), statuses("issues-only", 2), statuses("pulls-only", 2) }, { fine, fine, fine })
  equal(statuses("pulls-only", 1), { 403, 403, 403, 403, 403, 403, 403, 403, 403, 403 })
  local comment = c:result("GET", R .. "/issues/1/comments")[1].id
  equal(c:with("pulls-only"):ask("GET", R .. "/issues/comments/" .. comment), 403)
end)
