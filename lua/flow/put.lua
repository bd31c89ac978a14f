---Resources within a step: for what is told and not taken back, such as a status or an issue.
local resource = require "run.resource"

local put = {}

local worth_another_attempt = { unknown = true, transient = true }

-- Once more where a look has shown that nothing was made: nobody comes back to it later.
local function create(r)
  local thing, adopted_or_err = try(resource.create, r)
  if thing ~= nil then return thing, adopted_or_err end
  local err = adopted_or_err
  if not err.nothing or not worth_another_attempt[err.class] then error(err, 0) end
  return resource.create(r)
end

---Finds it or makes it, and brings what was there up to date, as run.ensure does.
---@param r run.Resource
---@return any thing
function put.there(r)
  local found = r.find()
  if found == nil then
    local thing, adopted = create(r)
    return adopted and resource.update(r, thing) or thing
  end
  resource.check_ours(r, found)
  return resource.update(r, found)
end

---Raises "not-ours" when one that was found is somebody else's.
function put.check(r, found) resource.check_ours(r, found) end

---What put.there would do, as the plan of a step says it.
---@param r run.Resource
---@return "create"|"change"|"keep" action, string|nil why, any thing  nil: it is not there
function put.plan(r)
  local found = r.find()
  if found == nil then return "create" end
  local action, why = resource.plan(r, found)
  return action, why, found
end

---Takes it back and looks whether it is gone.
---@param r run.Resource
---@param made? number  Unix seconds of when it was made: it may not be shown yet
---@return boolean  false: it was not there
function put.away(r, made)
  if made then resource.wait_until_seen(r.find, made) end
  return resource.destroy(r)
end

return put
