---Many runners on one store: processes that carry the lives of pull requests (a preview, pushes, the
---cleanup) as the real flows write them, with nothing done between the events. What each event holds
---was recorded from real runs (tests/bench/flows.json); every run has a session of its own, its lease,
---and that of its pull request, taken by the code that real runs use.
local core = require "core"
local fs = require "fs"
local json = require "json"
local leases = require "run.leases"
local process = require "process"
local store = require "store.core"

local simulation = { project = "simulation" }

-- Latencies ------------------------------------------------------------------------------------------

-- Counted in steps of 5 %, so that those of all runners add up.
local STEP <const> = math.log(1.05)

local function count(tally, what, seconds)
  local bucket = tostring(math.floor(math.log(math.max(seconds, 1e-6) * 1e6) / STEP))
  tally[what] = tally[what] or {}
  tally[what][bucket] = (tally[what][bucket] or 0) + 1
end

local function add(all, part)
  for what, buckets in pairs(part) do
    all[what] = all[what] or {}
    for bucket, n in pairs(buckets) do all[what][bucket] = (all[what][bucket] or 0) + n end
  end
end

---@param buckets table<string, integer>
---@param part number
---@return number seconds
function simulation.percentile(buckets, part)
  local list, all, seen = {}, 0, 0
  for bucket, n in pairs(buckets) do
    list[#list + 1], all = math.tointeger(tonumber(bucket)), all + n
  end
  table.sort(list)
  for _, bucket in ipairs(list) do
    seen = seen + buckets[tostring(bucket)]
    if seen >= part * all then return math.exp((bucket + 0.5) * STEP) / 1e6 end
  end
end

---@param buckets table<string, integer>|nil
---@return integer
function simulation.total(buckets)
  local n = 0
  for _, of_bucket in pairs(buckets or {}) do n = n + of_bucket end
  return n
end

-- A run ----------------------------------------------------------------------------------------------------

-- The session as the code of leases sees it, with its calls counted.
local function counted(session, tally)
  return setmetatable({}, { __index = function(_, name)
    return function(_, ...)
      local began = core.monotonic()
      local results = table.pack(session[name](session, ...))
      count(tally, name, core.monotonic() - began)
      return table.unpack(results, 1, results.n)
    end
  end })
end

local Run = {}
Run.__index = Run

local function new_run(url, number, tally)
  local self = setmetatable({ number = number, tally = tally, session = store.open(url) }, Run)
  self.id = ("preview-%s-%s"):format(os.date "!%Y%m%d-%H%M%S", core.random(5):gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
  self.store = counted(self.session, tally)
  self.leases = leases.new { store = self.store, recorder = self, project = simulation.project }
  return self
end

function Run:append(kind, path, data, status)
  self.store:append { { run = self.id, at = core.now(), kind = kind, path = path, data = data, status = status } }
end

-- What the code of leases wants of a recorder.
Run.history = { leases = {} }
function Run.report() end
function Run:note(kind, path, data)
  self:append(kind, path, json.encode(data or {}))
end

local function padded(text, bytes)
  return text .. (" "):rep(bytes - #text)
end

-- Writes the events, except those that the leases write themselves; the first says whose run it is.
function Run:play(events, from, to)
  for i = from, to do
    local event = events[i]
    if i == 1 then
      local data = json.encode { recipe = "preview", params = { pr = self.number }, project = simulation.project }
      self:append(event.kind, event.path, padded(data, event.bytes), "running")
    elseif not event.kind:find "^lease%-" then
      self:append(event.kind, event.path, ('"%s"'):format(("x"):rep(event.bytes - 2)), i == #events and "done" or nil)
    end
    if i == 1 then self.leases:take("preview/" .. self.number, { supersede = true }) end
  end
end

-- Waits, as for a service, until a newer run asks this one to stop.
function Run:wait_to_be_superseded()
  repeat sleep(0.01) until self.notice
  local request = json.decode(self.notice.request)
  self:append("run-finished", "", json.encode { ok = false, error = request }, request.code)
end

-- Runs f beside the watch for notices, with the leases taken before and given back after.
function Run:carry_out(f)
  self.leases:claim()
  parallel {
    work = function()
      f()
      self.leases:close()
      self.session:close()
    end,
    notices = function() self.notice = self.session:watch() end,
  }
end

-- A pull request --------------------------------------------------------------------------------------

local function play(o, number, events, tally)
  local run = new_run(o.url, number, tally)
  run:carry_out(function() run:play(events, 1, #events) end)
end

-- A push comes while the preview of the one before still waits for something.
local function supersede(o, number, events, tally)
  local older, half = new_run(o.url, number, tally), #events // 2
  local waits = false
  parallel {
    older = function()
      older:carry_out(function()
        older:play(events, 1, half)
        waits = true
        older:wait_to_be_superseded()
      end)
    end,
    newer = function()
      repeat sleep(0.01) until waits
      local began = core.monotonic()
      local newer = new_run(o.url, number, tally)
      newer:carry_out(function()
        newer:play(events, 1, 1)
        count(tally, "superseded", core.monotonic() - began)
        newer:play(events, 2, #events)
      end)
    end,
  }
end

-- Opened, pushed to, closed; every so many of them is pushed to in the middle of its preview.
local function live(o, number, flows, tally)
  local began = core.monotonic()
  if o.supersede_every > 0 and number % o.supersede_every == 0 then
    supersede(o, number, flows[1], tally)
  else
    play(o, number, flows[1], tally)
  end
  for _ = 1, o.pushes do play(o, number, flows[2], tally) end
  play(o, number, flows[3], tally)
  count(tally, "life", core.monotonic() - began)
end

---@return table[][]  the events of a preview, of one with nothing new, of a cleanup
function simulation.flows()
  local flows = {}
  for i, flow in ipairs(json.decode(fs.read "tests/bench/flows.json")) do flows[i] = flow.events end
  return flows
end

-- A runner --------------------------------------------------------------------------------------------

---Seconds of processor time that a process has used.
---@param pid integer|"self"
---@return number own, number children  those that have ended
function simulation.cpu(pid)
  local fields = {}
  for field in fs.read(("/proc/%s/stat"):format(pid)):match("%) (.*)$"):gmatch "%S+" do fields[#fields + 1] = field end
  return (fields[12] + fields[13]) / 100, (fields[14] + fields[15]) / 100
end

-- Carries pull requests, so many at a time, until the time is over; the lives begun are ended.
local function carry(o)
  local flows, tally, branches = simulation.flows(), {}, {}
  local ends = core.monotonic() + o.seconds
  for i = 1, o.at_once do
    branches["branch" .. i] = function()
      local number = o.first + i
      repeat
        live(o, number, flows, tally)
        number = number + o.at_once
      until core.monotonic() >= ends
    end
  end
  parallel(branches)
  return { tally = tally, cpu = (simulation.cpu "self") }
end

-- Holds the leases of so many runs that wait, until it is told to end.
local function hold(o)
  local sessions, branches = {}, {}
  for i = 1, o.at_once do
    branches["branch" .. i] = function()
      local id = ("preview-held-%d"):format(o.first + i)
      sessions[i] = store.open(o.url)
      sessions[i]:take { name = "run/" .. id, run = id, seconds = leases.seconds }
      sessions[i]:take { name = ("%s/%s"):format(simulation.project, id), run = id, seconds = leases.seconds }
    end
  end
  parallel(branches)
  print "held"
  try(sleep, 3600)
end

local function start_runner(mode, url, o)
  return process.start {
    argv = { os.getenv "DAVIT" or "build/davit", "tests/simulation.lua", mode, json.encode(o) }, env = { DAVIT_STORE = url },
  }
end

local function result_of(child)
  local result = child:wait()
  if result.exit ~= 0 then error(("a runner failed: %s"):format(result.errors), 0) end
  return json.decode(result.output)
end

---@class tests.Load
---@field url string
---@field runners integer          processes
---@field at_once integer          pull requests that each carries at a time
---@field seconds number
---@field pushes integer           to each pull request, after the first
---@field supersede_every integer  pull requests; 0: none is pushed to in mid-preview
---@field first integer            their numbers are greater

---Runs so many runners at once.
---@param o tests.Load
---@return table<string, table> tally   latencies by call, each a count by size
---@return number seconds, number cpu   of all runners
function simulation.run(o)
  local began, children, all, cpu = core.monotonic(), {}, {}, 0
  for i = 1, o.runners do
    children[i] = start_runner("carry", o.url, {
      at_once = o.at_once, seconds = o.seconds, pushes = o.pushes, supersede_every = o.supersede_every,
      first = o.first + i * 1000000,
    })
  end
  for _, child in ipairs(children) do
    local result = result_of(child)
    add(all, result.tally)
    cpu = cpu + result.cpu
  end
  return all, core.monotonic() - began, cpu
end

---Runs f while so many runs are alive and wait.
---@param o { url: string, runners: integer, at_once: integer }
---@param f fun()
---@return number cpu  seconds of all runners, while f ran
function simulation.hold(o, f)
  local children <close> = setmetatable({}, { __close = function(list)
    for _, child in ipairs(list) do child:kill "TERM" end
    for _, child in ipairs(list) do child:wait() end
  end })
  for i = 1, o.runners do
    children[i] = start_runner("hold", o.url, { at_once = o.at_once, first = i * 1000000 })
  end
  for _, child in ipairs(children) do
    if child:line() ~= "held" then result_of(child) end
  end
  local cpu = 0
  for _, child in ipairs(children) do cpu = cpu - simulation.cpu(child:pid()) end
  f()
  for _, child in ipairs(children) do cpu = cpu + simulation.cpu(child:pid()) end
  return cpu
end

local mode, options = ...
if mode then
  local o = json.decode(options)
  o.url = os.getenv "DAVIT_STORE"
  if mode == "hold" then return hold(o) end
  print(json.encode(carry(o)))
  return 0
end
return simulation
