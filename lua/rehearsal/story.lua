---A schedule that failed, as a story: what happened last before the fault, the fault, what the recipe did, how
---it ended, which invariant broke, and what is left.
local events = require "rehearsal.events"
local inventory = require "rehearsal.inventory"
local words = require "rehearsal.words"

local story = {}

---@class rehearsal.Story
---@field id string
---@field before rehearsal.Event[]   all events before the first fault
---@field after rehearsal.Event[]    all from the first fault on; a fault's event has `meaning` and `about`
---@field ended string[]             what each Davit said when it ended
---@field broke { what: string, meaning: string, lines: string[] }[]
---@field left string[]              "+ DNS record A x: 7 lines", "- comment on #42"

-- ---- what happened -----------------------------------------------------------------------------

-- What a fault met: the next effect of its kind, which is logged when it has been answered.
local function met(list, from, kind)
  for i = from, #list do
    if list[i].kind == kind then return (list[i].text:gsub(" %-> %S*$", "")) end
  end
end

local function explain(list, effects)
  for i, event in ipairs(list) do
    local term = event.term and words.terms(event.term)[1]
    if term then
      event.meaning = select(2, words.of(term.kind, term.fault))
      event.about = effects[("%s:%d"):format(term.kind, term.index)]
      if #list > 0 and i > 1 then event.about = met(list, i + 1, term.kind) or event.about end
    end
  end
end

local function split(log, common, effects)
  local before, after = events.read(log:sub(1, common)), events.read(log:sub(common + 1))
  while after[1] and after[1].kind ~= "fault" do before[#before + 1] = table.remove(after, 1) end
  explain(after, effects)
  return before, after
end

-- ---- how it ended ------------------------------------------------------------------------------

local function first_line(text) return text:match "^[^\n]*" end

local function ended(packet)
  local list = {}
  for i, told in ipairs(packet.told or {}) do
    local left = told.status ~= "done" and #told.left > 0 and "; left: " .. table.concat(told.left, ", ")
    list[i] = ("exit code %d%s%s%s"):format(told.code, told.status and (", %s"):format(told.status) or "",
      told.error and ": " .. first_line(told.error) or "", left or "")
  end
  return list
end

-- ---- what broke --------------------------------------------------------------------------------

local signs = { missing = "-", lost = "-", ["left over"] = "+" }

local function broke(problems)
  local list, by = {}, {}
  for _, problem in ipairs(problems) do
    local one = by[problem.what]
    if not one then
      one = { what = problem.what, meaning = words.invariant(problem.what), lines = {} }
      by[problem.what], list[#list + 1] = one, one
    end
    if not signs[problem.what] then one.lines[#one.lines + 1] = first_line(problem.line) end
  end
  return list
end

-- Objects, each with its lines: one alone is told whole.
local function left(problems)
  local list, by = {}, {}
  for _, problem in ipairs(problems) do
    local sign = signs[problem.what]
    local key = sign and sign .. " " .. inventory.object(problem.line)
    if key and by[key] then
      by[key].count = by[key].count + 1
    elseif key then
      by[key] = { key = key, whole = sign .. " " .. problem.line, count = 1 }
      list[#list + 1] = by[key]
    end
  end
  for i, one in ipairs(list) do
    list[i] = one.count == 1 and one.whole or ("%s: %d lines"):format(one.key, one.count)
  end
  return list
end

---@param packet rehearsal.Packet
---@param log string       the events from the beginning, "" where they are not known
---@param common integer   bytes of it that are the undisturbed run's
---@param effects table<string, string>  of rehearsal.Result
---@return rehearsal.Story
function story.of(packet, log, common, effects)
  local before, after = split(log, common, effects)
  return { id = packet.schedule, before = before, after = after, ended = ended(packet), broke = broke(packet.problems),
    left = left(packet.problems) }
end

-- ---- what is worth telling ----------------------------------------------------------------------

local telling = { ["run-undo-started"] = true, ["run-finished"] = true, ["run-interrupted"] = true,
  ["run-resumed"] = true }

local function is_telling(event)
  return event.bad or event.changes or event.kind == "again" or event.kind == "other"
    or event.kind == "journal" and telling[event.text:match "^%S+"] == true
end

---The events after the first fault that matter; between the first and the last of them a number says how many more
---there are.
---@param list rehearsal.Event[]  of Story.after
---@param most integer
---@return (rehearsal.Event|integer)[]
function story.pick(list, most)
  local picked = {}
  for i = 2, #list do
    if is_telling(list[i]) then picked[#picked + 1] = list[i] end
  end
  if #picked <= most then return picked end
  local last = most // 3
  local cut = table.move(picked, 1, most - last, 1, {})
  cut[#cut + 1] = #picked - most
  return table.move(picked, #picked - last + 1, #picked, #cut + 1, cut)
end

-- ---- in the terminal ------------------------------------------------------------------------------

---@param text string
---@param width integer  columns
---@return string
function story.clip(text, width)
  local len = utf8.len(text)
  if not len then return text:sub(1, width) end
  return len <= width and text or text:sub(1, utf8.offset(text, width) - 1) .. "…"
end

---@param text string
---@param width integer  columns
---@return string[]      lines; a word that is longer has one of its own
function story.wrap(text, width)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and (utf8.len(line) or #line) + 1 + (utf8.len(word) or #word) > width then
      lines[#lines + 1], line = line, nil
    end
    line = line and line .. " " .. word or word
  end
  lines[#lines + 1] = line
  return lines
end

---@param event rehearsal.Event
---@return string
function story.line(event)
  if event.kind == "fault" then
    return ("%s%s"):format(event.about and events.short(event.about) .. ": " or "", event.meaning or event.text)
  end
  local named = event.kind == "http" or event.kind == "again" or event.kind == "other" or event.kind == "journal"
  return (named and "" or event.kind .. " ") .. events.short(event.text)
end

local WIDTH <const>, BEFORE <const>, THEN <const>, LEFT <const> = 100, 3, 9, 8

-- Adds lines below a name, which stands before the first.
local function add(lines, name, texts, width)
  for i, text in ipairs(texts) do
    lines[#lines + 1] = story.clip(("  %-7s %s"):format(i == 1 and name or "", text), width)
  end
end

local function timed(event)
  if math.type(event) == "integer" then return ("%9s  %d more"):format("…", event) end
  return ("%9.3f  %s"):format(event.at, story.line(event))
end

local function map(list, f)
  local made = {}
  for i, one in ipairs(list) do made[i] = f(one) end
  return made
end

local function add_broken(lines, s, width)
  local broken = {}
  for _, one in ipairs(s.broke) do
    broken[#broken + 1] = ("%s: %s"):format(one.what, one.lines[1] or one.meaning)
    table.move(one.lines, 2, 4, #broken + 1, broken)
  end
  add(lines, "broke", broken, width)
  local most = width == WIDTH and LEFT or #s.left
  local shown = table.move(s.left, 1, math.min(#s.left, most), 1, {})
  if #shown < #s.left then shown[#shown + 1] = ("… and %d more"):format(#s.left - #shown) end
  add(lines, "left", shown, width)
end

local function wrapped(texts)
  local lines = {}
  for _, text in ipairs(texts) do
    local more = story.wrap(events.short(text), WIDTH - 10)
    table.move(more, 1, #more, #lines + 1, lines)
  end
  return lines
end

---In a few lines, each within 100 columns.
---@param s rehearsal.Story
---@return string[]
function story.lines(s)
  local lines = {}
  add(lines, "before", map(table.move(s.before, math.max(1, #s.before - BEFORE + 1), #s.before, 1, {}), timed), WIDTH)
  add(lines, "fault", map({ s.after[1] }, timed), WIDTH)
  add(lines, "then", map(story.pick(s.after, THEN), timed), WIDTH)
  add(lines, "ended", wrapped(s.ended), WIDTH)
  add_broken(lines, s, WIDTH)
  return lines
end

local function raw(event)
  local meaning = event.meaning and (": %s%s"):format(event.about and event.about .. ", " or "", event.meaning) or ""
  local own = event.kind == "fault" or event.kind == "again" or event.kind == "other"
  local kind = own and "" or event.kind .. " "
  return ("%s%.3f %s%s%s"):format(own and ">> " or "   ", event.at, kind, event.text, meaning)
end

---All of it: every event as it was logged; ">>" stands before what befell Davit.
---@param s rehearsal.Story
---@return string[]
function story.all(s)
  local lines = map(s.before, raw)
  table.move(map(s.after, raw), 1, #s.after, #lines + 1, lines)
  add(lines, "ended", s.ended, math.huge)
  add_broken(lines, s, math.huge)
  return lines
end

return story
