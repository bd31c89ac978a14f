---Answers of a service that count for a while: whoever works through many things of one account need not ask for the
---same before each of them. What our own changes are about is forgotten, before they are sent and when they have ended,
---whatever became of them; what others change is seen when the answer counts no more. While a run is taken back all is
---asked anew.
local core = require "core"
local doubt = require "run.doubt"

local recent = {}

---@class recent.Answers
---@field seconds number  how long an answer counts; 0: it is never taken for another question
---@field kept table<string, { value: any, at: number }>
---@field changes integer
local Answers = {}
Answers.__index = Answers

---@param seconds number
---@return recent.Answers
function recent.new(seconds)
  return setmetatable({ seconds = seconds, kept = {}, changes = 0 }, Answers)
end

---What is known under a key.
---@param key string
---@return boolean known, any value
function Answers:find(key)
  local entry = self.kept[key]
  local counts = entry ~= nil and not doubt.reigns() and core.monotonic() - entry.at < self.seconds
  return counts, counts and entry.value or nil
end

---Whether a key was ever told, though it may not count any more.
---@param key string
---@return boolean
function Answers:was_told(key) return self.kept[key] ~= nil end

---@param key string
---@param value any
---@param at? number  when it was asked for (now)
function Answers:keep(key, value, at)
  self.kept[key] = { value = value, at = at or core.monotonic() }
end

---What f answers now. It is not kept where something was changed while it was asked.
---@param key string
---@param f fun(): any
---@return any value, number|nil at  when it was asked for; nil: it is not kept
function Answers:renew(key, f)
  local at, changes = core.monotonic(), self.changes
  local value = f()
  if self.changes ~= changes then return value, nil end
  self:keep(key, value, at)
  return value, at
end

---What f answers, or has answered a while ago.
---@param key string
---@param f fun(): any
---@return any
function Answers:ask(key, f)
  local known, value = self:find(key)
  if known then return value end
  return (self:renew(key, f))
end

---@param keys? string[]  all, when left out
function Answers:forget(keys)
  self.changes = self.changes + 1
  if not keys then self.kept = {} end
  for _, key in ipairs(keys or {}) do self.kept[key] = { at = -math.huge } end
end

---For as long as a change is under way, and once more when it has ended: to be closed.
---@param keys? string[]  what it may change; anything, when left out
function Answers:changing(keys)
  self:forget(keys)
  return setmetatable({}, { __close = function() self:forget(keys) end })
end

return recent
