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
  for i, part in ipairs(parts) do parts[i] = ("%s: %s"):format(part.service, table.concat(part, ", ")) end
  return table.concat(parts, "; ")
end

---What was proven, what was not tried, what is assumed: in words.
---@param result rehearsal.Result
---@param m rehearsal.Matrix
---@param o rehearsal.Options
---@return string proven
---@return string untried
---@return string assumptions
function claims.of(result, m, o)
  local met, total = assumed.met(m), m.total
  local proven = ("%d of %d schedules end as the undisturbed run does, or have taken everything back: one thing goes "
    .. "wrong at any of %d points, with these parameters and seed %d"):format(total.held, total.held + total.failed,
    #result.order, o.seed)
  local untried = {}
  if total.untried > 0 then untried[1] = ("%d schedules of one thing that goes wrong"):format(total.untried) end
  local pairs_of = result.pairs
  if pairs_of and pairs_of.tried < pairs_of.all then
    untried[#untried + 1] = ("%d of %d pairs"):format(pairs_of.all - pairs_of.tried, pairs_of.all)
  elseif not pairs_of then
    untried[#untried + 1] = "two things that go wrong in one run"
  end
  untried[#untried + 1] = "other parameters and seeds, SQL on a real database, builds"
  return proven, table.concat(untried, "; "), ("%d behaviours of the models that this run meets are not known for "
    .. "certain; docs/local-cloud.md says what of each: %s"):format(#met, names_of(met))
end

return claims
