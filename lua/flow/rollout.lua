---How a Worker of an environment is brought out, one after the other: the names that lead to it, the version, its
---health.
---A preview's Worker is deployed as it is uploaded; production's version is uploaded first and gets traffic later.
local health = require "health"
local log = require "log"
local reach = require "flow.reach"

local rollout = {}

-- What is refused without consent says how it is given.
local function ensure(run, resource, take_over)
  local thing, err = try(run.ensure, resource)
  if not err then return thing end
  if err.code == "not-ours" and not take_over then
    err.hint = "nothing was changed there; --take-over replaces what others have at our hosts, and keeps it"
  end
  error(err, 0)
end

---The DNS record of a Worker's host; without a zone the service names the host itself.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param take_over? boolean  what others have at the host is replaced, and kept
function rollout.name(run, env, worker, take_over)
  if worker.host then ensure(run, env:dns_record(worker, take_over), take_over) end
end

---The host that leads to a Worker: its custom domain, or its name on workers.dev. Sets `host`.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param take_over? boolean
function rollout.attach(run, env, worker, take_over)
  if worker.host then
    ensure(run, env:domain(worker, take_over), take_over)
  else
    worker.host = run.ensure(env.cloudflare.workers_dev { worker = worker.script, marker = env.marker }).host
  end
end

-- Until what is expected is served at the Worker's host, as davit.yaml says.
local function await(env, worker, n, version)
  local policy = env:health_policy(n)
  if env.project.zone then reach.wait_for_name(worker.host, policy.deadline or 300) end
  policy.url = ("https://%s%s"):format(worker.host, worker.settings.health)
  policy.expect = version and { json = { ["/version"] = version } } or nil   -- this version, not some 200
  local seen = health.wait(policy)
  return { attempts = seen.attempts, seconds = seen.seconds }
end

---Waits until this version serves at the Worker's host.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param n integer  the how-manieth it is: the first one waits for certificates
function rollout.wait(run, env, worker, n)
  run.step("health of " .. worker.name, { version = worker.version }, function()
    return await(env, worker, n, worker.version)
  end)
end

---Waits until a version serves that was there before. One that does not say which it is has to be healthy, no more.
---@param run run
---@param env flow.Environment
---@param target flow.Target
---@param n integer
function rollout.wait_back(run, env, target, n)
  local worker = env:chosen_workers(target.name)[1]
  if not target.serves_as then
    log.info(("%s: the version %s does not say which it is; that it is healthy is all that is looked at"):format(
      target.name, target.to))
  end
  run.step("health of " .. target.name, { version = target.to }, function()
    worker.host = worker.host or env:workers_dev_host(worker)
    return await(env, worker, n, target.serves_as)
  end)
end

return rollout
