---Deployments, their statuses and their environments, as the GitHub provider has them, against the model.
local core = require "core"
local github = require "github"
local json = require "json"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure = provider_world.ensure

local MARKER = "codex/preview/42"

local function open(tokens)
  return provider_world.open { pull_requests = { { number = 42, title = "Add a page", head = "page" } },
    github = { tokens = tokens } }
end

local function client(token)
  return github.client { repository = "example/codex", token = token or "github-token" }
end

local function repository(w) return w.state.github.repositories["example/codex"] end

local function main_sha(w) return repository(w).branches.main.sha end

local function wanted(w, changes)
  local o = { environment = "preview/pr-42", sha = main_sha(w), marker = MARKER, transient = true }
  for name, value in pairs(changes or {}) do o[name] = value end
  return o
end

local function answer(status, message)
  return { status = status, headers = {}, body = json.encode { message = message or "no" } }
end

test("what is no deployment is refused before anything is sent", function()
  local w <close> = open()
  local gh = client()
  raises("'sha' is the whole hash of a commit, not 'abc'", gh.deployment, wanted(w, { sha = "abc" }))
  raises("option 'marker' must be like", gh.deployment, wanted(w, { marker = "me" }))
  raises("'environment' is the name of one", gh.deployment, wanted(w, { environment = " " }))
  raises("unknown option 'ref'", gh.deployment, wanted(w, { ref = "main" }))
  raises("'state' is in_progress, success, failure, error, inactive, not 'done'", gh.deployment_status,
    { deployment = 1, state = "done" })
  raises("'url' is an http%(s%) URL, not 'codex'", gh.deployment_status,
    { deployment = 1, state = "success", url = "codex" })
  raises("expected a deployment or its id, not '0'", gh.deployment_status, { deployment = 0, state = "success" })
  raises("expected a marker or the beginning of one", gh.inventory, 42)
  raises("expected an item of the inventory", gh.destroy, { kind = "branch" })
  raises("expected the name of an environment", gh.remove_environment, "")
  equal(#w.log, 0)
end)

test("a deployment is made once, merges nothing and waits for no check", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.deployment(wanted(w, { description = "Preview" })))
  equal({ first.environment, first.sha, first.state, first.marker },
    { "preview/pr-42", main_sha(w), "pending", MARKER })
  equal(ensure(gh.deployment(wanted(w))).id, first.id)
  local sent = json.decode(w:last("^POST").body)
  equal({ sent.auto_merge, #sent.required_contexts, sent.payload.davit, sent.production_environment, sent.description },
    { false, 0, MARKER, nil, "Preview" })
  equal({ w:count("^POST"), #repository(w).deployments }, { 1, 1 })
end)

test("a deployment of another marker or commit is another one", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.deployment(wanted(w)))
  local other = ensure(gh.deployment(wanted(w, { marker = "codex/preview/7" })))
  local later = ensure(gh.deployment(wanted(w, { sha = gh.pull(42).sha })))
  equal({ first.id ~= other.id, first.id ~= later.id, #repository(w).deployments }, { true, true, 3 })
  equal(gh.deployment(wanted(w)).find().id, first.id)
end)

test("a payload that comes back as text has its marker all the same", function()
  local w <close> = open()
  local made = ensure(client().deployment(wanted(w)))
  repository(w).deployments[1].payload = json.encode { davit = MARKER }
  equal(client().deployment(wanted(w)).find().id, made.id)
  repository(w).deployments[1].payload = "not JSON"
  equal(client().deployment(wanted(w)).find(), nil)
end)

test("a deployment whose reply was lost is looked for, never made again", function()
  local w <close> = open()
  w:fail("^POST", { lost = "after" })
  ensure(client().deployment(wanted(w)))
  equal({ w:count("^POST"), #repository(w).deployments }, { 1, 1 })
  w:fail("^POST", { lost = "before" })
  raises("the connection broke", ensure, client().deployment(wanted(w, { environment = "other" })))
  equal(#repository(w).deployments, 1)
end)

test("an active deployment is ended, then deleted, and may be gone already", function()
  local w <close> = open()
  local gh = client()
  local resource = gh.deployment(wanted(w))
  local thing = ensure(resource)
  ensure(gh.deployment(wanted(w, { marker = "codex/preview/7" })))   -- so that it is not the only one there
  ensure(gh.deployment_status { deployment = thing, state = "success", url = "https://example.test" })
  equal(resource.find().state, "success")
  w:forget()
  resource.destroy(thing)
  equal({ resource.find(), w:count("^POST"), w:count("^DELETE") }, { nil, 1, 1 })
  resource.destroy(thing)
  equal({ w:count("^DELETE"), #repository(w).deployments }, { 1, 1 })
end)

test("the end of a deployment whose reply was lost is not said twice", function()
  local w <close> = open()
  local gh = client()
  local resource = gh.deployment(wanted(w))
  local thing = ensure(resource)
  w:fail("^POST", { lost = "after" })
  w:fail("^DELETE", { lost = "after" })
  w:forget()
  resource.destroy(thing)
  equal({ w:count("^POST"), w:count("^DELETE"), #repository(w).deployments }, { 1, 2, 0 })
end)

test("two deployments of one commit, which two runs at once may make, are both taken back", function()
  local w <close> = open()
  local resource = client().deployment(wanted(w))
  resource.create()
  resource.create()
  resource.destroy(resource.find())
  equal({ resource.find(), #repository(w).deployments }, { nil, 0 })
end)

-- ---- statuses ----------------------------------------------------------------------------

test("a status is said once, however often it is asked for, and again when something else was said", function()
  local w <close> = open()
  local gh = client()
  local thing = ensure(gh.deployment(wanted(w)))
  local function say(o)
    o.deployment = thing.id
    return ensure(gh.deployment_status(o))
  end
  local begun = say { state = "in_progress", log_url = "https://example.test/log" }
  equal({ begun.deployment, begun.state }, { thing.id, "in_progress" })
  equal(say({ state = "in_progress", log_url = "https://example.test/log" }).id, begun.id)
  say { state = "success", url = "https://example.test", description = "healthy" }
  say { state = "success", url = "https://example.test", description = "healthy" }
  say { state = "success", url = "https://other.test", description = "healthy" }
  equal({ w:count("^POST.*/statuses"), #repository(w).deployments[1].statuses }, { 3, 3 })
end)

test("a success ends nobody else's deployment", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.deployment(wanted(w, { transient = false })))
  ensure(gh.deployment_status { deployment = first, state = "success" })
  local second = ensure(gh.deployment(wanted(w, { transient = false, marker = "codex/preview/7" })))
  ensure(gh.deployment_status { deployment = second, state = "success" })
  equal(gh.deployment(wanted(w)).find().state, "success")
end)

test("a description is masked, then cut to what GitHub takes", function()
  local w <close> = open()
  require("secret.core").new("ECHOED", "echoed-in-a-status", { "api.github.com" })
  local gh = client()
  local thing = ensure(gh.deployment(wanted(w)))
  local long = "echoed-in-a-status " .. ("é"):rep(200)
  ensure(gh.deployment_status { deployment = thing, state = "failure", description = long })
  ensure(gh.deployment_status { deployment = thing, state = "failure", description = long })
  local said = repository(w).deployments[1].statuses
  equal({ #said, said[1].description:sub(1, 4), utf8.len(said[1].description) <= 140 }, { 1, "*** ", true })
end)

test("what was said of a deployment stays said when it is taken back", function()
  local w <close> = open()
  local gh = client()
  local resource = gh.deployment_status { deployment = ensure(gh.deployment(wanted(w))), state = "failure" }
  ensure(resource)
  equal(resource.find().state, "failure")
  w:forget()
  resource.destroy(resource.find())
  equal({ resource.find(), #repository(w).deployments[1].statuses, w:count("^[PD]") }, { nil, 1, 0 })
end)

test("of a deployment that is gone nothing is said", function()
  local w <close> = open()
  local resource = client().deployment_status { deployment = 99, state = "success" }
  equal(resource.find(), nil)
  raises("could not say that the deployment 99 is success: status 404", resource.create)
  equal(w:count("^POST"), 1)
end)

-- ---- what lives --------------------------------------------------------------------------

test("the inventory has what is ours below a prefix, of all environments or of one", function()
  local w <close> = open()
  local gh = client()
  local first = ensure(gh.deployment(wanted(w)))
  ensure(gh.deployment(wanted(w, { environment = "preview/pr-7", marker = "codex/preview/7" })))
  ensure(gh.deployment(wanted(w, { environment = "production", marker = "other/production/main" })))
  local list = gh.inventory("codex/preview/42")
  equal(list, { { kind = "deployment", name = "preview/pr-42", id = first.id, marker = MARKER, sha = first.sha } })
  equal({ #gh.inventory("codex"), #gh.inventory(""), #gh.inventory("", { environment = "production" }) }, { 2, 3, 1 })
  for _, item in ipairs(gh.inventory("codex/preview")) do gh.destroy(item) end
  equal({ #gh.inventory("codex"), #repository(w).deployments }, { 0, 1 })
  gh.destroy(list[1])
end)

test("deployments beyond the first page are found", function()
  local w <close> = open()
  local gh = client()
  local made = gh.deployment(wanted(w)).create()
  for _ = 1, 120 do gh.deployment(wanted(w, { marker = "codex/preview/7" })).create() end
  w:forget()
  equal({ gh.deployment(wanted(w)).find().id, w:count("/deployments%?") }, { made.id, 2 })
end)

test("an item that was given to another meanwhile is not destroyed", function()
  local w <close> = open()
  local gh = client()
  ensure(gh.deployment(wanted(w)))
  local item = gh.inventory(MARKER)[1]
  repository(w).deployments[1].payload = { davit = "codex/preview/7" }
  raises("the deployment %d+ belongs to codex/preview/7, not to codex/preview/42", gh.destroy, item)
  repository(w).deployments[1].payload = {}
  raises("carries no marker of Davit", gh.destroy, item)
  equal(#repository(w).deployments, 1)
end)

-- ---- environments ------------------------------------------------------------------------

test("a workflow's token may not remove an environment, and that is an answer", function()
  local w <close> = open()
  local gh = client()
  local resource = gh.deployment(wanted(w))
  resource.destroy(ensure(resource))
  local result = gh.remove_environment "preview/pr-42"
  equal({ result.state, result.reason:find("administration: write", 1, true) ~= nil,
    result.reason:find("GITHUB_TOKEN never has it", 1, true) ~= nil, #repository(w).environments },
    { "not-allowed", true, true, 1 })
end)

test("an environment goes when the token may and nothing is deployed there any more", function()
  local w <close> = open()
  local gh = client "github-owner-token"
  local resource = gh.deployment(wanted(w))
  ensure(resource)
  equal(gh.remove_environment("preview/pr-42").state, "in-use")
  resource.destroy()
  equal(gh.remove_environment("preview/pr-42"), { state = "removed" })
  equal(gh.remove_environment("preview/pr-42"), { state = "absent" })
  equal(#repository(w).environments, 0)
end)

test("a 404 for the deletion of an environment that is there is no success", function()
  local w <close> = open()
  local resource = client().deployment(wanted(w))
  resource.destroy(ensure(resource))
  w:fail("^DELETE", answer(404, "Not Found"))
  equal(client("github-owner-token").remove_environment("preview/pr-42").state, "not-allowed")
  w:fail("^DELETE", { lost = "after" })
  equal(client("github-owner-token").remove_environment("preview/pr-42").state, "absent")
end)

test("an environment that somebody gave rules is kept", function()
  local w <close> = open()
  local gh = client "github-owner-token"
  local resource = gh.deployment(wanted(w))
  resource.destroy(ensure(resource))
  repository(w).environments[1].wait_timer = 5
  equal(gh.remove_environment("preview/pr-42").state, "protected")
  equal(#repository(w).environments, 1)
end)

test("a limit that is no missing permission stays an error", function()
  local w <close> = open()
  w:fail("environments", { status = 403, headers = { ["retry-after"] = "900" }, body = "{}" })
  equal(raises("status 403", client().remove_environment, "preview").class, "throttled")
end)

test("an environment whose service falters is asked for again", function()
  local w <close> = open()
  w:fail("environments", answer(500))
  equal(client().remove_environment("preview").state, "absent")
end)

test("a missing permission is named", function()
  local w <close> = open { { value = "reader", kind = "workflow", permissions = { contents = "read" } } }
  local err = raises("status 403", client("reader").deployment(wanted(w)).create)
  equal(err.hint, "the token lacks a permission: 'deployments: write', and no fork's token has it")
end)
