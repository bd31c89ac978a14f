---What was tried and what came of it: effects (rows) by faults (columns).
local faults = require "rehearsal.faults"
local rows = require "rehearsal.rows"
local words = require "rehearsal.words"

local matrix = {}

---@class rehearsal.Cell
---@field held integer
---@field failed integer
---@field merged integer   the same as others that were tried
---@field untried integer
---@field ids { id: string, state: "held"|"failed"|"merged"|"untried" }[]

---@class rehearsal.Row
---@field area string      one of rows.areas
---@field name string      "GET /pulls/{}"
---@field points integer   how many effects of the undisturbed run it stands for
---@field cells table<string, rehearsal.Cell>  by column; what cannot happen has no cell

---@class rehearsal.Matrix
---@field columns string[]
---@field rows rehearsal.Row[]
---@field total rehearsal.Cell  without ids

-- ---- which schedules there are --------------------------------------------------------------------

local crashes = { "crash-before resume", "crash-before undo", "crash-after resume", "crash-after undo" }

local function id_of(name, kind, index)
  local fault, ending = name:match "^(%S+) ?(%S*)$"
  return ("%s:%s:%d%s"):format(fault, kind, index, ending ~= "" and ":" .. ending or ""), fault
end

local function state_of(result, id, may_be_merged)
  local held = result.tried[id]
  if held == nil then return may_be_merged and "merged" or "untried" end
  return held and "held" or "failed"
end

-- Every schedule of one thing that goes wrong at an effect: f(id, fault, state).
local function each_schedule(result, o, kind, index, about, f)
  local found = result.merged > 0   -- else the exploration did not come to an end
  local all = found and (o.every or 1) == 1
  local function one(name, may_be_merged)
    local id, fault = id_of(name, kind, index)
    f(id, fault, state_of(result, id, may_be_merged))
  end
  for _, name in ipairs(crashes) do one(name, all and name:find "^crash%-before" ~= nil) end
  for _, name in ipairs((faults.possible(kind, about, o.params))) do one(name, false) end
  for _, name in ipairs(faults.same(kind, about)) do one(name, found and o.faults) end
end

-- ---- gathering ------------------------------------------------------------------------------------

local function new_cell() return { held = 0, failed = 0, merged = 0, untried = 0, ids = {} } end

local function row_for(by, list, area, name)
  local key = area .. "\0" .. name
  local row = by[key]
  if not row then
    row = { area = area, name = name, points = 0, cells = {} }
    by[key], list[#list + 1] = row, row
  end
  return row
end

local function add_effect(m, result, o, row, point)
  local kind, index = point:match "^(%a+):(%d+)$"
  row.points = row.points + 1
  each_schedule(result, o, kind, math.tointeger(index), result.effects[point], function(id, fault, state)
    local column = words.of(kind, fault)
    local cell = row.cells[column] or new_cell()
    row.cells[column] = cell
    cell[state] = cell[state] + 1
    cell.ids[#cell.ids + 1] = { id = id, state = state }
    m.total[state] = m.total[state] + 1
  end)
end

local function sort_by_area(list)
  local rank, place = {}, {}
  for i, area in ipairs(rows.areas) do rank[area] = i end
  for i, row in ipairs(list) do place[row] = i end
  table.sort(list, function(a, b)
    if rank[a.area] ~= rank[b.area] then return rank[a.area] < rank[b.area] end
    return place[a] < place[b]
  end)
end

local function used_columns(list)
  local columns = {}
  for _, column in ipairs(words.groups) do
    for _, row in ipairs(list) do
      if row.cells[column] then
        columns[#columns + 1] = column
        break
      end
    end
  end
  return columns
end

---@param result rehearsal.Result
---@param o rehearsal.Options
---@return rehearsal.Matrix
function matrix.of(result, o)
  local by, m = {}, { rows = {}, total = new_cell() }
  for _, point in ipairs(result.order) do
    local area, name = rows.of(point:match "^%a+", result.effects[point])
    add_effect(m, result, o, row_for(by, m.rows, area, name), point)
  end
  sort_by_area(m.rows)
  m.columns = used_columns(m.rows)
  return m
end

return matrix
