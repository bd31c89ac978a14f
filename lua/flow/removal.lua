---Removing all that belongs to an environment: what davit.yaml names, then what else carries its marker.
---The live inventory has the first and the last word; no journal is needed.
local removal = {}

local function remove_named(run, env)
  local parts = { all = true, database = function() run.destroy(env:branch_named()) end }
  for _, worker in ipairs(env.workers) do
    parts[worker.name] = function()
      run.destroy(env:domain(worker))
      run.destroy(env:worker_named(worker))
      run.destroy(env:dns_record(worker))
    end
  end
  local _, failed = try(run.parallel, parts)
  return failed
end

-- What davit.yaml names no more.
local function remove_strays(run, env)
  for _, thing in ipairs(run.step("strays", function() return env:inventory() end)) do
    run.step(("remove the %s %s"):format(thing.kind, thing.name), function() env:remove(thing) end)
  end
end

---Every part is tried even when another fails; "left-behind" when something is there in the end.
---@param run run
---@param env flow.Environment
function removal.remove(run, env)
  local failed = remove_named(run, env)
  if not failed then remove_strays(run, env) end
  local left = run.step("inventory", function() return env:inventory() end)
  if #left > 0 then
    failure {
      code = "left-behind", message = ("%d things of this environment are still there: %s %s, …"):format(
        #left, left[1].kind, left[1].name), hint = failed and failed.message or "run it again",
    }
  end
  if failed then error(failed, 0) end
  run.step("environment at GitHub", function() return env.github.remove_environment(env:deployed_as()) end)
end

return removal
