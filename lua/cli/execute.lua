---The verbs that carry out a recipe: run, resume, undo.
local core = require "core"
local exit = require "cli.exit"
local flags = require "cli.flags"
local history = require "run.history"
local holder = require "run.holder"
local json = require "json"
local named = require "cli.named"
local options = require "options"
local place = require "run.place"
local project = require "project"
local recipe = require "recipe"
local report = require "cli.report"
local runs = require "run"

local execute = {}

local usage = options.usage

-- Flags ---------------------------------------------------------------------------------------

---What every verb takes that carries out a recipe.
execute.flags = {
  project = { type = "string" }, yes = { type = "boolean" }, json = { type = "boolean" }, debug = { type = "boolean" },
  ["no-color"] = { type = "boolean" }, help = { type = "boolean" }, wait = { type = "boolean" },
  keep = { type = "boolean" }, ["break-lease"] = { type = "list" }, manifest = { type = "string" },
}

local run_flags = { ["local"] = { type = "boolean" }, plan = { type = "boolean" } }
local resume_flags = { ["accept-changes"] = { type = "boolean" } }
local undo_flags = { ["accept-changes"] = { type = "boolean" }, ["accept-left"] = { type = "boolean" } }

local function joined(...)
  local all = {}
  for _, list in ipairs { ... } do
    for name, param in pairs(list) do all[name] = param end
  end
  return all
end

local not_yet = { env = true, explain = true }

local function refuse_missing_flags(arguments)
  for _, argument in ipairs(arguments) do
    local name = argument:match("^%-%-([%w-]+)")
    if name and not_yet[name] then
      usage(("--%s is reserved and not available in version %s"):format(name, core.version))
    end
  end
end

-- People and places ---------------------------------------------------------------------------

local function use_color(global)
  return not (global["no-color"] or os.getenv "NO_COLOR" or os.getenv "TERM" == "dumb")
    and core.is_terminal(2)
end

---Who runs this: under GitHub whoever started the workflow.
---@return string
function execute.user()
  return os.getenv "GITHUB_ACTOR" or os.getenv "USER" or os.getenv "LOGNAME" or "unknown"
end

---A plan as people read it.
---@param plan any
---@return string
function execute.plan_text(plan)
  if plan == nil then return "" end
  return type(plan) == "string" and plan or json.encode(plan, { indent = 2 })
end

local function ask(asked)
  if not (core.is_terminal(0) and core.is_terminal(2)) then return nil end
  if asked.plan ~= nil then io.stderr:write(execute.plan_text(asked.plan), "\n") end
  io.stderr:write(asked.question, " [yes/no] ")
  local answer = io.read "l"
  if answer ~= "yes" then return answer or "" end
  io.stderr:write("why (may be empty): ")
  local why = io.read "l"
  return answer, why ~= "" and why or nil
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

local function run_options(r, params, global, p, store)
  if global["no-color"] then core.be_plain() end
  return {
    recipe = r, params = params, store = store, root = p.root, project = p.project, ask = ask, user = execute.user(),
    report = global.json and report.json() or report.text(use_color(global)),
    flags = { ["local"] = global["local"], undo = r.taking_back, manifest = global.manifest },
    yes = global.yes, wait = global.wait, keep = global.keep, accept_changes = global["accept-changes"],
    break_lease = set_of(global["break-lease"]), lease_seconds = tonumber(os.getenv "DAVIT_LEASE_SECONDS"),
  }
end

-- On a CI runner the folder goes with the machine: what waits there would wait for ever.
local function check_ci(r, global, shared)
  if shared or (os.getenv "CI" or "") == "" then return end
  io.stderr:write("davit: this run is recorded on this machine only and ends with it; ",
    "DAVIT_STORE=postgresql://… keeps it\n")
  if r.approves and not (global.wait or global.yes) then
    failure {
      code = "config", class = "misuse",
      message = ("'%s' asks for approval, and this run could not be resumed"):format(r.name),
      hint = "set DAVIT_STORE to a database, or stay for the answer with --wait; nothing was done",
    }
  end
end

-- Ends ----------------------------------------------------------------------------------------------

local function print_outputs(run)
  for _, output in ipairs(run.outputs) do
    local value = output.value
    if type(value) == "table" then value = json.encode(value) end
    print(output.name .. ": " .. tostring(value))
  end
end

local function words_of(value)
  if type(value) == "table" then value = table.concat(value, ",") end
  local word = tostring(value)
  return word:find("^[%w%-_./=:,@+]+$") and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

-- The command that takes back what lives, for recipes that can; on the same cloud.
local function undo_command(r, params, flags_of_run)
  if not r.undo then return nil end
  local words = { "davit undo " .. r.name }
  for name, value in pairs(params) do
    local shape = type(value) == "boolean" and "--%s=%s" or "--%s %s"
    if r.params[name] then words[#words + 1] = shape:format(name, words_of(value)) end
  end
  if flags_of_run["local"] then words[#words + 1] = "--local" end
  return table.concat(words, " ")
end

-- What was refused is the cause, whatever the recipe made of it: a service that cannot be asked is not healthy, and
-- what was caught did not happen all the same.
local function tell_refused(held, code)
  local refused = held and held:refused()
  if not refused then return code end
  if code == 0 then io.stderr:write("davit: ", refused, ", and the recipe went on without it\n") end
  return exit.unless_left(code, { code = "manifest-refused" })
end

local function finish(run, o, global, held)
  if run.status == "done" and not run.error and not global.json then print_outputs(run) end
  report.ending(run, undo_command(o.recipe, o.params, o.flags), global.debug)
  return tell_refused(held, exit.of(run))
end

-- `held`: what refuses from here on, where the run goes by a manifest.
local function prepare(p, r, global)
  project.use(p)
  if global["local"] then require("local").connect(p) end
  if not global.manifest then return nil end
  global.manifest = require("fs.core").real(global.manifest) or global.manifest   -- for who resumes it from elsewhere
  return require("run.manifest").hold(global.manifest, r.name, { root = p.root, is_local = global["local"] })
end

-- run ---------------------------------------------------------------------------------------------------

-- The recipe's parameters and the global flags in one table; the names do not meet.
local function parse(arguments, r)
  refuse_missing_flags(arguments)
  local values, rest = flags.parse(arguments, joined(execute.flags, run_flags, r.params))
  if rest[1] then usage(("unexpected argument '%s'"):format(rest[1]), "parameters are flags: --name value") end
  local own, global = {}, {}
  for name, value in pairs(values) do
    if r.params[name] then own[name] = value else global[name] = value end
  end
  return own, global
end

local function start(r, own, global, folder)
  local p = project.read(folder)
  local held = prepare(p, r, global)
  if global.plan then return require("cli.plan").run(r, own, global.json) end
  local store <close>, shared = place.open(p.root)
  check_ci(r, global, shared)
  local o = run_options(r, own, global, p, store)
  return finish(runs.start(o), o, global, held)
end

---@param arguments string[]
---@param instead? string[]  the verbs, where a mistyped one may be meant
---@return integer exit code
function execute.run(arguments, instead)
  local r, folder = named.recipe(arguments, "run", instead)
  if flags.asks_for_help(arguments) then
    print(require("cli.help").recipe(r))
    return 0
  end
  local own, global = parse(arguments, r)
  return start(r, own, global, folder)
end

-- The recipe whose run takes back what lives, found without any journal. It asks nobody, and is never cut short.
local function taking_back(r)
  return setmetatable({ run = r.undo, taking_back = true, approves = false, deadline = false }, { __index = r })
end

-- resume, undo ----------------------------------------------------------------------------------------------

local function no_such_run(id)
  usage(("no run is called '%s'"):format(id),
    "'davit runs' lists them; without its journal 'davit undo RECIPE --NAME VALUE' takes back what lives")
end

---Several projects may share a store: what one of them made, another would not find.
---@param id string
---@param started table  what the run was started with
---@param p table        the project
function execute.check_project(id, started, p)
  if not started.project or started.project == p.project then return end
  usage(("run %s belongs to the project '%s', and this is '%s'"):format(id, started.project, p.project),
    "go to that project's folder or name it with --project")
end

-- What a run was started with: its recipe as it is now, its parameters and flags.
local function recorded(store, id, p)
  local row = store:runs { run = id }[1] or no_such_run(id)
  local started = json.decode(row.first)
  execute.check_project(id, started, p)
  recipe.search_in(p.root)
  local r, was = recipe.load(p.root, started.recipe), started.flags or {}
  return was.undo and taking_back(r) or r, started.params, was
end

---Goes on with a recorded run in the way of `carry_out` (runs.resume or runs.undo).
local function go_on(id, global, carry_out)
  local p = project.read(global.project)
  local store <close> = place.open(p.root)
  local r, params, was = recorded(store, id, p)
  global["local"], global.manifest = was["local"], global.manifest or was.manifest
  local held = prepare(p, r, global)
  local o = run_options(r, params, global, p, store)
  return finish(carry_out(o, { id = id }), o, global, held)
end

-- Asked by status: of many runs few are not over.
local function resumable(store, name)
  local list = {}
  for _, status in ipairs { "running", "interrupted", "undoing" } do
    for _, row in ipairs(store:runs { status = status }) do
      if history.first_of(row, name) and not holder.of(store, row.run) then list[#list + 1] = row.run end
    end
  end
  return list
end

local MOST_NAMED = 5

local function the_only_one(folder)
  local p = project.read(folder)
  local store <close> = place.open(p.root)
  local list = resumable(store, p.project)
  if #list == 1 then return list[1] end
  if #list == 0 then
    print "nothing to resume"
    return nil
  end
  local ways = {}
  for i, id in ipairs(list) do ways[i] = i <= MOST_NAMED and "davit resume " .. id or nil end
  usage(("%d runs can be resumed"):format(#list),
    table.concat(ways, "  or  ") .. (#list > MOST_NAMED and "  or another that 'davit runs' lists" or ""))
end

---@param arguments string[]
---@return integer exit code
function execute.resume(arguments)
  local values, rest = flags.parse(arguments, joined(execute.flags, resume_flags))
  if rest[2] then usage(("davit resume: unexpected argument '%s'"):format(rest[2])) end
  local id = rest[1] or the_only_one(values.project)
  return id and go_on(id, values, runs.resume) or 0
end

---Carries on a run that was approved.
---@param id string
---@param values table  flags
---@return integer exit code
function execute.go_on(id, values)
  return go_on(id, values, runs.resume)
end

local function is_recorded(folder, id)
  local p = project.read(folder)
  local store <close> = place.open(p.root)
  return store:runs { run = id }[1] ~= nil
end

---By the record of a run, or for a recipe by what lives.
---@param arguments string[]
---@return integer exit code
function execute.undo(arguments)
  local what = arguments[1]
  if not what or what:find("^%-") then
    usage("davit undo: which run?", "'davit runs' lists them; 'davit undo RECIPE --NAME VALUE' takes back what lives")
  end
  local folder = named.folder(arguments)
  if is_recorded(folder, what) then
    local values, rest = flags.parse(arguments, joined(execute.flags, undo_flags))
    if rest[2] then usage(("davit undo: unexpected argument '%s'"):format(rest[2])) end
    return go_on(what, values, values["accept-left"] and runs.accept_left or runs.undo)
  end
  if what:find("%-%d+%-%d+%-%x+$") then no_such_run(what) end
  local r = named.recipe(arguments, "undo")
  if not r.undo then
    usage(("the recipe '%s' does not say how to take back what lives"):format(r.name),
      ("'davit undo RUN' takes back what a run recorded; else give it undo = function(p, run) … end"))
  end
  local own, global = parse(arguments, r)
  if global.plan then usage("--plan is for a recipe that is run", "'davit cleanup --plan' says what would go") end
  return start(taking_back(r), own, global, folder)
end

return execute
