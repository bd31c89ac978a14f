---Appends every exchange with the services to a file, a line each. Whoever answers waits for its own line, and
---lines that come meanwhile are written together.
---
---A disk that is full does not end the cloud: it is said once, the next lines are tried again, and when they
---can be written it is said how many are missing.
local condition = require "condition"
local fs = require "fs.core"
local mask = require "mask"
local faults = require "cloud.faults"
local recording = require "cloud.recording"
local task = require "task"

local recorder = {}

local SHORTEST = 4   -- bytes of a value that can be masked

---@class cloud.Recorder
---@field path string
---@field missing integer  lines that could not be written
local Recorder = {}
Recorder.__index = Recorder

local function masker_of(secrets)
  local known, masker = {}, mask.new {}
  local function learn(value)
    if #value < SHORTEST or known[value] then return end
    known[value] = true
    masker:add(value)
  end
  for _, value in pairs(secrets) do learn(value) end
  return { learn = learn, mask = function(text) return masker:text(text) end }
end

---@param path string      of the file; made when missing
---@param o { now: fun(): number, log: fun(text: string), secrets: table<any, string>, opened: fun(): string[] }
---  `secrets` are known from the beginning, `opened` those that clients have sealed by now
---@return cloud.Recorder  raises what keeps the file from being written
function recorder.new(path, o)
  local _, err = try(fs.append, path, "")
  if err then
    failure { code = "config", class = "misuse", about = path, message = "--record: " .. err.message,
      hint = "name a file that can be written" }
  end
  return setmetatable({ path = path, now = o.now, log = o.log, masker = masker_of(o.secrets), opened = o.opened,
    lines = {}, written = 0, asked = 0, missing = 0, changed = condition.new() }, Recorder)
end

-- After a write that failed half a line may stand at the end: the next one begins on its own.
local function write(self, lines)
  local text = (self.torn and "\n" or "") .. table.concat(lines)
  local _, err = try(fs.append, self.path, text)
  self.torn = err ~= nil
  if err then
    if self.missing == 0 then
      self.log(("%s; it is tried again with every request, the cloud goes on"):format(err.message))
    end
    self.missing = self.missing + #lines
  elseif self.missing > 0 then
    self.log(("%s is written again; %d exchanges are missing in it"):format(self.path, self.missing))
    self.missing = 0
  end
end

-- Whoever comes first writes for all that wait.
local function write_all(self)
  self.writing = true
  local _ <close> = setmetatable({}, { __close = function() self.writing = false end })
  while #self.lines > 0 do
    local lines = self.lines
    self.lines = {}
    task.shield(write, self, lines)
    self.written = self.written + #lines
    self.changed:notify()
  end
end

---Returns when the line is in the file, or could not be written.
---@param request table
---@param response table
---@param one? cloud.faults.Rule  that made it go wrong
function Recorder:record(request, response, one)
  for _, value in ipairs(self.opened()) do self.masker.learn(value) end
  local line = recording.line(request, response, one and faults.line(one), self.now(), self.masker)
  self.lines[#self.lines + 1] = line .. "\n"
  self.asked = self.asked + 1
  local mine = self.asked
  if not self.writing then write_all(self) end
  while self.written < mine do self.changed:wait() end
end

return recorder
