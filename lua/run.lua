---A durable run, on a journal that survives whatever happens to the process. A run can be started,
---resumed (finished steps give back what they recorded, the rest runs) and undone (what it left is
---taken back).
---
---How the parts fit: run/steps.lua is what the recipe calls, run/history.lua folds the journal's
---events, run/recorder.lua writes them, run/leases.lua says who may, run/undo.lua takes back,
---run/approval.lua asks, run/place.lua opens the store.
local core = require "core"
local history = require "run.history"
local recorder = require "run.recorder"
local sources = require "run.sources"
local steps = require "run.steps"
local task = require "task"
local undo = require "run.undo"

local runs = {}

-- Carrying out ------------------------------------------------------------------------------------------------

-- Time and chance inside a step are the step's own; outside they decide what the recipe does, so
-- they are recorded.
local function observe_with(self)
  return function(what, read, ...)
    local path = task.locals().path
    local prefix = path
    while prefix do
      if self.open[prefix] then return read(...) end
      prefix = prefix:match("^(.*)/[^/]*$")
    end
    return self.recorder:observe(path, what, read, ...)
  end
end

-- Journals at once that the run was asked to stop, while children still have their grace.
local function checkpoint(self, reason)
  self.recorder:tell_and_note("run-interrupted", "", { reason = reason }, "interrupted")
end

local OVER = "run-over"

-- Runs f as the run's main task, beside the watcher of its leases, which its end ends.
---@return table|nil err
local function beside_watchers(self, f)
  local ended, err
  local before = core.observe
  core.observe = observe_with(self)
  local _ <close> = task.on_stop(function(stop)
    if stop.code == "interrupted" then checkpoint(self, stop.reason) end
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

-- Errors after which the run is left as it is: nothing failed in the recipe, or nothing may be written.
local statuses = {
  interrupted = "interrupted", cancelled = "cancelled", superseded = "superseded", ["approval-needed"] = "waiting",
  ["run-changed"] = "interrupted", ["lease-lost"] = "lost",
}

local function status_after(err)
  return statuses[err.code] or err.code:find("^journal%-") and "lost"
end

local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = entry.path end
  return names
end

-- What was there before the run and may have been changed by it.
local function changed(self)
  local list = {}
  for _, entry in ipairs(self.recorder.history.order) do
    local found = entry.existed or entry.state == "started" and not entry.creating   -- in doubt, it may have been
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

local function finish(self, status, err)
  local json = require "json"
  self.error, self.status = err, status
  self.left, self.back, self.changed = self.recorder.history:left(), taken_back(self), changed(self)
  if status == "lost" then return end
  self.recorder:note("run-finished", "", {
    ok = status == "done", error = err and recorder.describe(err), left = json.array(names_of(self.left)),
    back = json.array(self.back),
  }, status)
end

-- Leaves the run where it stands: to be resumed, answered, or given up.
local function leave(self, status, err)
  if status == "superseded" or status == "cancelled" then return finish(self, status, err) end
  if status == "interrupted" and self.recorder.history.status ~= status then checkpoint(self, err.message) end
  self.error, self.status = err, status
  self.left, self.back = self.recorder.history:left(), taken_back(self)
end

-- Takes back what is left and ends the run with what was the cause.
local function take_back(self, cause)
  local past = self.recorder.history
  if cause and not past.undoing and #past:left() == 0 then return finish(self, "failed", cause) end
  self.recorder:note("run-undo-started", "", { error = cause and recorder.describe(cause) }, "undoing")
  local err = beside_watchers(self, undo.all)
  if err and status_after(err) then return leave(self, "undoing", err) end
  finish(self, #past:left() == 0 and "undone" or "failed", cause)
end

local function conclude(self, err)
  if not err then return finish(self, "done") end
  local status = status_after(err)
  if status then
    leave(self, status, err)
  elseif self.options.keep then
    finish(self, "failed", err)
  else
    take_back(self, err)
  end
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

local function carry_out(self, f)
  conclude(self, beside_watchers(self, f))
end

-- Whatever happens in between, the leases are given back.
local function with_leases(self, f)
  local _, err = try(function()
    self.leases:claim()
    f(self)
  end)
  local _, unreleased = try(self.leases.close, self.leases)
  self.outputs = self.recorder.history.outputs
  if err then error(err, 0) end
  if unreleased and not status_after(unreleased) then error(unreleased, 0) end
  return self
end

---Runs a recipe.
---@param o run.Options
---@return table run  id, status, error, outputs, left (entries), back and changed (names)
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
  done = "it is done", undone = "it was taken back; run the recipe again",
  superseded = "a newer run has taken its place",
}

local function refuse(id, verb, why, hint)
  failure { code = "usage", class = "misuse", message = ("run %s cannot be %s: %s"):format(id, verb, why), hint = hint }
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
  if err and (status_after(err) or err.code == "lease-held") then
    return leave(self, status_after(err) or self.recorder.history.status, err)
  end
  if err and err.code ~= steps.END then self.stopped_short = err end
  take_back(self, cause)
end

---Goes on with a run that was interrupted, crashed, waits for approval or was left half-way.
---@param o run.Options
---@param past run.History  of history.read
---@return table run
function runs.resume(o, past)
  if cannot[past.status] then refuse(past.id, "resumed", cannot[past.status]) end
  if not past.undoing then check_sources(o, past) end
  return with_leases(steps.new(o, past.id, past), function(self)
    self.recorder:write("run-resumed", "", { sources = sources.of(o.recipe, o.root), by = o.user },
      past.undoing and "undoing" or "running")
    if past.undoing then return go_back(self, type(past.undoing) == "table" and past.undoing or nil) end
    self.resumed = table.move(past.order, 1, #past.order, 1, {})
    carry_out(self, run_again)
  end)
end

---Takes back what a run made and left, by its record.
---@param o run.Options
---@param past run.History
---@return table run
function runs.undo(o, past)
  if past.status == "superseded" then refuse(past.id, "undone", cannot.superseded) end
  if past.status == "undone" then refuse(past.id, "undone", "it was taken back already") end
  return with_leases(steps.new(o, past.id, past), function(self) go_back(self) end)
end

return runs
