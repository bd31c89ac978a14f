---What recordings said again have in common: exchanges with the models in this process, which go wrong by rules, and the
---comparison of what is said now with what was said then.
local faults = require "cloud.faults"
local fs = require "fs"
local json = require "json"
local world = require "cloud.world"

local replay = {}

---@param path string
---@return table[]  what stands on its lines
function replay.entries(path)
  local list = {}
  for line in fs.read(path):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

-- ---- exchanges --------------------------------------------------------------------------------

---@class clients.Replay
---@field state table   the world
---@field now number    each exchange is a while after the one before
---@field rules table   what goes wrong
---@field ids table<string, string>  those of then, and what stands for them now
local Replay = {}
Replay.__index = Replay
replay.class = Replay

---@param state table
---@param now number
---@return clients.Replay
function replay.new(state, now)
  return { state = state, now = now, ids = {}, rules = faults.new() }
end

---Makes the next request go wrong.
---@param rule table  as faults.rule takes it
function Replay:injure(rule)
  rule.times = 1
  faults.add(self.rules, assert(faults.rule(rule)))
end

---@param request table  as world.handle takes it
---@param seconds number that have gone by
---@return integer|nil status, any answer, table headers  what stands in the body as JSON
function Replay:exchange(request, seconds)
  self.now = self.now + seconds
  local response = faults.answer(faults.pick(self.rules, request, self.now), request, self.now, function()
    return world.handle(request, self.state, self.now)
  end)
  local ok, value = pcall(json.decode, response.body or "")
  return response.status, ok and value or nil, response.headers
end

-- ---- comparing --------------------------------------------------------------------------------

---@return string  "null", "string", "number", "boolean", "array" or "object"
function replay.kind_of(value)
  if value == json.null or value == nil then return "null" end
  if type(value) ~= "table" then return type(value) end
  return (#value > 0 or getmetatable(value)) and "array" or "object"
end

local function is_empty(value) return type(value) == "table" and next(value) == nil end

---Whether every field of what was said then is there now, with a value of the same kind. Each pair of texts is told to
---`learn`, which those who replay have.
---@param then_said any
---@param now_said any
---@param path string
---@param problems string[]  what is not is added
function Replay:compare(then_said, now_said, path, problems)
  local kind, now_kind = replay.kind_of(then_said), replay.kind_of(now_said)
  if kind == "string" and now_kind == "string" then self:learn(then_said, now_said) end
  if kind == "null" then return end
  if kind ~= now_kind and not (is_empty(now_said) and type(then_said) == "table") then
    problems[#problems + 1] = ("%s is %s, then it was %s"):format(path, now_kind, kind)
  elseif kind == "object" then
    for name, value in pairs(then_said) do self:compare(value, now_said[name], path .. "." .. name, problems) end
  elseif kind == "array" then
    for i = 1, math.min(#then_said, #now_said) do self:compare(then_said[i], now_said[i], path .. "[]", problems) end
  end
end

-- ---- differences that are meant ---------------------------------------------------------------

---@param accepted { [1]: string, [2]: string, occurred?: boolean }[]  a pattern of problems, and why
---@param problems string[]
---@return string[]  those that are not meant
function replay.left(accepted, problems)
  local left = {}
  for _, problem in ipairs(problems) do
    local known
    for _, one in ipairs(accepted) do
      if problem:find(one[1]) then one.occurred, known = true, true end
    end
    if not known then left[#left + 1] = problem end
  end
  return left
end

---Raises when a difference that is meant did not occur.
function replay.all_occurred(accepted)
  for _, one in ipairs(accepted) do
    if not one.occurred then error("no longer: " .. one[1] .. ": " .. one[2], 0) end
  end
end

return replay
