---A request that is tried again as its policy says, and as its method allows: what may not arrive twice is
---repeated only when it is certain that nothing was done.
local origin = require "http.origin"
local retry = require "retry"
local status = require "http.status"

local again = {}

-- RFC 9110, 9.2.2.
local idempotent = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, PUT = true, DELETE = true }

-- 429 and 425 refuse to begin; 503 does when it says when to come back.
local function nothing_done(answer)
  local code = answer.status
  return code == 429 or code == 425 or code == 503 and status.header(answer, "retry-after") ~= nil
end

---Whether an answer leaves it open that the request was carried out: the server failed, and nobody knows when.
---@param o table       the options of the request
---@param answer table
---@return boolean
function again.in_doubt(o, answer)
  return not again.may_arrive_twice(o) and answer.status >= 500 and status.class(answer.status) == "transient"
    and not nothing_done(answer)
end

-- After 307 and 308 the same request is sent elsewhere; any other redirect may be the answer to one that was applied.
local function went_on(hops)
  for _, hop in ipairs(hops or {}) do
    if hop.status ~= 307 and hop.status ~= 308 then return true end
  end
  return false
end

-- An answer as a failure, for the policy to judge; nil for one that is an answer in any case.
local function fault_of(o, answer, safe)
  local class = status.class(answer.status)
  if answer.status < 400 or class == "fatal" then return nil end
  if not safe and (went_on(answer.hops) or not nothing_done(answer)) then return nil end
  return { code = "http-status", class = class, retry_after = retry.after(status.header(answer, "retry-after")),
    message = ("%s %s answered status %d"):format(o.method or "GET", origin.shown(answer.url), answer.status) }
end

-- Where it had come when it broke off: the request, or a part of it, had left.
local left = { send = true, ["first byte"] = true, body = true }

local open = { transient = true, throttled = true, pending = true }

---Sends once. A failure that leaves it open whether the request was applied is "unknown".
---@param o table  the options of the request
---@param send fun(): table
---@return table answer
function again.once(o, send)
  if again.may_arrive_twice(o) then return send() end
  local answer, err = try(send)
  if not err then return answer end
  if open[err.class] and (left[err.phase] or went_on(err.hops)) then
    err.class, err.hint = "unknown", "the request may have been applied: look before sending it again"
  end
  error(err, 0)
end

function again.may_arrive_twice(o)
  if o.idempotent ~= nil then return o.idempotent end
  return idempotent[o.method or "GET"] == true
end

---@param o table        the options of the request; `idempotent` overrules what the method says
---@param policy retry.Policy|true
---@param send fun(): table
---@return table answer  with `attempts`; when no attempt was good enough, that of the last
function again.send(o, policy, send)
  local safe, attempts = again.may_arrive_twice(o), 0
  local last, lost
  local answer, err = try(retry.run, policy, function(attempt)
    attempts, last = attempt, nil
    local answer, err = try(send)
    if err and err.class == "unknown" then
      if not safe then
        lost = err
        return nil                     -- whatever the policy says: it may have been done
      end
      err.class = "transient"
    end
    if err then error(err, 0) end
    last = answer
    local fault = fault_of(o, answer, safe)
    if fault then failure(fault) end
    return answer
  end)
  if err and err.code == "http-status" then answer = last end   -- any other error came while waiting
  if answer then
    answer.attempts = attempts
    return answer
  end
  err = lost or err
  err.attempts = attempts
  error(err, 0)
end

return again
