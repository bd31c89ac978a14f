---What a rehearsal tells in a terminal: failures as stories, then what was tried, on what it rests, and the sum.
local alike = require "rehearsal.alike"
local claims = require "rehearsal.claims"
local crosstab = require "rehearsal.crosstab"
local deadline = require "run.deadline"
local explore = require "rehearsal.explore"
local grid = require "rehearsal.grid"
local matrix = require "rehearsal.matrix"
local story = require "rehearsal.story"

local report = {}

local WIDTH <const> = 100
local kinds = { "journal", "lease", "http", "sql", "dns", "process", "file" }

-- ---- failures ----------------------------------------------------------------------------------

---The command that shows a schedule again, event by event.
---@param command string  that holds the rehearsal
---@param o rehearsal.Options
---@param id string
---@return string
function report.again(command, o, id) return ("%s --replay %s:%s"):format(command, o.recipe, id) end

local function heading(packet, o)
  local shrunk = packet.shrunk and (", which is enough of %s"):format(packet.shrunk) or ""
  return packet.schedule == "undisturbed" and "FAILED  undisturbed"
    or ("FAILED  %s:%s%s"):format(o.recipe, packet.schedule, shrunk)
end

local function add(lines, more) table.move(more, 1, #more, #lines + 1, lines) end

local function story_of(result, packet)
  local log, common = explore.log(result, packet.schedule)
  return story.of(packet, log, common, result.effects)
end

local function add_story(lines, result, group, command, o)
  local packet, others = group[1], alike.others(group)
  lines[#lines + 1] = heading(packet, o)
  add(lines, story.lines(story_of(result, packet)))
  if others ~= "" then lines[#lines + 1] = story.clip("  alike   " .. others, WIDTH) end
  if packet.schedule ~= "undisturbed" then
    lines[#lines + 1] = "  again   " .. report.again(command, o, packet.schedule)
  end
  lines[#lines + 1] = ""
end

local function brief(group, o)
  local problem = group[1].problems[1]
  local more = #group > 1 and (" and %d alike"):format(#group - 1) or ""
  return story.clip(("%s%s; %s: %s"):format(heading(group[1], o), more, problem.what, problem.line), WIDTH)
end

local STORIES <const>, MOST <const> = 5, 25

local function add_failures(lines, result, command, o)
  local groups = alike.groups(result.failed)
  for i, group in ipairs(groups) do
    if i > MOST then
      lines[#lines + 1] = ("… and %d more kinds of failures: --html and --json have them all"):format(#groups - MOST)
      break
    end
    if i <= STORIES then add_story(lines, result, group, command, o) else lines[#lines + 1] = brief(group, o) end
  end
  if #groups > STORIES then lines[#lines + 1] = "" end
end

-- ---- all -------------------------------------------------------------------------------------------

local function points_text(points)
  local parts, sum = {}, 0
  for _, kind in ipairs(kinds) do
    local n = points[kind] or 0
    sum = sum + n
    if n > 0 then parts[#parts + 1] = ("%d %s"):format(n, kind) end
  end
  return ("%d points: %s"):format(sum, table.concat(parts, ", "))
end

local function undisturbed_text(result)
  local outcome = result.reference.outcome
  if outcome.code == 0 then
    local limit = outcome.deadline and (" (its deadline is %s)"):format(deadline.text(outcome.deadline)) or ""
    return ("the undisturbed run ends well after %.1f s of its own time%s, with %d lines of inventory"):format(
      outcome.seconds, limit, #result.reference.inventory)
  end
  return ("the undisturbed run ends with exit code %d: %s"):format(outcome.code, outcome.error or "no reason given")
end

local function longest_text(longest)
  return ("of the others none takes longer than %.1f s: %s"):format(longest.seconds, longest.schedule)
end

-- A name, and a text beside it in several lines.
local function named(name, text)
  local lines = story.wrap(text, WIDTH - 10)
  for i, line in ipairs(lines) do lines[i] = ("%-10s%s"):format(i == 1 and name or "", line) end
  return lines
end

local function add_pairs(lines, m)
  if not m then return end
  add(lines, grid.lines(m))
  lines[#lines + 1] = "pairs that held, by what went wrong first and what went wrong then; ✗ failed"
  lines[#lines + 1] = ""
end

local function add_tried(lines, result, o)
  local m = matrix.of(result, o)
  add(lines, grid.lines(m))
  lines[#lines + 1] = "schedules that held; ✗ failed, = the same as others, · not tried"
  lines[#lines + 1] = ""
  add_pairs(lines, crosstab.of(result))
  local proven, untried, assumptions = claims.of(result, m, o)
  add(lines, named("proven", proven))
  add(lines, named("not tried", untried))
  add(lines, named("assumed", assumptions))
end

local function sum_text(result)
  return ("%d schedules, %d of them the same as others, in %.1f s (%.0f a second): %s"):format(
    result.schedules + result.merged, result.merged, result.seconds,
    (result.schedules + result.merged) / result.seconds,
    #result.failed == 0 and "all hold" or #result.failed .. " failed")
end

---@param result rehearsal.Result
---@param command string  that starts this rehearsal
---@param o rehearsal.Options
---@return string
function report.text(result, command, o)
  local lines = {}
  add_failures(lines, result, command, o)
  if result.reference then
    lines[#lines + 1] = undisturbed_text(result)
    if result.longest then lines[#lines + 1] = longest_text(result.longest) end
    lines[#lines + 1] = points_text(result.points)
    lines[#lines + 1] = ""
    add_tried(lines, result, o)
    lines[#lines + 1] = ""
  end
  lines[#lines + 1] = sum_text(result)
  return table.concat(lines, "\n")
end

---Of one schedule that was replayed: every event, and what broke.
---@param result rehearsal.Result
---@param o rehearsal.Options  with `replay`
---@return string
function report.replayed(result, o)
  local packet = result.replayed
  local verdict = #packet.problems > 0 and "FAILED" or "HOLDS"
  local lines = { ("%s  %s:%s"):format(verdict, o.recipe, packet.schedule) }
  add(lines, story.all(story_of(result, packet)))
  return table.concat(lines, "\n")
end

return report
