---What a plan (`--plan`) says of migrations: each file that would run, and the class of each of its statements.
local planned = require "run.planned"

local tell = {}

local function class_of(one)
  return one.reason and ("%s: %s"):format(one.class, one.reason) or one.class
end

---Names what is pending in the plan that is being made; nothing where none is.
---@param plan migrations.Plan
---@return migrations.Plan plan
function tell.pending(plan)
  for _, file in ipairs(plan.pending) do
    for _, one in ipairs(file.statements) do
      planned.tell("apply", ("%s:%d %s"):format(one.file, one.line, one.statement), class_of(one))
    end
  end
  if plan.opaque then planned.tell("apply", plan.breaking[1].statement, class_of(plan.breaking[1])) end
  return plan
end

return tell
