---What may go wrong with a request to one of the three services.
local cloud = require "cloud.world"
local faults = require "cloud.faults"

local services = {}

local SLOW = 20        -- seconds; under the limit that Davit's requests have
local NEVER = 3600     -- longer than anybody waits
local UNSEEN = 5       -- seconds for which a service does not show what it was told

-- In words of cloud.faults; every number is a status.
local rules = {
  ["429"] = { fault = "limit", status = 429 },
  ["limit"] = { fault = "limit", retry_after = 30 },
  ["500"] = { fault = 500 }, ["502"] = { fault = "html", status = 502 }, ["503"] = { fault = 503, retry_after = 5 },
  ["504"] = { fault = 504 }, ["500-applied"] = { fault = 500, applied = true },
  ["520"] = { fault = "html", status = 520 }, ["522"] = { fault = "html", status = 522 },
  ["524"] = { fault = "html", status = 524 }, ["10013"] = { fault = 500, code = 10013 },
  ["locked"] = { fault = "locked" }, ["409"] = { fault = 409 },
  ["secondary-limit"] = { fault = "secondary-limit", retry_after = 60 },
  ["secondary-bare"] = { fault = "secondary-limit" },
  ["truncated"] = { fault = "truncated", applied = true }, ["cut"] = { fault = "cut", applied = true },
  ["html"] = { fault = "html", status = 200 },
}

-- What a connection does is a rule for a server, which has no other word for it.
local of_wire = {
  reset = { fault = "drop" }, lost = { fault = "drop", applied = true }, slow = { delay = SLOW },
}

---The same as a rule of `davit cloud --fault`, but for which request it meets.
---@param name string
---@return table|nil rule  of cloud.faults.rule; nil for what no server can do, or only by letting everybody wait
function services.on_the_wire(name) return rules[name] or of_wire[name] end

local everywhere = { "refused", "dns", "tls", "reset", "timeout", "limit", "500", "502", "503", "504", "html",
  "truncated", "cut", "slow" }
local only_of = {
  cloudflare = { "429", "520", "522", "524", "10013" }, neon = { "429", "locked", "409" },
  github = { "secondary-limit", "secondary-bare" },
}
-- Of what only reads they are the same as the ones of the same kind where nothing is applied.
local of_changes = { "lost", "500-applied", "unseen" }

local reads = { GET = true, HEAD = true, OPTIONS = true }

---@param method string
---@param service "cloudflare"|"neon"|"github"
---@return string[] names
---@return integer merged
function services.names(method, service)
  local names = { table.unpack(everywhere) }
  table.move(only_of[service], 1, #only_of[service], #names + 1, names)
  if reads[method] then return names, #of_changes end
  table.move(of_changes, 1, #of_changes, #names + 1, names)
  return names, 0
end

---What would be the same as one of these.
---@param method string
---@return string[] names
function services.same(method) return reads[method] and of_changes or {} end

-- ---- connections ------------------------------------------------------------------------------

local repeatable = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }

local function failed(code, class, what, delay)
  return { fault = { code, class, what }, delay = delay or 0.05 }
end

---What happens below HTTP, by name; `what` begins the message.
services.connections = {
  refused = function(what) return failed("http-refused", "transient", what .. ": the connection was refused") end,
  dns = function(what) return failed("dns-failed", "transient", what .. ": the name servers failed", 5) end,
  tls = function(what) return failed("http-tls", "pending", what .. ": the TLS handshake failed") end,
  reset = function(what, method)
    return failed("http-lost", repeatable[method] and "transient" or "unknown",
      what .. ": the connection broke before the answer began")
  end,
}

-- ---- what was told and is not seen yet --------------------------------------------------------

local function copy(value, seen)
  if type(value) ~= "table" then return value end
  if seen[value] then return seen[value] end
  local made = {}
  seen[value] = made
  for k, v in pairs(value) do made[k] = copy(v, seen) end
  return setmetatable(made, getmetatable(value))
end

local function hide(self, request, now, apply)
  local before = copy(self.state, {})
  self.unseen = { service = faults.service(request.host), before = before, stop = now + UNSEEN }
  return apply()
end

-- Reads of the service are answered with what there was before.
local function of_the_past(self, request, now)
  local unseen = self.unseen
  if not unseen or now >= unseen.stop or not reads[request.method] then return nil end
  if faults.service(request.host) ~= unseen.service then return nil end
  return cloud.handle(request, unseen.before, now)
end

-- ---- answers ----------------------------------------------------------------------------------

local function by_rule(rule, request, now, apply)
  local answer = faults.answer(rule, request, now, apply)
  if answer.close or answer.cut then
    return services.connections.reset(("%s %s%s"):format(request.method, request.host, request.path), request.method)
  end
  return answer
end

local makers = {}

function makers.lost(_, what, request, _, apply)
  apply()
  return services.connections.reset(what, request.method)
end

function makers.timeout() return { status = 504, headers = {}, body = "", delay = NEVER } end

function makers.slow(_, _, _, _, apply)
  local answer = apply()
  answer.delay = SLOW
  return answer
end

function makers.unseen(self, _, request, now, apply) return hide(self, request, now, apply) end

---@param self rehearsal.Faults
---@param name string|nil  what goes wrong; nil: nothing
---@param request table
---@param now number
---@param apply fun(): table
---@return table answer
function services.answer(self, name, request, now, apply)
  if not name then return of_the_past(self, request, now) or apply() end
  local what = ("%s %s%s"):format(request.method, request.host, request.path)
  if services.connections[name] then return services.connections[name](what, request.method) end
  if makers[name] then return makers[name](self, what, request, now, apply) end
  return by_rule(rules[name], request, now, apply)
end

return services
