---@meta _

---What a recipe's run(p, run) gets. Nothing else of a recipe reaches the journal.
---@class run
---@field id string
local run = {}

---Something that can be found, made and taken back. The functions get and return plain data.
---@class run.Resource
---@field [1] string                       its name for people
---@field find fun(): any                  the thing, or nil
---@field create fun(): any
---@field destroy fun(thing: any)          succeeds when it is already gone
---@field matches? fun(thing: any): boolean, string?  whether it is ours and as it should be; else why not
---@field update? fun(thing: any): any     brings one that was found up to date

---Runs f with its intent journalled before and its result after. The path in the journal is: branch of
---the parallel / name / #n for the n-th use.
---@param name string
---@param inputs? table      plain data
---@param f fun(): any       returns plain data; a secret is refused
---@param undo? fun(result: any)  for `davit undo`, which comes with a later version: not called yet
---@return any
function run.step(name, inputs, f, undo) end

---Finds the resource or creates it. When the reply to create was lost, or somebody was faster, it looks
---again before anything else, also when the run is cancelled meanwhile; what is then there is brought up
---to date. Raises "not-ours" when it belongs to somebody else.
---@param resource run.Resource
---@return any thing
function run.ensure(resource) end

---Destroys the resource and looks whether it is gone: "still-there" otherwise.
---@param resource run.Resource
---@return boolean  false: it was not there
function run.destroy(resource) end

---@param branches table<any, function>
---@return table<any, any>
function run.parallel(branches) end

---Asks at the terminal; raises "denied", or "approval-needed" where there is nobody to ask.
---@param question string
function run.approve(question) end

---Takes the lease or raises "lease-held" with its holder. To be closed: local _ <close> = run.lease "x".
---@param name string
---@return table
function run.lease(name) end

---A result of the run: printed on stdout at the end, and kept in the journal.
---@param name string
---@param value any  plain data
function run.output(name, value) end
