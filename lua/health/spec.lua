---The options of health.wait, checked, with their defaults, as the engine takes them.
local core = require "core"
local expect = require "health.expect"
local options = require "options"

local spec = {}

-- What a target may say for itself, and what may be said for all.
local fields = {
  { "url", "string" }, { "name", "string" },
  { "method", "string" }, { "headers", "table" }, { "body", "text" },
  { "connect_to", "string" }, { "unix", "string" }, { "proxy", "string" }, { "family", "integer" },
  { "ca", "string" }, { "certificate", "string" }, { "key", "string" },
  { "fresh", "boolean" }, { "samples", "integer" }, { "max_body", "integer" },
  { "expect", "table" }, { "version", "any" }, { "established", "boolean" },
  { "timeout", "number" }, { "timeouts", "table" }, { "delay", "number" }, { "grace", "number" },
  { "deadline", "number" }, { "interval", "number" }, { "backoff", "any" }, { "cap", "number" }, { "pace", "table" },
  { "attempts", "integer" }, { "rise", "integer" }, { "stable_for", "number" }, { "fall", "integer" },
  { "fall_for", "number" },
  { "fatal_after", "any" }, { "classify", "function" }, { "on_attempt", "function" }, { "timeline", "integer" },
}

-- What only the whole call has.
local shared = { { "targets", "table" }, { "need", "any" }, { "concurrency", "integer" }, { "rate", "number" } }

spec.defaults = {
  method = "GET", family = 0, fresh = true, samples = 1, max_body = 1 << 20, established = false,
  timeout = 5, delay = 0, grace = 30, deadline = 300, interval = 0, attempts = 0, rise = 1, stable_for = 0, fall = 3,
}

spec.backoff = { initial = 0.5, multiplier = 2, max = 5, jitter = "decorrelated" }
spec.pace = { slow = 5.4, quick = 0.25, edge = 0.5, soak = 2 }

-- Checks ----------------------------------------------------------------------------------------

local MOST <const>, MOST_KEPT <const> = 1000000000, 100000

local function check_count(what, value, least, most)
  if value < least then options.misuse("health.wait: option '%s' is at least %d, not %d", what, least, value) end
  if value > most then options.misuse("health.wait: option '%s' is at most %d, not %d", what, most, value) end
end

-- The numbers among what was given, by the names that they have there.
local function check_finite(what, given)
  for name, value in pairs(given) do
    if type(value) == "number" and (value ~= value or value == math.huge or value == -math.huge) then
      options.misuse("health.wait: option '%s%s' must be a finite number, not %s", what, name, value)
    end
  end
end

local above_zero = { "deadline", "timeout", "initial", "max" }

local function check(s)
  for _, name in ipairs(above_zero) do
    if s[name] <= 0 then
      options.misuse("health.wait: option '%s': times are seconds above 0, not %s", name, s[name])
    end
  end
  for _, name in ipairs {
    "delay", "grace", "interval", "slow", "quick", "edge", "soak", "stable_for", "latency", "fall_for",
  } do
    if s[name] < 0 then options.misuse("health.wait: option '%s' is a time, seconds from 0, not %s", name, s[name]) end
  end
  check_count("samples", s.samples, 1, MOST)
  check_count("rise", s.rise, 1, MOST)
  check_count("timeline", s.keep, 1, MOST_KEPT)
  check_count("max_body", s.max_body, 0, math.maxinteger)
  if s.multiplier < 1 then options.misuse("health.wait: 'multiplier' is at least 1, not %s", s.multiplier) end
  if s.family ~= 0 and s.family ~= 4 and s.family ~= 6 then
    options.misuse("health.wait: family is 4, 6 or 0 for both, not %s", s.family)
  end
  if not s.method:find("^[%w!#$%%&'*+.^_`|~-]+$") then
    options.misuse("health.wait: '%s' is not a valid method", s.method)
  end
end

-- Parts -------------------------------------------------------------------------------------------

local jitters = { full = true, equal = true, decorrelated = true, none = true }

local backoff_fields = { { "initial", "number" }, { "multiplier", "number" }, { "max", "number" },
  { "jitter", "string" }, { "seed", "integer" } }

-- A number is the classic form: it doubles, without jitter, up to `cap`; nothing else decides the pace.
local function read_backoff(o, s)
  local given = o.backoff
  if o.cap and o.cap <= 0 then options.misuse("health.wait: option 'cap': times are seconds above 0, not %s", o.cap) end
  if type(given) == "number" then
    given = { initial = given, max = o.cap or 80, jitter = "none" }
    s.slow, s.quick, s.edge = 0, 0, 0
    if not o.interval then s.interval = 1 end
  elseif given ~= nil and type(given) ~= "table" then
    options.misuse("health.wait: option 'backoff' must be a table or a number, not a %s", type(given))
  end
  given = options.read("health.wait: backoff", given or {}, backoff_fields)
  check_finite("backoff.", given)
  if given.initial and not s.quick then s.quick = 0 end   -- who says how soon means it
  for name, default in pairs(spec.backoff) do s[name] = given[name] or default end
  if o.cap then s.max = o.cap end
  if not jitters[s.jitter] then
    options.misuse("health.wait: jitter is full, equal, decorrelated or none, not '%s'", s.jitter)
  end
  if s.max < s.initial then s.max = s.initial end
  s.seed = given.seed or string.unpack("i8", core.random(8))
end

local pace_fields = { { "slow", "number" }, { "quick", "number" }, { "edge", "number" }, { "soak", "number" } }

local function read_pace(o, s)
  local given = options.read("health.wait: pace", o.pace or {}, pace_fields)
  check_finite("pace.", given)
  for name, default in pairs(spec.pace) do s[name] = given[name] or s[name] or default end
end

local timeout_fields = { { "connect", "number" }, { "tls", "number" }, { "first_byte", "number" },
  { "total", "number" } }

local function read_timeouts(o, s)
  local given = options.read("health.wait: timeouts", o.timeouts or {}, timeout_fields)
  check_finite("timeouts.", given)
  for _, field in ipairs(timeout_fields) do
    if given[field[1]] and given[field[1]] <= 0 then
      options.misuse("health.wait: 'timeouts.%s' is a time, seconds above 0", field[1])
    end
  end
  s.timeout = given.total or s.timeout
  s.connect_timeout = given.connect or s.timeout
  s.tls_timeout, s.first_byte_timeout = given.tls or 0, given.first_byte or 0
end

local framing = { ["content-length"] = true, ["transfer-encoding"] = true }

local function read_headers(headers)
  local lines, names = {}, {}
  for name, value in pairs(headers or {}) do
    if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
      options.misuse("health.wait: '%s' is not a valid header name", tostring(name))
    elseif framing[name:lower()] then
      options.misuse("health.wait: header '%s' is written by Davit, from the body: leave it out", name)
    elseif type(value) ~= "string" and type(value) ~= "userdata" then
      options.misuse("health.wait: header '%s' must be a string or a secret, not a %s", name, type(value))
    elseif type(value) == "string" and value:find("[\r\n\0]") then
      options.misuse("health.wait: header '%s' holds a line break or NUL", name)
    end
    lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value
    names[#names + 1] = name
  end
  return lines, names
end

local classes = { pending = true, transient = true, stale = true, throttled = true, failing = true, fatal = true }

-- class -> looks in a row that end the wait, and whether the caller said so. A number is for "failing".
local function read_limits(o, s)
  local given, limits = o.fatal_after, { failing = { s.fall, false }, fatal = { 1, false } }
  if math.type(given) == "integer" then given = { failing = given } end
  if given ~= nil and type(given) ~= "table" then
    options.misuse("health.wait: option 'fatal_after' must be an integer or a table class = times, not a %s",
      type(given))
  end
  if o.fall then limits.failing = { o.fall, true } end
  for class, times in pairs(given or {}) do
    if not classes[class] then options.misuse("health.wait: fatal_after: '%s' is no class", tostring(class)) end
    limits[class] = { times, true }
  end
  for class, limit in pairs(limits) do
    if math.type(limit[1]) ~= "integer" then
      options.misuse("health.wait: option 'fatal_after.%s' must be an integer, not %s", class, tostring(limit[1]))
    end
    check_count("fatal_after." .. class, limit[1], 1, MOST)
  end
  return limits
end

-- For so long an edge may go on serving what was there before. Who says how often says it all.
local EDGE_TIME <const> = 15

local function fall_for(o, s)
  if o.fall_for then return o.fall_for end
  local failing = type(o.fatal_after) == "table" and o.fatal_after.failing or math.type(o.fatal_after)
  return (o.fall or failing) and 0 or math.min(s.grace, EDGE_TIME)
end

-- One function for the engine; what classify says is checked before anybody is told.
local function hook_of(o)
  local classify, on_attempt = o.classify, o.on_attempt
  if not classify and not on_attempt then return nil end
  return function(look)
    local class = classify and classify(look)
    if class ~= nil and not classes[class] and class ~= "healthy" then
      options.misuse("health.wait: classify returned '%s', which is no class", tostring(class))
    end
    look.class = class or look.class
    if on_attempt then on_attempt(look) end
    return class
  end
end

-- Specs ---------------------------------------------------------------------------------------------

local plain = { "method", "family", "fresh", "samples", "max_body", "established", "delay", "grace", "deadline",
  "interval", "attempts", "rise", "stable_for", "fall", "timeout" }
local routes = { "connect_to", "unix", "proxy", "ca", "certificate", "key" }

---@param o table     of a target, with what is said for all
---@param keep integer  looks of a timeline at each end
function spec.new(o, keep)
  check_finite("", o)
  check_finite("expect.", type(o.expect) == "table" and o.expect or {})
  local s = { body = o.body, keep = o.timeline or keep, hook = hook_of(o) }
  s.headers, s.header_names = read_headers(o.headers)
  for _, name in ipairs(plain) do
    s[name] = o[name]
    if s[name] == nil then s[name] = spec.defaults[name] end
  end
  check_count("attempts", o.attempts or 1, 1, MOST)
  for _, name in ipairs(routes) do s[name] = o[name] end
  read_backoff(o, s)
  read_pace(o, s)
  read_timeouts(o, s)
  s.fatal_after = read_limits(o, s)
  s.fall_for = fall_for(o, s)
  local expected = expect.read(o.expect, o.version)
  s.statuses, s.proofs, s.latency = expected.statuses, expected.proofs, expected.latency
  check(s)
  s.fall = nil
  return s
end

-- Options of one target over those for all; tables of times are joined.
local function over(base, own)
  local joined = {}
  for name, value in pairs(base) do joined[name] = value end
  for name, value in pairs(own) do joined[name] = value end
  for _, name in ipairs { "pace", "timeouts" } do
    if base[name] and own[name] then joined[name] = over(base[name], own[name]) end
  end
  return joined
end

local all_fields = table.move(shared, 1, #shared, #fields + 1, table.move(fields, 1, #fields, 1, {}))

---Checks what a recipe wrote.
function spec.read(o)
  o = options.read("health.wait", o, all_fields)
  if o.targets and o.url then options.misuse("health.wait: url and targets exclude each other") end
  if not o.targets and not o.url then options.misuse("health.wait: option 'url' is required, or 'targets'") end
  check_finite("", o)
  if o.rate and o.rate <= 0 then
    options.misuse("health.wait: option 'rate' is probes a second, above 0, not %s", o.rate)
  end
  check_count("concurrency", o.concurrency or 1, 1, MOST)
  return o
end

local function is_plain(item)
  for name in pairs(item) do
    if name ~= "url" and name ~= "name" then return false end
  end
  return true
end

-- So many looks are kept of each target at each end.
local function keep_of(count)
  return count <= 1 and 50 or count <= 20 and 25 or count <= 100 and 10 or 4
end

-- A mistake in a URL is none that waiting mends.
local function check_url(what, url)
  if not url:find("^[Hh][Tt][Tt][Pp][Ss]?://[^%s%c/?#][^%s%c]*$") then
    options.misuse("health.wait: %s: '%s' is no http or https URL", what, url)
  end
end

local function read_item(key, item)
  if type(item) == "string" then return item end
  item = options.read(("health.wait: targets[%s]"):format(tostring(key)), item, fields)
  if not item.url then options.misuse("health.wait: targets[%s]: option 'url' is required", tostring(key)) end
  return item.url, item
end

---What the engine takes: the specs, and url, number of the spec, name or false of each target.
---@return table[] specs, any[] targets, any[] keys  keys: of `targets`, in the engine's order
function spec.all(o)
  local base = {}
  for _, field in ipairs(fields) do base[field[1]] = o[field[1]] end
  if o.url then
    check_url("option 'url'", o.url)
    return { spec.new(base, keep_of(1)) }, { o.url, 1, o.name or false }, { 1 }
  end
  local keys = {}
  for key in pairs(o.targets) do keys[#keys + 1] = key end
  local keep = keep_of(#keys)
  local specs, targets = { spec.new(base, keep) }, {}
  for i, key in ipairs(keys) do
    local number, url, item = 1, read_item(key, o.targets[key])
    check_url(("targets[%s]"):format(key), url)
    if item and not is_plain(item) then
      number = #specs + 1
      specs[number] = spec.new(over(base, item), keep)
    end
    local n = 3 * (i - 1)
    targets[n + 1], targets[n + 2] = url, number
    targets[n + 3] = item and item.name or type(key) == "string" and key or false
  end
  return specs, targets, keys
end

return spec
