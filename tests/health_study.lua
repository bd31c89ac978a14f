---How soon a deployment that has become healthy is found so, and with how many probes: health.wait's own
---pace beside the runbook's (30 s or 15 s, then ten attempts 5, 10, 20, 40, 80 s apart) and a fixed
---interval, over the times that the runbook gives: certificates in 30 to 90 s, the edge in 10 to 15 s.
---The engine is the real one, in a world of virtual time; the same seed gives the same table.
---Used by tests/bench/health_study.lua, which prints it, and by the tests, which hold it to its claim.
local json = require "json"
local rehearsal = require "rehearsal.core"

-- "https://deploy/NUMBER/TLS/EDGE" deploys; the host "NUMBER" then answers as far as it is by then.
local models = [[
local deployed = {}
local SLOW = 0.03   -- seconds that an exchange takes

local function answer(host, age)
  if age < host.tls then
    return { fault = { "http-tls", "pending", "the TLS handshake failed: no certificate yet" }, delay = SLOW }
  elseif age < host.edge then
    return { status = host.before, headers = "", body = host.page, delay = SLOW }
  end
  return { status = 200, headers = "", body = '{"version":"2"}', delay = SLOW }
end

return {
  http = function(request, now)
    local number, tls, edge, kind = request.path:match "^/(%d+)/([%d.]+)/([%d.]+)/(%a+)$"
    if request.host == "deploy" then
      local stale = kind == "stale"
      deployed[number] = { at = now, tls = tonumber(tls), edge = tonumber(edge), before = stale and 200 or 404,
        page = stale and '{"version":"1"}' or "error code: 1042" }
      return { status = 200, headers = "", body = "" }
    end
    local host = deployed[request.host]
    return answer(host, now - host.at)
  end,
  crash = function() return {} end,
}
]]

local text = [[
local health, http, json = require "health", require "http", require "json"
local trials = TRIALS

local function from(low, high) return low + (high - low) * math.random() end

-- Each gives the second at which TLS works, and the second at which the new version answers.
local cases, last = {
  { name = "first Worker: certificate and edge at once", draw = function()
    local tls, edge = from(30, 90), from(10, 15)
    return tls, math.max(tls, edge), "new"
  end },
  { name = "first Worker: certificate, then edge", draw = function()
    local tls = from(30, 90)
    return tls, tls + from(10, 15), "new"
  end },
  { name = "next Worker: edge only", next = true, draw = function() return 0, from(10, 15), "new" end },
  { name = "new version of a Worker: edge only", next = true, draw = function() return 0, from(10, 15), "stale" end },
}, LAST

local policies = {
  { name = "runbook", of = function(case) return health.presets[case.next and "runbook_next" or "runbook"] end },
  { name = "health.wait", of = function() return {} end },
  { name = "every 1 s", of = function() return { pace = { slow = 0, edge = 0 },
    backoff = { initial = 1, max = 1, jitter = "none" } } end },
}

local number = 0

-- Seconds from healthy to known, and the probes sent.
local function try_out(policy, case, trial)
  number = number + 1
  http.request { url = ("https://deploy/%d/%.6f/%.6f/%s"):format(number, trial.tls, trial.edge, trial.kind) }
  local began = require("core").monotonic()
  local o = { url = ("https://%d/"):format(number), version = "2" }
  for name, value in pairs(policy.of(case)) do o[name] = value end
  local seen = health.wait(o)
  return require("core").monotonic() - began - trial.edge, seen.probes
end

local function quantiles(list)
  table.sort(list)
  local sum = 0
  for _, value in ipairs(list) do sum = sum + value end
  local function at(part) return list[math.max(1, math.ceil(part * #list))] end
  return { median = at(0.5), p90 = at(0.9), p99 = at(0.99), mean = sum / #list }
end

local result = {}
for i = 1, last do
  local case, drawn = cases[i], {}
  for i = 1, trials do
    local tls, edge, kind = case.draw()
    drawn[i] = { tls = tls, edge = edge, kind = kind }
  end
  for _, policy in ipairs(policies) do
    local lags, probes = {}, {}
    for i, trial in ipairs(drawn) do lags[i], probes[i] = try_out(policy, case, trial) end
    result[#result + 1] = { case = case.name, policy = policy.name, lag = quantiles(lags), probes = quantiles(probes) }
  end
end
return json.encode(result)
]]

---@param trials integer  of each case and policy
---@param seed integer
---@param cases? integer    the first so many (4)
---@return { case: string, policy: string, lag: table, probes: table }[]
return function(trials, seed, cases)
  local numbers = { TRIALS = trials, LAST = cases or 4 }
  return json.decode(rehearsal.play { models = models, text = text:gsub("%u%u%u%u+", numbers), seed = seed })
end
