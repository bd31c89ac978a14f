---The end of a wait: its result, or the error that says what was seen and what would have mended it.
local report = {}

local NAMED <const> = 3   -- targets that an error names

local needs = { all = "all are needed", any = "one is needed" }

-- The class of an error (docs/recipes.md) for what was seen last.
local error_class = { failing = "fatal", healthy = "transient" }

local function looks(n) return ("%d look%s"):format(n, n == 1 and "" or "s") end

-- "status 500: error code: 1101 (failing)"
local function seen(target)
  if not target.reason then return "it was not looked at" end
  if target.class == "healthy" then return ("%s (healthy, not for long enough)"):format(target.reason) end
  return ("%s (%s)"):format(target.reason, target.class)
end

local function where(target)
  return target.colo and (", seen at the edge %s"):format(target.colo) or ""
end

local function fail_one(target)
  failure {
    code = "not-healthy", class = error_class[target.class] or target.class or "pending", about = target.url,
    message = ("%s is not healthy after %s in %.1f s: %s%s"):format(target.name or target.url, looks(target.attempts),
      target.seconds, seen(target), where(target)),
    hint = target.hint, verdict = target.verdict, timeline = target.timeline, attempts = target.attempts,
    seconds = target.seconds, counts = target.counts, row = target.row, targets = { target },
  }
end

-- Those that failed first, then those that ran out of time.
local order = { failed = 1, ["timed-out"] = 2, inconclusive = 3 }

local function unhealthy(targets)
  local list = {}
  for i, target in ipairs(targets) do
    if target.verdict ~= "ok" then list[#list + 1] = { target = target, i = i } end
  end
  table.sort(list, function(a, b)
    local first, second = order[a.target.verdict], order[b.target.verdict]
    if first ~= second then return first < second end
    return a.i < b.i
  end)
  return list
end

local function by_key(keys, targets)
  local map = {}
  for i, key in ipairs(keys) do map[key] = targets[i] end
  return map
end

local function fail_many(o, raw, keys)
  local bad, texts = unhealthy(raw.targets), {}
  for i = 1, math.min(NAMED, #bad) do
    local target = bad[i].target
    texts[i] = ("%s: %s%s"):format(target.name or target.url, seen(target), where(target))
  end
  local worst = bad[1].target
  failure {
    code = "not-healthy", class = error_class[worst.class] or worst.class or "pending", hint = worst.hint,
    about = worst.url, verdict = worst.verdict, timeline = worst.timeline, seconds = raw.seconds, probes = raw.probes,
    message = ("%d of %d targets %s not healthy after %.1f s (%s): %s%s"):format(#bad, #raw.targets,
      #bad == 1 and "is" or "are", raw.seconds, needs[o.need or "all"] or ("%d are needed"):format(o.need),
      table.concat(texts, "; "), #bad > NAMED and ("; and %d more"):format(#bad - NAMED) or ""),
    targets = by_key(keys, raw.targets),
  }
end

---@param o table     the options, as the recipe wrote them
---@param raw table   of the engine
---@param keys any[]  of o.targets, in the engine's order
---@return health.Result
function report.ending(o, raw, keys)
  if o.targets then
    if not raw.good and #raw.targets == 1 then fail_one(raw.targets[1]) end
    if not raw.good then fail_many(o, raw, keys) end
    local attempts = 0
    for _, target in ipairs(raw.targets) do attempts = attempts + target.attempts end
    return { verdict = "ok", seconds = raw.seconds, probes = raw.probes, attempts = attempts,
      targets = by_key(keys, raw.targets) }
  end
  local target = raw.targets[1]
  if not raw.good then fail_one(target) end
  return target
end

return report
