---What a signal does to the program itself and to its children: once it asks, twice it ends.
---Each program here says "up" on a line when it is where the signal should find it.
local fs = require "fs"
local process = require "process"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"

-- Davit running a text of Lua; `before` are words of the shell before it. CI counts only where named.
local function start(script, o)
  o = o or {}
  local child = process.start {
    command = (o.before or "") .. ' exec "$DAVIT" eval "$SCRIPT"',
    env = { DAVIT = davit, SCRIPT = script, CI = o.ci or false, COMMAND = o.command or "" },
  }
  return child, child:line()
end

local function after_signal(name, script, o)
  local child <close> = start(script, o)
  child:kill(name)
  return child:wait()
end

local function contains(text, part)
  return text:find(part, 1, true) ~= nil
end

-- Asking the run ------------------------------------------------------------------------

test("one signal stops the run at its next wait", function()
  for _, name in ipairs { "HUP", "INT", "TERM" } do
    local result = after_signal(name, "print 'up' sleep(30)")
    equal({ result.exit, contains(result.errors, "interrupted by SIG" .. name) }, { 10, true })
  end
end)

-- While it is stopped they wait for it, so that it meets both when it goes on.
local function signal_together(child)
  process.run { command = ("p=%d; kill -STOP $p; kill -INT $p; kill -TERM $p; kill -CONT $p"):format(child:pid()) }
end

test("two signals at the same moment are one: clean-up still runs", function()
  local child <close> = start [[print "up" try(sleep, 30) print "cleaned up"]]
  signal_together(child)
  local result = child:wait()
  equal({ result.exit, result.output }, { 0, "cleaned up\n" })
end)

test("signals that go on until it has ended are no reason to crash", function()
  local child <close> = start [[print "up" try(sleep, 30) print "cleaned up"]]
  process.run { command = ("while kill -TERM %d 2>/dev/null; do :; done"):format(child:pid()), check = false }
  local result = child:wait()
  equal({ math.type(result.exit), result.signal }, { "integer" })
end)

test("nohup keeps it from ending with the terminal", function()
  local result = after_signal("HUP", [[print "up" sleep(0.3) print "still here"]], { before = "trap '' HUP;" })
  equal(result.output, "still here\n")
end)

-- A second signal -------------------------------------------------------------------------

local function signalled_twice(script)
  local child <close> = start(script)
  child:kill "INT"
  sleep(0.1)
  child:kill "TERM"
  return child:wait()
end

test("a second one ends it although clean-up is under way", function()
  equal(signalled_twice("print 'up' require('task').shield(sleep, 30)").exit, 10)
end)

test("a second one ends what computes in a shield, and in C", function()
  equal(signalled_twice("print 'up' require('task').shield(function() while true do end end)").exit, 10)
  equal(signalled_twice("print 'up' print(('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40) .. 'b'))").exit, 10)
end)

-- Who is told of it ------------------------------------------------------------------------

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

-- Lua that never waits -----------------------------------------------------------------------

local function interrupts(script)
  local result = after_signal("INT", script)
  equal({ result.exit, result.errors:match "interrupted by SIGINT" }, { 10, "interrupted by SIGINT" })
  return result.output
end

test("one signal stops Lua that computes without waiting", function()
  interrupts "print 'up' while true do end"
end)

test("it stops a recipe's own coroutine, and a branch", function()
  interrupts "print 'up' coroutine.wrap(function() while true do end end)()"
  interrupts "print 'up' while true do coroutine.wrap(function() end)() end"
  interrupts "print 'up' parallel { a = function() while true do end end, b = function() sleep(30) end }"
end)

test("it stops a coroutine that goes on after another, and one that begins later", function()
  interrupts "print 'up' coroutine.wrap(function() end)() while true do end"
  interrupts "print 'up' try(sleep, 30) coroutine.wrap(function() while true do end end)()"
end)

test("a shield keeps it away, and what follows is stopped", function()
  equal(interrupts [[
    local core = require "core"
    print "up"
    require("task").shield(function()
      local begun = core.monotonic()
      while core.monotonic() - begun < 1 do end
      print "the shielded work is whole"
    end)
    while true do end
  ]], "the shielded work is whole\n")
end)

test("the watcher of a run that computes is told before the run has ended", function()
  equal(interrupts [[
    local task = require "task"
    local _ <close> = task.on_stop(function(stop) print("checkpoint for " .. stop.signal) end)
    print "up"
    while true do end
  ]], "checkpoint for SIGINT\n")
end)

-- What children hear of it ------------------------------------------------------------------

local function with_folder(f)
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  return f(folder)
end

-- Ends when it was told a signal, and writes which into the folder.
local function listening(folder)
  return ("for s in HUP INT TERM; do trap \"echo $s >'%s/heard'; exit\" $s; done; "):format(folder) ..
    "echo up; while :; do sleep 0.02; done"
end

-- Holds one child, the program COMMAND, and says what it says.
local holder = [[
  local child <close> = require("process").start { command = os.getenv "COMMAND", grace = %s }
  print(child:line())
  %s]]

local waiting, passing = holder:format("nil", "child:wait()"), holder:format("nil", "")

for _, name in ipairs { "HUP", "INT", "TERM" } do
  test(("a child gets SIG%s when Davit does"):format(name), function()
    with_folder(function(folder)
      equal(after_signal(name, waiting, { command = listening(folder) }).exit, 10)
      equal(fs.read(folder .. "/heard"), name .. "\n")
    end)
  end)
end

test("a child that must end for another reason gets SIGTERM", function()
  with_folder(function(folder)
    local child <close> = start(passing, { command = listening(folder) })
    equal({ child:wait().exit, fs.read(folder .. "/heard") }, { 0, "TERM\n" })
  end)
end)

-- Says its own number, its keeper's, the guard's, and that of a daemon that it has left: forked
-- twice, in a session of its own. It does not listen to signals.
local deaf = [[
  trap '' HUP INT TERM
  while read -r name value; do [ "$name" = PPid: ] && guard=$value; done </proc/$PPID/status
  (setsid sh -c 'echo $$ >&3; exec sleep 1000' >/dev/null 2>&1 3>&4 &) 4>&1 | {
    read -r daemon
    echo "$$ $PPID $guard $daemon"
  }
  while :; do sleep 1; done]]

local function alive(pid)
  return process.alive(math.tointeger(pid))
end

local function dies(pid)
  for _ = 1, 500 do
    if not alive(pid) then return true end
    sleep(0.02)
  end
  return false
end

-- Starts Davit with a deaf child, calls f(davit, numbers), and looks who is left.
local function leaves_nobody(f, script)
  local child <close>, line = start(script or waiting, { command = deaf })
  local own, keeper, guard, daemon = line:match "(%d+) (%d+) (%d+) (%d+)"
  equal({ alive(own), alive(daemon) }, { true, true })
  f(child, { keeper = keeper, guard = guard })
  equal({ dies(own), dies(daemon) }, { true, true })
end

local function kill(signal, pid)
  process.run { command = ("kill -%s %s"):format(signal, pid) }
end

test("a child that ignores the signal is gone after its grace, with its daemon", function()
  leaves_nobody(function(child)
    child:kill "INT"
    equal(child:wait().exit, 10)
  end, holder:format("0.3", "child:wait()"))
end)

test("a child that ignores the signal does not delay who watches", function()
  leaves_nobody(function(child)
    child:kill "TERM"
    equal(child:line(), "checkpoint")
    equal(child:wait().exit, 10)
  end, "local _ <close> = require('task').on_stop(function() print 'checkpoint' end)" ..
    holder:format("0.3", "child:wait()"))
end)

test("a second signal leaves nobody behind", function()
  leaves_nobody(function(child)
    child:kill "INT"
    sleep(0.1)
    child:kill "INT"
    equal(child:wait().exit, 10)
  end)
end)

test("SIGKILL of Davit leaves nobody behind, although the terminal signalled the guard before", function()
  leaves_nobody(function(child, pids)
    for _, signal in ipairs { "INT", "HUP", "TERM", "QUIT" } do kill(signal, pids.guard) end
    equal(alive(pids.guard), true)
    child:kill "KILL"
    equal(child:wait().signal, "SIGKILL")
  end)
end)

test("the guard killed before Davit, or after it, leaves no running child behind", function()
  leaves_nobody(function(child, pids)
    kill("KILL", pids.guard)
    child:kill "KILL"
  end)
  leaves_nobody(function(child, pids)
    -- The guard may have ended by itself when its turn comes.
    process.run { command = ("kill -KILL %d %d || true"):format(child:pid(), pids.guard) }
  end)
end)

test("a keeper killed before Davit leaves its child to the guard", function()
  leaves_nobody(function(child, pids)
    kill("KILL", pids.keeper)
    child:kill "KILL"
  end)
end)

-- The journal ----------------------------------------------------------------------------------

local recipe = [[
return {
  summary = "Two steps, of which the second never ends",
  params = {},
  run = function(_, run)
    run.step("first step", {}, function() return "its result" end)
    run.step("second step", {}, function()
      io.stderr:write "up\n"
      require("task").shield(sleep, 1000)
    end)
  end,
}]]

test("after a second signal, and after SIGKILL, the journal opens and has all that was done", function()
  with_folder(function(folder)
    fs.write(folder .. "/davit.yaml", "version: 1\nproject: two\n")
    fs.write(folder .. "/recipes/ship.lua", recipe)
    for i, signals in ipairs { { "INT", "TERM" }, { "KILL" } } do
      local child <close> = process.start { command = "exec " .. here .. "/" .. davit .. " run ship 2>&1", cwd = folder }
      repeat local line = child:line() until not line or line == "up"
      for _, name in ipairs(signals) do
        child:kill(name)
        sleep(0.1)
      end
      equal(child:wait().exit, i == 1 and 10 or nil)
      local id = process.run { argv = { here .. "/" .. davit, "runs" }, cwd = folder }.output:match "ship%-%S+"
      local shown = process.run { argv = { here .. "/" .. davit, "show", id, "--json" }, cwd = folder }.output
      equal({ contains(shown, "first step"), contains(shown, "its result"), contains(shown, "second step") },
        { true, true, true })
    end
  end)
end)
