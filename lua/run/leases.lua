---The leases a run works under: its own, run/ID, so that one process carries it out, and those the
---recipe takes. A lease is taken over only when it has expired, or by name; never silently.
local core = require "core"
local json = require "json"
local task = require "task"

local leases = {}

---Seconds until a lease expires that is not renewed; it is renewed three times as often.
leases.seconds = 30

local PATIENCE = 120   -- seconds that a superseded run may take to stop

---@class run.Leases
---@field store userdata
---@field recorder run.Recorder
---@field held table<string, "scope"|"kept">  the names that the recipe took and that were not given back
local Leases = {}
Leases.__index = Leases

---@class run.LeaseOptions
---@field store userdata
---@field recorder run.Recorder
---@field project? string    leases of two projects do not meet
---@field seconds? number
---@field wait? boolean      for a lease that somebody holds
---@field break_lease? table<string, true>  names to take over
---@field accept_changes? boolean

---@param o run.LeaseOptions
---@return run.Leases
function leases.new(o)
  return setmetatable({
    store = o.store, recorder = o.recorder, id = o.recorder.id, prefix = o.project and o.project .. "/" or "",
    seconds = o.seconds or leases.seconds, wait = o.wait, breaks = o.break_lease or {},
    accept_changes = o.accept_changes, held = {},
  }, Leases)
end

-- Who holds it --------------------------------------------------------------------------

local function holder_text(holder)
  return ("run %s (process %d on %s)"):format(holder.run, holder.pid, holder.host)
end

-- Its lease only has to expire.
local function has_ended(holder)
  return holder.here and not holder.alive
end

-- What is told while the lease is waited for.
local function awaited(holder, supersede)
  local ended = has_ended(holder)
  return {
    holder = holder_text(holder), ended = ended or nil, superseded = supersede and not ended or nil,
    left = math.max(0, holder.left),
  }
end

local function way_out(name, holder)
  local break_it = ("--break-lease %s takes it over"):format(name)
  if has_ended(holder) then
    return ("that process has ended: 'davit resume %s' goes on with it, or %s"):format(holder.run, break_it)
  end
  return ("'davit cancel %s' stops it; --wait waits; %s"):format(holder.run, break_it)
end

local function raise_held(name, holder)
  failure {
    code = "lease-held", about = name, hint = way_out(name, holder),
    message = ("'%s' is held by %s, for another %.0f s unless it is renewed"):format(name, holder_text(holder),
      math.max(0, holder.left)),
  }
end

-- The token by which a lease may be taken over although it has not expired.
local function may_replace(self, name, holder)
  local own = holder.run == self.id and (self.claimed or has_ended(holder))
  if own then return holder.token end
  if not self.breaks[name] then return nil end
  self.recorder:note("lease-broken", name, { run = holder.run, host = holder.host, pid = holder.pid })
  return holder.token
end

-- Asks the holder once to make way; it stops at its next wait.
local function ask_to_stop(self, name, holder, asked)
  if asked[holder.token] then return end
  asked[holder.token] = true
  if not has_ended(holder) then
    self.store:ask(self.prefix .. name, json.encode { code = "superseded", by = self.id })
  end
  self.recorder.report("lease-awaited", name, awaited(holder, true), self.id)
end

local function may_wait(self, o, since)
  return self.wait or o.supersede and core.monotonic() - since < PATIENCE
end

-- Taking, giving back ---------------------------------------------------------------------

---Takes a lease, waiting for it where that was asked for; raises "lease-held".
---@param name string   as the recipe calls it
---@param o { full?: string, supersede?: boolean }
---@return integer token
function Leases:acquire(name, o)
  local full, since, asked, pause, told, replace = o.full or self.prefix .. name, core.monotonic(), {}, 0.25, false, nil
  while true do
    local token, holder = self.store:take { name = full, run = self.id, seconds = self.seconds, instead_of = replace }
    if token then return token end
    replace = may_replace(self, name, holder)
    if not replace then
      if not may_wait(self, o, since) then raise_held(name, holder) end
      if o.supersede and holder.run ~= self.id then
        ask_to_stop(self, name, holder, asked)
      elseif not told then
        told = true
        self.recorder.report("lease-awaited", name, awaited(holder, false), self.id)
      end
      sleep(pause)
      pause = math.min(2 * pause, 2)
    end
  end
end

---Claims the run itself for this process.
function Leases:claim()
  self:acquire("run/" .. self.id, { full = "run/" .. self.id })
  self.claimed = true
end

-- Another run that took the lease after this one did, if any.
local function taken_since(self, name)
  local own
  for _, event in ipairs(self.store:events { run = self.id, kind = "lease-taken" }) do
    if event.path == name then own = event.seq end
  end
  for _, event in ipairs(own and self.store:events { kind = "lease-taken", after = own } or {}) do
    if event.run ~= self.id and event.path == name then return event.run end
  end
end

-- What this run recorded under a lease may be undone or replaced by who held it since.
local function refuse_after_others(self, name, o)
  local other = self.recorder.history.leases[name] and taken_since(self, name)
  if not other or self.accept_changes and not o.supersede then return end
  failure {
    code = o.supersede and "superseded" or "run-changed", about = name,
    message = ("run %s has held '%s' since this run did"):format(other, name),
    hint = o.supersede and "it owns what both would make" or
      "what this run recorded may not hold any more; --accept-changes goes on all the same",
  }
end

---@param name string
---@param o { supersede?: boolean }
function Leases:take(name, o)
  if self.held[name] == "scope" then
    failure { code = "misuse", class = "misuse", message = ("run.lease: this run holds '%s' already"):format(name) }
  end
  if self.held[name] == "kept" then
    self.held[name] = "scope"
    return
  end
  refuse_after_others(self, name, o)
  local token = self:acquire(name, o)
  self.held[name] = "scope"
  self.recorder:note("lease-taken", name, { token = token, supersede = o.supersede })
end

---Fine when it is lost or was given back.
function Leases:release(name)
  if not self.held[name] then return end
  self.held[name] = nil
  task.shield(self.store.release, self.store, self.prefix .. name)
  self.recorder:note("lease-released", name)
end

---The scope of run.lease has ended. By an error it is kept until the run has ended: what is taken
---back is taken back under it.
function Leases:leave_scope(name, by_error)
  if not by_error then return self:release(name) end
  if self.held[name] then self.held[name] = "kept" end
end

---Gives back all that the recipe took, and returns how to take them again.
---@return fun()
function Leases:lay_down()
  local names = {}
  for name in pairs(self.held) do names[#names + 1] = name end
  for _, name in ipairs(names) do self:release(name) end
  return function()
    for _, name in ipairs(names) do self:take(name, {}) end
  end
end

---The run's own lease goes last: until then nobody else may carry the run on. A store that does not answer
---is not asked for each of them: they expire by themselves.
function Leases:close()
  if self.recorder.unreachable then return end
  for name in pairs(self.held) do
    task.shield(self.store.release, self.store, self.prefix .. name)
  end
  self.held = {}
  if self.claimed then task.shield(self.store.release, self.store, "run/" .. self.id) end
end

-- Being asked to stop ---------------------------------------------------------------------------

local function reason_of(notice)
  if notice.lost then
    return "lease-lost", ("the lease '%s' is lost%s"):format(notice.name,
      notice.run and (": run %s has it now"):format(notice.run) or ": it could not be renewed in time")
  end
  local request = try(json.decode, notice.request)
  request = type(request) == "table" and request or {}
  if request.code == "superseded" then return "superseded", ("superseded by run %s"):format(request.by) end
  return "cancelled", ("cancelled by %s%s"):format(request.by, request.why and ": " .. request.why or "")
end

---Stops the run when somebody asks for it, or when one of its leases was lost. Does not return.
function Leases:watch()
  while true do
    local notice = self.store:watch()
    local code, reason = reason_of(notice)
    if notice.lost then self.recorder:give_up({ code = code, message = reason }, not notice.run) end
    task.stop(code, reason)
  end
end

return leases
