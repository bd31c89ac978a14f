---Trying again: which failures are worth it, how long to wait, when to give up. The class of a failure
---decides, and a failure's own `retry_after` is waited in full. Nothing is tried again unless a policy says so.
local core = require "core"
local log = require "log"
local options = require "options"

local retry = {}

local QUIET = 2   -- seconds; whoever watches is told about a longer wait

---@class retry.Policy
---@field classes? table<string, boolean>  what is tried again
---@field first? number     seconds: the second attempt waits at most so long; the limit doubles each time
---@field most? number      the longest wait in seconds, unless the service asks for a longer one
---@field attempts? number  how many at most; math.huge: as many as the budget holds
---@field budget? number    seconds after which no further attempt begins

local defaults = { classes = { transient = true, throttled = true }, first = 0.5, most = 8, attempts = 5,
  budget = 60 }

local fields = { { "classes", "table" }, { "first", "number" }, { "most", "number" }, { "attempts", "number" },
  { "budget", "number" } }

---@type table<string, retry.Policy>
retry.policies = {
  -- What may arrive twice: questions, and writes that say how something shall be.
  repeatable = { classes = { transient = true, throttled = true, unknown = true },
    first = 0.5, most = 8, attempts = math.huge, budget = 120 },
  -- What must not: sent again only when the service said that it did nothing.
  once = { classes = { transient = true, throttled = true },
    first = 0.5, most = 8, attempts = math.huge, budget = 120 },
  -- Around one that must not, where it was looked for meanwhile and is not there.
  after_looking = { classes = { unknown = true }, first = 0.5, most = 8, attempts = math.huge, budget = 120 },
}

-- A policy with all its fields; `true` is the one that the defaults make.
local function read(policy)
  local full = {}
  for name, value in pairs(defaults) do full[name] = value end
  if policy == true then return full end
  for name, value in pairs(options.read("retry", policy, fields)) do full[name] = value end
  for _, name in ipairs { "first", "most", "budget" } do
    if full[name] < 0 or full[name] ~= full[name] then options.misuse("retry: '%s' is a number of seconds", name) end
  end
  if full.attempts < 1 or full.attempts ~= full.attempts then options.misuse("retry: 'attempts' is a number from 1") end
  return full
end

-- ---- Retry-After -------------------------------------------------------------------------

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

-- Days from 1970 to a date, without asking the machine's time zone.
local function days_to(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
end

-- A year of two digits is one of the past when it would lie more than 50 years ahead (RFC 9110, 5.6.7).
local function full_year(text)
  local year = math.tointeger(tonumber(text))
  if #text > 2 then return year end
  local this = 1970 + math.floor(core.now() / 31556952)
  year = this // 100 * 100 + year
  return year > this + 50 and year - 100 or year
end

local function to_seconds(year, month, day, time)
  local hour, minute, second = (time or ""):match("^(%d%d):(%d%d):(%d%d)$")
  if not months[month] or not hour then return nil end
  return days_to(full_year(year), months[month], math.tointeger(tonumber(day))) * 86400
    + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
end

-- The three forms of RFC 9110, 5.6.7, as Unix seconds; nil for any other text.
local function http_date(text)
  local day, month, year, time = text:match("^%a+, (%d%d) (%a+) (%d%d%d%d) (%S+) GMT$")
  if not day then day, month, year, time = text:match("^%a+, (%d%d)%-(%a+)%-(%d%d) (%S+) GMT$") end
  if not day then month, day, time, year = text:match("^%a+ (%a+) +(%d+) (%S+) (%d%d%d%d)$") end
  return day and to_seconds(year, month, day, time)
end

---How many seconds a Retry-After header asks to wait; nil without a readable one.
---@param text? string  seconds or an HTTP date
---@return number|nil
function retry.after(text)
  if not text or #text > 64 then return nil end
  if text:find("^%s*%d+%.?%d*%s*$") then return tonumber(text) end
  local date = http_date(text)
  return date and math.max(date - core.now(), 0)
end

-- ---- trying ------------------------------------------------------------------------------

local function give_up(err, attempts, reason)
  err.attempts = attempts
  local tried = attempts > 1 and ("tried %d times"):format(attempts) or nil
  local note = tried and reason and tried .. "; " .. reason or tried or reason
  if note then err.message = ("%s (%s)"):format(err.message, note) end
  error(err, 0)
end

-- Full jitter: those that were turned away together do not come back together.
local function pause_before(policy, attempt, err)
  local limit = math.min(policy.most, policy.first * 2.0 ^ math.min(attempt - 1, 60))
  return math.max(core.chance() * limit, err.retry_after or 0)
end

---Calls f until it returns. A failure is raised on when its class is none that the policy tries again,
---when it was the last attempt, or when the wait would outlast the budget.
---@param policy retry.Policy|true
---@param f fun(attempt: integer): any  returns at most one value
---@return any
function retry.run(policy, f)
  policy = read(policy)
  local started, attempt = core.monotonic(), 0
  while true do
    attempt = attempt + 1
    local value, err = try(f, attempt)
    if not err then return value end
    if not policy.classes[err.class] or attempt >= policy.attempts then give_up(err, attempt) end
    local pause = pause_before(policy, attempt, err)
    local left = policy.budget - (core.monotonic() - started)
    if pause > left then
      give_up(err, attempt, err.retry_after and ("it asks to wait %.0f s, and the budget has %.0f s left"):format(
        err.retry_after, math.max(left, 0)))
    end
    if pause >= QUIET then log.warn(("%s; trying again in %.0f s"):format(err.message, pause)) end
    sleep(pause)
  end
end

return retry
