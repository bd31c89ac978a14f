---The model of GitHub: environments with their rules, and the jobs that wait for them.
local core = require "core"
local json = require "json"
local users = require "cloud.github.users"
local github_world = assert(core.load_file "tests/github_world.lua")()

local function put(w, name, rules)
  return w:get("admin", "PUT", "/environments/" .. name, rules)
end

local function reviewers(...)
  local list = {}
  for i, login in ipairs { ... } do list[i] = { type = "User", id = users.id(login) } end
  return list
end

-- A run of one job with an environment.
local function run_for(w, environment, fields)
  local body = { jobs = { { name = "deploy", environment = environment, queue_seconds = 5, seconds = 60 } } }
  for key, value in pairs(fields or {}) do body[key] = value end
  return w:desk("POST", "/_davit/github/runs", body)
end

local function path_of(run, rest) return ("/actions/runs/%d%s"):format(run.id, rest or "") end

local function pending(w, run, who)
  return w:get(who or "reviewer", "GET", path_of(run, "/pending_deployments"))
end

local function review(w, run, who, environment, state)
  return w:ask(who, "POST", path_of(run, "/pending_deployments"),
    { environment_ids = { environment.id }, state = state or "approved", comment = "looked at" })
end

local function job_of(w, run) return w:get("workflow", "GET", path_of(run, "/jobs")).jobs[1] end

-- ---- environments -------------------------------------------------------------------------------

test("an environment is created with its rules, changed, and deleted, by who administers the repository", function()
  local w = github_world.new()
  local made = put(w, "production", { wait_timer = 30, reviewers = reviewers "rita", prevent_self_review = true,
    deployment_branch_policy = { protected_branches = true, custom_branch_policies = false } })
  equal({ made.name, #made.protection_rules, made.deployment_branch_policy }, { "production", 3,
    { protected_branches = true, custom_branch_policies = false } })
  equal({ made.protection_rules[1].type, made.protection_rules[1].wait_timer }, { "wait_timer", 30 })
  equal({ made.protection_rules[2].type, made.protection_rules[2].prevent_self_review,
    made.protection_rules[2].reviewers[1].reviewer.login }, { "required_reviewers", true, "rita" })
  equal(made.protection_rules[3].type, "branch_policy")
  local bare = put(w, "Production")   -- the same one, without rules
  equal({ bare.id, bare.name, #bare.protection_rules, bare.deployment_branch_policy }, { made.id, "production", 0,
    json.null })
  equal((w:ask("admin", "DELETE", "/environments/production")), 204)
  equal((w:ask("admin", "DELETE", "/environments/production")), 404)
  equal((w:ask("admin", "GET", "/environments/production")), 404)
end)

test("a name may have a slash, which the path has encoded", function()
  local w = github_world.new()
  equal(put(w, "preview%2Fpr-42").name, "preview/pr-42")
  equal(w:get("workflow", "GET", "/environments/preview%2Fpr-42").url,
    "https://api.github.com/repos/example/codex/environments/preview%2Fpr-42")
  equal(w:refused("workflow", "GET", "/environments/preview/pr-42"), { 404, "Not Found" })
end)

test("neither a workflow's token nor a writer changes or deletes an environment", function()
  local w = github_world.new()
  put(w, "preview")
  equal(w:refused("workflow", "PUT", "/environments/x"), { 403, "Resource not accessible by integration" })
  equal(w:refused("workflow", "DELETE", "/environments/preview"), { 403, "Resource not accessible by integration" })
  equal(w:refused("writer", "DELETE", "/environments/preview"), { 403, "Must have admin rights to Repository." })
  equal(w:get("workflow", "GET", "/environments").total_count, 1)
end)

test("what cannot be a rule is refused", function()
  local w = github_world.new()
  local function refused(rules) return w:refused("admin", "PUT", "/environments/e", rules) end
  equal(refused { wait_timer = 43201 }, { 422,
    "Invalid request.\n\nFor 'properties/wait_timer', 43201 must be less than or equal to 43200." })
  equal(refused { deployment_branch_policy = { protected_branches = true, custom_branch_policies = true } }[1], 422)
  equal(refused { deployment_branch_policy = { protected_branches = false, custom_branch_policies = false } }[1], 422)
  equal(refused { reviewers = reviewers("a", "b", "c", "d", "e", "f", "g") },
    { 422, "Invalid request.\n\nNo more than 6 items are allowed; 7 were supplied." })
  equal(refused { reviewers = reviewers "stranger" }[1], 422)
  equal(refused { reviewers = { { type = "Robot", id = 1 } } }[1], 422)
  equal(w:refused("admin", "PUT", "/environments/" .. ("x"):rep(256))[1], 422)
  equal(w:refused("admin", "PUT", "/environments/a%00b")[1], 422)
  equal(w:get("workflow", "GET", "/environments").total_count, 0)
  put(w, "e", { deployment_branch_policy = json.null, reviewers = json.null })
end)

test("a team can be named, and nobody is in it", function()
  local w = github_world.new()
  local made = put(w, "e", { reviewers = { { type = "Team", id = 7 } } })
  equal({ made.protection_rules[1].reviewers[1].type, made.protection_rules[1].reviewers[1].reviewer.slug },
    { "Team", "team-7" })
  local run = run_for(w, "e")
  equal(pending(w, run)[1].current_user_can_approve, false)
end)

-- ---- rules for branches -------------------------------------------------------------------------

local CUSTOM = { deployment_branch_policy = { protected_branches = false, custom_branch_policies = true } }

test("patterns for branches are kept by an environment that has its own", function()
  local w = github_world.new()
  local path = "/environments/live/deployment-branch-policies"
  put(w, "live")
  equal((w:ask("admin", "POST", path, { name = "main" })), 404)
  put(w, "live", CUSTOM)
  local rule = w:get("admin", "POST", path, { name = "release/*" })
  equal({ rule.name, rule.type }, { "release/*", "branch" })
  local status, _, headers = w:ask("admin", "POST", path, { name = "release/*" })
  equal({ status, headers.location }, { 303, "https://api.github.com/repos/example/codex" .. path .. "/" .. rule.id })
  equal((w:ask("admin", "POST", path, { name = "release/*", type = "tag" })), 200)
  local list = w:get("workflow", "GET", path)
  equal({ list.total_count, list.branch_policies[1].name }, { 2, "release/*" })
  equal(w:get("admin", "PUT", path .. "/" .. rule.id, { name = "main" }).name, "main")
  equal((w:ask("admin", "DELETE", path .. "/" .. rule.id)), 204)
  equal((w:ask("admin", "GET", path .. "/" .. rule.id)), 404)
  equal((w:ask("workflow", "POST", path, { name = "x" })), 403)
  put(w, "live")   -- every branch again
  equal(w:get("workflow", "GET", path).total_count, 0)
end)

test("patterns match as file names do", function()
  local matches = require "cloud.github.branch_rules".matches
  equal({ matches("main", "main"), matches("main", "mainly"), matches("release/*", "release/1"),
    matches("release/*", "release/1/2"), matches("release/**/*", "release/1/2"), matches("v?.0", "v1.0"),
    matches("a.b", "axb") }, { true, false, true, false, true, true, false })
  equal({ matches("v[0-9]*", "v1.2"), matches("v[0-9]*", "vx"), matches("[!a]b", "cb"), matches("[!a]b", "ab"),
    matches("[", "["), matches("[]", "[]"), matches("a]", "a]") }, { true, false, true, false, false, false, true })
end)

test("a branch that may not deploy fails the job at once, before any step", function()
  local w = github_world.new()
  put(w, "live", CUSTOM)
  w:get("admin", "POST", "/environments/live/deployment-branch-policies", { name = "main" })
  local run = run_for(w, "live", { head_branch = "topic" })
  equal({ run.status, run.conclusion, run.jobs[1].message }, { "completed", "failure",
    'Branch "topic" is not allowed to deploy to live due to environment protection rules.' })
  equal({ job_of(w, run).steps, pending(w, run) }, { {}, {} })
  equal(#w.repository.deployments, 0)
  equal(run_for(w, "live").status, "queued")   -- of main
end)

test("an event of a pull request has a reference that no branch's name allows", function()
  local w = github_world.new()
  put(w, "live", CUSTOM)
  w:get("admin", "POST", "/environments/live/deployment-branch-policies", { name = "topic" })
  equal(run_for(w, "live", { pull = 42 }).jobs[1].message,
    'Branch "refs/pull/42/merge" is not allowed to deploy to live due to environment protection rules.')
  w:get("admin", "POST", "/environments/live/deployment-branch-policies", { name = "refs/pull/*/merge" })
  equal(run_for(w, "live", { pull = 42 }).status, "queued")
end)

test("protected branches alone may deploy where that is the rule", function()
  local w = github_world.new()
  put(w, "live", { deployment_branch_policy = { protected_branches = true, custom_branch_policies = false } })
  equal(run_for(w, "live").conclusion, "failure")
  w.repository.branches.main.protected = true
  equal(run_for(w, "live").status, "queued")
  equal(run_for(w, "live", { head_branch = "topic" }).conclusion, "failure")
end)

-- ---- reviewers ----------------------------------------------------------------------------------

test("a job waits until a required reviewer lets it pass", function()
  local w = github_world.new()
  local environment = put(w, "production", { reviewers = reviewers "rita" })
  local run = run_for(w, "production")
  equal({ run.status, run.jobs[1].status }, { "waiting", "waiting" })
  local entry = pending(w, run)[1]
  equal({ entry.environment.name, entry.wait_timer, entry.wait_timer_started_at, entry.current_user_can_approve,
    entry.reviewers[1].reviewer.login }, { "production", 0, json.null, true, "rita" })
  equal(pending(w, run, "workflow")[1].current_user_can_approve, false)

  w.now = w.now + 600
  equal(job_of(w, run).status, "waiting")
  local status, made = review(w, run, "reviewer", environment)
  equal({ status, #made, made[1].environment, made[1].sha }, { 200, 1, "production", w:head "main" })
  equal({ pending(w, run), job_of(w, run).status }, { {}, "queued" })
  w.now = w.now + 5
  equal(job_of(w, run).status, "in_progress")
  w.now = w.now + 60
  equal({ job_of(w, run).conclusion, w:get("workflow", "GET", path_of(run)).conclusion }, { "success", "success" })
  local history = w:get("workflow", "GET", path_of(run, "/approvals"))
  equal({ #history, history[1].state, history[1].user.login, history[1].comment, history[1].environments[1].name },
    { 1, "approved", "rita", "looked at", "production" })
end)

test("nobody else lets a job pass: not the workflow, not an app, not who administers", function()
  local w = github_world.new()
  local environment = put(w, "production", { reviewers = reviewers "rita" })
  local run = run_for(w, "production")
  for _, who in ipairs { "workflow", "app", "admin", "writer", "owner", "fork" } do
    equal({ who, (review(w, run, who, environment)) }, { who, 403 })
  end
  equal((review(w, run, "reviewer", { id = environment.id + 1 })), 422)
  equal({ job_of(w, run).status, w:get("workflow", "GET", path_of(run, "/approvals")) }, { "waiting", {} })
  equal((review(w, run, "reviewer", environment)), 200)
  equal((review(w, run, "reviewer", environment)), 422)   -- nothing waits any more
end)

test("whoever began a run does not review it where that is the rule", function()
  local w = github_world.new()
  local environment = put(w, "production", { reviewers = reviewers("rita", "ada"), prevent_self_review = true })
  local run = run_for(w, "production", { actor = "rita" })
  equal({ pending(w, run)[1].current_user_can_approve, (review(w, run, "reviewer", environment)) }, { false, 403 })
  equal((review(w, run, "admin", environment)), 200)
end)

test("a rejected job fails, and those that need it are skipped", function()
  local w = github_world.new()
  local environment = put(w, "production", { reviewers = reviewers "rita" })
  local run = w:desk("POST", "/_davit/github/runs", { jobs = {
    { name = "deploy", environment = "production" }, { name = "after", needs = { "deploy" }, seconds = 1 } } })
  equal((review(w, run, "reviewer", environment, "rejected")), 200)
  local jobs = w:get("workflow", "GET", path_of(run, "/jobs")).jobs
  equal({ jobs[1].conclusion, jobs[2].conclusion, w:get("workflow", "GET", path_of(run)).conclusion },
    { "failure", "skipped", "failure" })
end)

test("a review without a comment, an environment or a known state is refused", function()
  local w = github_world.new()
  local environment = put(w, "production", { reviewers = reviewers "rita" })
  local path = path_of(run_for(w, "production"), "/pending_deployments")
  local function refused(body) return w:refused("reviewer", "POST", path, body)[1] end
  equal({ refused { environment_ids = { environment.id }, state = "approved" },
    refused { environment_ids = json.array {}, state = "approved", comment = "" },
    refused { environment_ids = { environment.id }, state = "maybe", comment = "" },
    refused { environment_ids = { "production" }, state = "approved", comment = "" } }, { 422, 422, 422, 422 })
end)

test("a job waits for thirty days at most, and fails when its environment goes away", function()
  local w = github_world.new()
  put(w, "production", { reviewers = reviewers "rita" })
  local run, other = run_for(w, "production"), run_for(w, "production")
  w.now = w.now + 30 * 86400 - 1
  equal(job_of(w, run).status, "waiting")
  w.now = w.now + 1
  equal({ job_of(w, run).conclusion, job_of(w, run).completed_at }, { "failure", "2027-02-14T08:00:00Z" })
  equal(job_of(w, other).conclusion, "failure")
  local third = run_for(w, "production")
  equal((w:ask("admin", "DELETE", "/environments/production")), 204)
  equal(job_of(w, third).conclusion, "failure")
end)

-- ---- apps -------------------------------------------------------------------------------------

test("an app that an environment asks lets a job pass, or does not", function()
  local w = github_world.new { github = { apps = { { slug = "farm", id = 7, permissions = { deployments = "write" } } } } }
  local environment = put(w, "live", { reviewers = reviewers "rita" })
  local path = "/environments/live/deployment_protection_rules"
  equal((w:ask("workflow", "POST", path, { integration_id = 7 })), 403)
  local rule = w:get("admin", "POST", path, { integration_id = 7 })
  equal({ rule.enabled, rule.app.slug, rule.app.id }, { true, "farm", 7 })
  equal({ (w:ask("admin", "POST", path, { integration_id = 7 })), (w:ask("admin", "POST", path, { integration_id = 8 })),
    w:get("workflow", "GET", path).total_count }, { 422, 422, 1 })

  local run, other = run_for(w, "live"), run_for(w, "live")
  local function answer(who, of, body) return (w:ask(who, "POST", path_of(of, "/deployment_protection_rule"), body)) end
  equal(answer("app", run, { environment_name = "live", comment = "looking" }), 204)
  equal((review(w, run, "reviewer", environment)), 200)
  equal(job_of(w, run).status, "waiting")   -- one of two
  equal({ answer("app", run, { environment_name = "live" }), answer("app", run, { environment_name = "other", state = "approved" }),
    answer("workflow", run, { environment_name = "live", state = "approved" }) }, { 422, 404, 404 })
  equal(answer("app", run, { environment_name = "live", state = "approved", comment = "fine" }), 204)
  equal(job_of(w, run).status, "queued")
  equal(answer("app", other, { environment_name = "live", state = "rejected" }), 204)
  equal(job_of(w, other).conclusion, "failure")
  equal((w:ask("admin", "DELETE", path .. "/" .. rule.id)), 204)
  equal((w:ask("admin", "GET", path .. "/" .. rule.id)), 404)
end)

-- ---- timers -------------------------------------------------------------------------------------

test("a timer holds a job, with reviewers or without", function()
  local w = github_world.new()
  put(w, "slow", { wait_timer = 10 })
  local both = put(w, "both", { wait_timer = 10, reviewers = reviewers "rita" })
  local timed, reviewed = run_for(w, "slow"), run_for(w, "both")
  local entry = pending(w, timed)[1]
  equal({ entry.wait_timer, entry.wait_timer_started_at, entry.current_user_can_approve },
    { 10, "2027-01-15T08:00:00Z", false })
  equal((review(w, timed, "reviewer", { id = entry.environment.id })), 422)
  w.now = w.now + 60
  equal((review(w, reviewed, "reviewer", both)), 200)
  equal(job_of(w, reviewed).status, "waiting")
  w.now = w.now + 539
  equal({ job_of(w, timed).status, job_of(w, reviewed).status }, { "waiting", "waiting" })
  w.now = w.now + 1
  equal({ job_of(w, timed).status, job_of(w, reviewed).status }, { "queued", "queued" })
  w.now = w.now + 3600   -- whoever looks late finds the same times
  equal({ job_of(w, timed).started_at, job_of(w, timed).completed_at },
    { "2027-01-15T08:10:05Z", "2027-01-15T08:11:05Z" })
end)

-- ---- what a job with an environment leaves ------------------------------------------------------

test("a job with an environment makes it, and a deployment that follows the job", function()
  local w = github_world.new()
  local run = run_for(w, "preview", { head_branch = "topic" })
  local deployment = w:get("workflow", "GET", "/deployments")[1]
  equal({ deployment.environment, deployment.ref, deployment.sha, deployment.creator.login },
    { "preview", "topic", w:head "topic", "github-actions[bot]" })
  w.now = w.now + 100
  local states, list = {}, w:get("workflow", "GET", ("/deployments/%d/statuses"):format(deployment.id))
  for i, status in ipairs(list) do states[i] = status.state end
  equal(states, { "success", "in_progress", "queued" })
  equal({ list[1].created_at, list[2].created_at }, { "2027-01-15T08:01:05Z", "2027-01-15T08:00:05Z" })
  equal(list[1].log_url, job_of(w, run).html_url)
  run_for(w, "preview")
  w.now = w.now + 100
  equal(w:get("workflow", "GET", ("/deployments/%d/statuses"):format(deployment.id))[1].state, "inactive")
end)

test("a seed says which environments, settings and workflows a repository begins with", function()
  local w = github_world.new { github = { environments = { { name = "production", reviewers = { "rita" }, wait_timer = 5,
    branches = { "main" }, secrets = { token = "made-up" }, variables = { URL = "https://live.example" } } },
    workflows = { { file = "deploy.yml", workflow_dispatch = true, jobs = { { name = "deploy",
      environment = "production", seconds = 1 } } } }, variables = { REGION = "eu" }, secrets = { KEY = "k" } } }
  local environment = w:get("admin", "GET", "/environments/production")
  equal({ #environment.protection_rules, w:get("admin", "GET", "/environments/production/secrets").secrets[1].name,
    w:get("admin", "GET", "/actions/variables/REGION").value }, { 3, "TOKEN", "eu" })
  w:get("workflow", "POST", "/actions/workflows/deploy.yml/dispatches", { ref = "main" })
  local run = w.repository.runs[1]
  equal({ run.status, (review(w, run, "reviewer", environment)) }, { "waiting", 200 })
  w:get("workflow", "POST", "/actions/workflows/deploy.yml/dispatches", { ref = "topic" })
  equal(w.repository.runs[2].conclusion, "failure")
  equal(w:desk("GET", "/_davit/github/secrets"), { repository = "example/codex", secrets = { KEY = "k" },
    environments = { production = { TOKEN = "made-up" } } })
end)
