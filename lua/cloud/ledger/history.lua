---What was committed on which timeline, in which order and when: the log that branches are made of.
---
---A position is a number that grows with every commit of the world; a timeline holds what its parent held
---at the position where it began, and its own entries. Pure.
local data = require "cloud.data"

local history = {}

local FIRST_LSN = 0x1DE2850   -- where the log of the first branch begins; assumed
local STEP = 8

---@class ledger.Books
---@field entries table<string, table[]>  by timeline: each with lsn (its position), at (time), db
---@field written table<string, integer>  bytes of statements, by timeline
---@field sessions table<integer, table>
---@field opened integer

---@return ledger.Books
function history.books(state)
  state.ledger = state.ledger or { entries = {}, written = {}, sessions = {}, opened = 0 }
  return state.ledger
end

---@return integer  the position of the newest commit
function history.head(state) return state.neon.lsn or 0 end

---@param position integer
---@return string  such as 0/1DE2850
function history.lsn(position)
  local bytes = FIRST_LSN + STEP * position
  return ("%X/%X"):format(bytes >> 32, bytes & 0xFFFFFFFF)
end

---@param text string
---@return integer|nil position  nil when it is no LSN; what is before the first one is negative
function history.position(text)
  local high, low = text:match "^(%x+)/(%x+)$"
  if not high or #high > 8 or #low > 8 then return nil end
  return ((tonumber(high, 16) << 32 | tonumber(low, 16)) - FIRST_LSN) // STEP
end

local function own(state, timeline)
  return history.books(state).entries[timeline.id] or {}
end

-- The timeline and those that it descends from, each with the position up to which it counts.
local function ancestry(state, id, upto)
  local chain = {}
  local timeline = data.find(state.neon.timelines, "id", id)
  while timeline do
    chain[#chain + 1] = { timeline = timeline, upto = upto }
    upto = math.min(upto, timeline.start)
    timeline = not timeline.schema_only and timeline.parent and data.find(state.neon.timelines, "id", timeline.parent)
  end
  return chain
end

---Everything that a timeline holds, oldest first.
---@param id string      of the timeline
---@param upto? integer  position; without it its head
---@param db? integer    key of a database; without it all
---@return table[] entries
function history.entries(state, id, upto, db)
  local list = {}
  local chain = ancestry(state, id, upto or math.maxinteger)
  for i = #chain, 1, -1 do
    for _, entry in ipairs(own(state, chain[i].timeline)) do
      if entry.lsn <= chain[i].upto and (not db or entry.db == db) then list[#list + 1] = entry end
    end
  end
  return list
end

---The entries that a timeline has beside those of its parent.
---@return table[]
function history.own(state, id) return history.books(state).entries[id] or {} end

---@param time number
---@return integer position  of the last commit at or before the time, on a timeline and what it descends from
function history.at(state, id, time)
  local position = 0
  for _, entry in ipairs(history.entries(state, id)) do
    if entry.at <= time and entry.lsn > position then position = entry.lsn end
  end
  return position
end

---Adds what a transaction did.
---@param id string        of the timeline
---@param entries table[]
---@param now number
function history.commit(state, id, entries, now)
  local books = history.books(state)
  local log = books.entries[id] or {}
  books.entries[id] = log
  for _, entry in ipairs(entries) do
    state.neon.lsn = (state.neon.lsn or 0) + 1
    entry.lsn, entry.at = state.neon.lsn, now
    log[#log + 1] = entry
    books.written[id] = (books.written[id] or 0) + #(entry.text or "")
  end
end

local is_schema = { create = true, drop = true }

---Gives a timeline of its own what another one's schema is: no rows, and nothing that it follows.
---@param id string        of the new timeline
---@param from string      of the other one
---@param upto integer
function history.copy_schema(state, id, from, upto)
  local copy = {}
  for _, entry in ipairs(history.entries(state, from, upto)) do
    if is_schema[entry.verb] then copy[#copy + 1] = entry end
  end
  history.books(state).entries[id] = copy
end

---@return integer bytes  that were written to a timeline itself: those of its statements, or what a follower reported
function history.written(state, id)
  local timeline = data.find(state.neon.timelines, "id", id)
  return timeline and timeline.written or history.books(state).written[id] or 0
end

---@return integer bytes  that a timeline holds: all its statements, or what a follower reported
function history.size(state, id)
  local timeline = data.find(state.neon.timelines, "id", id)
  if timeline and timeline.size then return timeline.size end
  local sum = 0
  for _, entry in ipairs(history.entries(state, id)) do sum = sum + #(entry.text or "") end
  return sum
end

---Forgets a timeline that nothing descends from.
function history.drop(state, id)
  local books = history.books(state)
  books.entries[id], books.written[id] = nil, nil
end

return history
