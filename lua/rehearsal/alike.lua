---Schedules that failed alike: by the same faults at the same kinds of effects, or with the same left in the end. One
---of them tells it, the others are named.
local words = require "rehearsal.words"

local alike = {}

-- The same faults at the same kinds of effects, which broke the same.
local function way_of(packet)
  local parts, seen = { "way" }, {}
  for _, term in ipairs(words.terms(packet.schedule)) do
    parts[#parts + 1] = ("%s %s %s"):format(term.fault, term.kind, term.ending or "")
  end
  for _, problem in ipairs(packet.problems) do
    if not seen[problem.what] then parts[#parts + 1] = problem.what end
    seen[problem.what] = true
  end
  return table.concat(parts, "\0")
end

local function end_of(packet)
  local lines = { "end" }
  for _, problem in ipairs(packet.problems) do lines[#lines + 1] = ("%s %s"):format(problem.what, problem.line) end
  return table.concat(lines, "\0")
end

-- What the undisturbed run breaks stands for itself.
local function keys_of(packet)
  if packet.schedule == "undisturbed" then return packet.schedule, packet.schedule end
  return way_of(packet), end_of(packet)
end

---@param failed rehearsal.Packet[]
---@return rehearsal.Packet[][]  groups in the order of their first
function alike.groups(failed)
  local groups, by = {}, {}
  for _, packet in ipairs(failed) do
    local way, ending = keys_of(packet)
    local group = by[way] or by[ending]
    if not group then
      group = {}
      groups[#groups + 1] = group
    end
    by[way], by[ending] = by[way] or group, by[ending] or group
    group[#group + 1] = packet
  end
  return groups
end

local MOST = 3

---The others of a group: "lost:http:1, cut:http:1 and 4 more"; "" where there are none.
---@param group rehearsal.Packet[]
---@return string
function alike.others(group)
  local names = {}
  for i = 2, math.min(#group, MOST + 1) do names[#names + 1] = group[i].schedule end
  local more = #group - 1 - #names
  return table.concat(names, ", ") .. (more > 0 and (" and %d more"):format(more) or "")
end

return alike
