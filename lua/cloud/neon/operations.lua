---Operations: what the project is still busy with. Their status is computed when asked.
---
---Invariant: while one runs, no mutation of the project is taken up (423).
local base64 = require "base64"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local route = require "cloud.route"

local operations = {}

---@class neon.Operation
---@field id string
---@field branch_id string
---@field endpoint_id? string
---@field action string
---@field created number
---@field outcome? string  what the follower reported: finished or failed
---@field ended? number    when it did
---@field error? string

---Starts an operation.
---@return neon.Operation
function operations.start(state, now, action, branch, endpoint)
  local operation = { id = ids.uuid(state, "operation"), action = action, branch_id = branch.id,
    endpoint_id = endpoint and endpoint.id, created = now }
  table.insert(state.neon.operations, operation)
  return operation
end

---@return string status, number changed  and since when it has it
function operations.status(state, operation, now)
  if operation.outcome then return operation.outcome, operation.ended end
  local due = operation.created + state.settings.operation_seconds
  if state.neon.follow or now < due then return "running", operation.created end
  return "finished", due
end

---Whether an operation has ended well, and since when it is as it is. What was made without one
---has been there from the beginning.
---@param id? string
---@return boolean done, number changed
function operations.settled(state, id, now)
  if not id then return true, state.settings.created_at end
  local operation = data.find(state.neon.operations, "id", id)
  local status, changed = operations.status(state, operation, now)
  return status == "finished", changed
end

---Refuses a mutation while an operation of the project runs.
function operations.refuse_while_running(context)
  for _, operation in ipairs(context.neon.operations) do
    if operations.status(context.state, operation, context.now) == "running" then
      route.refuse { status = 423, message =
        "project already has running conflicting operations, scheduling of new ones is prohibited" }
    end
  end
end

---Takes a follower's report on an operation.
---@param state table
---@param event { operation: string, status: "finished"|"failed", error?: string }
---@param now number
---@return boolean known  false when no such operation is pending
function operations.event(state, event, now)
  local operation = data.find(state.neon.operations, "id", event.operation)
  if not operation or operation.outcome then return false end
  operation.outcome, operation.ended, operation.error = event.status, now, event.error
  return true
end

---The operations of a branch that no follower has reported on.
---@return { id: string, action: string }[]
function operations.pending(state, branch)
  local pending = {}
  for _, operation in ipairs(state.neon.operations) do
    if operation.branch_id == branch.id and not operation.outcome then
      pending[#pending + 1] = { id = operation.id, action = operation.action }
    end
  end
  return pending
end

---@return table  as the API shows it
function operations.show(context, operation)
  local status, changed = operations.status(context.state, operation, context.now)
  local ended = status ~= "running"
  return {
    id = operation.id, project_id = context.neon.project_id, branch_id = operation.branch_id,
    endpoint_id = operation.endpoint_id, action = operation.action, status = status,
    error = operation.error, failures_count = status == "failed" and 1 or 0,
    created_at = clock.iso(operation.created), updated_at = clock.iso(changed),
    total_duration_ms = ended and math.floor((changed - operation.created) * 1000) or 0,
  }
end

---@return any[]  marked as an array
function operations.show_all(context, list)
  return data.array(list, function(operation) return operations.show(context, operation) end)
end

local function get(context)
  local operation = data.find(context.neon.operations, "id", context.params.operation)
  if not operation then route.refuse { status = 404, message = "operation not found" } end
  return { operation = operations.show(context, operation) }
end

-- Newest first. There is a cursor even on the last page: only an empty page is the end.
local function list(context)
  local all, query = context.neon.operations, context.query
  local limit = math.min(math.max(math.tointeger(tonumber(query.limit)) or 100, 1), 1000)
  local start = #all
  if query.cursor then
    local ok, id = pcall(base64.decode, query.cursor)
    local _, index = data.find(all, "id", ok and id or "")
    if not index then route.refuse { status = 400, message = "invalid cursor" } end
    start = index - 1
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
