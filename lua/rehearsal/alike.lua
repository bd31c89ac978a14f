---Schedules that failed in the same way: one of them tells it, the others are named.
local words = require "rehearsal.words"

local alike = {}

-- The same faults at the same kinds of effects, which broke the same.
local function way_of(packet)
  if packet.schedule == "undisturbed" then return packet.schedule end
  local parts, seen = {}, {}
  for _, term in ipairs(words.terms(packet.schedule)) do
    parts[#parts + 1] = ("%s %s %s"):format(term.fault, term.kind, term.ending or "")
  end
  for _, problem in ipairs(packet.problems) do
    if not seen[problem.what] then parts[#parts + 1] = problem.what end
    seen[problem.what] = true
  end
  return table.concat(parts, "\0")
end

---@param failed rehearsal.Packet[]
---@return rehearsal.Packet[][]  groups in the order of their first
function alike.groups(failed)
  local groups, by = {}, {}
  for _, packet in ipairs(failed) do
    local way = way_of(packet)
    if not by[way] then
      by[way] = {}
      groups[#groups + 1] = by[way]
    end
    table.insert(by[way], packet)
  end
  return groups
end

local function place_of(packet)
  local places = {}
  for i, term in ipairs(words.terms(packet.schedule)) do places[i] = ("%s:%d"):format(term.kind, term.index) end
  return table.concat(places, "+")
end

local MOST = 6

---Where else: "http:17, http:19 and 4 more"; "" for one alone.
---@param group rehearsal.Packet[]
---@return string
function alike.others(group)
  if #group == 1 then return "" end
  local names = {}
  for i = 2, math.min(#group, MOST + 1) do names[#names + 1] = place_of(group[i]) end
  local more = #group - 1 - #names
  return table.concat(names, ", ") .. (more > 0 and (" and %d more"):format(more) or "")
end

return alike
