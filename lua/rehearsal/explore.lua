---One rehearsal from beginning to end: starts the exploration and gathers what it finds.
local couples = require "rehearsal.couples"
local core = require "rehearsal.core"
local json = require "json"
local monotonic = require("core").monotonic
local settings = require "rehearsal.settings"
local shrink = require "rehearsal.shrink"
local task = require "task"

local explore = {}

---@class rehearsal.Packet
---@field schedule string    "crash-after:journal:17:resume", or "undisturbed"
---@field problems { what: string, line: string }[]
---@field shrunk? string     the schedule of more things that went wrong, of which this one is what matters
---@field told? { code: integer, status?: string, error?: string, left: string[] }[]  of one that failed: what each
---             Davit said when it ended, one after the other
---@field longest? number    seconds of its world that the Davit took who took longest
---@field events? string      SHA-256 of all its events; nil of one that had no end
---@field lasted? number      seconds of the rehearsal's time until it ended, with those of what came first
---@field code? integer      with which the first Davit ended that was disturbed, or who took over from one that died
---@field ending? { code: integer, inventory: string[], shared: string[] }  of the last, where endings were asked for

---@class rehearsal.Log
---@field common integer  bytes of the undisturbed run's log that come first
---@field text string     the events after them

---@class rehearsal.Result
---@field reference? table   of the undisturbed run: outcome { code, error }, inventory
---@field before string[]    the inventory before it
---@field points table<string, integer>  how many of each kind the undisturbed run reached
---@field effects table<string, string>  what each was about, by "http:12"
---@field order string[]     those names in the order in which the undisturbed run meets them
---@field tried table<string, boolean>  by id: whether the schedule held
---@field pairs? { all: integer, tried: integer }  where two things were to go wrong
---@field smallest? table<string, string>  by id of several things: fewer of them with which it fails, too
---@field schedules integer  how many ran, without the undisturbed one
---@field longest? { schedule: string, seconds: number }  the one with the Davit that took longest
---@field merged integer     how many more there are that are the same as one of these
---@field covered number     seconds of the rehearsal's time that all runs took
---@field began? number      seconds of its time that went by before the run began
---@field failed rehearsal.Packet[]
---@field replayed? rehearsal.Packet  the last one that ended
---@field logs table<string, rehearsal.Log>  events of "undisturbed" and of schedules that failed; if many did, of some
---@field log string         events of the undisturbed run, or of the schedule that is replayed
---@field uses string[]      "KIND NAME" (lua/run/manifest.lua) of all schedules, where it was asked for
---@field seconds number

local MOST_LOGS = 500

local function add_uses(result, lines)
  for _, line in ipairs(lines or {}) do result.used[line] = true end
end

local function take_log(result, packet)
  local logs = result.logs
  if not logs[packet.of] then
    if result.kept == MOST_LOGS then return end
    logs[packet.of], result.kept = { common = packet.common, text = "" }, result.kept + 1
  end
  logs[packet.of].text = logs[packet.of].text .. packet.log
end

local function take_point(result, packet)
  if not result.effects[packet.point] then result.order[#result.order + 1] = packet.point end
  result.effects[packet.point] = packet.about
end

local function take_longest(result, packet)
  local best = result.longest
  if not packet.longest or best and packet.longest <= best.seconds then return end
  result.longest = { schedule = packet.schedule, seconds = packet.longest }
end

local function take_schedule(result, packet)
  if packet.schedule ~= "undisturbed" then
    result.schedules = result.schedules + 1
    result.covered = result.covered + (packet.lasted and packet.lasted - result.began or 0)
    result.tried[packet.schedule] = #packet.problems == 0
    result.replayed = packet
    take_longest(result, packet)
  end
  if #packet.problems > 0 then result.failed[#result.failed + 1] = packet end
end

-- Every pass begins with it; what it covered counts once.
local function take_reference(result, packet)
  result.reference, result.points, result.before = packet.reference, packet.points, packet.before
  if result.began then return end
  local seconds = packet.reference.outcome.seconds or 0
  result.began, result.covered = packet.reference.elapsed - seconds, seconds
end

local function take(result, packet, each)
  add_uses(result, packet.uses)
  if packet.reference then
    add_uses(result, packet.reference.uses)
    take_reference(result, packet)
  end
  if packet.point then
    take_point(result, packet)
  elseif packet.schedule then
    take_schedule(result, packet)
    return each(packet)
  elseif packet.log then
    take_log(result, packet)
  elseif packet.done then
    result.merged, result.done = packet.merged, true
  end
end

-- What tells most comes first.
local ranks = { http = 1, sql = 2, process = 3, journal = 4, lease = 5, dns = 6, file = 7 }

-- By kind, in the order in which an undisturbed run meets the points; several things that go wrong come last.
local function order(failed)
  local function key(packet)
    local fault, kind, index, ending = packet.schedule:match("^([%w-]+):(%a+):(%d+):?(.*)$")
    if not fault then return "" end
    local several = packet.schedule:find("+", 1, true) and 1 or 0
    return ("%d %d %09d %s %s"):format(several, ranks[kind] or 9, index, fault, ending)
  end
  table.sort(failed, function(a, b) return key(a) < key(b) end)
end

-- One exploration, whose packets are taken as they come.
local function pass(project, o, result, each, more)
  local what = {
    root = project.root, settings = json.encode(settings.of(project, o)),
    environ = settings.environ(project, o.params),
    seed = o.seed, jobs = o.jobs, replay = o.replay, faults = o.faults, log = true, every = o.every, limit = o.limit,
    plan = o.plan, uses = o.uses,
  }
  for name, value in pairs(more) do what[name] = value end
  local exploration <close> = core.start(what)
  result.done = false
  while true do
    local text = exploration:next()
    if text == nil then break end
    if text and take(result, json.decode(text), each) then return end
  end
  if not result.done then
    failure { code = "rehearsal-failed", message = "the rehearsal's process ended before it was done" }
  end
end

-- ---- two things that go wrong -------------------------------------------------------------------

local BATCH = 400   -- schedules of one pass: each begins with the undisturbed run

-- What was found in the singles stands in result already; of a plan only its schedules count.
local function pass_plan(project, o, result, each, ids)
  local merged = result.merged
  pass(project, o, result, function(packet)
    return packet.schedule ~= "undisturbed" and each(packet)
  end, { plan = table.concat(ids, "\n"), every = 1, log = false })
  result.merged = merged
end

local function pass_all(project, o, result, each, pool)
  local ids = pool:all()
  for from = 1, #ids, BATCH do
    pass_plan(project, o, result, each, table.move(ids, from, math.min(from + BATCH - 1, #ids), 1, {}))
  end
end

-- What is under way when the time is over is given up, and counts as not tried.
local function pass_sample(project, o, result, each, pool)
  local merged = result.merged
  local _, err = try(task.deadline, o.budget, function()
    repeat
      local ids = pool:sample(BATCH // 4)
      if #ids > 0 then pass_plan(project, o, result, each, ids) end
    until #ids == 0
  end)
  result.merged = merged
  if err and err.code ~= "deadline" then error(err, 0) end
end

local FEW = 2000   -- pairs that are all tried, whatever they take

local function pass_pairs(project, o, result, each, pool)
  local singles = result.schedules
  result.pairs = { all = pool.count }
  local try_them = pool.count <= FEW and pass_all or pass_sample
  try_them(project, o, result, each, pool)
  result.pairs.tried = result.schedules - singles
end

-- ---- fewer things that go wrong ------------------------------------------------------------------

-- Of what fails with fewer things, too, only that is told.
local function shrink_failed(project, o, result, each)
  local ids = {}
  for i, packet in ipairs(result.failed) do ids[i] = packet.schedule end
  local smallest = shrink.all(ids, result.tried, function(list) pass_plan(project, o, result, each, list) end)
  result.smallest = smallest
  local from, kept = {}, {}
  for id, small in pairs(smallest) do from[small] = from[small] or id end
  for _, packet in ipairs(result.failed) do
    packet.shrunk = from[packet.schedule]
    if not smallest[packet.schedule] then kept[#kept + 1] = packet end
  end
  result.failed = kept
end

---The events of a run from its beginning; "" where they are not known.
---@param result rehearsal.Result
---@param id string
---@return string log
---@return integer common  how many bytes of it are the undisturbed run's, too
function explore.log(result, id)
  local log, undisturbed = result.logs[id], result.logs.undisturbed
  if not log or not undisturbed then return "", 0 end
  return undisturbed.text:sub(1, log.common) .. log.text, log.common
end

---@param project table  of project.read
---@param o rehearsal.Options  and jobs (0: a schedule for each core), replay, log, uses, every (1: all),
---                            limit (30 s for a run), faults, depth (1 or 2), budget (seconds for pairs)
---@param each fun(packet: rehearsal.Packet): boolean|nil  told of every run as it ends; true: that is enough
---@return rehearsal.Result
function explore.run(project, o, each)
  local began = monotonic()
  local result = { failed = {}, logs = {}, kept = 0, points = {}, effects = {}, order = {}, tried = {}, before = {},
    schedules = 0, merged = 0, covered = 0, used = {}, uses = {} }
  local deep = o.depth == 2 and not o.replay
  local pool = couples.new(o.seed)
  pass(project, o, result, function(packet)
    if deep and #packet.problems == 0 then pool:add(packet) end
    packet.after = nil
    return each(packet)
  end, { effects = deep })
  if deep then pass_pairs(project, o, result, each, pool) end
  if not o.replay then shrink_failed(project, o, result, each) end
  order(result.failed)
  for line in pairs(result.used) do result.uses[#result.uses + 1] = line end
  result.log = explore.log(result, o.replay or "undisturbed")
  result.seconds = monotonic() - began
  return result
end

return explore
