---`davit rehearse RECIPE`: the recipe against models of the services, offline, with Davit dying at
---every point of the run.
local assumed = require "rehearsal.assumed"
local event = require "event.core"
local explore = require "rehearsal.explore"
local flags = require "cli.flags"
local json = require "json"
local mask = require "mask"
local matrix = require "rehearsal.matrix"
local named = require "cli.named"
local options = require "options"
local page = require "rehearsal.page"
local project = require "project"
local recipe = require "recipe"
local report = require "rehearsal.report"

local rehearse = {}

local usage = options.usage
local write = require("fs.core").write

local own_flags = {
  project = { type = "string" }, json = { type = "boolean" }, seed = { type = "integer", default = 1 },
  jobs = { type = "integer", default = 0 }, replay = { type = "string" }, log = { type = "string" },
  html = { type = "string" },
  faults = { type = "boolean", default = true }, depth = { type = "integer", default = 1 },
  budget = { type = "number", default = 30 }, every = { type = "integer", default = 1 },
  owner_token = { type = "boolean", default = false }, unhealthy = { type = "string" },
  after = { type = "texts", default = {}, many = true }, help = { type = "boolean" },
  latency = { type = "string" }, ["dns-delay"] = { type = "string" }, ["tls-delay"] = { type = "string" },
  ["propagation-delay"] = { type = "string" },
}

local HELP = [[
Runs a recipe offline against models of Cloudflare, Neon and GitHub on virtual time: once undisturbed,
then once for everything that may go wrong at every effect and every journal write, a crash before and after it
included, followed by resume, and again by undo. Nothing real is touched; no secret and no network is needed.

Usage: davit rehearse RECIPE [--NAME VALUE]… [FLAG]…
  --after A,B     run these recipes first, undisturbed (cleanup --after test,preview: one that is there); `push` is
                  another commit (rollback --after test,production,push,test,production). With parameters of its own
                  one is a text, and the flag is repeated: --after 'production --accept-breaking'
  --owner-token   GITHUB_TOKEN is one of the repository's owner, and no workflow's (secrets --rotate)
  --unhealthy NAME  what is deployed of this Worker (its name at Cloudflare) never becomes healthy
  --no-faults     crashes only
  --depth 2       pairs, too: all of them where they are few, else a sample of --budget seconds (30)
  --every N       only each so-many-th schedule
  --seed N        other random numbers (default 1)
  --jobs N        schedules at once (default: one for each core)
  --replay ID     only this schedule: every event, what broke, what is left
  --html FILE     write a page with the table, and what happened in each schedule that failed
  --log FILE      write the events of the undisturbed run (or of the replayed schedule)
  --latency TIME  until an API answers (50ms)
  --dns-delay, --tls-delay, --propagation-delay TIME
                  until a new name resolves (5s), a custom domain has its certificate (10s), an upload serves (3s)
  --json          one object a line for each schedule, then a summary
  --project DIR   the folder that holds davit.yaml

Exit code 0: everything held; 1: a schedule failed.]]

local PUSH <const> = "push"   -- among what comes first: no recipe, another commit

-- Flags --------------------------------------------------------------------------------------

local function joined(r)
  local params = {}
  for name, param in pairs(own_flags) do params[name] = param end
  for name, param in pairs(r.params) do
    if params[name] then
      usage(("%s: its parameter '%s' is a flag of 'davit rehearse' too"):format(r.name, name), "give it another name")
    end
    params[name] = param
  end
  return params
end

-- What is not given is no mistake yet: it may be shared.
local function optional(params)
  local list = {}
  for name, param in pairs(params) do list[name] = { type = param.type } end
  return list
end

-- The parameters of a recipe that comes first: its own, else those that it shares with the one that is rehearsed.
local function params_of(r, own, given)
  local values, rest = flags.parse(own, optional(r.params))
  if rest[1] then
    usage(("--after %s: unexpected argument '%s'"):format(r.name, rest[1]), "parameters are flags: --name value")
  end
  local params = {}
  for key, param in pairs(r.params) do
    params[key] = values[key]
    if params[key] == nil then params[key] = given[key] end
    if params[key] == nil then params[key] = param.default end
    if params[key] == nil and param.required then
      usage(("--after %s: its parameter --%s is required, and the rehearsed recipe has none"):format(r.name, key),
        ("--after '%s --%s …' gives it one"):format(r.name, key))
    end
  end
  return params
end

-- What comes first: a recipe, or a push.
local function before(folder, words, given)
  local name = table.remove(words, 1)
  if name == PUSH and not words[1] then return { push = true } end
  local r = recipe.load(folder, name)
  return { recipe = name, params = params_of(r, words, given) }
end

-- Names between commas, or with blanks one recipe and its parameters.
local function add_before(list, folder, text, given)
  for part in (text:find " " and text or text:gsub(",", "\0")):gmatch "%Z+" do
    local words = {}
    for word in part:gmatch "%S+" do words[#words + 1] = word end
    if words[1] then list[#list + 1] = before(folder, words, given) end
  end
end

local function check_numbers(values)
  if values.jobs < 0 or values.jobs > 256 then usage("--jobs expects a number from 1 to 256") end
  if values.seed < 0 then usage("--seed expects a number of at least 0") end
end

local function delays_of(values)
  return { latency = flags.duration(values, "latency"), dns = flags.duration(values, "dns-delay"),
    tls = flags.duration(values, "tls-delay"), propagation = flags.duration(values, "propagation-delay") }
end

local function strip(id, name)
  local prefix = name .. ":"
  return id and id:sub(1, #prefix) == prefix and id:sub(#prefix + 1) or id
end

-- A parameter without a value has none to be told.
local function same(value, default)
  return value == default or type(value) == "table" and type(default) == "table" and #value == 0 and #default == 0
end

local function read(arguments)
  local r, folder = named.recipe(arguments, "rehearse")
  local values, rest = flags.parse(arguments, joined(r))
  if rest[1] then usage(("unexpected argument '%s'"):format(rest[1]), "parameters are flags: --name value") end
  check_numbers(values)
  local params, after = {}, {}
  values.given = {}
  for name, param in pairs(r.params) do
    params[name] = values[name]
    if not same(values[name], param.default) then values.given[name] = values[name] end
  end
  for _, text in ipairs(values.after) do add_before(after, folder, text, params) end
  return values, {
    recipe = r.name, params = params, after = after, seed = values.seed, owner = values.owner_token,
    unhealthy = values.unhealthy, jobs = values.jobs, replay = strip(values.replay, r.name),
    faults = values.faults, depth = values.depth, budget = values.budget, every = values.every,
    pull_requests = { math.type(params.pr) == "integer" and params.pr or 42 }, delays = delays_of(values),
  }
end

-- Telling ------------------------------------------------------------------------------------

local function word(value)
  local text = type(value) == "table" and table.concat(value, ",") or tostring(value)
  return text:find("^[%w%-_./=:,@+]+$") and text or "'" .. text:gsub("'", "'\\''") .. "'"
end

local function flag_of(name, value)
  local flag = name:gsub("_", "-")
  if type(value) == "boolean" then return ("--%s%s"):format(value and "" or "no-", flag) end
  return ("--%s %s"):format(flag, word(value))
end

-- The command line that holds this rehearsal again.
local function command_of(values, o)
  local words = { "davit rehearse " .. o.recipe }
  for name, value in pairs(values.given) do words[#words + 1] = flag_of(name, value) end
  for _, text in ipairs(values.after) do words[#words + 1] = "--after " .. word(text) end
  if values.owner_token then words[#words + 1] = "--owner-token" end
  for _, name in ipairs { "unhealthy", "project", "latency", "dns-delay", "tls-delay", "propagation-delay" } do
    if values[name] then words[#words + 1] = flag_of(name, values[name]) end
  end
  if values.seed ~= own_flags.seed.default then words[#words + 1] = "--seed " .. values.seed end
  return table.concat(words, " ")
end

local function with_name(packet, o)
  return {
    schedule = o.recipe .. ":" .. packet.schedule, ok = #packet.problems == 0, problems = json.array(packet.problems),
    ended = #packet.problems > 0 and packet.told or nil,
  }
end

local function tell_json(packet, o)
  local line = with_name(packet, o)
  line.v = 1
  event.print(json.encode(line))
end

-- The table's cells, each with its counts.
local function cells(m)
  local list = {}
  for _, row in ipairs(m.rows) do
    for _, column in ipairs(m.columns) do
      local cell = row.cells[column]
      if cell then
        list[#list + 1] = { area = row.area, effect = row.name, fault = column, held = cell.held, failed = cell.failed,
          merged = cell.merged, untried = cell.untried }
      end
    end
  end
  return json.array(list)
end

local function assumptions(m)
  local list = {}
  for i, one in ipairs(assumed.met(m)) do list[i] = { service = one.service, operation = one.operation } end
  return json.array(list)
end

local function summary(result, o)
  local m = matrix.of(result, o)
  return json.encode {
    v = 1, summary = {
      recipe = o.recipe, seed = o.seed, schedules = result.schedules, merged = result.merged,
      failed = #result.failed, untried = m.total.untried, pairs = result.pairs, points = result.points,
      seconds = result.seconds, undisturbed = result.reference and result.reference.outcome, cells = cells(m),
      assumed = assumptions(m),
    },
  }
end

local function tell(result, values, o)
  if values.log then write(values.log, mask.text(result.log)) end
  if values.html then write(values.html, page.of(result, command_of(values, o), o)) end
  if values.json then
    event.print(summary(result, o))
  else
    print(o.replay and result.replayed and report.replayed(result, o)
      or report.text(result, command_of(values, o), o))
  end
end

---@param arguments string[]
---@return integer exit code
function rehearse.run(arguments)
  if flags.asks_for_help(arguments) then
    print(HELP)
    return 0
  end
  local values, o = read(arguments)
  local p = project.read(values.project)
  project.hide_secrets(p)   -- none is used, but a parameter may hold one
  local result = explore.run(p, o, function(packet)
    if values.json then tell_json(packet, o) end
  end)
  tell(result, values, o)
  return #result.failed == 0 and 0 or 1
end

return rehearse
