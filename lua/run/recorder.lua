---Writes a run's events: the intent before an effect and the result after it, each durable before
---the run goes on. What the recipe saw of time and chance travels with the next of them.
local core = require "core"
local event = require "event.core"
local json = require "json"
local task = require "task"

local recorder = {}

local function misuse(message, ...)
  failure { code = "misuse", class = "misuse", message = message:format(...) }
end

---Plain data as JSON, masked as a store masks it; a secret is refused by name, as it has no place in
---a journal.
---@param what string  whose data it is, for the error
---@param value any
---@return string text, any kept  kept: what can be read back
function recorder.encode(what, value)
  if value == nil then return "null" end
  local text, err = try(json.encode, value)
  if err then misuse("%s holds what is no plain data: %s", what, err.message) end
  if type(text) ~= "string" then misuse("%s holds a secret; return its name or id instead", what) end
  local masked, number = event.masked(text)
  if number then misuse("%s holds a number that is a secret", what) end
  local kept, unreadable = try(json.decode, masked)
  if unreadable then misuse("%s holds names that are secrets", what) end
  return masked, kept
end

-- What kinds of errors several branches failed with: the exit code depends on it, also after a resume.
local function kinds_of(failures)
  if not failures then return nil end
  local list = {}
  for name, err in pairs(failures) do
    list[tostring(name)] = { code = err.code, class = err.class, failures = kinds_of(err.failures) }
  end
  return list
end

---An error as the journal keeps it.
---@param err table
---@return table
function recorder.describe(err)
  return { code = err.code, class = err.class, message = err.message, hint = err.hint, where = err.where,
    failures = kinds_of(err.failures) }
end

---@class run.Recorder
---@field store userdata
---@field id string
---@field history run.History
---@field report fun(kind: string, path: string, data: any, run: string)
local Recorder = {}
Recorder.__index = Recorder

---@param store userdata
---@param id string
---@param past run.History
---@param report fun(kind: string, path: string, data: any, run: string)
---@return run.Recorder
function recorder.new(store, id, past, report)
  return setmetatable({
    store = store, id = id, history = past, report = report, unwritten = {}, observed = {},
  }, Recorder)
end

-- What was seen since the last event, one event a branch.
local function take_observed(self, at)
  local events = {}
  for path, list in pairs(self.unwritten) do
    events[#events + 1] = { run = self.id, at = at, kind = "observed", path = path, data = json.encode(list) }
  end
  self.unwritten = {}
  return events
end

---Ends writing: the run's leases are lost, or the store cannot be reached. What would still be written is
---refused at once, without asking a server that does not answer.
---@param err { code: string, message: string, hint?: string }
---@param unreachable boolean  the store does not answer, so nothing can be given back either
function Recorder:give_up(err, unreachable)
  self.lost = self.lost or { code = err.code, message = err.message, hint = err.hint }
  self.unreachable = self.unreachable or unreachable
end

-- Durable when it returns.
local function store_events(self, events)
  if self.lost then failure(self.lost) end
  local _, err = try(self.store.append, self.store, events)
  if not err then return end
  if err.code == "journal-lost" then self:give_up(err, true) end
  error(err, 0)
end

-- Writes an event; it is durable when this returns what the journal keeps of its data.
local function append(self, kind, path, data, status)
  local at = core.now()
  local text, kept = recorder.encode(path ~= "" and path or kind, data)
  local events = take_observed(self, at)
  events[#events + 1] = { run = self.id, at = at, kind = kind, path = path, data = text, status = status }
  store_events(self, events)
  self.history:add { at = at, kind = kind, path = path, data = kept, status = status }
  return kept
end

---Writes an event; it is durable when this returns. Cancellable: for intents.
---@param kind string
---@param path string
---@param data any          plain data
---@param status? string    the run's status from here on
function Recorder:write(kind, path, data, status)
  self.report(kind, path, append(self, kind, path, data, status), self.id)
end

---Writes an event also while the run is being stopped: for what has happened.
function Recorder:note(kind, path, data, status)
  task.shield(self.write, self, kind, path, data, status)
end

---Says it first: when the store does not answer, whoever has to know knows already.
function Recorder:tell_and_note(kind, path, data, status)
  self.report(kind, path, data, self.id)
  task.shield(append, self, kind, path, data, status)
end

-- Time and chance ------------------------------------------------------------------------------

---Gives what the recipe saw here the last time, else looks and keeps it for the next event.
---@param path string   the branch
---@param what string   "time", "random"
---@param read fun(...): any
function Recorder:observe(path, what, read, ...)
  local n = (self.observed[path] or 0) + 1
  self.observed[path] = n
  local past = (self.history.observed[path] or {})[n]
  if past and past[1] == what then return past[2] end
  local value = read(...)
  self.unwritten[path] = self.unwritten[path] or json.array {}
  table.insert(self.unwritten[path], { what, value })
  return value
end

return recorder
