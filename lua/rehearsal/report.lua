---What a rehearsal tells: failures first, each with how to see it again; then what was tried.
local options = require "options"

local report = {}

local kinds = { "journal", "lease", "http", "sql", "dns", "process", "file" }

local function points_text(points)
  local parts, sum = {}, 0
  for _, kind in ipairs(kinds) do
    local n = points[kind] or 0
    sum = sum + n
    if n > 0 then parts[#parts + 1] = ("%d %s"):format(n, kind) end
  end
  return ("%d points: %s"):format(sum, table.concat(parts, ", "))
end

local MOST_LINES, MOST_BYTES = 12, 300   -- of one failure, of a line

local signs = { missing = "- ", lost = "- ", ["left over"] = "+ " }

local function add_failure(lines, packet, command)
  lines[#lines + 1] = "FAILED  " .. packet.schedule
  for i, problem in ipairs(packet.problems) do
    if i > MOST_LINES then
      lines[#lines + 1] = ("    … and %d more"):format(#packet.problems - MOST_LINES)
      break
    end
    lines[#lines + 1] = ("    %-9s %s%s"):format(problem.what, signs[problem.what] or "",
      options.beginning(problem.line, MOST_BYTES))
  end
  if packet.schedule ~= "undisturbed" then
    lines[#lines + 1] = ("    %s --replay %s"):format(command, packet.schedule)
  end
end

local function undisturbed_text(result)
  local outcome = result.reference.outcome
  if outcome.code == 0 then
    return ("the undisturbed run ends well after %.1f s of its own time, with %d lines of inventory"):format(
      outcome.seconds, #result.reference.inventory)
  end
  return ("the undisturbed run ends with exit code %d: %s"):format(outcome.code, outcome.error or "no reason given")
end

local MOST_FAILURES = 20

---@param result rehearsal.Result
---@param command string  that starts this rehearsal
---@return string
function report.text(result, command)
  local lines = {}
  for i, packet in ipairs(result.failed) do
    if i > MOST_FAILURES then
      lines[#lines + 1] = ("… and %d more failures: --json has them all"):format(#result.failed - MOST_FAILURES)
      break
    end
    add_failure(lines, packet, command)
  end
  if result.reference then
    lines[#lines + 1] = undisturbed_text(result)
    lines[#lines + 1] = points_text(result.points)
  end
  lines[#lines + 1] = ("%d schedules, %d of them the same as others, in %.1f s (%.0f a second): %s"):format(
    result.schedules + result.merged, result.merged, result.seconds,
    (result.schedules + result.merged) / result.seconds,
    #result.failed == 0 and "all hold" or #result.failed .. " failed")
  return table.concat(lines, "\n")
end

return report
