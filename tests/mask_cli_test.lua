---davit mask: a filter for any pipe.
local process = require "process"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
local SECRET <const> = "correct-horse-9"

-- A script of bash's, in which $davit is the program and $SECRET the secret.
local function bash(script, o)
  o = o or {}
  local env = { davit = here .. "/" .. davit, SECRET = SECRET, EMPTY = "", SHORT = "abc", BLANK = "       " }
  for name, value in pairs(o.env or {}) do env[name] = value end
  return process.run { argv = { "bash", "-c", script }, env = env, check = false, input = o.input, pty = false,
    max_output = 128 << 20, timeout = 60 }
end

local function filter(flags, input, env) return bash('"$davit" mask ' .. flags, { input = input, env = env }) end

test("davit mask copies its input without the secrets in it", function()
  local r = filter("--secret-env SECRET", "a correct-horse-9 b Y29ycmVjdC1ob3JzZS05\n")
  equal({ r.exit, r.output, r.errors }, { 0, "a *** b ***\n", "" })
end)

test("davit mask takes several variables, each named once or in a list", function()
  local r = filter("--secret-env SECRET --secret-env A,B --secret-env=C", "correct-horse-9 aaaa1 bbbb2 cccc3",
    { A = "aaaa1", B = "bbbb2", C = "cccc3" })
  equal({ r.exit, r.output }, { 0, "*** *** *** ***" })
end)

test("davit mask reads secrets from a descriptor, separated by NUL, whatever else is in them", function()
  local r = bash([["$davit" mask --secrets-fd 3 3< <(printf 'first-one\0two\nlines-of-it\0\0last-one')]],
    { input = "first-one two\nlines-of-it last-one." })
  equal({ r.exit, r.output, r.errors }, { 0, "*** *** ***.", "" })
  r = bash([["$davit" mask --secrets-fd 7 --secret-env SECRET 7<<<"here-string-1"]], { input = "correct-horse-9 here-string-1\n" })
  equal({ r.exit, r.output }, { 0, "*** ***\n" })
end)

test("davit mask without a secret is a usage error, and nothing is read", function()
  local r = bash([[echo text | { "$davit" mask; code=$?; cat; exit $code; }]])
  equal({ r.exit, r.output }, { 2, "text\n" })
  equal(r.errors:find("davit mask: which secrets?", 1, true) ~= nil, true)
end)

test("davit mask names the variable that is missing or empty, unless that may be", function()
  local r = filter("--secret-env SECRET --secret-env NOT_THERE", "correct-horse-9")
  equal({ r.exit, r.output }, { 2, "" })
  equal(r.errors:find("the environment variable NOT_THERE is not set", 1, true) ~= nil, true)
  r = filter("--secret-env EMPTY", "text")
  equal({ r.exit, r.output }, { 2, "" })
  equal(r.errors:find("the environment variable EMPTY is empty", 1, true) ~= nil, true)
  r = filter("--secret-env SECRET --secret-env EMPTY --secret-env NOT_THERE --allow-empty", "correct-horse-9")
  equal({ r.exit, r.output, r.errors }, { 0, "***", "" })
  r = filter("--secret-env EMPTY --allow-empty", "text\n")
  equal({ r.exit, r.output }, { 0, "text\n" })
end)

test("davit mask warns of what is too short, names it, and goes on", function()
  for _, name in ipairs { "SHORT", "BLANK" } do
    local r = filter("--secret-env SECRET --secret-env " .. name, "abc correct-horse-9")
    equal({ r.exit, r.output }, { 0, "abc ***" })
    equal(r.errors, ("davit mask: warning: %s has fewer than 4 bytes beside white space: it is not masked\n"):format(name))
  end
  local r = bash([["$davit" mask --secrets-fd 3 3< <(printf 'first-one\0ab\0')]], { input = "first-one ab" })
  equal({ r.exit, r.output }, { 0, "*** ab" })
  equal(r.errors:find("secret 2 of descriptor 3", 1, true) ~= nil, true)
end)

test("davit mask refuses a descriptor that is not the caller's to read", function()
  local function refused(pattern, script)
    local r = bash(script, { input = "text" })
    equal({ r.exit, r.output }, { 2, "" })
    equal({ r.errors, r.errors:find(pattern) ~= nil }, { r.errors, true })
  end
  for fd = 3, 12 do
    refused("descriptor " .. fd .. ": it is not open for reading", ('"$davit" mask --secrets-fd %d'):format(fd))
  end
  refused("not open for reading", [["$davit" mask --secrets-fd 3 3>/dev/null]])
  refused("that is a standard stream", [["$davit" mask --secrets-fd 0]])
  refused("expects a descriptor", [["$davit" mask --secrets-fd -1]])
  refused("expects an integer", [["$davit" mask --secrets-fd x]])
  refused("descriptor 3: Is a directory", [["$davit" mask --secrets-fd 3 3</]])
  refused("descriptor 3 holds no secret", [["$davit" mask --secrets-fd 3 3</dev/null]])
  refused("descriptor 3 holds no secret", [["$davit" mask --secrets-fd 3 3< <(printf '\0\0')]])
  refused("secret 1 of descriptor 3 is larger than 1 MiB", [["$davit" mask --secrets-fd 3 3< <(head -c 1048577 /dev/zero | tr '\0' x)]])
end)

test("davit mask refuses what it does not know, and shows its help", function()
  equal(filter("--secret-env SECRET file.txt", "x").exit, 2)
  equal(filter("--secret-evn SECRET", "x").errors:find("did you mean --secret-env?", 1, true) ~= nil, true)
  local r = filter("--help", "")
  equal({ r.exit, r.output:find("--secrets-fd N", 1, true) ~= nil }, { 0, true })
end)

test("davit mask passes any bytes on as they are", function()
  local bytes = {}
  for i = 0, 255 do bytes[i + 1] = string.char(i) end
  local all = table.concat(bytes):rep(1000)
  local r = filter("--secret-env SECRET", all)
  equal({ r.exit, r.output == all }, { 0, true })
  equal(filter("--secret-env SECRET", "").output, "")
end)

test("davit mask finds a secret wherever the pipe is cut", function()
  local line = ("x"):rep(61) .. SECRET .. "\n"
  local r = filter("--secret-env SECRET", line:rep(50000))
  equal({ r.exit, r.output == (("x"):rep(61) .. "***\n"):rep(50000) }, { 0, true })
end)

test("davit mask lets through at once what is decided", function()
  local child <close> = process.start { argv = { here .. "/" .. davit, "mask", "--secret-env", "SECRET" },
    env = { SECRET = SECRET }, input = true, pty = false, output = "capture" }
  for i = 1, 3 do
    child:write(("%d correct-horse-9\n"):format(i))
    equal(child:line(), i .. " ***")
  end
end)

test("davit mask ends quietly when its reader has gone", function()
  local r = bash([[yes | "$davit" mask --secret-env SECRET | head -n 1; exit ${PIPESTATUS[1]}]])
  equal({ r.exit, r.output, r.errors }, { 0, "y\n", "" })
end)

test("davit mask says that it cannot write, or cannot read", function()
  local r = bash([[echo text | "$davit" mask --secret-env SECRET >/dev/full]])
  equal(r.exit, 1)
  equal(r.errors:find("davit mask: cannot write to standard output: No space left on device", 1, true) ~= nil, true)
  r = bash([["$davit" mask --secret-env SECRET </]])
  equal(r.exit, 1)
  equal(r.errors:find("davit mask: cannot read standard input: Is a directory", 1, true) ~= nil, true)
end)

-- Descriptors that do not block are shared with whoever made them so.
test("davit mask waits where its descriptors do not block", function()
  local r = bash([[
    perl -MFcntl -e 'fcntl(STDOUT, F_SETFL, O_NONBLOCK | O_WRONLY); $| = 1; print "one "; select(undef, undef, undef, 0.2);
      print "correct-horse-9\n"' |
    perl -MFcntl -e 'fcntl(STDIN, F_SETFL, O_NONBLOCK); exec @ARGV' "$davit" mask --secret-env SECRET]])
  equal({ r.exit, r.output, r.errors }, { 0, "one ***\n", "" })
end)

-- Signals the filter when it is known to run, while its writer still has something to say. It is given `looks` looks,
-- 0.02 s apart, to end: as long as it takes where it has to, and for a while where it has not.
local function signalled(signal, looks)
  return bash(([[
    coproc filter { "$davit" mask --secret-env SECRET 2>&1; echo "exit $?"; }
    exec 3>&"${filter[1]}" 4<&"${filter[0]}"
    eval "exec ${filter[1]}>&-"
    echo "before $SECRET" >&3
    read -r line <&4
    read -r running < /proc/$filter_PID/task/$filter_PID/children
    kill -%s $running
    for ((i = 0; i < %d; i++)); do kill -0 $running 2>/dev/null || break; sleep 0.02; done
    trap '' PIPE
    echo "after $SECRET" >&3 2>/dev/null
    exec 3>&-
    cat <&4]]):format(signal, looks))
end

test("davit mask lets the last words pass after an interrupt", function()
  local r = signalled("INT", 15)
  equal(r.output, "after ***\nexit 0\n")
end)

test("davit mask ends when it is told to", function()
  local r = signalled("TERM", 500)
  equal(r.output, "davit: davit mask: stopped by a signal\nexit 10\n")
end)

test("davit mask keeps the secrets out of its own errors and out of its arguments", function()
  local r = filter("--secret-env correct-horse-9 --secret-env SECRET", "x")
  equal(r.exit, 2)
  r = filter("--secret-env SECRET correct-horse-9", "x")
  equal(r.exit, 2)
  r = bash([["$davit" mask --secret-env SECRET < <(tr '\0' ' ' < /proc/self/cmdline; sleep 0.1)]])
  equal(r.output:find(SECRET, 1, true), nil)
end)
