---Children with a terminal of their own.
local fs = require "fs"
local process = require "process"

local function on_terminal(command, o)
  o = o or {}
  o.command, o.pty = command, true
  return process.run(o)
end

test("the child's output is a terminal, its own, and its session's", function()
  local r = on_terminal("[ -t 1 ] && [ -t 2 ] && [ ! -t 0 ] && : >/dev/tty && tty <&1 && cut -d' ' -f7 /proc/$$/stat")
  local terminal, of_session = r.output:match("^/dev/pts/(%d+)\n(%d+)\n$")
  local device = math.tointeger(tonumber(of_session))   -- 136 is the kind, pseudoterminals
  equal({ device >> 8 & 0xff, device & 0xff }, { 136, math.tointeger(tonumber(terminal)) & 0xff })
end)

test("both streams arrive as one, in order, with plain line ends", function()
  local r = on_terminal("echo one; echo two >&2; printf 'three\\r\\nfour'; printf '\\r'; printf '\\nfive\\r'")
  equal(r.output, "one\ntwo\nthree\nfour\nfive\r")
  equal(r.errors, "")
end)

test("a child that makes its terminal sane gives plain line ends, too", function()
  equal(on_terminal("stty sane <&1; echo a; echo b").output, "a\nb\n")
end)

test("merge does the same through a pipe", function()
  local r = process.run { command = "for i in 1 2 3; do echo $i; echo $i >&2; done; [ -t 1 ] || echo pipe", merge = true }
  equal(r.output, "1\n1\n2\n2\n3\n3\npipe\n")
  equal(r.errors, "")
end)

test("a question at the terminal finds the end at once", function()
  equal(on_terminal("read x </dev/tty; echo $? $x", { timeout = 20 }).output, "1\n")
end)

test("its input is what it was given", function()
  equal(on_terminal("cat", { input = "text\n" }).output, "text\n")
end)

test("its size is ours, or 24 lines of 80 where we have none", function()
  equal(on_terminal("stty size <&1").output, "24 80\n")
end)

test("a flood of a terminal is read to its end", function()
  local r = on_terminal("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end", { max_output = 100 })
  equal(r.dropped, 3000005 - 100)
  equal(r.output:sub(-5), "\nend\n")
end)

test("it ends like any other: codes, signals, timeouts, with all it started", function()
  equal(on_terminal("exit 3", { check = false }).exit, 3)
  equal(on_terminal("kill -INT $$", { check = false }).signal, "SIGINT")
  local err = raises("did not end within 0.3 s: ready", on_terminal,
    "trap '' HUP TERM; echo ready; sleep 1000", { timeout = 0.3, grace = 0.1 })
  equal(err.signal, "SIGKILL")
end)

test("a program that is not there is told as ever", function()
  equal(raises("cannot start 'no%-such", process.run, { argv = { "no-such" }, pty = true }).code, "process-not-found")
end)

-- Davit on a terminal: one Davit gives the other a terminal.
local function davit(code, o)
  o = o or {}
  o.argv, o.pty, o.check = { "/proc/self/exe", "eval", code }, o.pty ~= false, false
  return process.run(o).output
end

test("streamed to a terminal, a child has one; captured, or when told not to, it has none", function()
  local code = [[require("process").run { command = "[ -t 1 ] && echo yes || echo no", output = %q, pty = %s }]]
  equal(davit(code:format("stream", "nil")), "yes\n")
  equal(davit(code:format("stream", "false")), "no\n")
  equal(davit(code:format("stream", "nil"), { pty = false, merge = true }), "no\n")
  equal(davit([[print(require("process").run { command = "[ -t 1 ] && echo yes || echo no" }.output)]]), "no\n\n")
end)

test("where no terminal can be had, pipes will do unless one was asked for", function()
  local r = on_terminal([[unshare -m sh -c 'mount --bind /dev/null /dev/ptmx && exec /proc/'$PPID'/exe eval "$CODE"' <&- || echo no]],
    { env = { CODE = [[
      local process = require "process"
      process.run { command = "[ -t 1 ] && echo yes || echo pipes", output = "stream" }
      local _, err = try(process.run, { command = "echo", pty = true })
      print(err.code)]] } })
  if r.output:find "no\n" then skip "no part of the file system can be replaced here" end
  equal(r.output, "pipes\nprocess-failed\n")
end)

test("the prefix stands before each line, and progress is shown as it comes", function()
  local code = [[require("process").run { output = "stream", prefix = "[x] ",
    command = "printf '10 %%\\r20 %%\\r'; echo done; echo end" }]]
  equal(davit(code), "[x] 10 %\r[x] 20 %\r[x] done\n[x] end\n")
  equal(davit(code, { pty = false, merge = true }), "[x] done\n[x] end\n")
end)

test("whoever wants no colours is heard by the child", function()
  local r = process.run { argv = { "/proc/self/exe", "eval", [[
    print(require("process").run { command = "echo $NO_COLOR$CLICOLOR" }.output)]] }, env = { NO_COLOR = "1", CLICOLOR = "0" } }
  equal(r.output, "10\n\n")
end)

test("--no-color is passed on", function()
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  fs.write(folder .. "/davit.yaml", "version: 1\nproject: one\n")
  fs.write(folder .. "/recipes/show.lua", [[
    local process = require "process"
    local function child(env) return process.run({ command = "echo \"<$NO_COLOR>\"", env = env }).output:match("%S+") end
    return { summary = "Shows", run = function(_, run)
      run.output("seen", child() .. child { NO_COLOR = "2" } .. child { NO_COLOR = false })
    end }]])
  local function seen(...)
    local r = process.run { argv = { "/proc/self/exe", "run", "show", ... }, cwd = folder, merge = true }
    return r.output:match("<.*>")
  end
  equal(seen("--no-color"), "<1><2><>")
  equal(seen(), "<><2><>")
  fs.remove(folder)
end)

test("the signal of the keyboard is ours alone, and the child hears of it from us", function()
  local r = process.run { argv = { "/proc/self/exe", "eval", [[
    require("process").run { pty = true, output = "stream",
      command = "trap 'echo heard INT; exit 0' INT; kill -INT $(cut -d' ' -f4 /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/stat); " ..
        "while :; do sleep 0.02; done" }]] }, check = false }
  equal(r.errors:find("heard INT", 1, true) ~= nil, true)
end)

test("misuse is told", function()
  raises("'pty' must be true or false, not a string", process.run, { command = "ls", pty = "yes" })
  raises("pty goes with output that is not discarded", process.run, { command = "ls", pty = true, output = "discard" })
end)
