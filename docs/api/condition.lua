---@meta condition

---Tasks that wait until another task of the same run says that something has changed.
---@class condition
local condition = {}

---@class Condition
local Condition = {}

---A condition that nobody waits for yet.
---@return Condition
function condition.new() end

---Waits until the next notify(). Wakes say that something changed, not what: look at what you wait
---for in a loop. Raises "misuse" when called on something else, "cancelled" like every wait.
function Condition:wait() end

---Lets go on all tasks that wait at this moment, in a later turn; does nothing without any.
---Raises "misuse" when called on something else.
function Condition:notify() end

return condition
