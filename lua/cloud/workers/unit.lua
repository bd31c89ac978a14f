---One workerd process and what is known of its use: a version that runs, or an upload that is tried.
---
---Its folder holds what it reads. The configuration holds secrets and is read once, so it goes as
---soon as workerd listens; its text stays here until it is known that nobody compares it.
local clock = require "cloud.clock"
local core = require "core"
local cpu = require "cloud.workers.cpu"
local fs = require "fs.core"
local json = require "json"
local service = require "cloud.service"
local workerd = require "cloud.workerd"

local unit = {}

local PRIVATE = "0600"
local START_TIMEOUT = 20   -- seconds until it must listen; a busy machine takes one
local STOP_TIMEOUT = 2     -- seconds after which one that was told to end is killed

---@class cloud.Unit
---@field service cloud.Service         its `ready` is the port
---@field script string                 the Worker's name
---@field folder string                 the name of its folder
---@field inbox table<string, string>   the sockets of its entrypoints, by name
---@field requests integer              that wait for an answer
---@field lasting integer               WebSockets and answers that stream
---@field asked number                  when the last one came or was answered, in monotonic seconds
---@field limit number                  seconds that it may compute between two answers
---@field overran? boolean              it was ended because it computed for too long
local Unit = {}
Unit.__index = Unit

---@class cloud.Unit.Options
---@field name string        for the log
---@field script string
---@field version table      as the model keeps it
---@field folder string      its name below `root`
---@field root string
---@field binary string
---@field plan workerd.Options
---@field newest fun(): string|nil  the newest date that workerd knows
---@field limit number
---@field quiet? boolean     says nothing of bindings that have no local service
---@field crew cloud.Crew

-- What a Worker logs is printed here.
local function announce_secrets(version)
  for _, binding in ipairs(version.bindings or {}) do
    if binding.type == "secret_text" and binding.text ~= "" then core.announce(binding.name, binding.text) end
  end
end

-- The model keeps a json binding as text, because its state holds no nulls. Texts are shown as `present`
-- writes them.
local function binding_as_shown(binding, present)
  if not binding.text then return binding end
  local copy, text = {}, present(binding.text)
  for key, value in pairs(binding) do copy[key] = value end
  if binding.type == "json" then
    copy.text, copy.json = nil, json.decode(text)
  else
    copy.text = text
  end
  return copy
end

---@param version table  as the model keeps it
---@param script string
---@param present fun(text: string): string
---@return workerd.Version
local function as_uploaded(version, script, present)
  local copy = { bindings = {} }
  for key, value in pairs(version) do copy[key] = copy[key] or value end
  for i, binding in ipairs(version.bindings or {}) do copy.bindings[i] = binding_as_shown(binding, present) end
  copy.script, copy.timestamp = script, version.created and clock.iso(version.created)
  return copy
end

---What workerd would be given for a version.
---@param version table
---@param script string
---@param o workerd.Options
---@return workerd.Plan
function unit.plan(version, script, o) return workerd.plan(as_uploaded(version, script, o.present), o) end

local function path_of(o) return o.root .. "/" .. o.folder end

local function prepare(self, o)
  announce_secrets(o.version)
  o.plan.newest = o.newest()
  local plan = unit.plan(o.version, o.script, o.plan)
  self.left_out = plan.left_out
  if not o.quiet then self:tell(o.crew.log) end
  for _, file in ipairs(plan.files) do fs.write(path_of(o) .. "/" .. file.path, file.body) end
  fs.make(("%s/%s"):format(path_of(o), o.plan.durable))
  fs.write(path_of(o) .. "/config.capnp", plan.config, { mode = PRIVATE })
  self.config = plan.config
end

---Says which bindings have no local service.
---@param log fun(text: string)
function Unit:tell(log)
  for _, binding in ipairs(self.left_out) do
    log(("%s: the binding %s (%s) has no local service"):format(self.service.name, binding.name, binding.type))
  end
end

---Starts it; returns at once.
---@param o cloud.Unit.Options
---@return cloud.Unit
function unit.start(o)
  local self = setmetatable({ script = o.script, folder = o.folder, root = o.root, inbox = o.plan.inbox or {},
    limit = o.limit, requests = 0, lasting = 0, asked = core.monotonic() }, Unit)
  self.service = service.start {
    name = o.name, argv = workerd.command(o.binary), cwd = path_of(o), ready = workerd.port, control = true,
    prepare = function() prepare(self, o) end,
    finish = function() fs.remove(path_of(o)) end,
    crew = o.crew,
  }
  return self
end

-- ---- its life ---------------------------------------------------------------------------------

---@return integer port  raises "service-failed" when it has ended or takes too long
function Unit:port()
  local port = self.service:wait_ready(START_TIMEOUT)
  if not self.cleared then
    self.cleared = true
    fs.remove(("%s/%s/config.capnp"):format(self.root, self.folder))
  end
  return port
end

---@return boolean  that it has not ended
function Unit:lives() return not self.service.ended end

---@return boolean  that it may be asked
function Unit:serves() return self:lives() and not self.told and not self.overran end

---@param seconds number
---@return boolean  that it ended before it ever served, less than these seconds ago
function Unit:failed_within(seconds)
  local ended = self.service.ended
  return ended ~= nil and self.service.ready == nil and core.monotonic() - ended <= seconds
end

---Tells it to end, and later, if it does not listen, ends it.
function Unit:stop()
  local now = core.monotonic()
  if not self.told then
    self.told = now
    self.service:stop()
  elseif now - self.told > STOP_TIMEOUT then
    self.service:stop "SIGKILL"
  end
end

---Ends it at once: a process that computes hears no signal but this.
function Unit:kill() self.service:stop "SIGKILL" end

-- ---- its use ----------------------------------------------------------------------------------

---Counts a request that begins.
function Unit:take()
  self.requests, self.asked = self.requests + 1, core.monotonic()
end

---And one that has ended.
function Unit:give()
  self.requests, self.asked = self.requests - 1, core.monotonic()
  self.used = nil
end

---@return boolean
function Unit:in_use() return self.requests + self.lasting > 0 end

---@return number seconds  of processor time since it answered last, as far as it was looked at
function Unit:computing()
  local used = self.requests > 0 and cpu.seconds(self.service.pid)
  self.used = used and (self.used or used) or nil
  return used and used - self.used or 0
end

return unit
