---The follower that runs Workers: one workerd process for every version that somebody has asked,
---started at the first request, ended when the version no longer serves or nobody asks any more.
---
---Invariants: 1. at most one unit of `units` runs a version; one that was replaced is in `retired`.
---2. a unit with requests under way is not ended, unless it computes for longer than it may.
---3. more than `awake` processes run only while all of them have requests under way.
local core = require "core"
local fs = require "fs.core"
local json = require "json"
local peers = require "cloud.workers.peers"
local process = require "process"
local proxy = require "cloud.proxy"
local stand_in = require "cloud.stand_in"
local trial = require "cloud.workers.trial"
local unit = require "cloud.workers.unit"
local workerd = require "cloud.workerd"

local workers = {}

local IDLE = 300      -- seconds without a request after which a unit is ended
local LINGER = 3      -- the same once its version no longer serves: what it does behind an answer may end
local REST = 1        -- seconds before a version that could not start is tried again
local DYING = 1       -- seconds until a process that answers no more is known to have ended
local AWAKE = 16      -- processes, of 40 to 90 MB each: 1 GB beside PostgreSQL and what is developed
local CPU_LIMIT = 30  -- seconds; the service's for paid accounts. Assumed: counted from the last answer on

---@class cloud.Workers.Options
---@field binary? string   path of workerd; without one the stand-in answers
---@field folder string    for the files of the versions
---@field asset fun(hash: string): string
---@field find fun(script: string): table|nil  the version of a Worker that serves now
---@field latest fun(script: string, preview?: string): table|nil  the newest version, deployed or not, or a preview's
---@field cloud fun(): string  the address that Workers reach the local cloud at
---@field caller fun(script: string, version: table): string  what their requests say of themselves
---@field present fun(text: string): string  a variable or secret as Workers are shown it
---@field failed fun(code: integer, request: table): table  the edge's page for an error
---@field awake? integer   processes at most (16)
---@field crew cloud.Crew

---@class cloud.Workers
---@field units table<string, cloud.Unit>  by version id
---@field retired cloud.Unit[]
local Workers = {}
Workers.__index = Workers

local FIND = [[
own=$(dirname "$2")
for file in "$(command -v workerd)" "$1/node_modules/@cloudflare/workerd-linux-64/bin/workerd" \
  "$1/node_modules/workerd/bin/workerd" "$own/npm/node_modules/workerd/bin/workerd" \
  "$own/../npm/node_modules/workerd/bin/workerd"; do
  [ -x "$file" ] && readlink -f "$file" && exit
done
]]

---@param root string  the project's folder
---@return string|nil path  of workerd: on PATH, in the project's or in what Davit's own build installed
function workers.find(root)
  local argv = { "sh", "-c", FIND, "sh", root, fs.real "/proc/self/exe" }
  return process.run({ argv = argv, check = false }).output:match("[^\n]+")
end

---@param o cloud.Workers.Options
---@return cloud.Workers
function workers.new(o)
  return setmetatable({
    binary = o.binary, folder = o.folder, asset = o.asset, find = o.find, cloud = o.cloud, latest = o.latest,
    caller = o.caller, present = o.present, failed = o.failed, awake = o.awake or AWAKE, crew = o.crew,
    units = {}, retired = {}, started = 0, trials = 0, peers = peers.new(o.folder),
  }, Workers)
end

-- ---- starting a unit --------------------------------------------------------------------------

local function newest_date(self)
  self.newest = self.newest or workerd.newest(
    process.run({ argv = { self.binary, "--version" }, output = "capture" }).output)
  return self.newest
end

-- Where a version's Durable Objects keep what they store: a preview's are its own.
local function durable_of(script, version)
  return "../durable/" .. (version.preview and ("%s@%s"):format(script, version.preview) or script)
end

local function plan_options(self, script, version)
  return { asset = self.asset, cloud = self.cloud(), caller = self.caller(script, version), peer = peers.path,
    present = self.present,
    inbox = peers.inbox(self.peers:entrypoints(script, version)), durable = durable_of(script, version) }
end

-- The version's own limit, as its upload gave it.
local function limit_of(version)
  local extra = version.extra and json.decode(version.extra)
  local milliseconds = extra and type(extra.limits) == "table" and extra.limits.cpu_ms
  return type(milliseconds) == "number" and milliseconds / 1000 or CPU_LIMIT
end

local function name_of(script, version)
  return ("%s@%s"):format(script, version.id and version.id:sub(1, 8) or "upload")
end

local function launch(self, script, version, folder, quiet)
  return unit.start { name = name_of(script, version), script = script, quiet = quiet, limit = limit_of(version),
    version = version, folder = folder, root = self.folder, binary = self.binary,
    plan = plan_options(self, script, version), newest = function() return newest_date(self) end, crew = self.crew }
end

local function running(self)
  local list = {}
  for _, one in pairs(self.units) do
    if one:serves() then list[#list + 1] = one end
  end
  return list
end

-- Before another process starts, the one that was asked longest ago makes room.
local function make_room(self)
  local list = running(self)
  if #list < self.awake then return end
  local oldest
  for _, one in ipairs(list) do
    if not one:in_use() and (not oldest or one.asked < oldest.asked) then oldest = one end
  end
  if oldest then oldest:stop() end
end

local function start(self, script, version)
  make_room(self)
  self.started = self.started + 1
  local made = launch(self, script, version, ("%s-%d"):format(version.id, self.started))
  self.units[version.id] = made
  return made
end

local function retire(self, version)
  table.insert(self.retired, self.units[version.id])
  self.units[version.id] = nil
end

-- ---- requests ---------------------------------------------------------------------------------

-- Whether other Workers bind entrypoints that this process does not serve.
local function falls_short(self, one, script, version)
  for _, name in ipairs(self.peers:entrypoints(script, version)) do
    if not one.inbox[name] then return true end
  end
  return false
end

-- The unit of a version, started when there is none. One that could not start rests for a moment.
local function unit_of(self, script, version)
  local one = self.units[version.id]
  local usable = one and (one:failed_within(REST) or one:serves())
  if usable and not falls_short(self, one, script, version) then return one end
  if one and one:lives() then retire(self, version) end
  return start(self, script, version)
end

-- Waits until the unit of a version listens. An entrypoint that others bind and it does not have is
-- their mistake: it starts without.
local function wake(self, script, version)
  while true do
    local one = unit_of(self, script, version)
    local port, err = try(one.port, one)
    if port then return one, port end
    local lacking = self.peers:learn(version, one)
    if not lacking then error(err, 0) end
    self.crew.log(("%s: other Workers bind its entrypoint %s, which it does not have"):format(
      one.service.name, lacking))
    if self.units[version.id] == one then self.units[version.id] = nil end
  end
end

-- The Workers that its service bindings lead to are awake before it is asked: it reaches them by
-- itself. One that cannot start is no reason not to ask.
local function wake_peers(self, reach, held)
  for i = 2, #reach do
    local one, err = try(wake, self, reach[i].script, reach[i].version)
    if one then
      one:take()
      held[#held + 1] = one
      self.peers:lead(one)
    elseif err.class == "cancelled" then
      error(err, 0)
    end
  end
end

local function let_go(held)
  for _, one in ipairs(held) do one:give() end
end

-- What talks, with whoever is at the other end, while a unit is in use.
local function holding(one, talk)
  return talk and function(other)
    one.lasting = one.lasting + 1
    local _, err = try(talk, other)
    one.lasting, one.asked = one.lasting - 1, core.monotonic()
    if err then error(err, 0) end
  end
end

-- A WebSocket, and an answer that streams, use a unit as long as they last.
local function hold(one, answer)
  answer.websocket, answer.stream = holding(one, answer.websocket), holding(one, answer.stream)
end

local safe = { GET = true, HEAD = true, OPTIONS = true }

-- Whether a request failed because the process had died, which may not have been known, and may be sent
-- to another one: it did not arrive, or arriving twice does no harm.
local function may_go_on(one, request, err)
  local unheard = err.code == "http-refused" or err.code == "http-lost" and safe[request.method]
  return unheard and not one.overran and one.service:ends_within(DYING)
end

local function exchange(self, script, version, request, held)
  for attempt = 1, 2 do
    local one, port = wake(self, script, version)
    held.unit = one
    one:take()
    local answer, err = try(proxy.ask, request, port)
    one:give()
    if answer then
      hold(one, answer)
      return answer
    end
    if attempt == 2 or not may_go_on(one, request, err) then error(err, 0) end
  end
end

local function ask(self, script, version, request, held)
  local reach = self.peers:reach(script, version, self.find)
  wake_peers(self, reach, held)
  local answer = exchange(self, script, version, request, held)
  for _, one in ipairs(held) do hold(one, answer) end
  return answer
end

local function failure_page(self, request, code, reason)
  local page = self.failed(code, request)
  page.headers["x-davit-reason"] = reason:gsub("[^\x20-\x7e]+", " "):sub(1, 1000)
  return page
end

-- That its process has ended is in the log already.
local function broken(self, request, held, err)
  if err.class == "cancelled" then error(err, 0) end
  local one = held.unit
  if one and one.overran then return failure_page(self, request, 1102, "it computed for too long") end
  if one and err.code ~= "service-failed" then
    self.crew.log(("%s: %s"):format(one.service.name, err.message))
  end
  return failure_page(self, request, 1101, err.message)
end

-- What the Worker threw comes in a header.
local function judged(self, request, held, answer)
  local thrown = answer.headers and answer.headers[workerd.THROWN]
  if not thrown then return answer end
  local reason = thrown:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  self.crew.log(("%s: uncaught %s"):format(held.unit.service.name, reason))
  return failure_page(self, request, 1101, reason)
end

---What a Worker answers.
---@param served { script: string, version: table }  as the model keeps them
---@param request table  with `host` the public one
---@return table response
function Workers:answer(served, request)
  if not self.binary then return stand_in.answer(served.version, request) end
  local held = {}
  local _ <close> = setmetatable({}, { __close = function() let_go(held) end })
  local answer, err = try(ask, self, served.script, served.version, request, held)
  return answer and judged(self, request, held, answer) or broken(self, request, held, err)
end

-- ---- uploads ----------------------------------------------------------------------------------

-- What was tried becomes the process of the version that the model made of it, if it is the same.
local function adopt(self, one, version)
  if not version or self.units[version.id] then return false end
  local options = plan_options(self, one.script, version)
  options.newest = newest_date(self)
  if unit.plan(version, one.script, options).config ~= one.config or not one:lives() then return false end
  self.units[version.id], one.limit = one, limit_of(version)
  one.service.name = name_of(one.script, version)
  one:tell(self.crew.log)
  return true
end

local function trial_of(self, request)
  if not self.binary then return nil end
  local script, preview = trial.script(request)
  local version = script and trial.version(request, preview)
  if not version then return nil end
  make_room(self)
  self.trials = self.trials + 1
  return launch(self, script, version, "trial-" .. self.trials, true), preview
end

---Answers a request to Cloudflare's API. An upload is tried first: the request then says `rejected`
---or `startup_ms`, and what was started serves the version when it is deployed.
---@param request table
---@param answer fun(): table  the model's
---@return table response
function Workers:upload(request, answer)
  local one, preview = trial_of(self, request)
  if not one then return answer() end
  local serves = trial.judge(one, request)
  local response, err = try(answer)
  local taken = serves and response and response.status < 300 and adopt(self, one, self.latest(one.script, preview))
  if not taken then one:kill() end
  one.config = nil
  if err then error(err, 0) end
  return response
end

-- ---- the end ----------------------------------------------------------------------------------

local function check_computing(self, one)
  if one.overran or one:computing() <= one.limit then return end
  one.overran = true
  self.crew.log(("%s: ended, it computed for more than %g s without an answer (error 1102)"):format(
    one.service.name, one.limit))
  one:kill()
end

local function wanted(one, serves, now)
  return one:in_use() or now - one.asked < (serves and IDLE or LINGER)
end

local function sweep_retired(self, now)
  for i = #self.retired, 1, -1 do
    local one = self.retired[i]
    check_computing(self, one)
    if not one:lives() then
      table.remove(self.retired, i)
    elseif not wanted(one, false, now) then
      one:stop()
    end
  end
end

---Ends the units whose version no longer serves, those that nobody has asked for long, and those that
---compute for too long.
---@param live table[]  the versions that may be asked from now on
function Workers:sweep(live)
  local serving, now = {}, core.monotonic()
  for _, version in ipairs(live) do serving[version.id] = true end
  for id, one in pairs(self.units) do
    check_computing(self, one)
    if not one:lives() then
      if not one:failed_within(REST) then self.units[id] = nil end
    elseif one.told or not wanted(one, serving[id], now) then
      one:stop()
    end
  end
  sweep_retired(self, now)
end

---@return { name: string, port?: integer, pid?: integer }[]  the units that run
function Workers:list()
  local list = {}
  for _, one in pairs(self.units) do
    local s = one.service
    if one:lives() then list[#list + 1] = { name = s.name, port = s.ready, pid = s.pid } end
  end
  return list
end

return workers
