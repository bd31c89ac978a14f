---The leases a run works under: its own, run/ID, so that one process carries it out, and those the
---recipe takes. A lease is taken over only when it has expired, or by name; never silently.
local core = require "core"
local json = require "json"
local task = require "task"

local leases = {}

---Seconds until a lease expires that is not renewed; the store renews it long before.
leases.seconds = 30

local PATIENCE = 120   -- seconds that a superseded run may take to stop

---@class run.Leases
---@field store userdata
---@field recorder run.Recorder
---@field held table<string, "scope"|"kept">  the names that the recipe took and that were not given back
---@field options table<string, { supersede?: boolean }>  how it took them
---@field earlier table<string, true>  what it had and gave back before it came to where it is now: under
---them it has made what is recorded
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
    accept_changes = o.accept_changes, held = {}, options = {}, earlier = {},
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

-- Order ---------------------------------------------------------------------------------------

-- When a run was started, in the order of the store: no clock of any machine decides.
local function began(self, run)
  local first = self.store:events { run = run, kind = "run-started" }[1]
  return first and first.seq or 0
end

-- Another run that has taken the lease since the event `after`, if any; `newer`: one that began later.
local function taken_since(self, name, after, newer)
  for _, event in ipairs(self.store:events { kind = "lease-taken", after = after }) do
    local full = json.decode(event.data).lease or self.prefix .. event.path
    if event.run ~= self.id and full == self.prefix .. name and (not newer or began(self, event.run) > after) then
      return event.run
    end
  end
end

local function raise_superseded(name, by)
  failure {
    code = "superseded", about = name, message = ("run %s, which is newer, has taken '%s'"):format(by, name),
    hint = "it owns what both would make",
  }
end

-- The newest run has the last word, in whatever order they came to the lease.
local function refuse_superseded(self, name)
  local newer = taken_since(self, name, began(self, self.id), true)
  if newer then raise_superseded(name, newer) end
end

-- What this run recorded under a lease may have been undone or replaced by who held it since.
local function refuse_after_others(self, name)
  if not self.earlier[name] or self.accept_changes then return end
  local own = 0
  for _, event in ipairs(self.store:events { run = self.id, kind = "lease-taken" }) do
    if event.path == name then own = event.seq end
  end
  local other = taken_since(self, name, own)
  if not other then return end
  failure {
    code = "run-changed", about = name, message = ("run %s has held '%s' since this run did"):format(other, name),
    hint = "what this run recorded may not hold any more; --accept-changes goes on all the same",
  }
end

-- Taking, giving back ---------------------------------------------------------------------

-- Asks the holder once to make way; it stops at its next wait.
local function ask_to_stop(self, name, holder, asked)
  if asked[holder.token] then return end
  if began(self, holder.run) > began(self, self.id) then raise_superseded(name, holder.run) end
  asked[holder.token] = true
  if not has_ended(holder) then
    self.store:ask(self.prefix .. name, json.encode { code = "superseded", by = self.id })
  end
  self.recorder.report("lease-awaited", name, awaited(holder, true), self.id)
end

local function may_wait(self, o, since)
  return self.wait or o.supersede and core.monotonic() - since < PATIENCE
end

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

---What an earlier process of this run has held.
---@param past run.History
function Leases:recall(past)
  for name in pairs(past.leases) do self.earlier[name] = true end
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
  local refuse = o.supersede and refuse_superseded or refuse_after_others
  refuse(self, name)
  local token = self:acquire(name, o)
  self.held[name], self.options[name] = "scope", o
  refuse(self, name)   -- now that nobody else can take it
  self.earlier[name] = nil
  self.recorder:note("lease-taken", name,
    { token = token, lease = self.prefix .. name, supersede = o.supersede })
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
  for _, name in ipairs(names) do
    self.earlier[name] = true
    self:release(name)
  end
  return function()
    for _, name in ipairs(names) do self:take(name, self.options[name]) end
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
