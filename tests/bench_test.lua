---What the benches write: numbers, plots and the page. Nothing is measured here.
local core = require "core"
local fs = require "fs"
local json = require "json"
local units = core.load_file("tests/bench/units.lua")()
local plots = core.load_file("tests/bench/plots.lua")()

test("a number has three digits and the unit that suits it", function()
  equal(units.format(0.0012345, "s"), "1.23 ms")
  equal(units.format(0.99996, "s"), "1 s")
  equal(units.format(31.2e-6, "s"), "31.2 µs")
  equal(units.format(9961472, "B"), "9.96 MB")
  equal(units.format(1234567), "1,230,000")
  equal(units.format(0, "s"), "0 s")
  equal(units.format(0.9), "0.9")
end)

test("a range is told in the unit of its median, and not where there is none", function()
  equal(units.range({ 0.0061, 0.00089, 0.0123 }, "s"), "6.1 ms (0.89 to 12.3)")
  equal(units.range({ 5, 5, 5 }), "5")
end)

local function table_block(rows)
  return {
    kind = "table", title = "Starting", rounds = 3, rows = rows,
    columns = { { key = "wall", title = "time", unit = "s", better = "lower" } },
    plots = { { file = "starting", title = "Starting <fast>", key = "wall" } },
  }
end

local ours = { name = "davit", ours = true, values = { wall = { 0.007, 0.006, 0.008 } } }
local faster = { name = "lua", ours = false, values = { wall = { 0.001, 0.001, 0.001 } } }
local slower = { name = "node", ours = false, values = { wall = { 0.07, 0.06, 0.08 } } }
local absent = { name = "wrangler", ours = false, missing = "not installed", values = {} }

test("bars name every row that was measured, with its value, and escape what they are called", function()
  local picture = plots.bars(table_block { ours, slower, absent }, { title = "Starting <fast>", key = "wall" })
  for _, part in ipairs { ">davit<", ">7 ms<", ">node<", ">70 ms<", "Starting &lt;fast&gt;", "lower is better" } do
    equal(picture:find(part, 1, true) ~= nil, true)
  end
  equal(picture:find("wrangler", 1, true), nil)
end)

test("bars that differ much are on a logarithmic axis, which is said", function()
  local wide = plots.bars(table_block { faster, slower }, { title = "t", key = "wall" })
  local narrow = plots.bars(table_block { ours, slower }, { title = "t", key = "wall" })
  equal({ wide:find("logarithmic", 1, true) ~= nil, narrow:find("logarithmic", 1, true) ~= nil }, { true, false })
end)

test("there is no plot of what nobody measured", function()
  equal(plots.bars(table_block { absent }, { title = "t", key = "wall" }), nil)
  equal(plots.curve { title = "t", x = "targets", y = "time", unit = "s", lines = { { name = "davit", points = {} } } }, nil)
end)

test("a curve has its axes' names and marks", function()
  local picture = plots.curve {
    title = "Waiting", x = "targets", y = "processor time", unit = "s",
    lines = { { name = "davit", points = { { 1, 0.01 }, { 10000, 1.2 } } } },
  }
  for _, part in ipairs { "targets across, processor time up", ">10,000<", ">10 ms<", ">davit<", "<polyline" } do
    equal(picture:find(part, 1, true) ~= nil, true)
  end
end)

-- The page of these sections, in a folder that goes away.
local function page_of(sections)
  local folder = "build/bench_test"
  fs.write(folder .. "/results.json", json.encode {
    date = "2026-01-01 00:00 UTC", command = "make bench", versions = { davit = "0.1.0" }, sections = sections,
    machine = { processor = "one", cores = 2, memory = 8e9, kernel = "6", system = "Debian", disk = "ext4" },
  })
  core.load_file("tests/bench/report.lua")(folder, folder .. "/results.json")
  local page = fs.read(folder .. "/performance.md")
  local picture = fs.exists(folder .. "/performance/starting.svg")
  fs.remove(folder)
  return page, picture
end

local function section(blocks, goals)
  return { name = "start", title = "Start-up", about = "How long it takes.", blocks = blocks, goals = goals or json.array {} }
end

local function has(page, text)
  if not page:find(text, 1, true) then error(("the page lacks %q"):format(text), 2) end
end

test("the page says where a peer is better, and by how much", function()
  local page, picture = page_of { section { table_block { ours, faster, slower } } }
  has(page, "| Starting | time | 7 ms | lua 1 ms (7 ×) |")
  has(page, "| **davit** | 7 ms (6 to 8) |")
  equal(picture, true)
end)

test("the page says which peers are missing", function()
  has(page_of { section { table_block { ours, absent } } }, "| wrangler | not measured: not installed |")
end)

test("the page tells goals that were missed or not measured", function()
  local page = page_of { section({ table_block { ours } }, {
    { text = "time to curl's", goal = "at most 1.25", measured = 1.5, verdict = "missed" },
    { text = "memory to curl's", goal = "at most 1.25", verdict = "not measured" },
  }) }
  has(page, "| time to curl's | at most 1.25 | 1.5 | **missed** |")
  has(page, "| memory to curl's | at most 1.25 | – | **not measured** |")
end)
