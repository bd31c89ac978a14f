---From SIGTERM to the printed resume command, and to the exit: a run that waits for a reply, one with 20
---children that obey, one with a child that ignores the signal. Each is a process of its own.
local core = require "core"
local fs = require "fs"
local measure = core.load_file("tests/measure.lua")()
local process = require "process"
local server = require "server"

local ROUNDS <const>, FEW <const> = measure.rounds(5), 1   -- few where the grace is waited for

local _ <close> = measure.section {
  name = "stop", title = "Stopping",
  about = "From SIGTERM to the printed resume command, and to the exit; each run is a process of its own.",
}

local here = process.run({ argv = { "pwd" } }).output:match("[^\n]+")
local davit = here .. "/" .. (os.getenv "DAVIT" or "build/davit")

-- What each run does before it says "up"; then it waits.
local recipes = {
  waiting = [[
    print "up"
    require("http").request { url = p.url, timeout = 60 }]],
  obeying = [[
    local children = {}
    for i = 1, 20 do
      children[i] = function()
        require("process").run { command = "echo up; exec sleep 60", output = "stream" }
      end
    end
    parallel(children)]],
  ignoring = [[
    local child <close> = require("process").start { command = "trap '' TERM; echo; while :; do sleep 60; done" }
    child:line()
    print "up"
    child:wait()]],
}

local function write_recipe(folder, name, body)
  fs.write(("%s/recipes/%s.lua"):format(folder, name), ([[
return {
  summary = "Waits until it is stopped", params = { url = { type = "string" } },
  run = function(p, run) run.step("wait", function() %s end) end,
}]]):format(body))
end

local function new_folder()
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  fs.write(folder .. "/davit.yaml", "version: 1\nproject: bench\n")
  for name, body in pairs(recipes) do write_recipe(folder, name, body) end
  return folder
end

local function await(child, pattern, count)
  for _ = 1, count do
    local line
    repeat
      line = child:line() or error("it ended early: " .. child:wait().errors, 0)
    until line:find(pattern)
  end
  return core.monotonic()
end

-- Seconds to the resume command, and to the exit.
local function stop(folder, name, url, ups, ci)
  local child <close> = process.start {
    command = ('exec "%s" run %s --url %s 2>&1'):format(davit, name, url), cwd = folder, env = { CI = ci },
  }
  await(child, "up", ups)
  local at = core.monotonic()
  child:kill "TERM"
  local told = await(child, "'davit resume ", 1) - at
  local result = child:wait()
  if result.exit ~= 10 then error(("%s: exit %s: %s"):format(name, result.exit or result.signal, result.errors), 0) end
  return told, core.monotonic() - at
end

local function tell(title, rounds, ...)
  local told, ended = {}, {}
  for i = 1, rounds do told[i], ended[i] = stop(...) end
  measure.line(title, "%6.1f ms to the resume command (at most %.1f), %7.1f ms to the exit (at most %.1f)",
    measure.percentile(told, 0.5) * 1000, measure.percentile(told, 1) * 1000, measure.percentile(ended, 0.5) * 1000,
    measure.percentile(ended, 1) * 1000)
end

local folder = new_folder()
server.with(function()
  sleep(600)
  return 204
end, function(silent)
  measure.heading("From SIGTERM on; median of %d, where the grace is waited for of %d", ROUNDS, FEW)
  tell("a run that waits for a reply", ROUNDS, folder, "waiting", silent.url, 1, false)
  tell("20 children that obey", ROUNDS, folder, "obeying", silent.url, 20, false)
  if measure.quick then return end
  tell("a child that ignores the signal (5 s of grace)", FEW, folder, "ignoring", silent.url, 1, false)
  tell("the same under CI (2 s of grace)", FEW, folder, "ignoring", silent.url, 1, "true")
end)
fs.remove(folder)
