---One exchange with an API of the three services as it is on the wire: it takes time, it may go wrong on
---demand, and it may be recorded. What the services answer is the models' affair.
local faults = require "cloud.faults"

local exchange = {}

local function wait(seconds)
  if seconds and seconds > 0 then sleep(seconds) end
end

---@param cloud cloud.Cloud
---@param request table  to a host that one of the services has
---@param apply fun(): table  carries it out
---@return table response
function exchange.answer(cloud, request, apply)
  local one = faults.pick(cloud.faults, request, cloud.now())
  wait(cloud.latency)
  if one and not one.applied then wait(one.delay) end
  local response = faults.answer(one, request, cloud.now(), apply)
  if one and one.applied then wait(one.delay) end
  if cloud.recorder then cloud.recorder:record(request, response, one) end
  return response
end

return exchange
