---Computes of a branch, which Neon calls endpoints: one that takes writes, one of ours that only reads; suspended.
local api = require "neon.api"
local branch = require "neon.branch"
local core = require "core"
local guard = require "neon.guard"
local json = require "json"
local operations = require "neon.operations"
local options = require "options"
local url = require "url"

local compute = {}

-- A branch may have several that only read. Ours is told by its name, as computes have no annotation.
local OUR_NAME = "davit"

local fields = { { "branch", "any", true }, { "type", "string" }, { "suspend_seconds", "integer" },
  { "min_cu", "number" }, { "max_cu", "number" } }

---@class neon.Endpoint
---@field id string
---@field branch_id string
---@field name string          for people
---@field type "read_write"|"read_only"
---@field host string
---@field state string         init, active or idle
---@field pending? string      what it is about to be
---@field disabled boolean
---@field suspend_seconds integer  0: the project's, -1: never
---@field min_cu number
---@field max_cu number
---@field created_at string
---@field operations? string[]

local function thing_of(found)
  local pending = found.pending_state
  return { id = found.id, branch_id = found.branch_id, name = "compute " .. found.id, type = found.type,
    host = found.host, state = found.current_state, pending = pending ~= json.null and pending or nil,
    disabled = found.disabled == true, suspend_seconds = math.tointeger(found.suspend_timeout_seconds) or 0,
    min_cu = found.autoscaling_limit_min_cu, max_cu = found.autoscaling_limit_max_cu, created_at = found.created_at }
end

-- ---- looking -----------------------------------------------------------------------------

local function list(project, id)
  local reply = api.call(project, { path = ("/branches/%s/endpoints"):format(url.encode(id)), absent = true,
    what = "list the computes of the branch " .. id })
  return reply and reply.endpoints or {}
end

local function find(project, o)
  for _, found in ipairs(list(project, o.branch)) do
    if found.type == o.type and (o.type == "read_write" or found.name == OUR_NAME) then return thing_of(found) end
  end
end

-- ---- changing ----------------------------------------------------------------------------

-- A compute has no marker; its branch has.
local function check_owner(project, o)
  if not project.environment:is_production() then guard.branch(project, o.branch) end
end

local function wanted(o)
  return { suspend_timeout_seconds = o.suspend_seconds, autoscaling_limit_min_cu = o.min_cu,
    autoscaling_limit_max_cu = o.max_cu }
end

local function create(project, o)
  check_owner(project, o)
  local endpoint = wanted(o)
  endpoint.branch_id, endpoint.type = o.branch, o.type
  endpoint.name = o.type == "read_only" and OUR_NAME or nil
  local reply = api.call(project, { path = "/endpoints", method = "POST", json = { endpoint = endpoint },
    what = ("create a %s compute of the branch %s"):format(o.type, o.branch) })
  local thing = thing_of(reply.endpoint)
  thing.operations = operations.ids(reply)
  return thing
end

local function update(project, thing, o)
  local same = true
  for _, field in ipairs { "suspend_seconds", "min_cu", "max_cu" } do
    same = same and (o[field] == nil or o[field] == thing[field])
  end
  if same then return thing end
  check_owner(project, o)
  local reply = api.call(project, { path = "/endpoints/" .. url.encode(thing.id), method = "PATCH",
    what = "change the " .. thing.name, json = { endpoint = wanted(o) } })
  local changed = thing_of(reply.endpoint)
  changed.operations = operations.ids(reply)
  return changed
end

local function refuse(owner, reason, hint)
  failure { code = "not-ours", about = owner.name, hint = hint,
    message = ("Neon: the branch %s is %s, so its compute stays"):format(owner.name, reason) }
end

-- Without the compute that takes writes nobody reaches a branch, and the branch's marker says whose it is. Neon deletes
-- none of a protected branch.
local function destroy(project, thing, o)
  local owner = guard.branch(project, o.branch)
  if owner.protected then refuse(owner, "protected", "nothing was changed; take its protection away first") end
  if o.type == "read_write" and (owner.default or not owner.marker) then
    refuse(owner, "not one of ours", "nothing was changed")
  end
  api.call(project, { path = "/endpoints/" .. url.encode(thing.id), method = "DELETE", absent = true,
    what = "delete the " .. thing.name })
end

-- ---- the resource ------------------------------------------------------------------------

local function read(o)
  options.read("neon.endpoint", o, fields)
  local kind = o.type or "read_write"
  if kind ~= "read_write" and kind ~= "read_only" then
    options.misuse("neon.endpoint: 'type' must be 'read_write' or 'read_only', not '%s'", kind)
  end
  if o.min_cu and o.max_cu and o.min_cu > o.max_cu then
    options.misuse("neon.endpoint: 'min_cu' must not be above 'max_cu'")
  end
  return { branch = branch.id_of("neon.endpoint", o.branch), type = kind, suspend_seconds = o.suspend_seconds,
    min_cu = o.min_cu, max_cu = o.max_cu }
end

---@return table resource
function compute.resource(project, given)
  local o = read(given)
  return {
    ("Database compute %s of %s"):format(o.type, o.branch),
    find = function() return find(project, o) end,
    create = function() return create(project, o) end,
    update = function(thing) return update(project, thing, o) end,
    destroy = function(thing)
      thing = thing or find(project, o)
      if thing then destroy(project, thing, o) end
    end,
  }
end

-- ---- suspending --------------------------------------------------------------------------

-- Suspending what is suspended changes nothing, so that it may be asked for twice.
local function suspend(project, found)
  local reply = api.call(project, { path = ("/endpoints/%s/suspend"):format(url.encode(found.id)), method = "POST",
    safe = true, what = "suspend the compute " .. found.id })
  return operations.ids(reply)
end

---Suspends what runs of a branch, and waits until it rests. Whoever is connected is not any more.
---@param id string
---@return string[] ids  of those that were suspended
function compute.suspend(project, id)
  local thing = guard.branch(project, id)
  local stop, ids = core.monotonic() + operations.BUDGET, {}
  for _, found in ipairs(list(project, id)) do
    local one = thing_of(found)
    if not one.disabled and (one.state ~= "idle" or one.pending) then
      operations.wait(project, thing.name, suspend(project, found), stop)
      ids[#ids + 1] = one.id
    end
  end
  return ids
end

return compute
