---What may go wrong with a request to what was deployed: the host is not ready, or the Worker is not.
local services = require "rehearsal.faults.services"

local edge = {}

local LAST = 60        -- seconds that a trouble of the host or the Worker lasts
local SLOW = 20
local NEVER = 3600

local names = { "refused", "dns", "tls", "reset", "timeout", "slow", "late", "flaps", "old", "throws", "broken" }

---@return string[] names
---@return integer merged
function edge.names() return names, 0 end

local function page(status, title)
  return { status = status, body = ("<html><head><title>%s</title></head></html>"):format(title), delay = 0.01,
    headers = { ["content-type"] = "text/html; charset=UTF-8" } }
end

local OLD = "00000000-0000-4000-8000-000000000001"

-- What lasts: from the request that it met on, all of that host's.
local lasting = {
  late = function() return page(522, "Connection timed out") end,
  throws = function() return page(500, "Worker threw exception: error 1101") end,
  old = function(_, apply)
    local answer = apply()
    if answer.body then answer.body = answer.body:gsub('("version"%s*:%s*")[^"]*', "%1" .. OLD) end
    return answer
  end,
  flaps = function(trouble, apply)
    trouble.count = trouble.count + 1
    return trouble.count % 2 == 1 and page(503, "Service Unavailable") or apply()
  end,
}
lasting.broken = lasting.throws

local function begin(self, name, host, now)
  self.trouble = { name = name, host = host, count = 0, stop = name == "broken" and math.huge or now + LAST }
end

local words = { late = "%s did not answer", throws = "the Worker at %s threw", broken = "the Worker at %s threw",
  old = "%s served another version" }

---@param self rehearsal.Faults
---@param now number
---@return string|nil
function edge.lasting(self, now)
  local trouble = self.trouble
  if not trouble or now >= trouble.stop or not words[trouble.name] then return nil end
  return words[trouble.name]:format(trouble.host)
end

---As services.answer.
function edge.answer(self, name, request, now, apply)
  local what = ("%s %s%s"):format(request.method, request.host, request.path)
  if lasting[name] then begin(self, name, request.host, now) end
  local trouble = self.trouble
  if trouble and trouble.host == request.host and now < trouble.stop then
    return lasting[trouble.name](trouble, apply)
  end
  if services.connections[name] then return services.connections[name](what, request.method) end
  if name == "timeout" then return { status = 504, headers = {}, body = "", delay = NEVER } end
  local answer = apply()
  if name == "slow" then answer.delay = SLOW end
  return answer
end

return edge
