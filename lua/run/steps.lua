---What a recipe's run offers: step, ensure, destroy, parallel, approve, lease, output, outcome. Each is looked
---up in the record first; what is not there yet is done and recorded.
local approval = require "run.approval"
local core = require "core"
local deadline = require "run.deadline"
local leases = require "run.leases"
local mask = require "mask"
local recorder = require "run.recorder"
local resource = require "run.resource"
local sha256 = require "sha256"
local status = require "run.status"
local task = require "task"
local undo = require "run.undo"

local steps = {}

local function misuse(message, ...)
  failure { code = "misuse", class = "misuse", message = message:format(...) }
end

---@class run.Run
---@field recorder run.Recorder
---@field leases run.Leases
---@field ways_back table<string, fun(result: any)>  how to take an entry back, by "kind path"
---@field only_recorded boolean  nothing new is done: the recipe runs to learn the ways back
---@field resumed? run.Entry[]   what was recorded before this process
---@field open table<string, true>  the paths of the steps that are running
---@field visited table<string, true>  the entries that the recipe has come to, by "kind path"
---@field uses table<string, integer>  how often a name was used in a place
---@field taken table<string, true>     the paths that were come to, by "kind path"
---@field told_apart table<string, true>
---@field news boolean       something has happened that was not recorded when this process began
---@field limit? task.Limit  of the recipe's own deadline, while it is carried out
---@field stop? table        the error after which the recipe may do nothing more, be it caught
local Run = {}
Run.__index = Run

-- Where a step stands -----------------------------------------------------------------------

local function check_name(what, name)
  if type(name) ~= "string" or name == "" then misuse("%s: expected a name, not %s", what, tostring(name)) end
  if name:find "%c" or not utf8.len(name) then
    misuse("%s: a name is one line of text in UTF-8, and '%s' is not", what, (name:gsub("[^ -~]", "?")))
  end
end

---Where this task is: the branches of the parallels and the steps around it, as the store has it.
---@return string
function steps.place()
  return mask.text(task.locals().path)
end

---Path of a step: branches of the parallels and steps around it / name / n-th use of the name.
local function path_of(self, kind, name)
  local place = steps.place()
  local use = ("%s %s\0%s"):format(kind, place, name)
  local n = (self.uses[use] or 0) + 1
  self.uses[use] = n
  local path = mask.text(place == "" and name or place .. "/" .. name) .. (n == 1 and "" or "#" .. n)
  local key = kind .. " " .. path
  if self.taken[key] then
    misuse("run.%s '%s': another %s has the path '%s' already, give it another name", kind, name, kind, path)
  end
  self.taken[key] = true
  return path
end

---The innermost step that is running around here, if any.
---@return string|nil path
function Run:step_around()
  local path = steps.place()
  while path and not self.open[path] do path = path:match("^(.*)/[^/]*$") end
  return path
end

-- What has finished is not run again, so nobody would say how to take back what is within it.
local function refuse_within(self, kind, name)
  local around = self:step_around()
  if not around then return end
  misuse("run.%s '%s' stands within '%s', and could not be taken back once that has finished", kind, name, around)
end

-- Two steps of one name and the same inputs could not be told apart when the run is resumed.
local function refuse_ambiguous(self, kind, name, digest)
  local key = ("%s %s\0%s %s"):format(kind, steps.place(), name, digest)
  if self.told_apart[key] then
    misuse("run.%s '%s' comes twice in one place with the same inputs: put what differs into its name or inputs",
      kind, name)
  end
  self.told_apart[key] = true
end

-- What was recorded ------------------------------------------------------------------------------

local function raise_changed(id, message)
  failure {
    code = "run-changed", class = "misuse", message = message,
    hint = ("nothing was done; put it back, or 'davit undo %s' takes the run back"):format(id),
  }
end

-- A new step of a branch comes after all that were recorded there: one that was passed over is no
-- longer in the recipe, and what it did would be forgotten.
local function refuse_passed_over(self, entries, place)
  for _, entry in ipairs(entries) do
    if entry.place == place and not self.visited[entry.kind .. " " .. entry.path] then
      raise_changed(self.id, ("the %s '%s' of this run is not in the recipe any more"):format(entry.kind, entry.path))
    end
  end
end

-- The recorded entry of a finished step, else nil.
local function recorded(self, kind, path, digest)
  local key = kind .. " " .. path
  local entry = self.recorder.history.entries[key]
  self.visited[key] = true
  if not entry and self.resumed then refuse_passed_over(self, self.resumed, steps.place()) end
  if not entry or entry.state ~= "finished" then return nil end
  if entry.digest ~= digest and not self.only_recorded then
    raise_changed(self.id, ("the %s '%s' was recorded with other inputs than it has now"):format(kind, path))
  end
  return entry
end

---Raises when a recorded step did not come up again, in any place that the recipe still comes to.
function Run:refuse_removed()
  for _, entry in ipairs(self.resumed) do
    local around = self.recorder.history.entries["step " .. entry.place]
    if not (around and around.state == "finished") then refuse_passed_over(self, { entry }, entry.place) end
  end
end

steps.END = "end-of-record"

---Raises where only what was recorded is to run. A failure that was recorded is raised again, so that
---the recipe goes the way it went.
---@param entry? run.Entry
function Run:refuse_new(entry)
  if not self.only_recorded then return end
  local past = entry and entry.state == "failed" and entry.error
  if past and past.class ~= "cancelled" then
    local _, err = try(failure, { code = past.code, class = past.class, message = past.message, hint = past.hint })
    err.recorded = true
    error(err, 0)
  end
  failure { code = steps.END, class = "cancelled", message = "the record of the run ends here" }
end

-- Steps ------------------------------------------------------------------------------------------

-- Runs f with the path as the place of what it starts.
local function inside(self, path, f)
  local here = task.locals()
  local before = here.path
  here.path, self.open[path] = path, true
  local result, err = try(function() return (f()) end)
  here.path, self.open[path] = before, nil
  return result, err
end

---Gives back what was recorded, else journals intent, runs f, and journals what came of it.
---@param f fun(entry: run.Entry|nil): any, table|nil  result, and what else the journal keeps of it
function Run:attempt(kind, path, inputs, digest, way_back, f)
  local past = recorded(self, kind, path, digest)
  local key = kind .. " " .. path
  local known = self.recorder.history.entries[key]
  self.ways_back[key] = way_back
  if past then return past.result end
  self:refuse_new(known)
  self.news = true
  self.recorder:write(kind .. "-started", path, {
    inputs = inputs, digest = digest, place = steps.place(), undo = kind == "step" and way_back ~= nil or nil,
  })
  local started, more = core.monotonic(), nil
  local result, err = inside(self, path, function()
    local value
    value, more = f(known)
    recorder.encode(("run.%s '%s'"):format(kind, path), value)
    return value
  end)
  local outcome = { seconds = core.monotonic() - started }
  for name, value in pairs(more or {}) do outcome[name] = value end
  if err then
    outcome.error, outcome.nothing = recorder.describe(err), err.nothing
    self.recorder:note(kind .. "-failed", path, outcome)
    error(err, 0)
  end
  outcome.result = result
  self.recorder:note(kind .. "-finished", path, outcome)
  return self.recorder.history.entries[key].result
end

---What a step was called with; the inputs may be left out. Raises a misuse unless all is what it should be.
---@param what string  the function, for errors
---@param tell? function  what a plan says of the step (run/plan.lua)
---@return function f, table|nil inputs, function|nil way_back, function|nil tell
function steps.read(what, name, inputs, f, way_back, tell)
  check_name(what, name)
  if type(inputs) == "function" then inputs, f, way_back, tell = nil, inputs, f, way_back end
  if inputs ~= nil and type(inputs) ~= "table" then
    misuse("%s '%s': inputs are a table, not a %s", what, name, type(inputs))
  end
  if type(f) ~= "function" then misuse("%s '%s': expected a function", what, name) end
  if way_back ~= nil and type(way_back) ~= "function" then misuse("%s '%s': undo must be a function", what, name) end
  if tell ~= nil and type(tell) ~= "function" then misuse("%s '%s': plan must be a function", what, name) end
  return f, inputs, way_back, tell
end

function Run:step(name, ...)
  local f, inputs, way_back = steps.read("run.step", name, ...)
  if way_back then refuse_within(self, "step", name) end
  local digest = sha256(recorder.encode("run.step '" .. name .. "'", inputs)):sub(1, 16)
  local path = path_of(self, "step", name)
  refuse_ambiguous(self, "step", name, digest)
  return self:attempt("step", path, inputs, digest, way_back, function() return (f()) end)
end

---A step that only reads, so that a plan may run it. In a run it is a step as any other.
function Run:look(name, inputs, f, more)
  if more ~= nil then misuse("run.look '%s': what only reads has nothing to take back", tostring(name)) end
  return self:step(name, inputs, f)
end

-- Creates, with the intent journalled apart: from then on the thing may be there and ours to take back.
local function create(self, r, path)
  self.recorder:write("create-started", path)
  local thing, adopted = resource.create(r)
  return adopted and resource.update(r, thing) or thing
end

function Run:ensure(r)
  resource.check("run.ensure", r)
  check_name("run.ensure", r[1])
  refuse_within(self, "ensure", r[1])
  local path = path_of(self, "ensure", r[1])
  refuse_ambiguous(self, "ensure", r[1], "")
  return self:attempt("ensure", path, nil, nil, undo.of_resource(r), function(known)
    local found = r.find()
    if found == nil then return create(self, r, path) end
    resource.check_ours(r, found)
    return resource.update(r, found), { existed = not (known and known.creating) or nil }
  end)
end

---Takes a resource back and looks whether it is gone.
function Run:destroy(r)
  resource.check("run.destroy", r)
  check_name("run.destroy", r[1])
  local path = path_of(self, "destroy", r[1])
  refuse_ambiguous(self, "destroy", r[1], "")
  return self:attempt("destroy", path, nil, nil, nil, function() return resource.destroy(r) end)
end

-- Branches --------------------------------------------------------------------------------------------

-- While only what was recorded runs, every branch goes as far as its record, whatever became of the
-- others. Of their errors a recorded one goes before the end of a record.
local function to_their_ends(branches)
  local ended
  local tasks = {}
  for name, f in pairs(branches) do
    tasks[name] = type(f) ~= "function" and f or function()
      local result, err = try(function() return (f()) end)
      if err and err.recorded and branches.all then error(err, 0) end
      if not ended or ended.code == steps.END then ended = err or ended end
      return result
    end
  end
  local results = parallel(tasks)
  if ended then error(ended, 0) end
  return results
end

function Run:parallel(branches)
  if type(branches) ~= "table" then misuse("run.parallel: expected a table of functions, not a %s", type(branches)) end
  local path, names = steps.place(), {}
  local key = path_of(self, "parallel", "")
  for name, f in pairs(branches) do
    if type(f) == "function" then
      check_name("run.parallel", tostring(name))
      names[#names + 1] = tostring(name)
    end
  end
  if not self.recorder.history.parallels[key] and not self.only_recorded then
    self.recorder:write("parallel-started", path, { key = key, branches = names })
  end
  return (self.only_recorded and to_their_ends or parallel)(branches)
end

-- Approval, leases, outputs --------------------------------------------------------------------------------

---Goes on once somebody has approved this question with this plan; otherwise the run parks.
function Run:approve(o)
  if not self.recipe.approves then
    misuse("run.approve: the recipe '%s' must say so beside its params: approves = true", self.recipe.name)
  end
  local question = type(o) == "table" and o[1] or o
  approval.approve(self, path_of(self, "approve", tostring(question)), o)
end

-- Another run's time is not this one's.
function Run:take_lease(name, o)
  local _ <close> = deadline.pause(self.limit)
  self.leases:take(name, o)
end

---Takes the lease or raises "lease-held". Close it, or let its scope do so.
function Run:lease(name, o)
  check_name("run.lease", name)
  o = o or {}
  for field in pairs(o) do
    if field ~= "supersede" then misuse("run.lease: unknown option '%s' (expected supersede)", tostring(field)) end
  end
  self:take_lease(name, o)
  return setmetatable({ name = name }, {
    __close = function(_, err) self.leases:leave_scope(name, err ~= nil or self.only_recorded) end,
  })
end

function Run:output(name, value)
  check_name("run.output", name)
  local path = path_of(self, "output", name)
  if self.recorder.history.has_output[path] then return end
  self:refuse_new()
  self.recorder:note("output", path, value)
end

---How the run stands, for whoever has to tell it while it is taken back: why, what is taken back already, what could
---not be and why not.
---@return { error?: table, back: string[], left: { path: string, why: string }[] }
function Run:outcome()
  local past = self.recorder.history
  local cause = type(past.undoing) == "table" and past.undoing or nil
  local told = { error = cause, back = {}, left = {} }
  for _, entry in ipairs(past.order) do
    if entry.undone == "finished" then
      table.insert(told.back, entry.path)
    elseif entry.undone == "failed" then
      table.insert(told.left, { path = entry.path, why = (entry.undo_error or {}).message or "no reason was given" })
    end
  end
  return told
end

-- A recipe that catches an error which ends the run gets it again from whatever it calls next.
local function guarded(self, method)
  return function(...)
    if self.stop then error(self.stop, 0) end
    local result, err = try(method, self, ...)
    if not err then return result end
    if status.ends(err) then self.stop = self.stop or err end
    error(err, 0)
  end
end

-- What the recipe sees: functions, not methods, and nothing else.
---@param self run.Run
---@return table
function steps.handle(self)
  local functions = { id = self.id }
  for _, name in ipairs { "step", "look", "ensure", "destroy", "parallel", "approve", "lease", "output",
    "outcome" } do
    functions[name] = guarded(self, self[name])
  end
  return functions
end

---Runs the recipe from its top. What it caught and may not go on after is raised.
function Run:run_recipe()
  self.uses, self.taken, self.told_apart, self.visited = {}, {}, {}, {}
  local _, err = try(self.recipe.run, self.options.params, steps.handle(self))
  err = self.stop or err
  if err then error(err, 0) end
end

---@param o run.Options
---@param id string
---@param past run.History
---@return run.Run
function steps.new(o, id, past)
  local self = setmetatable({
    id = id, recipe = o.recipe, options = o, ways_back = {}, open = {},
    recorder = recorder.new(o.store, id, past, o.report),
  }, Run)
  self.leases = leases.new {
    store = o.store, recorder = self.recorder, project = o.project, seconds = o.lease_seconds, wait = o.wait,
    break_lease = o.break_lease, accept_changes = o.accept_changes,
  }
  return self
end

return steps
