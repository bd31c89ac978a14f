---The two kinds of plots: bars for one column of a table, curves on two logarithmic axes.
local core = require "core"
local svg = core.load_file("tests/bench/svg.lua")()
local units = core.load_file("tests/bench/units.lua")()

local plots = {}

local WIDTH <const>, RIGHT <const>, TOP <const> = 720, 110, 46
local BAR <const>, ROW <const>, LETTER <const> = 18, 30, 7.4
local WIDE <const> = 40   -- where the largest is so many times the smallest, the axis is logarithmic

-- Axes ----------------------------------------------------------------------------------------------

local function powers(low, high)
  local list = {}
  for e = math.floor(math.log(low, 10) + 1e-9), math.ceil(math.log(high, 10) - 1e-9) do list[#list + 1] = 10.0 ^ e end
  return list
end

-- Steps of 1, 2 or 5 from zero, at most six of them.
local function steps(high)
  local step = 10.0 ^ math.floor(math.log(high, 10))
  for _, part in ipairs { 0.1, 0.2, 0.5, 1, 2 } do
    if high / (step * part) <= 6 then
      step = step * part
      break
    end
  end
  local list = {}
  for i = 0, math.ceil(high / step - 1e-9) do list[#list + 1] = i * step end
  return list
end

-- Where a value is on an axis from `from` to `to`, and the values to mark.
local function axis(low, high, logarithmic, from, to)
  local marks = logarithmic and powers(low, high) or steps(high)
  local first, last = marks[1], marks[#marks]
  if last == first then last = first * 10 end
  return function(value)
    local part = logarithmic and math.log(value / first) / math.log(last / first) or value / last
    return from + (to - from) * part
  end, marks
end

local function extent(list)
  return math.min(table.unpack(list)), math.max(table.unpack(list))
end

-- Bars -------------------------------------------------------------------------------------------------

local function measured_rows(block, key)
  local rows = {}
  for _, row in ipairs(block.rows) do
    if row.values[key] then rows[#rows + 1] = row end
  end
  return rows
end

local function all_values(rows, key)
  local list = {}
  for _, row in ipairs(rows) do table.move(row.values[key], 1, 3, #list + 1, list) end
  return list
end

-- Where bars begin: to the right of the longest name.
local function left_of(rows)
  local longest = 0
  for _, row in ipairs(rows) do longest = math.max(longest, utf8.len(row.name) or #row.name) end
  return 30 + longest * LETTER
end

local function draw_bar(picture, row, stat, left, at, y, unit)
  picture:text(left - 10, y + 14, row.name, "", "end")
  picture:rect(row.ours and "fill0" or "fill1", left, y, math.max(at(stat[1]) - left, 1), BAR, 2)
  picture:line("range", at(stat[2]), y + BAR / 2, at(stat[3]), y + BAR / 2)
  picture:text(math.max(at(stat[1]), at(stat[3])) + 8, y + 14, units.format(stat[1], unit))
end

local function column_of(block, key)
  for _, column in ipairs(block.columns) do
    if column.key == key then return column end
  end
end

---One column of a table; nil when nothing of it was measured.
---@param block table  as tests/measure.lua records a table
---@param plot { title: string, key: string }
---@return string? svg
function plots.bars(block, plot)
  local rows, column = measured_rows(block, plot.key), column_of(block, plot.key)
  if #rows == 0 then return nil end
  local low, high = extent(all_values(rows, plot.key))
  local logarithmic, bottom, left = high / low > WIDE, TOP + #rows * ROW, left_of(rows)
  local at, marks = axis(low * (logarithmic and 0.5 or 1), high, logarithmic, left, WIDTH - RIGHT)
  local picture = svg.new(WIDTH, bottom + 56, plot.title)
  for _, mark in ipairs(marks) do
    picture:line("grid", at(mark), TOP - 6, at(mark), bottom)
    picture:text(at(mark), bottom + 18, units.format(mark, column.unit), "small", "middle")
  end
  for i, row in ipairs(rows) do
    draw_bar(picture, row, row.values[plot.key], left, at, TOP + (i - 1) * ROW, column.unit)
  end
  picture:line("axis", left, TOP - 6, left, bottom)
  picture:text((left + WIDTH - RIGHT) / 2, bottom + 42, ("%s, median of %d, lowest to highest%s; %s is better"):format(
    column.title, block.rounds, logarithmic and ", logarithmic" or "", column.better), "small", "middle")
  return picture:render()
end

-- Curves ------------------------------------------------------------------------------------------------

local HEIGHT <const> = 400

local function all_points(lines, i)
  local list = {}
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do list[#list + 1] = point[i] end
  end
  return list
end

local function draw_curve(picture, line, class, x, y)
  local points = {}
  for i, point in ipairs(line.points) do
    points[i] = { x(point[1]), y(point[2]) }
    picture:dot("fill" .. class, points[i][1], points[i][2])
  end
  picture:curve("line" .. class, points)
end

-- A line and its name, below the title.
local function draw_key(picture, lines)
  local x = 16
  for i, line in ipairs(lines) do
    picture:rect("fill" .. i - 1, x, 40, 14, 10, 2)
    picture:text(x + 20, 50, line.name)
    x = x + 40 + 7.5 * #line.name
  end
end

---Lines by two logarithmic axes; nil when there is too little for a line.
---@param block table  as tests/measure.lua records a curve
---@return string? svg
function plots.curve(block)
  local xs, ys = all_points(block.lines, 1), all_points(block.lines, 2)
  if #xs < 2 then return nil end
  local left, right, top, bottom = 90, WIDTH - 30, 70, HEIGHT - 56
  local low, high = extent(xs)
  local x, x_marks = axis(low, high, true, left, right)
  low, high = extent(ys)
  local y, y_marks = axis(low, high, true, bottom, top)
  local picture = svg.new(WIDTH, HEIGHT, block.title)
  for _, mark in ipairs(x_marks) do
    picture:line("grid", x(mark), top, x(mark), bottom)
    picture:text(x(mark), bottom + 18, units.format(mark), "small", "middle")
  end
  for _, mark in ipairs(y_marks) do
    picture:line("grid", left, y(mark), right, y(mark))
    picture:text(left - 8, y(mark) + 4, units.format(mark, block.unit), "small", "end")
  end
  for i, line in ipairs(block.lines) do draw_curve(picture, line, i - 1, x, y) end
  draw_key(picture, block.lines)
  picture:text((left + right) / 2, bottom + 42, ("%s across, %s up; both axes are logarithmic"):format(block.x, block.y), "small", "middle")
  return picture:render()
end

return plots
