---The model of GitHub: check runs and the statuses of commits.
local core = require "core"
local json = require "json"
local github_world = assert(core.load_file "tests/github_world.lua")()

local function check(w, fields, who)
  local body = { name = "scan", head_sha = w:head "topic" }
  for key, value in pairs(fields or {}) do body[key] = value end
  return w:get(who or "app", "POST", "/check-runs", body)
end

local function annotations(count)
  local list = {}
  for i = 1, count do
    list[i] = { path = "src/a.lua", start_line = i, end_line = i, annotation_level = "warning", message = "look" }
  end
  return list
end

local function runs_of(w, ref, query)
  return w:get("workflow", "GET", ("/commits/%s/check-runs%s"):format(ref, query or ""))
end

-- ---- check runs ---------------------------------------------------------------------------------

test("a check run begins, goes on and ends", function()
  local w = github_world.new()
  local made = check(w)
  equal({ made.status, made.conclusion, made.started_at, made.completed_at, made.app.slug, made.head_sha },
    { "queued", json.null, "2027-01-15T08:00:00Z", json.null, "farm", w:head "topic" })
  equal({ made.pull_requests[1].number, made.output.annotations_count }, { 42, 0 })
  local path = "/check-runs/" .. made.id
  equal(w:get("app", "PATCH", path, { status = "in_progress" }).status, "in_progress")
  w.now = w.now + 60
  local done = w:get("app", "PATCH", path, { conclusion = "neutral", details_url = "https://scan.example/1",
    external_id = "1", output = { title = "Found", summary = "nothing", text = "at all" } })
  equal({ done.status, done.conclusion, done.completed_at, done.details_url, done.external_id, done.output.text },
    { "completed", "neutral", "2027-01-15T08:01:00Z", "https://scan.example/1", "1", "at all" })
  equal(w:get("workflow", "GET", path), done)
  local again = w:get("app", "PATCH", path, { status = "queued" })
  equal({ again.conclusion, again.completed_at }, { json.null, json.null })
end)

test("a conclusion completes, and what is completed has one", function()
  local w = github_world.new()
  equal(check(w, { conclusion = "success", started_at = "2027-01-15T07:00:00Z",
    completed_at = "2027-01-15T07:30:00Z" }).completed_at, "2027-01-15T07:30:00Z")
  local function refused(fields)
    fields.name, fields.head_sha = fields.name or "scan", fields.head_sha or w:head "topic"
    return w:refused("app", "POST", "/check-runs", fields)
  end
  equal(refused { status = "completed" }, { 422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.' })
  equal(refused { completed_at = "2027-01-15T07:30:00Z" }[1], 422)
  equal(refused { conclusion = "stale" }[1], 422)
  equal(refused { status = "waiting" }[1], 422)
  equal(refused { conclusion = "success", completed_at = "noon" }[1], 422)
  equal(refused { output = { title = "t" } }, { 422, 'Invalid request.\n\n"summary" wasn\'t supplied.' })
  equal(refused { output = { title = "t", summary = ("x"):rep(65536) } }, { 422, "Invalid request.\n\nFor "
    .. "'properties/output/properties/summary', Only 65535 characters are allowed; 65536 were supplied." })
  equal(refused { head_sha = ("0"):rep(40) }, { 422, "No commit found for SHA: " .. ("0"):rep(40) })
  equal(#w.repository.check_runs, 1)
end)

test("fifty annotations go into a request, and more come by updates", function()
  local w = github_world.new()
  local function output(count) return { title = "t", summary = "s", annotations = annotations(count) } end
  local made = check(w, { output = output(50) })
  local path = "/check-runs/" .. made.id
  equal(w:refused("app", "PATCH", path, { output = output(51) }),
    { 422, "Invalid request.\n\nNo more than 50 items are allowed; 51 were supplied." })
  equal(w:get("app", "PATCH", path, { output = output(20) }).output.annotations_count, 70)
  local page = w:get("workflow", "GET", path .. "/annotations?per_page=100")
  equal({ #page, page[51].start_line, page[1].annotation_level, page[1].start_column }, { 70, 1, "warning", json.null })
  equal(#w:get("workflow", "GET", path .. "/annotations"), 30)
  equal(w:refused("app", "PATCH", path, { output = { title = "t", summary = "s", annotations = { { path = "a",
    start_line = 1, end_line = 1, annotation_level = "warning" } } } })[1], 422)
end)

test("only apps make check runs, and each changes its own", function()
  local w = github_world.new()
  local body = { name = "scan", head_sha = w:head "topic" }
  equal(w:refused("owner", "POST", "/check-runs", body), { 403, "You must authenticate via a GitHub App." })
  equal(w:refused("fork", "POST", "/check-runs", body), { 403, "Resource not accessible by integration" })
  local theirs, ours = check(w), check(w, { name = "job" }, "workflow")
  equal({ ours.app.slug, ours.app.id }, { "github-actions", 15368 })
  equal((w:ask("workflow", "PATCH", "/check-runs/" .. theirs.id, { conclusion = "success" })), 403)
  equal((w:ask("workflow", "PATCH", "/check-runs/" .. ours.id, { conclusion = "success" })), 200)
  equal((w:ask("app", "PATCH", "/check-runs/1", { conclusion = "success" })), 404)
end)

test("the check runs of a commit are the newest of each name, unless all are asked for", function()
  local w = github_world.new()
  local sha = w:head "topic"
  check(w, { conclusion = "failure" })
  local second, other = check(w, { conclusion = "success" }), check(w, { name = "lint" })
  local by_workflow = check(w, {}, "workflow")   -- of another app
  local list = runs_of(w, "topic")
  equal({ list.total_count, list.check_runs[1].id, list.check_runs[2].id, list.check_runs[3].id },
    { 3, by_workflow.id, other.id, second.id })
  equal({ runs_of(w, sha, "?filter=all").total_count, runs_of(w, sha, "?check_name=lint").total_count,
    runs_of(w, sha, "?status=completed").total_count, runs_of(w, sha, "?app_id=15368").total_count,
    runs_of(w, "main").total_count }, { 4, 1, 1, 1, 0 })
  equal((w:ask("workflow", "GET", "/commits/nowhere/check-runs")), 422)
end)

test("a branch with a slash in its name has check runs and statuses", function()
  local w = github_world.new { pull_requests = { { number = 1, title = "t", head = "feature/new/page" } } }
  local sha = w:head "feature/new/page"
  w:get("app", "POST", "/check-runs", { name = "scan", head_sha = sha })
  w:get("workflow", "POST", "/statuses/" .. sha, { state = "success" })
  for _, ref in ipairs { "feature/new/page", "feature%2Fnew%2Fpage", "heads/feature/new/page", sha:sub(1, 8) } do
    equal({ runs_of(w, ref).total_count, w:get("workflow", "GET", ("/commits/%s/status"):format(ref)).sha,
      #w:get("workflow", "GET", ("/commits/%s/statuses"):format(ref)) }, { 1, sha, 1 })
  end
end)

test("a job is a check run, which nobody else changes", function()
  local w = github_world.new()
  local run = w:desk("POST", "/_davit/github/runs", { pull = 42, jobs = { { name = "build", seconds = 60 } } })
  local shown = runs_of(w, "topic").check_runs[1]
  equal({ shown.id, shown.name, shown.status, shown.app.slug }, { run.jobs[1].id, "build", "in_progress", "github-actions" })
  equal((w:ask("workflow", "PATCH", "/check-runs/" .. shown.id, { conclusion = "success" })), 403)
  w.now = w.now + 60
  equal(runs_of(w, "topic").check_runs[1].conclusion, "success")
end)

test("a job that its environment refuses says so in an annotation", function()
  local w = github_world.new()
  w:get("admin", "PUT", "/environments/live", { deployment_branch_policy = { protected_branches = true,
    custom_branch_policies = false } })
  local run = w:desk("POST", "/_davit/github/runs", { pull = 42, jobs = { { name = "deploy", environment = "live" } } })
  local list = w:get("workflow", "GET", ("/check-runs/%d/annotations"):format(run.jobs[1].id))
  equal({ #list, list[1].annotation_level, list[1].message:find("is not allowed to deploy to live", 1, true) ~= nil },
    { 1, "failure", true })
end)

-- ---- statuses of commits ------------------------------------------------------------------------

local function say(w, state, context, fields)
  local body = { state = state, context = context }
  for key, value in pairs(fields or {}) do body[key] = value end
  return w:get("workflow", "POST", "/statuses/" .. w:head "topic", body)
end

local function combined(w)
  local answer = w:get("workflow", "GET", "/commits/topic/status")
  return { answer.state, answer.total_count }
end

test("a commit's statuses come to one state", function()
  local w = github_world.new()
  equal(combined(w), { "pending", 0 })   -- nobody has said anything
  local made = say(w, "success", "ci/build", { target_url = "https://ci.example/1", description = "built" })
  equal({ made.context, made.state, made.target_url, made.description, made.creator.login },
    { "ci/build", "success", "https://ci.example/1", "built", "github-actions[bot]" })
  equal(combined(w), { "success", 1 })
  say(w, "pending", "ci/test")
  equal(combined(w), { "pending", 2 })
  say(w, "error", "CI/Test")
  equal(combined(w), { "failure", 2 })
  say(w, "success", "ci/test")
  equal(combined(w), { "success", 2 })
  equal(say(w, "success").context, "default")
  local list = w:get("workflow", "GET", "/commits/topic/statuses")
  equal({ #list, list[1].context, list[5].context }, { 5, "default", "ci/build" })
end)

test("a context of a commit has a thousand statuses at most", function()
  local w = github_world.new()
  local sha, full = w:head "topic", {}
  for i = 1, 1000 do full[i] = { id = i, context = "ci", state = "pending", login = "ada", created = w.now } end
  w.repository.statuses[sha] = full
  local status, answer = w:ask("workflow", "POST", "/statuses/" .. sha, { state = "success", context = "CI" })
  equal({ status, answer.errors[1].message },
    { 422, "This SHA and context has reached the maximum number of statuses." })
  equal((w:ask("workflow", "POST", "/statuses/" .. sha, { state = "success", context = "other" })), 201)
end)

test("a status that cannot be is refused", function()
  local w = github_world.new()
  local function refused(body, sha) return w:refused("workflow", "POST", "/statuses/" .. (sha or w:head "topic"), body) end
  equal(refused { state = "great" }[1], 422)
  equal(refused {}, { 422, 'Invalid request.\n\n"state" wasn\'t supplied.' })
  equal(refused { state = "success", description = ("x"):rep(141) }[1], 422)
  equal(refused { state = "success", target_url = "ftp://ci.example" }[1], 422)
  equal(refused({ state = "success" }, ("0"):rep(40)), { 422, "No commit found for SHA: " .. ("0"):rep(40) })
  equal(refused({ state = "success" }, "topic")[1], 422)
  equal(w:refused("fork", "POST", "/statuses/" .. w:head "topic", { state = "success" })[1], 403)
  equal(combined(w), { "pending", 0 })
  equal(say(w, "success", nil, { target_url = json.null, description = json.null }).target_url, json.null)
end)
