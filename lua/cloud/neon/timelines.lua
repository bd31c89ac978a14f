---Timelines: the data of branches. A branch names one; creating, restoring and resetting a branch make another
---that begins at a point of its parent.
---
---Invariants: 1. A timeline's parent stands before it in the list.
---            2. A timeline that a branch of the state names, or that such a one descends from, is kept.
---Assumed: the statuses and words for points that are not in the history.
local body = require "cloud.neon.body"
local clock = require "cloud.clock"
local data = require "cloud.data"
local history = require "cloud.ledger.history"
local ids = require "cloud.ids"
local operations = require "cloud.neon.operations"

local timelines = {}

local refuse = body.refuse

---@class neon.Timeline
---@field id string
---@field parent? string
---@field at? { lsn?: string, time?: number }  of the parent; nil: its head when this one was created
---@field created number
---@field schema_only? boolean   it has the parent's schema, and no longer needs the parent once it is there
---@field start integer          the position at which it left its parent, for the ledger
---@field lsn? string            the same as the follower reported it
---@field catalog table[]        roles and databases as they were: { time, lsn, roles, databases }
---@field operation? string      that makes it

---@return neon.Timeline
function timelines.get(state, id)
  return (data.find(state.neon.timelines, "id", id))
end

---@param now number
---@param o { parent?: string, at?: table, schema_only?: boolean }
---@return neon.Timeline
function timelines.new(state, now, o)
  local start = history.head(state)
  if o.at and o.at.lsn then start = math.min(history.position(o.at.lsn), start) end
  if o.at and o.at.time then start = history.at(state, o.parent, o.at.time) end
  local timeline = { id = "tl-davit-" .. ids.hex(state, "timeline", 16), parent = o.parent, at = o.at,
    created = now, schema_only = o.schema_only, start = start, catalog = {} }
  if o.schema_only then history.copy_schema(state, timeline.id, o.parent, start) end
  table.insert(state.neon.timelines, timeline)
  return timeline
end

-- ---- points in the past ------------------------------------------------------------------

-- A follower's positions are its own: only who has the data can tell whether one is there.
local function check_lsn(state, id, text, since)
  local position = type(text) == "string" and history.position(text)
  if not position then refuse(400, "an LSN is two hexadecimal numbers, such as 0/1DE2850") end
  if state.neon.follow then return end
  if position > history.head(state) then refuse(422, "the LSN is ahead of the branch") end
  if position < 0 or position < history.at(state, id, since) then
    refuse(422, "the LSN is outside of the history window of the project")
  end
end

local function check_time(text, since, now)
  local time = type(text) == "string" and clock.parse(text)
  if not time then refuse(400, "the timestamp must be a time of RFC 3339 with its zone") end
  if time > now then refuse(422, "the timestamp is in the future") end
  if time < since then refuse(422, "the timestamp is outside of the history window of the project") end
  return time
end

---The point of a branch's past that a request means.
---@param context table
---@param branch table
---@param lsn any        as it stands in the request
---@param timestamp any
---@return table|nil at  { lsn } or { time }; nil: its head
function timelines.point(context, branch, lsn, timestamp)
  local project = context.project
  local since = math.max(context.now - project.history, project.created)
  if lsn ~= nil and timestamp ~= nil then refuse(400, "an LSN and a timestamp cannot be specified together") end
  if lsn ~= nil then
    check_lsn(context.state, branch.timeline, lsn, since)
    return { lsn = lsn }
  end
  return timestamp ~= nil and { time = check_time(timestamp, since, context.now) } or nil
end

-- ---- roles and databases in the past -----------------------------------------------------

---Notes what roles and databases a branch has now.
function timelines.note(state, branch, now)
  local catalog = timelines.get(state, branch.timeline).catalog
  catalog[#catalog + 1] = { time = now, lsn = history.head(state), roles = data.plain(branch.roles),
    databases = data.plain(branch.databases) }
end

local function reached(noted, at)
  if at.time then return noted.time <= at.time end
  return noted.lsn <= at.position
end

---The roles and databases of a branch at a point of its past.
---@param branch table
---@param at? table  of timelines.point
---@return table[] roles, table[] databases
function timelines.catalog(state, branch, at)
  if not at or state.neon.follow and at.lsn then return data.plain(branch.roles), data.plain(branch.databases) end
  local point = { time = at.time, position = at.lsn and history.position(at.lsn) }
  local timeline = timelines.get(state, branch.timeline)
  while timeline do
    for i = #timeline.catalog, 1, -1 do
      local noted = timeline.catalog[i]
      if reached(noted, point) then return data.plain(noted.roles), data.plain(noted.databases) end
    end
    point = { time = point.time and math.min(point.time, timeline.at and timeline.at.time or timeline.created),
      position = point.position and math.min(point.position, timeline.start) }
    timeline = timelines.get(state, timeline.parent)
  end
  return data.plain(branch.roles), data.plain(branch.databases)
end

-- ---- what is kept ------------------------------------------------------------------------

-- A schema that was copied needs what it was copied from no longer.
local function needs_parent(state, timeline, now)
  return timeline.parent and not (timeline.schema_only and operations.settled(state, timeline.operation, now))
end

---Which timelines are wanted: by a branch, as that which it gets or as that which it had until it is restored, or by
---one that is.
---@return table<string, boolean>
function timelines.wanted(state, now)
  local wanted, list = {}, state.neon.timelines
  for _, branch in ipairs(state.neon.branches) do
    wanted[branch.timeline] = true
    if branch.former then wanted[branch.former.timeline] = true end
  end
  for i = #list, 1, -1 do
    if wanted[list[i].id] and needs_parent(state, list[i], now) then wanted[list[i].parent] = true end
  end
  return wanted
end

---Removes what is not wanted any more.
function timelines.prune(state, now)
  local wanted, kept = timelines.wanted(state, now), {}
  for _, timeline in ipairs(state.neon.timelines) do
    if wanted[timeline.id] then kept[#kept + 1] = timeline else history.drop(state, timeline.id) end
  end
  state.neon.timelines = kept
end

---Where a branch's data begins on its parent, as the API shows it. A follower's positions are its own: until it
---reports one there is none.
---@return string|nil lsn, number|nil time
function timelines.origin(state, branch)
  local timeline = timelines.get(state, branch.timeline)
  if not timeline then return nil, nil end
  local at = timeline.at
  local lsn = timeline.lsn or at and at.lsn or not state.neon.follow and history.lsn(timeline.start) or nil
  return lsn, at and at.time or not at and timeline.created or nil
end

return timelines
