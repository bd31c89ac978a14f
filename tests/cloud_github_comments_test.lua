---The model of GitHub: comments, and what makes it hard to write one and only one.
local client = assert(require("core").load_file "tests/github_client.lua")()
local R = client.R
local COMMENTS = R .. "/issues/42/comments"

local function new(comments)
  return client.new {
    pull_requests = { { number = 42, title = "t", head = "h", comments = comments } },
    github = { repositories = { { name = "example/codex", private = false } }, issues = { { number = 7, title = "i" } },
      tokens = { { value = "of-mallory", login = "mallory" },
        { value = "pulls-only", kind = "workflow", permissions = { ["pull-requests"] = "write" } } } },
  }
end

local function bodies(list)
  local made = {}
  for i, comment in ipairs(list) do made[i] = comment.body end
  return made
end

test("a comment is written, changed and removed, as the workflow's bot", function()
  local c = new():with "github-token"
  local status, made, headers = c:ask("POST", COMMENTS, { body = "hello" })
  equal({ status, made.user.login, made.user.type, made.user.id, headers.location },
    { 201, "github-actions[bot]", "Bot", 41898282, made.url })
  equal(made.html_url, "https://github.com/example/codex/pull/42#issuecomment-" .. made.id)
  local one = R .. "/issues/comments/" .. made.id
  equal(c:result("PATCH", one, { body = "bye" }).body, "bye")
  equal(c:ask("DELETE", one), 204)
  equal(c:refusal("GET", one), { 404, "Not Found" })
  equal(c:refusal("PATCH", one, { body = "late" }), { 404, "Not Found" })
  equal(c:refusal("DELETE", one), { 404, "Not Found" })
end)

test("a comment has a body, and not too much of it", function()
  local c = new()
  local function error_of(body)
    local status, answer = c:ask("POST", COMMENTS, body)
    return { status, answer.errors[1].field, answer.errors[1].code }
  end
  equal(error_of {}, { 422, "body", "missing_field" })
  equal(error_of { body = "  " }, { 422, "body", "missing_field" })
  equal(error_of { body = ("x"):rep(65537) }, { 422, "body", "custom" })
  equal(c:ask("POST", COMMENTS, { body = ("ü"):rep(65536) }), 201)
  equal(c:refusal("POST", R .. "/issues/9/comments", { body = "x" }), { 404, "Not Found" })
end)

test("comments are listed oldest first, page after page, whatever order is asked for", function()
  local c = new { { login = "mallory", body = "mine" } }
  for i = 1, 4 do c:result("POST", COMMENTS, { body = "c" .. i }) end
  local first, headers = c:result("GET", COMMENTS .. "?per_page=2&sort=created&direction=desc")
  equal({ first[1].user.login, bodies(first) }, { "mallory", { "mine", "c1" } })
  local base = "<https://api.github.com/repos/example/codex/issues/42/comments?"
  local query = "direction=desc&per_page=2&sort=created&page="
  equal(headers.link, ('%s%s2>; rel="next", %s%s3>; rel="last"'):format(base, query, base, query))
  local last, end_headers = c:result("GET", COMMENTS .. "?per_page=2&page=3")
  equal(bodies(last), { "c4" })
  equal(end_headers.link, base .. 'per_page=2&page=2>; rel="prev", ' .. base .. 'per_page=2&page=1>; rel="first"')
  local all, none = c:result("GET", COMMENTS)
  equal({ #all, none.link }, { 5, nil })
end)

test("what was changed since a time is found", function()
  local c = new()
  local first = c:result("POST", COMMENTS, { body = "one" })
  c:result("POST", COMMENTS, { body = "two" })
  c.now = c.now + 60
  c:result("PATCH", R .. "/issues/comments/" .. first.id, { body = "changed" })
  equal(bodies(c:result("GET", COMMENTS .. "?since=2027-01-15T08:00:30Z")), { "changed" })
  equal(bodies(c:result("GET", COMMENTS .. "?since=2027-01-15T08:00:00Z")), { "changed", "two" })
  equal(c:refusal("GET", COMMENTS .. "?since=today")[1], 422)
end)

test("all comments of a repository have an order", function()
  local c = new { { body = "old", login = "octocat" } }
  local issue = c:result("POST", R .. "/issues/7/comments", { body = "issue's" })
  equal(issue.html_url, "https://github.com/example/codex/issues/7#issuecomment-" .. issue.id)
  c.now = c.now + 1
  c:result("POST", COMMENTS, { body = "new" })
  c:result("PATCH", R .. "/issues/comments/" .. issue.id, { body = "issue's" })
  local all = R .. "/issues/comments"
  equal(bodies(c:result("GET", all)), { "old", "issue's", "new" })
  equal(bodies(c:result("GET", all .. "?direction=desc")), { "old", "issue's", "new" })   -- only together with sort
  equal(bodies(c:result("GET", all .. "?sort=created&direction=desc")), { "new", "issue's", "old" })
  equal(bodies(c:result("GET", all .. "?sort=updated")), { "old", "issue's", "new" })
end)

test("anybody writes to a public repository, and plants whatever marker", function()
  local c = new()
  local planted = c:with("of-mallory"):result("POST", COMMENTS, { body = "<!-- davit:codex/preview/42 --> mine" })
  equal({ planted.user.login, planted.author_association }, { "mallory", "NONE" })
  local ours = c:with("github-token"):result("POST", COMMENTS, { body = "<!-- davit:codex/preview/42 -->" })
  local one = R .. "/issues/comments/" .. ours.id
  equal(c:with("of-mallory"):refusal("PATCH", one, { body = "x" })[1], 403)
  equal(c:with("of-mallory"):refusal("DELETE", one)[1], 403)
  equal(c:with("github-token"):ask("DELETE", R .. "/issues/comments/" .. planted.id), 204)
end)

test("a permission for pull requests is none for issues", function()
  local c = new():with "pulls-only"
  equal(c:ask("POST", COMMENTS, { body = "x" }), 201)
  equal(c:refusal("POST", R .. "/issues/7/comments", { body = "x" }), { 403, "Resource not accessible by integration" })
  equal(c:refusal("POST", R .. "/issues", { title = "x" }), { 403, "Resource not accessible by integration" })
end)
