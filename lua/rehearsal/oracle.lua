---What must hold after a run that was disturbed, and what is wrong with one.
local inventory = require "rehearsal.inventory"

local oracle = {}

local LEFT <const> = 3   -- the exit code of who has left something

---@class rehearsal.Problem
---@field what string  "missing", "left over", "lost", "exit code", "lease", "no end"
---@field line string

---@class rehearsal.Ending
---@field outcome table       of driver.lua: code, status, error, left, stuck, changed, leases, kept
---@field inventory string[]
---@field shared string[]     secrets that Workers have in common

---@class rehearsal.Oracle
---@field before string[]     the inventory before the run
---@field known table<string, true>  values of secrets from before it
---@field reference rehearsal.Ending  of the undisturbed run
local Oracle = {}
Oracle.__index = Oracle

-- ---- comparing -----------------------------------------------------------------------------

-- The lines of `a` that are not in `b`; one that is there more often counts for the difference.
local function without(a, b)
  local have, rest = {}, {}
  for _, line in ipairs(b) do have[line] = (have[line] or 0) + 1 end
  for _, line in ipairs(a) do
    if (have[line] or 0) > 0 then have[line] = have[line] - 1 else rest[#rest + 1] = line end
  end
  return rest
end

local function add_lines(problems, what, lines)
  for _, line in ipairs(lines) do problems[#problems + 1] = { what = what, line = line } end
end

local function objects_of(lines)
  local set = {}
  for _, line in ipairs(lines) do set[inventory.object(line)] = true end
  return set
end

-- ---- the invariants --------------------------------------------------------------------------

-- A resumed run ends where the undisturbed one does.
local function after_resume(self, problems, ending)
  for _, list in ipairs { "inventory", "shared" } do
    add_lines(problems, "missing", without(self.reference[list], ending[list]))
    add_lines(problems, "left over", without(ending[list], self.reference[list]))
  end
end

-- How a run calls what it has changed, and the inventory the same thing; a version belongs to nobody but the run.
local kinds = {
  DNS = { DNS = true }, Domain = { custom = true, DNS = true }, Worker = { Worker = true }, crons = { Worker = true },
  ["workers.dev"] = { Worker = true }, adoption = { Worker = true }, route = { route = true }, version = {},
  deployment = {}, Database = { database = true }, Deployment = { deployment = true }, Comment = { comment = true },
  Secret = { secret = true }, Variable = { variable = true },
}

-- A recipe's own names say nothing of what they stand for.
local function is_about(name, object)
  local kind = kinds[name:match "^%S+"]
  if not kind then return true end
  if not kind[object:match "^%S+"] then return false end
  return (" %s "):format(object):find((" %s "):format(name:match "%S+$"), 1, true) ~= nil
end

-- What was there before and was only changed cannot always be put back; then the run has to say so.
local function told_of(self, ending, object)
  if not objects_of(self.before)[object] then return false end
  for _, name in ipairs(ending.outcome.changed or {}) do
    if is_about(name, object) then return true end
  end
  for _, message in ipairs(ending.outcome.stuck or {}) do
    if message:find(object, 1, true) then return true end
  end
  return false
end

local function lines_of(lines, object)
  local list = {}
  for _, line in ipairs(lines) do
    if inventory.object(line) == object then list[#list + 1] = line end
  end
  return list
end

-- Migrations that were committed are not taken back where the branch was there before; but none is there by half.
local function is_migrated(self, ending, line)
  local object = inventory.object(line)
  local branch = object:match "^%+? ?database (.*)$"
  if not branch or not objects_of(self.before)["database branch " .. branch] then return false end
  local is, whole = lines_of(ending.inventory, object), lines_of(self.reference.inventory, object)
  return #is == #whole and #without(is, whole) == 0
end

-- What the recipe is there to remove may have come half of the way: a deployment is ended before it is deleted.
local function is_going(self, line)
  local object = inventory.object(line)
  return objects_of(self.before)[object] and not objects_of(self.reference.inventory)[object]
end

-- What the recipe says that it keeps; of a database branch its data, too.
local function is_kept(ending, line)
  local object = inventory.object(line)
  for _, name in ipairs(ending.outcome.kept or {}) do
    if object == name or object == name:gsub("^database branch ", "database ") then return true end
  end
  return false
end

-- What GitHub says of a deployment that was there before is said anew, and stays so.
local function is_told_anew(self, object)
  return object:find "^deployment of " ~= nil and objects_of(self.before)[object] == true
end

local function may_stay(self, ending, line)
  local object = inventory.object(line)
  return inventory.is_said(line) or is_told_anew(self, object) or is_kept(ending, line) or is_going(self, line)
    or told_of(self, ending, object) or is_migrated(self, ending, line)
end

-- What the recipe is there to remove, or has said that it changes.
local function may_go(self, ending, line)
  local object = inventory.object(line)
  return not objects_of(self.reference.inventory)[object] or inventory.is_said(line) or is_told_anew(self, object)
    or told_of(self, ending, object) or is_migrated(self, ending, line)
end

-- An undone run leaves nothing that it made, but for what cannot be taken back. What was there before is there again,
-- unless removing or changing it is what the recipe is for.
local function after_undo(self, problems, ending)
  for _, line in ipairs(without(ending.inventory, self.before)) do
    if not may_stay(self, ending, line) then problems[#problems + 1] = { what = "left over", line = line } end
  end
  local lost = without(self.before, ending.inventory)
  local kept = without(lost, without(self.before, self.reference.inventory))
  add_lines(problems, "lost", kept)
  for _, line in ipairs(without(lost, kept)) do
    if not may_go(self, ending, line) then problems[#problems + 1] = { what = "lost", line = line } end
  end
end

-- Without a status nothing had to be done any more. An undo succeeds, or says of all that is left that there is no way
-- back.
local function expected_code(self, how, outcome)
  if how == "resume" then return outcome.status and self.reference.outcome.code or 0 end
  local stuck = #(outcome.stuck or {})
  return stuck > 0 and stuck == #outcome.left and LEFT or 0
end

local function check_code(self, problems, how, outcome)
  local expected = expected_code(self, how, outcome)
  if outcome.code == expected then return end
  problems[#problems + 1] = {
    what = "exit code", line = ("%d instead of %d%s"):format(outcome.code, expected,
      outcome.error and ": " .. outcome.error or ""),
  }
end

local function check_leases(problems, outcome)
  add_lines(problems, "lease", outcome.leases)
end

local compare = { resume = after_resume, undo = after_undo }

---@param how "resume"|"undo"  what followed the crash
---@param ending rehearsal.Ending
---@return rehearsal.Problem[]
function Oracle:problems(how, ending)
  local problems = {}
  check_code(self, problems, how, ending.outcome)
  compare[how](self, problems, ending)
  check_leases(problems, ending.outcome)
  return problems
end

---A run that fails by itself takes everything back: that is its contract.
---@param reference rehearsal.Ending
---@return rehearsal.Problem[]
function Oracle:undisturbed(reference)
  local problems = {}
  if reference.outcome.code ~= 0 then
    self.reference = reference
    after_undo(self, problems, reference)
  end
  check_leases(problems, reference.outcome)
  return problems
end

---@return rehearsal.Oracle
function oracle.new()
  return setmetatable({ before = {} }, Oracle)
end

return oracle
