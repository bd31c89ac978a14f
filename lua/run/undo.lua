---Taking a run back: in the reverse order of start, the branches of a parallel in parallel, each
---step with its own attempts and deadline; one that fails does not stop the others.
local core = require "core"
local doubt = require "run.doubt"
local history = require "run.history"
local recorder = require "run.recorder"
local resource = require "run.resource"
local task = require "task"

local undo = {}

-- Seconds, for one step: what a service needs that is busy or was restarted.
local DEADLINE, FIRST_PAUSE, LONGEST_PAUSE = 120, 0.5, 8
-- And for waiting beside that until a limit has passed, where the service says how long: Cloudflare's are five minutes.
local LIMITED = 360

---Seconds that one step may take at the most: an attempt that begins at the last moment has all of its time.
undo.longest = resource.unseen + DEADLINE + LIMITED + DEADLINE

local worth_another_attempt = { transient = true, pending = true, throttled = true, converge = true, unknown = true }

-- Every undo may be called again: what was lost is looked at by the next attempt.
local function attempt(f)
  local stop, pause, patience = core.monotonic() + DEADLINE, FIRST_PAUSE, LIMITED
  while true do
    local result, err = try(task.deadline, DEADLINE, function() return (f()) end)
    if not err then return result end
    if err.class == "throttled" and err.retry_after and err.retry_after <= patience then
      patience, stop = patience - err.retry_after, stop + err.retry_after
      sleep(err.retry_after)
    else
      if not worth_another_attempt[err.class] or core.monotonic() + pause > stop then error(err, 0) end
      sleep(pause)
      pause = math.min(2 * pause, LONGEST_PAUSE)
    end
  end
end

---How a resource that the run created is taken back.
---@param r table
---@return fun(result: any, entry: run.Entry)
function undo.of_resource(r)
  return function(_, entry)
    if entry.made then resource.wait_until_seen(r.find, entry.made) end
    resource.destroy(r)
  end
end

-- One entry --------------------------------------------------------------------------------

-- Where the recipe was stopped on its way along the record, or does not come to a step any more.
local function not_reached(run)
  local why = run.stopped_short
  return why and ("the recipe did not come to it: %s"):format(why.message)
    or "the recipe does not come to it any more, so nothing says how to take it back"
end

-- Journals the attempt and what came of it.
local function take_back(run, entry)
  local way = run.ways_back[entry.kind .. " " .. entry.path]
  if not way then
    run.recorder:note("undo-failed", entry.path, { of = entry.kind, error = { message = not_reached(run) } })
    return
  end
  run.recorder:write("undo-started", entry.path, { of = entry.kind })
  local started = core.monotonic()
  local _, err = try(attempt, function() return way(entry.result, entry) end)
  local seconds = core.monotonic() - started
  if err then
    run.recorder:note("undo-failed", entry.path, { of = entry.kind, error = recorder.describe(err), seconds = seconds })
    if err.class == "cancelled" then error(err, 0) end
  else
    run.recorder:note("undo-finished", entry.path, { of = entry.kind, seconds = seconds })
  end
end

-- The tree -----------------------------------------------------------------------------------

local take_back_node

local function take_back_branches(run, branches)
  local tasks = { all = true }
  for name, node in pairs(branches) do
    tasks[name] = function() take_back_node(run, node) end
  end
  parallel(tasks)
end

function take_back_node(run, node)
  for i = #node.items, 1, -1 do
    local item = node.items[i]
    if item.branches then
      take_back_branches(run, item.branches)
    elseif history.leaves(item) then
      take_back(run, item)
    end
  end
end

---Takes back what the run left, as far as run.ways_back says how.
---@param run table  with recorder and ways_back
function undo.all(run)
  local _ <close> = doubt.begin()
  take_back_node(run, run.recorder.history.tree)
end

return undo
