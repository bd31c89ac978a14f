---The model of GitHub, asked with bodies that nobody should send: it refuses, and never fails itself.
local core = require "core"
local json = require "json"
local github_world = assert(core.load_file "tests/github_world.lua")()

-- Everything that a body of these resources may hold, by the names of the fields.
local FIELDS = { "ref", "state", "name", "value", "environment", "environment_ids", "comment", "payload", "inputs",
  "client_payload", "event_type", "reviewers", "wait_timer", "prevent_self_review", "deployment_branch_policy", "output",
  "head_sha", "conclusion", "status", "started_at", "completed_at", "key_id", "encrypted_value", "required_contexts",
  "auto_merge", "description", "target_url", "context", "actions", "title", "type", "jobs", "file", "pull", "created",
  "workflow_dispatch", "repository_dispatch", "head_branch", "event", "seconds", "labels", "body", "environment_url",
  "number", "head", "base", "from", "head_repo", "issue", "draft", "sha", "force", "merge_method", "commit_title", "color",
  "new_name", "assignees", "assignee", "milestone", "state_reason", "lock_reason", "files", "push", "message", "login",
  "method", "repositories", "repository_ids", "permissions", "filename" }

-- Chance that is the same every time.
local function dice(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
end

local LEAVES = { json.null, true, false, 0, -1, 1.5, 1e300, "", "topic", "success", "completed", "main", "\0", "%", "é",
  ("x"):rep(70000), "../..", "2027-01-15T08:00:00Z", "[", "User" }

local function value(roll, depth)
  local kind = roll(depth > 2 and 2 or 4)
  if kind <= 2 then return LEAVES[roll(#LEAVES)] end
  local made = kind == 3 and json.array {} or {}
  for i = 1, roll(4) - 1 do made[kind == 3 and i or FIELDS[roll(#FIELDS)]] = value(roll, depth + 1) end
  return made
end

local function body(roll, fields)
  local made = {}
  for _ = 1, roll(8) do made[fields[roll(#fields)]] = value(roll, 0) end
  return made
end

local PATHS = {
  "POST /deployments", "POST /deployments/D/statuses", "DELETE /deployments/D", "PUT /environments/e%2F1",
  "PUT /environments/%00", "POST /environments/live/deployment-branch-policies",
  "PUT /environments/live/deployment-branch-policies/1", "PUT /actions/secrets/NAME",
  "PUT /environments/live/secrets/NAME", "POST /actions/variables", "PATCH /actions/variables/V",
  "POST /environments/live/variables", "POST /actions/runs/R/rerun", "POST /actions/runs/R/rerun-failed-jobs",
  "POST /actions/runs/R/cancel", "POST /actions/runs/R/pending_deployments", "POST /actions/workflows/ci.yml/dispatches",
  "POST /dispatches", "POST /check-runs", "PATCH /check-runs/C", "POST /statuses/SHA", "GET /actions/runs?created=%00",
  "GET /actions/runs?status=x&per_page=-1&page=x", "GET /commits/%2F/check-runs", "GET /deployments?sha=%00",
  "POST /pulls", "PATCH /pulls/42", "PUT /pulls/42/merge", "GET /pulls?head=%00:%00&per_page=1e9", "GET /pulls/%00",
  "POST /issues", "PATCH /issues/43", "PATCH /issues/42", "PUT /issues/43/lock", "POST /issues/43/comments",
  "PATCH /issues/comments/M", "GET /issues/43/comments?since=%00", "POST /issues/43/labels", "PUT /issues/43/labels",
  "POST /labels", "PATCH /labels/topic", "GET /issues?labels=%00,,%25&since=1&sort=x", "POST /git/refs",
  "PATCH /git/refs/heads/topic", "GET /git/ref/%2F%2F", "GET /commits/%00", "GET /commits/a/b/c/d", "GET /branches/%25",
  "GET /actions/runs/99999999999999999999", "GET /check-runs/x/annotations", "GET /environments/%",
}

local DESK = { "POST /_davit/pulls", "POST /_davit/github/runs", "PATCH /_davit/github/runs/R", "POST /_davit/github/workflows" }

-- What each of those reads; all else is refused.
local DESK_FIELDS = {
  ["/_davit/pulls"] = { "number", "title", "body", "head", "base", "draft", "from", "push", "message", "files", "sha",
    "state", "method", "conflict", "login" },
  ["/_davit/github/runs"] = { "pull", "head_sha", "head_branch", "ref", "event", "workflow", "title", "actor", "created",
    "jobs", "status", "conclusion", "seconds" },
  ["/_davit/github/runs/R"] = { "jobs", "status", "conclusion", "mistyped" },
  ["/_davit/github/workflows"] = { "file", "name", "state", "workflow_dispatch", "repository_dispatch", "jobs" },
}

local function prepared()
  local w = github_world.new { settings = { github_requests = 1000000 } }
  w:get("admin", "PUT", "/environments/live", { deployment_branch_policy = { protected_branches = false,
    custom_branch_policies = true } })
  w:get("admin", "POST", "/actions/variables", { name = "V", value = "1" })
  w:get("admin", "POST", "/issues", { title = "It broke" })
  local places = { M = w:get("admin", "POST", "/issues/43/comments", { body = "c" }).id, SHA = w:head "topic",
    R = w:desk("POST", "/_davit/github/runs", { jobs = { { name = "a" } } }).id,
    C = w:get("app", "POST", "/check-runs", { name = "c", head_sha = w:head "topic" }).id,
    D = w:get("workflow", "POST", "/deployments", { ref = "topic", auto_merge = false,
      required_contexts = json.array {} }).id }
  return w, function(path) return (path:gsub("%f[%w](%u+)%f[%W]", places)) end
end

-- A refusal has a status and says something; a failure of the model would be raised.
local function check(status, answer, what)
  local fine = status >= 200 and status < 500 and (status < 400 or answer and answer.message)
  if not fine then error(("%s: %s"):format(what, tostring(status)), 2) end
end

test("no body makes the model fail, and what it keeps can always be shown", function()
  local w, fill = prepared()
  local roll, tokens = dice(7), { "admin", "workflow", "app", "reviewer" }
  for round = 1, 2500 do
    w.now = w.now + 60
    local method, path = PATHS[roll(#PATHS)]:match "^(%S+) (.*)$"
    local sent = method ~= "GET" and body(roll, FIELDS) or nil
    local status, answer = w:ask(tokens[roll(#tokens)], method, fill(path), sent)
    check(status, answer, method .. " " .. path)
    if round % 50 == 0 then
      for _, list in ipairs { "/deployments", "/environments", "/actions/runs", "/actions/secrets", "/actions/variables",
        "/commits/topic/check-runs", "/commits/topic/statuses", "/pulls?state=all", "/issues?state=all",
        "/issues/comments", "/labels", "/branches", "/pulls/42", "/issues/43" } do
        equal({ list, (w:ask("admin", "GET", list)) }, { list, 200 })
      end
    end
  end
end)

test("nor does what is told of runs", function()
  local w, fill = prepared()
  local roll = dice(11)
  for _ = 1, 800 do
    w.now = w.now + 60
    local method, path = DESK[roll(#DESK)]:match "^(%S+) (.*)$"
    local answer, status = w:desk(method, fill(path), body(roll, DESK_FIELDS[path]))
    check(status, answer, method .. " " .. path)
  end
  equal((w:ask("admin", "GET", "/actions/runs")), 200)
end)

-- What a request of each kind must hold; each of its fields is then replaced by everything that it cannot be.
local VALID = {
  ["POST /pulls"] = { title = "t", head = "more", base = "main", body = "b", draft = true, head_repo = "example/codex",
    issue = 1, maintainer_can_modify = true },
  ["PATCH /pulls/42"] = { title = "t", body = "b", state = "open", base = "main" },
  ["PUT /pulls/42/merge"] = { sha = "x", merge_method = "squash", commit_title = "t", commit_message = "m" },
  ["POST /issues"] = { title = "t", body = "b", labels = json.array { "a" }, assignees = json.array { "ada" },
    assignee = "ada", milestone = 1 },
  ["PATCH /issues/43"] = { title = "t", body = "b", state = "closed", state_reason = "completed",
    labels = json.array { "a" }, assignees = json.array { "ada" } },
  ["PUT /issues/43/lock"] = { lock_reason = "spam" },
  ["POST /issues/43/labels"] = { labels = json.array { "a" } },
  ["PUT /issues/43/labels"] = { labels = json.array { "a" } },
  ["POST /issues/43/comments"] = { body = "b" },
  ["POST /labels"] = { name = "x", color = "ffffff", description = "d" },
  ["PATCH /labels/bug"] = { new_name = "bug", color = "ffffff", description = "d" },
  ["POST /git/refs"] = { ref = "refs/heads/x", sha = "x" },
  ["PATCH /git/refs/heads/topic"] = { sha = "x", force = true },
  ["POST /_davit/pulls"] = { number = 42, title = "t", body = "b", head = "topic", base = "main", from = "a/b",
    login = "ada", message = "m", method = "rebase", state = "open", files = json.array { "f" }, push = true,
    draft = true, conflict = true, repository = "example/codex" },
}

local function odd_values()
  local list = table.move(LEAVES, 1, #LEAVES, 1, {})
  for _, item in ipairs { json.array {}, {}, json.array { json.array {} }, json.array { 1, true, json.null }, { a = 1 },
    json.array { { name = 7 } }, json.array { { filename = "f", additions = "x" } },
    json.array { { filename = 7 } }, json.array { "" },
    json.array { { filename = "f", status = "odd", additions = -1, deletions = 1.5, patch = {} } } } do
    list[#list + 1] = item
  end
  return list
end

local LISTS = { "/pulls?state=all", "/issues?state=all&sort=comments", "/labels", "/branches", "/pulls/42",
  "/pulls/42/files", "/commits?sha=topic", "/commits/topic", "/issues/43" }

local function send(w, fill, operation, sent)
  local method, path = operation:match "^(%S+) (.*)$"
  if not path:find "^/_davit" then return w:ask("admin", method, fill(path), sent) end
  local answer, status = w:desk(method, path, sent)
  return status, answer
end

test("nor does a field that is anything else than it should be", function()
  local w, fill = prepared()
  for operation, valid in pairs(VALID) do
    for field in pairs(valid) do
      for _, odd in ipairs(odd_values()) do
        w.now = w.now + 3600
        local sent = {}
        for name, item in pairs(valid) do sent[name] = item end
        sent[field] = odd
        local status, answer = send(w, fill, operation, sent)
        check(status, answer, operation .. " " .. field)
      end
      for _, list in ipairs(LISTS) do
        equal({ operation, field, list, (w:ask("admin", "GET", list)) }, { operation, field, list, 200 })
      end
    end
  end
end)

-- ---- depth ------------------------------------------------------------------------------------

-- A payload of so many levels, in a body that has one more.
local function payload(levels) return ('{"a":'):rep(levels - 1) .. "{}" .. ("}"):rep(levels - 1) end

test("what is nested more deeply than can be saved is refused, and what is taken can be saved and shown", function()
  local w = github_world.new()
  w:desk("POST", "/_davit/github/workflows", { file = "listens.yml", repository_dispatch = true })
  local function deployed(levels)
    return (w:ask("admin", "POST", "/deployments",
      ('{"ref":"topic","auto_merge":false,"required_contexts":[],"payload":%s}'):format(payload(levels))))
  end
  local function dispatched(levels)
    return (w:ask("admin", "POST", "/dispatches", ('{"event_type":"x","client_payload":%s}'):format(payload(levels))))
  end
  for _, levels in ipairs { 100, 121, 127, 500 } do
    equal({ levels, deployed(levels), dispatched(levels) }, { levels, 400, 400 })
  end
  equal({ deployed(99), dispatched(99) }, { 201, 204 })
  local run = w.repository.runs[1]
  equal({ (w:ask("admin", "GET", "/deployments")), select(2, w:desk("GET", "/_davit/github/runs/" .. run.id)) }, { 200, 200 })
  json.encode({ state = w.state }, { indent = 1 })
end)
