---Whether a plan is made (lua/run/plan.lua), and what it does not know yet: ids of what is not there, what a build will
---make. Such a value may be indexed, called, joined and printed, and stays unknown.
local planned = {}

-- What each is known after; they have no keys of their own, so that nothing is found in them.
local texts = setmetatable({}, { __mode = "k" })

local Unknown = {}

---@param after string  what it is known after: "Database branch pr-42"
---@return any
function planned.unknown(after)
  local value = setmetatable({}, Unknown)
  texts[value] = after
  return value
end

---@param value any
---@return boolean
function planned.is(value) return texts[value] ~= nil end

-- As a list it is empty: nobody can walk what is not known.
function Unknown.__index(value, key)
  if type(key) == "string" then return planned.unknown(texts[value]) end
end

function Unknown.__call(value) return planned.unknown(texts[value]) end

function Unknown.__tostring(value) return ("(known after %s)"):format(texts[value]) end

---Whether a text names something that is not known yet.
---@param text string
---@return boolean
function planned.within(text) return text:find("(known after ", 1, true) ~= nil end

function Unknown.__concat(a, b) return tostring(a) .. tostring(b) end

local note   -- of the plan that is being made

---Whether this process makes a plan: then nothing is written anywhere.
---@return boolean
function planned.active() return note ~= nil end

---Says something in the plan that is being made, beside its steps; nothing where none is.
---@param action "apply"|"skip"|"stays"
---@param name string
---@param why? string
---@return boolean told
function planned.tell(action, name, why)
  if not note then return false end
  note(action, name, why)
  return true
end

---Makes a plan by f.
---@param f fun()
---@param tell fun(action: string, name: string, why?: string)  takes what planned.tell says
function planned.during(f, tell)
  note = tell
  local _, err = try(f)
  note = nil
  if err then error(err, 0) end
end

return planned
