---Deploys the commit that was pushed to the main branch: everything is built before the database is touched, Workers
---follow each other once the one before is healthy, and what fails is taken back.
local flow = require "flow"

return {
  summary = "Deploy the pushed commit to production",
  approves = true, plans = true, deadline = "1h",
  keeps = { "issue 'The deploy to production has failed'" },
  params = {
    take_over = { type = "boolean", default = false, help = "replace what others have at our hosts; it is kept" },
    accept_breaking = { type = "boolean", default = false, help = "carry out migrations that break what serves now" },
  },

  run = function(p, run)
    local env = flow.environment "production"
    local commit = run.look("commit", function() return env:require_push() end)
    local _ <close> = run.lease "production"
    env:require_credentials("cloudflare", "neon", "github")
    run.look("tests", { sha = commit.sha }, function() return env:require_tested(commit.sha) end)
    run.look("credentials", function() env.cloudflare.verify { edit = true } end)
    env:require_secrets()

    local told = { sha = commit.sha, run = run.id }   -- the first step is taken back last, and knows of all others
    flow.watch(run, env, told)

    local branch = run.look("database branch", function() return env:lasting_branch() end)
    told.branch = branch
    flow.adopt(run, env, p.take_over)
    local secrets = env:secrets(branch, run)
    for _, worker in ipairs(env.workers) do flow.name(run, env, worker, p.take_over) end
    flow.prepare(run, env, commit.sha)

    told.point = run.look("rollback point", { branch = branch.id }, function() return env:rollback_point(branch) end)
    local plan = run.look("pending migrations", function() return env:pending_migrations(branch) end)
    told.plan = plan
    flow.consent(plan, { environment = env.kind, accept = p.accept_breaking })
    if env.settings.approve then
      run.approve { "Deploy to production?", plan = flow.plan_of(env, commit.sha, plan) }
    end

    local deployment = run.ensure(env:deployment(commit.sha))
    told.migrated = run.step("migrate", { plan = plan }, function() return env:apply_migrations(branch, plan) end, nil,
      function() return flow.plan_apply(plan) end)
    local no_way_back = not told.migrated.additive and "the migrations of this run break what served before" or nil

    local function deploy(worker)
      flow.deploy(run, env, worker, { secrets = secrets, branch = branch, sha = commit.sha, no_way_back = no_way_back,
        before = told.point.workers[worker.name] })
      flow.attach(run, env, worker, p.take_over)
    end

    local is_new = function(worker) return not told.point.workers[worker.name] end
    for _, worker in ipairs(env.workers) do   -- nobody uses these yet: their certificates are issued side by side
      if is_new(worker) then deploy(worker) end
    end
    for n, worker in ipairs(env.workers) do
      if not is_new(worker) then deploy(worker) end
      env:set_crons(run, worker)
      flow.wait(run, env, worker, n)
    end

    flow.tell_success(run, env, deployment, told)
    for _, worker in ipairs(env.workers) do run.output(worker.name, "https://" .. worker.host) end
  end,
}
