---How long a run may take in all, where its recipe says so: `deadline`. What waits for people, or for another run, is
---not the run's own time; what is taken back has all the time that it needs.
local task = require "task"

local deadline = {}

---A time as people write it: "30m", "90s".
---@param seconds number
---@return string
function deadline.text(seconds)
  for _, unit in ipairs { { 3600, "h" }, { 60, "m" } } do
    if seconds >= unit[1] and seconds % unit[1] == 0 then return ("%d%s"):format(seconds // unit[1], unit[2]) end
  end
  return ("%gs"):format(seconds)
end

-- ---- the error -------------------------------------------------------------------------------------

-- Whether the deadline is what a recipe that has failed says of it, and no reason of its own.
local function is_cause(err)
  if err.code == "deadline" then return true end
  for _, one in pairs(err.code == "parallel-failed" and err.failures or {}) do
    if is_cause(one) then return true end
  end
  return false
end

local function is_cut_off(entry)
  local err = entry.error or {}
  return entry.state == "failed" and (err.class == "cancelled" or is_cause(err))
end

-- What had ended, and the innermost of what had not.
local function reached(order)
  local ended, open = 0, {}
  for _, entry in ipairs(order) do
    if entry.state == "finished" then ended = ended + 1 end
    if is_cut_off(entry) then open[#open + 1] = entry.path end
  end
  for i = #open, 1, -1 do
    local inner = open[i + 1]
    if inner and inner:sub(1, #open[i] + 1) == open[i] .. "/" then table.remove(open, i) end
  end
  local at = #open == 0 and "between its steps" or "at '" .. table.concat(open, "', '") .. "'"
  return ("it was %s, and %d of its steps had ended"):format(at, ended)
end

local function raise(run, seconds)
  failure {
    code = "deadline", about = run.recipe.name,
    message = ("'%s' has not ended within its deadline of %s: %s"):format(run.recipe.name, deadline.text(seconds),
      reached(run.recorder.history.order)),
    hint = ("'davit show %s' has how long each step took; 'deadline' in %s says how long all of it may take"):format(
      run.id, run.recipe.file or "the recipe"),
  }
end

-- ---- the clock ---------------------------------------------------------------------------------------

---Carries out f within the deadline of the run's recipe, if it has one; raises "deadline" with what was reached.
---@param run run.Run
---@param f fun(run: run.Run)
function deadline.hold(run, f)
  local seconds = run.recipe.deadline
  if not seconds then return f(run) end
  local passed = false
  local _, err = try(task.limit, seconds, function(limit)
    run.limit = limit
    local _, why = try(f, run)
    run.limit, passed = nil, limit:passed()
    if why then error(why, 0) end
  end)
  if err and passed and is_cause(err) then raise(run, seconds) end
  if err then error(err, 0) end
end

---Until the end of the scope time does not count for the run's deadline: `local _ <close> = deadline.pause(limit)`.
---@param limit? task.Limit  none: nothing counts anyway
function deadline.pause(limit)
  if limit then limit:pause() end
  return setmetatable({}, { __close = function() if limit then limit:go() end end })
end

return deadline
