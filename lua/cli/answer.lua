---The verbs by which somebody else decides about a run: approve, cancel.
local core = require "core"
local execute = require "cli.execute"
local flags = require "cli.flags"
local history = require "run.history"
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

local function read(store, id)
  return history.read(store, id) or usage(("no run is called '%s'"):format(id), "'davit runs' lists them")
end

-- Whether a process carries the run out now.
local function holder_of(store, id)
  local lease = store:leases("run/" .. id)[1]
  if lease and lease.run ~= "" and lease.left > 0 and not (lease.here and not lease.alive) then return lease end
end

-- approve --------------------------------------------------------------------------------------

-- A run that has ended, or is being taken back, is not revived by an answer.
local may_answer = { running = true, interrupted = true, waiting = true }

local function open_question(past)
  for path, asked in pairs(may_answer[past.status] and past.approvals or {}) do
    if asked.state == "asked" then return path, asked end
  end
  usage(("run %s does not wait for an approval: it is %s"):format(past.id, past.status))
end

local function check_answer(past, asked, values)
  if values.digest and values.digest ~= asked.digest then
    failure {
      code = "denied",
      message = ("the plan of run %s has the digest %s, not %s"):format(past.id, asked.digest, values.digest),
      hint = ("nothing was approved; 'davit show %s' has the plan"):format(past.id),
    }
  end
  if core.now() >= asked.expires then
    failure {
      code = "approval-expired", hint = ("'davit resume %s' asks again"):format(past.id),
      message = ("the question of run %s expired at %s UTC"):format(past.id,
        os.date("!%Y-%m-%d %H:%M:%S", math.floor(asked.expires))),
    }
  end
end

local function show_question(past, asked)
  local text = execute.plan_text(asked.plan)
  io.stderr:write(("davit: run %s asks: %s (plan %s)\n"):format(past.id, asked.question, asked.digest))
  if text ~= "" then io.stderr:write(text, "\n") end
end

local function record(store, past, path, asked, values)
  local kind = values.deny and "approval-denied" or "approved"
  store:append { {
    run = past.id, at = core.now(), kind = kind, path = path, status = "interrupted",
    data = json.encode { by = execute.user(), why = values.why, how = "davit approve", digest = asked.digest },
  } }
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
    local store <close> = place.open(project.read(values.project).root)
    local past = read(store, id)
    local path, asked = open_question(past)
    check_answer(past, asked, values)
    show_question(past, asked)
    record(store, past, path, asked, values)
    waits = holder_of(store, id)
  end
  if not waits then return execute.go_on(id, values) end
  print(("%s; process %d on %s goes on with it"):format(values.deny and "denied" or "approved", waits.pid, waits.host))
  return 0
end

-- cancel -----------------------------------------------------------------------------------------

local PATIENCE = 60   -- seconds that a run may take to come to its next wait and end its children

local function wait_for_end(store, id)
  local stop, pause = core.monotonic() + PATIENCE, 0.1
  while holder_of(store, id) do
    if core.monotonic() > stop then
      failure {
        code = "not-stopped", message = ("run %s was asked to stop and still runs after %d s"):format(id, PATIENCE),
        hint = "end its process, then 'davit resume' or 'davit undo' the run",
      }
    end
    sleep(pause)
    pause = math.min(2 * pause, 1)
  end
end

local ended = { done = true, undone = true, superseded = true, cancelled = true, failed = true }

---Stops a run, wherever it runs; what it made stays until it is resumed or undone.
---@param arguments string[]
---@return integer exit code
function answer.cancel(arguments)
  local id, values = one_run("cancel", arguments, { why = { type = "string" } })
  local store <close> = place.open(project.read(values.project).root)
  local past = read(store, id)
  if ended[past.status] then usage(("run %s is %s already"):format(id, past.status)) end
  local request = json.encode { code = "cancelled", by = execute.user(), why = values.why }
  if holder_of(store, id) and store:ask("run/" .. id, request) then
    wait_for_end(store, id)
  else
    store:append { { run = id, at = core.now(), kind = "run-cancelled", path = "", status = "cancelled",
      data = json.encode { by = execute.user(), why = values.why } } }
  end
  print(("%s is cancelled; 'davit undo %s' takes back what it made, 'davit resume %s' goes on"):format(id, id, id))
  return 0
end

return answer
