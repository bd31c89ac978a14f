---Children that do not want to end, or to be read: nothing of them survives, nothing waits for ever.
local process = require "process"
local task = require "task"

local function alive(pid) return process.alive(math.tointeger(tonumber(pid))) end

local function die(...)
  for _, pid in ipairs { ... } do
    for _ = 1, 150 do
      if not alive(pid) then break end
      sleep(0.02)
    end
    if alive(pid) then return false end
  end
  return true
end

-- Starts the command, reads n pids from it, then lets its scope end.
local function abandon(command, n, o)
  o = o or {}
  o.command, o.grace = command, o.grace or 0.1
  local pids = {}
  do
    local child <close> = process.start(o)
    for i = 1, n or 1 do pids[i] = child:line() end
  end
  return table.unpack(pids)
end

test("one that floods", function()
  equal(die(abandon "echo $$; exec cat /dev/zero"), true)
  equal(die(abandon "echo $$; exec yes"), true)
end)

test("one that floods while its time runs out", function()
  local err = raises("did not end within 0.3 s", process.run,
    { command = "exec yes", timeout = 0.3, grace = 0.1, max_output = 1000 })
  equal(err.code, "process-timeout")
end)

test("one that ignores every signal it can", function()
  equal(die(abandon "trap '' HUP INT QUIT TERM USR1 USR2 PIPE TSTP; echo $$; while :; do sleep 0.05; done"), true)
end)

test("one that stops itself is woken, and ends in its own way", function()
  local err = raises("did not end within 0.3 s: tidy", process.run, {
    command = "trap 'echo tidy; exit 0' TERM; kill -STOP $$; sleep 1000", timeout = 0.3, grace = 5 })
  equal(err.exit, 0)
end)

test("one that stops itself and ignores signals", function()
  equal(die(abandon "trap '' TERM CONT; echo $$; while :; do kill -STOP $$; done"), true)
end)

test("one that forks twice into a session of its own, and holds the pipes", function()
  local a, b = abandon("echo $$; setsid sh -c 'setsid sh -c \"trap \\\"\\\" TERM HUP; echo \\$\\$; sleep 1000; :\" & exit' & sleep 1000", 2)
  equal(die(a, b), true)
end)

test("one whose many children each ignore signals", function()
  local pids = { abandon([[trap '' TERM; for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'echo $$; exec sleep 1000' & done; sleep 1000]], 8) }
  equal(#pids, 8)
  equal(die(table.unpack(pids)), true)
end)

test("one that closes its outputs and goes on is waited for", function()
  local r = process.run { command = "echo before; exec >&- 2>&-; sleep 0.2; exit 5", check = false }
  equal({ r.output, r.exit, r.held }, { "before\n", 5, false })
  equal(die(abandon "echo $$; exec >&- 2>&-; trap '' TERM; while :; do sleep 0.05; done"), true)
end)

test("one that closes its terminal and goes on", function()
  local r = process.run { command = "echo before; exec >&- 2>&- ; sleep 0.2; exit 5", check = false, pty = true }
  equal({ r.output, r.exit }, { "before\n", 5 })
end)

test("one on a terminal whose descendant left the session", function()
  equal(die(abandon("setsid sh -c 'trap \"\" HUP TERM; echo $$; sleep 1000; :' & trap '' HUP TERM; sleep 1000", 1, { pty = true })), true)
end)

test("one that breeds as fast as it can", function()
  local pids = { abandon("n=0; while [ $n -lt 200 ]; do sleep 1000 & echo $!; n=$((n + 1)); done; trap '' TERM; sleep 1000", 200) }
  equal(#pids, 200)
  equal(die(table.unpack(pids)), true)
end)

test("one that ends at once while it is being ended", function()
  for _ = 1, 50 do
    local child <close> = process.start { command = "exit 0" }
    child:kill "TERM"
  end
end)

test("one that runs with another's rights is ended as long as it is ours", function()
  local made = process.run { check = false, command = [[
    [ "$(id -u)" = 0 ] || exit 77
    folder=$(mktemp -d) && chmod 755 $folder && cp "$(command -v sleep)" $folder/held && chmod 4755 $folder/held
    cd / && setpriv --reuid=65534 --regid=65534 --clear-groups $folder/held 0 2>/dev/null || { rm -r $folder; exit 77; }
    echo $folder]] }
  if made.exit == 77 then skip "only root can try this" end
  local folder = made.output:match("[^\n]+")
  local killer = process.run { check = false, command = ([[
    cp /proc/$PPID/exe %s/davit && chmod 755 %s/davit && cd / &&
    setpriv --reuid=65534 --regid=65534 --clear-groups %s/davit eval "$CODE"]]):format(folder, folder, folder),
    env = { CODE = ([[
      local p = require "process"
      local child <close> = p.start { argv = { "%s/held", "1000" } }
      print(child:pid())
      child:kill "KILL"
      print(child:wait().signal)]]):format(folder) } }
  process.run { argv = { "rm", "-r", folder } }
  equal(killer.output:match("%d+\n(%a+)"), "SIGKILL")
end)

test("none that a cancelled sibling started is left", function()
  local pids = {}
  raises("enough", parallel, {
    a = function()
      local child <close> = process.start { command = "trap '' TERM; setsid sleep 1000 & echo $!; echo $$; sleep 1000", grace = 0.1 }
      pids[1], pids[2] = child:line(), child:line()
      child:wait()
    end,
    b = function()
      while #pids < 2 do sleep(0.01) end
      failure "enough"
    end,
  })
  equal(die(table.unpack(pids)), true)
end)

test("a gibibyte is read in bounded memory", function()
  local r = process.run { argv = { "/proc/self/exe", "eval", [[
    local p = require "process"
    local r = p.run { command = "head -c 1073741824 /dev/zero", max_output = 1000 }
    print(r.dropped + #r.output)
    print(p.run { command = "grep VmHWM /proc/$(cut -d' ' -f4 /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/stat)/status" }.output)]] } }
  equal(r.output:match("^%d+"), "1073741824")
  equal(tonumber(r.output:match("VmHWM:%s+(%d+)")) < 100 * 1024, true)
end)

test("a deadline passes over one that never says anything", function()
  local pid
  raises("the deadline of 0.3 s", task.deadline, 0.3, function()
    local child <close> = process.start { command = "trap '' TERM; sleep 1000", grace = 0.1 }
    pid = child:pid()
    child:line()
  end)
  equal(die(pid), true)
end)
