---What is particular to previews: the pull request's comment, and checks against what was deployed. The methods are
---flow.Environment's (lua/flow.lua).
local checks = require "flow.checks"
local commit = require "flow.commit"
local connection = require "local"
local planned = require "run.planned"
local prepare = require "flow.prepare"
local testing = require "flow.testing"

local preview = { methods = {} }

---Where a person begins: the last Worker that is deployed, which stands on all others.
---@return string|nil
function preview.methods:url()
  local last = self.workers[#self.workers]
  return last and last.host and "https://" .. last.host or nil
end

---The text of the pull request's comment: what is where, and what to look at.
---@param env flow.Environment
---@param branch { name: string }
---@return string
function preview.comment(env, branch)
  local lines = {
    ("### Preview of pull request #%d"):format(env.values.pr), "",
    "| Worker | URL | version |", "|---|---|---|",
  }
  for _, worker in ipairs(env.workers) do
    lines[#lines + 1] = ("| `%s` | https://%s | `%s` |"):format(worker.script, worker.host, worker.version)
  end
  lines[#lines + 1] = ("\nDatabase branch: `%s`"):format(branch.name)
  for i, item in ipairs(env.settings.checklist or {}) do
    lines[#lines + 1] = (i == 1 and "\n" or "") .. "- [ ] " .. item
  end
  return table.concat(lines, "\n")
end

-- URL_CODEX_WEB for the Worker codex-web, and PREVIEW_URL, as a browser on this machine finds them.
local function urls(env)
  local list = {}
  for _, worker in ipairs(env.workers) do
    list["URL_" .. worker.name:upper():gsub("[^%w]", "_")] = connection.url(worker.host)
    list.PREVIEW_URL = connection.url(worker.host)   -- of the last one, which stands on all others
  end
  return list
end

-- Setups that builds need, too, run once, apart from the checks.
local function set_up(run, env, chosen)
  local wanted = false
  for name, check in pairs(chosen) do
    if check.setup and not check.needs then wanted, chosen[name] = true, nil end
  end
  if wanted then prepare.set_up(run, env) end
end

---Runs the checks that need a preview, with its URLs as variables.
---@param run run
---@param env flow.Environment
function preview.check(run, env)
  if not checks.need(env.project.checks, "preview") then return end
  local change = run.look("what changed", function() return commit.change(env.project, { pr = env.values.pr }) end)
  change.stage = "preview"
  local chosen, others = checks.choose(env.project.checks, change)
  for name, why in pairs(others) do
    if env.project.checks[name].needs == "preview" then planned.tell("skip", name .. "/check", why) end
  end
  set_up(run, env, chosen)
  checks.run(run, { chosen = chosen, root = env.project.root, jobs = 1, env_of = function(check)
    local list = urls(env)
    for name, value in pairs(testing.variables(env, check, {})) do list[name] = value end
    return list
  end })
end

return preview
