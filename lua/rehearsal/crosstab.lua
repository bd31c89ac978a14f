---Pairs of things that went wrong in one run, and what came of them: what went wrong first (rows) by what went wrong
---then (columns), in the groups of words.lua. It has the shape of the other table (matrix.lua), and is drawn as that.
local words = require "rehearsal.words"

local crosstab = {}

local function group_of(term) return (words.of(term.kind, term.fault)) end

local function new_cell() return { held = 0, failed = 0, merged = 0, untried = 0, ids = {} } end

local function add(cell, id, state)
  cell[state] = cell[state] + 1
  cell.ids[#cell.ids + 1] = { id = id, state = state }
end

-- By the first group, by the second.
local function gather(result)
  local by, seconds = {}, {}
  for id, held in pairs(result.tried) do
    local terms = words.terms(id)
    if #terms == 2 then
      local first, second = group_of(terms[1]), group_of(terms[2])
      by[first] = by[first] or {}
      by[first][second] = by[first][second] or new_cell()
      add(by[first][second], id, held and "held" or "failed")
      seconds[second] = true
    end
  end
  return by, seconds
end

---Nil where no pair was tried.
---@param result rehearsal.Result
---@return rehearsal.Matrix|nil
function crosstab.of(result)
  local by, seconds = gather(result)
  if not next(by) then return nil end
  local m = { rows = {}, columns = {}, total = new_cell() }
  for _, group in ipairs(words.groups) do
    if seconds[group] then m.columns[#m.columns + 1] = group end
    if by[group] then
      m.rows[#m.rows + 1] = { area = "first ↓  then →", name = group, points = 1, cells = by[group] }
    end
    for _, cell in pairs(by[group] or {}) do
      m.total.held, m.total.failed = m.total.held + cell.held, m.total.failed + cell.failed
    end
  end
  return m
end

---The smallest schedule that fails as this one does: it has the story.
---@param result rehearsal.Result
---@param id string
---@return string
function crosstab.story_of(result, id) return (result.smallest or {})[id] or id end

return crosstab
