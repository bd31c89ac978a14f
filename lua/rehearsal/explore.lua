---One rehearsal from beginning to end: starts the exploration and gathers what it finds.
local core = require "rehearsal.core"
local json = require "json"
local settings = require "rehearsal.settings"

local explore = {}

---@class rehearsal.Result
---@field reference? table   of the undisturbed run: outcome { code, error }, inventory
---@field before string[]    the inventory before it
---@field points table<string, integer>  how many of each kind
---@field schedules integer  how many ran
---@field failed { schedule: string, problems: { what: string, line: string }[] }[]
---@field log string         events, where it was asked for

local function take(result, packet, each)
  if packet.reference then
    result.reference, result.points, result.before = packet.reference, packet.points, packet.before
  elseif packet.log then
    result.log[#result.log + 1] = packet.log
  elseif packet.schedule then
    if #packet.problems > 0 then result.failed[#result.failed + 1] = packet end
    each(packet)
  elseif packet.done then
    result.schedules, result.done = packet.schedules, true
  end
end

---@param project table  of project.read
---@param o rehearsal.Options  and jobs, replay, log
---@param each fun(packet: table)  told of every schedule as it ends
---@return rehearsal.Result
function explore.run(project, o, each)
  local result = { failed = {}, log = {}, points = {}, before = {}, schedules = 0 }
  local exploration <close> = core.start {
    root = project.root, settings = json.encode(settings.of(project, o)), environ = settings.environ(project),
    seed = o.seed, jobs = o.jobs, replay = o.replay, log = o.log,
  }
  while true do
    local text = exploration:next()
    if text == nil then break end
    if text then take(result, json.decode(text), each) end
  end
  result.log = table.concat(result.log)
  if not result.done then failure { code = "rehearsal-failed", message = "the rehearsal ended before its end" } end
  return result
end

return explore
