---Deployments as resources: one version of a Worker has all traffic. And the way back to an earlier one.
local history = require "cloudflare.history"
local json = require "json"
local marker = require "marker"
local options = require "options"
local retry = require "retry"
local upload = require "cloudflare.upload"
local worker = require "cloudflare.worker"

local deployment = {}

---What going back to an earlier version brings back, and what stays as it is. For whoever has to decide.
deployment.reach = {
  back = json.array { "code", "static assets", "plain variables and other bindings",
    "compatibility date and flags", "placement and limits" },
  stays = json.array { "what is in databases, KV, R2, queues and Durable Objects", "migrations of Durable Objects",
    "custom domains, routes, DNS records and the workers.dev host", "cron triggers",
    "observability, logpush and tail consumers",
    "secrets: where they were changed since, Cloudflare refuses (10220) unless forced, "
      .. "and then the old values come back" },
}

local fields = { { "worker", "string", true }, { "marker", "string", true }, { "version", "string", true },
  { "message", "string" }, { "settings", "table" } }

local setting_fields = { { "observability", "table" }, { "logpush", "boolean" }, { "tail_consumers", "table" },
  { "streaming_tail_consumers", "table" } }

local rollback_fields = { { "worker", "string", true }, { "marker", "string" }, { "version", "string", true },
  { "message", "string" }, { "force", "boolean" } }

local function thing_of(o, id)
  return { worker = o.worker, version = o.version, id = id }
end

local function find(account, o)
  local newest = history.deployments(account, o.worker)[1]
  if newest and newest.version == o.version then return thing_of(o, newest.id) end
end

local function post(account, o)
  local made = account:workers(upload.script(o.worker, "/deployments"), { method = "POST", just_made = true,
    query = o.force and { force = true } or nil, changes = { "secrets " .. o.worker },
    json = { strategy = "percentage", versions = json.array { { version_id = o.version, percentage = 100 } },
      annotations = o.message and { ["workers/message"] = o.message } or nil },
    what = ("deploy the version %s of the Worker %s"):format(o.version, o.worker) })
  return thing_of(o, made.id)
end

-- When the answer was lost, what serves is looked at before anything is sent again.
local function deploy(account, o)
  return retry.run(retry.policies.after_looking, function(attempt)
    return attempt > 1 and find(account, o) or post(account, o)
  end)
end

-- What belongs to the Worker and to no version of it.
local function set(account, o)
  if not (o.settings and next(o.settings)) then return end
  local wanted = { observability = o.settings.observability, logpush = o.settings.logpush }
  for _, name in ipairs { "tail_consumers", "streaming_tail_consumers" } do
    wanted[name] = o.settings[name] and json.array(o.settings[name])
  end
  account:workers(upload.script(o.worker, "/script-settings"), { method = "PATCH", json = wanted, safe = true,
    what = "change the settings of the Worker " .. o.worker })
end

local function create(account, o)
  worker.require_ours(account, o.worker, o.marker)
  local thing = deploy(account, o)
  set(account, o)
  return thing
end

-- ---- back --------------------------------------------------------------------------------

local function refuse_no_way_back(o)
  failure { code = "cloudflare-no-way-back", about = o.worker,
    message = ("Cloudflare: no earlier version of the Worker %s can be deployed"):format(o.worker),
    hint = "deploy another one, or destroy the Worker" }
end

-- What has served before serves again.
local function destroy(account, o)
  if not find(account, o) then return end
  worker.require_ours(account, o.worker, o.marker)
  local before = history.last_good(account, o.worker)
  if not before then refuse_no_way_back(o) end
  deploy(account, { worker = o.worker, version = before.version, message = history.BACK .. "from " .. o.version })
end

---Sends all traffic to an earlier version. Nothing is sent when it has it already.
---@return table  version, from, deployment, changed, back, stays
function deployment.rollback(account, o)
  options.read("cloudflare.rollback", o, rollback_fields)
  if o.marker then
    marker.check("cloudflare.rollback", o.marker)
    worker.require_ours(account, o.worker, o.marker)
  else
    worker.check(account, o.worker)
  end
  local newest = history.deployments(account, o.worker)[1]
  local changed = not newest or newest.version ~= o.version
  local told = setmetatable({ message = history.BACK .. (o.message or "by hand") }, { __index = o })
  local thing = changed and deploy(account, told) or thing_of(o, newest.id)
  return { worker = o.worker, version = o.version, from = newest and newest.version, deployment = thing.id,
    changed = changed, back = deployment.reach.back, stays = deployment.reach.stays }
end

---The deployment to go back to, of a Worker of ours.
---@return table|nil
function deployment.last_good(account, name, text)
  marker.check("cloudflare.last_good", text)
  local holder = worker.find(account, name)
  if not holder then return nil end
  worker.refuse_foreign(account, holder.marker, text, "the Worker " .. name)
  return history.last_good(account, name)
end

-- ---- the resource ------------------------------------------------------------------------

---@return table resource
function deployment.resource(account, o)
  options.read("cloudflare.deployment", o, fields)
  marker.check("cloudflare.deployment", o.marker)
  options.read("cloudflare.deployment: settings", o.settings or {}, setting_fields)
  return {
    ("deployment of %s of %s"):format(o.version, o.worker),
    find = function() return find(account, o) end,
    create = function() return create(account, o) end,
    matches = function()
      return account:same(worker.marker_of(account, o.worker), o.marker, "the Worker " .. o.worker)
    end,
    update = function(thing)
      set(account, o)
      return thing
    end,
    destroy = function() destroy(account, o) end,
  }
end

return deployment
