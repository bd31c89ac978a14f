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

local function branch_of(state, one, pending, now)
  local project = data.find(state.neon.projects, "id", one.project_id)
  return { id = one.id, name = one.name, parent_id = one.parent_id, timeline = one.timeline,
    former = one.former and one.former.timeline, project_id = one.project_id, history_seconds = project.history,
    address = endpoints.address(state, one),
    roles = data.plain(one.roles), databases = data.plain(one.databases), deleted = one.deleted ~= nil,
    failed = operations.is_lost(state, one.operation, now), operations = pending[one.id] or {} }
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
    told.branches[i] = branch_of(state, one, pending, now)
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
  for i, one in ipairs(state.neon.branches) do list[i] = branch_of(state, one, pending, now) end
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
---@field used? number          when the endpoint was used last
---@field timeline? string
---@field made? boolean         that it is there, although the operation that was to make it has failed; with its lsn
---@field size? integer         bytes
---@field written? integer      bytes, all in all

local function take_figures(state, event)
  local timeline = timelines.get(state, event.timeline)
  if not timeline then return false end
  timeline.size, timeline.written = event.size or timeline.size, event.written or timeline.written
  return true
end

-- Its branch is ready then.
local function take_late(state, event, now)
  local one = data.find(state.neon.branches, "timeline", event.timeline)
  if not one or not operations.is_lost(state, one.operation, now) then return false end
  one.operation, one.since = nil, now
  timelines.get(state, event.timeline).lsn = event.lsn
  return true
end

---Takes a report: the end of an operation, where its timeline begins; that a compute woke or was suspended; how
---many bytes a timeline holds, and were written to it; that one is there after all.
---@param state table
---@param event neon.Event
---@param now number
---@return boolean known
function follow.event(state, event, now)
  if event.endpoint then return endpoints.event(state, event, now) end
  if event.made then return take_late(state, event, now) end
  if event.timeline then return take_figures(state, event) end
  local known = operations.event(state, event, now)
  if known and event.lsn then note_origin(state, event) end
  return known
end

return follow
