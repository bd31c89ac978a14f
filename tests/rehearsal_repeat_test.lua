---The same seed gives the same events, byte for byte: in process after process, on a busy machine, however many schedules
---are under way at once, and whichever compiler has built Davit. REPEAT says in how many processes (50), of which each
---has the undisturbed run twice and says so itself where they differ; OTHER names a Davit of another compiler.
local fs = require "fs"
local json = require "json"
local process = require "process"
local sha256 = require "sha256"

local DAVIT = os.getenv "DAVIT" or "build/davit"
local OTHER = os.getenv "OTHER" or "build/clang/davit"
local REPEAT <const> = tonumber(os.getenv "REPEAT" or "") or DAVIT:find("san", 1, true) and 3 or 50
local BESIDE <const> = 4   -- rehearsals at once

-- The schedules whose events are not the same in both.
local function different(a, b)
  local list = {}
  for id, hash in pairs(a) do
    if b[id] ~= hash then list[#list + 1] = id end
  end
  for id in pairs(b) do
    if not a[id] then list[#list + 1] = id end
  end
  return list
end

-- ---- a hundred times ---------------------------------------------------------------------------------

-- The SHA-256 of the events of each of its schedules.
local function run_one(davit)
  local events = {}
  local text = process.run({ argv = { davit, "tests/rehearsal_events.lua" } }).output
  for id, hash in text:gmatch "(%S+)\t(%x+)\n" do events[id] = hash end
  return events
end

-- What the first of so many processes had, some of them at once, and what was not the same in others.
local function again_and_again(davit)
  local first, count, list = run_one(davit), 1, {}
  while count < REPEAT do
    local batch = {}
    for i = 1, math.min(BESIDE, REPEAT - count) do batch["process " .. i] = function() return run_one(davit) end end
    for _, events in pairs(parallel(batch)) do
      count = count + 1
      table.move(different(first, events), 1, BESIDE, #list + 1, list)
    end
  end
  return first, list
end

local once   -- what a process of this Davit had

test("a hundred runs have the same events", function()
  local list
  once, list = again_and_again(DAVIT)
  equal(list, {})
  equal({ #once.undisturbed, #once["crash-after:journal:70:resume"] }, { 64, 64 })
end)

-- A test of another compiler's Davit.
local function other_test(name, f)
  test(name, function()
    if not fs.exists(OTHER) then skip("there is no " .. OTHER) end
    f()
  end)
end

other_test("a hundred runs of another compiler's Davit have them, too", function()
  local first, list = again_and_again(OTHER)
  equal(list, {})
  equal(different(once, first), {})
end)

-- ---- what went wrong -----------------------------------------------------------------------------------

local SOME <const> = DAVIT:find("san", 1, true) and "997" or "97"   -- of the schedules, of every kind, one in so many

-- The SHA-256 of its events for each schedule that the command holds.
local function hold(davit, ...)
  local argv = { davit, "rehearse", "preview", "--untested", "--pr", "42", "--project", "tests/projects/codex", "--json", ... }
  local events = {}
  for line in process.run({ argv = argv }).output:gmatch "[^\n]+" do
    local told = json.decode(line)
    if told.schedule then events[told.schedule] = told.events end
  end
  return events
end

-- Keeps two cores busy until it is closed.
local function load()
  local children = {}
  for i = 1, 2 do children[i] = process.start { argv = { "sh", "-c", "while :; do :; done" } } end
  return setmetatable({}, { __close = function()
    for _, child in ipairs(children) do
      child:kill "KILL"
      child:wait()
    end
  end })
end

local alone = hold(DAVIT, "--every", SOME, "--jobs", "1")

test("schedules of all kinds have the same events, several at once and on a busy machine", function()
  local _ <close> = load()
  equal(different(alone, hold(DAVIT, "--every", SOME, "--jobs", "4")), {})
end)

other_test("another compiler's schedules have them, too", function()
  equal(different(alone, hold(OTHER, "--every", SOME, "--jobs", "2")), {})
end)

test("a schedule that is replayed has the events that it had among the others", function()
  local id = next(alone)
  local folder <close> = fs.temporary()
  equal(hold(DAVIT, "--replay", id, "--log", folder / "log")[id], alone[id])
  equal(sha256(fs.read(folder / "log")), alone[id])
end)

test("another seed has other events", function()
  local none <const> = "1000000"
  equal(#different(hold(DAVIT, "--every", none), hold(DAVIT, "--every", none, "--seed", "2")), 2)
end)
