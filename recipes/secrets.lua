---The secrets of an environment's Workers, as davit.yaml maps them: names only, no value is ever shown.
local flow = require "flow"

return {
  summary = "List, set, rotate, delete or sync the secrets of an environment's Workers",
  description = [[
--list        which Worker has which, which it lacks, and which davit.yaml does not know
--sync        every secret of davit.yaml to every Worker that wants it; one version a Worker, whatever the number
--set A,B     these, from where davit.yaml takes them;  --github stores them as secrets of the repository, too
--rotate A,B  new values, for the Workers and for GitHub's secrets that deploys take them from
--delete A,B  takes them away]],
  plans = true, deadline = "15m",
  params = {
    pr = { type = "integer", least = 1, help = "of a pull request's preview (production without it)" },
    worker = { type = "string", help = "this Worker alone" },
    list = { type = "boolean", default = false }, sync = { type = "boolean", default = false },
    set = { type = "list", default = {}, help = "names" }, rotate = { type = "list", default = {}, help = "names" },
    delete = { type = "list", default = {}, help = "names" },
    github = { type = "boolean", default = false, help = "what is set becomes a secret of the repository, too" },
  },

  run = function(p, run)
    local asked = flow.secret_changes(p)
    local env = p.pr and flow.environment("preview", { pr = p.pr }) or flow.environment "production"
    local workers = env:chosen_workers(p.worker)
    env:check_changes(workers, asked)
    env:require_credentials("cloudflare", env:tells_github(asked) and "github" or nil)
    local _ <close> = run.lease(p.pr and "preview/" .. p.pr or "production")
    run.look("credentials", function() env.cloudflare.verify { edit = not asked.list, zone = false } end)
    if asked.list then
      for _, worker in ipairs(workers) do
        run.output(worker.name, run.look("secrets of " .. worker.name, function() return env:secret_names(worker) end))
      end
      return
    end
    local values, of_github = env:new_values(run, workers, asked)
    local before = run.look("versions", function() return env:versions_before(workers) end)
    env:change_at_github(run, of_github)
    for _, worker in ipairs(workers) do
      run.step("change " .. worker.name, asked, function() return env:change_secrets(worker, values, asked.delete) end,
        function() env:serve_again { script = worker.script, from = before[worker.name] } end,
        function() return env:plan_secrets(worker, values, asked) end)
    end
  end,
}
