---Migrations: written by the project's command, tried on a copy of production, looked at, applied, verified.
local migrations = require "flow.migrations"
local targets = require "migrations.target"

return {
  summary = "Try the project's migrations on a copy of production, then apply them",
  plans = true, deadline = "1h",
  params = {
    to = { type = "string", help = "production, or preview with --pr; without it they are only tried" },
    pr = { type = "integer", least = 1, help = "pull request number" },
    database = { type = "string", help = "which one of davit.yaml, where there are several" },
    generate = { type = "boolean", help = "first write new migrations by the project's command" },
    check = { type = "boolean", help = "only see whether the schema has changes that no migration has" },
    accept_breaking = { type = "boolean", help = "agree to statements that break who uses the database" },
    lock_timeout = { type = "number", default = 10, help = "seconds that a statement waits for a table" },
    statement_timeout = { type = "number", default = 300, help = "seconds that a statement may take" },
  },

  run = function(p, run)
    local target = targets.open(p)
    local database, newer = target.database, target.environment == "preview"
    if p.generate or p.check then
      run.step("generate", function() return migrations.generate(database, { check = p.check }) end, nil,
        function() return migrations.plan_generate(database) end)
    end
    if p.check then return end

    local branch, plan
    local _ <close> = run.lease("migrate/" .. (target.environment or "trial") .. (p.pr or ""))
    if target.environment then
      branch = run.look("find the database", function() return target:branch() end)
      plan = run.look("plan", { branch = branch.id }, function()
        return migrations.plan(database, migrations.folder(database), target:url(branch), { newer = newer })
      end)
      migrations.consent(plan, { environment = target.environment, accept = p.accept_breaking })
      if migrations.is_empty(plan) then return run.output("applied", "nothing: all of them are there") end
    end

    local scratch = run.ensure(target:scratch(run.id))   -- a copy of production, taken back whatever happens
    run.output("tried", migrations.summary(run.step("try", { branch = scratch.id }, function()
      target:ready(scratch)
      return migrations.try { database = database, url = target:url(scratch, true), newer = newer }
    end, nil, function() return "run", "on the copy" end)))
    run.destroy(target:scratch(run.id))

    if not plan then return end
    run.output("applied", migrations.summary(run.step("apply", { branch = branch.id }, function()
      return migrations.apply {
        database = database, url = target:url(branch), plan = plan, environment = target.environment,
        consented = p.accept_breaking, newer = newer,
        lock_timeout = p.lock_timeout, statement_timeout = p.statement_timeout,
      }
    end, nil, function() return migrations.plan_apply(plan) end)))
  end,
}
