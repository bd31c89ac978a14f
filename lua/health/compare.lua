---A canary beside what it would replace: both are asked in the same rounds, at the same moment, and the
---new one must not fail more often nor answer much more slowly. It measures what the probes see; it is no
---statistics of real traffic.
local options = require "options"

local fields = {
  { "old", "any", true }, { "new", "any", true }, { "rounds", "integer" }, { "pause", "number" },
  { "errors", "integer" }, { "slower", "number" }, { "least", "number" },
}

local defaults = { rounds = 20, pause = 0.5, errors = 0, slower = 1.5, least = 0.05 }

local smallest = { rounds = 1, pause = 0, errors = 0, slower = 1, least = 0 }
local MOST = 1000000000

local function target_of(what, value)
  if type(value) == "string" then value = { url = value } end
  if type(value) ~= "table" then
    options.misuse("health.compare: '%s' is a URL or a table of options, not a %s", what, type(value))
  end
  local target = { attempts = 1, grace = 0 }   -- one look
  for name, option in pairs(value) do target[name] = option end
  return target
end

-- One look; what it saw goes to the tally.
local function look(wait, target, tally)
  local seen, err = try(wait, target)
  if err and err.code ~= "not-healthy" then error(err, 0) end
  if err then
    tally.errors = tally.errors + 1
    tally.reasons[#tally.reasons + 1] = err.message
  else
    tally.times[#tally.times + 1] = seen.timeline[#seen.timeline].seconds
  end
end

local function median(times)
  if #times == 0 then return nil end
  table.sort(times)
  return (times[(#times + 1) // 2] + times[#times // 2 + 1]) / 2
end

local function summary(tally)
  return { errors = tally.errors, median = median(tally.times), reason = tally.reasons[1] }
end

-- Why the new one is worse; nil when it is not.
local function worse(o, old, new)
  if new.errors > old.errors + o.errors then
    return ("it failed %d of %d times, the old one %d times: %s"):format(new.errors, o.rounds, old.errors, new.reason)
  end
  local slower = new.median and old.median and new.median > old.median * o.slower and new.median - old.median > o.least
  return slower and ("it answers in %.3f s, the old one in %.3f s"):format(new.median, old.median) or nil
end

local function settle(o, old, new)
  local result = { verdict = "ok", old = old, new = new, rounds = o.rounds }
  local reason = worse(o, old, new)
  if not reason and old.errors * 2 > o.rounds then
    failure { code = "not-healthy", class = "transient", verdict = "inconclusive", compared = result,
      message = ("the old one failed %d of %d times: there is nothing to compare with: %s"):format(old.errors, o.rounds,
        old.reason), hint = "is what serves now healthy?" }
  end
  if not reason then return result end
  result.verdict = "failed"
  failure { code = "not-healthy", class = "fatal", verdict = "failed", compared = result,
    message = "the new version is worse than the old one: " .. reason,
    hint = "keep the old one, and look at the new one's log" }
end

---@param wait fun(o: table): table  health.wait
---@param given table
return function(wait, given)
  options.read("health.compare", given, fields)
  local o = {}
  for name, default in pairs(defaults) do o[name] = given[name] or default end
  for name, least in pairs(smallest) do
    if not (o[name] >= least and o[name] <= MOST) then
      options.misuse("health.compare: option '%s' is from %d to %d, not %s", name, least, MOST, o[name])
    end
  end
  local old, new = target_of("old", given.old), target_of("new", given.new)
  local tallies = { old = { errors = 0, times = {}, reasons = {} }, new = { errors = 0, times = {}, reasons = {} } }
  for round = 1, o.rounds do
    parallel {
      new = function() look(wait, new, tallies.new) end, old = function() look(wait, old, tallies.old) end,
    }
    if round < o.rounds then sleep(o.pause) end
  end
  return settle(o, summary(tallies.old), summary(tallies.new))
end
