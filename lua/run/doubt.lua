---Whether what a service has answered a while ago may stand for another answer: not while something is taken back, for
---then the answer decides whether a thing is left, and a service may show late what was made a moment ago.
local doubt = {}

local open = 0

---@return table  to be closed: doubt ends with it
function doubt.begin()
  open = open + 1
  return setmetatable({}, { __close = function() open = open - 1 end })
end

---@return boolean
function doubt.reigns() return open > 0 end

return doubt
