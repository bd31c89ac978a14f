---What people type and write wrongly: flags, davit.yaml, recipes. The answer names it, with the
---exit code of usage and configuration.
local fs = require "fs"
local process = require "process"
local project = require "project"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")

-- ---- davit.yaml -------------------------------------------------------------------------------

local function refused(pattern, text)
  return raises(pattern, project.parse, text, "davit.yaml")
end

test("davit.yaml: an empty file, a list and a text are no project", function()
  refused("davit.yaml:1: the file is empty;", "# nothing yet\n")
  refused("davit.yaml:1: must be a mapping", "- a\n")
  refused("davit.yaml:1: must be a mapping", "codex")
end)

test("davit.yaml: a byte order mark before it is passed over", function()
  equal(project.parse("\xEF\xBB\xBFversion: 1\nproject: x\n", "davit.yaml").project, "x")
end)

test("davit.yaml: an item of a list is named with the line of its list", function()
  refused("davit.yaml:3: deploy.1: no worker is called 'nope'", "version: 1\nproject: x\ndeploy: [nope]\n")
end)

test("davit.yaml: numbers that make no sense are refused before anything uses them", function()
  refused("health.attempts: must be from 1 to 1000, not 0", "version: 1\nproject: x\nhealth: { attempts: 0 }\n")
  refused("health.next: must be a duration", "version: 1\nproject: x\nhealth: { next: -1 }\n")
  refused("secrets.A.generate: must be from 16 to 1024",
    "version: 1\nproject: x\nsecrets: { A: { generate: 3 } }\n")
end)

-- ---- commands and recipes ---------------------------------------------------------------------

local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
fs.write(folder .. "/davit.yaml", "version: 1\nproject: x\n")
fs.make(folder .. "/recipes")

local function run(...)
  return process.run { argv = { here .. "/" .. davit, ... }, cwd = folder, check = false }
end

local function told(code, pattern, ...)
  local result = run(...)
  equal(result.exit, code)
  if not result.errors:find(pattern) then error(("expected %s, got %s"):format(pattern, result.errors), 2) end
end

test("--help answers behind every verb", function()
  for _, verb in ipairs { "run", "runs", "show", "cloud", "eval", "version", "help" } do
    local result = run(verb, "--help")
    equal({ result.exit, result.output:find("Usage: davit", 1, true) ~= nil }, { 0, true })
  end
end)

test("a recipe's parameters are read strictly", function()
  local function recipe(param)
    fs.write(folder .. "/recipes/x.lua", ("return { summary = 'x', params = { %s }, run = function() end }"):format(param))
  end
  recipe "n = { type = 'integer', requierd = true }"
  told(2, "'n' has the unknown field 'requierd'", "x")
  recipe "n = { type = 'integer', default = '1' }"
  told(2, "the default of the parameter 'n' is no integer", "x")
  recipe "no_color = { type = 'boolean' }"
  told(2, "'no_color' is a flag of davit's own", "x")
end)

test("a module of the project cannot stand for a built-in one, in no folder", function()
  fs.make(folder .. "/recipes/lib/cloud")
  fs.write(folder .. "/recipes/lib/cloud/world.lua", "return {}")
  told(2, "recipes/lib/cloud/world.lua hides the built%-in module 'cloud.world'", "x")
  fs.remove(folder .. "/recipes/lib")
end)

test("a recipe is a name, not a path", function()
  fs.write(folder .. "/x.lua", "return { summary = 'x', run = function() end }")
  told(2, "no recipe is called '%.%./x'", "run", "../x")
end)


-- ---- odd callers, odd errors ------------------------------------------------------------------

local function shell(command)
  return process.run { command = command, check = false, env = { DAVIT = here .. "/" .. davit } }
end

test("closed standard streams do no harm", function()
  equal(shell([[exec "$DAVIT" eval 'require("process").run { command = "true" } io.stderr:write "lost"' <&- >&- 2>&-]]).exit, 0)
end)

test("an error without a message says so, a table's message is told", function()
  told(1, "eval:1: error was called without a message", "eval", "error(nil)")
  told(1, "eval:1: error was called with a table that has no message", "eval", "error {}")
  told(1, "eval:1: disk is full", "eval", "error { message = 'disk is full' }")
end)

test("an error is one line without commands to the terminal", function()
  told(1, "^davit: eval:1: two lines %[31mred\n$", "eval", [[failure { message = "two\nlines\27[31mred" }]])
  told(1, "^davit: eval:1: a  b; c d é\n$", "eval", [[failure { message = "a\0\u{9b}b", hint = "c\u{85}d é" }]])
end)

test("a number that an option cannot be is shown", function()
  told(1, "option 'timeout' must be a finite number, not inf", "eval", "require('process').run { command = 'true', timeout = 1/0 }")
  told(1, "option 'max' must be an integer, not 1.5", "eval", "require('fs').read('x', { max = 1.5 })")
  told(1, "option 'max' must be an integer, not a string", "eval", "require('fs').read('x', { max = '1' })")
end)

test("what a script returns is its exit code, where it can be one", function()
  for value, code in pairs { ["7"] = 7, ["256"] = 1, ["-1"] = 1, ["'x'"] = 0 } do
    fs.write(folder .. "/code.lua", "return " .. value)
    equal(run("code.lua").exit, code)
  end
end)

test("a misspelt option is named with the nearest one, by the host and by Lua alike", function()
  local function near(f, o)
    return raises("unknown option", f, o).hint
  end
  equal(near(require("http").request, { url = "http://x/", headrs = {} }), "did you mean 'headers'?")
  equal(near(require("health").wait, { url = "http://x/", dedline = 3 }), "did you mean 'deadline'?")
  equal(near(require("http").budget, { limit = {} }), "did you mean 'limits'?")
  equal(near(require("dns").authoritative, { nam = "x" }), "did you mean 'name'?")
  equal(near(process.run, { argv = { "true" }, zebra = 1 }), nil)
end)

-- ---- the local cloud that is not there --------------------------------------------------------

test("--local without a running cloud says so at once, whatever an earlier one left", function()
  local state = folder .. "/.davit/local"
  told(2, "no local cloud is running for this project; start it", "preview", "--untested", "--pr", "1", "--local")
  fs.make(state)
  fs.write(state .. "/cloud.json", '{ "pid": 1, "http_port": 9, "https_port": 9, "dns": "127.0.0.1:9" }')
  told(2, "the local cloud has ended without saying so; start it", "preview", "--untested", "--pr", "1", "--local")
  local lock <close> = require("filelock").take(state .. "/cloud.lock", "this test")
  fs.write(state .. "/cloud.json", "{")
  told(2, "cloud.json does not say where the local cloud listens", "preview", "--untested", "--pr", "1", "--local")
  equal(lock ~= nil, true)
end)

process.run { argv = { "rm", "-r", folder } }

-- ---- what is written on the spot ------------------------------------------------------------------

-- In a folder below one with the davit.yaml; the file script.lua stands beside it.
local function on_the_spot(yaml, command)
  local root = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  local _ <close> = setmetatable({}, { __close = function() fs.remove(root) end })
  fs.write(root .. "/script.lua", "print(os.getenv(...))")
  fs.make(root .. "/below")
  process.run { command = yaml, cwd = root }
  return process.run { command = command, cwd = root .. "/below", check = false,
    env = { DAVIT = here .. "/" .. davit, OTHER_NAME = "of-the-project-515", PLAIN = "plain" } }
end

local DECLARES = [[printf 'version: 1\nproject: x\nsecrets: { TOKEN: { from: OTHER_NAME } }\n' >davit.yaml]]

test("a secret that davit.yaml declares is no variable of a file or a text of Lua", function()
  for _, how in ipairs { "../script.lua", "eval 'print(os.getenv(...))'" } do
    local r = on_the_spot(DECLARES, ('"$DAVIT" %s OTHER_NAME'):format(how))
    equal({ r.exit, r.output, r.errors:find "os.getenv: OTHER_NAME is a secret" ~= nil }, { 1, "", true })
    equal(on_the_spot(DECLARES, ('"$DAVIT" %s PLAIN'):format(how)).output, "plain\n")
    equal(on_the_spot("true", ('"$DAVIT" %s OTHER_NAME'):format(how)).output, "of-the-project-515\n")
  end
  equal(on_the_spot(DECLARES, [["$DAVIT" eval 'print("of-the-" .. "project-515")']]).output, "***\n")
end)

test("a davit.yaml that cannot be read is said with exit code 2, and version and help go on", function()
  local broken = {
    ["printf 'projct: x\n' >davit.yaml"] = "davit.yaml:1: projct: unknown key",
    ["ln -s davit.yaml davit.yaml"] = "davit.yaml: Too many levels of symbolic links",
    ["mkfifo davit.yaml"] = "davit.yaml is a pipe, socket or device, and no file",
    ["mkdir davit.yaml"] = "davit.yaml: Is a directory",
  }
  for make, message in pairs(broken) do
    for _, command in ipairs { "eval 'print(1)'", "../script.lua PLAIN", "runs", "artifact list" } do
      local r = on_the_spot(make, '"$DAVIT" ' .. command)
      equal({ r.exit, r.output, r.errors:find(message, 1, true) ~= nil, select(2, r.errors:gsub("\n", "")) },
        { 2, "", true, 1 })
    end
    equal(on_the_spot(make, '"$DAVIT" version && "$DAVIT" help >/dev/null').exit, 0)
  end
end)
