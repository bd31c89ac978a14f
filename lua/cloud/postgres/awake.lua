---Which computes are awake: never more than a number, and none that nobody uses for long.
---
---As with Neon, an open connection does not keep a compute awake, but a statement or transaction under way does.
local core = require "core"
local lock = require "cloud.postgres.lock"

local awake = {}

local MOST = 24              -- computes; each takes about 20 MB
local ROOM_TIMEOUT = 30      -- seconds that a connection whose turn it is waits for room
local LOOK = 0.1

---@class cloud.postgres.Awake
---@field most integer
---@field list table<string, cloud.postgres.Compute>  by endpoint
local Awake = {}
Awake.__index = Awake

---@param most? integer
---@return cloud.postgres.Awake
function awake.new(most) return setmetatable({ most = most or MOST, list = {}, turns = lock.new() }, Awake) end

-- Those that run or are about to; the others are forgotten.
local function running(self)
  local list = {}
  for id, compute in pairs(self.list) do
    if compute:is_up() then list[#list + 1] = compute else self.list[id] = nil end
  end
  return list
end

-- A primary stays while a standby follows it.
local function is_followed(list, compute)
  for _, other in ipairs(list) do
    if other:is_standby() and other.endpoint.timeline == compute.endpoint.timeline then
      return not compute:is_standby()
    end
  end
  return false
end

-- Without connections first, then those idle for longest.
local function candidates(self)
  local all, list, idle = running(self), {}, {}
  for _, compute in ipairs(all) do
    if compute:is_active() and not is_followed(all, compute) then
      list[#list + 1] = compute
      idle[compute] = compute:idle() + (compute:is_connected() and 0 or 1e9)
    end
  end
  table.sort(list, function(a, b)
    if idle[a] ~= idle[b] then return idle[a] > idle[b] end
    return a.endpoint.id < b.endpoint.id
  end)
  return list
end

local function make_room(self)
  for _, compute in ipairs(candidates(self)) do
    if compute:rest(0) then return true end
  end
  return false
end

local function refuse(self, compute)
  failure { code = "computes-busy", class = "transient", about = compute.branch.name,
    message = ("the compute of branch %s cannot wake: %d are awake and busy"):format(compute.branch.name, self.most),
    hint = "end some sessions, or let more be awake: davit cloud --computes N" }
end

local function enter(self, compute, most)
  local _ <close> = self.turns:take "room"
  local until_when = core.monotonic() + ROOM_TIMEOUT
  while #running(self) >= most do
    if not make_room(self) then
      if core.monotonic() > until_when then refuse(self, compute) end
      sleep(LOOK)
    end
  end
  self.list[compute.endpoint.id] = compute
end

---Waits for room for one that starts, which somebody idle makes. One after the other: each look at what is idle
---costs it a session.
---@param compute cloud.postgres.Compute
function Awake:enter(compute) enter(self, compute, self.most) end

---Waits for room for a standby and, before it, its primary, which the caller holds and which is awake then. Where
---only one may be awake, the two may: neither is of use alone. One pair after the other: two primaries that are held
---for standbys that wait for each other's room would never make any.
---@param compute cloud.postgres.Compute
---@param primary cloud.postgres.Compute
function Awake:enter_behind(compute, primary)
  local _ <close> = self.turns:take "pair"
  primary:wake()
  enter(self, compute, math.max(self.most, 2))
end

-- A server that was killed is as good as suspended: it comes back with the next connection.
local function notice_lost(self)
  for _, compute in pairs(self.list) do compute:notice_lost() end
end

---Suspends what nobody used for as long as it says.
---@param guard fun(compute: cloud.postgres.Compute, f: function, ...)  calls f, whose failure is one compute's alone
function Awake:sweep(guard)
  notice_lost(self)
  for _, compute in ipairs(candidates(self)) do
    local limit = compute.endpoint.suspend_seconds
    if limit >= 0 then guard(compute, compute.rest, compute, limit) end
  end
end

return awake
