---What must hold after a run that was disturbed, and what is wrong with one.
local oracle = {}

local Oracle = {}
Oracle.__index = Oracle

-- ---- comparing -----------------------------------------------------------------------------

-- How often each line is there.
local function count(lines)
  local counts = {}
  for _, line in ipairs(lines) do counts[line] = (counts[line] or 0) + 1 end
  return counts
end

-- The lines of `a` that are not in `b`; one that is there more often counts for the difference.
local function without(a, b)
  local have, rest = count(b), {}
  for _, line in ipairs(a) do
    if (have[line] or 0) > 0 then have[line] = have[line] - 1 else rest[#rest + 1] = line end
  end
  return rest
end

local function add_lines(problems, what, lines)
  for _, line in ipairs(lines) do problems[#problems + 1] = { what = what, line = line } end
end

-- ---- the invariants --------------------------------------------------------------------------

-- A resumed run ends where the undisturbed one does.
local function after_resume(self, problems, found)
  add_lines(problems, "missing", without(self.reference.inventory, found))
  add_lines(problems, "left over", without(found, self.reference.inventory))
end

-- An undone run leaves nothing that was not there before. What was there is there again, unless
-- removing it is what the recipe is for.
local function after_undo(self, problems, found)
  add_lines(problems, "left over", without(found, self.before))
  local lost = without(self.before, found)
  add_lines(problems, "lost", without(lost, without(self.before, self.reference.inventory)))
end

-- Without a status nothing had to be done any more.
local function check_ending(self, problems, how, outcome)
  local expected = how == "resume" and outcome.status and self.reference.outcome.code or 0
  if outcome.code == expected then return end
  problems[#problems + 1] = {
    what = "exit code", line = ("%d instead of %d%s"):format(outcome.code, expected,
      outcome.error and ": " .. outcome.error or ""),
  }
end

local compare = { resume = after_resume, undo = after_undo }

---@param how "resume"|"undo"  what followed the crash
---@param outcome table        code, error, leases
---@param found string[]       the inventory
---@return table[] problems    { what, line }
function Oracle:problems(how, outcome, found)
  local problems = {}
  check_ending(self, problems, how, outcome)
  compare[how](self, problems, found)
  add_lines(problems, "lease still held", outcome.leases or {})
  return problems
end

function oracle.new()
  return setmetatable({ before = {}, reference = nil }, Oracle)
end

return oracle
