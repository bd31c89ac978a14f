---`davit runs`, `davit show` and `davit gc`: what the journal knows, and what it may forget.
local command = require "cli.command"
local core = require "core"
local events = require "event.core"
local history = require "run.history"
local holder = require "run.holder"
local json = require "json"
local options = require "options"
local place = require "run.place"
local project = require "project"
local recipe = require "recipe"
local report = require "cli.report"

local verbs = {}

local usage = options.usage

local function open(values)
  local p = project.read(values.project)
  try(recipe.search_in, p.root)   -- a recipe that does not load is told with all that it was given
  return place.open(p.root), p.project, p.root
end

local function when(at)
  return os.date("!%Y-%m-%d %H:%M:%S", math.floor(at))
end

-- runs ------------------------------------------------------------------------------------

local words = {
  undone = "taken back", waiting = "waits for approval",
  undoing = "interrupted while it was taken back", superseded = "superseded by a newer run",
}

local function standing(row, lease)
  if lease and row.status ~= "waiting" then return row.status == "undoing" and "being taken back" or "running" end
  if row.status == "running" then return "crashed: 'davit resume' goes on" end
  return words[row.status] or row.status
end

-- As it was typed, where the recipe still says what it takes anyway.
local function teller(root)
  local known = {}
  return function(first)
    local name = first.recipe
    if known[name] == nil then known[name] = (try(recipe.load, root, name) or {}).params or {} end
    return command.text(name, first.params or {}, known[name])
  end
end

-- The newest runs of this project, and whether there are more.
local function newest(store, name, limit)
  local asked = limit and limit + 1
  while true do
    local rows, own = store:runs { limit = asked }, {}
    for _, row in ipairs(rows) do
      row.first = history.first_of(row, name)
      if row.first then own[#own + 1] = row end
    end
    if not limit or #own > limit or #rows < asked then return own, limit and #own > limit end
    asked = 4 * asked
  end
end

local function print_run(row, outcome, as_json, tell)
  local first = row.first
  if not as_json then
    print(("%s  %s  %s  (%s)"):format(row.run, when(row.started), outcome, tell(first)))
    return
  end
  events.print(json.encode {
    v = 1, run = row.run, recipe = first.recipe, params = first.params, status = row.status, outcome = outcome,
    started = row.started, changed = row.changed, events = row.events, bytes = row.bytes,
  })
end

---@param values { project?: string, json?: boolean, limit: integer, all?: boolean }
---@return integer exit code
function verbs.runs(values)
  if values.limit < 1 then usage(("--limit expects a number above 0, not '%d'"):format(values.limit)) end
  local session, name, root = open(values)
  local store <close> = session
  local tell = teller(root)
  local rows, more = newest(store, name, not values.all and values.limit or nil)
  if #rows == 0 and not values.json then print "no runs yet" end
  for i, row in ipairs(rows) do
    if more and i > values.limit then break end
    print_run(row, standing(row, holder.of(store, row.run)), values.json, tell)
  end
  if more then
    io.stderr:write(("davit: these are the newest %d; --limit N or --all shows more\n"):format(values.limit))
  end
  return 0
end

-- show --------------------------------------------------------------------------------------

local WIDTH = 24   -- of the picture, in characters

-- Where on the run's time a step lies: "   ====      ". A clock that was set back puts it at an end.
local function bar(from, to, total)
  local first = math.max(0, math.min(math.floor(from / total * WIDTH), WIDTH - 1))
  local last = math.max(first + 1, math.min(math.ceil(to / total * WIDTH), WIDTH))
  return (" "):rep(first) .. ("="):rep(last - first) .. (" "):rep(WIDTH - last)
end

local function seconds_of(past)
  local last = past.at
  for _, event in ipairs(past.timeline) do last = math.max(last, event.at) end
  return math.max(last - past.at, 0.001)
end

local states = { started = "in doubt", finished = "ok", failed = "FAILED" }

local function one_line(text)
  return (text:gsub("%s+", " "))
end

local function entry_state(entry)
  if entry.undone == "finished" then return "taken back" end
  if entry.undone == "accepted" then return "not taken back, and accepted" end
  if entry.undone then
    return "not taken back: " .. (entry.undo_error and one_line(entry.undo_error.message) or "interrupted")
  end
  local text = states[entry.state]
  if entry.state == "failed" then return text .. ": " .. one_line(entry.error.message) end
  if entry.kind == "ensure" and entry.state == "finished" and not entry.existed then text = text .. " (made)" end
  return text
end

local function print_entries(past)
  local total = seconds_of(past)
  for _, entry in ipairs(past.order) do
    local from = entry.at - past.at
    local to = entry.seconds and from + entry.seconds or total
    print(("%9.3f s  |%s|  %-8s %s  %s"):format(from, bar(from, to, total),
      entry.seconds and report.seconds(entry.seconds) or "?", entry.path, entry_state(entry)))
  end
end

local function print_approvals(past)
  for _, asked in pairs(past.approvals) do
    local answer = asked.answer
    print(("asked     %s UTC: %s (plan %s)"):format(when(asked.asked), asked.question, asked.digest))
    if asked.plan ~= nil then print(require("cli.execute").plan_text(asked.plan)) end
    print(answer and ("%-9s by %s%s, %s UTC"):format(asked.state, answer.by or "?",
      answer.why and (" (%s)"):format(answer.why) or "", when(asked.answered))
      or ("waits until %s UTC: 'davit approve %s'"):format(when(asked.expires), past.id))
  end
end

local function print_ending(past)
  local ended = past.finished
  if ended and ended.error then print("error     " .. one_line(ended.error.message)) end
  local left = ended and past.status ~= "done" and ended.left or {}
  if #left > 0 then print("left      " .. table.concat(left, ", ")) end
  for _, output in ipairs(past.outputs) do
    print(("output    %s: %s"):format(output.name, type(output.value) == "table" and json.encode(output.value)
      or tostring(output.value)))
  end
end

local function print_events(past)
  for _, event in ipairs(past.timeline) do
    events.print(json.encode {
      v = 1, seq = event.seq, at = event.at, event = event.kind, path = event.path, data = event.data,
    })
  end
end

---@param id string
---@param values { project?: string, json?: boolean }
---@return integer exit code
function verbs.show(id, values)
  local session, _, root = open(values)
  local store <close> = session
  local past = history.read(store, id) or usage(("no run is called '%s'"):format(id), "'davit runs' lists them")
  if values.json then
    print_events(past)
    return 0
  end
  print(("%s  %s  %s"):format(id, teller(root)(past.started), standing(past, holder.of(store, id))))
  print(("started   %s UTC by %s, davit %s"):format(when(past.at), past.started.by or "?", past.started.version))
  print_entries(past)
  print_approvals(past)
  print_ending(past)
  return 0
end

-- gc -----------------------------------------------------------------------------------------------

local over = { done = true, undone = true, superseded = true }

-- Not one that somebody is taking back now, that can be resumed, or that failed and left something.
local function may_forget(store, row)
  if holder.of(store, row.run) then return false end
  if over[row.status] then return true end
  local final = row.status == "failed" or row.status == "cancelled"
  return final and #history.read(store, row.run):left() == 0
end

local function expired()
  local artifact, count = require "artifact", 0
  for _, entry in ipairs(artifact.list { expired = true }) do
    if not entry.damaged and entry.expires <= core.now() then count = count + 1 end
  end
  return count
end

-- Those say themselves how long they are kept.
local function collect_artifacts(values)
  project.use(project.read(values.project))
  local count = values["dry-run"] and expired() or #require("artifact").sweep()
  if count == 0 then return end
  print(("%d artifacts %s, which had expired"):format(count, values["dry-run"] and "would be removed" or "removed"))
end

---Forgets runs that are over and older than `keep`, and artifacts that have expired.
---@param values { project?: string, keep: string, ["dry-run"]?: boolean }
---@return integer exit code
function verbs.collect(values)
  local age = project.duration(values.keep)
  if not age then usage(("--keep expects a duration such as 30d or 12h, not '%s'"):format(values.keep)) end
  local session, name = open(values)
  local store <close> = session
  collect_artifacts(values)
  local gone, bytes, kept = 0, 0, 0
  for _, row in ipairs(store:runs { changed_before = core.now() - age }) do
    local own = history.first_of(row, name)
    if own and may_forget(store, row) then
      gone, bytes = gone + 1, bytes + row.bytes
      if not values["dry-run"] then store:forget(row.run) end
    elseif own then
      kept = kept + 1
    end
  end
  print(("%d runs %s, %.1f kB of events; %d older than %s are kept, as they can be resumed or undone"):format(gone,
    values["dry-run"] and "would be forgotten" or "forgotten", bytes / 1000, kept, values.keep))
  return 0
end

return verbs
