---The same seed gives the same events, byte for byte: in process after process, beside others, and whichever compiler
---has built Davit. REPEAT says how often (12); OTHER names a Davit of another compiler.
local fs = require "fs"
local process = require "process"
local sha256 = require "sha256"

local DAVIT = os.getenv "DAVIT" or "build/davit"
local OTHER = os.getenv "OTHER" or "build/clang/davit"
local REPEAT <const> = tonumber(os.getenv "REPEAT" or "") or DAVIT:find("san", 1, true) and 3 or 12
local BESIDE <const> = 4   -- rehearsals at once

-- The events of the undisturbed run, and how one of the schedules ends.
local function events(davit, folder, name, arguments)
  local log = ("%s/%s.log"):format(folder, name)
  local argv = { davit, "rehearse", "preview", "--untested", "--pr", "42", "--project", "tests/projects/codex", "--log", log }
  table.move(arguments, 1, #arguments, #argv + 1, argv)
  process.run { argv = argv }
  return sha256(fs.read(log))
end

local function in_folder(f)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  return f(folder)
end

-- How many different ones there are of so many, some of them at once.
local function kinds(davit, arguments)
  return in_folder(function(folder)
    local seen, count = {}, 0
    for from = 1, REPEAT, BESIDE do
      local batch = {}
      for i = from, math.min(from + BESIDE - 1, REPEAT) do
        batch["run " .. i] = function() return events(davit, folder, i, arguments) end
      end
      for _, hash in pairs(parallel(batch)) do
        count = count + (seen[hash] and 0 or 1)
        seen[hash] = true
      end
    end
    return count, next(seen)
  end)
end

local UNDISTURBED <const> = { "--no-faults", "--every", "1000000", "--jobs", "1" }
local DISTURBED <const> = { "--replay", "reset:http:20" }

test("an undisturbed run has the same events in every process", function() equal(kinds(DAVIT, UNDISTURBED), 1) end)

test("a run that something went wrong in has the same events in every process", function()
  equal(kinds(DAVIT, DISTURBED), 1)
end)

test("another compiler's Davit has the same events", function()
  if not fs.exists(OTHER) then skip("there is no " .. OTHER) end
  in_folder(function(folder)
    equal(events(OTHER, folder, "other", DISTURBED), events(DAVIT, folder, "own", DISTURBED))
  end)
end)
