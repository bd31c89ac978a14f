---What a recipe would do: it runs without journal and lease, and nothing is changed. What it ensures is looked for,
---what it says only reads is read, and every other step is named and left out.
local planned = require "run.planned"
local reading = require "run.reading"
local resource = require "run.resource"
local steps = require "run.steps"
local task = require "task"

local plan = {}

---@class run.Planned
---@field action "create"|"change"|"keep"|"destroy"|"run"|"apply"|"skip"|"ask"|"read"|"stays"
---@field name string
---@field why? string  what would be changed, or asked for

local actions = { create = true, change = true, keep = true, destroy = true, run = true, skip = true }

---@class run.Planner
---@field list run.Planned[]
---@field made table<string, true>  names of what the run would have created by now
local Planner = {}
Planner.__index = Planner

-- The branch of a run.parallel is told with the name, as in a run's record.
local function note(self, action, name, why)
  local place = steps.place()
  table.insert(self.list, { action = action, name = place == "" and name or place .. "/" .. name, why = why })
end

-- What a step says of itself: an action, why, and its result where that is known already.
local function told_by(name, tell)
  local action, why, result = tell()
  if actions[action] then return action, why, result end
  failure { code = "misuse", class = "misuse", message = ("run.step '%s': its plan says create, change, keep, destroy, "
    .. "run or skip, not %s"):format(name, tostring(action)) }
end

function Planner:step(name, ...)
  local _, _, _, tell = steps.read("run.step", name, ...)
  local action, why, result = "run", nil, nil
  if tell then action, why, result = told_by(name, tell) end
  note(self, action, name, why)
  if action == "create" then self.made[name] = true end
  if result ~= nil then return result end
  return planned.unknown(name)
end

function Planner:look(name, ...)
  local f = steps.read("run.look", name, ...)
  local result = f()
  note(self, "read", name)
  return result
end

function Planner:ensure(r)
  resource.check("run.ensure", r)
  local found = r.find()
  if found == nil then
    note(self, "create", r[1], planned.within(r[1]) and "unless it is there" or nil)
    self.made[r[1]] = true
    return planned.unknown(r[1])
  end
  local action, why = resource.plan(r, found)
  note(self, action, r[1], why)
  return found
end

function Planner:destroy(r)
  resource.check("run.destroy", r)
  local found = r.find()
  if found == nil then
    if self.made[r[1]] then note(self, "destroy", r[1], "which this run has made") end
    return self.made[r[1]] or false
  end
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

local READ_ONLY <const> = "25006"   -- SQLSTATE: what a read-only transaction is refused

-- What a database refused since a plan only reads is told as what the world refuses.
local function as_effect(err)
  for _, one in pairs(err.failures or {}) do as_effect(one) end
  if err.sqlstate ~= READ_ONLY then return end
  err.code, err.class = "plan-effect", "misuse"
  err.hint = "a plan changes nothing: do it in a run.step, which a plan names without running it"
end

---@param r table       a recipe
---@param params table
---@return run.Planned[] list, table|nil err  err: what would stop the run, after what is listed
function plan.make(r, params)
  local self = setmetatable({ list = {}, made = {} }, Planner)
  local programs = type(r.plans) == "table" and r.plans or nil
  local _, err = try(function()
    task.locals().path = ""
    planned.during(function()
      reading.only(function() r.run(params, handle_of(self)) end, programs)
    end, function(...) note(self, ...) end)
  end)
  if err then as_effect(err) end
  return self.list, err
end

return plan
