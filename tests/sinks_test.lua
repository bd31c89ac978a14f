---Every sink passes the mask: for each a way by which a secret would come out if it did not. Secrets come to Lua as
---texts here, as they do when a service or a program echoes them.
local core = require "secret.core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local log = require "log"
local place = assert(require("core").load_file("tests/place.lua"))()
local process = require "process"
local server = require "server"

local VALUE = "hunter2-hunter3-hunter4"
local OTHERS = "swordfish-tango-foxtrot"   -- known to other processes only, so that nothing masks what they print here
local LONG = "eyJ" .. ("longtoken0123456789"):rep(40)
local DOTTED = "hunter2…zebrafish"
local TABBED = "tab\tzebrafish\27[0m-and-more"

for name, value in pairs { SINK_VALUE = VALUE, SINK_LONG = LONG, SINK_TABBED = TABBED, SINK_DOTTED = DOTTED } do
  core.new(name, value, { "api.github.com" })
end

-- Runs Lua as another davit, whose secret is VALUE.
local function davit(code, shell)
  return process.run {
    command = '/proc/$PPID/exe eval "$CODE" ' .. (shell or ""), check = false,
    env = { CODE = ([[local VALUE = %q require("secret.core").new("SINK", VALUE, { "api.github.com" })
      ]]):format(OTHERS) .. code, GITHUB_ACTIONS = "false" },
  }
end

local function holds_none(text)
  for _, part in ipairs { "hunter2", "hunter3", "longtoken", "zebrafish", "swordfish", "tango", "foxtrot" } do
    local at = text:find(part, 1, true)
    if at then error(("'%s' stands in: %s"):format(part, text:sub(math.max(1, at - 60), at + 60)), 2) end
  end
end

local function error_of(f, ...)
  local result, err = try(f, ...)
  return result == nil and err or nil
end

-- ---- standard streams ------------------------------------------------------------------------------

test("print, io.write and io.stderr are masked, whatever is cut where", function()
  local r = davit [[print(VALUE) io.write("a ", VALUE:sub(1, 9)) io.write(VALUE:sub(10), " b\n")
    io.stdout:write(VALUE, "\n") io.stderr:write(VALUE:sub(1, 3)) io.stderr:write(VALUE:sub(4), "\n")]]
  equal({ r.output, r.errors }, { "***\na *** b\n***\n", "***\n" })
end)

test("half a secret on each of the two streams is masked where they lead to one pipe, file or terminal", function()
  local code = [[io.write(VALUE:sub(1, 9)) io.stderr:write(VALUE:sub(10)) io.stderr:write "e" io.write "o"]]
  equal(davit(code, "2>&1").output, "***eo")
  equal(davit(code, ">/tmp/d.$$ 2>&1; cat /tmp/d.$$; rm /tmp/d.$$").output, "***eo")
  local r = process.run { argv = { place.program, "eval", ([[local VALUE = %q
    require("secret.core").new("SINK", VALUE, { "api.github.com" }) ]]):format(OTHERS) .. code }, pty = true }
  equal(r.output, "***eo")
end)

test("log lines are masked: message, fields, their names and what is inside of them", function()
  local r = davit [[require("log").info("it is " .. VALUE, { value = VALUE, [VALUE] = 1, deep = { list = { VALUE } } })]]
  holds_none(r.errors)
  equal(select(2, r.errors:gsub("%*%*%*", "")), 4)
end)

test("a log field takes no secret value, and says so without it", function()
  local token = core.new("FIELD", "field-secret-value", { "api.github.com" })
  equal(tostring(error_of(log.info, "x", { token = token }) or "[secret FIELD]"):find("field-secret", 1, true), nil)
end)

test("what a Lua panic says is masked, too: nothing but the standard streams writes to them", function()
  local r = davit [[coroutine.wrap(function() error(VALUE) end)()]]
  holds_none(r.output .. r.errors)
  equal(r.exit, 1)
end)

-- ---- errors --------------------------------------------------------------------------------------------

test("the texts of an error are masked when it is made", function()
  local err = error_of(failure, { message = "got " .. VALUE, hint = "not " .. VALUE, about = VALUE, code = "x" })
  equal({ err.message, err.hint, err.about }, { "got ***", "not ***", "***" })
  equal(error_of(error, "got " .. VALUE).message, "got ***")
  equal(error_of(error, "got " .. DOTTED .. "! and … all").message, "got ***! and … all")
  equal(error_of(error, { message = VALUE }).message, "***")
  equal(error_of(error, setmetatable({}, { __tostring = function() return VALUE end })).message, "***")
  holds_none(json.encode(error_of(fs.read, "no/" .. VALUE)))
end)

test("an ordinary word before an ellipsis stays, and so does what looks like a secret's first letters", function()
  equal(error_of(error, "xn--… and hun… and hunter2-…").message, "xn--… and hun… and …")
end)

test("an error that puts a secret on one line does not change it before it is masked", function()
  equal(error_of(error, "a " .. TABBED .. " b").message, "a *** b")
  local tabbed = "swordfish\tfoxtrot\27[0m-and-more"
  local r = davit(([[require("secret.core").new("T", %q, { "api.github.com" }) error(%q)]]):format(tabbed, tabbed))
  holds_none(r.errors)
end)

test("an error that is cut leaves no half of a secret", function()
  for before = 380, 520, 4 do
    local err = error_of(http.request, { [("x"):rep(before) .. VALUE] = 1 })
    holds_none(err.message)
  end
  for before = 160, 220, 3 do
    holds_none(error_of(require("url").parse, "http://[" .. ("x"):rep(before) .. VALUE).message)
    holds_none(error_of(require("glob").compile, ("x"):rep(before) .. VALUE .. "[").message)
  end
  for before = 150, 260, 5 do
    holds_none(error_of(json.encode, { [("x"):rep(before) .. VALUE] = print }).message)
  end
  holds_none(error_of(require("uuid").parse, LONG).message)
  holds_none(error_of(require("semver").parse, LONG).message)
end)

test("what does not parse is quoted without the half of a secret", function()
  for _, text in ipairs { LONG, '{"a":' .. LONG, "[1," .. VALUE, VALUE } do
    holds_none(error_of(json.decode, text).message)
  end
  local yaml = require "yaml"
  for _, text in ipairs { "a: !!int " .. LONG, ("%s: 1\n%s: 2"):format(LONG, LONG), "a: 0x" .. VALUE, "[" .. VALUE } do
    local err = error_of(yaml.decode, text)
    if err then holds_none(err.message) end
  end
end)

test("a chunk is not called by the beginning of its text", function()
  for _, text in ipairs { "return '" .. LONG .. "' +", "error('x') -- " .. LONG } do
    local chunk, err = load(text)
    err = chunk and error_of(chunk) or { message = err, where = "", trace = "" }
    holds_none(err.message .. err.where .. (err.trace or ""))
  end
  local chunk = load("error 'x'", "=" .. LONG)
  local err = error_of(chunk)
  holds_none(err.where .. err.trace)
end)

test("a traceback is masked", function()
  local r = davit([[local t = { [VALUE] = function() error "x" end } local function f() t[VALUE]() return 1 end f()]],
    "--debug")
  equal(r.errors:find("traceback", 1, true) ~= nil, true)
  holds_none(r.errors)
end)

test("an error in a coroutine, a close handler or a finalizer is masked", function()
  local r = davit [[
    pcall(function() local _ <close> = setmetatable({}, { __close = function() error(VALUE) end }) end)
    setmetatable({}, { __gc = function() error(VALUE) end })
    print(pcall(coroutine.wrap(function() error(VALUE) end)))
    print(select(2, try(coroutine.wrap(function() error { message = VALUE } end))).message)
    for i = 1, 3e5 do local _ = {} end]]
  holds_none(r.output .. r.errors)
end)

test("a usage error that quotes an argument masks what davit.yaml declares as secrets", function()
  local bare <close> = place.bare { plain = [[return { summary = "x", params = { pr = { type = "integer" } },
    run = function() end }]] }
  fs.write(bare.folder .. "/davit.yaml",
    "version: 1\nproject: bare\nsecrets:\n  DECLARED: { to: [api.github.com] }\n", { outside = true })
  bare.env = { DECLARED = OTHERS }
  for _, arguments in ipairs { { "run", "plain", "--pr", OTHERS }, { "run", "plain", OTHERS }, { "run", OTHERS },
    { "run", "plain", "--" .. OTHERS }, { "show", OTHERS } } do
    local r = bare:davit(table.unpack(arguments))
    equal(r.exit, 2)
    holds_none(r.output .. r.errors)
  end
end)

-- ---- children ---------------------------------------------------------------------------------------------

-- The value comes to the child in halves, so that no command line holds it.
local HALVES = { A = VALUE:sub(1, 9), B = VALUE:sub(10) }

local function child(command, o)
  o = o or {}
  o.command, o.env = command, HALVES
  return process.run(o)
end

test("a child's output is masked wherever it is cut, in every way to read it", function()
  equal(child('printf "%s" "$A"; sleep 0.02; echo "$B"').output, "***\n")
  equal(child('echo "$A$B" >&2').errors, "***\n")
  equal(child('echo "$A$B"; exit 3', { check = false }).output, "***\n")
  equal(error_of(child, 'echo "$A$B" >&2; exit 3').message:find("***", 1, true) ~= nil, true)
  local beside <close> = process.start { command = 'echo "$A$B"; echo "$A$B"', env = HALVES }
  equal({ beside:line(), beside:wait().output }, { "***", "***\n" })
end)

test("half a secret on each of a child's streams is masked where they are one", function()
  equal(child('printf "%s" "$A"; printf "%s" "$B" >&2', { merge = true }).output, "***")
  equal(child('printf "%s" "$A"; printf "%s" "$B" >&2', { pty = true }).output, "***")
end)

-- What a child writes with output = "stream", as who watches davit's standard error gets it.
local function streamed(command, o, on_terminal)
  local code = ([[require("process").run { command = %q, output = "stream", env = { A = %q, B = %q }, %s }]]):format(command,
    OTHERS:sub(1, 9), OTHERS:sub(10), o or "")
  code = ([[require("secret.core").new("SINK", %q, { "api.github.com" }) ]]):format(OTHERS) .. code
  local r = process.run { argv = { place.program, "eval", code }, check = false, pty = on_terminal }
  return on_terminal and r.output or r.errors
end

test("the halves that a child streams on its two streams never stand side by side", function()
  for _, command in ipairs { 'printf "%s" "$A"; printf "%s" "$B" >&2', 'printf "%s" "$A" >&2; printf "%s\\n" "$B"',
    'printf "%s\\r" "$A"; sleep 0.05; printf "%s\\r" "$B" >&2; sleep 0.05' } do
    for _, o in ipairs { "", "merge = true", "pty = true", 'prefix = "p "' } do
      for _, on_terminal in ipairs { false, true } do
        local text = streamed(command, o, on_terminal)
        equal({ command, o, on_terminal, (text:find(OTHERS, 1, true)) }, { command, o, on_terminal, nil })
      end
    end
  end
end)

test("lines of a secret that a child streams alternately are masked", function()
  local lines = "first-line-of-it\nsecond-line-of-it"
  local code = ([[require("secret.core").new("LINES", %q, { "api.github.com" })
    require("process").run { command = "echo first-line-of-it; echo second-line-of-it >&2", output = "stream",
      prefix = "| " }]]):format(lines)
  local r = process.run { argv = { place.program, "eval", code }, check = false }
  equal(r.errors, "| ***\n| ***\n")
end)

test("an error that quotes a command is masked before it is cut", function()
  for before = 150, 205, 5 do
    local err = error_of(process.run, { argv = { "false", ("x"):rep(before) .. VALUE } })
    equal(err.code, "process-exit")
    holds_none(err.message .. err.about)
  end
end)

test("what is taken out of a child's last lines cannot join the halves of a secret", function()
  local err = error_of(child, 'printf "%s\\033[1m%s\\n" "$A" "$B" >&2; exit 3')
  holds_none(err.message)
end)

-- ---- the journal and what reads it ---------------------------------------------------------------------------

local LEAKY = ([[
local VALUE = %q
return { summary = "leaks wherever it can", params = { fail = { type = "boolean", default = false } }, run = function(p, run)
  require("secret.core").new("SINK", VALUE, { "api.github.com" })
  run.step("step " .. VALUE, { input = VALUE, [VALUE] = 1 }, function() return { [VALUE] = { VALUE } } end)
  run.output("out", "is " .. VALUE)
  run.parallel { [VALUE] = function() run.step("inner", function() return VALUE:sub(1, 7) .. VALUE:sub(8) end) end }
  if p.fail then
    run.step("fails", function() failure { message = "no " .. VALUE, hint = VALUE, about = VALUE } end)
  end
end }]]):format(OTHERS)

local function files_below(folder)
  local parts = {}
  for _, name in ipairs(fs.list(folder, { outside = true })) do
    local path = folder .. "/" .. name
    parts[#parts + 1] = name:find "/$" and files_below(path:sub(1, -2)) or fs.read(path, { outside = true })
  end
  return table.concat(parts, "\n")
end

test("nothing that a run keeps, prints or tells later holds a secret", function()
  local bare <close> = place.bare { leaky = LEAKY }
  for _, arguments in ipairs { { "run", "leaky" }, { "run", "leaky", "--fail" }, { "run", "leaky", "--fail", "--debug" },
    { "run", "leaky", "--fail", "--json" } } do
    local r = bare:davit(table.unpack(arguments))
    equal(r.exit, arguments[3] and 1 or 0)
    holds_none(r.output .. r.errors)
  end
  local ids = {}
  for id in bare:davit("runs").output:gmatch "leaky%-%S+" do ids[#ids + 1] = id end
  equal(#ids >= 4, true)
  for _, id in ipairs(ids) do
    for _, more in ipairs { {}, { "--json" } } do
      local r = bare:davit("show", id, table.unpack(more))
      equal(r.exit, 0)
      holds_none(r.output .. r.errors)
    end
  end
  holds_none(bare:davit("runs", "--json").output)
  holds_none(files_below(bare.folder .. "/.davit"))
end)

test("nor does a rehearsal's story", function()
  local bare <close> = place.bare { leaky = LEAKY }
  for _, more in ipairs { {}, { "--json" }, { "--log", bare.folder .. "/story" } } do
    local r = bare:davit("rehearse", "leaky", table.unpack(more))
    equal(#r.output > 0, true)
    holds_none(r.output .. r.errors)
  end
  local story = fs.read(bare.folder .. "/story", { outside = true })
  equal(story:find("journal step%-started step %*%*%*") ~= nil, true)
  holds_none(story)
end)

test("JSON stays JSON whatever a secret is: digits, a quote, the name of a field", function()
  local bare <close> = place.bare { odd = [[
    return { summary = "odd secrets", run = function(_, run)
      for i, value in ipairs { "2026", "message", "seconds", 'quo"te', "back\\slash", "0.00", "step-", "line\nend", "null",
        "true" } do
        require("secret.core").new("ODD_" .. i, value, { "api.github.com" })
      end
      run.step("quo\"te", { message = "back\\slash" }, function() return { list = { "line\nend", 12026, true } } end)
      run.step("fails", function() failure { message = "the message: quo\"te" } end)
    end }]] }
  local r = bare:davit("run", "odd", "--json")
  equal(r.exit, 1)
  local kinds, failed = {}, nil
  for line in r.output:gmatch "[^\n]+" do
    local event = json.decode(line)
    kinds[#kinds + 1] = event.event
    if event.event == "step-failed" then failed = event end
    equal({ math.type(event.v), type(event.at), type(event.run) }, { "integer", "number", "string" })
  end
  equal(kinds, { "run-started", "step-started", "step-finished", "step-started", "step-failed", "run-finished" })
  equal({ failed.data.error.message, type(failed.data.seconds) }, { "the ***: ***", "number" })
  local id = json.decode(r.output:match "[^\n]+").run
  local shown = bare:davit("show", id, "--json")
  equal(shown.exit, 0)
  local events = 0
  for line in shown.output:gmatch "[^\n]+" do
    json.decode(line)
    events = events + 1
  end
  equal(events, #kinds)
  equal(bare:davit("show", id).exit, 0)
end)

test("an event stands on a line of its own, whatever a recipe prints", function()
  local bare <close> = place.bare { prints = [[return { summary = "prints", run = function(_, run)
    io.write "half a line"
    run.step("one", function() io.write "more" end)
  end }]] }
  local r = bare:davit("run", "prints", "--json")
  local events = 0
  for line in r.output:gmatch "[^\n]+" do
    if line ~= "half a line" and line ~= "more" then
      json.decode(line)
      events = events + 1
    end
  end
  equal(events, 4)
end)

-- ---- answers of services ------------------------------------------------------------------------------------

test("what a service echoes is masked in errors before it is cut", function()
  local bodies = {
    VALUE, ("x"):rep(190) .. VALUE, (" "):rep(65520) .. VALUE .. "!", "<html><title>" .. VALUE .. "</title>",
    (" "):rep(65536 - 12) .. VALUE,
  }
  server.with(function(request)
    return { status = 500, body = bodies[tonumber(request.path:match "%d+")], headers = { ["x-request-id"] = VALUE } }
  end, function(s)
    for i = 1, #bodies do
      local err = error_of(http.expect, { url = s.url .. "/" .. i })
      equal(err.status, 500)
      holds_none(err.message .. (err.request_id or ""))
    end
  end)
end)

test("what health reports of an answer is masked before it is cut", function()
  local answers = {
    { status = 503, body = ("x"):rep(10) .. VALUE:rep(200) },
    { status = 503, body = "<title>" .. VALUE .. "</title>" },
    { status = 302, headers = { location = "https://x.test" .. VALUE:rep(200) } },
    { status = 302, headers = { location = "https://example.com/?token=" .. VALUE } },
    { status = 200, body = json.encode { version = ("v"):rep(45) .. VALUE } },
  }
  server.with(function(request) return answers[tonumber(request.path:match "%d+")] end, function(s)
    for i = 1, #answers do
      local err = error_of(require("health").wait, {
        url = s.url .. "/" .. i, deadline = 5, attempts = 1, grace = 0, expect = { status = i < 5 and 200 or nil },
        version = i == 5 and { value = "other", json = "/version" } or nil,
      })
      equal(err.code, "not-healthy")
      holds_none(json.encode { err.message, err.hint or "", err.targets[1].reason })
    end
  end)
end)

test("what a WebSocket's server refuses with is masked before it is cut", function()
  local body
  server.with(function() return { status = 403, body = body } end, function(s)
    local address = s.url:gsub("^http", "ws")
    for before = 130, 165, 5 do
      body = ("x"):rep(before) .. VALUE
      local err = error_of(require("websocket").connect, { url = address })
      equal(err.status, 403)
      holds_none(err.message .. (err.body or ""))
    end
    body = ("x"):rep(495) .. VALUE
    holds_none(error_of(require("websocket").connect, { url = address }).body)
  end)
end)
