---Takes a pull request's preview back: Workers, domains, DNS records, the database branch.
---Every part is tried even when another fails, and the live inventory has the last word.
local flow = require "flow"

return {
  summary = "Remove everything that belongs to a pull request's preview",
  params = { pr = { type = "integer", required = true, help = "pull request number" } },

  run = function(p, run)
    local env = flow.environment("preview", { pr = p.pr })
    local _ <close> = run.lease("preview/" .. p.pr)

    local parts = { all = true, database = function() run.destroy(env:branch_named()) end }
    for _, worker in ipairs(env.workers) do
      parts[worker.name] = function()
        run.destroy(env:domain(worker))
        run.destroy(env:worker_named(worker))
        run.destroy(env:dns_record(worker))
      end
    end
    local _, failed = try(run.parallel, parts)

    for _, thing in ipairs(failed and {} or env:inventory()) do   -- what davit.yaml names no more
      run.step(("remove the %s %s"):format(thing.kind, thing.name), function() env:remove(thing) end)
    end
    local left = run.step("inventory", function() return env:inventory() end)
    if #left > 0 then
      failure {
        code = "left-behind", message = ("%d things of this preview are still there: %s %s, …"):format(
          #left, left[1].kind, left[1].name), hint = failed and failed.message or "run cleanup again",
      }
    end
    if failed then error(failed, 0) end
    run.ensure(env:comment(("### Preview of pull request #%d\n\nRemoved: nothing of it is left."):format(p.pr)))
    run.output("inventory", "empty")
  end,
}
