---`davit rehearse [RECIPE]`: the recipe against models of the services, offline, with Davit dying at
---every point of the run. Without a recipe: all that davit.yaml declares.
local assumed = require "rehearsal.assumed"
local before = require "rehearsal.before"
local command = require "cli.command"
local declared = require "rehearsal.declared"
local crosstab = require "rehearsal.crosstab"
local event = require "event.core"
local explore = require "rehearsal.explore"
local flags = require "cli.flags"
local json = require "json"
local manifest = require "run.manifest"
local mask = require "mask"
local matrix = require "rehearsal.matrix"
local named = require "cli.named"
local options = require "options"
local page = require "rehearsal.page"
local project = require "project"
local recipe = require "recipe"
local report = require "rehearsal.report"
local schedules = require "rehearsal.words"

local rehearse = {}

local usage = options.usage
local write = require("fs.core").write

local BUDGET <const> = 30   -- seconds for a sample of pairs

local own_flags = {
  project = { type = "string" }, json = { type = "boolean" }, seed = { type = "integer", default = 1 },
  jobs = { type = "integer" }, replay = { type = "string" }, log = { type = "string" },
  html = { type = "string" },
  faults = { type = "boolean", default = true }, depth = { type = "integer", default = 1 },
  budget = { type = "string" }, every = { type = "integer", default = 1 },
  owner_token = { type = "boolean", default = false }, unhealthy = { type = "string" },
  after = { type = "texts", default = {}, many = true }, manifest = { type = "boolean" },
  help = { type = "boolean" },
  latency = { type = "string" }, ["dns-delay"] = { type = "string" }, ["tls-delay"] = { type = "string" },
  ["propagation-delay"] = { type = "string" },
}

local HELP = [[
Runs a recipe offline against models of Cloudflare, Neon and GitHub on virtual time: once undisturbed,
then once for everything that may go wrong at every effect and every journal write, a crash before and after it
included, followed by resume, and again by undo. Nothing real is touched; no secret and no network is needed.

Usage: davit rehearse [RECIPE [--NAME VALUE]…] [FLAG]…
Without a recipe, and of a recipe without its parameters, it holds the rehearsals that davit.yaml lists.

  --after A,B     run these recipes first, undisturbed (cleanup --after test,preview: one that is there); `push` is
                  another commit (rollback --after test,production,push,test,production). With parameters of its own
                  one is a text, and the flag is repeated: --after 'production --accept-breaking'
  --owner-token   GITHUB_TOKEN is one of the repository's owner, and no workflow's (secrets --rotate)
  --unhealthy NAME  what is deployed of this Worker (its name at Cloudflare) never becomes healthy
  --no-faults     crashes only
  --depth 2       pairs, too: all of them where they are few, else a sample by seed, those first whose likes were
                  tried least, for as long as --budget TIME says (30s)
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
  --manifest      print what the recipe used in all schedules, for review and 'davit run --manifest'
  --project DIR   the folder that holds davit.yaml

Exit code 0: everything held; 1: a schedule failed.]]

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

local limits = { { "seed", 0 }, { "jobs", 1, 256 }, { "every", 1 }, { "depth", 1, 2 } }

local function check_flags(values)
  for _, flag in ipairs { "json", "replay" } do
    if values.manifest and values[flag] then usage("--manifest goes without --" .. flag) end
  end
  for _, limit in ipairs(limits) do
    local name, least, most = table.unpack(limit)
    local value = values[name]
    if value and not (value >= least and value <= (most or value)) then
      usage(("--%s expects a number %s, not '%s'"):format(name,
        most and ("from %d to %d"):format(least, most) or ("of at least %d"):format(least), value))
    end
  end
end

local function delays_of(values)
  return { latency = flags.duration(values, "latency"), dns = flags.duration(values, "dns-delay"),
    tls = flags.duration(values, "tls-delay"), propagation = flags.duration(values, "propagation-delay") }
end

local function strip(id, name)
  local prefix = name .. ":"
  local own = id and id:sub(1, #prefix) == prefix and id:sub(#prefix + 1) or id
  if own and own ~= "undisturbed" and not schedules.is_schedule(own) then
    usage(("--replay: no schedule of '%s' is called '%s'"):format(name, id),
      "it is what went wrong, where and what followed, as a rehearsal names it: crash-after:http:12:resume")
  end
  return own
end

-- What all rehearsals of a command have in common.
local function with_flags(o, values)
  o.seed, o.jobs, o.faults, o.depth, o.every = values.seed, values.jobs or 0, values.faults, values.depth, values.every
  o.budget = flags.duration(values, "budget") or BUDGET
  o.replay, o.uses = strip(values.replay, o.recipe), values.manifest
  o.owner, o.unhealthy = values.owner_token or o.owner, values.unhealthy or o.unhealthy
  o.delays = delays_of(values)
  return o
end

local function no_more(rest)
  if rest[1] then usage(("unexpected argument '%s'"):format(rest[1]), "parameters are flags: --name value") end
end

-- The recipe with the parameters of the command line.
local function as_told(r, folder, arguments)
  local values, rest = flags.parse(arguments, joined(r))
  no_more(rest)
  check_flags(values)
  local params, after = {}, {}
  for name in pairs(r.params) do params[name] = values[name] end
  for _, text in ipairs(values.after) do
    before.add(after, folder, text, params, function(name, what, hint)
      usage(("--after %s: %s"):format(name, what), hint)
    end)
  end
  local o = { recipe = r.name, params = params, after = after, pull_requests = declared.pull_requests(params),
    given = declared.given(r, params), comes_first = values.after }
  return values, { with_flags(o, values) }
end

-- Those that davit.yaml lists, of one recipe or of all.
local function as_declared(p, name, values)
  local list = declared.of(p, name)
  for _, o in ipairs(list) do with_flags(o, values) end
  return values, list
end

-- Flags that are no parameters of the recipe; nil where others stand there, too.
local function only_own(arguments)
  local values, rest = try(flags.parse, arguments, own_flags)
  return values and not rest[1] and not values.replay and #values.after == 0 and values or nil
end

local function read_all(arguments)
  local values, rest = flags.parse(arguments, own_flags)
  no_more(rest)
  check_flags(values)
  for _, flag in ipairs { "manifest", "log", "html", "replay" } do
    if values[flag] then usage(("--%s is about one recipe"):format(flag), "davit rehearse RECIPE --" .. flag) end
  end
  local p = project.read(values.project)
  if #p.rehearse == 0 then
    usage("davit rehearse: which recipe?", "'davit help' lists them; davit.yaml may list rehearsals under 'rehearse'")
  end
  recipe.search_in(p.root)
  return p, as_declared(p, nil, values)
end

-- Each would write over the one before.
local function refuse_one_file(name, count, values)
  for _, flag in ipairs { "html", "log" } do
    if values[flag] then
      usage(("--%s is about one rehearsal, and davit.yaml lists %d of '%s'"):format(flag, count, name),
        "say which by its parameters, with --after for what comes first")
    end
  end
end

---@return table project, table values, rehearsal.Options[] list
local function read(arguments)
  if not arguments[1] or arguments[1]:find "^%-" then return read_all(arguments) end
  local r, folder = named.recipe(arguments, "rehearse")
  local values = only_own(arguments)
  local p = project.read(folder)
  if values and #declared.of(p, r.name) > 0 then
    check_flags(values)
    local _, list = as_declared(p, r.name, values)
    if list[2] then refuse_one_file(r.name, #list, values) end
    return p, values, list
  end
  return p, as_told(r, folder, arguments)
end

-- Telling ------------------------------------------------------------------------------------

-- The command line that holds this rehearsal again.
local function command_of(values, o)
  local words = { "davit rehearse " .. o.recipe }
  for name, value in pairs(o.given) do words[#words + 1] = command.flag(name, value) end
  for _, text in ipairs(o.comes_first) do words[#words + 1] = "--after " .. command.word(text) end
  if o.owner then words[#words + 1] = "--owner-token" end
  if o.unhealthy then words[#words + 1] = command.flag("unhealthy", o.unhealthy) end
  for _, name in ipairs { "project", "latency", "dns-delay", "tls-delay", "propagation-delay" } do
    if values[name] then words[#words + 1] = command.flag(name, values[name]) end
  end
  if values.seed ~= own_flags.seed.default then words[#words + 1] = "--seed " .. values.seed end
  return table.concat(words, " ")
end

local function with_name(packet, o)
  return {
    schedule = o.recipe .. ":" .. packet.schedule, ok = #packet.problems == 0, problems = json.array(packet.problems),
    events = packet.events, ended = #packet.problems > 0 and packet.told or nil,
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

-- How many pairs there are and were tried, and of the groups of faults that met how many held.
local function pairs_of(result)
  local m = crosstab.of(result)
  if not result.pairs and not m then return nil end
  local told, list = result.pairs or {}, {}
  for _, row in ipairs(m and m.rows or {}) do
    for second, cell in pairs(row.cells) do
      list[#list + 1] = { first = row.name, second = second, held = cell.held, failed = cell.failed }
    end
  end
  return { all = told.all, tried = told.tried, cells = json.array(list) }
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
      failed = #result.failed, untried = m.total.untried, pairs = pairs_of(result), points = result.points,
      seconds = result.seconds, covered = result.covered, undisturbed = result.reference and result.reference.outcome,
      longest = result.longest, cells = cells(m), assumed = assumptions(m),
    },
  }
end

local function write_files(result, values, o)
  if values.log then write(values.log, mask.text(result.log)) end
  if values.html then write(values.html, page.of(result, command_of(values, o), o)) end
end

local function tell(result, values, o)
  if values.json then return event.print(summary(result, o)) end
  local text = o.replay and result.replayed and report.replayed(result, o)
    or report.text(result, command_of(values, o), o)
  local to = values.manifest and io.stderr or io.stdout
  to:write(text, "\n")
end

-- A name that no Worker has disturbs nothing, and nobody would see it.
local function warn_of_name(result, o)
  if o.unhealthy and result.reference and result.reference.outcome.code == 0 then
    io.stderr:write(("davit: warning: --unhealthy %s changes nothing: the undisturbed run ends well. It is a "
      .. "Worker's name at Cloudflare, such as web-preview-42\n"):format(o.unhealthy))
  end
end

-- One rehearsal; what it used is gathered.
local function hold(p, o, values, several, uses)
  if several and not values.json then
    local to = values.manifest and io.stderr or io.stdout
    to:write("== ", command_of(values, o):match "^davit rehearse (.*)$", "\n")
  end
  local result = explore.run(p, o, function(packet)
    if values.json then tell_json(packet, o) end
  end)
  tell(result, values, o)
  warn_of_name(result, o)
  write_files(result, values, o)   -- a disk that is full takes no report away
  table.move(result.uses, 1, #result.uses, #uses + 1, uses)
  return result
end

local function tell_sum(count, sum, values)
  if count < 2 or values.json then return end
  local text = ("%d rehearsals, %d schedules in %.1f s: %s\n"):format(count, sum.schedules, sum.seconds,
    sum.failed == 0 and "all hold" or ("%d schedules failed"):format(sum.failed))
  if values.manifest then io.stderr:write(text) else io.write(text) end
end

---@param arguments string[]
---@return integer exit code
function rehearse.run(arguments)
  if flags.asks_for_help(arguments) then
    print(HELP)
    return 0
  end
  local p, values, list = read(arguments)
  project.hide_secrets(p)   -- none is used, but a parameter may hold one
  local sum, uses = { schedules = 0, seconds = 0, failed = 0 }, {}
  for _, o in ipairs(list) do
    local result = hold(p, o, values, #list > 1, uses)
    sum.schedules, sum.seconds = sum.schedules + result.schedules + result.merged, sum.seconds + result.seconds
    sum.failed = sum.failed + #result.failed
  end
  tell_sum(#list, sum, values)
  if values.manifest then io.write(manifest.text(list[1].recipe, manifest.with_commands(uses, p))) end
  return sum.failed == 0 and 0 or 1
end

return rehearse
