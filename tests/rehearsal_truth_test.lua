---A rehearsal is right: the same recipe, run really over loopback against `davit cloud` with the same fault on the wire,
---comes to the same end.
local core = require "core"
local explore = require "rehearsal.explore"
local faults = require "cloud.faults"
local oracle = require "rehearsal.oracle"
local services = require "rehearsal.faults.services"
local sha256 = require "sha256"
local task = require "task"
local truth = assert(core.load_file "tests/truth_world.lua")()

local SLOW = (os.getenv "DAVIT" or ""):find("san", 1, true) ~= nil
local SEED <const> = os.getenv "TRUTH_SEED" or "1"   -- another one draws others
local AT_ONCE <const> = 6
local PATIENCE <const> = 120   -- seconds for what takes one or two

-- ---- which requests --------------------------------------------------------------------------------

local function is_id(part)
  return part:find "^%d%d%d%d%d+$" or part:find("^" .. ("%x"):rep(32) .. "$") or part:find "^br%-"
    or part:find "^%x+%-%x+%-%x+%-%x+%-%x+$"
end

-- Requests that differ in nothing but ids are alike.
local function like(about)
  return (about:gsub("[^/]+", function(part) return is_id(part) and "{}" or part end))
end

---@class tests.Effect
---@field index integer    of all requests of the rehearsal
---@field like string      "PUT api.cloudflare.com/client/v4/accounts/{}/workers/scripts/toy"
---@field nth integer      of those that are alike
---@field again boolean    the same was asked right before: how often that happens is a matter of time

---@return tests.Effect[]  requests to the services, in their order
local function effects_of(told)
  local list, counts, before = {}, {}, nil
  for index = 1, #told do
    local one = like(told[index])
    if faults.service(one:match "^%S+ ([^/]+)") then
      counts[one] = (counts[one] or 0) + 1
      list[#list + 1] = { index = index, like = one, nth = counts[one], again = one == before }
      before = one
    end
  end
  return list
end

local function once(effects)
  local list = {}
  for _, effect in ipairs(effects) do
    if not effect.again then list[#list + 1] = effect.like end
  end
  return list
end

-- ---- which schedules -------------------------------------------------------------------------------

-- The rule meets the same request on the wire, its times by scale.
local function on_the_wire(effect, rule)
  local method, host, path = effect.like:match "^(%S+) ([^/]+)(/.*)$"
  local made = { service = faults.service(host), method = method, path = path, nth = effect.nth }
  for key, value in pairs(rule) do made[key] = value end
  made.retry_after = made.retry_after and made.retry_after / truth.SCALE
  made.delay = made.delay and made.delay / truth.SCALE
  return faults.line(assert(faults.rule(made)))
end

local HELD <const> = { applied = true, delay = 600 * truth.SCALE }   -- carried out, and not answered in time

-- What Davit meets itself while a request is under way that was carried out.
local befalls = { ["crash-after"] = "KILL", stop = "TERM" }

---@class tests.Schedule
---@field id string
---@field kind string      of which one is drawn: the fault, the service, whether it reads
---@field rule string      of `davit cloud --fault`
---@field signal? string   what Davit gets as soon as the rule has met
---@field wanted string    "resume", "undo", what becomes of a question, or ""

-- Of a change that may have been made or not each is a kind of its own: that is where providers differ.
local in_doubt = { reset = true, lost = true, cut = true, truncated = true, ["500-applied"] = true }

local function kind_of(effect, fault, wanted)
  local method, host = effect.like:match "^(%S+) ([^/]+)"
  local about = faults.service(host) .. (method == "GET" and " read" or " change")
  if method ~= "GET" and in_doubt[fault] then about = effect.index end
  return ("%s %s %s"):format(about, fault, wanted or "")
end

local function add(list, effect, fault, rule, wanted)
  list[#list + 1] = { id = ("%s:http:%d%s"):format(fault, effect.index, wanted and ":" .. wanted or ""),
    kind = kind_of(effect, fault, wanted), rule = on_the_wire(effect, rule),
    signal = befalls[fault], wanted = wanted or "" }
end

-- Whose wait no rule shortens: a minute, and the rest of Cloudflare's window of five.
local takes_long = { ["github secondary-bare"] = true, ["cloudflare 429"] = true }

local function schedules_at(list, effect)
  local method, host = effect.like:match "^(%S+) ([^/]+)"
  local service = faults.service(host)
  for _, name in ipairs((services.names(method, service))) do
    local rule = services.on_the_wire(name)
    if rule and not takes_long[service .. " " .. name] then add(list, effect, name, rule) end
  end
  for fault in pairs(befalls) do
    for _, wanted in ipairs { "resume", "undo" } do add(list, effect, fault, HELD, wanted) end
  end
end

-- One of each kind, whichever the seed says.
local function draw(effects)
  local all, drawn, kinds = {}, {}, {}
  for _, effect in ipairs(effects) do
    if not effect.again then schedules_at(all, effect) end
  end
  for _, one in ipairs(all) do one.lot = sha256(("%s/%s"):format(SEED, one.id)) end
  table.sort(all, function(a, b) return a.lot < b.lot end)
  for _, one in ipairs(all) do
    if not kinds[one.kind] then drawn[#drawn + 1], kinds[one.kind] = one, true end
  end
  return drawn
end

-- ---- the rehearsal -----------------------------------------------------------------------------------

local function rehearse(project, only, each, asks)
  return explore.run(project, { recipe = "toy", params = { pr = 42, ask = asks or false }, faults = true, seed = 1, jobs = 2,
    pull_requests = { 42 }, every = 1, limit = 60, plan = table.concat(only, "\n"), endings = true }, each or function() end)
end

local function requests_of(result)
  local told = {}
  for i = 1, result.points.http do told[i] = result.effects["http:" .. i] end
  return told
end

local function endings(project, schedules, asks)
  local ids, found = {}, {}
  for i, schedule in ipairs(schedules) do ids[i] = schedule.id end
  rehearse(project, ids, function(packet)
    found[packet.schedule] = packet.ending
    if packet.ending then packet.ending.first = packet.code end
  end, asks)
  return found
end

-- ---- the same, really ----------------------------------------------------------------------------------

local function wait_until_met(world)
  for _ = 1, PATIENCE * 50 do
    if world:met() > 0 then return end
    sleep(0.02)
  end
  error("the request that should be met never came", 0)
end

-- Davit, and who goes on with it where the oracle says so: the first and the last that says how it ended.
local function carry_out(world, schedule)
  local disturbed = world:davit(schedule.rule and "start" or "ask")
  if schedule.signal then
    wait_until_met(world)
    disturbed:kill(schedule.signal)
  end
  local first = world:outcome(disturbed:wait())
  local is_dead = schedule.signal == "KILL"
  local how = is_dead and schedule.wanted or oracle.new({}, 42):follow("start", first, schedule.wanted)
  if not how then return first, first end
  local last = world:outcome(world:davit(how):wait())
  last.said = first.said .. last.said
  return is_dead and last or first, last
end

local function ending_of(schedule)
  local world <close> = truth.begin(schedule.rule)
  local first, last = carry_out(world, schedule)
  local met = world:met()
  local inventory, shared = world:ending()
  return { first = first.code, code = last.code, inventory = inventory, shared = shared }, met, last.said
end

local function lines_of(ending)
  local lines = { ("exit codes %d, %d"):format(ending.first, ending.code) }
  for _, list in ipairs { ending.inventory, ending.shared } do table.move(list, 1, #list, #lines + 1, lines) end
  return lines
end

-- Adds the lines of `a` that `b` lacks.
local function add_missing(list, mark, a, b)
  local counts = {}
  for _, line in ipairs(b) do counts[line] = (counts[line] or 0) + 1 end
  for _, line in ipairs(a) do
    counts[line] = (counts[line] or 0) - 1
    if counts[line] < 0 then list[#list + 1] = mark .. line end
  end
end

-- What differs, or nil.
local function difference(schedule, rehearsed)
  if not rehearsed then return "the rehearsal has no such schedule" end
  local real, met, said = ending_of(schedule)
  local list = { schedule.rule and met ~= 1 and ("the rule met %d requests"):format(met) or nil }
  add_missing(list, "rehearsed: ", lines_of(rehearsed), lines_of(real))
  add_missing(list, "real: ", lines_of(real), lines_of(rehearsed))
  list[#list + 1] = #list > 0 and said or nil
  return #list > 0 and table.concat(list, "\n") or nil
end

-- Some at a time: whoever has ended one takes the next.
local function compare_all(schedules, rehearsed)
  local different, next_one = {}, 0
  local function work()
    while next_one < #schedules do
      next_one = next_one + 1
      local schedule = schedules[next_one]
      local what = task.deadline(PATIENCE, difference, schedule, rehearsed[schedule.id])
      if what then different[#different + 1] = ("%s (%s):\n%s"):format(schedule.id, schedule.rule or "no rule", what) end
    end
  end
  task.nursery(function(spawn)
    for i = 1, AT_ONCE do spawn("runs " .. i, work) end
  end)
  return different
end

-- ---- what holds ------------------------------------------------------------------------------------------

test("undisturbed, a recipe asks the same of the models and of the cloud, and leaves the same", function()
  truth.project(function(project)
    local rehearsed = rehearse(project, {})
    local world <close> = truth.begin()
    local outcome = world:outcome(world:davit("start"):wait())
    local asked = world:requests()
    local inventory, shared = world:ending()
    equal(outcome.code, rehearsed.reference.outcome.code)
    equal({ inventory, shared }, { rehearsed.reference.inventory, rehearsed.reference.shared })
    equal(once(effects_of(asked)), once(effects_of(requests_of(rehearsed))))
  end)
end)

test("what goes wrong on the wire ends as the rehearsal says, for each fault and service", function()
  if SLOW then skip "sixty runs under the sanitizers are slow" end
  truth.project(function(project)
    local schedules = draw(effects_of(requests_of(rehearse(project, {}))))
    local different = compare_all(schedules, endings(project, schedules))
    equal(table.concat(different, "\n\n"), "")
    equal(#schedules >= 50, true)
  end)
end)

-- Where nobody is at a terminal: a run that asks parks.
local function questions(project)
  local list = {}
  local result = rehearse(project, {}, nil, true)
  for point, about in pairs(result.effects) do
    for _, wanted in ipairs(about:find "^approval%-asked " and { "approve", "deny", "undo" } or {}) do
      list[#list + 1] = { id = ("unanswered:%s:%s"):format(point, wanted), wanted = wanted }
    end
  end
  return list
end

test("a run that asks parks really, and is approved, denied and taken back as the rehearsal says", function()
  if SLOW then skip "six runs under the sanitizers are slow" end
  truth.project(function(project)
    local schedules = questions(project)
    equal({ #schedules, table.concat(compare_all(schedules, endings(project, schedules, true)), "\n\n") }, { 3, "" })
  end)
end)
