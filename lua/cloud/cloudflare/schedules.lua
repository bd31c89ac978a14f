---Cron triggers of Workers. An account may have so many of them; one that has more may not change
---any, not even to have fewer, as the service does it.
local clock = require "cloud.clock"
local crons = require "cloud.cloudflare.crons"
local data = require "cloud.data"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"
local scripts = require "cloud.cloudflare.scripts"

local schedules = {}

local function show(script)
  return { schedules = data.array(script.schedules, function(schedule)
    return { cron = schedule.cron, created_on = clock.iso(schedule.created, 6),
      modified_on = clock.iso(schedule.modified, 6) }
  end) }
end

local function count(cloudflare, besides)
  local total = 0
  for _, script in pairs(cloudflare.scripts) do
    if script ~= besides then total = total + #(script.schedules or {}) end
  end
  return total
end

local function check_limit(context, script, wanted)
  local plan, others = limits.of(context), count(context.cloudflare, script)
  if others + #(script.schedules or {}) <= plan.crons and others + #wanted <= plan.crons then return end
  route.refuse { status = 400, code = 10072,
    message = ("This account has reached the Workers %s limit of %d cron triggers per account.")
      :format(plan.name, plan.crons) }
end

local function invalid(message)
  route.refuse { status = 400, code = 10100, message = message }
end

-- The service names a cron and no more than that it is wrong; one given twice is refused too (assumed).
local function wanted_of(body)
  if #body == 0 and next(body) ~= nil then invalid("schedules must be a list") end
  local list, seen = {}, {}
  for i, given in ipairs(body) do
    local cron = type(given) == "table" and data.text(given.cron)
    if not cron or not crons.valid(cron) then invalid("invalid cron string") end
    if seen[cron] then invalid("duplicate cron string") end
    list[i], seen[cron] = cron, true
  end
  return list
end

local function put(context)
  local script, wanted = scripts.of(context), wanted_of(data.plain(context.body))
  check_limit(context, script, wanted)
  local made = {}
  for i, cron in ipairs(wanted) do
    local old = data.find(script.schedules or {}, "cron", cron)
    made[i] = { cron = cron, created = old and old.created or context.now,
      modified = old and old.modified or context.now }
  end
  script.schedules = made
  return show(script)
end

local ONE = "/accounts/{account}/workers/scripts/{script}/schedules"

schedules.routes = {
  { "GET", ONE, function(context) return show((scripts.of(context))) end, scope = "workers" },
  { "PUT", ONE, put, scope = "workers" },
}

return schedules
