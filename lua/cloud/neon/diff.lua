---The difference of two texts as `diff -u` writes it, with three lines around each change. Pure.
local diff = {}

local AROUND = 3
local MOST_CELLS = 4000000   -- pairs of lines that are compared

local function lines_of(text)
  local lines = {}
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  if text == "" then lines = {} end
  return lines
end

-- How long the longest common subsequence is of what follows a line of each, from `first` to the ends.
local function lengths(a, b, first, last_a, last_b)
  local table_of = {}
  for i = last_a + 1, first, -1 do
    local row, below = {}, table_of[i + 1]
    for j = last_b + 1, first, -1 do
      if i > last_a or j > last_b then
        row[j] = 0
      elseif a[i] == b[j] then
        row[j] = below[j + 1] + 1
      else
        row[j] = math.max(below[j], row[j + 1])
      end
    end
    table_of[i] = row
  end
  return table_of
end

-- What both begin and end with is left out; two middles too large to compare are one change.
local function middles(a, b)
  local first, last_a, last_b = 1, #a, #b
  while first <= last_a and first <= last_b and a[first] == b[first] do first = first + 1 end
  while last_a >= first and last_b >= first and a[last_a] == b[last_b] do
    last_a, last_b = last_a - 1, last_b - 1
  end
  local comparable = (last_a - first + 1) * (last_b - first + 1) <= MOST_CELLS
  return first, last_a, last_b, comparable and lengths(a, b, first, last_a, last_b)
end

-- Every line with its sign, and the numbers of the next lines of both before it.
local function edits(a, b)
  local first, last_a, last_b, longest = middles(a, b)
  local list, i, j = {}, 1, 1
  local function add(sign, text)
    list[#list + 1] = { sign = sign, text = text, a = i, b = j }
    if sign ~= "+" then i = i + 1 end
    if sign ~= "-" then j = j + 1 end
  end
  while i < first do add(" ", a[i]) end
  while i <= last_a or j <= last_b do
    if longest and i <= last_a and j <= last_b and a[i] == b[j] then
      add(" ", a[i])
    elseif i <= last_a and (j > last_b or not longest or longest[i + 1][j] >= longest[i][j + 1]) then
      add("-", a[i])
    else
      add("+", b[j])
    end
  end
  while i <= #a do add(" ", a[i]) end
  return list
end

-- The first and last edit of each hunk: changes with less than twice the lines around between them are one.
local function hunks_of(list)
  local hunks = {}
  for n, edit in ipairs(list) do
    local hunk = hunks[#hunks]
    if edit.sign ~= " " then
      if not hunk or n - AROUND > hunk.last + 1 then
        hunk = { first = math.max(1, n - AROUND) }
        hunks[#hunks + 1] = hunk
      end
      hunk.last = math.min(#list, n + AROUND)
    end
  end
  return hunks
end

-- A range of no lines is named by the line before it.
local function range(first, count)
  if count == 1 then return tostring(first) end
  return ("%d,%d"):format(count == 0 and first - 1 or first, count)
end

local function write(list, hunk, out)
  local of_a, of_b = 0, 0
  for n = hunk.first, hunk.last do
    if list[n].sign ~= "+" then of_a = of_a + 1 end
    if list[n].sign ~= "-" then of_b = of_b + 1 end
  end
  local first = list[hunk.first]
  out[#out + 1] = ("@@ -%s +%s @@"):format(range(first.a, of_a), range(first.b, of_b))
  for n = hunk.first, hunk.last do out[#out + 1] = list[n].sign .. list[n].text end
end

---@param a string
---@param b string
---@param name_a string
---@param name_b string
---@return string  empty when they are the same
function diff.unified(a, b, name_a, name_b)
  if a == b then return "" end
  local list = edits(lines_of(a), lines_of(b))
  local out = { "--- " .. name_a, "+++ " .. name_b }
  for _, hunk in ipairs(hunks_of(list)) do write(list, hunk, out) end
  return table.concat(out, "\n") .. "\n"
end

return diff
