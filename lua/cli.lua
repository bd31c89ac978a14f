---The command line: verbs, global flags, and what a run's end means for the shell.
local core = require "core"
local exit = require "cli.exit"
local flags = require "cli.flags"
local options = require "options"

local cli = {}

local usage = options.usage

local verbs = {}

-- The modules of a verb are loaded by the verb alone: davit starts fast.
for verb, name in pairs {
  run = "cli.execute", resume = "cli.execute", undo = "cli.execute", approve = "cli.answer", cancel = "cli.answer",
} do
  verbs[verb] = function(...) return require(name)[verb](...) end
end

local history_params = { project = { type = "string" }, json = { type = "boolean" } }
local runs_params = {
  project = { type = "string" }, json = { type = "boolean" }, limit = { type = "integer", default = 50 },
  all = { type = "boolean" },
}

local function refuse_more(verb, arguments, most)
  local extra = arguments[most + 1]
  if extra then usage(("davit %s: unexpected argument '%s'"):format(verb, extra)) end
end

function verbs.help(arguments)
  refuse_more("help", arguments, 1)
  local root = try(require("project").root)   -- one that is broken has no recipes, and help goes on
  if arguments[1] then
    print(require("cli.help").recipe(require("recipe").load(root, arguments[1])))
  else
    print(require("cli.help").main(root))
  end
  return 0
end

function verbs.version(arguments)
  refuse_more("version", arguments, 0)
  print("davit " .. core.version)
  return 0
end

function verbs.runs(arguments)
  local values, rest = flags.parse(arguments, runs_params)
  refuse_more("runs", rest, 0)
  return require("cli.history").runs(values)
end

function verbs.show(arguments)
  local values, rest = flags.parse(arguments, history_params)
  if not rest[1] then usage("davit show: which run?", "'davit runs' lists them") end
  refuse_more("show", rest, 1)
  return require("cli.history").show(rest[1], values)
end

function verbs.gc(arguments)
  local values, rest = flags.parse(arguments, {
    project = { type = "string" }, keep = { type = "string", default = "30d" }, ["dry-run"] = { type = "boolean" },
  })
  refuse_more("gc", rest, 0)
  return require("cli.history").collect(values)
end

-- What is written on the spot reads the environment like a recipe: what the project around it declares as secrets
-- is none of its variables. A davit.yaml that cannot be read is an error: nobody knows what it declares.
local function hide_declared()
  if not core.stands_above "davit.yaml" then return end
  local project = require "project"
  project.hide_secrets(project.read())
end

function verbs.eval(arguments)
  local text = arguments[1]
  if not text then usage("davit eval: which Lua?", "davit eval 'print(1 + 1)'") end
  local chunk, err = load(text, "=eval", "t")
  if not chunk then usage(err) end
  hide_declared()
  local results = table.pack(chunk(table.unpack(arguments, 2)))
  if results.n > 0 then print(table.unpack(results, 1, results.n)) end
  return 0
end

function verbs.check(arguments) return require("cli.check").run(arguments) end

function verbs.rehearse(arguments) return require("cli.rehearse").run(arguments) end

function verbs.cloud(arguments) return require("cli.cloud").run(arguments) end

function verbs.wait(arguments) return require("cli.wait").run(arguments) end

function verbs.artifact(arguments) return require("cli.artifact").run(arguments) end

function verbs.mask(arguments) return require("cli.mask").run(arguments) end

local function run_file(arguments)
  local chunk, err = core.load_file(arguments[1])
  if not chunk then usage(err) end
  hide_declared()
  local code = chunk(table.unpack(arguments, 2))
  if math.type(code) ~= "integer" then return 0 end
  return code >= 0 and code < 256 and code or 1
end

-- Verbs of the design that later versions bring: a clear answer instead of "no such recipe".
local reserved = { init = true }

local function verb_names()
  local names = {}
  for name in pairs(verbs) do names[#names + 1] = name end
  return names
end

local helps_itself = {
  artifact = true, check = true, cloud = true, eval = true, mask = true, rehearse = true, run = true, wait = true,
}
local helps_at_once = { artifact = true, check = true, cloud = true, mask = true, rehearse = true, wait = true }

local function dispatch(arguments)
  local first = arguments[1]
  if not first or first == "--help" or first == "-h" then return verbs.help {} end
  if first == "--version" then return verbs.version {} end
  if first:find("%.lua$") then return run_file(arguments) end
  if first:find("^%-") then
    usage(("unknown flag %s before the verb"):format(first), "flags come after the verb: davit run preview --local")
  end
  local verb = verbs[first]
  if verb and not helps_itself[first] and flags.asks_for_help(arguments) then return verbs.help {} end
  if verb and not helps_at_once[first] and (arguments[2] == "--help" or arguments[2] == "-h") then
    return verbs.help {}
  end
  if verb then return verb(table.move(arguments, 2, #arguments, 1, {})) end
  if reserved[first] then usage(("'%s' is not available in version %s"):format(first, core.version)) end
  return verbs.run(arguments, verb_names())
end

local function stands_in(arguments, flag)
  for _, argument in ipairs(arguments) do
    if argument == flag then return true end
  end
  return false
end

-- A mistake on the command line may quote a secret, and the project was not looked at yet.
local function hide_secrets(arguments)
  local project = require "project"
  project.hide_secrets(project.read(require("cli.named").folder(arguments)))
end

---@param arguments string[]
---@return integer exit code
function cli.main(arguments)
  if stands_in(arguments, "--json") then require("workflow.core").keep_stdout() end
  local code, err = try(dispatch, arguments)
  if not err then return code end
  if err.code == "usage" then try(hide_secrets, arguments) end
  io.stderr:write("davit: ", tostring(err), "\n")
  if stands_in(arguments, "--debug") and err.trace then io.stderr:write(err.trace, "\n") end
  return exit.code(err)
end

return cli
