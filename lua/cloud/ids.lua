---Identifiers that look random and are not: each is hashed from the world's seed and a counter,
---so that the same requests always make the same world.
local sha256 = require "sha256"

local ids = {}

---The next number of a sequence kept in the state.
---@param state table   the world
---@param kind string   the sequence's name
---@return integer
function ids.next(state, kind)
  local n = (state.counters[kind] or 0) + 1
  state.counters[kind] = n
  return n
end

---@param state table
---@param kind string
---@param digits? integer  up to 64 (32)
---@return string  hexadecimal
function ids.hex(state, kind, digits)
  local text = table.concat({ state.seed, kind, ids.next(state, kind) }, "/")
  return sha256(text):sub(1, digits or 32)
end

---@param state table
---@param kind string
---@return string  a version 4 UUID
function ids.uuid(state, kind)
  local hex = ids.hex(state, kind)
  return ("%s-%s-4%s-a%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    hex:sub(18, 20), hex:sub(21, 32))
end

return ids
