---A durable run, on a journal that survives whatever happens to the process. A run can be started,
---resumed (finished steps give back what they recorded, the rest runs) and undone (what it left is
---taken back).
---
---How the parts fit: run/steps.lua is what the recipe calls, run/history.lua folds the journal's
---events, run/recorder.lua writes them, run/leases.lua says who may, run/undo.lua takes back,
---run/approval.lua asks, run/answer.lua is how somebody else answers, run/deadline.lua ends what takes
---too long, run/place.lua opens the store, run/status.lua knows which errors leave a run where it
---stands, run/scratch.lua sweeps its temporary folders.
local core = require "core"
local deadline = require "run.deadline"
local history = require "run.history"
local json = require "json"
local recorder = require "run.recorder"
local scratch = require "run.scratch"
local sources = require "run.sources"
local status = require "run.status"
local steps = require "run.steps"
local task = require "task"
local undo = require "run.undo"

local runs = {}

-- Carrying out ------------------------------------------------------------------------------------------------

-- Time and chance inside a step are the step's own; outside they decide what the recipe does, so
-- they are recorded.
local function observe_with(self)
  return function(what, read, ...)
    if self:step_around() then return read(...) end
    return self.recorder:observe(steps.place(), what, read, ...)
  end
end

-- Journals at once that the run was asked to stop, while children still have their grace. Before
-- anything was taken back, a run that is to be stays what it was.
local function checkpoint(self, reason)
  local undoing = self.recorder.history.undoing
  local standing = undoing and "undoing" or not self.only_recorded and "interrupted" or nil
  local undo_only = self.only_recorded and not undoing or nil
  self.recorder:tell_and_note("run-interrupted", "", { reason = reason, undo = undo_only }, standing)
end

local OVER = "run-over"

-- Runs f as the run's main task, beside the watcher of its leases, which its end ends.
---@return table|nil err
local function beside_watchers(self, f)
  local ended, err
  local before = core.observe
  core.observe = observe_with(self)
  local _ <close> = task.on_stop(function(stop)   -- what cannot be written now is tried again when the run has ended
    if stop.code == "interrupted" then try(checkpoint, self, stop.reason) end
  end)
  local stopped = select(2, try(task.nursery, function(spawn)
    task.locals().path = ""
    spawn("leases", function() self.leases:watch() end)
    err = select(2, try(function() f(self) end))
    ended = true
    failure { code = OVER, message = "the recipe has ended" }
  end))
  core.observe = before
  if ended and not err then return nil end
  return stopped.code == OVER and err or stopped
end

local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = entry.path end
  return names
end

-- Whether nobody knows how far it came: it was cut off, or the answer was lost.
local function is_in_doubt(entry)
  local err = entry.state == "failed" and entry.error or {}
  return entry.state == "started" or err.class == "cancelled" or err.class == "unknown" or err.code == "deadline"
end

-- What was there before the run and may have been changed by it.
local function changed(self)
  local list = {}
  for _, entry in ipairs(self.recorder.history.order) do
    local found = entry.existed or is_in_doubt(entry) and not entry.creating
    if entry.kind == "ensure" and found then list[#list + 1] = entry.path end
  end
  return list
end

local function taken_back(self)
  local list = {}
  for _, entry in ipairs(self.recorder.history.order) do
    if entry.undone == "finished" then list[#list + 1] = entry.path end
  end
  return list
end

-- Says how the run stands, and writes nothing.
local function stand(self, standing, err)
  self.error, self.status = err, standing
  self.unreachable = self.recorder.unreachable   -- nobody else has the run: the store did not answer
  self.left, self.back, self.changed = self.recorder.history:left(), taken_back(self), changed(self)
end

local function finish(self, standing, err)
  stand(self, standing, err)
  self.recorder:note("run-finished", "", {
    ok = standing == "done", error = err and recorder.describe(err), left = json.array(names_of(self.left)),
    back = json.array(self.back),
  }, standing)
end

-- Leaves the run where it stands: to be resumed, answered, or given up.
local function leave(self, standing, err)
  if standing == "superseded" or standing == "cancelled" then return finish(self, standing, err) end
  if standing == "interrupted" and self.recorder.history.status ~= standing then checkpoint(self, err.message) end
  stand(self, standing, err)
end

-- Whether it did not get back to where it was. A secret may be missing in this shell, a service be
-- down: no reason to take back what an earlier process made; that it was denied is one. Nor may it be
-- touched while somebody else holds a lease that the run had.
local function not_back(self, err)
  return self.resumed and not self.news and err.code ~= "denied"
    or err.code == "lease-held" and self.leases.earlier[err.about]
end

-- Takes back what is left and ends the run with what was the cause.
local function take_back(self, cause)
  local past = self.recorder.history
  if cause and not past.undoing and #past:left() == 0 then return finish(self, "failed", cause) end
  self.recorder:note("run-undo-started", "", { error = cause and recorder.describe(cause) }, "undoing")
  local err = beside_watchers(self, undo.all)
  local standing = err and status.after(err)
  if standing then return leave(self, standing == "superseded" and standing or "undoing", err) end
  finish(self, #past:left() == 0 and "undone" or "failed", cause)
end

local function conclude(self, err)
  if not err then return finish(self, "done") end
  local standing = status.after(err) or not_back(self, err) and "interrupted"
  if standing then
    leave(self, standing, err)
  elseif self.options.keep then
    finish(self, "failed", err)
  else
    take_back(self, err)
  end
end

-- A run whose end cannot be written stands where it was: whoever resumes it finds that nothing is left to do.
local function ending(self, f, ...)
  local _, err = try(f, self, ...)
  if not err then return end
  if not status.after(err) then error(err, 0) end
  stand(self, status.after(err), err)
end

-- Opening ----------------------------------------------------------------------------------------------------------

local function new_id(recipe)
  local random = core.random(3)
  return ("%s-%s-%02x%02x%02x"):format(recipe, os.date("!%Y%m%d-%H%M%S"), random:byte(1, 3))
end

---@class run.Options
---@field recipe table       from recipe.load
---@field params table
---@field store userdata     an open store; the caller closes it
---@field report fun(kind: string, path: string, data: any, run: string)  told of every event
---@field ask fun(question: run.Question): string|nil, string|nil  what was answered, and why; nil: nobody to ask
---@field root? string       the project's folder, whose recipes/lib belongs to the run's sources
---@field project? string    leases of two projects do not meet
---@field flags? table       what else a resumed run has to know: { ["local"] = true }
---@field user? string       who approves here
---@field yes? boolean       answers approvals with yes
---@field wait? boolean      stays for approvals and leases
---@field keep? boolean      a failed run is not taken back
---@field accept_changes? boolean  resume after an edit: steps with equal inputs keep their results
---@field break_lease? table<string, true>
---@field lease_seconds? number

-- The time of each process counts anew: who resumes a run gives it the time that its recipe has.
local function carry_out(self, f)
  ending(self, conclude, beside_watchers(self, function() deadline.hold(self, f) end))
end

-- Whatever happens in between, the leases are given back.
local function with_leases(self, f)
  local _, err = try(function()
    self.leases:claim()
    scratch.begin(self.options.root, self.options.store, self.id)
    f(self)
  end)
  scratch.finish(self.options.root)
  local _, unreleased = try(self.leases.close, self.leases)
  self.outputs = self.recorder.history.outputs
  if err then error(err, 0) end
  if unreleased and not status.after(unreleased) then error(unreleased, 0) end
  return self
end

---Runs a recipe.
---@param o run.Options
---@return table run  id, status, error, outputs, left (entries), back and changed (names), unreachable
function runs.start(o)
  return with_leases(steps.new(o, new_id(o.recipe.name), history.new()), function(self)
    self.recorder:write("run-started", "", {
      recipe = o.recipe.name, file = o.recipe.file, params = o.params, version = core.version, project = o.project,
      sources = sources.of(o.recipe, o.root), flags = o.flags, by = o.user,
    }, "running")
    carry_out(self, self.run_recipe)
  end)
end

-- Resuming ----------------------------------------------------------------------------------------

local cannot = {
  resumed = {
    done = "it is done", undone = "it was taken back; run the recipe again",
    superseded = "a newer run has taken its place",
  },
  undone = { undone = "it was taken back already", superseded = "a newer run has taken its place" },
}

-- The record as it is now that nobody else can add to it: another process may have gone on meanwhile.
local function take_up(self, verb)
  local past = history.read(self.recorder.store, self.id)
  local why = not past and "it was forgotten" or cannot[verb][past.status]
    or past.first_schema and "the version of Davit that recorded it kept too little for that"
  if why then
    failure { code = "usage", class = "misuse", message = ("run %s cannot be %s: %s"):format(self.id, verb, why) }
  end
  self.recorder.history = past
  self.leases:recall(past)
  return past
end

local function check_sources(o, past)
  local names = sources.changed(past.sources, sources.of(o.recipe, o.root))
  if #names == 0 or o.accept_changes then return end
  failure {
    code = "usage", class = "misuse",
    message = ("changed since the run %s began: %s"):format(past.id, table.concat(names, ", ")),
    hint = ("'davit resume %s --accept-changes' goes on, and keeps the results of equal inputs"):format(past.id),
  }
end

local function run_again(self)
  self:run_recipe()
  self:refuse_removed()
end

-- Takes back by the record. The recipe runs along it first, without doing anything new, to learn how.
local function go_back(self, cause)
  self.only_recorded = true
  local err = beside_watchers(self, self.run_recipe)
  self.only_recorded = false
  local standing = err and status.after(err)
  if standing == "superseded" then return leave(self, standing, err) end
  if standing or err and err.code == "lease-held" and not err.recorded then
    return stand(self, standing == "lost" and standing or self.recorder.history.status, err)
  end
  if err and err.code ~= steps.END then self.stopped_short = err end
  ending(self, take_back, cause)
end

---Goes on with a run that was interrupted, crashed, waits for approval or was left half-way.
---@param o run.Options
---@param recorded { id: string }
---@return table run
function runs.resume(o, recorded)
  return with_leases(steps.new(o, recorded.id, history.new()), function(self)
    local past = take_up(self, "resumed")
    if not past.undoing then check_sources(o, past) end
    self.recorder:write("run-resumed", "", { sources = sources.of(o.recipe, o.root), by = o.user },
      past.undoing and "undoing" or "running")
    if past.undoing then return go_back(self, type(past.undoing) == "table" and past.undoing or nil) end
    self.resumed = table.move(past.order, 1, #past.order, 1, {})
    carry_out(self, run_again)
  end)
end

local function not_tried(id, entry)
  failure { code = "usage", class = "misuse", about = id,
    message = ("run %s: nobody has tried to take '%s' back"):format(id, entry.path),
    hint = ("'davit undo %s' does; what it cannot take back may then be accepted"):format(id) }
end

---Ends a run of which something could not be taken back: it stays, as somebody says. Touches nothing.
---@param o run.Options
---@param recorded { id: string }
---@return table run
function runs.accept_left(o, recorded)
  return with_leases(steps.new(o, recorded.id, history.new()), function(self)
    local left = take_up(self, "undone"):left()
    for _, entry in ipairs(left) do
      if entry.undone ~= "failed" then not_tried(self.id, entry) end
    end
    for _, entry in ipairs(left) do
      self.recorder:note("undo-accepted", entry.path, { of = entry.kind, by = o.user })
    end
    finish(self, "undone")
  end)
end

---Takes back what a run made and left, by its record.
---@param o run.Options
---@param recorded { id: string }
---@return table run
function runs.undo(o, recorded)
  return with_leases(steps.new(o, recorded.id, history.new()), function(self)
    take_up(self, "undone")
    go_back(self)
  end)
end

return runs
