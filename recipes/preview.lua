---Deploys an isolated preview of a pull request: its own database branch, hosts and Workers.
local flow = require "flow"

return {
  summary = "Deploy an isolated preview of a pull request",
  plans = true, deadline = "30m",
  params = {
    pr = { type = "integer", required = true, least = 1, help = "pull request number" },
    untested = { type = "boolean", default = false, help = "deploy although its tests have not passed" },
    take_over = { type = "boolean", default = false, help = "replace what others have at its hosts; it is kept" },
  },

  run = function(p, run)
    local env = flow.environment("preview", { pr = p.pr })
    env:require_credentials("cloudflare", "neon", "github")
    local _ <close> = run.lease("preview/" .. p.pr, { supersede = true })   -- a newer push takes over
    local sha = run.look("pull request is open", { pr = p.pr }, function() return env.github.open_pull(p.pr).sha end)
    if not p.untested then run.look("tests", { sha = sha }, function() return env:require_tested(sha) end) end
    run.look("credentials", env.cloudflare.verify)
    env:require_secrets()

    local made = run.parallel {                  -- what Workers stand on: nothing of it waits for another
      database = function()
        local branch = run.ensure(env:branch())
        run.step("migrate", { branch = branch.id }, function() return env:migrate(branch) end, nil,
          function() return env:plan_migrate(branch) end)
        return branch
      end,
      bundles = function() flow.prepare(run, env, sha) end,
      names = function()
        for _, worker in ipairs(env.workers) do flow.name(run, env, worker, p.take_over) end
      end,
      deployment = function() return run.ensure(env:deployment(sha)) end,
    }
    local branch, deployment = made.database, made.deployment
    local secrets = env:secrets(branch, run)
    for _, worker in ipairs(env.workers) do
      local bundle = flow.bundle(worker)
      worker.version = env:version(worker, bundle, branch, secrets)
      run.ensure(env:worker(worker, bundle, worker.version, secrets))
      flow.attach(run, env, worker, p.take_over)
      env:set_crons(run, worker)
    end
    for n, worker in ipairs(env.workers) do flow.wait(run, env, worker, n) end

    flow.check_preview(run, env)
    run.parallel {
      comment = function() run.ensure(env:comment(flow.preview_comment(env, branch))) end,
      deployment = function()
        run.step("tell GitHub", function() env:tell_deployed(deployment, "success", env:url()) end)
      end,
    }
    for _, worker in ipairs(env.workers) do run.output(worker.name, "https://" .. worker.host) end
  end,

  undo = function(p, run)   -- without a journal: from what lives
    local env = flow.environment("preview", { pr = p.pr })
    local _ <close> = run.lease("preview/" .. p.pr, { supersede = true })
    flow.remove(run, env)
    run.destroy(env:comment "-")
  end,
}
