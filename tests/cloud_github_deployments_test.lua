---The model of GitHub: deployments, their statuses, and the environments that they leave behind.
local core = require "core"
local json = require "json"
local github_world = assert(core.load_file "tests/github_world.lua")()

local NOTHING = json.array {}
local PLAIN = { auto_merge = false, required_contexts = NOTHING }

local function asked(fields)
  local body = { ref = "topic" }
  for key, value in pairs(PLAIN) do body[key] = value end
  for key, value in pairs(fields or {}) do body[key] = value end
  return body
end

local function deploy(w, fields, who)
  return w:get(who or "workflow", "POST", "/deployments", asked(fields))
end

local function say(w, deployment, state, fields)
  local body = { state = state }
  for key, value in pairs(fields or {}) do body[key] = value end
  return w:get("workflow", "POST", ("/deployments/%d/statuses"):format(deployment.id), body)
end

-- The newest state of a deployment; nil without one.
local function state_of(w, deployment)
  local list = w:get("workflow", "GET", ("/deployments/%d/statuses"):format(deployment.id))
  return list[1] and list[1].state
end

local function environments(w)
  local names = {}
  for i, one in ipairs(w:get("workflow", "GET", "/environments?per_page=100").environments) do names[i] = one.name end
  return names
end

-- ---- a deployment -------------------------------------------------------------------------------

test("a deployment is of a commit, for an environment, by whoever asks", function()
  local w = github_world.new()
  local made = deploy(w, { environment = "preview/pr-42", transient_environment = true, task = "preview",
    production_environment = false, payload = { pr = 42 }, description = "a preview" })
  equal({ made.sha, made.ref, made.task, made.environment, made.original_environment, made.description },
    { w:head "topic", "topic", "preview", "preview/pr-42", "preview/pr-42", "a preview" })
  equal({ made.transient_environment, made.production_environment, made.payload.pr }, { true, false, 42 })
  equal({ made.creator.login, made.performed_via_github_app.slug }, { "github-actions[bot]", "github-actions" })
  equal(w:get("workflow", "GET", "/deployments/" .. made.id), made)
end)

test("the environment is production when none is named, and then it is one of production", function()
  local w = github_world.new()
  local made = deploy(w)
  equal({ made.environment, made.production_environment, made.transient_environment, made.task },
    { "production", true, false, "deploy" })
  equal(deploy(w, { environment = "staging" }).production_environment, false)
  equal(deploy(w, { environment = "live", production_environment = true }).production_environment, true)
end)

test("a reference that is not there is refused, and a field of another type", function()
  local w = github_world.new()
  equal(w:refused("workflow", "POST", "/deployments", asked { ref = "nowhere" }), { 422, "No ref found for: nowhere" })
  equal(w:refused("workflow", "POST", "/deployments", { environment = "x" }),
    { 422, 'Invalid request.\n\n"ref" wasn\'t supplied.' })
  equal(w:refused("workflow", "POST", "/deployments", asked { auto_merge = "no" }),
    { 422, "Invalid request.\n\nFor 'properties/auto_merge', \"no\" is not a boolean." })
  equal(w:refused("workflow", "POST", "/deployments", asked { required_contexts = { 1 } }),
    { 422, "Invalid request.\n\nFor 'properties/required_contexts/items/0', 1 is not a string." })
  equal(#w.repository.deployments, 0)
end)

test("a commit can be deployed by its hash", function()
  local w = github_world.new()
  local sha = w:head "topic"
  local made = deploy(w, { ref = sha })
  equal({ made.sha, made.ref }, { sha, sha })
end)

test("deployments are listed newest first, by what they are of", function()
  local w = github_world.new()
  local a = deploy(w, { environment = "a", task = "one" })
  local b = deploy(w, { environment = "b", ref = "main" })
  local function ids(query)
    local list = {}
    for i, one in ipairs(w:get("workflow", "GET", "/deployments" .. query)) do list[i] = one.id end
    return list
  end
  equal(ids "", { b.id, a.id })
  equal(ids "?environment=a", { a.id })
  equal(ids "?ref=main", { b.id })
  equal(ids "?task=one", { a.id })
  equal(ids("?sha=" .. w:head "topic"), { a.id })
  equal(ids "?environment=c", {})
  local _, _, headers = w:ask("workflow", "GET", "/deployments?per_page=1")
  equal(headers.link:find('page=2>; rel="next"', 1, true) ~= nil, true)
end)

test("deployments need their permission, and a fork's token only reads them", function()
  local w = github_world.new()
  equal(w:refused("reader", "POST", "/deployments", asked()), { 403, "Resource not accessible by integration" })
  equal(w:refused("fork", "POST", "/deployments", asked()), { 403, "Resource not accessible by integration" })
  equal((w:ask("fork", "GET", "/deployments")), 200)
  local _, _, headers = w:ask("reader", "POST", "/deployments", asked())
  equal(headers["x-accepted-github-permissions"], "deployments=write")
  equal((w:ask("nobody", "GET", "/deployments")), 401)
  equal(w:refused("reviewer", "POST", "/deployments", asked()), { 403, "Must have push access to repository" })
end)

-- ---- the defaults -------------------------------------------------------------------------------

test("by default a branch that is behind is merged with the default branch, and nothing is deployed", function()
  local w = github_world.new()
  local git = require "cloud.github.git"
  git.push(w.state, w.repository, "main", { message = "meanwhile" }, w.now)
  local before = w:head "topic"
  local status, answer = w:ask("workflow", "POST", "/deployments", { ref = "topic", required_contexts = NOTHING })
  equal({ status, answer.message }, { 202, "Auto-merged main into topic on deployment." })
  equal({ #w.repository.deployments, #environments(w) }, { 0, 0 })
  local merged = w.repository.commits[w:head "topic"]
  equal(merged.parents, { before, w:head "main" })
  equal(w.repository.pulls[1].sha, merged.sha)   -- the pull request follows its branch
  equal((w:ask("workflow", "POST", "/deployments", { ref = "topic", required_contexts = NOTHING })), 201)
end)

test("a merge that conflicts deploys nothing", function()
  local w = github_world.new()
  require "cloud.github.git".push(w.state, w.repository, "main", { message = "meanwhile" }, w.now)
  w.repository.pulls[1].conflict = true
  equal(w:refused("workflow", "POST", "/deployments", { ref = "topic", required_contexts = NOTHING }),
    { 409, "Conflict merging main into topic." })
  local sha = w:head "topic"
  equal(w:refused("workflow", "POST", "/deployments", { ref = sha, required_contexts = NOTHING }),
    { 409, ("Conflict merging main into %s."):format(sha) })
end)

test("by default every check has to have succeeded, the asking workflow's own job among them", function()
  local w = github_world.new()
  w:desk("POST", "/_davit/github/runs", { pull = 42, jobs = { { name = "deploy", status = "in_progress" } } })
  local status, answer = w:ask("workflow", "POST", "/deployments", { ref = "topic", auto_merge = false })
  equal({ status, answer.message }, { 409, "Conflict: Commit status checks failed for topic." })
  equal(answer.errors, { { resource = "Deployment", field = "required_contexts", code = "invalid",
    contexts = { { context = "deploy", state = "pending" } } } })
  equal(#w.repository.deployments, 0)
  equal((w:ask("workflow", "POST", "/deployments", asked())), 201)
end)

test("statuses count as well, and what was skipped has not succeeded", function()
  local w = github_world.new()
  local sha = w:head "topic"
  local function try_deploy(contexts)
    return (w:ask("workflow", "POST", "/deployments", { ref = "topic", auto_merge = false,
      required_contexts = contexts }))
  end
  equal(try_deploy(), 201)   -- nobody has said anything
  w:get("workflow", "POST", "/statuses/" .. sha, { state = "failure", context = "ci/lint" })
  equal({ try_deploy(), try_deploy(NOTHING), try_deploy { "ci/lint" } }, { 409, 201, 409 })
  w:get("workflow", "POST", "/statuses/" .. sha, { state = "success", context = "CI/Lint" })
  equal({ try_deploy(), try_deploy { "ci/lint" }, try_deploy { "ci/never" } }, { 201, 201, 409 })
  w:get("app", "POST", "/check-runs", { name = "scan", head_sha = sha, conclusion = "skipped" })
  equal({ try_deploy(), try_deploy { "ci/lint" }, try_deploy { "scan" } }, { 409, 201, 409 })
end)

test("what a protected branch demands counts before anybody has reported it", function()
  local w = github_world.new { github = { branches = { { name = "main", required = { "ci/test" } } } } }
  local body = { ref = "main", auto_merge = false }
  local status, answer = w:ask("workflow", "POST", "/deployments", body)
  equal({ status, answer.errors[1].contexts }, { 409, { { context = "ci/test", state = "pending" } } })
  w:get("workflow", "POST", "/statuses/" .. w:head "main", { state = "success", context = "ci/test" })
  equal((w:ask("workflow", "POST", "/deployments", body)), 201)
  equal((w:ask("workflow", "POST", "/deployments", { ref = "topic", auto_merge = false })), 201)
end)

-- ---- statuses -----------------------------------------------------------------------------------

test("a status says how a deployment went on, and where it can be looked at", function()
  local w = github_world.new()
  local deployment = deploy(w, { environment = "preview" })
  local status = say(w, deployment, "success", { environment_url = "https://pr-42.example.com", log_url = "https://l.example",
    description = "ready" })
  equal({ status.state, status.environment_url, status.log_url, status.target_url, status.description,
    status.environment, status.creator.login }, { "success", "https://pr-42.example.com", "https://l.example",
    "https://l.example", "ready", "preview", "github-actions[bot]" })
  equal(w:get("workflow", "GET", ("/deployments/%d/statuses/%d"):format(deployment.id, status.id)), status)
  say(w, deployment, "failure")
  equal(state_of(w, deployment), "failure")
  equal(#w:get("workflow", "GET", ("/deployments/%d/statuses"):format(deployment.id)), 2)
end)

test("a status that cannot be is refused", function()
  local w = github_world.new()
  local path = ("/deployments/%d/statuses"):format(deploy(w).id)
  equal(w:refused("workflow", "POST", path, { state = "done" })[1], 422)
  equal(w:refused("workflow", "POST", path, {}), { 422, 'Invalid request.\n\n"state" wasn\'t supplied.' })
  local _, answer = w:ask("workflow", "POST", path, { state = "success", description = ("x"):rep(141) })
  equal(answer.errors, { { resource = "DeploymentStatus", field = "description", code = "custom",
    message = "description is too long (maximum is 140 characters)" } })
  equal((w:ask("workflow", "POST", path, { state = "success", description = ("ü"):rep(140) })), 201)
  equal((w:ask("workflow", "POST", path, { state = "success", environment_url = "pr-42.example.com" })), 422)
  equal((w:ask("workflow", "POST", "/deployments/1/statuses", { state = "success" })), 404)
end)

test("a status can move a deployment to another environment, which is made", function()
  local w = github_world.new()
  local deployment = deploy(w, { environment = "staging" })
  say(w, deployment, "in_progress", { environment = "live" })
  local now = w:get("workflow", "GET", "/deployments/" .. deployment.id)
  equal({ now.environment, now.original_environment }, { "live", "staging" })
  equal(say(w, deployment, "success").environment, "live")
  equal(environments(w), { "staging", "live" })
end)

-- ---- auto_inactive ------------------------------------------------------------------------------

test("a success ends the earlier successes of its environment", function()
  local w = github_world.new()
  local first, failed, other = deploy(w, { environment = "staging" }), deploy(w, { environment = "staging" }),
    deploy(w, { environment = "preview" })
  say(w, first, "success")
  say(w, failed, "failure")
  say(w, other, "success")
  local second = deploy(w, { environment = "staging" })
  say(w, second, "in_progress")
  equal(state_of(w, first), "success")
  say(w, second, "success")
  equal({ state_of(w, first), state_of(w, failed), state_of(w, other), state_of(w, second) },
    { "inactive", "failure", "success", "success" })
end)

test("transient deployments and those of production are never ended by another one", function()
  local w = github_world.new()
  local transient = deploy(w, { environment = "preview", transient_environment = true })
  local production = deploy(w, { environment = "production" })
  say(w, transient, "success")
  say(w, production, "success")
  say(w, deploy(w, { environment = "preview", transient_environment = true }), "success")
  say(w, deploy(w, { environment = "production" }), "success")
  equal({ state_of(w, transient), state_of(w, production) }, { "success", "success" })
end)

test("of one shared environment every preview ends the others, unless auto_inactive is off", function()
  local w = github_world.new()
  local one = deploy(w, { environment = "PR Preview", task = "preview-pr-1" })
  say(w, one, "success")
  local two = deploy(w, { environment = "PR Preview", task = "preview-pr-2" })
  say(w, two, "success", { auto_inactive = false })
  equal({ state_of(w, one), state_of(w, two) }, { "success", "success" })
  say(w, deploy(w, { environment = "PR Preview", task = "preview-pr-3" }), "success")
  equal({ state_of(w, one), state_of(w, two) }, { "inactive", "inactive" })
end)

test("an earlier deployment that succeeds late does not end a later one", function()
  local w = github_world.new()
  local first, second = deploy(w, { environment = "staging" }), deploy(w, { environment = "staging" })
  say(w, second, "success")
  say(w, first, "success")
  equal({ state_of(w, first), state_of(w, second) }, { "success", "success" })
end)

-- ---- taking them away ---------------------------------------------------------------------------

test("an active deployment is deleted only when it is its environment's last one", function()
  local w = github_world.new()
  local one, two = deploy(w, { environment = "a", transient_environment = true }),
    deploy(w, { environment = "a", transient_environment = true })
  say(w, one, "success")
  equal(w:refused("workflow", "DELETE", "/deployments/" .. one.id), { 422,
    "We cannot delete an active deployment unless it is the only deployment in a given environment." })
  say(w, one, "inactive")
  equal((w:ask("workflow", "DELETE", "/deployments/" .. one.id)), 204)
  equal((w:ask("workflow", "GET", "/deployments/" .. one.id)), 404)
  say(w, two, "success")
  equal((w:ask("workflow", "DELETE", "/deployments/" .. two.id)), 204)
  equal((w:ask("workflow", "DELETE", "/deployments/" .. two.id)), 404)
end)

test("environments pile up: a workflow cleans its deployments, and cannot delete what they made", function()
  local w = github_world.new()
  for pr = 1, 60 do
    w.now = w.now + 15   -- too many at once are limited
    local deployment = deploy(w, { environment = "preview/pr-" .. pr, transient_environment = true })
    say(w, deployment, "success")
    say(w, deployment, "inactive")
    equal((w:ask("workflow", "DELETE", "/deployments/" .. deployment.id)), 204)
  end
  equal(w:get("workflow", "GET", "/deployments"), {})
  local page = w:get("workflow", "GET", "/environments")
  equal({ page.total_count, #page.environments }, { 60, 30 })   -- the first page only
  equal(w:refused("workflow", "DELETE", "/environments/preview%2Fpr-1"),
    { 403, "Resource not accessible by integration" })
  equal(w:refused("writer", "DELETE", "/environments/preview%2Fpr-1")[1], 403)
  w.now = w.now + 3600
  for pr = 1, 60 do equal((w:ask("admin", "DELETE", "/environments/preview%2Fpr-" .. pr)), 204) end
  equal(environments(w), {})
end)

test("one shared environment for all previews leaves one behind", function()
  local w = github_world.new()
  for pr = 1, 5 do
    local deployment = deploy(w, { environment = "PR Preview", task = "preview-pr-" .. pr })
    say(w, deployment, "success", { auto_inactive = false })
    say(w, deployment, "inactive")
    equal((w:ask("workflow", "DELETE", "/deployments/" .. deployment.id)), 204)
  end
  equal(environments(w), { "PR Preview" })
end)

test("what a deployment leaves is in the inventory that a rehearsal compares", function()
  local inventory = require "rehearsal.inventory"
  local w = github_world.new()
  local before = #inventory.lines(w.state)
  local deployment = deploy(w, { environment = "preview/pr-42", task = "preview" })
  say(w, deployment, "success", { environment_url = "https://pr-42.example.com" })
  w:get("admin", "POST", "/environments/preview%2Fpr-42/variables", { name = "URL", value = "x" })
  w:get("workflow", "POST", "/statuses/" .. w:head "topic", { state = "success", context = "preview" })
  equal({ #inventory.lines(w.state) - before, table.unpack(inventory.lines(w.state), before + 1) }, { 3,
    "deployment of topic to preview/pr-42: preview, success https://pr-42.example.com",
    "status preview: success of " .. w:head("topic"):sub(1, 8), "variable URL of preview/pr-42: x" })
end)

test("the inventory has open issues, and tells remarks on an issue from comments on a pull request", function()
  local inventory = require "rehearsal.inventory"
  local w = github_world.new()
  local before = #inventory.lines(w.state)
  local open = w:get("workflow", "POST", "/issues", { title = "Broken", body = "all\nof it" })
  w:get("workflow", "POST", ("/issues/%d/comments"):format(open.number), { body = "soon" })
  w:get("workflow", "POST", "/issues/42/comments", { body = "ready" })
  local closed = w:get("workflow", "POST", "/issues", { title = "Mended" })
  w:get("workflow", "PATCH", "/issues/" .. closed.number, { state = "closed" })
  local lines = inventory.lines(w.state)
  local found = {}
  for _, line in ipairs(lines) do
    if line:find "#%d" or line:find "issue" then found[#found + 1] = { line, inventory.is_said(line) } end
  end
  equal({ #lines - before, table.unpack(found) }, { 3, { "comment on #42 by github-actions[bot]: ready", false },
    { "issue 'Broken': by github-actions[bot] all of it", false },
    { ("remark on #%d by github-actions[bot]: soon"):format(open.number), true } })
end)
