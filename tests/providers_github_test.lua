---The GitHub provider against the models, and against what the models do not do.
local core = require "core"
local github = require "github"
local json = require "json"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure = provider_world.ensure

local function open(comments)
  return provider_world.open { pull_requests = {
    { number = 42, title = "Add a page", head = "page", sha = "abc", comments = comments },
    { number = 7, title = "Old", head = "old", state = "closed" },
  } }
end

local function client(token)
  return github.client { repository = "example/codex", token = token or "github-token" }
end

local function comment_of(body, key)
  return { pr = 42, key = key or "preview", body = body or "ready" }
end

local function answer(status, headers, message)
  return { status = status, headers = headers, body = json.encode { message = message or "no" } }
end

test("a client of GitHub says what is missing or misspelt", function()
  raises("github.client: option 'repository' is required", github.client, { token = "t" })
  raises("option 'token' is required", github.client, { repository = "a/b" })
  raises("'repository' must be like \"owner/name\", not 'codex'", github.client,
    { repository = "codex", token = "t" })
  raises("unknown option 'repo'", github.client, { repo = "a/b" })
end)

test("numbers, keys and bodies are checked before anything is sent", function()
  local w <close> = open()
  local gh = client()
  raises("github.pull: expected the number of a pull request, not 'x'", gh.pull, "x")
  raises("github.comments: expected the number", gh.comments, 0)
  raises("option 'key' is required", gh.comment, { pr = 42, body = "x" })
  raises("option 'pr' must be an integer, not a string", gh.comment, { pr = "42", key = "k",
    body = "x" })
  raises("unknown option 'text'", gh.comment, { pr = 42, key = "k", body = "x", text = "x" })
  raises("longer than GitHub's 65536 characters", gh.comment, comment_of(("x"):rep(65536)))
  raises("has other characters", gh.comment, comment_of("x", "--> <b>"))
  equal(#w.log, 0)
end)

test("a pull request is shown by what recipes need", function()
  local _ <close> = open()
  local gh = client()
  equal(gh.pull(42), { number = 42, state = "open", title = "Add a page", head = "page",
    sha = "abc" })
  equal(gh.open_pull(42).number, 42)
  raises("the pull request #7 is closed", gh.open_pull, 7)
  raises("could not read the pull request 99: status 404.*look at the repository", gh.pull, 99)
  equal({ #gh.open_pulls(), gh.open_pulls()[1].number }, { 1, 42 })
end)

test("every request says who asks and in which version", function()
  local w <close> = open()
  client().pull(42)
  local headers = w:last("pulls/42").headers
  equal({ headers["user-agent"], headers["x-github-api-version"], headers.accept },
    { "davit", "2022-11-28", "application/vnd.github+json" })
end)

test("a comment is written once and then changed", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.comment(comment_of()))
  equal(first.marker, "codex/preview/42")
  equal(ensure(gh.comment(comment_of())).id, first.id)
  equal({ w:count("^POST"), w:count("^PATCH") }, { 1, 0 })
  equal(ensure(gh.comment(comment_of("newer"))).id, first.id)
  equal({ w:count("^PATCH"), #gh.comments(42) }, { 1, 1 })
end)

test("a secret in a comment's body is masked, and the marker stays", function()
  local _ <close> = open()
  require("secret.core").new("ECHOED", "echoed-by-a-program", { "api.github.com" })
  local gh = client()
  local thing = ensure(gh.comment(comment_of("it said echoed-by-a-program")))
  equal(ensure(gh.comment(comment_of("it said echoed-by-a-program"))).id, thing.id)
  local there = gh.comments(42)[1]
  equal({ #there.body, there.body:find("echoed", 1, true), there.marker }, { #there.body, nil, "codex/preview/42" })
end)

test("a key may be a whole marker, and other keys are other comments", function()
  local _ <close> = open()
  local gh = client()
  local first = ensure(gh.comment(comment_of("a", "codex/preview/42")))
  equal(ensure(gh.comment(comment_of("b"))).id, first.id)
  equal(ensure(gh.comment(comment_of("c", "report"))).id ~= first.id, true)
end)

test("a comment beyond the first page is found", function()
  local comments = {}
  for i = 1, 130 do comments[i] = { body = "talk " .. i, login = "octocat" } end
  comments[131] = { body = "<!-- davit:codex/preview/42 -->\nready" }
  local w <close> = open(comments)
  ensure(client().comment(comment_of()))
  equal({ w:count("^GET"), w:count("^POST") }, { 2, 0 })
end)

test("a marker that somebody else planted does not count", function()
  local w <close> = open { { body = "<!-- davit:codex/preview/42 --> mine", login = "mallory" } }
  local resource = client().comment(comment_of())
  equal(resource.find(), nil)
  ensure(resource)
  resource.destroy()
  equal({ w:count("^POST"), w:count("^PATCH"), #w.state.github.repositories["example/codex"].comments }, { 1, 0, 1 })
end)

test("a comment that was deleted meanwhile is written again", function()
  local w <close> = open()
  local gh = client()
  local resource = gh.comment(comment_of("newer"))
  local thing = ensure(gh.comment(comment_of()))
  w.state.github.repositories["example/codex"].comments = {}
  equal(resource.update(thing).body:find("newer", 1, true) ~= nil, true)
end)

test("a lost answer is looked for, never sent again", function()
  local w <close> = open()
  w:fail("^POST", { lost = "after" })
  ensure(client().comment(comment_of()))
  equal(w:count("^POST"), 1)
end)

test("a comment is deleted also when it is gone", function()
  local w <close> = open()
  local resource = client().comment(comment_of())
  ensure(resource)
  w:fail("^DELETE", answer(404, {}))
  resource.destroy()
  resource.destroy()
  resource.destroy()
  equal(resource.find(), nil)
end)

test("limits are waited for as their headers say", function()
  local w <close> = open()
  local gh = client()
  w:fail("pulls", answer(403, { ["Retry-After"] = "2" },
    "You have exceeded a secondary rate limit"))
  gh.pull(42)
  w:fail("pulls", answer(403, { ["X-RateLimit-Remaining"] = "0",
    ["X-RateLimit-Reset"] = ("%d"):format(w.now + 30) }, "API rate limit exceeded"))
  gh.pull(42)
  w:fail("pulls", answer(429, {}, "slow down"))
  gh.pull(42)
  equal({ w.pauses[1], w.pauses[2], w.pauses[3] }, { 2, 30, 60 })
end)

test("a reset that is far away is not waited for", function()
  local w <close> = open()
  w:fail("pulls", answer(403, { ["x-ratelimit-remaining"] = "0",
    ["x-ratelimit-reset"] = ("%d"):format(w.now + 3000) }, "API rate limit exceeded"))
  equal(raises("requests of this hour are used up", client().pull, 42).class, "throttled")
  equal(#w.pauses, 0)
end)

test("a missing permission is not a limit", function()
  local w <close> = open()
  w:fail("^POST", answer(403, {}, "Resource not accessible by integration"))
  raises("status 403: Resource not accessible.*pull%-requests: write",
    client().comment(comment_of()).create)
  equal(#w.pauses, 0)
  raises("status 401.*the token is not accepted", client("wrong").pull, 42)
end)

test("that it is there already is for whoever looks, other refusals are for good", function()
  local w <close> = open()
  local function class_of(body)
    w:fail("pulls/42", { status = 422, body = body })
    return select(2, try(client().pull, 42)).class
  end
  equal(class_of '{"message":"Validation Failed","errors":[{"resource":"Label","code":"already_exists"}]}', "converge")
  equal(class_of '{"message":"Validation Failed","errors":[{"code":"invalid"}]}', "fatal")
  equal(class_of '{"message":"Validation Failed","errors":["x"]}', "fatal")
end)

-- ---- the traps, as the model sets them --------------------------------------------------------

local PULL = { number = 42, title = "Add a page", head = "page" }

test("the model's own secondary limit is waited for, and the work goes on", function()
  local w <close> = provider_world.open { pull_requests = { PULL }, settings = { github_points = 5 } }
  local gh = client()
  equal(ensure(gh.comment(comment_of())).marker, "codex/preview/42")   -- looks (1), then writes (5)
  local there = w.state.github.repositories["example/codex"].comments
  equal({ w.pauses[1], w:count "^POST", #there }, { 60, 2, 1 })
end)

test("the model's primary limit, whose hour has only begun, ends the work", function()
  local w <close> = provider_world.open { pull_requests = { PULL }, settings = { github_requests = 2 } }
  local gh = client()
  gh.pull(42)
  gh.pull(42)
  equal(raises("requests are used up until 09:00:00 UTC", gh.pull, 42).class, "throttled")
  equal({ #w.pauses, w:count "^GET" }, { 0, 2 })   -- it is not asked again
end)

test("the token of a pull request from a fork cannot comment, which is no limit", function()
  local w <close> = provider_world.open { pull_requests = { PULL },
    github = { tokens = { { value = "of-a-fork", kind = "workflow", fork = true } } } }
  local err = raises("status 403: Resource not accessible.*no fork's token has it",
    client("of-a-fork").comment(comment_of()).create)
  equal({ err.class, #w.pauses, w:count "^POST" }, { "fatal", 0, 1 })
end)

test("a token without the right to see the repository is told that there is none", function()
  local _ <close> = provider_world.open { pull_requests = { PULL },
    github = { tokens = { { value = "elsewhere", kind = "fine-grained", repositories = { "example/other" } } } } }
  raises("status 404.*a token without access sees nothing", client("elsewhere").pull, 42)
end)

test("open pull requests beyond the first page are found", function()
  local pulls = {}
  for i = 1, 130 do pulls[i] = { number = i, title = "t", head = "h" .. i } end
  local w <close> = provider_world.open { pull_requests = pulls }
  equal({ #client().open_pulls(), w:count "^GET" }, { 130, 2 })
end)

test("who writes as somebody else than the workflow finds what that one wrote", function()
  local w <close> = provider_world.open { pull_requests = { PULL },
    github = { tokens = { { value = "of-an-app", kind = "installation", app = "helper",
      permissions = { pull_requests = "write" } } } } }
  local function comment(login)
    return github.client({ repository = "example/codex", token = "of-an-app", login = login }).comment(comment_of())
  end
  ensure(comment "helper[bot]")
  equal(comment("helper[bot]").find().login, "helper[bot]")
  equal({ comment(nil).find(), w:count "^POST" }, { nil, 1 })
end)
