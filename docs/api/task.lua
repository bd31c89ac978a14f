---@meta task

---Tasks: what runs at the same time, for how long, and what a cancellation may not cut short.
local task = {}

---Waits. Also the global `sleep`.
---@param seconds number  0 gives way to other tasks
function task.sleep(seconds) end

---Calls f(...) and raises "deadline" (fatal) at whatever it waits for once the time has passed.
---Children that it waits for feel it too. Deadlines nest.
---@param seconds number
---@param f function
---@param ... any
---@return any ...  what f returns
function task.deadline(seconds, f, ...) end

---Calls f(...); waits inside do not raise when the task is cancelled. For clean-up. After a cancellation
---all shielded waits of a task have one limit together (30 s, 7 s where the variable CI is set); then they
---raise "cleanup-deadline".
---@param f function
---@param ... any
---@return any ...  what f returns
function task.shield(f, ...) end

---Calls f(spawn); spawn(name, g) starts g as a child. Returns when f and all children have ended; the
---first failure cancels the rest and is raised.
---@param f fun(spawn: fun(name: any, g: function)): any
---@return any  what f returns
function task.nursery(f) end

---The running task's own table. `path` names the branches that lead to it ("deploy/api").
---@return table
function task.locals() end

return task
