---For benches: rates measured in turns, as other work on the machine moves all of them; what is told
---is the median, the lowest and the highest, and the ratio to the disk in the same round.
local core = require "core"
local fs = require "fs"
local postgres = core.load_file("tests/postgres.lua")()
local process = require "process"

local measure = { folder = "build/bench" }

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
  if not server then print "PostgreSQL's programs are not here: its rows are missing" end
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

---Measures every row once a round and prints what came of it.
---@param title string
---@param rows { [1]: string, [2]: fun(): number }[]  name, and how to measure; ratios are to the first
---@param rounds integer
function measure.rates(title, rows, rounds)
  local seen, ratios = {}, {}
  for _ = 1, rounds do
    for i, row in ipairs(rows) do
      seen[i], ratios[i] = seen[i] or {}, ratios[i] or {}
      table.insert(seen[i], row[2]())
      table.insert(ratios[i], seen[i][#seen[i]] / seen[1][#seen[1]])
    end
  end
  print(("%s; median of %d rounds (lowest, highest)"):format(title, rounds))
  for i, row in ipairs(rows) do
    print(("  %-44s %8.0f a second (%.0f, %.0f)  %6.2f of the first"):format(row[1], percentile(seen[i], 0.5),
      percentile(seen[i], 0), percentile(seen[i], 1), percentile(ratios[i], 0.5)))
  end
end

---@param name string
---@param text string
function measure.line(name, text, ...)
  print(("  %-44s %s"):format(name, text:format(...)))
end

return measure
