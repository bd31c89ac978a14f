---The verbs by which somebody else decides about a run: approve, cancel.
local answers = require "run.answer"
local core = require "core"
local execute = require "cli.execute"
local flags = require "cli.flags"
local history = require "run.history"
local holder = require "run.holder"
local json = require "json"
local options = require "options"
local place = require "run.place"
local project = require "project"

local answer = {}

local usage = options.usage

local function one_run(verb, arguments, more)
  local params = {}
  for name, param in pairs(execute.flags) do params[name] = param end
  for name, param in pairs(more) do params[name] = param end
  local values, rest = flags.parse(arguments, params)
  if not rest[1] then usage(("davit %s: which run?"):format(verb), "'davit runs' lists them") end
  if rest[2] then usage(("davit %s: unexpected argument '%s'"):format(verb, rest[2])) end
  return rest[1], values
end

local function read(store, p, id)
  local past = history.read(store, id) or usage(("no run is called '%s'"):format(id), "'davit runs' lists them")
  execute.check_project(id, past.started, p)
  return past
end

local ended = { done = true, undone = true, superseded = true, cancelled = true, failed = true }

-- approve --------------------------------------------------------------------------------------

local function show_question(past, asked)
  local text = execute.plan_text(asked.plan)
  io.stderr:write(("davit: run %s asks: %s (plan %s)\n"):format(past.id, asked.question, asked.digest))
  if text ~= "" then io.stderr:write(text, "\n") end
end

---Approves or denies what a run asked, and goes on with it unless a process waits for the answer.
---@param arguments string[]
---@return integer exit code
function answer.approve(arguments)
  local id, values = one_run("approve", arguments,
    { why = { type = "string" }, deny = { type = "boolean" }, digest = { type = "string" },
      ["accept-changes"] = { type = "boolean" } })
  local waits
  do
    local p = project.read(values.project)
    local store <close> = place.open(p.root)
    local past = read(store, p, id)
    local path, asked = answers.open(past)
    answers.check(past, asked, values.digest)
    show_question(past, asked)
    answers.record(store, past, path, asked, { deny = values.deny, by = execute.user(), why = values.why })
    waits = holder.of(store, id)
  end
  if not waits then return execute.go_on(id, values) end
  print(("%s; process %d on %s goes on with it"):format(values.deny and "denied" or "approved", waits.pid, waits.host))
  return 0
end

-- cancel -----------------------------------------------------------------------------------------

local PATIENCE = 60   -- seconds that a run may take to come to its next wait and end its children

-- Holds the run, so that nobody carries it on meanwhile; false: somebody does.
local function claim(store, id)
  local name = "run/" .. id
  local lease = store:leases(name)[1]
  local has_ended = lease and lease.here and not lease.alive
  return store:take { name = name, run = id, seconds = 30, instead_of = has_ended and lease.token or nil } ~= nil
end

-- Asks whoever carries it out to stop, until nobody does: a machine that is gone does not answer,
-- and its lease expires.
local function stop(store, id, request)
  local last, pause = core.monotonic() + PATIENCE, 0.1
  while not claim(store, id) do
    if core.monotonic() > last then
      failure {
        code = "not-stopped", message = ("run %s was asked to stop and still runs after %d s"):format(id, PATIENCE),
        hint = "end its process, then 'davit resume' or 'davit undo' the run",
      }
    end
    store:ask("run/" .. id, request)
    sleep(pause)
    pause = math.min(2 * pause, 1)
  end
end

local function note_cancelled(store, id, why)
  store:append { { run = id, at = core.now(), kind = "run-cancelled", path = "", status = "cancelled",
    data = json.encode { by = execute.user(), why = why } } }
end

---Stops a run, wherever it runs; what it made stays until it is resumed or undone.
---@param arguments string[]
---@return integer exit code
function answer.cancel(arguments)
  local id, values = one_run("cancel", arguments, { why = { type = "string" } })
  local p = project.read(values.project)
  local store <close> = place.open(p.root)
  local past = read(store, p, id)
  if ended[past.status] then usage(("run %s is %s already"):format(id, past.status)) end
  stop(store, id, json.encode { code = "cancelled", by = execute.user(), why = values.why })
  local status = store:runs({ run = id })[1].status
  if not ended[status] then note_cancelled(store, id, values.why) end
  store:release("run/" .. id)
  if ended[status] and status ~= "cancelled" then
    print(("%s had ended before it was asked to stop: %s"):format(id, status))
  else
    print(("%s is cancelled; 'davit undo %s' takes back what it made, 'davit resume %s' goes on"):format(id, id, id))
  end
  return 0
end

return answer
