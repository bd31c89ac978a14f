---The model of GitHub: runs of workflows, how time takes them on, and what starts them.
local core = require "core"
local json = require "json"
local github_world = assert(core.load_file "tests/github_world.lua")()

local function path_of(run, rest) return ("/actions/runs/%d%s"):format(run.id, rest or "") end

local function begin(w, body) return (w:desk("POST", "/_davit/github/runs", body)) end

local function get(w, run) return w:get("workflow", "GET", path_of(run)) end

local function jobs_of(w, run, query) return w:get("workflow", "GET", path_of(run, "/jobs" .. (query or ""))).jobs end

-- Names with how each job ended, or stands.
local function summary(list)
  local said = {}
  for i, job in ipairs(list) do
    said[i] = ("%s %s"):format(job.name, job.conclusion ~= json.null and job.conclusion or job.status)
  end
  return said
end

local PIPELINE = {
  { name = "build", queue_seconds = 10, seconds = 60 },
  { name = "test", needs = { "build" }, seconds = 30, steps = { { name = "unit", seconds = 20 },
    { name = "lint", seconds = 10 } } },
  { name = "deploy", needs = { "build", "test" }, seconds = 5 },
}

-- ---- one run ------------------------------------------------------------------------------------

test("a run is of a commit, begun by an event, and numbered by its workflow", function()
  local w = github_world.new()
  local first = begin(w, { workflow = "ci.yml", event = "push", head_branch = "topic", actor = "ada" })
  local run = get(w, first)
  equal({ run.event, run.head_sha, run.head_branch, run.run_number, run.run_attempt, run.path, run.actor.login,
    run.display_title, run.status }, { "push", w:head "topic", "topic", 1, 1, ".github/workflows/ci.yml", "ada",
    "Ship it", "queued" })
  equal({ run.conclusion, run.pull_requests[1].number, run.head_repository.full_name, run.head_commit.id },
    { json.null, 42, "example/codex", w:head "topic" })
  equal({ begin(w, { workflow = "ci.yml" }).number, begin(w, { workflow = "other.yml" }).number }, { 2, 1 })
  equal((w:ask("workflow", "GET", "/actions/runs/1")), 404)
end)

test("a run for a pull request from a fork names no pull request", function()
  local w = github_world.new { pull_requests = { { number = 7, title = "From afar", head = "patch",
    from = "stranger/codex", login = "stranger" } } }
  local run = get(w, begin(w, { pull = 7 }))
  equal({ run.event, run.head_branch, run.head_repository.full_name, run.pull_requests, run.actor.login },
    { "pull_request", "patch", "stranger/codex", {}, "stranger" })
end)

test("jobs run one after the other as they need each other, and each has its time", function()
  local w = github_world.new()
  local run = begin(w, { jobs = PIPELINE })
  equal(summary(jobs_of(w, run)), { "build queued" })
  w.now = w.now + 10
  equal({ summary(jobs_of(w, run)), get(w, run).status }, { { "build in_progress" }, "in_progress" })
  w.now = w.now + 60
  equal(summary(jobs_of(w, run)), { "build success", "test in_progress" })
  w.now = w.now + 3600
  local jobs = jobs_of(w, run)
  equal(summary(jobs), { "build success", "test success", "deploy success" })
  equal({ jobs[1].started_at, jobs[1].completed_at, jobs[3].completed_at },
    { "2027-01-15T08:00:10Z", "2027-01-15T08:01:10Z", "2027-01-15T08:01:45Z" })
  equal({ jobs[2].steps[2].name, jobs[2].steps[2].started_at, jobs[2].steps[2].conclusion },
    { "lint", "2027-01-15T08:01:30Z", "success" })
  local done = get(w, run)
  equal({ done.status, done.conclusion, done.updated_at }, { "completed", "success", "2027-01-15T08:01:45Z" })
  equal(w:get("workflow", "GET", "/actions/jobs/" .. jobs[2].id), jobs[2])
end)

test("it does not matter how often somebody looks", function()
  local function ending(step)
    local w = github_world.new()
    local run = begin(w, { jobs = PIPELINE })
    for _ = step, 200, step do
      w.now = w.now + step
      get(w, run)
    end
    return json.encode(jobs_of(w, run))
  end
  equal(ending(1) == ending(200), true)
end)

test("what a failed job holds up is skipped, and the run fails", function()
  local w = github_world.new()
  local run = begin(w, { jobs = { { name = "build", conclusion = "failure", seconds = 5 },
    { name = "deploy", needs = { "build" }, seconds = 5 }, { name = "docs", seconds = 9 } } })
  w.now = w.now + 9
  equal(summary(jobs_of(w, run)), { "build failure", "deploy skipped", "docs success" })
  equal(get(w, run).conclusion, "failure")
end)

test("whoever tells of a run can say how it went on", function()
  local w = github_world.new()
  local run = begin(w, { jobs = { { name = "a" }, { name = "b" } } })
  equal(run.status, "queued")
  w:desk("PATCH", "/_davit/github/runs/" .. run.id, { jobs = { { name = "a", status = "in_progress" } } })
  equal({ get(w, run).status, summary(jobs_of(w, run)) }, { "in_progress", { "a in_progress", "b queued" } })
  w:desk("PATCH", "/_davit/github/runs/" .. run.id, { jobs = { { name = "a", conclusion = "timed_out" } } })
  local changed = w:desk("PATCH", "/_davit/github/runs/" .. run.id, { conclusion = "success" })
  equal({ changed.status, changed.conclusion, summary(jobs_of(w, run)) },
    { "completed", "failure", { "a timed_out", "b success" } })
end)

test("nobody is told past what a job needs, nor past its environment", function()
  local w = github_world.new()
  w:get("admin", "PUT", "/environments/live", { wait_timer = 5 })
  local list = { { name = "deploy", needs = { "build" }, environment = "live" }, { name = "build" } }
  local function told(body)
    local run = begin(w, { jobs = list })
    local answer, status = w:desk("PATCH", "/_davit/github/runs/" .. run.id, body)
    return { status, answer.status or answer.message, summary(w:desk("GET", "/_davit/github/runs/" .. run.id).jobs) }
  end
  local held = { 200, "waiting", { "deploy waiting", "build success" } }
  equal(told { jobs = { { name = "deploy", conclusion = "success" } } },
    { 409, "deploy needs build, which has not ended", { "deploy pending", "build queued" } })
  equal(told { conclusion = "success" }, held)
  equal(told { jobs = { { name = "deploy", conclusion = "success" }, { name = "build", conclusion = "success" } } }, held)
  equal(told { status = "in_progress" }, { 200, "in_progress", { "deploy pending", "build in_progress" } })
  equal(told { conclusion = "failure" }, { 200, "completed", { "deploy skipped", "build failure" } })
  equal(#w.repository.deployments, 2)
  w.now = w.now + 300
  w:get("admin", "GET", "")
  for _, deployment in ipairs(w.repository.deployments) do equal(deployment.statuses[#deployment.statuses].state, "queued") end
end)

test("a run that was can be told in one piece", function()
  local w = github_world.new()
  local run = get(w, begin(w, { created = "2027-01-01T12:00:00Z", conclusion = "success", seconds = 90 }))
  equal({ run.status, run.conclusion, run.created_at, run.updated_at }, { "completed", "success",
    "2027-01-01T12:00:00Z", "2027-01-01T12:01:30Z" })
end)

test("what cannot be told is refused", function()
  local w = github_world.new()
  local function refused(body)
    local _, status = w:desk("POST", "/_davit/github/runs", body)
    return status
  end
  equal({ refused { status = "done" }, refused { conclusion = "great" }, refused { head_branch = "nowhere" },
    refused { pull = 9 }, refused { jobs = { {} } }, refused { seconds = -1 }, refused { created = "yesterday" } },
    { 400, 400, 404, 404, 400, 400, 400 })
  local function told(body) return (w:desk("POST", "/_davit/github/runs", body).message) end
  equal({ told { jobz = {} }, told { jobs = { { name = "a", second = 3 } } }, told { jobs = { { name = "a", needs = { "b" } } } } },
    { "the run: unknown key 'jobz', did you mean 'jobs'?", "a: unknown key 'second', did you mean 'seconds'?",
      "a: there is no job 'b' that it could need" })
  local _, status = w:desk("PATCH", "/_davit/github/runs/1", {})
  equal({ status, #w.repository.runs }, { 404, 0 })
  w:get("admin", "PUT", "/environments/live", { wait_timer = 5 })
  local waiting = begin(w, { jobs = { { name = "deploy", environment = "live" } } })
  local _, conflict = w:desk("PATCH", "/_davit/github/runs/" .. waiting.id, { conclusion = "success" })
  equal(conflict, 409)
end)

-- ---- how long it took ---------------------------------------------------------------------------

test("the time of a run is counted by the systems of its jobs", function()
  local w = github_world.new()
  local run = begin(w, { jobs = { { name = "a", seconds = 60 }, { name = "b", seconds = 30 },
    { name = "c", seconds = 10, labels = { "windows-latest" } } } })
  w.now = w.now + 5
  equal({ w:get("workflow", "GET", path_of(run, "/timing")).run_duration_ms }, {})
  w.now = w.now + 100
  local timing = w:get("workflow", "GET", path_of(run, "/timing"))
  equal({ timing.run_duration_ms, timing.billable.UBUNTU.total_ms, timing.billable.UBUNTU.jobs,
    timing.billable.WINDOWS.job_runs[1].duration_ms }, { 60000, 90000, 2, 10000 })
end)

-- ---- the list -----------------------------------------------------------------------------------

test("runs are listed newest first, by any of what they are", function()
  local w = github_world.new()
  local day = function(n) return ("2027-01-%02dT12:00:00Z"):format(n) end
  local a = begin(w, { event = "push", actor = "ada", created = day(1), conclusion = "success" })
  local b = begin(w, { event = "schedule", created = day(2), conclusion = "failure", workflow = "nightly.yml" })
  local c = begin(w, { pull = 42, created = day(3), status = "in_progress" })
  local function found(query)
    local list = w:get("workflow", "GET", "/actions/runs" .. query)
    local ids = { list.total_count }
    for _, run in ipairs(list.workflow_runs) do ids[#ids + 1] = run.id end
    return ids
  end
  equal(found "", { 3, c.id, b.id, a.id })
  equal(found "?event=push", { 1, a.id })
  equal(found "?actor=ada", { 1, a.id })
  equal(found "?branch=topic", { 1, c.id })
  equal(found("?head_sha=" .. w:head "topic"), { 1, c.id })
  equal(found "?status=failure", { 1, b.id })
  equal(found "?status=in_progress", { 1, c.id })
  equal(found "?status=completed&per_page=1", { 2, b.id })
  equal(found "?created=2027-01-02", { 1, b.id })
  equal(found "?created=%3E%3D2027-01-02", { 2, c.id, b.id })
  equal(found "?created=%3C2027-01-02", { 1, a.id })
  equal(found "?created=2027-01-01..2027-01-02", { 2, b.id, a.id })
  equal(found "?created=*..2027-01-01T12:00:00Z", { 1, a.id })
  equal(found "?created=soon", { 0 })
  local nightly = w:get("workflow", "GET", "/actions/workflows/nightly.yml/runs")
  equal({ nightly.total_count, nightly.workflow_runs[1].id }, { 1, b.id })
  equal(w:get("workflow", "GET", "/actions/runs?exclude_pull_requests=true").workflow_runs[1].pull_requests, {})
end)

-- ---- again, and no more -------------------------------------------------------------------------

test("a run is run again whole, and what it was before can be looked up", function()
  local w = github_world.new()
  local run = begin(w, { jobs = { { name = "build", seconds = 60 } } })
  equal(w:refused("workflow", "POST", path_of(run, "/rerun")), { 403, "This workflow is already running" })
  w.now = w.now + 100
  equal((w:ask("writer", "POST", path_of(run, "/rerun"))), 201)
  local again = get(w, run)
  equal({ again.run_attempt, again.status, again.conclusion, again.triggering_actor.login, again.run_started_at,
    again.created_at }, { 2, "in_progress", json.null, "will", "2027-01-15T08:01:40Z", "2027-01-15T08:00:00Z" })
  local before = w:get("workflow", "GET", path_of(run, "/attempts/1"))
  equal({ before.run_attempt, before.status, before.conclusion, before.run_started_at },
    { 1, "completed", "success", "2027-01-15T08:00:00Z" })
  equal(again.previous_attempt_url, before.url .. "/attempts/1")
  equal({ #jobs_of(w, run), #jobs_of(w, run, "?filter=all"), jobs_of(w, run)[1].run_attempt }, { 1, 2, 2 })
  equal(w:get("workflow", "GET", path_of(run, "/attempts/1/jobs")).jobs[1].conclusion, "success")
  equal((w:ask("workflow", "GET", path_of(run, "/attempts/3"))), 404)
end)

test("only what failed, and what needs it, is run again", function()
  local w = github_world.new()
  local run = begin(w, { jobs = { { name = "build", seconds = 1 }, { name = "test", needs = { "build" } },
    { name = "deploy", needs = { "test" }, seconds = 1 } } })
  w.now = w.now + 10
  w:desk("PATCH", "/_davit/github/runs/" .. run.id, { jobs = { { name = "test", conclusion = "failure" } } })
  equal(summary(jobs_of(w, run)), { "build success", "test failure", "deploy skipped" })
  equal((w:ask("workflow", "POST", path_of(run, "/rerun-failed-jobs"))), 201)
  equal(summary(jobs_of(w, run)), { "build success", "test queued" })
  w:desk("PATCH", "/_davit/github/runs/" .. run.id, { jobs = { { name = "test", conclusion = "success" } } })
  w.now = w.now + 10
  equal({ summary(jobs_of(w, run)), get(w, run).conclusion },
    { { "build success", "test success", "deploy success" }, "success" })
  equal((w:ask("workflow", "POST", path_of(run, "/rerun-failed-jobs"))), 403)   -- none failed
end)

test("a run of more than a month ago is not run again", function()
  local w = github_world.new()
  local run = begin(w, { created = "2026-12-01T00:00:00Z", conclusion = "failure" })
  equal(w:refused("workflow", "POST", path_of(run, "/rerun")),
    { 403, "Unable to retry this workflow run because it was created over a month ago" })
end)

test("a run that goes on is cancelled, with the jobs that wait", function()
  local w = github_world.new()
  w:get("admin", "PUT", "/environments/live", { wait_timer = 5 })
  local run = begin(w, { jobs = { { name = "build", seconds = 60 }, { name = "after", needs = { "build" } },
    { name = "deploy", environment = "live" } } })
  equal((w:ask("workflow", "POST", path_of(run, "/cancel"))), 202)
  equal({ summary(jobs_of(w, run)), get(w, run).conclusion },
    { { "build cancelled", "after cancelled", "deploy cancelled" }, "cancelled" })
  equal(w:refused("workflow", "POST", path_of(run, "/cancel")),
    { 409, "Cannot cancel a workflow run that is completed." })
  w.now = w.now + 3600
  equal(get(w, run).conclusion, "cancelled")
end)

test("a run is deleted when it is over", function()
  local w = github_world.new()
  local run = begin(w, { jobs = { { name = "build", seconds = 60 } } })
  equal((w:ask("workflow", "DELETE", path_of(run))), 403)
  w.now = w.now + 60
  equal({ (w:ask("workflow", "DELETE", path_of(run))), (w:ask("workflow", "GET", path_of(run))) }, { 204, 404 })
end)

test("runs need the permission for actions, and a fork's token only reads them", function()
  local w = github_world.new()
  local run = begin(w, { conclusion = "failure" })
  equal({ (w:ask("reader", "GET", path_of(run))), (w:ask("fork", "GET", path_of(run))),
    (w:ask("fork", "POST", path_of(run, "/rerun"))), (w:ask("reviewer", "POST", path_of(run, "/rerun"))) },
    { 403, 200, 403, 403 })
end)

-- ---- workflows, and runs that are asked for -----------------------------------------------------

local DEPLOY = { file = "deploy.yml", name = "Deploy", jobs = { { name = "deploy", seconds = 30 } },
  workflow_dispatch = { inputs = { environment = { required = true, options = { "preview", "production" } },
    dry = { default = "false" } } }, repository_dispatch = { types = { "deploy" } } }

local function with_workflow(fields)
  local w = github_world.new()
  local body = {}
  for _, from in ipairs { DEPLOY, fields or {} } do
    for key, value in pairs(from) do body[key] = value end
  end
  return w, (w:desk("POST", "/_davit/github/workflows", body))
end

test("workflows are listed and found by number and by file", function()
  local w, made = with_workflow()
  local list = w:get("workflow", "GET", "/actions/workflows")
  equal({ list.total_count, list.workflows[1].name, list.workflows[1].path, list.workflows[1].state },
    { 1, "Deploy", ".github/workflows/deploy.yml", "active" })
  equal(w:get("workflow", "GET", "/actions/workflows/deploy.yml").id, made.id)
  equal(w:get("workflow", "GET", "/actions/workflows/" .. made.id).path, made.path)
  equal((w:ask("workflow", "GET", "/actions/workflows/none.yml")), 404)
end)

test("a workflow that is dispatched runs, and its run is named to whoever wants it", function()
  local w = with_workflow()
  local path = "/actions/workflows/deploy.yml/dispatches"
  local status, nothing = w:ask("workflow", "POST", path, { ref = "topic", inputs = { environment = "preview" } })
  equal({ status, nothing }, { 204 })
  local answer = w:get("workflow", "POST", path, { ref = "refs/heads/main", inputs = { environment = "production" },
    return_run_details = true })
  local run = w:get("workflow", "GET", "/actions/runs/" .. answer.workflow_run_id)
  equal({ run.url, run.html_url, run.event, run.head_branch }, { answer.run_url, answer.html_url,
    "workflow_dispatch", "main" })
  equal(w.repository.runs[1].inputs, { environment = "preview", dry = "false" })
  w.now = w.now + 30
  equal(w:get("workflow", "GET", "/actions/runs?status=success").total_count, 2)
end)

test("a dispatch that cannot be is refused, and starts nothing", function()
  local w = with_workflow()
  local path = "/actions/workflows/deploy.yml/dispatches"
  local function refused(body) return w:refused("workflow", "POST", path, body) end
  equal(refused { ref = "nowhere" }, { 422, "No ref found for: nowhere" })
  equal(refused { ref = w:head "main" }[1], 422)   -- a commit is no reference
  equal(refused { ref = "main" }, { 422, "Required input 'environment' not provided" })
  equal(refused { ref = "main", inputs = { environment = "preview", foo = "1" } },
    { 422, 'Unexpected inputs provided: ["foo"]' })
  equal(refused { ref = "main", inputs = { environment = "moon" } },
    { 422, "Provided value 'moon' for input 'environment' not in the list of allowed values" })
  equal(refused { inputs = {} }, { 422, 'Invalid request.\n\n"ref" wasn\'t supplied.' })
  equal(refused { ref = "main", inputs = { environment = "preview", dry = ("x"):rep(65536) } }[1], 422)
  equal(w:refused("workflow", "POST", "/actions/workflows/none.yml/dispatches", { ref = "main" })[1], 404)
  equal(w:refused("reader", "POST", path, { ref = "main" })[1], 403)
  equal(#w.repository.runs, 0)
  local bare = with_workflow { workflow_dispatch = false }
  equal(bare:refused("workflow", "POST", path, { ref = "main" }),
    { 422, "Workflow does not have 'workflow_dispatch' trigger" })
  local disabled = with_workflow { state = "disabled_manually" }
  equal(disabled:refused("workflow", "POST", path, { ref = "main" })[1], 422)
end)

test("what a run was started with is told to whoever sits at this machine", function()
  local w = github_world.new()
  w:desk("POST", "/_davit/github/workflows", { file = "ship.yml", repository_dispatch = true,
    workflow_dispatch = { inputs = { target = { default = "staging" } } } })
  w:ask("admin", "POST", "/actions/workflows/ship.yml/dispatches", { ref = "topic" })
  w:ask("admin", "POST", "/dispatches", { event_type = "ship", client_payload = { pr = 42 } })
  local first, second = w.repository.runs[1].id, w.repository.runs[2].id
  local asked, sent = w:desk("GET", "/_davit/github/runs/" .. first), w:desk("GET", "/_davit/github/runs/" .. second)
  equal({ asked.event, asked.inputs, asked.payload }, { "workflow_dispatch", { target = "staging" } })
  equal({ sent.event, sent.payload, sent.inputs }, { "repository_dispatch", { pr = 42 } })
end)

test("an event of one's own starts the workflows that listen for it", function()
  local w = with_workflow()
  w:desk("POST", "/_davit/github/workflows", { file = "all.yml", repository_dispatch = true })
  w:desk("POST", "/_davit/github/workflows", { file = "none.yml" })
  equal((w:ask("workflow", "POST", "/dispatches", { event_type = "deploy", client_payload = { a = 1 } })), 204)
  local list = w:get("workflow", "GET", "/actions/runs?event=repository_dispatch").workflow_runs
  equal({ #list, list[1].name, list[2].name, list[1].display_title, list[1].head_sha },
    { 2, ".github/workflows/all.yml", "Deploy", "deploy", w:head "main" })
  equal(w.repository.runs[1].payload, { a = 1 })
  equal((w:ask("workflow", "POST", "/dispatches", { event_type = "other" })), 204)
  equal(#w.repository.runs, 3)
end)

test("a payload has ten keys and 64 KB at most", function()
  local w = with_workflow()
  local function dispatch(payload, kind)
    return w:refused("workflow", "POST", "/dispatches", { event_type = kind or "deploy", client_payload = payload })
  end
  local keys = {}
  for i = 1, 10 do keys["k" .. i] = i end
  equal(dispatch(keys)[1], 204)
  keys.k11 = 11
  equal(dispatch(keys), { 422, "Invalid request.\n\nNo more than 10 properties are allowed; 11 were supplied." })
  equal(dispatch { text = ("x"):rep(65000) }[1], 204)
  equal(dispatch { text = ("x"):rep(65536) }, { 422, "client_payload is too large." })
  equal(dispatch '{"a":1}', { 422,
    'Invalid request.\n\nFor \'properties/client_payload\', "{\\"a\\":1}" is not an object.' })
  equal(dispatch(nil, ("e"):rep(101))[1], 422)
  equal(w:refused("workflow", "POST", "/dispatches", {}), { 422, 'Invalid request.\n\n"event_type" wasn\'t supplied.' })
  equal(w:refused("reader", "POST", "/dispatches", { event_type = "deploy" })[1], 403)
end)
