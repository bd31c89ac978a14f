---@meta _

---An error value. See docs/recipes.md for the classes.
---@class failure
---@field code string
---@field class string
---@field message string
---@field hint? string
---@field about? string
---@field where? string  "file:line" of the recipe
---@field trace? string  Lua's traceback

---Calls f(...). Returns what it returns, or nil and an error value.
---@param f function
---@param ... any
---@return any ...
function try(f, ...) end

---Raises an error value. `code` is "failed" and `class` "fatal" when absent; `message` is required.
---@param fields { code?: string, class?: string, message: string, hint?: string, about?: string }|string
function failure(fields) end

---Runs the branches at the same time and returns their first results by name. The first failure cancels
---the others, waits for them and is raised. With all = true every branch finishes; failures are raised
---together as "parallel-failed" with the field `failures`.
---@param branches table<any, function>
---@return table<any, any>
function parallel(branches) end

---Waits.
---@param seconds number
function sleep(seconds) end
