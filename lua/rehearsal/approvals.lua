---What the journal says of a run's questions: whether somebody has said no, and what began with whose consent.
local json = require "json"

local approvals = {}

---@class rehearsal.Approvals
---@field denied boolean   the last answer to a question was no
---@field began string[]   "step migrate": all that began, each once
---@field under string[]   "Deploy? > step migrate": each began after this question had been approved, in its place

-- The branches and steps around a question: its path is the place and the question.
local function place_of(path, question)
  local at = path:find(question, 1, true) or 1
  return path:sub(1, math.max(0, at - 2))
end

local function is_within(place, around)
  return around == "" or place == around or place:sub(1, #around + 1) == around .. "/"
end

local handlers = {}

handlers["approval-asked"] = function(asked, event, data)
  asked[event.path] = { state = "asked", place = place_of(event.path, data.question) }
end

handlers["approved"] = function(asked, event)
  if asked[event.path] then asked[event.path].state = "approved" end
end

handlers["approval-denied"] = function(asked, event)
  if asked[event.path] then asked[event.path].state = "denied" end
end

local function begin(told, known, asked, name, place)
  if known[name] then return end
  known[name] = true
  told.began[#told.began + 1] = name
  for path, question in pairs(asked) do
    if question.state == "approved" and is_within(place, question.place) then
      told.under[#told.under + 1] = ("%s > %s"):format(path, name)
    end
  end
end

---@param store userdata
---@param run string
---@return rehearsal.Approvals
function approvals.of(store, run)
  local told, known, asked = { denied = false, began = json.array {}, under = json.array {} }, {}, {}
  for _, event in ipairs(store:events { run = run }) do
    local kind = event.kind:match "^(%a+)%-started$"
    local wanted = (kind or event.kind == "approval-asked") and event.data ~= "null"
    local data = wanted and json.decode(event.data) or {}
    if handlers[event.kind] then
      handlers[event.kind](asked, event, data)
    elseif kind and data.place then
      begin(told, known, asked, ("%s %s"):format(kind, event.path), data.place)
    end
  end
  for _, question in pairs(asked) do told.denied = told.denied or question.state == "denied" end
  return told
end

---What a run began without the consent that the undisturbed one had for it.
---@param told rehearsal.Approvals
---@param undisturbed rehearsal.Approvals
---@return string[]
function approvals.unasked(told, undisturbed)
  local began, under, list = {}, {}, {}
  for _, name in ipairs(told.began) do began[name] = true end
  for _, line in ipairs(told.under) do under[line] = true end
  for _, line in ipairs(undisturbed.under) do
    local name = line:match "^.* > (%a+ .*)$"
    if began[name] and not under[line] then list[#list + 1] = name end
  end
  return list
end

return approvals
