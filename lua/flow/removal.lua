---Removing all that belongs to an environment: what davit.yaml names, then what else carries its marker.
---The live inventory has the first and the last word; no journal is needed.
local log = require "log"
local planned = require "run.planned"

local removal = {}

-- One part after the other, each whatever became of those before it; raises the first error in the end.
local function one_by_one(parts)
  local first
  for _, part in ipairs(parts) do
    local _, err = try(part)
    if err and err.class == "cancelled" then error(err, 0) end
    first = first or err
  end
  if first then error(first, 0) end
end

local function remove_named(run, env)
  local parts = { all = true, database = function() run.destroy(env:branch_named()) end }
  for _, worker in ipairs(env.workers) do
    parts[worker.name] = function()
      one_by_one {
        function() if worker.host then run.destroy(env:domain(worker)) end end,   -- without a zone it has none
        function() run.destroy(env:worker_named(worker)) end,
        function() if worker.host then run.destroy(env:dns_record(worker)) end end,
      }
    end
  end
  run.parallel(parts)
end

-- In a plan everything is still there; what davit.yaml names was told before.
local function is_named(env, thing)
  if not planned.active() then return false end
  local named = thing.name == env.branch_name
  for _, worker in ipairs(env.workers) do named = named or thing.name == worker.script or thing.name == worker.host end
  return named
end

-- What davit.yaml names no more, and what no name of it leads to. One service that does not answer keeps nothing of
-- another one's.
local function remove_strays(run, env)
  local parts = { all = true }
  for _, service in ipairs(env.services) do
    parts[service] = function()
      local removals = {}
      for _, thing in ipairs(run.look("strays", function() return env:inventory { service } end)) do
        local name = ("remove the %s %s"):format(thing.kind, thing.name)
        if not is_named(env, thing) then
          table.insert(removals, function() run.step(name, { id = thing.id }, function() env:remove(thing) end) end)
        end
      end
      one_by_one(removals)
    end
  end
  run.parallel(parts)
end

local function verify(run, env, failed)
  local left = run.look("inventory", function() return env:inventory() end)
  if #left == 0 or planned.active() then return end
  failure {
    code = "left-behind", message = ("%d things of this environment are still there: %s %s%s"):format(
      #left, left[1].kind, left[1].name, #left > 1 and ", …" or ""), hint = failed and failed.message or "run it again",
  }
end

-- What could not be looked at may still be there.
local function check_nothing_is_left(run, env, failed)
  local _, err = try(verify, run, env, failed)
  if not err then return end
  if err.class == "cancelled" or err.code == "left-behind" then error(err, 0) end
  failure { code = "left-behind", hint = "run it again",
    message = ("whether anything of this environment is still there could not be looked at: %s"):format(err.message) }
end

---Every part is tried even when another fails; "left-behind" when something is or may be there in the end. What failed
---on the way to nothing is told and is no failure.
---@param run run
---@param env flow.Environment
function removal.remove(run, env)
  local failed
  for _, part in ipairs { remove_named, remove_strays } do
    local _, err = try(part, run, env)
    if err and err.class == "cancelled" then error(err, 0) end
    failed = failed or err
  end
  check_nothing_is_left(run, env, failed)
  if failed then log.warn(("%s; nothing is left all the same"):format(failed.message)) end
  local name = env:deployed_as()
  local kept = run.step("environment at GitHub", function() return env.github.remove_environment(name) end)
  if planned.active() or not kept.reason then return end
  log.info(("the environment %s at GitHub stays: %s"):format(name, kept.reason))
end

return removal
