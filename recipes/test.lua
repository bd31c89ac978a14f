---Runs the checks of davit.yaml that a change asks for, on a database branch of its own.
local flow = require "flow"

return {
  summary = "Run the checks of davit.yaml that a change asks for",
  description = [[
The branch is pr-NUMBER of a pull request, which its preview will use, else push-BRANCH-SHA; end-to-end tests have one
of their own. What is not said is taken from GitHub's event, else from the checkout.]],
  plans = true, deadline = "2h",
  keeps = { "database branch pr-{pr}" },   -- until the pull request is closed: its preview has it, too
  params = {
    pr = { type = "integer", least = 1, help = "pull request number" },
    branch = { type = "string", help = "of the commit" },
    sha = { type = "string", help = "the commit" },
    base = { type = "string", help = "the commit whose differences decide which checks run" },
    only = { type = "list", default = {}, help = "these checks, whatever has changed" },
    all = { type = "boolean", default = false, help = "all checks, whatever has changed" },
    parallel = { type = "integer", default = 4, least = 1, help = "how many run at a time" },
    bundles = { type = "boolean", default = false, help = "store what the Workers' builds make, by commit" },
    sealed_to = { type = "list", default = {}, help = "seal the database's connection string for these keys" },
  },

  run = function(p, run)
    local change = run.look("change", function() return flow.change(p) end)
    local env = flow.environment(change.pr and "preview" or "test", change)
    local _ <close> = run.lease("test/" .. env.key, { supersede = true })
    local sha = run.look("commit", function() return env:commit_of(change) end)
    local checks = flow.choose_checks(env, change, p.bundles)
    env:require_check_secrets(checks)
    env:require_keys(p.sealed_to)

    local databases, err = try(function()
      local made = flow.test_databases(run, env, checks)
      flow.run_checks(run, env, checks, { jobs = p.parallel, databases = made })
      if p.bundles then flow.store_bundles(run, env, sha) end
      return made
    end)
    run.step("tell GitHub", { ok = not err }, function() env:tell_tested(change, sha, err) end, nil,
      function() return env:plan_told(change, sha, err) end)
    flow.remove_test_databases(run, env, checks)   -- whatever has happened
    if err then error(err, 0) end

    flow.hand_over(run, env, databases, p.sealed_to)
    run.output("checks", flow.summary(checks))
  end,

  undo = function(p, run)   -- without a journal: from what lives
    local change = run.step("change", function() return flow.change(p) end)
    local env = flow.environment(change.pr and "preview" or "test", change)
    local _ <close> = run.lease("test/" .. env.key, { supersede = true })
    flow.remove_test_databases(run, env)
  end,
}
