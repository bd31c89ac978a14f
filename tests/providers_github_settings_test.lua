---Secrets, variables and approvals as the GitHub provider has them, against the model.
local cloud = require "cloud.github"
local core = require "core"
local github = require "github"
local json = require "json"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local secret_core = require "secret.core"
local ensure = provider_world.ensure

local TOKENS = {
  { value = "settings", kind = "fine-grained",
    permissions = { secrets = "write", variables = "write", environments = "write" } },
  { value = "of-rita", login = "rita" }, { value = "of-will", login = "will" },
}

local function open()
  return provider_world.open { github = { tokens = TOKENS, environments = { { name = "production" } },
    repositories = { { name = "example/codex", collaborators = { rita = "pull", will = "push" } } } } }
end

local function client(token)
  return github.client { repository = "example/codex", token = token or "settings" }
end

local function repository(w) return w.state.github.repositories["example/codex"] end

local function admin(w, method, path, body)
  local answer = cloud.admin({ method = method, path = "/_davit/github/" .. path, query = "", headers = {},
    body = body and json.encode(body) or "" }, w.state, w.now)
  return json.decode(answer.body), answer.status
end

local function kept(w) return (admin(w, "GET", "secrets")) end

local function value(text, to) return secret_core.new("STRIPE_KEY", text, to or github.places.secret) end

-- ---- secrets -----------------------------------------------------------------------------

test("what is no secret or variable is refused before anything is sent", function()
  local w <close> = open()
  local gh = client()
  raises("'value' of A must be a secret, not a string", gh.secret, { name = "A", value = "plain" })
  raises("the name '1A' must have letters", gh.secret, { name = "1A", value = value "sealed-away" })
  raises("not begin with GITHUB_", gh.variable, { name = "github_x", value = "1" })
  raises("'environment' is the name of one", gh.delete_secret, { name = "A", environment = "" })
  raises("unknown option 'name'", gh.secrets, { name = "A" })
  raises("STRIPE_KEY", gh.variable, { name = "A", value = value "sealed-away" })
  raises("more than GitHub's 48 KiB", gh.variable, { name = "A", value = ("x"):rep((48 << 10) + 1) })
  equal(#w.log, 0)
end)

test("a secret is sealed on its way, and set anew each time: nobody can read whether it is the same", function()
  local w <close> = open()
  local gh = client()
  equal(ensure(gh.secret { name = "stripe_key", value = value "first-value" }), { name = "STRIPE_KEY" })
  equal(kept(w).secrets, { STRIPE_KEY = "first-value" })
  equal(w:last("^PUT").body:find("first-value", 1, true), nil)
  ensure(gh.secret { name = "STRIPE_KEY", value = value "second-value" })
  equal({ kept(w).secrets.STRIPE_KEY, w:count("^PUT"), w:count("public%-key") }, { "second-value", 2, 1 })
end)

test("a template of several pieces is sealed as a whole", function()
  local w <close> = open()
  ensure(client().secret { name = "URL", value = "postgresql://app:" .. value "p4ssword" .. "@host/db" })
  equal(kept(w).secrets.URL, "postgresql://app:p4ssword@host/db")
end)

test("an environment has a key and secrets of its own", function()
  local w <close> = open()
  local gh = client()
  ensure(gh.secret { name = "A", value = value "for-all-of-them" })
  local thing = ensure(gh.secret { name = "A", value = value "of-production", environment = "production" })
  equal(thing, { name = "A", environment = "production" })
  equal(kept(w), { repository = "example/codex", secrets = { A = "for-all-of-them" },
    environments = { production = { A = "of-production" } } })
  equal({ #gh.secrets(), gh.secrets({ environment = "production" })[1].name }, { 1, "A" })
  raises("could not get the public key for secrets of the environment nowhere: status 404",
    gh.secret({ name = "A", value = value "lost-value", environment = "nowhere" }).create)
end)

test("a secret that may not go to GitHub is not sealed for it", function()
  local w <close> = open()
  local elsewhere = client().secret { name = "A", value = value("kept-at-home", { "https://api.stripe.com" }) }
  local err = raises("STRIPE_KEY", elsewhere.create)
  equal({ err.code, err.message:find("api.stripe.com", 1, true) ~= nil, w:count("^PUT") }, { "secret-refused", true, 0 })
  local only_header = value("as-a-token-only", github.places.token)
  equal(raises("STRIPE_KEY", client().secret({ name = "A", value = only_header }).create).code, "secret-refused")
  equal(kept(w).secrets, {})
end)

test("a secret that is too large is refused here, and a lost reply is no trouble", function()
  local w <close> = open()
  raises("github.secret: BIG has more than GitHub's 48 KiB",
    client().secret({ name = "BIG", value = value(("too-large/"):rep(4916)) }).create)
  w:fail("^PUT", { lost = "after" })
  ensure(client().secret { name = "A", value = value "sealed-twice" })
  equal({ kept(w).secrets.A, w:count("^PUT") }, { "sealed-twice", 2 })
end)

test("a secret goes, whether it was there or not", function()
  local w <close> = open()
  local gh = client()
  local resource = gh.secret { name = "A", value = value "soon-gone" }
  resource.destroy(ensure(resource))
  equal({ resource.find(), #gh.secrets() }, { nil, 0 })
  resource.destroy()
  ensure(resource)
  equal({ gh.delete_secret { name = "a" }, gh.delete_secret { name = "a" }, next(kept(w).secrets) }, { true, false, nil })
end)

test("a hundred secrets are listed by one request", function()
  local w <close> = open()
  for i = 1, 100 do
    repository(w).secrets["S" .. i] = { name = "S" .. i, value = "v", created = w.now, updated = w.now }
  end
  equal({ #client().secrets(), #w.log }, { 100, 1 })
end)

test("a workflow's token sets no secret and no variable, and is told that it never will", function()
  local w <close> = open()
  local gh = client "github-token"
  local err = raises("status 403", gh.secrets)
  equal(err.hint, "the token lacks a permission: 'secrets: read'; GITHUB_TOKEN never has it: "
    .. "take a fine-grained token or an app's")
  raises("'variables: write'; GITHUB_TOKEN never has it", gh.variable({ name = "A", value = "1" }).create)
  raises("'environments: read'; GITHUB_TOKEN never has it", gh.secrets, { environment = "production" })
  equal(#w.pauses, 0)
end)

-- ---- variables ---------------------------------------------------------------------------

test("a variable is made, changed only when its value is another one, and deleted", function()
  local w <close> = open()
  local gh = client()
  local function variable(text) return gh.variable { name = "region", value = text } end
  equal(ensure(variable "eu"), { name = "REGION", value = "eu" })
  ensure(variable "eu")
  equal({ w:count("^POST"), w:count("^PATCH") }, { 1, 0 })
  equal(ensure(variable "us").value, "us")
  equal({ w:count("^PATCH"), gh.variables() }, { 1, { { name = "REGION", value = "us" } } })
  variable("us").destroy()
  variable("us").destroy()
  equal(gh.variables(), {})
end)

test("a variable whose reply was lost, or that somebody else was faster with, is brought up to date", function()
  local w <close> = open()
  local gh = client()
  w:fail("^POST", { lost = "after" })
  ensure(gh.variable { name = "A", value = "1", environment = "production" })
  equal({ w:count("^POST"), gh.variables({ environment = "production" })[1].value }, { 1, "1" })
  w:fail("^GET.*/A%?", { status = 404, headers = {}, body = "{}" })
  equal(ensure(gh.variable { name = "A", value = "2", environment = "production" }).value, "2")
end)

test("variables beyond the first page are listed", function()
  local w <close> = open()
  for i = 1, 70 do
    repository(w).variables["V" .. i] = { name = "V" .. i, value = "v", created = w.now, updated = w.now }
  end
  equal({ #client().variables(), #w.log }, { 70, 3 })
end)

-- ---- approvals ---------------------------------------------------------------------------

-- A run whose only job waits for the environment "production", which rita reviews.
local function waiting(w)
  local rita = require("cloud.github.users").id "rita"
  repository(w).environments[1].reviewers = { { type = "User", id = rita } }
  local run, status = admin(w, "POST", "runs", { workflow = "deploy.yml",
    jobs = { { name = "deploy", environment = "production" } } })
  equal(status, 201)
  return run.id
end

local function review(run, changes)
  local o = { run = run, environments = { "production" }, state = "approved", comment = "go" }
  for name, text in pairs(changes or {}) do o[name] = text end
  return o
end

test("what a run waits for is shown with who may answer", function()
  local w <close> = open()
  local run = waiting(w)
  local there = client("of-rita").pending_deployments(run)
  equal(there, { { id = repository(w).environments[1].id, environment = "production", wait_minutes = 0,
    may_review = true, reviewers = { "rita" } } })
  equal(client("of-will").pending_deployments({ id = run })[1].may_review, false)
end)

test("a reviewer answers once; the same answer again is fine, another one is not", function()
  local w <close> = open()
  local run, gh = waiting(w), client "of-rita"
  gh.review(review(run))
  equal({ #gh.pending_deployments(run), w:count("^POST"), repository(w).runs[1].approvals[1].comment }, { 0, 1, "go" })
  gh.review(review(run))
  equal(w:count("^POST"), 1)
  raises("the run %d+ does not wait for the environment production", gh.review, review(run, { state = "rejected" }))
  raises("does not wait for the environment staging", gh.review, review(run, { environments = { "staging" } }))
end)

test("an answer whose reply was lost is looked for", function()
  local w <close> = open()
  local run = waiting(w)
  w:fail("^POST", { lost = "after" })
  client("of-rita").review(review(run, { state = "rejected" }))
  equal({ w:count("^POST"), #repository(w).runs[1].approvals }, { 1, 1 })
end)

test("an answer that did not arrive is sent again", function()
  local w <close> = open()
  local run = waiting(w)
  w:fail("^POST", { lost = "before" })
  client("of-rita").review(review(run))
  equal({ w:count("^POST"), #repository(w).runs[1].approvals }, { 2, 1 })
end)

test("who is no reviewer is told so", function()
  local w <close> = open()
  local run = waiting(w)
  local err = raises("status 403", client("github-token").review, review(run))
  equal(err.hint:find("only a reviewer that the environment names may answer", 1, true), 1)
  raises("'state' is \"approved\" or \"rejected\", not 'yes'", client().review, review(run, { state = "yes" }))
  raises("'environments' is a list of names, and there is none", client().review, review(run, { environments = {} }))
end)
