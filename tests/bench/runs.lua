---Durable steps: run.step, of which each writes its intent and its result, beside write and fdatasync
---of the same bytes twice a step; and what a run of 1,000 steps takes to be resumed.
local core = require "core"
local history = require "run.history"
local measure = core.load_file("tests/measure.lua")()
local runs = require "run"
local store = require "store.core"

local ROUNDS <const>, STEPS <const>, BRANCHES <const> = measure.rounds(7), measure.quick and 100 or 500, 50
local LONG <const> = measure.quick and 100 or 1000

local _ <close> = measure.section {
  name = "runs", title = "Durable steps",
  about = "`run.step`, each with its intent and its result made durable, beside write and fdatasync of the same bytes " ..
    "twice a step: the disk is the floor.",
}

local RESULT <const> = { id = ("x"):rep(430) }

local function options(s, f)
  return {
    recipe = { name = "bench", file = "bench.lua", source = "1", run = f }, params = {}, store = s, user = "bench",
    report = function() end, ask = function() return nil end,
  }
end

local function carry_out(s, f)
  local run = runs.start(options(s, f))
  if run.error then error(run.error, 0) end
  return run
end

local function step(run, i)
  run.step("step " .. i, { n = i }, function() return RESULT end)
end

-- Steps a second -------------------------------------------------------------------------------------

local function one_by_one(s)
  local seconds
  carry_out(s, function(_, run)
    seconds = measure.seconds(function()
      for i = 1, STEPS do step(run, i) end
    end)
  end)
  return STEPS / seconds
end

local function in_branches(s)
  local seconds
  carry_out(s, function(_, run)
    local branches = {}
    for b = 1, BRANCHES do
      branches["branch " .. b] = function()
        for i = 1, STEPS * 4 // BRANCHES do step(run, i) end
      end
    end
    seconds = measure.seconds(function() run.parallel(branches) end)
  end)
  return STEPS * 4 / seconds
end

-- What an event of such a step holds.
local function event_bytes(s)
  local run = carry_out(s, function(_, run) step(run, 1) end)
  local bytes = 0
  for _, event in ipairs(s:events { run = run.id }) do
    if event.kind:find "^step%-" then bytes = bytes + #event.kind + #event.path + #event.data + #run.id + 8 end
  end
  return bytes // 2
end

local function raw(bytes, how)
  return function() return measure.raw(bytes, 2 * STEPS, how) / 2 end
end

local function add_rows(rows, name, s)
  rows[#rows + 1] = { name .. ", one at a time", function() return one_by_one(s) end }
  rows[#rows + 1] = { ("%s, in %d branches"):format(name, BRANCHES), function() return in_branches(s) end }
end

-- Resuming -------------------------------------------------------------------------------------------

-- A run of LONG steps that ended before its last, as a crash leaves it.
local function crashed(s)
  local run = runs.start(options(s, function(_, run)
    for i = 1, LONG - 1 do step(run, i) end
    failure { code = "interrupted", class = "cancelled", message = "as if it had crashed" }
  end))
  return run.id
end

local function resume(s, id)
  local past
  local reading = measure.seconds(function() past = history.read(s, id) end)
  local first_new
  local started = core.monotonic()
  local run = runs.resume(options(s, function(_, run)
    for i = 1, LONG - 1 do step(run, i) end
    first_new = core.monotonic() - started
    step(run, LONG)
  end), past)
  if run.error then error(run.error, 0) end
  return reading, first_new, s:runs({ run = id })[1]
end

local function tell_resume(name, s)
  local readings, replays, row = {}, {}, nil
  for i = 1, ROUNDS do readings[i], replays[i], row = resume(s, crashed(s)) end
  local read, replay = measure.percentile(readings, 0.5), measure.percentile(replays, 0.5)
  measure.line(name, "%4.0f ms (%.0f to read, %.0f to come to the new step); %d events, %.0f kB, %.0f bytes an event",
    (read + replay) * 1000, read * 1000, replay * 1000, row.events, row.bytes / 1000, row.bytes / row.events)
end

-- ---------------------------------------------------------------------------------------------------------

local sqlite <close> = store.open(measure.file "runs")
local server <close> = measure.postgres()
local postgres <close> = server and store.open(server:url "postgres") or nil
local bytes = event_bytes(sqlite)
local rows = {
  { "two writes and fdatasyncs, a file that grows", raw(bytes, "appended") },
  { "two writes and fdatasyncs, in place", raw(bytes, "in place") },
}
add_rows(rows, "SQLite", sqlite)
if postgres then add_rows(rows, "PostgreSQL on this machine", postgres) end
measure.rates(("Durable steps of two events of %d bytes"):format(bytes), rows, ROUNDS)

measure.heading("A run of %d steps whose last is missing, resumed; median of %d", LONG, ROUNDS)
tell_resume("SQLite", sqlite)
if postgres then tell_resume("PostgreSQL on this machine", postgres) end
