---Deploys an isolated preview of a pull request: its own database branch, hosts and Workers.
local flow = require "flow"
local health = require "health"

local function comment_body(env, workers, branch)
  local lines = {
    ("### Preview of pull request #%d"):format(env.values.pr), "",
    "| Worker | URL | version |", "|---|---|---|",
  }
  for _, worker in ipairs(workers) do
    lines[#lines + 1] = ("| `%s` | https://%s | `%s` |"):format(worker.script, worker.host, worker.version)
  end
  lines[#lines + 1] = ("\nDatabase branch: `%s`"):format(branch.name)
  return table.concat(lines, "\n")
end

return {
  summary = "Deploy an isolated preview of a pull request",
  params = { pr = { type = "integer", required = true, help = "pull request number" } },

  run = function(p, run)
    local env = flow.environment("preview", { pr = p.pr })
    local _ <close> = run.lease("preview/" .. p.pr, { supersede = true })   -- a newer push takes over
    run.step("pull request is open", { pr = p.pr }, function() return env.github.open_pull(p.pr).sha end)
    run.step("credentials", env.cloudflare.verify)
    env:require_secrets()

    local branch = run.ensure(env:branch())
    run.step("migrate", { branch = branch.id }, function() return env:migrate(branch) end)

    local builds = {}
    for _, worker in ipairs(env.workers) do
      builds[worker.name] = function()
        run.step("build", function() flow.build(worker) end)
      end
    end
    run.parallel(builds)

    for _, worker in ipairs(env.workers) do run.ensure(env:dns_record(worker)) end

    local secrets = env:secrets(branch, run)
    for _, worker in ipairs(env.workers) do
      local bundle = flow.bundle(worker)
      worker.version = env:version(worker, bundle, branch, secrets)
      run.ensure(env:worker(worker, bundle, worker.version, secrets))
      run.ensure(env:domain(worker))
      env:set_crons(run, worker)
    end

    for n, worker in ipairs(env.workers) do
      run.step("health of " .. worker.name, { version = worker.version }, function()
        local policy = env:health_policy(n)
        flow.wait_for_name(worker.host, policy.deadline or 300)
        policy.url = ("https://%s%s"):format(worker.host, worker.settings.health)
        policy.expect = { json = { ["/version"] = worker.version } }   -- this version, not some 200
        local seen = health.wait(policy)
        return { attempts = seen.attempts, seconds = seen.seconds }
      end)
    end

    run.ensure(env:comment(comment_body(env, env.workers, branch)))
    for _, worker in ipairs(env.workers) do run.output(worker.name, "https://" .. worker.host) end
  end,

  undo = function(p, run)   -- without a journal: from what lives
    local env = flow.environment("preview", { pr = p.pr })
    local _ <close> = run.lease("preview/" .. p.pr, { supersede = true })
    flow.remove(run, env)
    run.destroy(env:comment "-")
  end,
}
