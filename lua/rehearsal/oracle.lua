---What must hold after a run that was disturbed, and what is wrong with one.
local approvals = require "rehearsal.approvals"
local inventory = require "rehearsal.inventory"
local times = require "rehearsal.times"

local oracle = {}

-- Exit codes: something was left, it was denied, it waits for an approval.
local LEFT <const>, DENIED <const>, WAITING <const> = 3, 7, 75

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
---@field seen rehearsal.Problem[]  what was seen while it happened, of lua/rehearsal/watch.lua
---@field told table[]        what each Davit said when it ended, one after the other
---@field elapsed number      seconds that the undisturbed run took
---@field answer? string      what somebody has said whom the Davit at work has asked; "": nobody was there
---@field several? boolean    more than one thing has gone wrong
---@field late? boolean       a question had expired before somebody took over: services may refuse what they did not
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
  if how ~= "undo" then return outcome.status and self.reference.outcome.code or 0 end
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

-- A run that stood still until its own lease had expired cannot give it back: it expires again.
local function check_leases(self, problems, outcome)
  for _, lease in ipairs(outcome.leases) do
    if not (self.visit and lease:find "^run/") then problems[#problems + 1] = { what = "lease", line = lease } end
  end
end

local compare = { start = after_resume, resume = after_resume, approve = after_resume, undo = after_undo }

-- ---- what is not the run's ----------------------------------------------------------------------

-- Whether an object is the pull request's that the run is about: its number is a word of the name.
local function is_of(number, object) return object:find(("%%f[%%d]%d%%f[%%D]"):format(number)) ~= nil end

-- A run about a pull request changes nothing that was there and is not that one's: production, other pull requests,
-- what belongs to somebody else.
local function check_others(self, problems, ending)
  if not self.number then return end
  local there = objects_of(self.before)
  local function add(lines)
    for _, line in ipairs(lines) do
      local object = inventory.object(line)
      local branch = object:match "^database (.+)$"
      local known = there[object] or branch and there["database branch " .. branch]
      if known and not inventory.is_said(line) and not is_of(self.number, object) then
        problems[#problems + 1] = { what = "touched", line = line }
      end
    end
  end
  add(without(self.before, ending.inventory))
  add(without(ending.inventory, self.before))
end

-- ---- runs that ended by themselves -------------------------------------------------------------

-- Others go on with these, or have: what is left is said, and no claim is made.
local unfinished = { [3] = true, [6] = true, [10] = true, [75] = true }

local function check_truth(problems, outcome)
  if outcome.exposed then
    problems[#problems + 1] = { what = "secret", line = "in the journal, event " .. outcome.exposed }
  end
  local left = #(outcome.left or {}) > 0
  if outcome.code == 3 and not left and outcome.cause ~= "left-behind" then
    problems[#problems + 1] = { what = "untrue", line = "exit code 3, and the report names nothing that is left" }
  elseif outcome.code == 0 and outcome.trouble then
    problems[#problems + 1] = { what = "untrue", line = "exit code 0, while " .. outcome.trouble }
  elseif left and not unfinished[outcome.code] and outcome.status ~= "done" then
    problems[#problems + 1] = { what = "untrue", line = ("exit code %d, and the report names what is left: %s"):format(
      outcome.code, table.concat(outcome.left, ", ")) }
  end
end

-- When the question has expired, whoever resumes the run is asked anew.
local function after_waiting(self, outcome, wanted)
  self.late = wanted == "expire"
  if self.late then return ("resume %.0f"):format(outcome.waits + 1) end
  return wanted ~= "" and wanted or "approve"
end

---What somebody has said whom the Davit at work has asked.
---@param answer? string  "yes", "no", "" for nobody
function Oracle:answered(answer) self.answer = answer end

---What was told by a Davit that was disturbed and has ended by itself, and who goes on with it.
---@param how "start"|"resume"|"undo"  what it was to do
---@param outcome table
---@param wanted string   "resume", "undo", what becomes of a question, or "": what the schedule says
---@return string|nil     "start", "resume", "undo", "approve", "deny"; "resume 86400": so many seconds later
function Oracle:follow(how, outcome, wanted)
  self.told[#self.told + 1], outcome.how = outcome, how
  if self.visit then return nil end   -- who came has the last word
  if how == "undo" then return outcome.code ~= 0 and "undo" or nil end
  if how ~= "start" and not outcome.status and outcome.code ~= 0 then return "resume" end   -- it did not even begin
  if outcome.code == WAITING then return after_waiting(self, outcome, wanted) end
  if outcome.code == 10 then return wanted == "undo" and wanted or "resume" end
  if outcome.cause == "left-behind" then return "start" end   -- what is there to remove is run again
  if outcome.code == 3 then return "undo" end
  if outcome.status == "lost" or outcome.code == 6 then return "resume" end
end

---@param visit { which: string, outcome: table, inventory: string[] }
function Oracle:arrived(visit) self.visit = visit end

-- Nothing may come after what the other run has left; and its own word is the last one. Another one of a recipe that
-- fails by itself fails, too, and takes back its own: what it found there stays.
local function after_visit(self, problems, ending)
  local visit, code = self.visit, ending.outcome.code
  if visit.outcome.code == 6 and visit.which == "second" then
    if code ~= self.reference.outcome.code then
      problems[#problems + 1] = { what = "exit code", line = ("%d, although the other run gave way"):format(code) }
    end
    return after_resume(self, problems, ending)
  end
  local expected = visit.which == "second" and self.reference.outcome.code or 0
  if visit.outcome.code ~= expected then
    problems[#problems + 1] = { what = "exit code", line = ("the other run: %d: %s"):format(visit.outcome.code,
      visit.outcome.error or "no reason given") }
  elseif code ~= 0 and code ~= 6 and code ~= 10 and #ending.outcome.left > 0 then
    problems[#problems + 1] = { what = "exit code", line = ("%d instead of 6 or 10: %s"):format(code,
      ending.outcome.error or "no reason given") }
  end
  add_lines(problems, "left over", without(ending.inventory, visit.inventory))
  -- One that fails takes back what it has made, and not what it has found, which is the first one's.
  if visit.which == "second" and expected == 0 then after_resume(self, problems, ending) end
end

-- What is there to remove things and failed has removed all or nothing, or says with exit code 3 that some are left.
local function check_half(self, problems, ending)
  local goes = {}
  for _, line in ipairs(without(self.before, self.reference.inventory)) do
    if not inventory.is_remark(line) then goes[#goes + 1] = line end
  end
  local stay = #without(goes, without(self.before, ending.inventory))
  if ending.outcome.code == 3 or stay == 0 or stay == #goes then return end
  problems[#problems + 1] = { what = "untrue",
    line = ("exit code %d, and of what was to go some is gone and some is not"):format(ending.outcome.code) }
end

-- A run that ended by itself says which of the two it is: as undisturbed, or taken back.
local function after_fault(self, problems, ending)
  if self.visit then return after_visit(self, problems, ending) end
  if ending.outcome.code == 0 then return after_resume(self, problems, ending) end
  after_undo(self, problems, ending)
  check_half(self, problems, ending)
end

-- ---- questions ---------------------------------------------------------------------------------

-- Whether the last word was no, be it written down or not.
local function is_denied(self, how, outcome)
  return how == "deny" or self.answer == "no" or (outcome.approvals or {}).denied
end

-- Who was told no has done nothing, or has taken back all of it: not even what a run that fails may leave, as nobody
-- had agreed to anything yet.
local function after_denial(self, problems, ending)
  local function add(what, lines)
    for _, line in ipairs(lines) do
      local stays = inventory.is_said(line) or is_told_anew(self, inventory.object(line)) or is_kept(ending, line)
      problems[#problems + 1] = not stays and { what = what, line = line } or nil
    end
  end
  add("left over", without(ending.inventory, self.before))
  add("lost", without(self.before, ending.inventory))
end

-- Without a status all was over already.
local function check_denied_code(self, problems, how, outcome)
  local stuck = #(outcome.stuck or {})
  if how == "undo" then return check_code(self, problems, how, outcome) end
  if not outcome.status or outcome.code == DENIED or stuck > 0 and stuck == #outcome.left then return end
  if outcome.code == 0 then
    problems[#problems + 1] = { what = "unapproved", line = "exit code 0, although somebody has said no" }
  elseif not self.several then
    problems[#problems + 1] = { what = "exit code", line = ("%d instead of %d: %s"):format(outcome.code, DENIED,
      outcome.error or "no reason given") }
  end
end

-- What comes after an approval in the undisturbed run begins after it, or not at all.
local function check_approved(self, problems, outcome)
  if self.answer == "" and outcome.code == 0 then
    problems[#problems + 1] = { what = "unapproved", line = "exit code 0, although nobody was there to be asked" }
  end
  local of_undisturbed = self.reference.outcome.approvals
  if not outcome.approvals or not of_undisturbed then return end
  for _, name in ipairs(approvals.unasked(outcome.approvals, of_undisturbed)) do
    problems[#problems + 1] = { what = "unapproved", line = name }
  end
end

---@param elapsed number  seconds
---@return rehearsal.Problem
function Oracle:too_long(elapsed) return times.overdue(self, elapsed) end

---@return number  seconds after which nobody waits for the run any longer
function Oracle:patience() return times.patience(self) end

-- What two Davits said wrongly is told once.
local function once(problems)
  local list, known = {}, {}
  for _, problem in ipairs(problems) do
    local key = problem.what .. "\0" .. problem.line
    if problem.what ~= "untrue" or not known[key] then list[#list + 1] = problem end
    known[key] = true
  end
  return list
end

-- Whether it may have ended otherwise than undisturbed, if it has taken everything back.
local function may_fail(self, disturbed, outcome)
  return disturbed or self.late or self.several and outcome.went_back
end

---@param how "start"|"resume"|"undo"|"approve"|"deny"  what the last Davit was to do
---@param disturbed boolean  it was disturbed itself: it may have failed, and have taken everything back
---@param ending rehearsal.Ending
---@param elapsed number  seconds
---@return rehearsal.Problem[]
function Oracle:problems(how, disturbed, ending, elapsed)
  local problems = {}
  self.told[#self.told + 1], ending.outcome.how = ending.outcome, how
  self.code = self.told[1].code
  if is_denied(self, how, ending.outcome) then
    check_denied_code(self, problems, how, ending.outcome)
    after_denial(self, problems, ending)
  elseif may_fail(self, disturbed, ending.outcome) and how ~= "undo" then
    after_fault(self, problems, ending)
  else
    check_code(self, problems, how, ending.outcome)
    compare[how](self, problems, ending)
  end
  check_approved(self, problems, ending.outcome)
  check_others(self, problems, ending)
  check_leases(self, problems, ending.outcome)
  table.move(self.seen, 1, #self.seen, #problems + 1, problems)
  for i, outcome in ipairs(self.told) do
    check_truth(problems, outcome)
    if outcome.code == WAITING and i < #self.told then check_leases(self, problems, outcome) end
  end
  problems[#problems + 1] = times.problem(self, elapsed)
  return once(problems)
end

-- What Davit itself refuses is a mistake in the recipe; what the recipe refuses is its policy.
local guards = { ["secret-refused"] = true, ["preview-to-production"] = true, refused = true }

---A run that fails by itself takes everything back: that is its contract. One that Davit refuses to carry out is
---wrong.
---@param reference rehearsal.Ending
---@return rehearsal.Problem[]
function Oracle:undisturbed(reference)
  local problems = {}
  if reference.outcome.code == 2 or guards[reference.outcome.cause] then
    problems[1] = { what = "refused", line = ("exit code %d: %s"):format(reference.outcome.code,
      reference.outcome.error or "no reason given") }
  end
  if reference.outcome.code ~= 0 then
    self.reference = reference
    after_undo(self, problems, reference)
  end
  problems[#problems + 1] = times.undisturbed(reference)
  check_others(self, problems, reference)
  check_leases(self, problems, reference.outcome)
  table.move(self.seen, 1, #self.seen, #problems + 1, problems)
  return problems
end

---@param seen rehearsal.Problem[]
---@param number? integer  of the pull request that the run is about
---@return rehearsal.Oracle
function oracle.new(seen, number)
  return setmetatable({ before = {}, told = {}, seen = seen, number = number }, Oracle)
end

return oracle
