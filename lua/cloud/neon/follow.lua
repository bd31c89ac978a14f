---What whoever keeps the real databases is told, and what it reports back.
---
---Timelines are the data: each shall be there as long as a branch has it, or one that is still to be made of it.
---Endpoints are the computes on them. A branch's operations end when their ends are reported.
local branch = require "cloud.neon.branch"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local operations = require "cloud.neon.operations"
local timelines = require "cloud.neon.timelines"

local follow = {}

local function timeline_of(timeline)
  return { id = timeline.id, parent = timeline.parent, at = timeline.at and data.plain(timeline.at),
    created = timeline.created, schema_only = timeline.schema_only }
end

local function branch_of(state, one, pending)
  local project = data.find(state.neon.projects, "id", one.project_id)
  return { id = one.id, name = one.name, parent_id = one.parent_id, timeline = one.timeline,
    former = one.former and one.former.timeline, project_id = one.project_id, history_seconds = project.history,
    address = endpoints.address(state, one),
    roles = data.plain(one.roles), databases = data.plain(one.databases), deleted = one.deleted ~= nil,
    operations = pending[one.id] or {} }
end

local function endpoint_of(state, one, endpoint)
  local suspend = endpoint.suspend == 0 and state.settings.suspend_seconds or endpoint.suspend
  local wanted = (one.deleted or endpoint.disabled) and "idle" or endpoint.goal
  return { id = endpoint.id, branch = one.id, timeline = one.timeline, type = endpoint.type,
    address = endpoints.address(state, endpoint), suspend_seconds = suspend, state = wanted, boots = endpoint.boots,
    disabled = endpoint.disabled or false }
end

---@param state table
---@param now number
---@return table  timelines (parents first), branches, endpoints
function follow.told(state, now)
  branch.sweep(state, now)
  local pending = operations.pending(state, now)
  local told = { timelines = {}, branches = {}, endpoints = {} }
  for i, timeline in ipairs(state.neon.timelines) do told.timelines[i] = timeline_of(timeline) end
  for i, one in ipairs(state.neon.branches) do
    told.branches[i] = branch_of(state, one, pending)
    for _, endpoint in ipairs(one.endpoints) do
      told.endpoints[#told.endpoints + 1] = endpoint_of(state, one, endpoint)
    end
  end
  return told
end

---@param state table
---@param now number
---@return table[]  the branches alone
function follow.branches(state, now)
  branch.sweep(state, now)
  local list, pending = {}, operations.pending(state, now)
  for i, one in ipairs(state.neon.branches) do list[i] = branch_of(state, one, pending) end
  return list
end

-- Where a timeline begins on its parent is known when it was made.
local function note_origin(state, event)
  local operation = data.find(state.neon.operations, "id", event.operation)
  local one = data.find(state.neon.branches, "id", operation.branch_id)
  local timeline = one and one.operation == operation.id and timelines.get(state, one.timeline)
  if timeline then timeline.lsn = event.lsn end
end

---@class neon.Event
---@field operation? string
---@field status? "finished"|"failed"
---@field error? string
---@field retry_at? number      of one that failed and will be tried again; it is listed again then
---@field lsn? string           where the operation's timeline begins on its parent
---@field endpoint? string
---@field state? "active"|"idle"
---@field timeline? string
---@field size? integer         bytes
---@field written? integer      bytes, all in all

---Takes a report: the end of an operation, where its timeline begins; that a compute woke or was suspended; how
---many bytes a timeline holds, and were written to it.
---@param state table
---@param event neon.Event
---@param now number
---@return boolean known
function follow.event(state, event, now)
  if event.endpoint then return endpoints.event(state, event, now) end
  if event.timeline then
    local timeline = timelines.get(state, event.timeline)
    if timeline then timeline.size, timeline.written = event.size, event.written end
    return timeline ~= nil
  end
  local known = operations.event(state, event, now)
  if known and event.lsn then note_origin(state, event) end
  return known
end

return follow
