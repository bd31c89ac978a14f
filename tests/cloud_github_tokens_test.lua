---The model of GitHub: who may do what, by the kind of token.
local base64 = require "base64"
local client = assert(require("core").load_file "tests/github_client.lua")()
local json = require "json"
local tokens = require "cloud.github.tokens"
local R = client.R

local function new(github)
  github = github or {}
  github.repositories = github.repositories or {
    { name = "example/codex", collaborators = { alice = "push", bob = "pull" } },
    { name = "example/open", private = false }, { name = "other/secret" },
  }
  github.issues = { { number = 1, title = "i" } }
  return client.new { github = github, pull_requests = { { number = 2, title = "p", head = "h" } } }
end

local function with(given, repositories)
  given.value = "it"
  return new({ tokens = { given }, repositories = repositories }):with "it"
end

local NOBODY = { 401, "Requires authentication" }
local HIDDEN = { 404, "Not Found" }
local INTEGRATION = { 403, "Resource not accessible by integration" }

-- ---- nobody --------------------------------------------------------------------------------

test("without a token only what is public is there", function()
  local c = new():with(false)
  equal(c:refusal("GET", R), HIDDEN)
  equal(c:result("GET", "/repos/example/open").full_name, "example/open")
  equal(c:refusal("POST", "/repos/example/open/issues", { title = "x" }), NOBODY)
  equal(c:refusal("GET", "/user"), NOBODY)
  equal(c:result("GET", "/rate_limit").rate.limit, 60)
end)

test("a token that is not one, or has expired, is told so", function()
  local c = with { expires = client.NOW + 10 }
  local _, headers = c:result("GET", R)
  equal(headers["github-authentication-token-expiration"], "2027-01-15 08:00:10 UTC")
  c.now = client.NOW + 10
  equal(c:refusal("GET", R), { 401, "Bad credentials" })
  equal(c:with("wrong"):refusal("GET", "/meta"), { 401, "Bad credentials" })
  equal(c:with(false):refusal("GET", "/user", nil, { authorization = "Basic eDp5" }), { 401, "Bad credentials" })
  for _, header in ipairs { "token github-owner-token", "bearer github-owner-token",
    "Basic " .. base64.encode "x:github-owner-token" } do
    equal({ header, (c:with(false):ask("GET", R, nil, { authorization = header })) }, { header, 200 })
  end
  for _, header in ipairs { "Basic !", "Bearer", "Digest x", "Basic " .. base64.encode "github-owner-token" } do
    equal({ header, (c:with(false):ask("GET", R, nil, { authorization = header })) }, { header, 401 })
  end
end)

-- ---- classic -------------------------------------------------------------------------------

test("a classic token does what its scopes and its user's role allow", function()
  local c = with { login = "alice" }
  local _, headers = c:result("GET", R .. "/issues/1")
  equal({ headers["x-oauth-scopes"], headers["x-accepted-oauth-scopes"], headers["x-accepted-github-permissions"] },
    { "gist, read:org, repo, workflow", "repo", nil })
  equal(c:result("GET", "/user").login, "alice")
  equal(c:result("POST", R .. "/issues/1/comments", { body = "x" }).user.login, "alice")
  equal(c:refusal("GET", "/repos/other/secret"), HIDDEN)
  equal(c:ask("PUT", R .. "/pulls/2/merge"), 200)
end)

test("who may only read is refused where the repository changes", function()
  local c = with { login = "bob" }
  equal(c:result("GET", R .. "/pulls/2").number, 2)
  equal(c:ask("POST", R .. "/issues", { title = "x" }), 201)
  equal(c:refusal("PUT", R .. "/pulls/2/merge"), { 403, "Must have push access to repository" })
  equal(with({ login = "mallory" }):refusal("GET", R), HIDDEN)
end)

test("without the scope a private repository is hidden", function()
  local c = with { login = "alice", scopes = { "public_repo" } }
  equal(c:refusal("GET", R), HIDDEN)
  equal(c:ask("POST", "/repos/example/open/issues", { title = "x" }), 201)
  local none = with { login = "alice", scopes = {} }
  equal(none:result("GET", "/repos/example/open").name, "open")
  equal(none:refusal("POST", "/repos/example/open/issues", { title = "x" }), HIDDEN)
end)

-- ---- fine-grained --------------------------------------------------------------------------

test("a fine-grained token has permissions in the repositories that it names", function()
  local c = with { kind = "fine-grained", login = "alice", permissions = { issues = "write", contents = "read" },
    repositories = { "example/codex" } }
  local _, headers = c:result("GET", R .. "/issues/1")
  equal(headers["x-accepted-github-permissions"], "issues=read; pull_requests=read")
  equal(c:ask("POST", R .. "/issues", { title = "x" }), 201)
  local status, answer, refused = c:ask("PUT", R .. "/pulls/2/merge")
  equal({ status, answer.message, refused["x-accepted-github-permissions"] },
    { 403, "Resource not accessible by personal access token", "contents=write" })
  equal(c:refusal("GET", "/repos/other/secret"), HIDDEN)
  equal(c:result("GET", "/repos/example/open/issues"), {})
  equal(c:result("GET", "/user").login, "alice")
end)

test("a permission does not make more of a person than its role", function()
  local c = with { kind = "fine-grained", login = "bob", permissions = { contents = "write" },
    repositories = { "example/codex" } }
  equal(c:refusal("PUT", R .. "/pulls/2/merge"), { 403, "Must have push access to repository" })
end)

-- ---- workflows -----------------------------------------------------------------------------

test("a workflow's token is for its own repository and writes as the bot", function()
  local c = new():with "github-token"
  equal(c:result("POST", R .. "/issues", { title = "x" }).user.login, "github-actions[bot]")
  equal(c:refusal("GET", "/user"), INTEGRATION)
  equal(c:refusal("GET", "/repos/other/secret"), HIDDEN)
  equal(c:refusal("POST", "/repos/example/open/issues", { title = "x" }), INTEGRATION)
  equal(c:result("GET", "/installation/repositories").total_count, 2)
end)

test("naming one permission sets the rest to none", function()
  local c = with { kind = "workflow", permissions = { issues = "read" } }
  equal(c:result("GET", R).full_name, "example/codex")
  equal(#c:result("GET", R .. "/issues"), 2)
  equal(c:refusal("POST", R .. "/issues/1/comments", { body = "x" }), INTEGRATION)
  equal(c:refusal("GET", R .. "/commits/main"), INTEGRATION)
end)

test("for a pull request from a fork it only reads", function()
  local c = with { kind = "workflow", fork = true }
  equal(c:result("GET", R .. "/pulls/2").number, 2)
  local status, answer, headers = c:ask("POST", R .. "/issues/2/comments", { body = "x" })
  equal({ status, answer.message, headers["x-accepted-github-permissions"] },
    { 403, INTEGRATION[2], "issues=write; pull_requests=write" })
end)

test("there are permissions that no workflow has, and names that nobody has", function()
  local function make(permissions, kind)
    return tokens.make({ kind = kind or "workflow", value = "x", permissions = permissions }, "a/b")
  end
  for _, name in ipairs { "secrets", "variables", "environments", "administration" } do
    raises(("cannot have the permission '%s'"):format(name), make, { [name] = "write" })
    equal(make({ [name] = "write" }, "installation").permissions.metadata, "read")
  end
  raises("unknown permission 'isues'", make, { isues = "read" })
  raises("is read, write or admin, not 'all'", make, { issues = "all" })
  raises("the kind of a token is classic", make, nil, "ssh")
  equal(make({ ["pull-requests"] = "write", issues = "none" }).permissions, { pull_requests = "write", metadata = "read" })
end)

-- ---- apps ----------------------------------------------------------------------------------

local function part(value) return base64.encode(json.encode(value), { url = true }) end

local function token_of(app, expires)
  return table.concat({ part { alg = "RS256" }, part { iss = app, iat = client.NOW, exp = expires or client.NOW + 500 },
    "c2ln" }, ".")
end

local function new_app()
  return new { apps = { { slug = "helper", id = 7, permissions = { issues = "write", contents = "read" } } } }
end

test("an app makes tokens for its installation, with as much as it has or less", function()
  local c = new_app():with(token_of(7))
  local installation = c:result("GET", R .. "/installation")
  equal({ installation.app_slug, installation.repository_selection }, { "helper", "all" })
  equal(c:refusal("GET", "/repos/other/secret/installation"), HIDDEN)
  local path = ("/app/installations/%d/access_tokens"):format(installation.id)
  local all = c:result("POST", path)
  equal({ all.expires_at, all.permissions.issues }, { "2027-01-15T09:00:00Z", "write" })
  equal(c:with(all.token):result("POST", R .. "/issues", { title = "x" }).user.login, "helper[bot]")
  local less = c:result("POST", path, { repositories = { "open" }, permissions = { issues = "read" } })
  equal({ less.repository_selection, less.repositories[1].full_name }, { "selected", "example/open" })
  equal(c:with(less.token):refusal("GET", R), HIDDEN)
  equal(c:refusal("POST", path, { permissions = { secrets = "write" } })[1], 422)
  equal(c:refusal("POST", path, { repositories = { "secret" } })[1], 422)
  equal(c:refusal("POST", "/app/installations/1/access_tokens"), HIDDEN)
  local later = c:with(all.token)
  later.now = client.NOW + 3600
  equal(later:refusal("GET", R), { 401, "Bad credentials" })
end)

test("an app is only itself, and only for a while", function()
  local c = new_app()
  equal(c:with(token_of(7)):result("GET", "/app").slug, "helper")
  equal(c:with(token_of(7)):refusal("GET", R), HIDDEN)
  equal(c:with(token_of(8)):refusal("GET", "/app"), { 401, "A JSON web token could not be decoded" })
  equal(c:with(token_of(7, client.NOW - 1)):refusal("GET", "/app")[1], 401)
  equal(c:with(token_of(7, client.NOW + 601)):refusal("GET", "/app")[1], 401)
  equal(c:refusal("GET", "/app"), { 401, "A JSON web token could not be decoded" })
  equal(c:with("a.b.c"):refusal("GET", "/app"), { 401, "Bad credentials" })
end)
