---Trying again: which failures are worth it, how long to wait, when to give up. The class of a
---failure decides, and only the policies below retry anything that goes to a provider.
local core = require "core"
local log = require "log"

local retry = {}

local QUIET = 2   -- seconds; whoever watches is told about a longer wait

---@class retry.Policy
---@field classes table<string, boolean>  what is tried again
---@field first number   seconds before the second attempt; they double each time
---@field most number    the longest wait in seconds, unless the service asks for a longer one
---@field budget number  seconds after which no further attempt begins

---@type table<string, retry.Policy>
retry.policies = {
  -- What may arrive twice: questions, and writes that say how something shall be.
  repeatable = { classes = { transient = true, throttled = true, unknown = true },
    first = 0.5, most = 8, budget = 120 },
  -- What must not: sent again only when the service said that it did nothing.
  once = { classes = { transient = true, throttled = true },
    first = 0.5, most = 8, budget = 120 },
  -- Around one that must not, where it was looked for meanwhile and is not there.
  after_looking = { classes = { unknown = true }, first = 0.5, most = 8, budget = 120 },
}

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

-- "Wed, 21 Oct 2026 07:28:00 GMT" as Unix seconds; nil for any other text. os.time takes its
-- fields for local time, so the distance to UTC is measured and given back.
local function http_date(text)
  local day, month, year, hour, minute, second =
    text:match("^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$")
  if not months[month] then return nil end
  local guess = os.time { day = tonumber(day), month = months[month], year = tonumber(year),
    hour = tonumber(hour), min = tonumber(minute), sec = tonumber(second) }
  return guess + os.difftime(guess, os.time(os.date("!*t", guess)))
end

---How many seconds a Retry-After header asks to wait; nil without a readable one.
---@param text? string  seconds or an HTTP date
---@return number|nil
function retry.after(text)
  if not text then return nil end
  local seconds = tonumber(text) or (http_date(text) or core.now()) - core.now()
  return math.max(seconds, 0)
end

local function give_up(err, attempts)
  if attempts > 1 then err.message = ("%s (tried %d times)"):format(err.message, attempts) end
  error(err, 0)
end

---Calls f until it returns. A failure of a class that the policy does not retry, or one that
---would outlast the budget, is raised on. Waits double and are shortened at random by up to
---half; a failure's own `retry_after` seconds are waited in full.
---@param policy retry.Policy
---@param f fun(attempt: integer): any  returns at most one value
---@return any
function retry.run(policy, f)
  local started, delay, attempt = core.monotonic(), policy.first, 0
  while true do
    attempt = attempt + 1
    local value, err = try(f, attempt)
    if not err then return value end
    local pause = math.max(delay * (1 - core.chance() / 2), err.retry_after or 0)
    local late = core.monotonic() - started + pause > policy.budget
    if late or not policy.classes[err.class] then give_up(err, attempt) end
    if pause >= QUIET then log.warn(("%s; trying again in %.0f s"):format(err.message, pause)) end
    sleep(pause)
    delay = math.min(delay * 2, policy.most)
  end
end

return retry
