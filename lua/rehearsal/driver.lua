---What a Davit does in a rehearsal, called by name from host/rehearsal_actor.c: it gets ready, starts
---the recipe, resumes the run or takes it back. The one place that knows how runs are started.
local answer = require "run.answer"
local approvals = require "rehearsal.approvals"
local core = require "core"
local exit = require "cli.exit"
local history = require "run.history"
local json = require "json"
local place = require "run.place"
local process = require "process"
local project = require "project"
local recipes = require "recipe"
local report = require "cli.report"
local runs = require "run"

-- Loaded before the run, so that whoever takes over finds them.
for _, name in ipairs { "fs", "flow", "health", "log", "run.approval", "run.undo", "sql", "task" } do
  require(name)
end

local driver = {}

---@class rehearsal.Ready
---@field settings table
---@field project table
---@field recipe table
---@field earlier table<string, boolean>  the runs that were recorded before this one

---@type rehearsal.Ready
local ready

local function load_recipe(name)
  recipes.search_in "."
  return recipes.load(".", name)
end

local function recorded(store)
  local ids = {}
  for _, row in ipairs(store:runs {}) do ids[row.run] = true end
  return ids
end

local function get_ready(settings, name)
  local p = project.read()
  project.use(p)
  local store <close> = place.open "."
  ready = { settings = settings, project = p, recipe = load_recipe(name), earlier = recorded(store) }
end

---@param text string  JSON of { recipe, params, after, told }
function driver.prepare(text)
  local settings = json.decode(text)
  get_ready(settings, settings.recipe)
  return ""
end

-- Runs ---------------------------------------------------------------------------------------

local function silent() end

-- Who is at the terminal, if anybody is.
---@param person fun(): string  "yes", "no", or "" where nobody is there
local function asks(person)
  return function()
    local said = person()
    return said ~= "" and said or nil
  end
end

local function options(store, params, person)
  return {
    recipe = ready.recipe, params = params, store = store, root = ".", project = ready.project.project,
    report = ready.settings.told and report.text(false) or silent, ask = asks(person), user = "rehearsal", flags = {},
  }
end

local function held(store)
  local list = {}
  for _, lease in ipairs(store:leases()) do
    if lease.run ~= "" and lease.left > 0 then list[#list + 1] = ("%s by run %s"):format(lease.name, lease.run) end
  end
  return json.array(list)
end

-- What a recipe leaves although it is taken back, with the run's parameters in its names.
local function kept()
  local list = {}
  for i, name in ipairs(ready.recipe.keeps or {}) do
    list[i] = name:gsub("{([%w_]+)}", function(param) return tostring(ready.settings.params[param]) end)
  end
  return json.array(list)
end

local LOOKS_LIKE_A_SECRET <const> = "rehearsed%-%x%x%x%x%x%x%x%x"

-- What the journal keeps and must not.
local function exposed(store, run)
  for _, event in ipairs(run and store:events { run = run.id } or {}) do
    if (event.data or ""):find(LOOKS_LIKE_A_SECRET) then return ("%s %s"):format(event.kind, event.path) end
  end
end

-- What is left, and what was said of that which cannot be taken back.
local function left_by(run)
  local left, stuck = json.array {}, json.array {}
  for i, entry in ipairs(run and run.left or {}) do
    local why = entry.undo_error or {}
    left[i] = entry.path
    if why.code == "no-way-back" then stuck[#stuck + 1] = why.message end
  end
  return left, stuck
end

-- The run that this rehearsal is about, whoever carries it out; nil while none is recorded.
local function own_run(store)
  for id in pairs(recorded(store)) do
    if not ready.earlier[id] then return id end
  end
end

-- Seconds until the question expires for which a run waits.
local function patience_of(run)
  for _, asked in pairs(run and run.status == "waiting" and run.recorder.history.approvals or {}) do
    if asked.state == "asked" then return asked.expires - core.now() end
  end
end

local function consent(store)
  local id = ready.recipe.approves and own_run(store)
  return id and approvals.of(store, id) or nil
end

-- What the shell would be told, and what the store still says; seconds are of the world's time.
local function outcome(store, run, err, seconds)
  err = err or run and run.error
  local left, stuck = left_by(run)
  return json.encode {
    code = run and exit.of(run) or err and exit.code(err) or 0, status = run and run.status,
    error = err and (getmetatable(err) and tostring(err) or err.message), cause = err and err.code, left = left,
    stuck = stuck, changed = json.array(run and run.changed or {}), leases = held(store), kept = kept(),
    exposed = exposed(store, run), seconds = seconds, deadline = ready.recipe.deadline, waits = patience_of(run),
    approvals = consent(store), went_back = run and run.recorder.history.undoing ~= nil,
  }
end

-- Also a run that could not even begin has an exit code.
local function with_store(f)
  local began = core.monotonic()
  local store, refused = try(place.open, ".")
  if refused then
    return json.encode { code = exit.code(refused), error = tostring(refused), left = json.array {},
      changed = json.array {}, leases = json.array {}, kept = json.array {} }
  end
  local _ <close> = store
  local run, err = try(f, store)
  return outcome(store, run, err, core.monotonic() - began)
end

-- The run that died; nil when it died before it was recorded.
local function past_of(store)
  local id = own_run(store)
  return id and history.read(store, id)
end

local function begin(store, person)
  return runs.start(options(store, ready.settings.params, person))
end

local function run_before(settings, before, person)
  get_ready(settings, before.recipe)
  local store <close> = place.open "."
  local run = runs.start(options(store, before.params, person))
  if run.error then error(("%s, which comes first, fails: %s"):format(before.recipe, run.error), 0) end
end

---Does what the rehearsal begins after, one after the other: runs, and pushes.
function driver.set_the_scene(text, person)
  local settings = json.decode(text)
  for _, before in ipairs(settings.after or {}) do
    if before.push then process.run { argv = { "git", "push" } } else run_before(settings, before, person) end
  end
  return ""
end

function driver.start(_, person)
  return with_store(function(store) return begin(store, person) end)
end

---Another run of the same.
driver.second = driver.start

---The clean-up that follows when the pull request is closed.
function driver.closed(_, person)
  get_ready(ready.settings, "cleanup")
  return driver.start(nil, person)
end

---As `davit resume` does; a run that was never recorded is started again, one that is over stays so.
function driver.resume(_, person)
  return with_store(function(store)
    local past = past_of(store)
    if not past then return begin(store, person) end
    if past.finished then return nil end
    return runs.resume(options(store, past.started.params, person), past)
  end)
end

local function nobody() return "" end

-- Answers the question that the run waits with, from elsewhere, and goes on with it.
local function answer_it(store, deny)
  local past = past_of(store)
  local path, asked = answer.open(past)
  answer.check(past, asked)
  answer.record(store, past, path, asked, { deny = deny, by = "rehearsal" })
  return runs.resume(options(store, past.started.params, nobody), past), path
end

---As `davit approve` does, once for each question: one that is asked again waits for ever.
function driver.approve()
  return with_store(function(store)
    local known = {}
    while true do
      local run, path = answer_it(store, false)
      if run.status ~= "waiting" or known[path] then return run end
      known[path] = true
    end
  end)
end

---As `davit approve --deny` does.
function driver.deny()
  return with_store(function(store) return (answer_it(store, true)) end)
end

---As `davit undo` does; what was never recorded, or was taken back already, needs nothing.
function driver.undo(_, person)
  return with_store(function(store)
    local past = past_of(store)
    if not past or past.status == "undone" then return nil end
    return runs.undo(options(store, past.started.params, person), past)
  end)
end

return driver
