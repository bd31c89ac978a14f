---The model of GitHub: what every request and every answer have in common.
local client = assert(require("core").load_file "tests/github_client.lua")()
local github = require "cloud.github"
local seed = require "cloud.seed"
local world = require "cloud.world"
local R = client.R

local function new(settings)
  return client.new { pull_requests = { { number = 42, title = "Ship it", head = "ship" } }, settings = settings }
end

-- ---- requests ------------------------------------------------------------------------------

test("a request needs a user agent", function()
  local status, text = new():ask("GET", R, nil, { ["user-agent"] = "" })
  equal({ status, text:find("User-Agent header", 1, true) ~= nil }, { 403, true })
end)

test("a version or a media type that there is not is refused", function()
  local c = new()
  local function status(headers) return (c:ask("GET", R, nil, headers)) end
  equal(status { ["x-github-api-version"] = "2022-11-28" }, 200)
  equal(status { ["x-github-api-version"] = "2021-01-01" }, 400)
  for _, type in ipairs { "*/*", "application/json", "application/vnd.github+json", "text/html, */*;q=0.8",
    "application/vnd.github.v3+json", "application/vnd.github.machine-man-preview+json" } do
    equal({ type, status { accept = type } }, { type, 200 })
  end
  equal(c:refusal("GET", R, nil, { accept = "text/xml" }),
    { 415, "Unsupported 'Accept' header: 'text/xml'. Must accept 'application/json'." })
  local _, _, headers = c:ask("GET", R)
  equal({ headers["x-github-media-type"], headers["x-github-api-version-selected"] },
    { "github.v3; format=json", "2022-11-28" })
end)

test("a body is JSON, and an object or a list", function()
  local c = new()
  equal(c:refusal("POST", R .. "/issues", "{"), { 400, "Problems parsing JSON" })
  equal(c:refusal("POST", R .. "/issues", '"x"'), { 400, "Body should be a JSON object" })
end)

test("errors name the page that explains them", function()
  local c = new()
  local _, answer = c:ask("POST", R .. "/issues", {})
  equal({ answer.documentation_url, answer.status },
    { "https://docs.github.com/rest/issues/issues#create-an-issue", "422" })
  _, answer = c:ask("GET", "/nothing")
  equal({ answer.message, answer.documentation_url, answer.status }, { "Not Found", "https://docs.github.com/rest", "404" })
  equal(c:refusal("DELETE", "/meta"), { 404, "Not Found" })
end)

test("what is not modelled is said, beside what GitHub says of nothing", function()
  local c = new()
  local status, answer, headers = c:ask("GET", R .. "/milestones")
  equal({ status, answer.message, headers["x-davit-stand-in"] }, { 404, "Not Found", "not modelled" })
  equal(answer.errors[1].message:find "has nothing at this path" ~= nil, true)
  for _, path in ipairs { "/commits/main/check-suites", "/commits/main/comments", "/branches/main/protection" } do
    equal({ path, (select(3, c:ask("GET", R .. path))["x-davit-stand-in"]) }, { path, "not modelled" })
  end
  status, answer = c:ask("POST", "/graphql", { query = "{ viewer { login } }" })
  equal({ status, answer.errors[1].message:find "does not answer GraphQL" ~= nil }, { 404, true })
  equal(select(3, c:ask("GET", R .. "/issues/999"))["x-davit-stand-in"], nil)
end)

test("HEAD is GET without a body", function()
  local c = new()
  local _, _, of_get = c:ask("GET", R)
  local status, body, of_head = c:ask("HEAD", R)
  equal({ status, body, of_head.etag }, { 200, "", of_get.etag })
end)

test("pages hold 30 items, 100 at most, and say where the others are", function()
  local c = new()
  for i = 1, 101 do c.state.github.repositories["example/codex"].labels[i + 9] = { id = i, name = "l" .. i, color = "000000" } end
  local function size(query) return #c:result("GET", R .. "/labels" .. query) end
  equal({ size "", size "?per_page=1000", size "?per_page=0", size "?per_page=x", size "?page=0&per_page=5",
    size "?page=9999999999999999999999" }, { 30, 100, 30, 30, 5, 30 })
  local rest, headers = c:result("GET", R .. "/labels?per_page=100&page=2&q=a%20%26b")
  local base = "<https://api.github.com" .. R .. "/labels?per_page=100&q=a%20%26b&page=1>; rel="
  equal({ #rest, headers.link }, { 10, base .. '"prev", ' .. base .. '"first"' })
end)

test("a client that came by another base address is led back there", function()
  local c = new()
  local answer = world.handle({ method = "GET", host = "api.github.com", path = R .. "/labels", query = "per_page=1",
    base = "http://127.0.0.1:4000/api/v3", body = "",
    headers = { authorization = "Bearer github-token", ["user-agent"] = "t" } }, c.state, c.now)
  equal(answer.headers.link:match "^<(.-)[?]", "http://127.0.0.1:4000/api/v3" .. R .. "/labels")
  equal(answer.body:find('"url":"http://127.0.0.1:4000/api/v3/repos', 1, true) ~= nil, true)
end)

-- ---- what is known already -----------------------------------------------------------------

test("an answer that has not changed costs nothing", function()
  local c = new():with "github-token"
  local _, _, headers = c:ask("GET", R .. "/pulls/42")
  equal({ headers["x-ratelimit-used"], headers["x-ratelimit-remaining"], headers.etag:sub(1, 3) }, { "1", "999", 'W/"' })
  local status, body, again = c:ask("GET", R .. "/pulls/42", nil, { ["if-none-match"] = headers.etag })
  equal({ status, body, again["x-ratelimit-used"], again.etag }, { 304, "", "1", headers.etag })
  equal(c:ask("GET", R .. "/pulls/42", nil, { ["if-none-match"] = '"a", ' .. headers.etag:sub(3) }), 304)
  c:ask("PATCH", R .. "/pulls/42", { title = "Other" })
  equal(c:ask("GET", R .. "/pulls/42", nil, { ["if-none-match"] = headers.etag }), 200)
end)

test("a time that is known does, too", function()
  local c = new()
  local _, _, headers = c:ask("GET", R .. "/pulls/42")
  equal(headers["last-modified"], "Thu, 01 Jan 2026 00:00:00 GMT")
  local since = { ["if-modified-since"] = headers["last-modified"] }
  equal(c:ask("GET", R .. "/pulls/42", nil, since), 304)
  c:ask("PATCH", R .. "/pulls/42", { title = "Other" })
  equal(c:ask("GET", R .. "/pulls/42", nil, since), 200)
end)

-- ---- limits --------------------------------------------------------------------------------

test("over the limit nothing is answered until the hour ends", function()
  local c = new { github_requests = 1 }
  local workflow = c:with "github-token"
  workflow:ask("GET", R)
  local status, answer, headers = workflow:ask("GET", R)
  equal({ status, answer.message, headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"], headers["retry-after"] },
    { 403, "API rate limit exceeded for installation.", "0", "1800003600" })
  equal(c:ask("GET", R), 200)   -- the owner has an account of its own
  workflow.now = client.NOW + 3600
  equal(workflow:ask("GET", R), 200)
end)

test("looking at the limit is free, and shows it", function()
  local c = new()
  c:ask("GET", R)
  c:ask("GET", "/rate_limit")
  local shown = c:result("GET", "/rate_limit")
  equal({ shown.rate.used, shown.rate.limit, shown.resources.core.remaining, shown.rate.reset },
    { 1, 5000, 4999, 1800003600 })
  equal(c:with("github-token"):result("GET", "/rate_limit").rate.limit, 1000)
end)

test("what comes too quickly is asked to wait, as a 403", function()
  local c = new { github_points = 10 }
  for _ = 1, 5 do equal(c:ask("GET", R), 200) end
  equal(c:ask("PATCH", R .. "/pulls/42", {}), 200)   -- five points
  local status, answer, headers = c:ask("GET", R)
  equal({ status, answer.message:match "^[^.]+", headers["retry-after"], headers["x-ratelimit-remaining"] },
    { 403, "You have exceeded a secondary rate limit", "60", "4993" })
  c.now = c.now + 59
  equal((c:ask("GET", R)), 403)
  c.now = c.now + 1
  equal(c:ask("GET", R), 200)
end)

test("so does what makes too much content, in a minute or in an hour", function()
  local c = new { github_content_per_minute = 2, github_content_per_hour = 3 }
  local function comment() return (c:ask("POST", R .. "/issues/42/comments", { body = "x" })) end
  equal({ comment(), comment(), comment(), (c:ask("GET", R)) }, { 201, 201, 403, 200 })   -- reading goes on
  c.now = c.now + 60
  equal(comment(), 201)
  local status, _, headers = c:ask("POST", R .. "/issues/42/comments", { body = "x" })
  equal({ status, headers["retry-after"] }, { 403, "3540" })
  c.now = c.now + 3540
  equal(comment(), 201)
end)

-- ---- what GitHub says of itself ------------------------------------------------------------

test("the API says what it is", function()
  local c = new()
  equal(c:result("GET", "/").rate_limit_url, "https://api.github.com/rate_limit")
  equal(c:result("GET", "/meta").verifiable_password_authentication, false)
  equal(#c:result("GET", "/versions"), 2)
  equal(type(c:result("GET", "/zen")), "string")
end)

-- ---- states --------------------------------------------------------------------------------

test("a state of an older version goes on with its pull requests and comments", function()
  local old = world.new { seed = "old" }
  old.github = { repository = "example/codex", window = 1, used = 2,
    comments = { { id = 1000001, number = 42, body = "kept", login = "octocat", created = 1, updated = 1 } },
    pulls = { { number = 42, title = "Mine", head = "ship", sha = ("a"):rep(40), state = "closed", login = "octocat",
      base = "main", created = 5, updated = 7, closed = 7 } } }
  local state = seed.world(old, { seed = "old", settings = {} })
  local c = setmetatable({ state = state, now = client.NOW, token = "github-token" }, { __index = new() })
  local pull = c:result("GET", R .. "/pulls/42")
  equal({ pull.title, pull.state, pull.head.sha, pull.closed_at }, { "Mine", "closed", ("a"):rep(40), "1970-01-01T00:00:07Z" })
  equal({ c:result("GET", R .. "/issues/42/comments")[1].body, #c:result("GET", R .. "/pulls?state=all") }, { "kept", 1 })
  equal(c:result("POST", R .. "/issues", { title = "next" }).number, 43)
end)

test("a state is kept without its tokens", function()
  local state = world.new()
  equal(seed.without_tokens(state).github.tokens, nil)
  github.renew(state, world.new { tokens = { github = "other" } })
  equal(state.github.tokens[1].value, "other")
end)
