---The cron triggers of a Worker as a resource: all of them as one thing.
---
---They are not part of `cloudflare.worker`, as setting them is an effect of its own: a run that is stopped between
---the upload and the triggers must come back to them. They go when their Worker goes.
local json = require "json"
local marker = require "marker"
local options = require "options"
local url = require "url"
local worker = require "cloudflare.worker"

local crons = {}

local fields = { { "worker", "string", true }, { "marker", "string", true }, { "crons", "table" } }

local function check_crons(list)
  local seen = {}
  for key in pairs(list) do
    if math.type(key) ~= "integer" then options.misuse("cloudflare.crons: expected a list of crons") end
  end
  for i, cron in ipairs(list) do
    if type(cron) ~= "string" or cron == "" then
      options.misuse("cloudflare.crons: expected a text such as '0 * * * *' at %d, not a %s", i, type(cron))
    end
    if seen[cron] then options.misuse("cloudflare.crons: '%s' is given twice", cron) end
    seen[cron] = true
  end
end

local function path_of(o)
  return ("/scripts/%s/schedules"):format(url.encode(o.worker))
end

local function thing_of(o, list)
  return { worker = o.worker, crons = json.array(list) }
end

-- A Worker that runs at no time has no triggers, as one that is not there.
local function find(account, o)
  local found = account:workers(path_of(o), { absent = true, what = "read the crons of the Worker " .. o.worker })
  local list = {}
  for i, schedule in ipairs((found or {}).schedules or {}) do list[i] = schedule.cron end
  if list[1] then return thing_of(o, list) end
end

-- The triggers have no marker of their own, their Worker has.
local function ours(account, o)
  return account:same(worker.marker_of(account, o.worker), o.marker, "the Worker " .. o.worker)
end

local function put(account, o, list, gone)
  local schedules = json.array {}
  for i, cron in ipairs(list) do schedules[i] = { cron = cron } end
  account:workers(path_of(o), { method = "PUT", json = schedules, absent = gone, just_made = not gone,
    what = "set the crons of the Worker " .. o.worker, changes = {} })
  return thing_of(o, list)
end

-- No crons are no thing to make: who wants none destroys what there is.
local function check_some(o)
  if o.crons and o.crons[1] then return end
  options.misuse("cloudflare.crons: to set those of '%s' the option 'crons' is required, with one at least; "
    .. "run.destroy takes them away", o.worker)
end

local function create(account, o)
  check_some(o)
  local own, reason = ours(account, o)
  if not own then worker.refuse(reason, o.worker) end
  return put(account, o, o.crons)
end

local function same(a, b)
  local there = {}
  for _, cron in ipairs(a) do there[cron] = true end
  for _, cron in ipairs(b) do
    if not there[cron] then return false end
  end
  return #a == #b
end

local function update(account, o, thing)
  check_some(o)
  return same(thing.crons, o.crons) and thing or put(account, o, o.crons)
end

local function destroy(account, o)
  if not find(account, o) then return end
  local own, reason = ours(account, o)
  if not own then worker.refuse(reason, o.worker) end
  put(account, o, {}, true)
end

---@return table resource
function crons.resource(account, o)
  options.read("cloudflare.crons", o, fields)
  marker.check("cloudflare.crons", o.marker)
  check_crons(o.crons or {})
  return {
    "crons of " .. o.worker,
    find = function() return find(account, o) end,
    create = function() return create(account, o) end,
    matches = function() return ours(account, o) end,
    update = function(thing) return update(account, o, thing) end,
    plan = function(thing)
      if same(thing.crons, o.crons or {}) then return "keep" end
      return "change", table.concat(o.crons, ", ")
    end,
    destroy = function() destroy(account, o) end,
  }
end

return crons
