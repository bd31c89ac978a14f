---docs/performance.md and its plots, from what the benches recorded in build/bench/results.json.
---  build/davit tests/bench/report.lua [FOLDER [RESULTS]]     FOLDER instead of docs
local core = require "core"
local fs = require "fs"
local json = require "json"
local plots = core.load_file("tests/bench/plots.lua")()
local units = core.load_file("tests/bench/units.lua")()

local WORTH_TELLING <const> = 1.02   -- a peer that is better by less is as good

local docs, file_of_results = ...
docs, file_of_results = docs or "docs", file_of_results or "build/bench/results.json"
local lines = {}

local function add(format, ...)
  lines[#lines + 1] = select("#", ...) > 0 and format:format(...) or format
end

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function add_row(cells)
  for i, text in ipairs(cells) do cells[i] = cell(text) end
  add("| " .. table.concat(cells, " | ") .. " |")
end

local function add_head(titles)
  add_row(titles)
  add("|" .. ("---|"):rep(#titles))
end

-- Goals, and who is better -------------------------------------------------------------------------------

local function tell_goals(sections)
  add "## Goals\n"
  add_head { "goal", "wanted", "measured", "" }
  for _, section in ipairs(sections) do
    for _, goal in ipairs(section.goals) do
      local verdict = goal.verdict == "met" and "met" or ("**%s**"):format(goal.verdict)
      add_row { goal.text, goal.goal, goal.measured and units.format(goal.measured, goal.unit) or "–", verdict }
    end
  end
  add ""
end

local function is_better(a, b, column)
  if column.better == "lower" then return b / a > WORTH_TELLING, b / a end
  return a / b > WORTH_TELLING, a / b
end

-- Davit as it is by itself stands first.
local function first_of_ours(block, column)
  for _, row in ipairs(block.rows) do
    local stat = row.ours and row.values[column.key]
    if stat then return stat[1] end
  end
end

local function better_peers(block, column, ours)
  local list = {}
  for _, row in ipairs(block.rows) do
    local stat = not row.ours and row.values[column.key]
    local better, times = false, nil
    if stat then better, times = is_better(stat[1], ours, column) end
    if better then
      list[#list + 1] = ("%s %s (%s ×)"):format(row.name, units.format(stat[1], column.unit), units.format(times))
    end
  end
  return list
end

local function tell_winners_of(block)
  for _, column in ipairs(block.columns) do
    local ours = column.better and first_of_ours(block, column)
    local peers = ours and better_peers(block, column, ours) or {}
    if peers[1] then add_row { block.title, column.title, units.format(ours, column.unit), table.concat(peers, ", ") } end
  end
end

local function tell_winners(sections)
  add "## Where a peer is better\n"
  add "Beside Davit's first row of the same table, and how many times better. What is not here, Davit wins.\n"
  add_head { "table", "column", "Davit", "better" }
  for _, section in ipairs(sections) do
    for _, block in ipairs(section.blocks) do
      if block.kind == "table" then tell_winners_of(block) end
    end
  end
  add ""
end

-- Sections ------------------------------------------------------------------------------------------------

local function add_picture(file, title, text)
  if not text then return end
  fs.write(("%s/performance/%s.svg"):format(docs, file), text)
  add("\n![%s](performance/%s.svg)", title, file)
end

local function row_of(row, columns)
  if row.missing then return { row.name, "not measured: " .. row.missing } end
  local cells = { row.ours and ("**%s**"):format(row.name) or row.name }
  for i, column in ipairs(columns) do
    local stat = row.values[column.key]
    cells[i + 1] = stat and units.range(stat, column.unit) or "–"
  end
  return cells
end

local tell = {}

function tell.table(block)
  add("### %s\n", block.title)
  add("%sMedian of %d, lowest to highest.\n", block.about and block.about .. " " or "", block.rounds)
  local titles = { "" }
  for i, column in ipairs(block.columns) do titles[i + 1] = column.title end
  add_head(titles)
  for _, row in ipairs(block.rows) do add_row(row_of(row, block.columns)) end
  for _, plot in ipairs(block.plots or {}) do add_picture(plot.file, plot.title, plots.bars(block, plot)) end
  add ""
end

function tell.lines(block)
  add("### %s\n", block.title)
  add_head { "", "" }
  for _, row in ipairs(block.rows) do add_row { row.name:match "^%s*(.*)", (row.text:gsub("^%s+", ""):gsub("%s%s+", " ")) } end
  add ""
end

function tell.curve(block)
  add_picture(block.file, block.title, plots.curve(block))
  add ""
end

local function tell_section(section)
  add("## %s\n", section.title)
  add("%s (`tests/bench/%s.lua`)\n", section.about, section.name)
  for _, block in ipairs(section.blocks) do tell[block.kind](block) end
end

-- The page --------------------------------------------------------------------------------------------------

local function tell_machine(results)
  local m = results.machine
  add_head { "measured with", "" }
  add_row { "date", results.date }
  add_row { "machine", ("%s, %d cores, %s"):format(m.processor, m.cores, units.format(m.memory, "B")) }
  add_row { "system", ("%s, Linux %s"):format(m.system, m.kernel) }
  add_row { "disk", m.disk }
  for name, version in pairs(results.versions) do add_row { name, version } end
  add ""
end

local function tell_page(results)
  add "# Performance\n"
  add "<!-- tests/bench/report.lua writes this page from build/bench/results.json; change that, not this. -->\n"
  add("What Davit's primitives cost on one machine, beside what one would pick instead. All of it is one run of `%s`, which " ..
    "installs what it needs, takes about half an hour and writes this page; `make bench ONLY=\"http waiting\"` measures " ..
    "parts of it and prints them. The programs of a table are measured in turns, one after the other in every round, " ..
    "so that whatever else the machine does meets all of them; ratios are medians of the rounds' own.\n", results.command)
  tell_machine(results)
  tell_goals(results.sections)
  tell_winners(results.sections)
  for _, section in ipairs(results.sections) do tell_section(section) end
end

local function write_page()
  fs.remove(docs .. "/performance")
  tell_page(json.decode(fs.read(file_of_results)))
  local text = table.concat(lines, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "\n")
  fs.write(docs .. "/performance.md", text)
end

write_page()
