---One call to a provider's API: what its answer means, in words that name the service and what
---was tried, and tried again as the policies of retry.lua say.
local http = require "http"
local retry = require "retry"
local status = require "http.status"

local service = {}

---@class service.Fault
---@field code string
---@field class string
---@field message string
---@field hint? string
---@field refused? boolean      the service says that it did nothing, whatever the status
---@field unreadable? boolean   the service may have done it: what it said was cut off or is somebody else's
---@field retry_after? number   seconds

---@class service.Call
---@field service string        its name, for errors
---@field what string           what is tried: "read the Worker x"
---@field request table         options of http.request
---@field safe? boolean         may arrive twice (true, unless the method is POST)
---@field judge fun(answer: table): service.Fault|nil  what is wrong with an answer

service.class, service.header = status.class, status.header

local LOOK_FIRST = "it may have been done all the same: look before trying again"

-- A 5xx may come after the work was done; 503 says that there was no taking it up.
local function in_doubt(answer, fault)
  if fault.unreadable then return answer.status < 300 end
  return fault.class == "transient" and answer.status >= 500 and answer.status ~= 503
    and not fault.refused
end

---What is wrong with an answer that says that all is well, and whose body is not what the service says then.
---@param name string  of the service, in codes
---@param answer table
---@return service.Fault
function service.unreadable(name, answer)
  return { code = name .. "-malformed", class = "transient", unreadable = true,
    message = ("status %d with a body that is no JSON of the API's"):format(answer.status) }
end

-- Exchanges that broke off after the request had left.
local lost = { ["http-lost"] = true, ["http-timeout"] = true, ["http-first-byte-timeout"] = true,
  ["http-idle-timeout"] = true, ["http-protocol"] = true }

local function raise(call, fault)
  fault.message = ("%s: could not %s: %s"):format(call.service, call.what, fault.message)
  fault.about = call.request.url
  failure(fault)
end

local function unanswered(call, safe, err)
  if err.class == "misuse" or err.class == "cancelled" then error(err, 0) end
  local unknown = not safe and lost[err.code]
  local class = err.class == "pending" and "transient" or err.class   -- a service's certificate is no new one
  raise(call, { code = err.code, class = unknown and "unknown" or class,
    message = err.message, hint = unknown and LOOK_FIRST or err.hint, retry_after = err.retry_after })
end

local function attempt(call, safe)
  local answer, err = try(http.request, call.request)
  if err then unanswered(call, safe, err) end
  local fault = call.judge(answer)
  if not fault then return answer end
  fault.retry_after = fault.retry_after or retry.after(service.header(answer, "retry-after"))
  if not safe and in_doubt(answer, fault) then
    fault.class, fault.hint = "unknown", LOOK_FIRST
  end
  raise(call, fault)
end

---@param call service.Call
---@return table answer  of http.request
function service.call(call)
  local safe = call.safe
  if safe == nil then safe = call.request.method ~= "POST" end
  local policy = safe and retry.policies.repeatable or retry.policies.once
  return retry.run(policy, function() return attempt(call, safe) end)
end

return service
