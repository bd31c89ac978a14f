---Standard streams that are closed, full, stalled or gone: what a program does then.
local fs = require "fs"
local process = require "process"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"

-- What the shell's command did; in it "$DAVIT" eval "$SCRIPT" runs the script. It has 30 s.
local function shell(command, script, o)
  return process.run {
    command = command, check = false, timeout = 30, cwd = o and o.cwd,
    env = { DAVIT = here .. "/" .. davit, SCRIPT = script or "" },
  }
end

local function contains(text, part)
  return text:find(part, 1, true) ~= nil
end

local function with_folder(f)
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  return f(folder)
end

-- Standard input --------------------------------------------------------------------------

local read = [[io.stderr:write(tostring(io.read "l"), " ", tostring(io.read "n"), " ", tostring(io.read "a"))]]

test("at the end of the input a read gives nil, and the rest of it is empty", function()
  equal(shell('exec "$DAVIT" eval "$SCRIPT" </dev/null', read).errors, "nil nil ")
  equal(shell('printf last | "$DAVIT" eval "$SCRIPT"', read).errors, "last nil ")
end)

test("an input that is closed is at its end, and no file takes its place", function()
  equal(shell('exec "$DAVIT" eval "$SCRIPT" <&-', read).errors, "nil nil ")
  with_folder(function(folder)
    local r = shell('exec "$DAVIT" eval "$SCRIPT" <&- >&- 2>&-',
      ('print "lost" io.stderr:write "lost" require("fs").write("%s/file", tostring(io.read "a"))'):format(folder))
    equal({ r.exit, fs.read(folder .. "/file") }, { 1, "" })
  end)
end)

-- Standard output -------------------------------------------------------------------------

test("output that is closed does not stop the program, and is no success where something was said", function()
  local r = shell('exec "$DAVIT" eval "$SCRIPT" >&-', [[for i = 1, 1000 do print(i) end io.stderr:write "done"]])
  equal({ r.exit, r.errors },
    { 1, "done\ndavit: cannot write to standard output: Bad file descriptor\n" })
  r = shell('exec "$DAVIT" eval "$SCRIPT" >&-', [[io.stderr:write "done"]])
  equal({ r.exit, r.errors }, { 0, "done" })
end)

test("the verbs and the filter fail alike where standard output is closed or full", function()
  for _, where in ipairs { ">&-", ">/dev/full" } do
    equal(shell('exec "$DAVIT" version ' .. where).exit, 1)
    local r = shell('echo text | SECRET=abcdefgh "$DAVIT" mask --secret-env SECRET ' .. where)
    equal({ r.exit, contains(r.errors, "cannot write to standard output") }, { 1, true })
  end
end)

test("a full disk below the output is said, and is no success", function()
  local r = shell('exec "$DAVIT" eval "$SCRIPT" >/dev/full', [[print "result" sleep(0) io.stderr:write "went on\n"]])
  equal({ r.exit, r.errors },
    { 1, "went on\ndavit: cannot write to standard output: No space left on device\n" })
end)

test("standard error that is closed or full changes nothing", function()
  for _, where in ipairs { "2>&-", "2>/dev/full" } do
    local r = shell('exec "$DAVIT" eval "$SCRIPT" ' .. where, [[io.stderr:write "lost" print "result"]])
    equal({ r.exit, r.output }, { 0, "result\n" })
  end
end)

test("an error keeps its exit code where nobody can read it", function()
  local failing = [[failure { code = "denied", message = "no" }]]
  equal(shell('exec "$DAVIT" eval "$SCRIPT" >&- 2>&-', failing).exit, 7)
  equal(shell('exec "$DAVIT" eval "$SCRIPT" >/dev/full 2>/dev/full', "print 'x' " .. failing).exit, 7)
end)

local ship = [[
return {
  summary = "Prints more than a pipe holds, between two steps",
  params = {},
  run = function(_, run)
    run.step("first", {}, function() for i = 1, 20000 do print("line", i) end end)
    run.step("second", {}, function() sleep(0) end)
    require("fs").write("finished", "yes")
  end,
}]]

local function with_project(f)
  with_folder(function(folder)
    fs.write(folder .. "/davit.yaml", "version: 1\nproject: streams\n")
    fs.write(folder .. "/recipes/ship.lua", ship)
    f(folder)
  end)
end

test("a reader that takes one line and goes does not stop a run in the middle", function()
  for _, both in ipairs { "", "2>&1" } do
    with_project(function(folder)
      shell(('{ "$DAVIT" run ship %s; echo $? >code; } | head -n 1'):format(both), nil, { cwd = folder })
      equal({ fs.read(folder .. "/code"), fs.exists(folder .. "/finished") }, { "0\n", true })
      equal(contains(shell('"$DAVIT" runs', nil, { cwd = folder }).output, "done"), true)
    end)
  end
end)

test("a run whose output found no room is finished all the same", function()
  with_project(function(folder)
    local r = shell('exec "$DAVIT" run ship >/dev/full', nil, { cwd = folder })
    equal({ r.exit, fs.exists(folder .. "/finished") }, { 1, true })
    equal(contains(r.errors, "cannot write to standard output: No space left on device"), true)
  end)
end)

-- A reader that stalls, a terminal that goes ----------------------------------------------------

test("a reader that stalls does not keep a signal from stopping the run", function()
  with_folder(function(folder)
    local child <close> = process.start {
      command = 'mkfifo pipe; sleep 1000 <pipe & exec "$DAVIT" eval "$SCRIPT" 2>&1 >pipe', cwd = folder,
      env = { DAVIT = here .. "/" .. davit, SCRIPT = [[
        local _ <close> = require("task").on_stop(function() io.stderr:write "checkpoint\n" end)
        io.stderr:write "up\n"
        print(("x"):rep(1 << 20))
        sleep(30)]] },
    }
    equal(child:line(), "up")
    process.run { command = "kill " .. child:pid() }
    equal(child:line(), "checkpoint")
    equal(child:wait().exit, 10)
  end)
end)

-- Davit in a terminal that is closed once it says "up"; then the file "gone" is there, and its exit code
-- comes into the file "code". `before` are words of the shell before it.
local function at_a_closed_terminal(folder, before, script)
  if shell("command -v script").exit ~= 0 then skip "script(1) is not here" end
  fs.write(folder .. "/start.sh", ('%s "$DAVIT" eval "$SCRIPT"; echo $? >code'):format(before))
  local terminal <close> = process.start {
    argv = { "script", "-qc", "sh start.sh", "/dev/null" }, cwd = folder,
    env = { DAVIT = here .. "/" .. davit, SHELL = "/bin/sh", SCRIPT = script },
  }
  repeat local line = terminal:line() until not line or contains(line, "up")
  process.run { command = "kill -KILL " .. terminal:pid() }
  terminal:wait()
  fs.write(folder .. "/gone", "")
  for _ = 1, 1000 do
    if fs.exists(folder .. "/code") and fs.read(folder .. "/code") ~= "" then break end
    sleep(0.01)
  end
  return fs.read(folder .. "/code")
end

test("a terminal that goes is SIGHUP, and no other error", function()
  with_folder(function(folder)
    local code = at_a_closed_terminal(folder, "trap : HUP;", [[
      print "up"
      local _, err = try(sleep, 30)
      print "to nobody"
      require("task").shield(require("fs").write, "stopped", err.message)
      error(err)]])
    equal({ fs.read(folder .. "/stopped"), code }, { "interrupted by SIGHUP", "10\n" })
  end)
end)

test("under nohup a run goes on without its terminal, and reads the end of the input there", function()
  with_folder(function(folder)
    equal(at_a_closed_terminal(folder, "trap '' HUP;", [[
      local fs = require "fs"
      print "up"
      while not fs.exists "gone" do sleep(0.01) end
      print "to nobody"
      fs.write("read", tostring(io.read "l"))]]), "0\n")
    equal(fs.read(folder .. "/read"), "nil")
  end)
end)

-- A pipe in place of a file --------------------------------------------------------------------

test("a pipe by name is read to its end, and waited for until somebody writes", function()
  with_folder(function(folder)
    local r = shell('mkfifo pipe; (sleep 0.1; echo one; sleep 0.1; echo two) >pipe & exec "$DAVIT" eval "$SCRIPT"',
      'io.write(require("fs").read "pipe")', { cwd = folder })
    equal({ r.exit, r.output }, { 0, "one\ntwo\n" })
  end)
end)

test("reading a pipe that nobody writes to ends with a deadline, and with the first signal", function()
  with_folder(function(folder)
    local deadline = 'require("task").deadline(0.1, require("fs").read, "pipe")'
    local r = shell('mkfifo pipe; exec "$DAVIT" eval "$SCRIPT"', deadline, { cwd = folder })
    equal({ r.exit, contains(r.errors, "the deadline of 0.1 s has passed") }, { 1, true })
    local child <close> = process.start {
      argv = { here .. "/" .. davit, "eval", 'print "up" require("fs").read "pipe"' }, cwd = folder,
    }
    child:line()
    child:kill "INT"
    equal(child:wait().exit, 10)
  end)
end)
