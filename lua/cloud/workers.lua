---The follower that runs Workers: one workerd process for every version that somebody has asked,
---started at the first request, ended when the version no longer serves or nobody asks any more.
---
---A unit is one such process with what is known of its use.
---Invariants: 1. at most one unit runs a version. 2. a unit with requests under way is not ended.
local core = require "core"
local fs = require "fs.core"
local http = require "http"
local json = require "json"
local process = require "process"
local proxy = require "cloud.proxy"
local service = require "cloud.service"
local stand_in = require "cloud.stand_in"
local workerd = require "cloud.workerd"

local workers = {}

local IDLE = 300           -- seconds without a request after which a unit is ended
local START_TIMEOUT = 20   -- seconds until it must listen; a busy machine takes one
local REST = 1             -- seconds before a version that could not start is tried again
local PRIVATE = "0600"

---@class cloud.Unit
---@field service cloud.Service  its `ready` is the port
---@field requests integer       under way
---@field asked number           when the last one came or was answered, in monotonic seconds

---@class cloud.Workers.Options
---@field binary? string   path of workerd; without one the stand-in answers
---@field folder string    for the files of the versions
---@field asset fun(hash: string): string
---@field crew cloud.Crew

---@class cloud.Workers
local Workers = {}
Workers.__index = Workers

local FIND = [[
for file in "$(command -v workerd)" "$1/node_modules/@cloudflare/workerd-linux-64/bin/workerd" \
  "$1/node_modules/workerd/bin/workerd" build/npm/node_modules/workerd/bin/workerd; do
  [ -x "$file" ] && readlink -f "$file" && exit
done
]]

---@param root string  the project's folder
---@return string|nil path  of workerd: on PATH, or where npm puts it
function workers.find(root)
  local argv = { "sh", "-c", FIND, "sh", root }
  return process.run({ argv = argv, check = false }).output:match("[^\n]+")
end

---@param o cloud.Workers.Options
---@return cloud.Workers
function workers.new(o)
  return setmetatable({ binary = o.binary, folder = o.folder, asset = o.asset,
    crew = o.crew, units = {} }, Workers)
end

-- ---- starting a unit --------------------------------------------------------------------------

-- What a Worker logs is printed here.
local function announce_secrets(version)
  for _, binding in ipairs(version.bindings or {}) do
    if binding.type == "secret_text" and binding.text ~= "" then core.announce(binding.name, binding.text) end
  end
end

-- The model keeps a json binding as text, because its state holds no nulls.
local function as_uploaded(version)
  local copy, bindings = {}, {}
  for key, value in pairs(version) do copy[key] = value end
  for i, binding in ipairs(version.bindings or {}) do
    bindings[i] = binding
    if binding.type == "json" then
      bindings[i] = { name = binding.name, type = "json", json = json.decode(binding.text) }
    end
  end
  copy.bindings = bindings
  return copy
end

local function newest_date(self)
  self.newest = self.newest or workerd.newest(
    process.run({ argv = { self.binary, "--version" }, output = "capture" }).output)
  return self.newest
end

local function prepare(self, version, name, folder)
  announce_secrets(version)
  local plan = workerd.plan(as_uploaded(version), { newest = newest_date(self), asset = self.asset })
  for _, binding in ipairs(plan.left_out) do
    self.crew.log(("%s: the binding %s (%s) has no local service"):format(name, binding.name, binding.type))
  end
  for _, file in ipairs(plan.files) do fs.write(folder .. "/" .. file.path, file.body) end
  fs.write(folder .. "/config.capnp", plan.config, { mode = PRIVATE })
end

local function start(self, version)
  local name = ("%s@%s"):format(version.script, version.id:sub(1, 8))
  local folder = ("%s/%s"):format(self.folder, version.id)
  local unit = { requests = 0, asked = core.monotonic() }
  unit.service = service.start {
    name = name, argv = workerd.command(self.binary), cwd = folder, ready = workerd.port,
    prepare = function() prepare(self, version, name, folder) end,
    finish = function() fs.remove(folder) end,
    crew = self.crew,
  }
  self.units[version.id] = unit
  return unit
end

-- ---- requests ---------------------------------------------------------------------------------

-- The unit of a version, started when there is none. One that has ended rests for a moment.
local function unit_of(self, version)
  local unit = self.units[version.id]
  local ended = unit and unit.service.ended
  if unit and not (ended and core.monotonic() - ended > REST) then return unit end
  return start(self, version)
end

-- The configuration holds secrets and is read once, so it goes as soon as workerd listens.
local function port_of(self, unit, version)
  local port = unit.service:wait_ready(START_TIMEOUT)
  if not unit.cleared then
    unit.cleared = true
    fs.remove(("%s/%s/config.capnp"):format(self.folder, version.id))
  end
  return port
end

local function ask(self, unit, version, request)
  return http.request(proxy.request(request, port_of(self, unit, version)))
end

-- That its process has ended is in the log already.
local function thrown(self, unit, err)
  if err.class == "cancelled" then error(err, 0) end
  if err.code ~= "service-failed" then
    self.crew.log(("%s: %s"):format(unit.service.name, err.message))
  end
  return {
    status = 500,
    headers = { ["content-type"] = "text/plain; charset=utf-8", ["x-davit-stand-in"] = "error 1101" },
    body = "error code: 1101\nWorker threw exception: " .. err.message .. "\n",
  }
end

---What this version of a Worker answers.
---@param version table  as the model keeps it
---@param request table  with `host` the public one
---@return table response
function Workers:answer(version, request)
  if not self.binary then return stand_in.answer(version, request) end
  local unit = unit_of(self, version)
  unit.requests = unit.requests + 1
  local _ <close> = setmetatable({}, { __close = function()
    unit.requests, unit.asked = unit.requests - 1, core.monotonic()
  end })
  local answer, err = try(ask, self, unit, version, request)
  return answer and proxy.response(answer) or thrown(self, unit, err)
end

-- ---- the end ----------------------------------------------------------------------------------

---Ends the units whose version no longer serves, and those that nobody has asked for long.
---@param live table[]  the versions that may be asked from now on
function Workers:sweep(live)
  local serving, now = {}, core.monotonic()
  for _, version in ipairs(live) do serving[version.id] = true end
  for id, unit in pairs(self.units) do
    local wanted = unit.requests > 0 or serving[id] and now - unit.asked < IDLE
    if unit.service.ended and now - unit.service.ended > REST then
      self.units[id] = nil
    elseif not wanted and not unit.service.ended then
      unit.service:stop()
    end
  end
end

---@return { name: string, port?: integer, pid?: integer }[]  the units that run
function Workers:list()
  local list = {}
  for _, unit in pairs(self.units) do
    local s = unit.service
    if not s.ended then list[#list + 1] = { name = s.name, port = s.ready, pid = s.pid } end
  end
  return list
end

return workers
