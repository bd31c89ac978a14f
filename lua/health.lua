---Waiting until services are up, and until it is this version that serves.
---The engine is in C (host/health*.c); here are the options, the presets, the classes and the texts.
local classes = require "health.classes"
local core = require "health.core"
local expect = require "health.expect"
local options = require "options"
local report = require "health.report"
local spec = require "health.spec"

local health = {}

---What an answer means: the rows of lua/health/classes.lua, in their order.
health.classes = classes

---Policies under a name, as options of health.wait.
health.presets = {
  -- As runbooks write it: half a minute for the certificate, then ten attempts, 5, 10, 20, 40, 80 s apart.
  runbook = {
    delay = 30, grace = 0, attempts = 10, deadline = 300, pace = { slow = 0, quick = 0, edge = 0 },
    backoff = { initial = 5, multiplier = 2, max = 80, jitter = "none" },
  },
  -- The same for what follows: the zone has its certificate.
  runbook_next = {
    delay = 15, grace = 0, attempts = 10, deadline = 300, pace = { slow = 0, quick = 0, edge = 0 },
    backoff = { initial = 5, multiplier = 2, max = 80, jitter = "none" },
  },
}

-- The engine's form of the rows -------------------------------------------------------------------

local row_fields = {
  { "name", "string", true }, { "codes", "table" }, { "details", "table" }, { "status", "any" }, { "says", "table" },
  { "header", "string" }, { "holds", "string" }, { "slow", "boolean" }, { "quick", "boolean" },
  { "grace", "any", true }, { "after", "any", true }, { "hint", "string" },
}

local function cell(value)
  return type(value) == "table" and value or { value }
end

local function rows_of(list)
  local rows = {}
  for i, row in ipairs(list) do
    options.read(("health.classes[%d]"):format(i), row, row_fields)
    rows[i] = {
      name = row.name, codes = row.codes, details = row.details, says = row.says, header = row.header,
      holds = row.holds, slow = row.slow, quick = row.quick, hint = row.hint,
      grace = cell(row.grace), after = cell(row.after),
      statuses = row.status and expect.statuses("health.classes: status", row.status),
    }
  end
  return rows
end

-- Waiting ---------------------------------------------------------------------------------------------

local CONCURRENCY <const> = 128   -- probes under way at once

local function needed(need, count)
  if need == nil or need == "all" then return count end
  if need == "any" then return 1 end
  if math.type(need) ~= "integer" or need < 1 or need > count then
    options.misuse("health.wait: need is \"all\", \"any\" or a number from 1 to %d, not '%s'", count, tostring(need))
  end
  return need
end

---@param o health.Options
---@return health.Result
function health.wait(o)
  o = spec.read(o)
  local specs, targets, keys = spec.all(o)
  if #keys == 0 then options.misuse("health.wait: targets holds none") end
  local raw = core.wait {
    specs = specs, targets = targets, rules = rows_of(health.classes), need = needed(o.need, #keys),
    concurrency = o.concurrency or CONCURRENCY, rate = o.rate or 0,
  }
  return report.ending(o, raw, keys)
end

---@param o health.Comparison
---@return health.Compared
function health.compare(o)
  return require("health.compare")(health.wait, o)
end

return health
