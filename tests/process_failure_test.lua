---Children that cannot be started, and what the ending of one means.
local ending = require "process.ending"
local process = require "process"

local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")

-- Makes a file in the folder by a shell, whose $1 it is.
local function make(name, command)
  process.run { argv = { "sh", "-c", command, "sh", name }, cwd = folder }
  return folder .. "/" .. name
end

local function fails(pattern, code, argv, o)
  o = o or {}
  o.argv = argv
  local err = raises(pattern, process.run, o)
  equal({ err.code, err.class }, { code, "fatal" })
end

-- Not started ----------------------------------------------------------------------------

test("a whole line as the program's name says how arguments are written", function()
  local err = raises("cannot start 'ls %-l': not found", process.run, { argv = { "ls -l" } })
  equal(err.hint:find("argv is a list of arguments", 1, true) ~= nil, true)
end)

test("a name is looked for in each folder of the child's own PATH", function()
  make("tool", "printf '#!/bin/sh\\necho mine' >$1; chmod +x $1")
  equal(process.run({ argv = { "tool" }, env = { PATH = "/nowhere:" .. folder } }).output, "mine\n")
  equal(process.run({ argv = { "tool" }, env = { PATH = "." }, cwd = folder }).output, "mine\n")
  fails("not found in the folders of PATH: /usr/bin, /nowhere %(is not there%)", "process-not-found", { "tool" },
    { env = { PATH = "/usr/bin:/nowhere" } })
  fails("not found in the folders of PATH, which is not set: /usr/bin, /bin", "process-not-found", { "tool" },
    { env = { PATH = false } })
end)

test("a path says which file was meant", function()
  fails("cannot start 'sub/tool': there is no file " .. folder .. "/sub/tool; a relative path counts from",
    "process-not-found", { "sub/tool" }, { cwd = folder })
  fails("there is no file /no/such$", "process-not-found", { "/no/such" })
end)

test("a folder is none", function()
  fails("cannot start '/usr': /usr is a folder", "process-failed", { "/usr" })
end)

test("a file without the permission is told from one that is missing", function()
  local file = make("plain", "echo 'echo x' >$1; chmod 640 $1")
  fails(file .. " may not be executed %(mode 0640%); chmod %+x", "process-failed", { file })
  fails(file .. " may not be executed", "process-failed", { "plain" }, { env = { PATH = "/nowhere:" .. folder } })
end)

test("a script whose interpreter is missing says so", function()
  local file = make("script", "printf '#!/no/such/node -x\\n' >$1; chmod +x $1")
  fails("the first line of " .. file .. " asks for '/no/such/node', which is not there", "process-failed", { file })
  file = make("windows", "printf '#!/bin/sh\\r\\necho x\\r\\n' >$1; chmod +x $1")
  fails("asks for '/bin/sh' with a carriage return behind it", "process-failed", { file })
end)

test("a text without a first line is no program", function()
  local file = make("text", "echo 'echo x' >$1; chmod +x $1")
  fails(file .. " is no program and has no '#!' line", "process-failed", { file })
end)

test("a program for another machine is told", function()
  local other = process.run({ argv = { "uname", "-m" } }).output == "aarch64\n" and { 62, "x86_64" } or { 183, "aarch64" }
  local file = make("foreign", ("{ head -c 18 /bin/sh; printf '\\%o\\0'; tail -c +21 /bin/sh; } >$1; chmod +x $1")
    :format(other[1]))
  fails(file .. " was built for " .. other[2] .. ", this machine is", "process-failed", { file })
end)

test("a program whose loader is missing is told", function()
  local file = make("musl", "sed 's,/lib64/ld-linux,/lib64/ld-nobody,; s,/lib/ld-linux,/lib/ld-nobody,' /bin/sh >$1; chmod +x $1")
  fails("the loader that " .. file .. " was linked with is not there", "process-failed", { file })
end)

test("arguments that are too long are told", function()
  fails("Argument list too long; its arguments and environment", "process-failed", { "true", ("x"):rep(1 << 22) })
end)

-- How it ended --------------------------------------------------------------------------

local function ended(with)
  local result = { output = "", errors = "", core = false, peak = 50 << 20 }
  for key, value in pairs(with) do result[key] = value end
  return result
end

local RISE = "the kernel's count of processes killed for want of memory rose from 0 to 1 (memory.events)"

test("a kill that the kernel counted is want of memory, also of a shell's child", function()
  for _, how in ipairs { { signal = "SIGKILL" }, { exit = 137 } } do
    how.oom = RISE
    local code, what = ending.of(ended(how))
    equal({ code, what }, { "process-memory", "was killed for want of memory (" .. RISE .. ")" })
  end
end)

test("a kill that it did not count is none", function()
  local code, what, hint = ending.of(ended { signal = "SIGKILL" })
  equal({ code, what }, { "process-exit", "was ended by SIGKILL" })
  equal(hint:find("Davit did not kill it", 1, true), 1)
end)

test("another failure while it counted one is told beside", function()
  local code, what, hint = ending.of(ended { exit = 1, oom = RISE })
  equal({ code, what, hint }, { "process-exit", "exited with code 1", RISE })
end)

test("an abort that complains of memory likely is for want of it", function()
  local code, what = ending.of(ended { signal = "SIGABRT", core = true,
    errors = "FATAL ERROR: JavaScript heap out of memory\n" })
  equal({ code, what }, { "process-memory",
    "was ended by SIGABRT (core dumped), likely for want of memory: it said 'out of memory'" })
  equal(ending.of(ended { exit = 1, errors = "test 'out of memory' failed" }), "process-exit")
end)

test("under a limit an abort is enough, or a complaint", function()
  local code, what = ending.of(ended { signal = "SIGSEGV" }, 64 << 20)
  equal({ code, what }, { "process-memory",
    "was ended by SIGSEGV, likely for want of memory: its limit was 64 MiB, it had 50 MiB" })
  equal(ending.of(ended { exit = 2, errors = "x: Cannot allocate memory" }, 64 << 20), "process-memory")
  equal(ending.of(ended { exit = 2, errors = "no such file" }, 64 << 20), "process-exit")
end)

test("what ended well did", function()
  equal(ending.of(ended { exit = 0, oom = RISE }, 1), nil)
end)

test("a limit of memory is kept, and its breach told", function()
  local err = raises("likely for want of memory: its limit was 64 MiB, it had %d+ MiB", process.run,
    { command = "head -c 300000000 /dev/zero | tail", memory = 64 << 20 })
  equal(err.code, "process-memory")
  equal(process.run({ command = "echo fine", memory = 64 << 20 }).output, "fine\n")
  raises("memory is a limit in bytes", process.run, { command = "true", memory = -1 })
end)

test("the largest of its processes is measured", function()
  local peak = process.run({ command = "head -c 100000000 /dev/zero | tail -c 100000000 >/dev/null" }).peak
  equal(peak > (90 << 20) and peak < (400 << 20), true)
end)

-- Version 1 and 2 of control groups, where this process may make one.
local CAGE = [[
  for at in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    group=$at/davit-test-$$
    mkdir "$group" 2>/dev/null || continue
    for file in memory.max memory.limit_in_bytes; do
      [ -w "$group/$file" ] && echo 60000000 >"$group/$file" && echo $$ >"$group/cgroup.procs" && made=1
    done
    [ "$made" ] && break
    rmdir "$group"
  done
  [ "$made" ] || exit 77
  [ -w "$group/memory.swap.max" ] && echo 0 >"$group/memory.swap.max"
  ( exec /proc/$PPID/exe eval "$CODE" )
  code=$?
  echo $$ >"$at/cgroup.procs"
  for i in 1 2 3 4 5 6 7 8 9 10; do rmdir "$group" 2>/dev/null && break; sleep 0.1; done
  exit $code]]

test("a child that the kernel really kills for want of memory is told", function()
  local r = process.run { command = CAGE, check = false, env = { CODE = [[
    require("process").run { command = "tail /dev/zero; exit $?" }]] } }
  if r.exit == 77 then skip "no control group can be made here" end
  equal(r.errors:find("was killed for want of memory (the kernel's count of processes killed for want of memory rose " ..
    "from 0 to 1 (/sys/fs/cgroup/", 1, true) ~= nil, true)
end)

test("a core dump is told", function()
  local err = raises("was ended by SIGQUIT", process.run, { command = "kill -QUIT $$" })
  equal(err.signal, "SIGQUIT")
  local kernel = process.run({ command = "ulimit -c unlimited; kill -QUIT $$", cwd = folder, check = false })
  if not kernel.core then skip "this machine writes no core dumps" end
  raises("was ended by SIGQUIT %(core dumped%)", process.run, { command = "ulimit -c unlimited; kill -QUIT $$", cwd = folder })
end)

test("the folder of these tests goes", function()
  process.run { argv = { "rm", "-r", folder } }
end)
