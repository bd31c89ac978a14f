---A durable run: step, ensure, parallel, approve, lease and output, on a journal.
---The intent is written before the effect and the result after it, each durable before
---the run goes on. Nothing else of a recipe reaches the journal.
local core = require "core"
local json = require "json"
local journals = require "journal.core"
local lease = require "lease"
local task = require "task"

local runs = {}

local function misuse(message)
  failure { code = "misuse", class = "misuse", message = message }
end

-- What is recorded ----------------------------------------------------------------

---Plain data as JSON; a secret is refused by name, as it has no place in a journal.
local function encode(what, value)
  if value == nil then return "null" end
  local text = json.encode(value)
  if type(text) ~= "string" then misuse(what .. " holds a secret; return its name or id instead") end
  return text
end

local Run = {}
Run.__index = Run

function Run:record(kind, path, data)
  self.journal:append(self.id, core.now(), kind, path, encode(path, data))
  self.report(kind, path, data, self.id)
end

---What has happened is written also while the run is being stopped.
function Run:note(kind, path, data)
  task.shield(self.record, self, kind, path, data)
end

local function describe(err)
  return { code = err.code, class = err.class, message = err.message, hint = err.hint, where = err.where }
end

---Path of a step: branch of the parallel / name / n-th use of the name.
local function path_of(name)
  local here = task.locals()
  here.uses = here.uses or {}
  local n = (here.uses[name] or 0) + 1
  here.uses[name] = n
  local path = here.path == "" and name or here.path .. "/" .. name
  return n == 1 and path or path .. "#" .. n
end

-- The recipe's functions -------------------------------------------------------------

local function check_name(what, name)
  if type(name) ~= "string" or name == "" then misuse(what .. ": expected a name, not " .. tostring(name)) end
end

---Calls f; ok and its results, or false and an error value.
local function call(f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 1, results.n) end
  return false, select(2, try(error, results[2], 0))
end

---Journals intent, runs f, journals what came of it.
function Run:attempt(kind, path, inputs, f, ...)
  self:record(kind .. "-started", path, inputs)
  local started = core.monotonic()
  local ok, result = call(f, ...)
  local seconds = core.monotonic() - started
  if not ok then
    self:note(kind .. "-failed", path, { error = describe(result), seconds = seconds })
    error(result, 0)
  end
  self:note(kind .. "-finished", path, { result = result, seconds = seconds })
  return result
end

function Run:step(name, inputs, f, undo)
  check_name("run.step", name)
  if type(inputs) == "function" then inputs, f, undo = nil, inputs, f end
  if inputs ~= nil and type(inputs) ~= "table" then
    misuse(("run.step '%s': inputs are a table, not a %s"):format(name, type(inputs)))
  end
  if type(f) ~= "function" then misuse(("run.step '%s': expected a function"):format(name)) end
  if undo ~= nil and type(undo) ~= "function" then misuse(("run.step '%s': undo must be a function"):format(name)) end
  return self:attempt("step", path_of(name), inputs, f)
end

local resource_fields = { "find", "create", "destroy", "matches", "update" }   -- the first three are required

local function check_resource(what, r)
  if type(r) ~= "table" then misuse(("%s: expected a table, not a %s"):format(what, type(r))) end
  check_name(what, r[1])
  local known = { true }
  for i, field in ipairs(resource_fields) do
    known[field] = true
    if type(r[field]) ~= "function" and (i <= 3 or r[field] ~= nil) then
      misuse(("%s '%s': the field '%s' must be a function"):format(what, r[1], field))
    end
  end
  for field in pairs(r) do
    if not known[field] then
      misuse(("%s '%s': unknown field '%s' (expected %s)"):format(what, r[1], tostring(field),
        table.concat(resource_fields, ", ")))
    end
  end
end

local function check_ours(r, thing)
  if not r.matches then return end
  local ours, why = r.matches(thing)
  if ours then return end
  failure {
    code = "not-ours", about = r[1], message = ("%s exists and is not ours: %s"):format(r[1], why or "no reason given"),
    hint = "nothing was changed; remove it or choose another name",
  }
end

---Whether a failed create may have made the thing all the same.
local function may_be_there(err)
  local classes = { converge = true, unknown = true, cancelled = true }
  return classes[err.class] or err.code == "deadline"
end

---Creates. When the reply was lost or somebody was faster it looks again before anything else;
---what then cannot be looked at is taken to be there.
---@return any thing, boolean adopted
function Run:create(r)
  local ok, result = call(r.create)
  if ok then return result, false end
  if not may_be_there(result) then error(result, 0) end
  local looked, found = call(task.shield, r.find)
  if looked and found ~= nil then
    check_ours(r, found)
    return found, true
  end
  if not looked then self.made[#self.made + 1] = r[1] .. " (perhaps)" end
  error(result, 0)
end

local function up_to_date(r, thing)
  return r.update and r.update(thing) or thing
end

function Run:ensure(r)
  check_resource("run.ensure", r)
  local path = path_of(r[1])
  return self:attempt("ensure", path, nil, function()
    local found = r.find()
    if found ~= nil then
      check_ours(r, found)
      return up_to_date(r, found)
    end
    self:record("create-started", path)
    local thing, adopted = self:create(r)
    self.made[#self.made + 1] = r[1]
    self:note("created", path, thing)
    return adopted and up_to_date(r, thing) or thing
  end)
end

---Takes a resource back and looks whether it is gone.
function Run:destroy(r)
  check_resource("run.destroy", r)
  return self:attempt("destroy", path_of(r[1]), nil, function()
    local thing = r.find()
    if thing == nil then return false end
    check_ours(r, thing)
    r.destroy(thing)
    if r.find() ~= nil then
      failure { code = "still-there", about = r[1], message = r[1] .. " was deleted and is still there" }
    end
    return true
  end)
end

function Run.parallel(_, branches)
  return parallel(branches)
end

---Asks at the terminal; elsewhere the run stops with the exit code of a run that waits.
function Run:approve(o)
  local question = type(o) == "table" and o[1] or o
  check_name("run.approve", question)
  for field in pairs(type(o) == "table" and o or {}) do
    if field ~= 1 then misuse(("run.approve: unknown option '%s'"):format(tostring(field))) end
  end
  local path = path_of("approve " .. question)
  self:record("approval-asked", path, { question = question })
  local answer = self.options.yes and "yes" or self.ask(question)
  if answer == nil then
    failure { code = "approval-needed", message = question, hint = "run it at a terminal, or with --yes" }
  elseif answer ~= "yes" then
    failure {
      code = "denied", hint = answer ~= "no" and "only 'yes' goes on" or nil,
      message = ("'%s' was %s"):format(question, answer == "" and "not answered" or "answered with " .. answer),
    }
  end
  self:note("approved", path, { by = os.getenv "USER" or "unknown" })
end

---Takes the lease or raises "lease-held". Close it, or let its scope do so.
function Run:lease(name)
  check_name("run.lease", name)
  local fs = require "fs"
  local folder = self.folder .. "/leases"
  fs.make(folder)
  local holder = ("run %s since %s"):format(self.id, os.date("!%Y-%m-%dT%H:%M:%SZ"))
  local held, by = lease.take(("%s/%s"):format(folder, (name:gsub("[^%w_.-]", "-"))), holder)
  if not held then
    failure {
      code = "lease-held", about = name,
      message = ("'%s' is taken: %s"):format(name, by ~= "" and by or "by another run"),
      hint = "wait until that run has ended",
    }
  end
  self.leases[name] = held   -- until it is closed: nobody has to keep what run.lease returns
  self:note("lease-taken", name, { holder = holder })
  return setmetatable({ name = name }, { __close = function()
    held:close()
    self.leases[name] = nil
    self:note("lease-released", name)
  end })
end

function Run:output(name, value)
  check_name("run.output", name)
  self:note("output", name, value)
  self.outputs[#self.outputs + 1] = { name = name, value = value }
end

-- Running -----------------------------------------------------------------------------

local function new_id(recipe)
  local random = core.random(2)
  return ("%s-%s-%02x%02x"):format(recipe, os.date("!%Y%m%d-%H%M%S"), random:byte(1, 2))
end

-- What the recipe sees: functions, not methods, and nothing else.
local function handle(run)
  local functions = {}
  for _, name in ipairs { "step", "ensure", "destroy", "parallel", "approve", "lease", "output" } do
    functions[name] = function(...) return run[name](run, ...) end
  end
  functions.id = run.id
  return functions
end

---Opens the journal of a project.
---@param folder string  the project's .davit folder
function runs.journal(folder)
  require("fs").make(folder)
  return journals.open(folder .. "/journal.db")
end

---@class run.Options
---@field recipe table     from recipe.load
---@field params table
---@field folder string    the project's .davit folder
---@field report fun(kind: string, path: string, data: any, run: string)  told of every event
---@field ask fun(question: string): string|nil  what was answered; nil: nobody to ask
---@field yes? boolean

---Runs a recipe once.
---@param o run.Options
---@return table run  id, outputs, made, error
function runs.start(o)
  local run = setmetatable({
    id = new_id(o.recipe.name), options = o, folder = o.folder, report = o.report, ask = o.ask,
    outputs = {}, made = {}, leases = {}, journal = runs.journal(o.folder),
  }, Run)
  run:record("run-started", "", {
    recipe = o.recipe.name, file = o.recipe.file, params = o.params, version = core.version,
    source = o.recipe.source,
  })
  local ok, result = call(o.recipe.run, o.params, handle(run))
  run.error = not ok and result or nil
  run:note("run-finished", "", {
    ok = ok, error = not ok and describe(result) or nil, made = json.array(run.made),
  })
  run.journal:close()
  return run
end

return runs
