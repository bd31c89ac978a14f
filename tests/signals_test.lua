---What a signal does to the program itself: once it asks, twice it ends.
local process = require "process"

local davit = os.getenv "DAVIT" or "build/davit"

local function interrupted(script, times)
  local child <close> = process.start { argv = { davit, "eval", script } }
  child:line()
  for _ = 1, times do
    child:kill "INT"
    sleep(0.1)
  end
  return child:wait()
end

test("one signal stops the run at its next wait", function()
  local result = interrupted("io.write 'up\\n' sleep(30)", 1)
  equal({ result.exit, result.errors:find("interrupted by SIGINT", 1, true) ~= nil }, { 10, true })
end)

test("a second one ends it although clean-up is under way", function()
  equal(interrupted("io.write 'up\\n' require('task').shield(sleep, 30)", 2).exit, 10)
end)

test("a second one ends what never waits", function()
  equal(interrupted("io.write 'up\\n' while true do end", 2).exit, 10)
end)

local function started(before, script)
  local child = process.start { command = ("%s exec %s eval '%s'"):format(before, davit, script) }
  child:line()
  return child
end

test("two signals at the same moment are one: clean-up still runs", function()
  local child <close> = started("", [[print "up" try(sleep, 30) print "cleaned up"]])
  child:kill "TERM"
  child:kill "TERM"
  local result = child:wait()
  equal({ result.exit, result.output }, { 0, "cleaned up\n" })
end)

test("nohup keeps it from ending with the terminal", function()
  local child <close> = started("trap '' HUP;", [[print "up" sleep(0.3) print "still here"]])
  child:kill "HUP"
  equal(child:wait().output, "still here\n")
end)

-- Who is told of it ------------------------------------------------------------------

-- What the script writes when it is sent the signal after its first line.
local function after_signal(name, script)
  local child <close> = started("", script)
  child:kill(name)
  return child:wait()
end

test("a watcher is told the signal at once, while children still clean up", function()
  local result = after_signal("TERM", [[
    local task = require "task"
    local _ <close> = task.on_stop(function(stop) print(stop.code, stop.signal, stop.reason) end)
    print "up"
    parallel {
      slow = function()
        local _ <close> = setmetatable({}, { __close = function() task.shield(sleep, 0.2) print "cleaned up" end })
        sleep(30)
      end,
    }
  ]])
  equal({ result.exit, result.output },
    { 10, "interrupted\tSIGTERM\tinterrupted by SIGTERM\ncleaned up\n" })
end)

test("a watcher may wait, and the end of its scope waits for it", function()
  local result = after_signal("HUP", [[
    local task = require "task"
    local _ <close> = task.on_stop(function(stop) sleep(0.2) print("checkpoint for " .. stop.signal) end)
    print "up"
    sleep(30)
  ]])
  equal({ result.exit, result.output }, { 10, "checkpoint for SIGHUP\n" })
end)
