---A branch: how it begins and ends, and what the API shows of it.
---
---A deleted one stays in the state until its operations are done, and as long as it may be recovered.
---Assumed: that a deletion which may be taken back hides the timeline (timeline_mark_invisible).
local body = require "cloud.neon.body"
local catalog = require "cloud.neon.catalog"
local clock = require "cloud.clock"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local former = require "cloud.neon.former"
local history = require "cloud.ledger.history"
local ids = require "cloud.ids"
local operations = require "cloud.neon.operations"
local timelines = require "cloud.neon.timelines"

local branch = {}

local refuse = body.refuse

---@class neon.Branch
---@field id string
---@field project_id string
---@field name string
---@field parent_id? string
---@field timeline string
---@field default? boolean
---@field protected? boolean
---@field roles table[]       key, name, password
---@field databases table[]   id, key, name, owner
---@field endpoints neon.Endpoint[]
---@field leaving? table[]    computes that are being deleted: number, operation
---@field created number
---@field operation? string   until it is done, the branch is `before`, not ready
---@field before? "init"|"resetting"
---@field former? neon.Former  while it is being restored
---@field wrote? integer      bytes, to data that restores have taken the place of
---@field expires? number
---@field ttl? integer        seconds that it was given to live
---@field deleted? number
---@field deletion? string    operation
---@field recoverable? number until when

-- ---- looking -----------------------------------------------------------------------------

---@return neon.Branch[]  the living ones of a project
function branch.living(state, project)
  return data.filter(state.neon.branches, function(one) return one.project_id == project.id and not one.deleted end)
end

---The living branch of this id; refuses when there is none.
---@param what? string  for the refusal
---@return neon.Branch
function branch.get(context, id, what)
  local found = data.find(context.neon.branches, "id", id)
  if found and not found.deleted and found.project_id == context.project.id then return found end
  refuse(404, (what or "branch") .. " not found")
end

---@return neon.Branch
function branch.default(context)
  for _, one in ipairs(branch.living(context.state, context.project)) do
    if one.default then return one end
  end
end

---@return neon.Branch[]
function branch.children(state, parent)
  return data.filter(state.neon.branches, function(one) return one.parent_id == parent.id and not one.deleted end)
end

---Refuses a name that another living branch of the project has.
function branch.check_name(context, name, self)
  body.name(name, "name", 256)
  for _, other in ipairs(branch.living(context.state, context.project)) do
    if other ~= self and other.name == name then
      refuse(409, ("branch already exists; branch_name:%q"):format(name))
    end
  end
end

function branch.check_limit(context)
  body.limit("branches", #branch.living(context.state, context.project), context.state.settings.branches_limit)
end

-- ---- beginning ---------------------------------------------------------------------------

---Clients take three words behind br- for an id, and anything else for a name.
---@param fields table  project_id, name, timeline and what else there is
---@return neon.Branch
function branch.new(state, fields, now)
  fields.id = "br-local-davit-" .. ids.hex(state, "branch", 8)
  fields.created, fields.updated, fields.since = now, now, now
  fields.roles, fields.databases = fields.roles or {}, fields.databases or {}
  fields.endpoints, fields.ran = {}, { active = 0, compute = 0 }
  table.insert(state.neon.branches, fields)
  return fields
end

---Adds the computes that a request wants, and the steps that start them.
---@param wanted table[]
---@param steps table[]  of operations.chain
function branch.add_computes(state, one, wanted, steps, now)
  for _, given in ipairs(wanted) do
    local endpoint = endpoints.create(state, one, given, now)
    steps[#steps + 1] = { "start_compute", endpoint }
  end
end

---Starts a chain for a branch, which is not ready before its end.
---@param before "init"|"resetting"
---@return neon.Operation[]
function branch.begin(state, one, before, steps, now)
  local chain = operations.chain(state, now, one, steps)
  one.operation, one.before, one.since = chain[1].id, before, now
  for i, step in ipairs(steps) do
    local endpoint, action = step[2], step[1]
    if action == "create_timeline" or action == "create_branch" then one.operation = chain[i].id end
    if endpoint then
      endpoints.lead(state, endpoint, now, action == "suspend_compute" and "idle" or "active", chain[i])
      if before == "init" then endpoint.before, endpoint.boots = "init", 0 end
    end
  end
  timelines.get(state, one.timeline).operation = one.operation
  return chain
end

-- ---- ending ------------------------------------------------------------------------------

---@param now number
---@param how { method: "user"|"ttl", recoverable?: number }  seconds
---@return neon.Operation[]
function branch.remove(state, one, now, how)
  local steps = {}
  for _, endpoint in ipairs(one.endpoints) do steps[#steps + 1] = { "suspend_compute", endpoint } end
  local seconds = how.recoverable or 0
  steps[#steps + 1] = { seconds > 0 and "timeline_mark_invisible" or "delete_timeline" }
  local chain = operations.chain(state, now, one, steps)
  for i, endpoint in ipairs(one.endpoints) do endpoints.lead(state, endpoint, now, "idle", chain[i]) end
  one.deleted, one.deletion, one.method = now, chain[#chain].id, how.method
  one.recoverable = seconds > 0 and now + seconds or nil
  return chain
end

-- What a compute that is no more has used stays with its branch, and of that with its project.
local function add_use(to, active, compute)
  to.active, to.compute = to.active + active, to.compute + compute
end

---Takes the books of a compute into its branch's.
function branch.account(state, one, endpoint, now)
  local seconds = endpoints.active_seconds(state, endpoint, now)
  add_use(one.ran, seconds, seconds * endpoint.min_cu)
end

---@return { active: number, compute: number }  seconds, of all its computes that are and were
function branch.used(state, one, now)
  local sum = { active = one.ran.active, compute = one.ran.compute }
  for _, endpoint in ipairs(one.endpoints) do
    local seconds = endpoints.active_seconds(state, endpoint, now)
    add_use(sum, seconds, seconds * endpoint.min_cu)
  end
  return sum
end

---@return integer bytes  that were written to it: to its data, and to data that a restore has taken the place of
function branch.written(state, one)
  local sum = (one.wrote or 0) + history.written(state, one.timeline)
  if one.former and not one.former.backup then sum = sum + history.written(state, one.former.timeline) end
  return sum
end

local function forget(state, one, now)
  local project = data.find(state.neon.projects, "id", one.project_id)
  local used = branch.used(state, one, now)
  add_use(project.ran, used.active, used.compute)
  project.written = project.written + branch.written(state, one)
end

-- Whether a deleted branch is to go now. One whose time to be recovered is over is deleted for good first.
local function is_gone(state, one, now)
  if not one.deleted or not operations.settled(state, one.deletion, now) then return false end
  if not one.recoverable then return true end
  if now < one.recoverable then return false end
  one.deletion = operations.start(state, one.recoverable, "delete_timeline", one).id
  one.recoverable = nil
  return operations.settled(state, one.deletion, now)
end

---What time alone changes: a restore comes to its end; branches that outlive their expires_at are deleted, as of
---that time; what is gone for good leaves the state.
function branch.sweep(state, now)
  local restored = former.settle(state, now)
  local kept, list = {}, state.neon.branches
  for _, one in ipairs(list) do
    if one.expires and one.expires <= now and not one.deleted then
      branch.remove(state, one, one.expires, { method = "ttl", recoverable = state.settings.recovery_seconds })
    end
    if is_gone(state, one, now) then forget(state, one, now) else kept[#kept + 1] = one end
  end
  if #kept == #list and not restored then return end
  state.neon.branches = kept
  timelines.prune(state, now)
end

-- ---- what the API shows ------------------------------------------------------------------

local function time(seconds) return seconds and clock.iso(seconds) or nil end

local function recovery(one)
  if not one.deleted then return nil end
  return { deleted_at = clock.iso(one.deleted), recoverable_until = clock.iso(one.recoverable or one.deleted),
    deletion_method = one.method }
end

-- Where its data comes from is known for certain when it is there.
local function add_origin(shown, state, one, ready)
  if not one.parent_id or one.before == "resetting" and not ready then return end
  local lsn, at = timelines.origin(state, one)
  shown.parent_lsn, shown.parent_timestamp = lsn, time(at)
end

---@param context table
---@param one neon.Branch
---@return table
function branch.show(context, one)
  local state, now = context.state, context.now
  local ready = operations.arrived(state, one, now)
  local used = branch.used(state, one, now)
  local shown = {
    id = one.id, project_id = one.project_id, name = one.name, parent_id = one.parent_id,
    current_state = ready and "ready" or one.before, pending_state = not ready and "ready" or nil,
    state_changed_at = clock.iso(one.since), creation_source = "console",
    created_by = { name = state.neon.user.name, image = "" },
    default = one.default or false, primary = one.default or false, protected = one.protected or false,
    init_source = one.init_source or "parent-data", logical_size = history.size(state, one.timeline),
    cpu_used_sec = math.floor(used.compute), compute_time_seconds = math.floor(used.compute),
    active_time_seconds = math.floor(used.active), written_data_bytes = branch.written(state, one),
    data_transfer_bytes = 0, created_at = clock.iso(one.created), updated_at = clock.iso(one.updated),
    expires_at = time(one.expires), ttl_interval_seconds = one.expires and one.ttl or nil,
    last_reset_at = time(one.last_reset), recovery = recovery(one),
  }
  add_origin(shown, state, one, ready)
  return shown
end

---@return table
function branch.annotation(one)
  local noted = one.annotation and clock.iso(one.created) or nil
  return { object = { type = "console/branch", id = one.id }, value = data.plain(one.annotation or {}),
    created_at = noted, updated_at = noted }
end

---What is answered where a branch was made: all that it came with, passwords too.
---@param chain neon.Operation[]
---@param with_passwords boolean
function branch.show_whole(context, one, chain, with_passwords)
  return {
    branch = branch.show(context, one), annotation = branch.annotation(one),
    endpoints = endpoints.show_all(context, one), roles = catalog.show_roles(one, with_passwords),
    databases = catalog.show_databases(one), operations = operations.show_all(context, chain),
  }
end

return branch
