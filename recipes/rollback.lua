---Brings production back to what worked. Says first what it cannot undo.
local flow = require "flow"

return {
  summary = "Bring production's Workers, and where data is damaged its database, back to what worked",
  description = [[
--why code       a fault in the code: the Workers that the newest release changed go back, the data stays
--why migration  a migration broke them: the Workers go back; with --breaking the database, too
--why data       data is damaged: the database goes back to --time, as a branch of its own; what came later is lost

Where the database goes back, the Workers are deployed anew with it, from the commit that is checked out.]],
  approves = true, plans = true, deadline = "30m",
  params = {
    why = { type = "string", default = "code", help = "code, migration or data" },
    worker = { type = "string", help = "this Worker alone" },
    version = { type = "string", help = "to this version of it (the last good one)" },
    breaking = { type = "boolean", default = false, help = "the migration broke what served before it" },
    time = { type = "string", help = "the last good moment of the database: 2026-01-31T12:00:00Z" },
    force = { type = "boolean", default = false, help = "also across secrets that were changed: old values come back" },
  },

  run = function(p, run)
    local decision = flow.decide_back(p.why, p)
    local env = flow.environment "production"
    local _ <close> = run.lease "production"
    env:require_credentials("cloudflare", decision.database and "neon" or nil)
    local zone = decision.database and env.project.zone ~= nil   -- Workers alone go back without it
    run.look("credentials", function() env.cloudflare.verify { edit = true, zone = zone } end)

    local stays = flow.stays(env, decision, p)
    flow.say_stays(decision, stays)
    if decision.database then return flow.restore(run, env, p.time, stays) end

    local targets = run.look("versions", { worker = p.worker, version = p.version }, function()
      return env:rollback_targets(p.worker, p.version)
    end)
    run.approve { "Go back?", plan = { why = p.why, workers = targets, stays = stays } }
    for n, target in ipairs(targets) do
      run.step("roll back " .. target.name, target, function() return env:roll_back(target, p.force) end,
        function() env:serve_again(target) end, function() return flow.plan_back(target) end)
      flow.wait_back(run, env, target, n)
      run.output(target.name, target.to)
    end
  end,
}
