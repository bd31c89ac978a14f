---Operations: what a project is still busy with. Their status is computed when asked.
---
---The operations of one request are a chain: the second is "scheduling" until the first has finished. The
---first takes the time of the setting, or until the follower reports its end; the others follow at once.
---Invariants: 1. While one of a project is under way, no mutation of the project is taken up (423).
---            2. An operation whose outcome stands in it never changes again.
---Assumed: the order of a chain, how long until Neon tries a failed one again, and that the successors of
---one that failed for good are cancelled.
local base64 = require "base64"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local route = require "cloud.route"

local operations = {}

---@class neon.Operation
---@field id string
---@field project_id string
---@field branch_id string
---@field endpoint_id? string
---@field action string
---@field created number
---@field after? string     the one before it in its chain
---@field trouble? { failures: integer, ends: string }  what was ordered to go wrong with it
---@field outcome? string   its last status
---@field ended? number     when it got that
---@field failures? integer
---@field failed_at? number
---@field retry? number     when it is, or was, tried again
---@field error? string

local MOST = 4000   -- operations that are kept

local LAST = { finished = true, skipped = true, error = true, cancelled = true }

-- ---- status ------------------------------------------------------------------------------

-- The newest are asked for most.
local function find(state, id)
  local list = state.neon.operations
  for i = #list, 1, -1 do
    if list[i].id == id then return list[i], i end
  end
end

-- What an attempt that began at `begun` has come to.
local function attempt(state, operation, begun, now)
  if state.neon.follow then return "running", begun end
  local due = begun + (operation.after and 0 or state.settings.operation_seconds)
  if now < due then return "running", begun end
  return "finished", due
end

-- What was ordered to go wrong: so many attempts fail, each a while after the one before, and then it ends
-- as it was told to. Returns nothing once it goes on undisturbed, but when.
local function troubled(state, operation, begun, now)
  local trouble, settings = operation.trouble, state.settings
  local length = settings.operation_seconds
  if trouble.ends == "skipped" then return "skipped", begun end
  for n = 1, trouble.failures do
    local failed = begun + length
    if now < failed then return "running", begun end
    operation.failures = n
    operation.error = trouble.error
    if n == trouble.failures and trouble.ends == "error" then return "error", failed end
    operation.retry = failed + settings.operation_retry
    if now < operation.retry then return "failed", failed end
    begun = operation.retry
  end
  if trouble.ends ~= "cancelled" then return nil, begun end
  if now < begun + length then return "cancelling", begun end
  return "cancelled", begun + length
end

-- Of one whose turn has come, and whether that is as it was ordered. What the follower reported as failed and will
-- try again waits until then.
local function running(state, operation, begun, now)
  if operation.failed_at then
    if now < operation.retry then return "failed", operation.failed_at end
    begun = operation.retry
  end
  if operation.trouble then
    local status, since = troubled(state, operation, begun, now)
    if status then return status, since, true end
    begun = since
  end
  return attempt(state, operation, begun, now)
end

local function current(state, operation, now)
  local before = operation.after and find(state, operation.after)
  if not before then return running(state, operation, operation.created, now) end
  local status, since = operations.status(state, before, now)
  if status == "finished" or status == "skipped" then
    return running(state, operation, math.max(since, operation.created), now)
  end
  if before.outcome then return "cancelled", since end
  return "scheduling", operation.created
end

---@return string status, number changed, boolean|nil ordered  since when it has it; whether it goes wrong by order
function operations.status(state, operation, now)
  if operation.outcome then return operation.outcome, operation.ended end
  local status, since, ordered = current(state, operation, now)
  if LAST[status] then operation.outcome, operation.ended = status, since end
  return status, since, ordered
end

---What an operation has come to, and since when. What was made without one, or by one that is forgotten, has been
---there from the beginning.
---@param id? string
---@return "good"|"bad"|"pending" outcome, number changed
function operations.outcome(state, id, now)
  local operation = id and find(state, id)
  if not operation then return "good", state.settings.created_at end
  local status, changed = operations.status(state, operation, now)
  if status == "finished" or status == "skipped" then return "good", changed end
  return operation.outcome and "bad" or "pending", changed
end

---Whether an operation has failed for good by itself, and not because that was ordered.
---@param id? string
---@return boolean
function operations.is_lost(state, id, now)
  local operation = id and find(state, id)
  return operation ~= nil and not operation.trouble and operations.outcome(state, id, now) == "bad"
end

---Whether an operation has ended well, and since when it is as it is.
---@param id? string
---@return boolean done, number changed
function operations.settled(state, id, now)
  local outcome, changed = operations.outcome(state, id, now)
  return outcome == "good", changed
end

---Whether a branch or a compute has become what its operation leads to. It has since `since`, and needs the
---operation no longer then.
---@param thing { operation?: string, since: number }
---@return boolean
function operations.arrived(state, thing, now)
  if not thing.operation then return true end
  local done, changed = operations.settled(state, thing.operation, now)
  if done then thing.operation, thing.since = nil, math.max(changed, thing.since) end
  return done
end

-- ---- starting and ending -----------------------------------------------------------------

-- Neon keeps operations for months; of thousands the oldest are forgotten once they have ended.
local function forget_old(list)
  if #list < MOST then return list end
  local kept = {}
  for i, operation in ipairs(list) do
    if i > MOST // 2 or not operation.outcome then kept[#kept + 1] = operation end
  end
  return kept
end

---Starts an operation.
---@param state table
---@param now number
---@param action string
---@param branch table
---@param endpoint? table
---@param after? neon.Operation  the one before it in its chain
---@return neon.Operation
function operations.start(state, now, action, branch, endpoint, after)
  local neon = state.neon
  local operation = { id = ids.uuid(state, "operation"), action = action, project_id = branch.project_id,
    branch_id = branch.id, endpoint_id = endpoint and endpoint.id, created = now, after = after and after.id,
    trouble = neon.trouble }
  neon.trouble = nil
  neon.operations = forget_old(neon.operations)
  table.insert(neon.operations, operation)
  return operation
end

---Starts a chain.
---@param steps { [1]: string, [2]?: table }[]  actions, each with its endpoint
---@return neon.Operation[]
function operations.chain(state, now, branch, steps)
  local chain = {}
  for i, step in ipairs(steps) do
    chain[i] = operations.start(state, now, step[1], branch, step[2], chain[i - 1])
  end
  return chain
end

---Refuses a mutation while an operation of the project is under way.
function operations.refuse_while_running(context)
  for _, operation in ipairs(context.neon.operations) do
    if not operation.outcome and operation.project_id == context.project.id then
      operations.status(context.state, operation, context.now)
      if not operation.outcome then
        route.refuse { status = 423, message =
          "project already has running conflicting operations, scheduling of new ones is prohibited" }
      end
    end
  end
end

---Takes a follower's report on an operation. One that failed and will be tried again says when.
---@param state table
---@param event { operation: string, status: "finished"|"failed", error?: string, retry_at?: number }
---@param now number
---@return boolean known  false when no such operation is pending
function operations.event(state, event, now)
  local operation = find(state, event.operation)
  if not operation or operation.outcome then return false end
  operation.error = event.error
  if event.status == "failed" then
    operation.failures = (operation.failures or 0) + 1
    operation.failed_at, operation.retry = now, event.retry_at
  end
  if event.status ~= "failed" or not event.retry_at then
    operation.outcome, operation.ended = event.status, now
  end
  return true
end

---The operations that the follower has to carry out now, in their order. One that goes wrong by order is none of
---them: its end is not the follower's.
---@return table<string, { id: string, action: string, endpoint?: string }[]>  by branch
function operations.pending(state, now)
  local pending = {}
  for _, operation in ipairs(state.neon.operations) do
    if not operation.outcome then
      local status, _, ordered = operations.status(state, operation, now)
      local list = pending[operation.branch_id] or {}
      if status == "running" and not ordered or status == "scheduling" and #list > 0 then
        list[#list + 1] = { id = operation.id, action = operation.action, endpoint = operation.endpoint_id }
        pending[operation.branch_id] = list
      end
    end
  end
  return pending
end

-- ---- requests ----------------------------------------------------------------------------

---@return table  as the API shows it
function operations.show(context, operation)
  local status, changed = operations.status(context.state, operation, context.now)
  local ended = operation.outcome ~= nil
  return {
    id = operation.id, project_id = operation.project_id, branch_id = operation.branch_id,
    endpoint_id = operation.endpoint_id, action = operation.action, status = status,
    error = (status == "failed" or status == "error") and operation.error or nil,
    failures_count = operation.failures or 0, retry_at = operation.retry and clock.iso(operation.retry) or nil,
    created_at = clock.iso(operation.created), updated_at = clock.iso(changed),
    total_duration_ms = ended and math.floor((changed - operation.created) * 1000) or 0,
  }
end

---@return any[]  marked as an array
function operations.show_all(context, list)
  return data.array(list, function(operation) return operations.show(context, operation) end)
end

local function mine(context)
  return data.filter(context.neon.operations, function(one) return one.project_id == context.project.id end)
end

local function get(context)
  local operation = data.find(mine(context), "id", context.params.operation)
  if not operation then route.refuse { status = 404, message = "operation not found" } end
  return { operation = operations.show(context, operation) }
end

-- Newest first. There is a cursor even on the last page: only an empty page is the end.
local function list(context)
  local all, query = mine(context), context.query
  local limit = math.min(math.max(math.tointeger(tonumber(query.limit)) or 100, 1), 1000)
  local start = #all
  if query.cursor then
    local ok, id = pcall(base64.decode, query.cursor)
    local _, index = data.find(all, "id", ok and id or "")
    if not index and query.cursor ~= base64.encode "start" then
      route.refuse { status = 400, message = "invalid cursor" }
    end
    start = (index or 1) - 1
  end
  local page = {}
  for i = start, math.max(start - limit + 1, 1), -1 do page[#page + 1] = all[i] end
  local last = page[#page]
  local cursor = last and base64.encode(last.id) or query.cursor or base64.encode "start"
  return { operations = operations.show_all(context, page), pagination = { cursor = cursor } }
end

operations.routes = {
  { "GET", "/projects/{project}/operations", list },
  { "GET", "/projects/{project}/operations/{operation}", get },
}

return operations
