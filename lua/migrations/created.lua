---What the statements so far have made: nobody uses it yet, so that whatever they do with it breaks nobody. Pure.
local Created = {}
Created.__index = Created

---@class migrations.Created
---@field path string  the schema of names without one
function Created.new() return setmetatable({ things = {}, locked = {}, path = "public", paths = 0 }, Created) end

-- A view is no table: what is done to its rows is done to another's. Routines are not kept at all, for a name says too
-- little of them: there may be others with other arguments.
local spaces = { domain = "type" }
local unknown = { ["function"] = true, procedure = true, aggregate = true, routine = true }

local function key_of(kind, name) return (spaces[kind] or kind) .. " " .. name.key end

function Created:add(kind, name) if name and not unknown[kind] then self.things[key_of(kind, name)] = true end end

function Created:has(kind, name) return name ~= nil and self.things[key_of(kind, name)] == true end

function Created:remove(kind, name) self.things[key_of(kind, name)] = nil end

---What was made under one name has another now.
---@param schema? string  where it went, if not to where it was
function Created:rename(kind, name, last, schema)
  self:remove(kind, name)
  self:add(kind, { key = (schema or name.key:match "^(.*)\0") .. "\0" .. last })
end

---A name without a schema means something else from now on, and nobody knows what.
function Created:lose_path()
  self.paths = self.paths + 1
  self.path = "\1" .. self.paths
end

---A table that stays locked until the transaction ends, so that what is slow on it comes after that.
function Created:lock(name) self.locked[name.key] = true end

function Created:is_locked(name) return self.locked[name.key] == true end

function Created:next_transaction() self.locked = {} end

---A transaction ended in the middle: what was made may be gone, or seen by others.
function Created:forget() self.things = {} end

return Created
