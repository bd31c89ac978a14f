---The table of a rehearsal in a terminal: effects by faults, 100 columns at most.
local story = require "rehearsal.story"

local grid = {}

local WIDTH <const> = 100

---What stands in a cell: how many held, "✗" and how many failed, "=" the same as others, "·" not tried, " " cannot be.
---@param cell rehearsal.Cell|nil
---@return string
function grid.cell(cell)
  if not cell then return "" end
  if cell.failed > 0 then return "✗" .. cell.failed end
  if cell.untried > 0 then return cell.held > 0 and ("%d·"):format(cell.held) or "·" end
  return cell.held > 0 and ("%d"):format(cell.held) or "="
end

local function widths(m)
  local list, sum = {}, 0
  for _, column in ipairs(m.columns) do
    local width = #column
    for _, row in ipairs(m.rows) do width = math.max(width, utf8.len(grid.cell(row.cells[column]))) end
    list[column], sum = width, sum + width + 1
  end
  return list, WIDTH - sum
end

local function right(text, width) return (" "):rep(width - utf8.len(text)) .. text end

local function left(text, width)
  local clipped = story.clip(text, width)
  return clipped .. (" "):rep(width - utf8.len(clipped))
end

local function line_of(row, m, width, first)
  local parts = { left("  " .. row.name .. (row.points > 1 and (" ×%d"):format(row.points) or ""), first) }
  for _, column in ipairs(m.columns) do
    parts[#parts + 1] = right(grid.cell(row.cells[column]), width[column])
  end
  return table.concat(parts, " ")
end

---The table: a line for each kind of effect, 100 columns at most.
---@param m rehearsal.Matrix
---@return string[]
function grid.lines(m)
  local width, first = widths(m)
  local heads, lines, area = { left("", first) }, {}, nil
  for _, column in ipairs(m.columns) do heads[#heads + 1] = right(column, width[column]) end
  for _, row in ipairs(m.rows) do
    if row.area ~= area then
      local name = left(row.area, first)
      area, heads[1] = row.area, name
      lines[#lines + 1] = #lines == 0 and table.concat(heads, " ") or (name:gsub("%s+$", ""))
    end
    lines[#lines + 1] = (line_of(row, m, width, first):gsub("%s+$", ""))
  end
  return lines
end

return grid
