---What a branch was before it is restored, until that has come to an end: its old timeline is kept meanwhile, and
---is its timeline again when the new one cannot be made.
---
---Assumed: that a restore which fails leaves no trace, the branch that was to preserve the past included.
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local history = require "cloud.ledger.history"
local operations = require "cloud.neon.operations"

local former = {}

local KEPT = { "timeline", "parent_id", "init_source", "roles", "databases", "last_reset", "expires" }

---@class neon.Former
---@field timeline string
---@field operation string  that makes the new timeline
---@field backup? string    id of the branch that preserves the past

---@param one neon.Branch
---@param backup? neon.Branch
---@return neon.Former  without its operation
function former.of(one, backup)
  local before = { backup = backup and backup.id }
  for _, field in ipairs(KEPT) do before[field] = one[field] end
  return before
end

-- The children that moved to the branch that was to preserve the past come back.
local function drop_backup(state, one, id)
  for _, child in ipairs(state.neon.branches) do
    if child.parent_id == id then child.parent_id = one.id end
  end
  local _, index = data.find(state.neon.branches, "id", id)
  if index then table.remove(state.neon.branches, index) end
end

local function put_back(state, one, before, ended)
  if before.backup then drop_backup(state, one, before.backup) end
  for _, field in ipairs(KEPT) do one[field] = before[field] end
  one.operation, one.since = nil, ended
  for _, endpoint in ipairs(one.endpoints) do endpoints.stay(state, endpoint, ended) end
end

-- Without another branch that has the old data, what was written to that stays with this one.
local function let_go(state, one, before)
  if not before.backup then one.wrote = (one.wrote or 0) + history.written(state, before.timeline) end
end

---Ends what has been waiting for the end of a restore.
---@param state table
---@param now number
---@return boolean changed  whether a timeline may have lost who named it
function former.settle(state, now)
  local changed = false
  for _, one in ipairs(data.filter(state.neon.branches, function(one) return one.former ~= nil end)) do
    local before = one.former
    local outcome, ended = operations.outcome(state, before.operation, now)
    if outcome ~= "pending" then
      changed, one.former = true, nil
      if outcome == "bad" then put_back(state, one, before, ended) else let_go(state, one, before) end
    end
  end
  return changed
end

return former
