---What a rehearsal tells in a terminal: failures as stories, then what was tried, on what it rests, and the sum.
local alike = require "rehearsal.alike"
local assumed = require "rehearsal.assumed"
local explore = require "rehearsal.explore"
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

local function heading(group, o)
  local packet, others = group[1], alike.others(group)
  local shrunk = packet.shrunk and (" (what is left of %s)"):format(packet.shrunk) or ""
  if packet.schedule == "undisturbed" then return "FAILED  undisturbed" end
  return ("FAILED  %s:%s%s%s"):format(o.recipe, packet.schedule, shrunk, others ~= "" and "; alike: " .. others or "")
end

local function add(lines, more) table.move(more, 1, #more, #lines + 1, lines) end

local function story_of(result, packet)
  local log, common = explore.log(result, packet.schedule)
  return story.of(packet, log, common, result.effects)
end

local function add_story(lines, result, group, command, o)
  local packet = group[1]
  lines[#lines + 1] = heading(group, o)
  add(lines, story.lines(story_of(result, packet)))
  if packet.schedule ~= "undisturbed" then
    lines[#lines + 1] = "  again   " .. report.again(command, o, packet.schedule)
  end
  lines[#lines + 1] = ""
end

local function brief(group, o)
  local problem = group[1].problems[1]
  return story.clip(("%s; %s: %s"):format(heading(group, o), problem.what, problem.line), WIDTH)
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

-- ---- the table -----------------------------------------------------------------------------------

---What stands in a cell: how many held, "✗" and how many failed, "=" the same as others, "·" not tried, " " cannot be.
---@param cell rehearsal.Cell|nil
---@return string
function report.cell(cell)
  if not cell then return "" end
  if cell.failed > 0 then return "✗" .. cell.failed end
  if cell.untried > 0 then return cell.held > 0 and ("%d·"):format(cell.held) or "·" end
  return cell.held > 0 and ("%d"):format(cell.held) or "="
end

local function widths(m)
  local list, sum = {}, 0
  for _, column in ipairs(m.columns) do
    local width = #column
    for _, row in ipairs(m.rows) do width = math.max(width, utf8.len(report.cell(row.cells[column]))) end
    list[column], sum = width, sum + width + 1
  end
  return list, WIDTH - sum
end

local function right(text, width) return (" "):rep(width - utf8.len(text)) .. text end

local function left(text, width)
  local clipped = story.clip(text, width)
  return clipped .. (" "):rep(width - utf8.len(clipped))
end

local function line_of(row, m, width, first)
  local parts = { left("  " .. row.name .. (row.points > 1 and (" ×%d"):format(row.points) or ""), first) }
  for _, column in ipairs(m.columns) do
    parts[#parts + 1] = right(report.cell(row.cells[column]), width[column])
  end
  return table.concat(parts, " ")
end

---The table: a line for each kind of effect, 100 columns at most.
---@param m rehearsal.Matrix
---@return string[]
function report.table(m)
  local width, first = widths(m)
  local heads, lines, area = { left("", first) }, {}, nil
  for _, column in ipairs(m.columns) do heads[#heads + 1] = right(column, width[column]) end
  for _, row in ipairs(m.rows) do
    if row.area ~= area then
      local name = left(row.area, first)
      area, heads[1] = row.area, name
      lines[#lines + 1] = #lines == 0 and table.concat(heads, " ") or (name:gsub("%s+$", ""))
    end
    lines[#lines + 1] = (line_of(row, m, width, first):gsub("%s+$", ""))
  end
  return lines
end

-- ---- what it rests on ------------------------------------------------------------------------------

local function wrapped(name, text)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and utf8.len(line) + 1 + utf8.len(word) > WIDTH then
      lines[#lines + 1], line = line, nil
    end
    line = line and line .. " " .. word or ("%-10s%s"):format(#lines == 0 and name or "", word)
  end
  lines[#lines + 1] = line
  return lines
end

-- "Neon: rate limits, branches; GitHub: …"
local function names_of(list)
  local parts, seen = {}, {}
  for _, one in ipairs(list) do
    local name, last = one.operation:match "^[^:]*", parts[#parts]
    if not last or last.service ~= one.service then
      last = { service = one.service }
      parts[#parts + 1] = last
    end
    if not seen[one.service .. name] then last[#last + 1] = name end
    seen[one.service .. name] = true
  end
  for i, part in ipairs(parts) do parts[i] = ("%s: %s"):format(part.service, table.concat(part, ", ")) end
  return table.concat(parts, "; ")
end

---What was proven, what was not tried, what is assumed: in words.
---@param result rehearsal.Result
---@param m rehearsal.Matrix
---@param o rehearsal.Options
---@return string proven
---@return string untried
---@return string assumptions
function report.claims(result, m, o)
  local met, total = assumed.met(m), m.total
  local proven = ("%d of %d schedules end as the undisturbed run does, or have taken everything back: one thing goes "
    .. "wrong at any of %d points, with these parameters and seed %d"):format(total.held, total.held + total.failed,
    #result.order, o.seed)
  local untried = {}
  if total.untried > 0 then untried[1] = ("%d schedules of one thing that goes wrong"):format(total.untried) end
  local pairs_of = result.pairs
  if pairs_of and pairs_of.tried < pairs_of.all then
    untried[#untried + 1] = ("%d of %d pairs"):format(pairs_of.all - pairs_of.tried, pairs_of.all)
  elseif not pairs_of then
    untried[#untried + 1] = "two things that go wrong in one run"
  end
  untried[#untried + 1] = "other parameters and seeds, SQL on a real database, builds"
  return proven, table.concat(untried, "; "), ("%d behaviours of the models that this run meets are not known for "
    .. "certain; docs/local-cloud.md says what of each: %s"):format(#met, names_of(met))
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
  if outcome.code == 0 then return ("the undisturbed run ends well, with %d lines of inventory"):format(
    #result.reference.inventory) end
  return ("the undisturbed run ends with exit code %d: %s"):format(outcome.code, outcome.error or "no reason given")
end

local function add_tried(lines, result, o)
  local m = matrix.of(result, o)
  add(lines, report.table(m))
  lines[#lines + 1] = "schedules that held; ✗ failed, = the same as others, · not tried"
  lines[#lines + 1] = ""
  local proven, untried, assumptions = report.claims(result, m, o)
  add(lines, wrapped("proven", proven))
  add(lines, wrapped("not tried", untried))
  add(lines, wrapped("assumed", assumptions))
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
