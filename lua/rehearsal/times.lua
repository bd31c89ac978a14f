---How long a disturbed run may take: as long as its recipe says (`deadline`), and beside that what taking back may.
---
---The deadline holds for each Davit by itself: who resumes a run has all of it again. What was made within it is taken
---back within as long again, and one of the steps, that which meets what went wrong, may need all the patience that
---taking back has. A recipe that declares none may take an hour more than the undisturbed run: longer than any limit
---or certificate that is waited for, and an end all the same.
local deadline = require "run.deadline"
local undo = require "run.undo"

local times = {}

local LONG <const> = 3600     -- seconds
local DAVITS <const> = 4      -- one after the other, at most (host/rehearsal_explorer.h)
local COMING <const> = 120    -- until somebody takes over, or comes

local function allowed(limit, how)
  local back = limit + undo.longest
  return how == "undo" and back or limit + back
end

-- While another run comes and goes this one stands still.
local function stood_still(oracle)
  return oracle.visit and COMING + (oracle.visit.outcome.seconds or 0) or 0
end

local function problem(line, ...) return { what = "too long", line = line:format(...) } end

-- The first of those that took longer than its recipe says.
local function beyond_deadline(oracle, limit)
  for _, outcome in ipairs(oracle.told) do
    local most = allowed(limit, outcome.how) + stood_still(oracle)
    if (outcome.seconds or 0) > most then
      return problem("%s took %.0f s, where the recipe's deadline is %s, and taking back may take %.0f s more",
        outcome.how, outcome.seconds, deadline.text(limit), most - limit)
    end
  end
end

---@param told table[]  what Davits said when they ended
---@return number seconds  that the longest of them took
function times.longest(told)
  local most = 0
  for _, outcome in ipairs(told) do most = math.max(most, outcome.seconds or 0) end
  return most
end

local function limit_of(oracle) return oracle.reference.outcome.deadline end

---What is wrong with how long a schedule took, if anything.
---@param oracle rehearsal.Oracle
---@param elapsed number  seconds until anybody took over
---@return rehearsal.Problem|nil
function times.problem(oracle, elapsed)
  local limit = limit_of(oracle)
  if limit then return beyond_deadline(oracle, limit) end
  if elapsed > oracle.elapsed + LONG then return times.overdue(oracle, elapsed) end
end

---What is wrong with one that did not end.
---@param oracle rehearsal.Oracle
---@param elapsed number  seconds
---@return rehearsal.Problem
function times.overdue(oracle, elapsed)
  local limit = limit_of(oracle)
  if not limit then return problem("%.0f s instead of %.0f", elapsed, oracle.elapsed) end
  return problem("it goes on after %.0f s, where the recipe's deadline is %s", elapsed, deadline.text(limit))
end

---Seconds of the rehearsal's time after which nobody waits for a run any longer.
---@param oracle rehearsal.Oracle
---@return number
function times.patience(oracle)
  local limit, outcome = limit_of(oracle), oracle.reference.outcome
  if not limit then return oracle.elapsed + DAVITS * LONG end
  local before = oracle.elapsed - (outcome.seconds or 0)   -- what came first has its time, too
  return before + DAVITS * (allowed(limit) + COMING)
end

---A run that reaches its deadline although nothing goes wrong proves nothing.
---@param reference rehearsal.Ending
---@return rehearsal.Problem|nil
function times.undisturbed(reference)
  local outcome = reference.outcome
  if outcome.cause == "deadline" then return problem("%s", outcome.error or "it reached its deadline") end
end

return times
