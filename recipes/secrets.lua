---The secrets of an environment's Workers, as davit.yaml maps them: names only, no value is ever shown.
local flow = require "flow"

return {
  summary = "List, set, delete or sync the secrets of an environment's Workers",
  description = [[
--list    which Worker has which, and what davit.yaml says of them
--sync    every secret of davit.yaml to every Worker that wants it; one version a Worker, whatever the number
--set A,B  these, from where davit.yaml takes them;  --delete A,B  takes them away]],
  params = {
    pr = { type = "integer", help = "of a pull request's preview (production without it)" },
    worker = { type = "string", help = "this Worker alone" },
    list = { type = "boolean", default = false }, sync = { type = "boolean", default = false },
    set = { type = "list", default = {}, help = "names" }, delete = { type = "list", default = {}, help = "names" },
  },

  run = function(p, run)
    local asked = flow.secret_changes(p)
    local env = p.pr and flow.environment("preview", { pr = p.pr }) or flow.environment "production"
    env:require_credentials "cloudflare"
    local _ <close> = run.lease(p.pr and "preview/" .. p.pr or "production")
    for _, worker in ipairs(env:chosen_workers(p.worker)) do
      if asked.list then
        run.output(worker.name, run.step("secrets of " .. worker.name, function() return env:secret_names(worker) end))
      else
        run.step("change " .. worker.name, asked, function() return env:change_secrets(worker, asked) end)
      end
    end
  end,
}
