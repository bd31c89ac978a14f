---Waiting until a branch can be used: until everything it came with is done.
---
---A branch answers before its compute runs and its roles are applied; migrations then meet a
---branch in "init", or a password that is not valid yet.
local core = require "core"
local api = require "neon.api"
local branch = require "neon.branch"
local json = require "json"
local url = require "url"

local ready = {}

local BUDGET = 120        -- seconds for all operations together
local FIRST, MOST = 0.5, 4
local FAILED_GRACE = 30   -- "failed" may be tried again by Neon itself; so long it is waited for

local outcome = { finished = "done", skipped = "done", error = "broken", cancelled = "broken",
  failed = "failed" }

-- Newest first: an operation older than the branch is the end. Times are compared to the second, as only some
-- have fractions.
local function operations_of(project, thing)
  local ids = {}
  local walk = api.walk(project, { style = "cursor", items = "/operations", cursor = "/pagination/cursor",
    last = "empty" }, { path = "/operations", query = { limit = 100 },
    what = "list the operations of the branch " .. thing.name })
  for operation in walk do
    if operation.created_at:sub(1, 19) < thing.created_at:sub(1, 19) then break end
    if operation.branch_id == thing.id then ids[#ids + 1] = operation.id end
  end
  return ids
end

local function refuse(thing, operation, class, hint)
  local reason = operation.error ~= json.null and operation.error or "no reason was given"
  failure { code = "neon-operation", class = class, about = thing.name, hint = hint,
    message = ("Neon: the operation %s of the branch %s is %s after %d failures: %s"):format(
      operation.action, thing.name, operation.status, operation.failures_count or 0, reason) }
end

local function check(thing, operation, state, waited)
  if state == "broken" then
    refuse(thing, operation, "fatal", "destroy the branch and create it again")
  elseif state == "failed" and waited > FAILED_GRACE then
    refuse(thing, operation, "fatal", "Neon did not try it again: destroy the branch, or ask Neon")
  end
end

local function wait_for(project, thing, id, stop)
  local pause, failed_at = FIRST, nil
  while true do
    local operation = api.call(project, { path = "/operations/" .. url.encode(id),
      what = "read an operation of the branch " .. thing.name }).operation
    local state = outcome[operation.status]
    if state == "done" then return end
    failed_at = state == "failed" and (failed_at or core.monotonic()) or nil
    check(thing, operation, state, failed_at and core.monotonic() - failed_at or 0)
    if core.monotonic() + pause > stop then
      refuse(thing, operation, "pending", "Neon is slower than usual: run again in a while")
    end
    sleep(pause)
    pause = math.min(pause * 2, MOST)
  end
end

---Waits for the operations of a branch. One that was found and not created has them looked up.
---@param project table
---@param thing neon.Branch
---@return neon.Branch
function ready.wait(project, thing)
  local stop = core.monotonic() + BUDGET
  local known = thing.created_at and thing or branch.get(project, thing.id)
  for _, id in ipairs(thing.operations or operations_of(project, known)) do
    wait_for(project, known, id, stop)
  end
  return thing
end

return ready
