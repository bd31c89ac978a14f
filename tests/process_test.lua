---Children as recipes see them: real programs, started through the guard.
local fs = require "fs"
local process = require "process"
local secret = require "secret.core"
local task = require "task"

local function shell(command, o)
  o = o or {}
  o.command = command
  return process.run(o)
end

local function alive(pid)
  return process.alive(math.tointeger(pid))
end

local function dies(pid)
  for _ = 1, 100 do
    if not alive(pid) then return true end
    sleep(0.02)
  end
  return false
end

-- A daemon: forked twice, in a session of its own; prints its pid, holds none of our outputs.
local daemon = "(setsid sh -c 'echo $$ >&3; exec sleep 1000' >/dev/null 2>&1 3>&3 &) 3>&1; "

-- How it ends -------------------------------------------------------------------------

test("a program's output, errors and exit code come back", function()
  local r = shell("echo out; echo err >&2")
  r.seconds, r.peak = nil, nil
  equal(r, { exit = 0, output = "out\n", errors = "err\n", core = false, held = false, dropped = 0 })
end)

test("an exit code other than 0 is an error with the command and its last lines", function()
  local err = raises("'echo first; echo why >&2; exit 3' exited with code 3: why", shell,
    "echo first; echo why >&2; exit 3")
  equal(err.code, "process-exit")
  equal(err.exit, 3)
end)

test("an error shows no colours and moves no cursor", function()
  raises("exited with code 1: red and plain$", shell,
    [[printf '\033[1;31mred\033[0m \033]0;title\007and\007 \033[2Kplain\033(B\n' | sed 's/.(B$//' >&2; exit 1]])
end)

test("with check = false the exit code is a result", function()
  equal(shell("exit 3", { check = false }).exit, 3)
end)

test("a signal that ended it is named", function()
  local r = shell("kill -TERM $$", { check = false })
  equal(r.exit, nil)
  equal(r.signal, "SIGTERM")
  raises("was ended by SIGKILL", shell, "kill -KILL $$")
end)

test("a program that is not there says where it was looked for", function()
  local err = raises("cannot start 'no%-such%-program': not found in the folders of PATH: /nowhere %(is not there%);",
    process.run, { argv = { "no-such-program" }, env = { PATH = "/nowhere" } })
  equal(err.code, "process-not-found")
  equal(err.about, "no-such-program")
end)

test("a folder that is not there is named", function()
  raises("cannot start 'true' in the folder '/no/such': No such file", process.run,
    { argv = { "true" }, cwd = "/no/such" })
end)

test("a file that is no program says so", function()
  local err = raises("cannot start '/etc/passwd': /etc/passwd may not be executed %(mode 0644%)", process.run,
    { argv = { "/etc/passwd" } })
  equal(err.code, "process-failed")
end)

test("cwd is where it runs", function()
  equal(process.run({ argv = { "pwd" }, cwd = "/usr" }).output, "/usr\n")
end)

test("arguments arrive as they are", function()
  local argv = { "printf", "%s|", "", "a b", "$HOME", "'\"\\", "ä\n" }
  equal(process.run({ argv = argv }).output, "|a b|$HOME|'\"\\|ä\n|")
end)

test("arguments may be long", function()
  local r = process.run { argv = { "sh", "-c", "printf %s \"$1\" | wc -c", "sh", ("x"):rep(100000) } }
  equal(tonumber(r.output), 100000)
end)

-- Input and environment ------------------------------------------------------------------

test("without input a program reads nothing", function()
  equal(shell("cat").output, "")
end)

test("input larger than any pipe arrives whole", function()
  equal(tonumber(shell("wc -c", { input = ("0123456789"):rep(500000) }).output), 5000000)
end)

test("a program may leave its input unread", function()
  equal(shell("exit 0", { input = ("x"):rep(1000000) }).exit, 0)
end)

test("the environment is what is named and nothing else", function()
  local off = {}
  for _, name in ipairs { "CI", "HOME", "LANG", "LOGNAME", "NODE_EXTRA_CA_CERTS", "SSL_CERT_DIR",
                          "SSL_CERT_FILE", "TERM", "TMPDIR", "TZ", "USER", "LC_ALL", "LC_CTYPE" } do
    off[name] = false
  end
  off.PATH, off.B, off.A = "/usr/bin:/bin", "two words", ""
  equal(process.run({ argv = { "env" }, env = off }).output, "A=\nB=two words\nPATH=/usr/bin:/bin\n")
end)

test("PATH is inherited, a variable of Davit's own is not", function()
  local r = process.run { argv = { "/proc/self/exe", "eval", [[
    local out = require("process").run { argv = { "env" } }.output
    return out:find("PATH=", 1, true) ~= nil, out:find("STRANGER", 1, true) ~= nil]] },
    env = { STRANGER = "1" } }
  equal(r.output:match("(%S+)%s+(%S+)"), "true")
  equal(select(2, r.output:match("(%S+)%s+(%S+)")), "false")
end)

-- Output -------------------------------------------------------------------------------

test("a flood is bounded: the tail is kept", function()
  local r = shell("head -c 100000000 /dev/zero; echo; echo end")
  equal(#r.output, 1024 * 1024)
  equal(r.dropped, 100000005 - 1024 * 1024)
  equal(r.output:sub(-5), "\nend\n")
end)

test("max_output says how much of the tail is kept", function()
  local r = shell("echo 0123456789", { max_output = 4 })
  equal(r.output, "789\n")
  equal(r.dropped, 7)
end)

test("discarded output is nowhere", function()
  equal(shell("echo something", { output = "discard" }).output, "")
end)

test("streamed lines carry the prefix, the last one even without its end", function()
  local r = process.run { argv = { "/proc/self/exe", "eval", [[
    require("process").run {
      command = "echo one; echo two >&2; printf three", output = "stream", prefix = "[x] ",
    }]] } }
  local lines = {}
  for line in r.errors:gmatch("[^\n]+") do lines[#lines + 1] = line end
  table.sort(lines)
  equal(lines, { "[x] one", "[x] three", "[x] two" })
end)

test("a descendant that holds the output is waited for half a second", function()
  local r = shell("sleep 1000 & echo $!")
  equal(r.held, true)
  equal(r.seconds > 0.4 and r.seconds < 3, true)
  equal(alive(r.output:match("%d+")), true)
  shell("kill " .. r.output)
end)

-- Time, cancellation, descendants ------------------------------------------------------------

test("a timeout ends it with what it printed so far", function()
  local err = raises("'echo so far; exec sleep 1000' did not end within 0.2 s: so far", shell,
    "echo so far; exec sleep 1000", { timeout = 0.2 })
  equal(err.code, "process-timeout")
end)

test("SIGTERM comes first: a program may end in its own way", function()
  local err = raises("within 0.3 s", shell,
    "trap 'echo tidy; exit 0' TERM; while :; do sleep 0.05; done", { timeout = 0.3 })
  equal(err.exit, 0)
end)

test("a program that ignores SIGTERM is killed after its grace", function()
  local begun = os.clock()
  local err = raises("did not end", shell, "trap '' TERM; while :; do sleep 0.05; done",
    { timeout = 0.2, grace = 0.2 })
  equal(err.signal, "SIGKILL")
  equal(os.clock() - begun < 3, true)
end)

test("a deadline around it ends it, with its daemons", function()
  local pid
  raises("the deadline of 0.4 s", task.deadline, 0.4, function()
    local child <close> = process.start { command = daemon .. "exec sleep 1000" }
    pid = child:line()
    child:wait()
  end)
  equal(dies(pid), true)
end)

test("a sibling that fails ends it gracefully", function()
  local child
  raises("sibling", parallel, {
    a = function()
      child = shell("trap 'exit 0' TERM; while :; do sleep 0.05; done")
    end,
    b = function()
      sleep(0.2)
      failure("sibling")
    end,
  })
  equal(child, nil)
end)

test("killing Davit itself leaves nothing behind", function()
  local davit <close> = process.start { argv = { "/proc/self/exe", "eval", ([[
    local child = require("process").start { command = %q }
    print(child:line())
    sleep(1000)]]):format(daemon .. "trap '' TERM HUP; sleep 1000") } }
  local pid = davit:line()
  equal(alive(pid), true)
  shell("kill -KILL " .. davit:pid())
  equal(davit:wait().signal, "SIGKILL")
  equal(dies(pid), true)
end)

test("two hundred children at once", function()
  local branches = {}
  for i = 1, 200 do
    branches["child" .. i] = function() return tonumber(shell("echo " .. i).output) end
  end
  local results, sum = parallel(branches), 0
  for _, n in pairs(results) do sum = sum + n end
  equal(sum, 200 * 201 // 2)
end)

test("more children than the soft limit of descriptors allows; each gets that limit", function()
  local r = process.run { command = [[ulimit -Sn 128 && exec /proc/$PPID/exe eval "$CODE"]], env = { CODE = [[
    local process, branches = require "process", {}
    for i = 1, 100 do
      branches["child" .. i] = function() return process.run({ command = "ulimit -Sn; sleep 0.3" }).output end
    end
    local results, n = parallel(branches), 0
    for _, output in pairs(results) do n = n + (output == "128\n" and 1 or 0) end
    print(n)]] } }
  equal(r.output, "100\n")
end)

-- Beside the recipe -----------------------------------------------------------------------

test("lines are read as they come, and nil at the end", function()
  local child <close> = process.start { command = "echo one; echo; sleep 0.1; printf three" }
  equal({ child:line(), child:line(), child:line() }, { "one", "", "three" })
  equal(child:line(), nil)
  equal(child:line(), nil)
  local r = child:wait()
  equal(r.exit, 0)
  equal(r.output, "")
end)

test("two tasks may wait for one child", function()
  local child <close> = process.start { command = "sleep 0.1; echo x" }
  local r = parallel {
    line = function() return child:line() end,
    exit = function() return child:wait().exit end,
  }
  equal(r, { line = "x", exit = 0 })
end)

test("a signal can be sent by name", function()
  local child <close> = process.start {
    command = "trap 'echo usr; exit 4' USR1; echo ready; while :; do sleep 0.02; done",
  }
  child:line()
  child:kill("SIGUSR1")
  equal(child:line(), "usr")
  equal(child:wait().exit, 4)
end)

test("what has ended can be closed, and killed in vain", function()
  local child <close> = process.start { command = "exit 0" }
  child:wait()
  child:kill()
end)

test("a server that nobody reads does not block", function()
  local child <close> = process.start {
    command = "head -c 3000000 /dev/zero; echo; echo done >&2", max_output = 100,
  }
  equal(child:wait().errors, "done\n")
end)

test("start raises when the program is not there", function()
  raises("cannot start 'no%-such%-program'", process.start, { argv = { "no-such-program" } })
end)

test("a process is alive until it has ended", function()
  local child <close> = process.start { command = "sleep 1000" }
  local pid = child:pid()
  equal(process.alive(pid), true)
  child:kill("KILL")
  child:wait()
  equal(process.alive(pid), false)
  raises("process.alive: expected the number of a process, not 1.5", process.alive, 1.5)
  raises("process.alive: expected the number of a process, not 0", process.alive, 0)
end)

-- Secrets -------------------------------------------------------------------------------

test("a secret reaches the environment and the input, and is masked on its way back", function()
  local s = secret.new("TOKEN", "tok-1234567890", { "program:sh" })
  local r = shell("echo $TOKEN; echo ${#TOKEN} >&2; cat", { env = { TOKEN = s }, input = "in: " .. s })
  equal(r.output, "***\nin: ***")
  equal(r.errors, "14\n")
end)

test("a child reads a secret on a descriptor of its own, and nobody else has it", function()
  local s = secret.new("TOKEN", "tok-1234567890", { "program:sh" })
  local r = shell("cat <&4; cat <&3; ls /proc/self/fd | wc -l", { fds = { [3] = "plain ", [4] = "it is " .. s .. "; " } })
  equal(r.output, "it is ***; plain 6\n")
  local large = ("x"):rep(65536)
  equal(#shell("cat <&9", { fds = { [9] = large } }).output, 65536)
  equal(shell("cat <&3 | wc -c", { fds = { [3] = "" } }).output, "0\n")
  equal(shell("(: <&3) 2>/dev/null || echo closed").output, "closed\n")
end)

test("every descriptor arrives under its number", function()
  local fds, command = {}, ""
  for n = 3, 9 do
    fds[n] = tostring(n)
    command = command .. "cat <&" .. 12 - n .. ";"
  end
  for _ = 1, 3 do equal(shell(command, { fds = fds }).output, "9876543") end
end)

test("misuse of fds names what is wrong", function()
  local elsewhere = secret.new("OTHER", "oth-1234567890", { "https://api.example.com" })
  raises("OTHER may be sent to https://api.example.com only, not to program:.*%(descriptor 3%)", shell, "true",
    { fds = { [3] = elsewhere } })
  raises("fds is a table of descriptors from 3 to 9", shell, "true", { fds = { [2] = "x" } })
  raises("fds is a table of descriptors from 3 to 9", shell, "true", { fds = { a = "x" } })
  raises("fds%[3%] must be a string or a secret, not a boolean", shell, "true", { fds = { [3] = true } })
  raises("fds%[3%] is larger than 65536 bytes", shell, "true", { fds = { [3] = ("x"):rep(65537) } })
end)

test("a secret bound elsewhere is refused", function()
  local s = secret.new("OTHER", "oth-1234567890", { "https://api.example.com" })
  raises("OTHER", shell, "true", { env = { OTHER = s } })
end)

test("another program of the same name is not the one that a secret is for", function()
  local folder <close> = fs.temporary()
  local mine = folder / "cat"
  fs.write(mine, "#!/bin/sh\necho got $TOKEN\nexec sed d\n", { mode = "0755", outside = true })
  local s = secret.new("TOKEN", "tok-1234567890", { "program:cat" })
  local refused = "TOKEN may be sent to program:cat only, not to program:"
  raises(refused, process.run, { argv = { mine }, env = { TOKEN = s } })
  raises(refused, process.run, { argv = { "./cat" }, cwd = folder.path, env = { TOKEN = s } })
  raises(refused, process.run, { argv = { "cat" }, env = { TOKEN = s, PATH = folder.path .. ":/usr/bin:/bin" } })
  raises(refused, process.run, { argv = { "cat" }, cwd = folder.path, env = { TOKEN = s, PATH = ".:/bin" } })
  raises(refused, process.run, { argv = { mine }, input = s })
  local child <close> = process.start { argv = { mine }, input = true }
  raises(refused, child.write, child, s)
  equal(process.run { argv = { "cat" }, input = s }.output, "***")
end)

test("a program that is no other's may be bound by its path", function()
  local folder <close> = fs.temporary()
  local mine = folder / "tool"
  fs.write(mine, "#!/bin/sh\necho ${#TOKEN}\n", { mode = "0755", outside = true })
  local s = secret.new("TOKEN", "tok-1234567890", { "program:" .. mine })
  equal(process.run { argv = { mine }, env = { TOKEN = s } }.output, "14\n")
  equal(process.run { argv = { "./tool" }, cwd = folder.path, env = { TOKEN = s } }.output, "14\n")
  raises("TOKEN may be sent to", process.run, { argv = { "sh" }, env = { TOKEN = s } })
end)

test("a secret among the arguments is refused", function()
  local s = secret.new("TOKEN", "tok-1234567890", { "program:echo" })
  raises("process.run: argv%[2%] cannot hold a secret", process.run, { argv = { "echo", s } })
  raises("'command' cannot hold a secret", process.run, { command = "echo " .. s })
end)

-- Misuse ---------------------------------------------------------------------------------

test("options are read strictly", function()
  raises("process.run: expected a table of options, not a string", process.run, "ls")
  raises("unknown option 'comand' %(expected timeout", process.run, { comand = "ls" })
  raises("unknown option 'timeout'", process.start, { command = "ls", timeout = 3 })
  raises("process.run: give argv, a list, or command", process.run, {})
  raises("process.run: give argv, a list, or command", process.run, { argv = { "a" }, command = "b" })
  raises("argv is a list of at least one string", process.run, { argv = {} })
  raises("argv is a list of at least one string", process.run, { argv = { "a", x = "b" } })
  raises("argv%[2%] must be a string, not a number", process.run, { argv = { "sleep", 1 } })
  raises("argv%[1%] is empty or holds a NUL", process.run, { argv = { "" } })
  raises("argv%[2%] is empty or holds a NUL", process.run, { argv = { "a", "b\0c" } })
  raises("'command' holds a NUL", process.run, { command = "a\0b" })
  raises("'cwd' holds a NUL", process.run, { command = "ls", cwd = "/\0b" })
  raises("'argv' must be a table, not a string", process.start, { argv = "ls" })
  raises("timeout is seconds above 0", process.run, { command = "ls", timeout = 0 })
  raises("grace seconds of at least 0", process.run, { command = "ls", grace = -1 })
  raises("max_output is 0 to", process.run, { command = "ls", max_output = -1 })
  raises("output is 'stream', 'capture' or 'discard', not 'none'", process.run,
    { command = "ls", output = "none" })
  raises("prefix goes with output", process.run, { command = "ls", prefix = "x" })
  raises("env is a table NAME = value", process.run, { command = "ls", env = { "x" } })
  raises("'A=B' cannot be the name", process.run, { command = "ls", env = { ["A=B"] = "x" } })
  raises("'A' cannot be the name", process.run, { command = "ls", env = { ["A\0B"] = "x" } })
  raises("'' cannot be the name", process.run, { command = "ls", env = { [""] = "x" } })
  raises("env.A must be a string, or false to leave it out, not a number", process.run,
    { command = "ls", env = { A = 1 } })
  raises("env.A holds a NUL", process.run, { command = "ls", env = { A = "x\0y" } })
  raises("'cwd' must be a string", process.run, { command = "ls", cwd = 3 })
  raises("'input' must be a string", process.run, { command = "ls", input = 3 })
  raises("'check' must be true or false", process.run, { command = "ls", check = 1 })
end)

test("methods are called with a colon and know their arguments", function()
  local child <close> = process.start { command = "sleep 1000", output = "discard" }
  raises("child.wait: call it with a colon, child:wait%(%)", child.wait)
  raises("child.line: call it with a colon", child.line, {})
  raises("expected the name of a signal, not a number", child.kill, child, 9)
  raises("there is no signal 'NONE'", child.kill, child, "NONE")
  raises("the output of this child is discarded", child.line, child)
end)

test("a closed child says so", function()
  local kept
  do
    local child <close> = process.start { command = "sleep 1000" }
    kept = child
  end
  raises("this child was closed", kept.wait, kept)
end)
