---Production on a database of an earlier moment: a branch of then, and the Workers of the commit that is checked out on
---it, each as one version, one after the other. What fails is taken back: then all is as it was.
local back = require "flow.back"
local planned = require "run.planned"
local prepare = require "flow.prepare"
local production = require "flow.production"
local put = require "flow.put"
local rollout = require "flow.rollout"

local restore = {}

-- A Worker that could not be taken back works on the branch still.
local function take_back(env, resource, before, made)
  local now = env:served_now()
  for _, worker in ipairs(env.workers) do
    if (now[worker.name] or {}).version ~= (before[worker.name] or {}).version then
      failure { code = "in-use", about = env.branch_name,
        message = ("the branch stays: the Worker %s serves another version than before"):format(worker.script),
        hint = "take that back first; then delete the branch" }
    end
  end
  put.away(resource, made)
end

-- The branch of that moment, made only when everything is built.
local function database(run, env, time, before)
  local began = run.look("began", function() return os.time() end)   -- a plan's name for it is that of now
  local resource = env:restored_branch(time, began)
  local branch = run.step(resource[1], { time = time }, function()
    local made = put.there(resource)
    return { id = made.id, name = made.name, at = os.time() }
  end, function(made) take_back(env, resource, before, made and made.at or began) end,
    function() return put.plan(resource) end)
  run.step("ready", { branch = branch.id }, function() env.neon.ready(branch) end)
  return branch
end

---@param run run
---@param env flow.Environment
---@param time string     the moment, as RFC 3339 has it
---@param stays string[]  what is not brought back: to be agreed to
function restore.run(run, env, time, stays)
  local commit = run.look("commit", function() return env:commit_here() end)
  env:require_secrets()
  run.approve { "Go back, and lose what was written since?",
    plan = { time = time, commit = commit.sha, stays = stays } }
  prepare.run(run, env, commit.sha)
  local before = run.look("versions", function() return env:served_now() end)

  local branch = database(run, env, time, before)
  local secrets = env:secrets(branch, run)
  for n, worker in ipairs(env.workers) do
    production.deploy(run, env, worker, { secrets = secrets, branch = branch, sha = commit.sha,
      before = before[worker.name] })
    rollout.attach(run, env, worker)
    rollout.wait(run, env, worker, n)
  end
  for _, worker in ipairs(env.workers) do run.output(worker.name, worker.version) end
  run.output("database", branch.name)
  if not planned.is(branch) then back.say_next(env, branch) end
end

return restore
