---The model of GitHub, asked with bodies that nobody should send: it refuses, and never fails itself.
local core = require "core"
local json = require "json"
local github_world = assert(core.load_file "tests/github_world.lua")()

-- Everything that a body of these resources may hold, by the names of the fields.
local FIELDS = { "ref", "state", "name", "value", "environment", "environment_ids", "comment", "payload", "inputs",
  "client_payload", "event_type", "reviewers", "wait_timer", "prevent_self_review", "deployment_branch_policy", "output",
  "head_sha", "conclusion", "status", "started_at", "completed_at", "key_id", "encrypted_value", "required_contexts",
  "auto_merge", "description", "target_url", "context", "actions", "title", "type", "jobs", "file", "pull", "created",
  "workflow_dispatch", "repository_dispatch", "head_branch", "event", "seconds", "labels", "body", "environment_url" }

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

local function body(roll)
  local made = {}
  for _ = 1, roll(8) do made[FIELDS[roll(#FIELDS)]] = value(roll, 0) end
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
  "GET /actions/runs/99999999999999999999", "GET /check-runs/x/annotations", "GET /environments/%",
}

local DESK = { "POST /_davit/github/runs", "PATCH /_davit/github/runs/R", "POST /_davit/github/workflows" }

local function prepared()
  local w = github_world.new { settings = { github_requests = 1000000 } }
  w:get("admin", "PUT", "/environments/live", { deployment_branch_policy = { protected_branches = false,
    custom_branch_policies = true } })
  w:get("admin", "POST", "/actions/variables", { name = "V", value = "1" })
  local places = { SHA = w:head "topic",
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
  for round = 1, 1500 do
    w.now = w.now + 60
    local method, path = PATHS[roll(#PATHS)]:match "^(%S+) (.*)$"
    local sent = method ~= "GET" and body(roll) or nil
    local status, answer = w:ask(tokens[roll(#tokens)], method, fill(path), sent)
    check(status, answer, method .. " " .. path)
    if round % 50 == 0 then
      for _, list in ipairs { "/deployments", "/environments", "/actions/runs", "/actions/secrets", "/actions/variables",
        "/commits/topic/check-runs", "/commits/topic/statuses" } do
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
    local answer, status = w:desk(method, fill(path), body(roll))
    check(status, answer, method .. " " .. path)
  end
  equal((w:ask("admin", "GET", "/actions/runs")), 200)
end)
