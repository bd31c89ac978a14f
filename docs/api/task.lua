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

---As `deadline`, with a handle of it: calls f(limit). For what holds the clock while it waits for something that is not
---to count, such as an answer of a person.
---
---    task.limit(60, function(limit)
---      limit:pause()
---      ask()            -- takes as long as it takes
---      limit:go()
---      carry_out()      -- what was left of the 60 s
---    end)
---@param seconds number
---@param f fun(limit: task.Limit): any
---@return any ...  what f returns
function task.limit(seconds, f) end

---@class task.Limit
local Limit = {}

---Its clock stands still until `go` was called as often as `pause`. What has passed stays passed.
function Limit:pause() end

---Raises a misuse where its clock is not held.
function Limit:go() end

---@return boolean  whether what waits within it raises "deadline"
function Limit:passed() end

---How long what the running task waits for may still take: seconds until the first deadline that it would feel,
---its own or one that it was started under; nil without one.
---@return number?
function task.remaining() end

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

---@class task.Stop  why the run is being stopped
---@field code string     "interrupted" by a signal; else what `task.stop` was given, e.g. "lease-lost"
---@field reason string   for a person: "interrupted by SIGTERM"
---@field signal? string  "SIGINT", "SIGTERM" or "SIGHUP"; nil when it was no signal

---Calls f(stop) as soon as the run is asked to stop, before any other task hears of it: for what
---cannot wait until children have ended, such as journalling a checkpoint and saying how to go on.
---f runs in a task of its own, shielded: it may wait, within the one limit of clean-up (see `shield`),
---and is not cancelled by what stops the run. Where the run is being stopped already, it is called at
---once.
---
---    local watch <close> = task.on_stop(function(stop) … end)
---
---The handle ends the watching, at the end of its scope or by watch:close(). When f was called, that
---waits until it has returned, and raises what it raised.
---@param f fun(stop: task.Stop)
---@return task.Watch
function task.on_stop(f) end

---@class task.Watch
local Watch = {}

function Watch:close() end

---Stops the run as a signal would: the first task is cancelled at its wait with this code (class
---"cancelled"), its children after it; `on_stop` is told before. The first reason counts, later ones are
---ignored.
---@param code string    a-z and "-", at most 31 bytes: "superseded", "cancelled", "lease-lost"
---@param reason string  for a person, at most 511 bytes: who took the lease, and since when
function task.stop(code, reason) end

---Why the run is being stopped; nil while nobody asked for it.
---@return task.Stop?
function task.stopping() end

---The running task's own table. `path` names the branches that lead to it ("deploy/api").
---@return table
function task.locals() end

return task
