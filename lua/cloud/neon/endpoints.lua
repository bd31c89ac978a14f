---Computes, which Neon calls endpoints: where they are reached, and whether they run.
---
---Every endpoint lives on a loopback address of its own, so that a connection string keeps its shape: role and
---database are equal on all branches, only the host differs.
---A compute has a goal, active or idle, that an operation leads to, or a connection, or a follower's report.
---Without a follower one that was not used for its timeout is idle without anybody's doing.
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local operations = require "cloud.neon.operations"

local endpoints = {}

local PER_NETWORK = 254
local LAST_NUMBER = 8 * PER_NETWORK
local REGION = "aws-eu-central-1"

---@class neon.Endpoint
---@field id string
---@field number integer       its address
---@field type "read_write"|"read_only"
---@field name? string
---@field goal "active"|"idle"
---@field before "init"|"active"|"idle"  what it is until its operation is done
---@field operation? string    that leads to its goal
---@field since number         when it got its goal without an operation, or began
---@field used? number         when a session used it last
---@field boots integer        how often it was started: a session does not outlive that
---@field ran number           seconds that it was active, without those since its last start
---@field suspend integer      seconds; 0: the default, -1: never
---@field disabled? boolean
---@field region? string       of its project

-- ---- addresses ---------------------------------------------------------------------------

local function address_of(network, number)
  local first, second, third = network:match "^(%d+)%.(%d+)%.(%d+)$"
  local block, last = (number - 1) // PER_NETWORK, (number - 1) % PER_NETWORK + 1
  return ("%s.%s.%d.%d"):format(first, second, (third + block) % 256, last)
end

---@return table|nil  the compute of a branch that takes writes
function endpoints.writer(branch)
  return (data.find(branch.endpoints, "type", "read_write"))
end

---Where PostgreSQL listens, port 5432.
---@param state table
---@param of table  an endpoint, or a branch, which means its read_write one
---@return string|nil  nil: a branch that has no compute
function endpoints.address(state, of)
  if of.endpoints then of = endpoints.writer(of) or of.endpoints[1] end
  return of and address_of(state.settings.network, of.number)
end

local function taken_numbers(state, now)
  local taken = {}
  for _, branch in ipairs(state.neon.branches) do
    local gone = branch.deleted and operations.settled(state, branch.deletion, now)
    for _, endpoint in ipairs(gone and {} or branch.endpoints) do taken[endpoint.number] = true end
    for _, endpoint in ipairs(branch.leaving or {}) do
      if not operations.settled(state, endpoint.operation, now) then taken[endpoint.number] = true end
    end
  end
  return taken
end

---A number that no endpoint has. One being deleted has its own until that is done, and then it is given last of all:
---who still has a string of a deleted branch is to meet nobody, and not another branch with the same role.
---@return integer|nil  nil: there is none left
function endpoints.free_number(state, now)
  local taken, last = taken_numbers(state, now), state.neon.last_number or 0
  for i = 0, LAST_NUMBER - 1 do
    local number = (last + i) % LAST_NUMBER + 1
    if not taken[number] then return number end
  end
end

---The same, given away; there must be one.
---@return integer
function endpoints.take_number(state, now)
  state.neon.last_number = endpoints.free_number(state, now)
  return state.neon.last_number
end

---@return string  such as eu-central-1
function endpoints.region(endpoint)
  return ((endpoint.region or REGION):gsub("^aws%-", ""))
end

-- ---- running and resting -----------------------------------------------------------------

local function timeout(state, endpoint)
  local seconds = endpoint.suspend == 0 and state.settings.suspend_seconds or endpoint.suspend
  return seconds > 0 and seconds or nil
end

-- When a compute rests that reached "active" at `since`, if nothing uses it any more.
local function rest_of(state, endpoint, since)
  local seconds = not state.neon.follow and timeout(state, endpoint)
  return seconds and math.max(since, endpoint.used or since) + seconds or math.huge
end

---@return "init"|"active"|"idle" current, string|nil pending, number since
function endpoints.status(state, endpoint, now)
  if not operations.arrived(state, endpoint, now) then return endpoint.before, endpoint.goal, endpoint.since end
  local since = endpoint.since
  if endpoint.goal == "idle" then return "idle", nil, since end
  local rest = rest_of(state, endpoint, since)
  if now >= rest then return "idle", nil, rest end
  return "active", nil, since
end

-- Seconds since its last start that a compute was active.
local function running_for(state, endpoint, now)
  if endpoint.goal ~= "active" or not operations.arrived(state, endpoint, now) then return 0 end
  local since = endpoint.since
  return math.max(0, math.min(now, rest_of(state, endpoint, since)) - since)
end

---@return number  seconds that a compute was active so far
function endpoints.active_seconds(state, endpoint, now)
  return endpoint.ran + running_for(state, endpoint, now)
end

-- Gives a compute another goal, from now on or by an operation.
local function turn(state, endpoint, now, goal, operation)
  local current = endpoints.status(state, endpoint, now)
  endpoint.ran = endpoints.active_seconds(state, endpoint, now)
  endpoint.before, endpoint.goal, endpoint.since = current, goal, now
  endpoint.operation = operation and operation.id
  if goal == "active" then
    endpoint.boots, endpoint.started = endpoint.boots + 1, now
  else
    endpoint.suspended = now
  end
end

---A compute shall run, or rest, once an operation is done.
---@param goal "active"|"idle"
---@param operation neon.Operation
function endpoints.lead(state, endpoint, now, goal, operation)
  turn(state, endpoint, now, goal, operation)
end

---A compute whose operation came to nothing stays what it was.
function endpoints.stay(state, endpoint, now)
  if endpoint.before == "init" or operations.outcome(state, endpoint.operation, now) ~= "bad" then return end
  endpoint.goal, endpoint.operation, endpoint.since = endpoint.before, nil, now
end

---Of a connection or a query: wakes what rests. A compute that is being started is waited for.
---@return string|nil  what it is when it cannot be used: "disabled", "init" or "gone"
function endpoints.use(state, endpoint, now)
  if endpoint.disabled then return "disabled" end
  local current, pending = endpoints.status(state, endpoint, now)
  if pending and current ~= "active" then return "init" end
  if current == "idle" then turn(state, endpoint, now, "active") end
  endpoint.used = now
end

local function has_failed(state, thing, now) return operations.outcome(state, thing.operation, now) == "bad" end

-- What works has come about, although the operation that was to make it has failed: its branch is ready then.
local function reach_state(state, branch, endpoint, wanted, now)
  if endpoint.goal ~= wanted or has_failed(state, endpoint, now) then turn(state, endpoint, now, wanted) end
  if wanted == "active" and has_failed(state, branch, now) then branch.operation, branch.since = nil, now end
end

---A follower's report: a connection woke a compute, or it was suspended; when it was used last.
---@return boolean known
function endpoints.event(state, event, now)
  local branch, endpoint = endpoints.find(state, event.endpoint)
  if not endpoint then return false end
  if event.state then reach_state(state, branch, endpoint, event.state, now) end
  endpoint.used = event.used or endpoint.used
  return true
end

-- ---- making and finding ------------------------------------------------------------------

local function number_or(value, default) return type(value) == "number" and value or default end

---Adds a compute to a branch. Its operation is the caller's.
---@param given table  as it stands in a request
---@return neon.Endpoint
function endpoints.create(state, branch, given, now)
  local least = number_or(given.autoscaling_limit_min_cu, 0.25)
  local endpoint = { id = "ep-davit-" .. ids.hex(state, "endpoint", 8), number = endpoints.take_number(state, now),
    type = given.type, name = given.name, created = now, updated = now, goal = "active", before = "init", since = now,
    boots = 0, ran = 0, min_cu = least, max_cu = number_or(given.autoscaling_limit_max_cu, least),
    suspend = math.tointeger(given.suspend_timeout_seconds) or 0, settings = given.settings,
    disabled = given.disabled or nil, passwordless = given.passwordless_access, started = now,
    region = data.find(state.neon.projects, "id", branch.project_id).region }
  table.insert(branch.endpoints, endpoint)
  return endpoint
end

---@return table|nil branch, neon.Endpoint|nil endpoint  a living one
function endpoints.find(state, id)
  for _, branch in ipairs(state.neon.branches) do
    local endpoint = not branch.deleted and data.find(branch.endpoints, "id", id)
    if endpoint then return branch, endpoint end
  end
end

-- ---- what the API shows ------------------------------------------------------------------

local function time(seconds) return seconds and clock.iso(seconds) or nil end

function endpoints.show(context, branch, endpoint)
  local state = context.state
  local current, pending, changed = endpoints.status(state, endpoint, context.now)
  local suspended = current == "idle" and changed or endpoint.suspended
  return {
    id = endpoint.id, name = endpoint.name, host = endpoints.address(state, endpoint), project_id = branch.project_id,
    branch_id = branch.id, type = endpoint.type, region_id = endpoint.region or REGION,
    autoscaling_limit_min_cu = endpoint.min_cu, autoscaling_limit_max_cu = endpoint.max_cu,
    current_state = current, pending_state = pending, settings = data.plain(endpoint.settings or {}),
    pooler_enabled = false, pooler_mode = "transaction", disabled = endpoint.disabled or false,
    passwordless_access = endpoint.passwordless ~= false, creation_source = "console",
    created_at = clock.iso(endpoint.created),
    updated_at = clock.iso(math.max(changed, endpoint.updated)),
    last_active = time(endpoint.used), started_at = time(endpoint.started), suspended_at = time(suspended),
    proxy_host = endpoints.region(endpoint) .. ".aws.neon.tech",
    suspend_timeout_seconds = endpoint.suspend, provisioner = "k8s-neonvm",
  }
end

---@return any[]  marked as an array
function endpoints.show_all(context, branch)
  return data.array(branch.endpoints, function(endpoint)
    return endpoints.show(context, branch, endpoint)
  end)
end

return endpoints
