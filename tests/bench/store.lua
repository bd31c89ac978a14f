---How many events a second become durable, beside what the disk does with the same bytes.
---The two are measured in turns, as other work on the machine moves both; medians are told.
local core = require "core"
local fs = require "fs"
local process = require "process"
local store = require "store.core"

local FOLDER <const>, ROUNDS <const>, COUNT <const>, TASKS <const> = "build/bench", 7, 1000, 50

local sample = {
  run = "preview-20260101-120000-ab12", at = 1767268800.123456, kind = "step-finished", path = "deploy/upload worker",
  data = ('{"result":{"id":"%s"},"seconds":0.25}'):format(("x"):rep(430)),
}
local BYTES <const> = #sample.run + #sample.kind + #sample.path + #sample.data + 8

local function rate(count, f)
  local started = core.monotonic()
  f()
  return count / (core.monotonic() - started)
end

local function raw()
  local result = process.run {
    argv = { FOLDER .. "/fdatasync", FOLDER .. "/raw", tostring(BYTES), tostring(COUNT) },
  }
  return tonumber(result.output)
end

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

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function open(name)
  local place = FOLDER .. "/" .. name
  for _, suffix in ipairs { "", "-wal", "-shm" } do
    if fs.exists(place .. suffix) then fs.remove(place .. suffix) end
  end
  return store.open(place)
end

---The first events of a process: its log is new.
local function from_the_start()
  local s <close> = open "new.db"
  return rate(60, function() append(s, sample.run, 60) end)
end

local results = { raw = {}, first = {}, one = {}, many = {}, first_ratio = {}, one_ratio = {}, many_ratio = {} }
local s <close> = open "journal.db"
for i = 1, ROUNDS do
  results.raw[i] = raw()
  results.first[i] = from_the_start()
  results.first_ratio[i] = results.first[i] / results.raw[i]
  results.one[i] = rate(COUNT, function() append(s, sample.run, COUNT) end)
  results.many[i] = rate(COUNT * 10, function() from_tasks(s, COUNT * 10) end)
  results.one_ratio[i] = results.one[i] / results.raw[i]
  results.many_ratio[i] = results.many[i] / results.raw[i]
end
print(("durable events of %d bytes on %s, median of %d rounds"):format(BYTES, FOLDER, ROUNDS))
print(("%-32s %10s  %s"):format("", "a second", "beside the disk"))
print(("%-32s %10.0f  %5.2f"):format("write and fdatasync", median(results.raw), 1))
print(("%-32s %10.0f  %5.2f"):format("SQLite, the first 60", median(results.first), median(results.first_ratio)))
print(("%-32s %10.0f  %5.2f"):format("SQLite, one at a time", median(results.one), median(results.one_ratio)))
print(("%-32s %10.0f  %5.2f"):format(("SQLite, from %d tasks"):format(TASKS), median(results.many),
  median(results.many_ratio)))
local events = #s:events { run = sample.run }
local run = s:runs { run = sample.run }[1]
print(("%-32s %10.0f bytes of text"):format("an event", run.bytes / events))
