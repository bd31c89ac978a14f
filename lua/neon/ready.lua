---Waiting until a branch or a compute can be used: until everything it came with is done.
---
---A branch answers before its compute runs and its roles are applied; migrations then meet a
---branch in "init", or a password that is not valid yet.
local branch = require "neon.branch"
local core = require "core"
local operations = require "neon.operations"

local ready = {}

---Waits for the operations of a thing. Of one that was found and not created those are looked up
---that are not over.
---@param project table
---@param thing table  of run.ensure, or of client.restore
---@return table thing
function ready.wait(project, thing)
  local stop = core.monotonic() + operations.BUDGET
  local known = thing.created_at and thing or branch.seen(project, thing.id)
  local of = { id = thing.branch_id or thing.id, name = known.name }
  operations.wait(project, of.name, thing.operations or operations.open(project, of, known.created_at), stop)
  return thing
end

return ready
