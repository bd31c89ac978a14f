---The command line: flags, help, suggestions, exit codes; and what makes a recipe.
local exit = require "cli.exit"
local flags = require "cli.flags"
local fs = require "fs"
local process = require "process"
local recipe = require "recipe"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")

local function run(folder, ...)
  return process.run { argv = { here .. "/" .. davit, ... }, cwd = folder, check = false,
    env = { PATH = os.getenv "PATH", NO_COLOR = "1" } }
end

-- ---- flags -------------------------------------------------------------------------------------

local params = {
  pr = { type = "integer", required = true, help = "number" }, ratio = { type = "number" },
  dry_run = { type = "boolean", default = true }, hosts = { type = "list" }, name = { type = "string" },
}

test("flags are read by their types", function()
  local values, rest = flags.parse({ "--pr", "42", "--ratio=0.5", "--no-dry_run", "--hosts", "a,b", "x", "--", "--y" },
    params)
  equal(values, { pr = 42, ratio = 0.5, dry_run = false, hosts = { "a", "b" } })
  equal(rest, { "x", "--y" })
  equal(flags.parse({ "--pr=1", "--dry-run=false" }, params).dry_run, false)
  equal(flags.parse({ "--pr=-1" }, params), { pr = -1, dry_run = true })
end)

test("a list that may be given in parts is one list", function()
  local many = { names = { type = "list", many = true }, hosts = { type = "list" } }
  equal(flags.parse({ "--names", "a", "--hosts=x,y", "--names=b,c" }, many), { names = { "a", "b", "c" }, hosts = { "x", "y" } })
  raises("--hosts is given twice", flags.parse, { "--hosts", "x", "--hosts", "y" }, many)
end)

test("a flag that is wrong says why", function()
  local function wrong(pattern, ...) equal(raises(pattern, flags.parse, { ... }, params).code, "usage") end
  wrong("--pr is required: number")
  wrong("--pr expects a value", "--pr")
  for _, text in ipairs { "x", "4.0", "0x10", "", " 4" } do wrong("--pr expects an integer, not '" .. text, "--pr", text) end
  raises("--jobs expects an integer of at least 1, not '0'", flags.parse, { "--jobs", "0" }, { jobs = { type = "integer", least = 1 } })
  wrong("--ratio expects a number, not 'half'", "--ratio", "half")
  wrong("--dry%-run expects true or false, not 'maybe'", "--dry-run=maybe")
  wrong("--pr is given twice", "--pr", "42", "--pr", "43")
  wrong("unknown flag %-%-por; did you mean %-%-pr%?", "--por", "1")
  wrong("unknown flag %-p", "-p")
end)

-- ---- exit codes ----------------------------------------------------------------------------------

test("the exit code of an error says what kind it is", function()
  equal(exit.code { code = "failed", class = "fatal" }, 1)
  equal(exit.code { code = "usage", class = "misuse" }, 2)
  equal(exit.code { code = "left-behind", class = "fatal" }, 3)
  equal(exit.code { code = "not-healthy", class = "stale" }, 4)
  equal(exit.code { code = "lease-held", class = "fatal" }, 6)
  equal(exit.code { code = "denied", class = "fatal" }, 7)
  equal(exit.code { code = "neon-503", class = "transient" }, 8)
  equal(exit.code { code = "preview-to-production", class = "fatal" }, 9)
  equal(exit.code { code = "parallel-failed", failures = { a = { code = "x", class = "throttled" } } }, 8)
  equal(exit.code { code = "parallel-failed", failures = { { class = "throttled" }, { class = "fatal" } } }, 1)
end)

test("where a run stands and what it left decide before the cause does", function()
  local function of(status, left, code)
    return exit.of { status = status, left = left, error = code and { code = code, class = "fatal" } }
  end
  equal(of("done", { "thing" }), 0)
  equal(of("undone", {}), 0)
  equal(of("undone", {}, "not-healthy"), 4)
  equal(of("failed", { "thing" }, "not-healthy"), 3)
  equal(of("failed", {}, "failed"), 1)
  equal(of("superseded", { "thing" }, "superseded"), 6)
  equal(of("interrupted", { "thing" }, "interrupted"), 10)
  equal(of("undoing", { "thing" }, "interrupted"), 10)
  equal(of("waiting", { "thing" }, "approval-needed"), 75)
  equal(of("lost", { "thing" }, "lease-lost"), 6)
  equal(of("lost", { "thing" }, "journal-full"), 10)
  equal(exit.of { status = "lost", left = {}, unreachable = true, error = { code = "lease-lost", class = "fatal" } }, 10)
end)

-- ---- recipes ---------------------------------------------------------------------------------------

local function loads(text)
  local root = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  fs.make(root .. "/recipes")
  fs.write(root .. "/recipes/mine.lua", text)
  local r, err = try(recipe.load, root, "mine")
  fs.remove(root)
  if err then error(err, 0) end
  return r
end

local function with_param(param)
  return ("return { summary = 's', params = { %s }, run = function() end }"):format(param)
end

test("a recipe is a table of what it is, what it takes and what it does", function()
  local r = loads(with_param "pr = { type = 'integer', default = 3 }")
  equal({ r.name, r.summary, r.params.pr.default, #r.source }, { "mine", "s", 3, 64 })
end)

test("a malformed recipe says what is wrong", function()
  for pattern, text in pairs {
    ["a recipe returns a table, not a number"] = "return 7",
    ["unknown field 'sumary'"] = "return { sumary = 's', run = function() end }",
    ["the field 'summary' must be a text"] = "return { run = function() end }",
    ["the field 'run' must be a function"] = "return { summary = 's' }",
    ["the field 'params' must be a table"] = "return { summary = 's', params = 1, run = function() end }",
    ["the parameter 'pr' needs a type"] = with_param "pr = { type = 'int' }",
    ["the parameter name 'PR' is not of the form"] = with_param "PR = { type = 'integer' }",
    ["the parameter 'env' is a flag of davit's own"] = with_param "env = { type = 'string' }",
    ["the parameter 'pr' has the unknown field 'requird'"] = with_param "pr = { type = 'integer', requird = true }",
    ["the default of the parameter 'pr' is no integer"] = with_param "pr = { type = 'integer', default = 'x' }",
    ["'least' of the parameter 'pr' is for integers and numbers"] = with_param "pr = { type = 'string', least = 1 }",
    ["does not load"] = "require('http').request { url = 'https://example.com' }",
    ["mine.lua:1"] = "return {",
  } do
    equal(raises(pattern, loads, text).code, "usage")
  end
end)

test("an unknown recipe or verb is named with the nearest one", function()
  raises("no recipe is called 'previw'; did you mean 'preview'%?", recipe.load, nil, "previw")
  raises("did you mean 'cloud'%?", recipe.load, nil, "clod", { "cloud" })
end)

-- ---- the program -------------------------------------------------------------------------------------

test("a mistake on the command line exits with 2 and says what was meant", function()
  for pattern, arguments in pairs {
    ["davit show: which run%?"] = { "show" }, ["davit runs: unexpected argument 'x'"] = { "runs", "x" },
    ["did you mean 'runs'%?"] = { "rums" }, ["'init' is not available"] = { "init", "x" },
    ["flags come after the verb"] = { "--local", "preview" }, ["davit run: which recipe%?"] = { "run" },
    ["%-%-env is reserved and not available"] = { "preview", "--untested", "--pr", "1", "--env", "production" },
    ["did you mean %-%-local%?"] = { "preview", "--untested", "--pr", "1", "--locl" }, ["davit eval: which Lua%?"] = { "eval" },
    ["no davit.yaml in this folder or above it"] = { "preview", "--untested", "--pr", "1" },
  } do
    local result = run("/", table.unpack(arguments))
    equal({ result.exit, result.output }, { 2, "" })
    if not result.errors:find(pattern) then error(("expected %s, got %s"):format(pattern, result.errors), 0) end
  end
end)

test("help is there for the program, every recipe and every verb, on stdout", function()
  for _, arguments in ipairs { { "help" }, { "--help" }, { "gc", "--help" }, { "runs", "-h" } } do
    equal(run("/", table.unpack(arguments)).output:find("Usage: davit VERB", 1, true) ~= nil, true)
  end
  equal(run("/", "cloud", "--help").output:find("Usage: davit cloud", 1, true) ~= nil, true)
  local text = run("/", "preview", "--help").output
  equal(text:find("--pr INTEGER  pull request number (required)", 1, true) ~= nil, true)
  equal(run("/", "help", "cleanup").output:find("Usage: davit run cleanup", 1, true) ~= nil, true)
end)

test("eval and scripts give what Lua gives, and the exit code it asks for", function()
  equal(run("/", "eval", "return 1 + 1, ...", "x").output, "2\tx\n")
  equal(run("/", "version").output:find("^davit %d+%.%d+%.%d+\n$") ~= nil, true)
  equal(run("/", "eval", "failure { message = 'no' }").exit, 1)
  local outside = run("/", "eval", "require('project').current()")
  equal({ outside.exit, outside.errors:find("this needs a project", 1, true) ~= nil }, { 2, true })
end)

test("results that could not be written are no success; a reader that left is none of ours", function()
  local full = process.run { command = ("%s eval 'print(1)' >/dev/full"):format(davit), check = false }
  equal(full.exit, 1)
  equal(full.errors, "davit: cannot write to standard output: No space left on device\n")
  local left = process.run {
    command = ("%s eval 'for i = 1, 1e5 do print(i) end' | head -n 1"):format(davit),
  }
  equal(left.output, "1\n")
end)
