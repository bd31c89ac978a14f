---What a recipe would do: it runs without journal and lease, and nothing is changed. What it ensures is looked for,
---what it says only reads is read, and every other step is named and left out.
local planned = require "run.planned"
local reading = require "run.reading"
local resource = require "run.resource"
local steps = require "run.steps"
local task = require "task"

local plan = {}

---@class run.Planned
---@field action "create"|"change"|"keep"|"destroy"|"read"|"run"|"ask"
---@field name string
---@field why? string  what would be changed, or asked for

---@class run.Planner
---@field list run.Planned[]
local Planner = {}
Planner.__index = Planner

-- The branch of a run.parallel is told with the name, as in a run's record.
local function note(self, action, name, why)
  local place = steps.place()
  table.insert(self.list, { action = action, name = place == "" and name or place .. "/" .. name, why = why })
end

local function checked_step(what, name, inputs, f)
  steps.check_name(what, name)
  if type(inputs) == "function" then inputs, f = nil, inputs end
  steps.check_inputs(what, name, inputs, f)
  return f
end

function Planner:step(name, inputs, f)
  checked_step("run.step", name, inputs, f)
  note(self, "run", name)
  return planned.unknown(name)
end

function Planner:look(name, inputs, f)
  f = checked_step("run.look", name, inputs, f)
  local here = task.locals()
  local before = here.looking
  here.looking = true
  local result, err = try(function() return (f()) end)
  here.looking = before
  if err then error(err, 0) end
  note(self, "read", name)
  return result
end

function Planner:ensure(r)
  resource.check("run.ensure", r)
  local found = r.find()
  if found == nil then
    note(self, "create", r[1], planned.within(r[1]) and "unless it is there" or nil)
    return planned.unknown(r[1])
  end
  resource.check_ours(r, found)
  local action, why = "keep", nil
  if r.plan then
    action, why = r.plan(found)
  elseif r.update then
    action, why = "change", "as far as it differs"
  end
  note(self, action, r[1], why)
  return found
end

function Planner:destroy(r)
  resource.check("run.destroy", r)
  local found = r.find()
  if found == nil then return false end
  resource.check_ours(r, found)
  note(self, "destroy", r[1])
  return true
end

function Planner.parallel(_, branches) return parallel(branches) end

function Planner:approve(o)
  note(self, "ask", tostring(type(o) == "table" and o[1] or o))
end

function Planner.lease() return setmetatable({}, { __close = function() end }) end

function Planner.output() end

function Planner.outcome() return { back = {}, left = {} } end

local function handle_of(self)
  local handle = { id = planned.unknown "the run begins" }
  for _, name in ipairs { "step", "look", "ensure", "destroy", "parallel", "approve", "lease", "output", "outcome" } do
    handle[name] = function(...) return self[name](self, ...) end
  end
  return handle
end

---@param r table       a recipe
---@param params table
---@return run.Planned[] list, table|nil err  err: what would stop the run, after what is listed
function plan.make(r, params)
  local self = setmetatable({ list = {} }, Planner)
  local _, err = try(function()
    task.locals().path = ""
    planned.during(function()
      reading.only(function() r.run(params, handle_of(self)) end)
    end)
  end)
  return self.list, err
end

return plan
