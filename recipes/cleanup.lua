---Takes a pull request's preview back: Workers, domains, DNS records, database branches, GitHub's deployments.
local flow = require "flow"

return {
  summary = "Remove everything that belongs to a pull request's preview",
  plans = true, deadline = "15m",
  params = { pr = { type = "integer", required = true, least = 1, help = "pull request number" } },

  run = function(p, run)
    local env = flow.environment("preview", { pr = p.pr })
    env:require_credentials("cloudflare", "neon", "github")
    local _ <close> = run.lease("preview/" .. p.pr, { supersede = true })
    local _ <close> = run.lease("test/" .. p.pr, { supersede = true })   -- a test would go on with its branch
    run.look("credentials", env.cloudflare.verify)
    flow.remove(run, env)
    run.ensure(env:comment(("### Preview of pull request #%d\n\nRemoved: nothing of it is left."):format(p.pr)))
    run.output("inventory", "empty")
  end,
}
