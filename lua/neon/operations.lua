---Waiting for operations: what Neon is still doing after it has answered.
local api = require "neon.api"
local core = require "core"
local json = require "json"
local url = require "url"

local operations = {}

operations.BUDGET = 120   -- seconds for all operations together

local FIRST, MOST = 0.5, 4
local FAILED_GRACE = 30   -- "failed" may be tried again by Neon itself; so long it is waited for

local outcome = { finished = "done", skipped = "done", error = "broken", cancelled = "broken",
  failed = "failed" }

---@param reply table  of a request that starts operations
---@return string[] ids
function operations.ids(reply)
  local ids = {}
  for i, operation in ipairs(reply.operations or {}) do ids[i] = operation.id end
  return ids
end

---The operations of a branch since a time that something is still to come of, the oldest first: of a chain that broke,
---the first says why. Neon lists the newest first, and takes up one chain at a time, so one that has ended well is the
---end of the list; so is one that is too old. Times are compared to the second, as only some have fractions.
---@param branch { id: string, name: string }
---@param since string  RFC 3339
---@return string[] ids
function operations.open(project, branch, since)
  local ids = {}
  local walk = api.walk(project, { style = "cursor", items = "/operations", cursor = "/pagination/cursor",
    last = "empty" }, { path = "/operations", query = { limit = 100 },
    what = "list the operations of the branch " .. branch.name })
  for operation in walk do
    local ours = operation.branch_id == branch.id
    if operation.created_at:sub(1, 19) < since:sub(1, 19) or ours and operation.status == "finished" then break end
    if ours then table.insert(ids, 1, operation.id) end
  end
  return ids
end

local function refuse(name, operation, class, hint)
  local reason = operation.error ~= json.null and operation.error or "no reason was given"
  failure { code = "neon-operation", class = class, about = name, hint = hint,
    message = ("Neon: the operation %s of the branch %s is %s after %d failures: %s"):format(
      operation.action, name, operation.status, operation.failures_count or 0, reason) }
end

local function check(name, operation, state, waited)
  if state == "broken" then
    refuse(name, operation, "fatal", "it is not done: try again, or destroy the branch and create it anew")
  elseif state == "failed" and waited > FAILED_GRACE then
    refuse(name, operation, "fatal", "Neon did not try it again: destroy the branch, or ask Neon")
  end
end

local function wait_for(project, name, id, stop)
  local pause, failed_at = FIRST, nil
  while true do
    local operation = api.call(project, { path = "/operations/" .. url.encode(id),
      what = "read an operation of the branch " .. name }).operation
    local state = outcome[operation.status]
    if state == "done" then return end
    failed_at = state == "failed" and (failed_at or core.monotonic()) or nil
    check(name, operation, state, failed_at and core.monotonic() - failed_at or 0)
    if core.monotonic() + pause > stop then
      refuse(name, operation, "pending", "Neon is slower than usual: run again in a while")
    end
    sleep(pause)
    pause = math.min(pause * 2, MOST)
  end
end

---Waits until all have ended well.
---@param name string  of the branch, for errors
---@param ids string[]
---@param stop? number  by the monotonic clock
function operations.wait(project, name, ids, stop)
  stop = stop or core.monotonic() + operations.BUDGET
  for _, id in ipairs(ids) do wait_for(project, name, id, stop) end
end

return operations
