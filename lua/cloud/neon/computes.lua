---What clients ask of computes: made, changed, started, suspended, restarted, deleted. A branch has one that takes
---writes, and any number that only read.
---
---Assumed: which operations a change has, the statuses of refusals, and that a branch without a compute gets its
---roles and databases when it has one.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local operations = require "cloud.neon.operations"

local computes = {}

local refuse = body.refuse

local LEAST_CU, MOST_CU = 0.25, 56     -- most: assumed
local LEAST_SUSPEND, MOST_SUSPEND = 60, 604800

-- ---- what is wanted ----------------------------------------------------------------------

local function check_cu(value, name)
  if value == nil then return end
  if type(value) ~= "number" or value < LEAST_CU or value > MOST_CU then
    refuse(400, ("%s must be from %g to %g"):format(name, LEAST_CU, MOST_CU))
  end
end

local function check_limits(least, most)
  check_cu(least, "autoscaling_limit_min_cu")
  check_cu(most, "autoscaling_limit_max_cu")
  if least and most and least > most then
    refuse(422, "autoscaling_limit_min_cu must not be greater than autoscaling_limit_max_cu")
  end
end

local function check_suspend(value)
  local seconds = body.integer(value, "suspend_timeout_seconds", -1, MOST_SUSPEND)
  if seconds and seconds > 0 and seconds < LEAST_SUSPEND then
    refuse(400, ("suspend_timeout_seconds must be -1, 0 or from %d to %d"):format(LEAST_SUSPEND, MOST_SUSPEND))
  end
end

---Checks what is wanted of a compute.
---@param wanted table  without nulls
---@param new boolean
---@return table wanted
function computes.read(wanted, new)
  local typed = wanted.type == "read_write" or wanted.type == "read_only"
  if new and not typed then refuse(400, "the type of an endpoint is read_write or read_only") end
  check_limits(wanted.autoscaling_limit_min_cu, wanted.autoscaling_limit_max_cu)
  check_suspend(wanted.suspend_timeout_seconds)
  body.boolean(wanted.disabled, "disabled")
  body.boolean(wanted.passwordless_access, "passwordless_access")
  body.name(wanted.name, "name", 64)
  body.object(wanted.settings, "settings")
  return wanted
end

---Refuses more computes than there is room for.
function computes.check_room(context, wanted)
  if wanted == 0 then return end
  local have = 0
  for _, one in ipairs(branch.living(context.state, context.project)) do have = have + #one.endpoints end
  body.limit("endpoints", have + wanted - 1, context.state.settings.endpoints_limit)
  if not endpoints.free_number(context.state, context.now) then
    refuse(422, "there is no address left for another endpoint")
  end
end

-- ---- what is done ------------------------------------------------------------------------

---Starts what brings a branch's roles and databases to its server. Whoever is connected is not any more.
---@return neon.Operation[]
function computes.apply(context, one)
  local state, now = context.state, context.now
  local endpoint = endpoints.writer(one)
  if not endpoint then return {} end
  if endpoint.disabled or endpoints.status(state, endpoint, now) == "active" then
    endpoint.boots = endpoint.boots + 1
    return operations.chain(state, now, one, { { "apply_config", endpoint } })
  end
  local chain = operations.chain(state, now, one,
    { { "start_compute", endpoint }, { "apply_config", endpoint }, { "suspend_compute", endpoint } })
  endpoints.lead(state, endpoint, now, "active", chain[1])
  endpoints.lead(state, endpoint, now, "idle", chain[3])
  return chain
end

local function lead(context, one, endpoint, goal)
  local action = goal == "idle" and "suspend_compute" or "start_compute"
  local operation = operations.start(context.state, context.now, action, one, endpoint)
  endpoints.lead(context.state, endpoint, context.now, goal, operation)
  return { operation }
end

-- ---- requests ----------------------------------------------------------------------------

local function one_of(context)
  local one, endpoint = endpoints.find(context.state, context.params.endpoint)
  if one and one.project_id == context.project.id then return one, endpoint end
  refuse(404, "endpoint not found")
end

local function answer(context, one, endpoint, chain)
  return { endpoint = endpoints.show(context, one, endpoint), operations = operations.show_all(context, chain) }
end

local function create(context)
  operations.refuse_while_running(context)
  local wanted = computes.read(body.required(context, "endpoint"), true)
  if not data.text(wanted.branch_id) then refuse(400, "branch_id is required") end
  local one = branch.get(context, wanted.branch_id)
  if wanted.type == "read_write" and endpoints.writer(one) then
    refuse(409, "read-write endpoint already exists")
  end
  computes.check_room(context, 1)
  local endpoint = endpoints.create(context.state, one, wanted, context.now)
  local operation = operations.start(context.state, context.now, "start_compute", one, endpoint)
  endpoints.lead(context.state, endpoint, context.now, endpoint.disabled and "idle" or "active", operation)
  endpoint.before, endpoint.boots = "init", 0
  return answer(context, one, endpoint, { operation }), { status = 201 }
end

local function get(context)
  return { endpoint = endpoints.show(context, one_of(context)) }
end

local function list(context)
  local shown = {}
  for _, one in ipairs(branch.living(context.state, context.project)) do
    for _, endpoint in ipairs(one.endpoints) do shown[#shown + 1] = endpoints.show(context, one, endpoint) end
  end
  return { endpoints = data.array(shown) }
end

local function of_branch(context)
  return { endpoints = endpoints.show_all(context, branch.get(context, context.params.branch)) }
end

local kept = { min_cu = "autoscaling_limit_min_cu", max_cu = "autoscaling_limit_max_cu", settings = "settings",
  suspend = "suspend_timeout_seconds", name = "name", passwordless = "passwordless_access" }

-- A larger least size takes the largest along.
local function take(endpoint, wanted)
  for field, name in pairs(kept) do
    if wanted[name] ~= nil then endpoint[field] = wanted[name] end
  end
  if endpoint.max_cu < endpoint.min_cu then endpoint.max_cu = endpoint.min_cu end
end

local function needs_restart(wanted)
  return wanted.autoscaling_limit_min_cu or wanted.autoscaling_limit_max_cu or wanted.settings
end

-- Moving a compute to another branch is not modelled.
local function patch(context)
  local one, endpoint = one_of(context)
  operations.refuse_while_running(context)
  local wanted = computes.read(body.required(context, "endpoint"), false)
  if (wanted.branch_id or one.id) ~= one.id then refuse(422, "an endpoint cannot be moved to another branch") end
  check_limits(wanted.autoscaling_limit_min_cu, wanted.autoscaling_limit_max_cu or endpoint.max_cu)
  take(endpoint, wanted)
  endpoint.updated = context.now
  local active = endpoints.status(context.state, endpoint, context.now) == "active"
  local chain = {}
  if wanted.disabled and active then
    chain = lead(context, one, endpoint, "idle")
  elseif active and needs_restart(wanted) then
    chain = operations.chain(context.state, context.now, one, { { "apply_config", endpoint } })
  end
  if wanted.disabled ~= nil then endpoint.disabled = wanted.disabled or nil end
  return answer(context, one, endpoint, chain)
end

local function delete(context)
  local one, endpoint = endpoints.find(context.state, context.params.endpoint)
  if not one or one.project_id ~= context.project.id then return nil, { status = 204 } end
  operations.refuse_while_running(context)
  if one.protected then refuse(422, "cannot delete an endpoint of a protected branch") end
  local chain = lead(context, one, endpoint, "idle")
  local shown = answer(context, one, endpoint, chain)
  branch.account(context.state, one, endpoint, context.now)
  local _, index = data.find(one.endpoints, "id", endpoint.id)
  table.remove(one.endpoints, index)
  one.leaving = data.filter(one.leaving or {}, function(old)
    return not operations.settled(context.state, old.operation, context.now)
  end)
  table.insert(one.leaving, { id = endpoint.id, number = endpoint.number, operation = chain[1].id })
  return shown
end

local function start(context)
  local one, endpoint = one_of(context)
  operations.refuse_while_running(context)
  if endpoint.disabled then refuse(422, "endpoint is disabled") end
  local active = endpoints.status(context.state, endpoint, context.now) == "active"
  return answer(context, one, endpoint, active and {} or lead(context, one, endpoint, "active"))
end

local function suspend(context)
  local one, endpoint = one_of(context)
  operations.refuse_while_running(context)
  local idle = endpoints.status(context.state, endpoint, context.now) == "idle"
  return answer(context, one, endpoint, idle and {} or lead(context, one, endpoint, "idle"))
end

local function restart(context)
  local one, endpoint = one_of(context)
  operations.refuse_while_running(context)
  if endpoint.disabled then refuse(422, "endpoint is disabled") end
  local state, now = context.state, context.now
  local chain = operations.chain(state, now, one, { { "suspend_compute", endpoint }, { "start_compute", endpoint } })
  endpoints.lead(state, endpoint, now, "idle", chain[1])
  endpoints.lead(state, endpoint, now, "active", chain[2])
  return answer(context, one, endpoint, chain)
end

local ONE = "/projects/{project}/endpoints/{endpoint}"

computes.routes = {
  { "GET", "/projects/{project}/endpoints", list },
  { "POST", "/projects/{project}/endpoints", create },
  { "GET", "/projects/{project}/branches/{branch}/endpoints", of_branch },
  { "GET", ONE, get },
  { "PATCH", ONE, patch },
  { "DELETE", ONE, delete },
  { "POST", ONE .. "/start", start },
  { "POST", ONE .. "/suspend", suspend },
  { "POST", ONE .. "/restart", restart },
}

return computes
