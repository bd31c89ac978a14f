---A child process that serves: it says on a line of its output when it is ready, and lives until it
---is told to end. A task of the cloud owns it from its preparation to its end; any number of other
---tasks may wait for either.
---
---Whatever goes wrong with it is its end, never the cloud's.
local condition = require "condition"
local core = require "core"
local process = require "process"
local task = require "task"

local service = {}

local LAST_LINES = 8   -- of what it printed, to say why it has ended

---What every part of the cloud gets to work with.
---@class cloud.Crew
---@field spawn fun(name: string, f: function)  starts a task that the cloud owns and ends
---@field log fun(text: string)                 a line for whoever looks after the cloud
---@field verbose boolean

---@class cloud.Service
---@field name string
---@field ready? any        what the line that said so came to
---@field ended? number     monotonic seconds
---@field reason? string    why it has ended
---@field pid? integer
local Service = {}
Service.__index = Service

---@class cloud.Service.Options
---@field name string                      for the log
---@field argv string[]
---@field cwd? string
---@field ready fun(line: string): any     looks for the line that says it is ready
---@field control? boolean                 its standard output says nothing to people
---@field signal? string                   that asks it to end (SIGTERM)
---@field prepare? fun()                   runs before the process starts
---@field finish? fun()                    runs after its end
---@field crew cloud.Crew

-- ---- the owner's task -------------------------------------------------------------------------

local function keep(lines, line)
  lines[#lines + 1] = line
  if #lines > LAST_LINES then table.remove(lines, 1) end
end

-- Returns the last lines of the output at its end.
local function read(self, o)
  local lines = {}
  for line in self.child.line, self.child do
    local ready = self.ready == nil and o.ready(line)
    if ready then
      self.ready = ready
      self.changed:notify()
    elseif not o.control then
      keep(lines, line)
    end
  end
  return lines
end

local function ending(result, lines)
  local how = result.signal and "it was ended by " .. result.signal
    or ("it ended with exit code %d"):format(result.exit)
  for line in result.errors:gmatch("[^\n]+") do keep(lines, line) end
  return #lines > 0 and ("%s; it printed:\n%s"):format(how, table.concat(lines, "\n")) or how
end

-- Closed before the child is: the child's own end would begin with SIGTERM.
local function asked_to_end(self)
  return setmetatable({}, { __close = function()
    if not self.exited then self.child:kill(self.signal) end
  end })
end

local function run(self, o)
  if o.prepare then o.prepare() end
  if self.stopping then return "it was stopped before it began" end
  local child <close> = process.start { argv = o.argv, cwd = o.cwd,
    output = o.crew.verbose and "stream" or "capture", pty = false,
    prefix = o.crew.verbose and o.name .. ": " or nil }
  self.child, self.pid = child, child:pid()
  local _ <close> = asked_to_end(self)
  local lines = read(self, o)
  local result = child:wait()
  self.exited = true
  return ending(result, lines)
end

local function live(self, o)
  local reason, err = try(run, self, o)
  self.ended, self.child = core.monotonic(), nil
  self.reason = reason or err.message
  local expected = self.stopping or err and err.class == "cancelled"
  if not expected then o.crew.log(("%s: %s"):format(self.name, self.reason)) end
  self.changed:notify()
  if o.finish then task.shield(o.finish) end
end

-- ---- everybody else ---------------------------------------------------------------------------

---Starts it; returns at once.
---@param o cloud.Service.Options
---@return cloud.Service
function service.start(o)
  local self = setmetatable({ name = o.name, signal = o.signal or "SIGTERM",
    changed = condition.new() }, Service)
  o.crew.spawn(o.name, function() live(self, o) end)
  return self
end

-- Waits for a time at most; returns the error when it ran out.
local function wait_for(seconds, f, self)
  local _, late = try(task.deadline, seconds, f, self)
  if late and late.class == "cancelled" then error(late, 0) end
  return late
end

local function wait_ready(self)
  while self.ready == nil and not self.ended do self.changed:wait() end
end

---@param seconds number
---@return any ready  raises "service-failed" when it has ended or takes longer
function Service:wait_ready(seconds)
  local late = wait_for(seconds, wait_ready, self)
  if self.ready ~= nil and not self.ended then return self.ready end
  failure { code = "service-failed", class = "transient", about = self.name,
    message = ("%s does not serve: %s"):format(self.name, late and late.message or self.reason) }
end

---Tells it to end; does not wait.
---@param signal? string  another one than its own
function Service:stop(signal)
  self.stopping = true
  if self.child then self.child:kill(signal or self.signal) end
end

local function wait_ended(self)
  while not self.ended do self.changed:wait() end
end

---Waits for its end, if that is near.
---@param seconds number  how long
---@return boolean ended
function Service:ends_within(seconds)
  wait_for(seconds, wait_ended, self)
  return self.ended ~= nil
end

---Tells it to end and waits until it has; what does not listen is killed.
---@param seconds number  how long it may take
function Service:finish(seconds)
  self:stop()
  local late = wait_for(seconds, wait_ended, self)
  if not late then return end
  self:stop("SIGKILL")
  wait_ended(self)
end

return service
