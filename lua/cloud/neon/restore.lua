---Restoring a branch from a point of its own past or of another branch; resetting it is restoring it from its
---parent's head. The branch keeps its id, hosts and passwords, and gets another timeline.
---
---Assumed: the actions of its operations and their order, the statuses of refusals, that a branch whose source
---is another one is that one's child afterwards, and that only a reset of a protected branch is refused.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local catalog = require "cloud.neon.catalog"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local former = require "cloud.neon.former"
local operations = require "cloud.neon.operations"
local timelines = require "cloud.neon.timelines"

local restore = {}

local refuse = body.refuse

-- A branch may become the child of whom it restores from, unless that one comes from itself.
local function descends_from(state, one, ancestor)
  while one do
    if one == ancestor then return true end
    one = data.find(state.neon.branches, "id", one.parent_id)
  end
  return false
end

local function check(context, one, source, at, name)
  if one == source and not at then
    refuse(422, "source_lsn or source_timestamp is required when a branch is restored from itself")
  end
  if one.protected and source.id == one.parent_id and not at then refuse(422, "cannot reset a protected branch") end
  local needs_name = one == source or #branch.children(context.state, one) > 0
  if needs_name and not name then
    refuse(422, "preserve_under_name is required: the branch has children or is restored from itself")
  end
  if source ~= one and source.expires then refuse(422, "a branch that expires cannot have children") end
  if not name then return end
  branch.check_name(context, name)
  branch.check_limit(context)
end

-- The state until now under another name. Children move to it, with what they have in common with the past.
local function preserve(context, one, name)
  local state, now = context.state, context.now
  local backup = branch.new(state, { project_id = one.project_id, name = name, parent_id = one.parent_id,
    timeline = one.timeline, init_source = one.init_source, roles = data.plain(one.roles),
    databases = data.plain(one.databases) }, now)
  for _, child in ipairs(branch.children(state, one)) do
    if child ~= backup then child.parent_id = backup.id end
  end
  return backup
end

-- Computes that run are suspended, and run again on the other timeline.
local function steps_of(state, one, now)
  local before, after = {}, {}
  for _, endpoint in ipairs(one.endpoints) do
    if endpoints.status(state, endpoint, now) == "active" then
      before[#before + 1] = { "suspend_compute", endpoint }
      after[#after + 1] = { "start_compute", endpoint }
    end
  end
  before[#before + 1] = { "create_timeline" }
  return table.move(after, 1, #after, #before + 1, before)
end

local function carry_out(context, one, source, at, name)
  local state, now = context.state, context.now
  local roles, databases = timelines.catalog(state, source, at)
  local origin, was_parent = source.timeline, one.parent_id
  local backup = name and preserve(context, one, name)
  local before = former.of(one, backup)
  local timeline = timelines.new(state, now, { parent = origin, at = at })
  one.timeline, one.init_source = timeline.id, "parent-data"
  one.parent_id = one == source and backup.id or source.id
  if source ~= one and descends_from(state, source, one) then one.parent_id = was_parent end
  catalog.inherit(state, one, roles, databases, source.protected or false, now)
  timelines.note(state, one, now)
  one.updated, one.last_reset = now, now
  if one.ttl then one.expires = math.floor(now + one.ttl) end
  local chain = branch.begin(state, one, "resetting", steps_of(state, one, now), now)
  before.operation, one.former = one.operation, before
  timelines.prune(state, now)
  return chain
end

local function post(context)
  local one = branch.get(context, context.params.branch)
  operations.refuse_while_running(context)
  local given = data.plain(context.body)
  if not data.text(given.source_branch_id) then refuse(400, "source_branch_id is required") end
  local source = branch.get(context, given.source_branch_id, "source branch")
  local at = timelines.point(context, source, given.source_lsn, given.source_timestamp)
  local name = data.text(given.preserve_under_name)
  check(context, one, source, at, name)
  local chain = carry_out(context, one, source, at, name)
  return { branch = branch.show(context, one), operations = operations.show_all(context, chain) }
end

restore.routes = { { "POST", "/projects/{project}/branches/{branch}/restore", post } }

return restore
