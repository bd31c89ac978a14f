---One rehearsal from beginning to end: starts the exploration and gathers what it finds.
local couples = require "rehearsal.couples"
local core = require "rehearsal.core"
local json = require "json"
local monotonic = require("core").monotonic
local settings = require "rehearsal.settings"

local explore = {}

---@class rehearsal.Packet
---@field schedule string    "crash-after:journal:17:resume", or "undisturbed"
---@field problems { what: string, line: string }[]

---@class rehearsal.Result
---@field reference? table   of the undisturbed run: outcome { code, error }, inventory
---@field before string[]    the inventory before it
---@field points table<string, integer>  how many of each kind the undisturbed run reached
---@field effects table<string, string>  what each was about, by "http:12"
---@field schedules integer  how many ran, without the undisturbed one
---@field merged integer     how many more there are that are the same as one of these
---@field failed rehearsal.Packet[]
---@field log string         events, where they were asked for
---@field seconds number

local function take(result, packet, each)
  if packet.reference then
    result.reference, result.points, result.before = packet.reference, packet.points, packet.before
  end
  if packet.point then
    result.effects[packet.point] = packet.about
  elseif packet.schedule then
    if packet.schedule ~= "undisturbed" then result.schedules = result.schedules + 1 end
    if #packet.problems > 0 then result.failed[#result.failed + 1] = packet end
    return each(packet)
  elseif packet.log then
    result.log[#result.log + 1] = packet.log
  elseif packet.done then
    result.merged, result.done = packet.merged, true
  end
end

-- In the order in which an undisturbed run meets the points, kind by kind.
local function order(failed)
  local function key(packet)
    local fault, kind, index, ending = packet.schedule:match("^([%w-]+):(%a+):(%d+):?(.*)$")
    if not fault then return "" end
    return ("%s %09d %s %s"):format(kind, index, fault, ending)
  end
  table.sort(failed, function(a, b) return key(a) < key(b) end)
end

-- One exploration, whose packets are taken as they come.
local function pass(project, o, result, each, more)
  local what = {
    root = project.root, settings = json.encode(settings.of(project, o)), environ = settings.environ(project),
    seed = o.seed, jobs = o.jobs, replay = o.replay, faults = o.faults, log = o.log, every = o.every, limit = o.limit,
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
  end, { plan = table.concat(ids, "\n"), every = 1 })
  result.merged = merged
end

local function pass_all(project, o, result, each, pool)
  local ids = pool:all()
  for from = 1, #ids, BATCH do
    pass_plan(project, o, result, each, table.move(ids, from, math.min(from + BATCH - 1, #ids), 1, {}))
  end
end

local function pass_sample(project, o, result, each, pool)
  local stop = monotonic() + o.budget
  repeat
    local ids = pool:sample(BATCH // 4)
    if #ids > 0 then pass_plan(project, o, result, each, ids) end
  until #ids == 0 or monotonic() >= stop
end

local FEW = 2000   -- pairs that are all tried, whatever they take

local function pass_pairs(project, o, result, each, pool)
  local singles = result.schedules
  result.pairs = { all = pool.count }
  local try_them = pool.count <= FEW and pass_all or pass_sample
  try_them(project, o, result, each, pool)
  result.pairs.tried = result.schedules - singles
end

---@param project table  of project.read
---@param o rehearsal.Options  and jobs (0: a schedule for each core), replay, log, every (1: all schedules),
---                            limit (30 s for a run), faults, depth (1 or 2), budget (seconds for pairs)
---@param each fun(packet: rehearsal.Packet): boolean|nil  told of every run as it ends; true: that is enough
---@return rehearsal.Result
function explore.run(project, o, each)
  local began = monotonic()
  local result = {
    failed = {}, log = {}, points = {}, effects = {}, before = {}, schedules = 0, merged = 0,
  }
  local deep = o.depth == 2 and not o.replay
  local pool = couples.new(o.seed)
  pass(project, o, result, function(packet)
    if deep and #packet.problems == 0 then pool:add(packet) end
    packet.after = nil
    return each(packet)
  end, { effects = deep })
  if deep then pass_pairs(project, o, result, each, pool) end
  order(result.failed)
  result.log, result.seconds = table.concat(result.log), monotonic() - began
  return result
end

return explore
