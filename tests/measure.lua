---For benches. Rows are measured in turns, one after the other in every round, as other work on the machine
---moves all of them; what is told is the median, the lowest and the highest, and ratios within a round.
---A bench is one section of the results: what it prints is also written to build/bench/results, from
---which tests/bench/report.lua makes docs/performance.md.
local core = require "core"
local fs = require "fs"
local json = require "json"
local postgres = core.load_file("tests/postgres.lua")()
local process = require "process"
local units = core.load_file("tests/bench/units.lua")()

local measure = {
  folder = "build/bench",
  quick = os.getenv "QUICK" ~= nil and os.getenv "QUICK" ~= "",  -- tiny rounds, nothing is judged
}

-- The section -----------------------------------------------------------------------------------

local section

---Begins the section. Its end, the end of the scope, writes it down.
---@param o { name: string, title: string, about: string }  about: what is measured, and how
---@return table  to be kept in a `<close>` variable
function measure.section(o)
  section = { name = o.name, title = o.title, about = o.about, blocks = json.array {}, goals = json.array {} }
  print(o.title)
  return setmetatable({}, { __close = function(_, err)
    if not err then fs.write(("%s/results/%s.json"):format(measure.folder, section.name), json.encode(section)) end
  end })
end

local function add_block(block)
  if section then table.insert(section.blocks, block) end
  return block
end

---So many rounds, or one when there is little time.
---@param n integer
---@param few? integer
---@return integer
function measure.rounds(n, few)
  return measure.quick and (few or 1) or n
end

-- Programs ------------------------------------------------------------------------------------------

---@class tests.Cost  see tests/bench/spawn.c
---@field wall number
---@field cpu number
---@field resident integer
---@field ended number
---@field output? string

---@class tests.CostOptions
---@field core? integer     pinned to this one
---@field times? integer    one after the other (1)
---@field output? boolean   what the last one wrote is wanted
---@field any_ending? boolean  not only exit code 0
---@field all? boolean         processor time of processes too for which nobody waits

---What running a program costs: the list of its times. Raises when it ends otherwise than with 0.
---@param argv string[]
---@param o? tests.CostOptions
---@return tests.Cost[]
function measure.costs(argv, o)
  o = o or {}
  local file = measure.folder .. "/output"
  local all = { measure.folder .. "/spawn", "-n", tostring(o.times or 1), "-o", o.output and file or "/dev/null" }
  if o.core then table.move({ "-c", tostring(o.core) }, 1, 2, #all + 1, all) end
  if o.any_ending then all[#all + 1] = "-x" end
  if o.all then all[#all + 1] = "-a" end
  table.move(argv, 1, #argv, #all + 1, all)
  local costs = {}
  local result = process.run { argv = all, env = { QUICK = false } }
  for line in result.output:gmatch "[^\n]+" do costs[#costs + 1] = json.decode(line) end
  if o.output then costs[#costs].output = fs.read(file) end
  return costs
end

---The same for one.
---@param argv string[]
---@param o? tests.CostOptions
---@return tests.Cost
function measure.cost(argv, o)
  return measure.costs(argv, o)[1]
end

-- The disk --------------------------------------------------------------------------------------

---How often a second the disk takes so many bytes and makes them durable.
---@param bytes integer
---@param count integer
---@param how "appended"|"in place"  a file that grows, or one that has its size, as a store's log has
---@return number
function measure.raw(bytes, count, how)
  local argv = { measure.folder .. "/fdatasync", measure.folder .. "/raw", tostring(bytes), tostring(count) }
  if how == "in place" then argv[#argv + 1] = "in-place" end
  return tonumber(process.run({ argv = argv }).output)
end

---@param f fun()
---@return number seconds
function measure.seconds(f)
  local started = core.monotonic()
  f()
  return core.monotonic() - started
end

-- Stores --------------------------------------------------------------------------------------

---The name of a new file for a store.
---@param name string
---@return string
function measure.file(name)
  local file = ("%s/%s.db"):format(measure.folder, name)
  for _, suffix in ipairs { "", "-wal", "-shm" } do
    if fs.exists(file .. suffix) then fs.remove(file .. suffix) end
  end
  return file
end

---A PostgreSQL that waits for the disk; nil, said aloud, when there is none on this machine.
---@param ... string  settings of postgresql.conf
---@return tests.Postgres?
function measure.postgres(...)
  local server = postgres.start { "fsync=on", ... }
  if not server then
    measure.heading "PostgreSQL"
    measure.line("all of its rows", "not measured: its programs are not on this machine")
  end
  return server
end

-- Tables --------------------------------------------------------------------------------------------

---@param list number[]
---@param part number  0: the lowest, 0.5: the median, 1: the highest
---@return number
function measure.percentile(list, part)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  return sorted[math.min(#sorted, math.floor(part * #sorted) + 1)]
end

local percentile = measure.percentile

local function stat(list)
  return json.array { percentile(list, 0.5), percentile(list, 0), percentile(list, 1) }
end

---@class tests.Column
---@field key string
---@field title string
---@field unit? string
---@field better? "lower"|"higher"

---@class tests.Row
---@field name string
---@field ours? boolean                  Davit, not a peer
---@field missing? string                why it is not measured
---@field rounds? integer                only in so many rounds, because it takes long
---@field measure? fun(round: integer): table<string, number>  by key of column; raises why it cannot

---@class tests.Table
---@field title string
---@field about? string
---@field columns tests.Column[]
---@field rows tests.Row[]
---@field rounds integer
---@field plots? { file: string, title: string, key: string }[]  the columns that are drawn

local function measure_row(row, round)
  if row.missing or row.rounds and round > row.rounds then return end
  local values, err = try(row.measure, round)
  if not values then
    row.missing = tostring(err):gsub("%s+", " ")
    return
  end
  row.samples = row.samples or {}
  for key, value in pairs(values) do
    row.samples[key] = row.samples[key] or {}
    table.insert(row.samples[key], value)
  end
end

local function print_row(row, columns)
  local cells = {}
  for _, column in ipairs(row.missing and {} or columns) do
    local values = row.samples[column.key]
    if values then cells[#cells + 1] = column.title .. " " .. units.range(stat(values), column.unit) end
  end
  measure.say(row.name, "%s", row.missing and "not measured: " .. row.missing or table.concat(cells, "  "))
end

local function recorded_rows(rows)
  local list = json.array {}
  for i, row in ipairs(rows) do
    local values = {}
    for key, samples in pairs(not row.missing and row.samples or {}) do values[key] = stat(samples) end
    list[i] = { name = row.name, ours = row.ours or false, missing = row.missing, values = values }
  end
  return list
end

---Measures every row once a round, prints what came of it, and records it.
---@param t tests.Table
---@return table<string, tests.Row>  by name, with their samples by column and round
function measure.table(t)
  for round = 1, t.rounds do
    for _, row in ipairs(t.rows) do measure_row(row, round) end
  end
  print(("%s; median of %d (lowest to highest)"):format(t.title, t.rounds))
  local by_name = {}
  for _, row in ipairs(t.rows) do
    print_row(row, t.columns)
    by_name[row.name] = row
  end
  add_block {
    kind = "table", title = t.title, about = t.about, rounds = t.rounds, columns = json.array(t.columns),
    rows = recorded_rows(t.rows), plots = t.plots and json.array(t.plots),
  }
  return by_name
end

---The median of a / b in the same round; nil when one of them is missing.
---@param a tests.Row
---@param b tests.Row
---@param key string
---@return number?
function measure.ratio(a, b, key)
  if a.missing or b.missing then return nil end
  local ratios = {}
  for i, value in ipairs(a.samples[key]) do ratios[i] = value / b.samples[key][i] end
  return percentile(ratios, 0.5)
end

---@param row tests.Row
---@param key string
---@return number?  the median; nil when it is missing
function measure.median(row, key)
  return not row.missing and percentile(row.samples[key], 0.5) or nil
end

---A goal beside what was measured. What was not measured is said to be so.
---@param o { text: string, measured?: number, unit?: string, at_least?: number, at_most?: number }
function measure.goal(o)
  local bound = o.at_least or o.at_most
  local goal = (o.at_least and "at least " or "at most ") .. units.format(bound, o.unit)
  local met
  if o.measured then met = o.at_least and o.measured >= bound or o.at_most and o.measured <= bound or false end
  local verdict = met == nil and "not measured" or met and "met" or "missed"
  measure.say("goal: " .. o.text, "%s: %s, %s", goal, o.measured and units.format(o.measured, o.unit) or "–", verdict)
  if section then
    table.insert(section.goals, { text = o.text, goal = goal, measured = o.measured, unit = o.unit, verdict = verdict })
  end
end

---Lines to be drawn, of what tables have recorded.
---@param curve { file: string, title: string, x: string, y: string, unit: string, lines: { name: string, points: number[][] }[] }
function measure.curve(curve)
  add_block {
    kind = "curve", file = curve.file, title = curve.title, x = curve.x, y = curve.y, unit = curve.unit, lines = curve.lines,
  }
end

-- Rates and lines -----------------------------------------------------------------------------------------

---Measures every row once a round and prints what came of it.
---@param title string
---@param rows { [1]: string, [2]: fun(): number }[]  name, and how to measure; ratios are to the first
---@param rounds integer
function measure.rates(title, rows, rounds)
  local list, first = {}, nil
  for i, row in ipairs(rows) do
    list[i] = { name = row[1], measure = function()
      local rate = row[2]()
      if i == 1 then first = rate end
      return { rate = rate, ratio = rate / first }
    end }
  end
  measure.table {
    title = title, rounds = rounds, rows = list,
    columns = { { key = "rate", title = "a second" }, { key = "ratio", title = "of the first" } },
  }
end

local lines

---Says what the lines after it are about.
---@param format string
function measure.heading(format, ...)
  local title = format:format(...)
  print(title)
  lines = add_block { kind = "lines", title = title, rows = json.array {} }
end

-- %-44s counts bytes, and a name may hold "µ".
function measure.say(name, text, ...)
  local width = utf8.len(name) or #name
  print(("  %s%s %s"):format(name, (" "):rep(44 - width), text:format(...)))
end

---@param name string
---@param text string
function measure.line(name, text, ...)
  measure.say(name, text, ...)
  if lines then table.insert(lines.rows, { name = name, text = text:format(...) }) end
end

return measure
