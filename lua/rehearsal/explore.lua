---One rehearsal from beginning to end: starts the exploration and gathers what it finds.
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
---@field schedules integer  how many ran, without the undisturbed one
---@field merged integer     how many more there are that are the same as one of these
---@field failed rehearsal.Packet[]
---@field log string         events, where they were asked for
---@field seconds number

local function take(result, packet, each)
  if packet.reference then
    result.reference, result.points, result.before = packet.reference, packet.points, packet.before
  end
  if packet.schedule then
    if #packet.problems > 0 then result.failed[#result.failed + 1] = packet end
    each(packet)
  elseif packet.log then
    result.log[#result.log + 1] = packet.log
  elseif packet.done then
    result.schedules, result.merged, result.done = packet.schedules, packet.merged, true
  end
end

-- In the order in which an undisturbed run meets the points, kind by kind.
local function order(failed)
  local function key(packet)
    local when, kind, index, ending = packet.schedule:match("^crash%-(%a+):(%a+):(%d+):(%a+)$")
    if not when then return "" end
    return ("%s %09d %s %s"):format(kind, index, when == "before" and 0 or 1, ending)
  end
  table.sort(failed, function(a, b) return key(a) < key(b) end)
end

---@param project table  of project.read
---@param o rehearsal.Options  and jobs (0: a schedule for each core), replay, log, every (1: all schedules),
---                            limit (30 s for a run)
---@param each fun(packet: rehearsal.Packet)  told of every run as it ends
---@return rehearsal.Result
function explore.run(project, o, each)
  local began = monotonic()
  local result = { failed = {}, log = {}, points = {}, before = {}, schedules = 0 }
  local exploration <close> = core.start {
    root = project.root, settings = json.encode(settings.of(project, o)),
    environ = settings.environ(project, o.params),
    seed = o.seed, jobs = o.jobs, replay = o.replay, log = o.log, every = o.every, limit = o.limit,
  }
  while true do
    local text = exploration:next()
    if text == nil then break end
    if text then take(result, json.decode(text), each) end
  end
  if not result.done then
    failure { code = "rehearsal-failed", message = "the rehearsal's process ended before it was done" }
  end
  order(result.failed)
  result.log, result.seconds = table.concat(result.log), monotonic() - began
  return result
end

return explore
