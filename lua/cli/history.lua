---`davit runs` and `davit show`: what the journal knows.
local json = require "json"
local project = require "project"

local history = {}

local function journal_of(values)
  local p = project.read(values.project)
  return require("run").journal(p.root .. "/.davit")
end

local function when(at)
  return os.date("!%Y-%m-%d %H:%M:%S", math.floor(at))
end

local function outcome(finished)
  if not finished then return "unfinished" end
  local data = json.decode(finished.data)
  return data.ok and "done" or "failed: " .. data.error.message
end

---@param values { project?: string, json?: boolean }
---@return integer exit code
function history.runs(values)
  local journal <close> = journal_of(values)
  local finished = {}
  for _, event in ipairs(journal:events(nil, "run-finished")) do finished[event.run] = event end
  local started = journal:events(nil, "run-started")
  if #started == 0 and not values.json then print("no runs yet") end
  for i = #started, 1, -1 do
    local event = started[i]
    if values.json then
      print(json.encode { v = 1, run = event.run, at = event.at, outcome = outcome(finished[event.run]) })
    else
      print(("%s  %s  %s"):format(event.run, when(event.at), outcome(finished[event.run])))
    end
  end
  return 0
end

---@param id string
---@param values { project?: string, json?: boolean }
---@return integer exit code
function history.show(id, values)
  local journal <close> = journal_of(values)
  local events = journal:events(id)
  if #events == 0 then
    failure {
      code = "usage", class = "misuse", message = ("no run is called '%s'"):format(id),
      hint = "'davit runs' lists them",
    }
  end
  for _, event in ipairs(events) do
    if values.json then
      print(json.encode { v = 1, seq = event.seq, at = event.at, event = event.kind, path = event.path,
        data = json.decode(event.data) })
    else
      local data = event.data ~= "null" and "  " .. event.data or ""
      print(("%9.3f s  %-16s %s%s"):format(event.at - events[1].at, event.kind, event.path, data))
    end
  end
  return 0
end

return history
