---Secrets are known to whatever masks before anything can print them: what GitHub's runner is told, and what is
---said of values that cannot be masked.
local load_file = require("core").load_file
local process = require "process"

local commands = assert(load_file "tests/runner/commands.lua")()
local text = assert(load_file "tests/runner/text.lua")()

-- Runs Lua as another davit; the parent of the shell is Davit's own program.
local function davit(code, github, o)
  o = o or {}
  local env = { CODE = code, GITHUB_ACTIONS = github and "true" or false }
  for name, value in pairs(o.env or {}) do env[name] = value end
  return process.run {
    command = ('/proc/$PPID/exe eval "$CODE" %s'):format(o.arguments or ""), check = false, env = env,
  }
end

-- What the runner was told, as it reads commands.
local function told(printed)
  local values = {}
  for _, line in ipairs(text.lines(printed)) do
    local command = commands.parse(line, { ["add-mask"] = true })
    if command then values[#values + 1] = command.data end
  end
  return values
end

local NEW = [[local s = require("secret.core") local function new(name, value) return s.new(name, value, { "api.github.com" }) end
]]

-- ---- the runner ----------------------------------------------------------------------------------

test("under GitHub the runner is told every secret once, before anything else, on standard error", function()
  local r = davit(NEW .. [[new("A", "ann-first-18273") print "ann-first-18273" new("B", "ann-second-99182") new("C", "ann-first-18273")
    io.stderr:write "ann-second-99182\n"]], true)
  equal(told(r.errors), { "ann-first-18273", "ann-second-99182" })
  equal(r.output, "***\n")
  equal(r.errors, "\n::add-mask::ann-first-18273\n::add-mask::ann-second-99182\n***\n")
end)

test("elsewhere nobody is told", function()
  equal(davit(NEW .. [[new("A", "ann-first-18273")]], false).errors, "")
end)

test("every source tells: the environment, a file, what a service minted", function()
  local file = process.run { command = "umask 077; f=$(mktemp); echo 'KEY=dotenv-value-3' >$f; echo $f" }
    .output:match "[^\n]+"
  local r = davit([[local s = require "secret"
    s.env("TOKEN", { to = { "api.github.com" } })
    s.dotenv(os.getenv "FILE")
    s.generate("MADE", 16, { to = { "api.github.com" } })]], true, { env = { TOKEN = "env-value-1", FILE = file } })
  local values = told(r.errors)
  equal({ values[1], values[2], #values[3] }, { "env-value-1", "dotenv-value-3", 22 })
  process.run { argv = { "rm", file } }
end)

test("the runner takes back exactly the value", function()
  for _, value in ipairs { "100%-sure-%0A-%25", "carriage\rreturn-long", "a: b, c; d] e", "::error::x-and-more",
    "  blanks around  ", "\u{fc}ml\u{e4}ut-w\u{f6}rt" } do
    equal(told(davit(NEW .. ("new('A', %q)"):format(value), true).errors)[1], value)
  end
end)

test("of several lines the runner is told the whole and each line that is a secret by itself", function()
  local pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n-----END PRIVATE KEY-----\n"
  equal(told(davit(NEW .. ("new('KEY', %q)"):format(pem), true).errors), { pem, "MIIEvQIBADANBgkqhkiG" })
end)

test("a line that is no secret by itself is not masked in the whole job", function()
  local blob = '{\n  "token": "deep-token-value",\n \n}\n'
  equal(told(davit(NEW .. ("new('BLOB', %q)"):format(blob), true).errors),
    { '"token": "deep-token-value",', "deep-token-value" })
end)

test("the runner is told what it cannot read out of a value, each text once", function()
  local r = davit(NEW .. [[new("URL", "postgresql://u:p%40ss-word@db.example/d") new("PASSWORD", "p@ss-word")
    new("OTHER", "postgresql://u:p%40ss-word@db.example/e") new("LINE", "  token-of-a-file\n") new("SAME", "token-of-a-file")]],
    true)
  equal(told(r.errors), { "postgresql://u:p%40ss-word@db.example/d", "p%40ss-word", "p@ss-word",
    "postgresql://u:p%40ss-word@db.example/e", "  token-of-a-file\n", "token-of-a-file" })
end)

test("'davit mask' tells its secrets, too", function()
  local r = process.run {
    command = 'echo "it is $TOKEN" | /proc/$PPID/exe mask --secret-env TOKEN', env = { TOKEN = "of-a-pipe-123", GITHUB_ACTIONS = "true" },
  }
  equal(told(r.errors), { "of-a-pipe-123" })
  equal(r.output, "it is ***\n")
end)

test("a command begins a line, whatever this process or another wrote before", function()
  local r = davit(NEW .. [[io.stderr:write "no end" new("A", "ann-first-18273") io.stderr:write "x" new("B", "ann-other-44190")]],
    true)
  equal(r.errors, "no end\n::add-mask::ann-first-18273\nx\n::add-mask::ann-other-44190\n")
  equal(davit(NEW .. [[new("A", "ann-first-18273")]], true).errors:sub(1, 1), "\n")
end)

test("standard output takes over when standard error is for a file, unless it is data", function()
  local code = NEW .. [[new("A", "ann-first-18273") print "{}"]]
  equal(davit(code, true, { arguments = "2>/dev/null" }).output, "\n::add-mask::ann-first-18273\n{}\n")
  equal(davit(code, true, { arguments = "--json 2>/dev/null" }).output, "{}\n")
  equal(davit(code, true, { arguments = "--json" }).output, "{}\n")
end)

test("a file is no runner: no value comes into it, but that nobody was told", function()
  local code = NEW .. [[new("A", "ann-first-18273") new("B", "ann-second-99182") print "done"]]
  local function said(where)
    local r = davit(code, true, { arguments = "2>/tmp/davit.$$ " .. where .. "; cat /tmp/davit.$$; rm /tmp/davit.$$" })
    equal({ told(r.output), select(2, r.output:gsub("the runner cannot be told", "")) }, { {}, 0 })
    local rest, count = r.output:gsub("davit: GitHub's runner cannot be told of secrets, as standard error leads "
      .. "elsewhere: [^\n]*\n", "")
    equal({ rest, count }, { "done\n", 1 })
  end
  said ">&2"
  said "--json"
  equal(davit(code, true, { arguments = "--json 2>&1" }).output:match "[^\n]*\n$", "done\n")
  equal(davit(code, false, { arguments = "2>/dev/null" }).output, "done\n")
end)

-- Runs Lua as a step does: below a process with the runner's name, whose script is `sh`, where $DAVIT is the command.
local function below_runner(code, sh)
  return process.run {
    command = [[d=$(mktemp -d); cp /bin/sh $d/Runner.Worker; DAVIT=$(readlink /proc/$PPID/exe); export DAVIT
      cd $d; $d/Runner.Worker -c "$SH"; rm -r $d]], check = false,
    env = { CODE = code, SH = sh, GITHUB_ACTIONS = "true" },
  }
end

test("the runner is told through its own pipes only: a log beside it gets no value", function()
  local code = NEW .. [[new("A", "ann-first-18273") new("B", "ann-second-99182") print "ann-first-18273"]]
  local r = below_runner(code, [[x=$($DAVIT eval "$CODE" 2>&1); echo "$x"]])
  equal(told(r.output), { "ann-first-18273", "ann-second-99182" })
  r = below_runner(code, [[$DAVIT eval "$CODE" 2>&1 | cat >log; cat log]])
  equal(told(r.output), {})
  equal(select(2, r.output:gsub("GitHub's runner cannot be told of secrets", "")), 1)
  equal(r.output:match "[^\n]*\n$", "***\n")
  r = below_runner(code, [[x=$( { $DAVIT eval "$CODE" | cat >log; } 2>&1); echo "$x"; cat log]])
  equal(told(r.output), { "ann-first-18273", "ann-second-99182" })
  equal(r.output:match "[^\n]*\n$", "***\n")
end)

-- ---- what cannot be masked ------------------------------------------------------------------------

test("a value that is too short to be masked is said once, by its name", function()
  local r = davit(NEW .. [[new("PIN", "123") new("PIN", "124") new("CODE", "ab") print "123 124 ab"]], true)
  equal(r.errors, "davit: secret PIN has fewer than 4 bytes and is not masked: what prints it shows it; " ..
    "give it a longer value\n" ..
    "davit: secret CODE has fewer than 4 bytes and is not masked: what prints it shows it; give it a longer value\n")
  equal(r.output, "123 124 ab\n")
end)

test("a blank value is said, too, and blanks are left alone", function()
  local r = davit(NEW .. [[new("GAP", "     ") print "a     b"]], true)
  equal(r.errors, "davit: secret GAP is blank and is not masked: is its source empty?\n")
  equal(r.output, "a     b\n")
end)

test("an ordinary word is masked, with a warning that does not say it", function()
  local r = davit(NEW .. [[new("STAGE", "Production") print "in Production"]], false)
  equal(r.output, "in ***\n")
  equal(r.errors,
    "davit: secret STAGE is an ordinary word: it is masked wherever it stands, also where it is no secret\n")
end)
