---What a rehearsal claims, in words: what was proven, what was not tried, what is assumed.
local assumed = require "rehearsal.assumed"

local claims = {}

-- "Neon: rate limits, branches; GitHub: …"
local function names_of(list)
  local parts, seen = {}, {}
  for _, one in ipairs(list) do
    local name, last = one.operation:match "^[^:]*", parts[#parts]
    if not last or last.service ~= one.service then
      last = { service = one.service }
      parts[#parts + 1] = last
    end
    if not seen[one.service .. name] then last[#last + 1] = name end
    seen[one.service .. name] = true
  end
  for i, part in ipairs(parts) do
    local operations = table.concat(part, ", ")
    parts[i] = operations == part.service and operations or ("%s: %s"):format(part.service, operations)
  end
  return table.concat(parts, "; ")
end

local function share_of(held, tried)
  return held == tried and ("all of %d"):format(tried) or ("%d of %d"):format(held, tried)
end

-- Schedules of several things that went wrong: how many held, of how many.
local function several(result)
  local held, tried = 0, 0
  for id, holds in pairs(result.tried) do
    if id:find("+", 1, true) then held, tried = held + (holds and 1 or 0), tried + 1 end
  end
  return held, tried
end

local function proven(result, m, o)
  local share, held, tried = share_of(m.total.held, m.total.held + m.total.failed), several(result)
  if tried + m.total.held + m.total.failed == 0 then return "nothing" end
  local text = ("%s schedules end as the undisturbed run does, or have taken everything back: one thing goes "
    .. "wrong at any of %d points, with these parameters and seed %d"):format(share, #result.order, o.seed)
  return tried > 0 and ("%s; so do %s in which two things go wrong"):format(text, share_of(held, tried)) or text
end

local function untried(result, m)
  local list, of_two = {}, result.pairs
  if m.total.untried > 0 then list[1] = ("%d schedules of one thing that goes wrong"):format(m.total.untried) end
  if not of_two then
    list[#list + 1] = "two things that go wrong in one run"
  elseif of_two.tried < of_two.all then
    list[#list + 1] = ("%d of %d pairs of things that go wrong"):format(of_two.all - of_two.tried, of_two.all)
  end
  list[#list + 1] = "other parameters and seeds, SQL on a real database, builds"
  return table.concat(list, "; ")
end

local function assumptions(met)
  if not met[1] then return "nothing: all that this run meets of the models is documented or recorded" end
  return ("%d behaviours of the models that this run meets are not known for certain; docs/local-cloud.md says what of "
    .. "each: %s"):format(#met, names_of(met))
end

---What was proven, what was not tried, what is assumed: in words.
---@param result rehearsal.Result
---@param m rehearsal.Matrix
---@param o rehearsal.Options
---@return string proven
---@return string untried
---@return string assumptions
function claims.of(result, m, o)
  return proven(result, m, o), untried(result, m), assumptions(assumed.met(m))
end

return claims
