---Takes a pull request's preview back: Workers, domains, DNS records, the database branch.
---Every part is tried even when another fails, and the live inventory has the last word.
local flow = require "flow"

return {
  summary = "Remove everything that belongs to a pull request's preview",
  params = { pr = { type = "integer", required = true, help = "pull request number" } },

  run = function(p, run)
    local env = flow.environment("preview", { pr = p.pr })
    local _ <close> = run.lease("preview/" .. p.pr)

    local parts = { all = true, database = function() run.destroy(env:branch()) end }
    for _, worker in ipairs(env.workers) do
      parts[worker.name] = function()
        run.destroy(env:domain(worker))
        run.destroy(env:worker_named(worker))
        run.destroy(env:dns_record(worker))
      end
    end
    local _, failed = try(run.parallel, parts)

    local left = run.step("inventory", function() return env:inventory() end)
    if failed then error(failed, 0) end
    if #left > 0 then
      failure {
        code = "left-behind", message = ("%d things of this preview are still there: %s %s, …"):format(
          #left, left[1].kind, left[1].name), hint = "run cleanup again; what it cannot remove it names",
      }
    end
    run.ensure(env:comment(("### Preview of pull request #%d\n\nRemoved: nothing of it is left."):format(p.pr)))
    run.output("inventory", "empty")
  end,
}
