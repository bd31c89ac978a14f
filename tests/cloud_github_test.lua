---The model of GitHub: pull requests and their comments.
local json = require "json"
local world = require "cloud.world"

local COMMENTS = "/issues/42/comments"

local function new(pulls, settings)
  pulls = pulls or { { number = 42, title = "Ship it", head = "ship" } }
  return { state = world.new { pull_requests = pulls, settings = settings }, now = 1800000000 }
end

local function ask(c, method, target, body, headers)
  local path, query = target:match("^([^?]*)%??(.*)$")
  local sent = { authorization = "Bearer github-token", ["user-agent"] = "davit" }
  for name, value in pairs(headers or {}) do sent[name] = value ~= "" and value or nil end
  local answer = world.handle({ method = method, host = "api.github.com", query = query,
    path = "/repos/example/codex" .. path, headers = sent,
    body = body and json.encode(body) or "" }, c.state, c.now)
  local decoded = (answer.headers["content-type"] or ""):find("json") and json.decode(answer.body)
  return answer.status, decoded, answer.headers
end

test("a request needs a user agent and a token", function()
  local c = new()
  equal((ask(c, "GET", "", nil, { ["user-agent"] = "" })), 403)
  equal((ask(c, "GET", "", nil, { authorization = "" })), 404)   -- private
  local status, answer = ask(c, "GET", "", nil, { authorization = "Bearer wrong" })
  equal({ status, answer.message }, { 401, "Bad credentials" })
  local _, repository = ask(c, "GET", "", nil, { authorization = "token github-token" })
  equal({ repository.full_name, repository.default_branch }, { "example/codex", "main" })
end)

test("pull requests are listed by state and closed", function()
  local c = new { { number = 1, title = "a", head = "x" }, { number = 2, title = "b", head = "y" } }
  local _, closed = ask(c, "PATCH", "/pulls/1", { state = "closed" })
  equal({ closed.state, closed.closed_at }, { "closed", "2027-01-15T08:00:00Z" })
  local _, open = ask(c, "GET", "/pulls")
  equal({ #open, open[1].number, open[1].head.ref }, { 1, 2, "y" })
  local _, all = ask(c, "GET", "/pulls?state=all&per_page=1")
  equal({ #all, all[1].number }, { 1, 2 })
  equal((ask(c, "GET", "/pulls/3")), 404)
end)

test("a comment is written, changed and removed, as the workflow's bot", function()
  local c = new()
  local status, made = ask(c, "POST", COMMENTS, { body = "hello" })
  equal({ status, made.user.login, made.user.type }, { 201, "github-actions[bot]", "Bot" })
  local one = "/issues/comments/" .. made.id
  local _, changed = ask(c, "PATCH", one, { body = "bye" })
  equal(changed.body, "bye")
  equal((ask(c, "DELETE", one)), 204)
  equal((ask(c, "GET", one)), 404)
  equal((ask(c, "PATCH", one, { body = "late" })), 404)
end)

test("a comment has a body, and not too much of it", function()
  local c = new()
  equal((ask(c, "POST", COMMENTS, {})), 422)
  equal((ask(c, "POST", COMMENTS, { body = ("ü"):rep(65536) })), 201)
  local status, answer = ask(c, "POST", COMMENTS, { body = ("x"):rep(65537) })
  equal({ status, answer.errors[1].field }, { 422, "body" })
  equal((ask(c, "POST", "/issues/7/comments", { body = "x" })), 404)
end)

test("comments are listed oldest first, page after page", function()
  local c = new { { number = 42, title = "t", head = "h", comments = { { login = "mallory",
    body = "mine" } } } }
  for i = 1, 4 do ask(c, "POST", COMMENTS, { body = "c" .. i }) end
  local _, first, headers = ask(c, "GET", COMMENTS .. "?per_page=2")
  equal({ first[1].user.login, first[2].body }, { "mallory", "c1" })
  local base = "<https://api.github.com/repos/example/codex/issues/42/comments?per_page=2&page="
  equal(headers.link, base .. '2>; rel="next", ' .. base .. '3>; rel="last"')
  local _, last, end_headers = ask(c, "GET", COMMENTS .. "?per_page=2&page=3")
  equal({ #last, last[1].body }, { 1, "c4" })
  equal(end_headers.link, base .. '2>; rel="prev", ' .. base .. '1>; rel="first"')
  local _, all, none = ask(c, "GET", COMMENTS)
  equal({ #all, none.link }, { 5, nil })
end)

test("an answer that has not changed costs nothing", function()
  local c = new()
  local _, _, headers = ask(c, "GET", "/pulls/42")
  equal({ headers["x-ratelimit-used"], headers["x-ratelimit-remaining"] }, { "1", "999" })
  local status, _, again = ask(c, "GET", "/pulls/42", nil, { ["if-none-match"] = headers.etag })
  equal({ status, again["x-ratelimit-used"], again.etag }, { 304, "1", headers.etag })
  ask(c, "PATCH", "/pulls/42", { title = "Other" })
  equal((ask(c, "GET", "/pulls/42", nil, { ["if-none-match"] = headers.etag })), 200)
end)

test("over the limit nothing is answered until the hour ends", function()
  local c = new(nil, { github_requests = 1 })
  ask(c, "GET", "")
  local status, _, headers = ask(c, "GET", "")
  equal({ status, headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"] },
    { 403, "0", "1800003600" })
  c.now = c.now + 3600
  equal((ask(c, "GET", "")), 200)
end)
