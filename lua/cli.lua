---The command line: verbs, global flags, and what a run's end means for the shell.
local core = require "core"
local exit = require "cli.exit"
local flags = require "cli.flags"
local options = require "options"

local cli = {}

local usage = options.usage

-- Flags -----------------------------------------------------------------------------

local global_params = {
  ["local"] = { type = "boolean" }, project = { type = "string" }, yes = { type = "boolean" },
  json = { type = "boolean" }, debug = { type = "boolean" }, ["no-color"] = { type = "boolean" },
  help = { type = "boolean" },
}

local not_yet = { env = true, plan = true, wait = true, explain = true }

-- The recipe's parameters and the global flags in one table; the names do not meet.
local function params_of(r)
  local params = {}
  for name, param in pairs(global_params) do params[name] = param end
  for name, param in pairs(r.params) do params[name] = param end
  return params
end

local function split_values(values, r)
  local own, global = {}, {}
  for name, value in pairs(values) do
    if r.params[name] then own[name] = value else global[name] = value end
  end
  return own, global
end

local function refuse_missing_flags(arguments)
  for _, argument in ipairs(arguments) do
    local name = argument:match("^%-%-([%w-]+)")
    if name and not_yet[name] then
      usage(("--%s is reserved and not available in version %s"):format(name, core.version))
    end
  end
end

local function asks_for_help(arguments)
  for _, argument in ipairs(arguments) do
    if argument == "--help" or argument == "-h" then return true end
    if argument == "--" then return false end
  end
  return false
end

local function take_flag(arguments, flag)
  for i, argument in ipairs(arguments) do
    if argument == flag then return arguments[i + 1] end
    local value = argument:match("^" .. flag:gsub("%-", "%%-") .. "=(.*)$")
    if value then return value end
  end
end

local function use_color(global)
  return not (global["no-color"] or os.getenv "NO_COLOR" or os.getenv "TERM" == "dumb")
    and core.is_terminal(2)
end

-- Running a recipe ---------------------------------------------------------------------

local function ask(question)
  if not (core.is_terminal(0) and core.is_terminal(2)) then return nil end
  io.stderr:write(question, " [yes/no] ")
  return io.read "l" or ""
end

local function print_outputs(run, as_json)
  if as_json then return end
  for _, output in ipairs(run.outputs) do
    local value = output.value
    if type(value) == "table" then value = require("json").encode(value) end
    print(output.name .. ": " .. tostring(value))
  end
end

-- Tells what a failed run leaves, and the way on.
local function tell_failure(run, command, debug)
  local err = run.error
  io.stderr:write("davit: ", tostring(err), "\n")
  if debug and err.trace then io.stderr:write(err.trace, "\n") end
  if #run.made > 0 then
    io.stderr:write(("davit: this run made and left: %s\n"):format(table.concat(run.made, ", ")))
    io.stderr:write(("davit: '%s' goes on from there; the recipe 'cleanup' takes it back\n"):format(command))
  end
  io.stderr:write(("davit: 'davit show %s' has the details\n"):format(run.id))
end

local function start(r, own, global, p, command)
  local report = require "cli.report"
  require("project").use(p)
  if global["local"] then require("local").connect(p) end
  local run = require("run").start {
    recipe = r, params = own, folder = p.root .. "/.davit", yes = global.yes, ask = ask,
    report = global.json and report.json() or report.text(use_color(global)),
  }
  print_outputs(run, global.json)
  if run.error then tell_failure(run, command, global.debug) end
  return exit.code(run.error, #run.made > 0)
end

---@param arguments string[]
---@param instead? string[]  the verbs, where a mistyped one may be meant
-- The command line as it can be given again.
local function command_of(arguments)
  local words = { "davit run" }
  for _, word in ipairs(arguments) do
    words[#words + 1] = word:find("^[%w%-_./=:,@+]+$") and word or "'" .. word:gsub("'", "'\\''") .. "'"
  end
  return table.concat(words, " ")
end

local function run_recipe(arguments, instead)
  local command = command_of(arguments)
  local name = table.remove(arguments, 1)
  if not name or name:find("^%-") then usage("davit run: which recipe?", "'davit help' lists them") end
  local project, recipe = require "project", require "recipe"
  local folder = take_flag(arguments, "--project") or project.root()
  if folder then recipe.search_in(folder) end
  local r = recipe.load(folder, name, instead)
  if asks_for_help(arguments) then
    print(require("cli.help").recipe(r))
    return 0
  end
  refuse_missing_flags(arguments)
  local values, rest = flags.parse(arguments, params_of(r))
  if rest[1] then usage(("unexpected argument '%s'"):format(rest[1]), "parameters are flags: --name value") end
  local own, global = split_values(values, r)
  return start(r, own, global, project.read(folder), command)
end

-- The other verbs -------------------------------------------------------------------------

local verbs = { run = run_recipe }

local history_params = { project = { type = "string" }, json = { type = "boolean" } }

local function refuse_more(verb, arguments, most)
  local extra = arguments[most + 1]
  if extra then usage(("davit %s: unexpected argument '%s'"):format(verb, extra)) end
end

function verbs.help(arguments)
  refuse_more("help", arguments, 1)
  local root = require("project").root()
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
  local values, rest = flags.parse(arguments, history_params)
  refuse_more("runs", rest, 0)
  return require("cli.history").runs(values)
end

function verbs.show(arguments)
  local values, rest = flags.parse(arguments, history_params)
  if not rest[1] then usage("davit show: which run?", "'davit runs' lists them") end
  refuse_more("show", rest, 1)
  return require("cli.history").show(rest[1], values)
end

function verbs.cloud(arguments)
  local values, rest = flags.parse(arguments, {
    project = { type = "string" }, port = { type = "integer" }, verbose = { type = "boolean" },
    reset = { type = "boolean" },
  })
  refuse_more("cloud", rest, 0)
  local port = values.port or 0
  if port < 0 or port > 65535 then usage(("--port expects a number from 0 to 65535, not '%d'"):format(port)) end
  return require("local").serve(require("project").read(values.project), values)
end

function verbs.eval(arguments)
  local text = arguments[1]
  if not text then usage("davit eval: which Lua?", "davit eval 'print(1 + 1)'") end
  local chunk, err = load(text, "=eval", "t")
  if not chunk then usage(err) end
  local results = table.pack(chunk(table.unpack(arguments, 2)))
  if results.n > 0 then print(table.unpack(results, 1, results.n)) end
  return 0
end

local function run_file(arguments)
  local chunk, err = core.load_file(arguments[1])
  if not chunk then usage(err) end
  local code = chunk(table.unpack(arguments, 2))
  if math.type(code) ~= "integer" then return 0 end
  return code >= 0 and code < 256 and code or 1
end

-- Verbs of the design that later versions bring: a clear answer instead of "no such recipe".
local reserved = {
  resume = true, undo = true, approve = true, cancel = true, rehearse = true, check = true,
  init = true, wait = true, mask = true, artifact = true, gc = true,
}

local function verb_names()
  local names = {}
  for name in pairs(verbs) do names[#names + 1] = name end
  return names
end

local function dispatch(arguments)
  local first = arguments[1]
  if not first or first == "--help" or first == "-h" then return verbs.help {} end
  if first == "--version" then return verbs.version {} end
  if first:find("%.lua$") then return run_file(arguments) end
  if first:find("^%-") then
    usage(("unknown flag %s before the verb"):format(first), "flags come after the verb: davit run preview --local")
  end
  local verb = verbs[first]
  if verb and first ~= "run" and first ~= "eval" and asks_for_help(arguments) then return verbs.help {} end
  if verb and (arguments[2] == "--help" or arguments[2] == "-h") then return verbs.help {} end
  if verb then return verb(table.move(arguments, 2, #arguments, 1, {})) end
  if reserved[first] then usage(("'%s' is not available in version %s"):format(first, core.version)) end
  return run_recipe(arguments, verb_names())
end

local function wants_debug(arguments)
  for _, argument in ipairs(arguments) do
    if argument == "--debug" then return true end
  end
  return false
end

---@param arguments string[]
---@return integer exit code
function cli.main(arguments)
  local code, err = try(dispatch, arguments)
  if not err then return code end
  io.stderr:write("davit: ", tostring(err), "\n")
  if wants_debug(arguments) and err.trace then io.stderr:write(err.trace, "\n") end
  return exit.code(err, false)
end

return cli
