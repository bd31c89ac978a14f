---How many events a second become durable in the stores, beside what the disk does with the same bytes:
---through the session that a run has, one event after the other and from 50 tasks at once.
local core = require "core"
local measure = core.load_file("tests/measure.lua")()
local store = require "store.core"

local ROUNDS <const>, COUNT <const>, TASKS <const> = measure.rounds(7), measure.quick and 100 or 500, 50

local _ <close> = measure.section {
  name = "store", title = "Durable events",
  about = "Single events in the stores, one after the other and from " .. TASKS .. " tasks at once, beside what the disk " ..
    "does with the same bytes.",
}

local sample = {
  run = "preview-20260101-120000-ab12", at = 1767268800.123456, kind = "step-finished", path = "deploy/upload worker",
  data = ('{"result":{"id":"%s"},"seconds":0.25}'):format(("x"):rep(430)),
}
local BYTES <const> = #sample.run + #sample.kind + #sample.path + #sample.data + 8

local function append(s, run, count)
  for _ = 1, count do
    s:append { { run = run, at = sample.at, kind = sample.kind, path = sample.path, data = sample.data } }
  end
end

local function from_tasks(s, count)
  local branches = {}
  for i = 1, TASKS do
    branches["task" .. i] = function() append(s, sample.run .. i, count // TASKS) end
  end
  parallel(branches)
end

local rows = {
  { "write and fdatasync, a file that grows", function() return measure.raw(BYTES, COUNT, "appended") end },
  { "write and fdatasync, in place", function() return measure.raw(BYTES, COUNT, "in place") end },
}

local function add_rows(name, s)
  rows[#rows + 1] = { name .. ", one at a time", function()
    return COUNT / measure.seconds(function() append(s, sample.run, COUNT) end)
  end }
  rows[#rows + 1] = { ("%s, from %d tasks"):format(name, TASKS), function()
    return COUNT * 10 / measure.seconds(function() from_tasks(s, COUNT * 10) end)
  end }
end

-- The first events of a process: its log is new.
rows[#rows + 1] = { "SQLite, the first 60 of a process", function()
  local s <close> = store.open(measure.file "new")
  return 60 / measure.seconds(function() append(s, sample.run, 60) end)
end }
local sqlite <close> = store.open(measure.file "store")
add_rows("SQLite", sqlite)
local server <close> = measure.postgres()
local postgres <close> = server and store.open(server:url "postgres") or nil
if postgres then add_rows("PostgreSQL on this machine", postgres) end
measure.rates(("Durable events of %d bytes"):format(BYTES), rows, ROUNDS)
