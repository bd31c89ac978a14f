---@meta _

---What the file of a recipe returns.
---@class recipe
---@field summary string            one line
---@field description? string
---@field params? table<string, recipe.Param>
---@field run fun(p: table, run: run)
---@field undo? fun(p: table, run: run)  takes back what lives, without any journal
---@field approves? boolean         run.approve is called
---@field plans? boolean|string[]   --plan is possible, with these programs that only read
---@field keeps? string[]           what its runs leave although they are taken back
---@field deadline? number|string   above 0, seconds or "30m": a run that takes longer fails with "deadline" (fatal)
---and is taken back. Of each process anew; approvals and leases that are waited for do not count

---@class recipe.Param
---@field type "string"|"integer"|"number"|"boolean"|"list"
---@field required? boolean
---@field default? any
---@field help? string

---What a recipe's run(p, run) gets. Nothing else of a recipe reaches the journal. When the run is
---resumed, what has finished gives back what it recorded. docs/durable-runs.md has the rules.
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
---@field plan? fun(thing: any): "keep"|"change", string?  whether `update` would change one that was found, and what;
---sends nothing that changes anything

---Runs f with its intent journalled before and its result after. Raises "misuse" when a step of the
---same name and inputs was in the same place already, "run-changed" (the run stays as it is) when it was
---recorded with other inputs. A step within f belongs to it: it is not run again when f has finished, and
---may not have an `undo`.
---A name, here and below, is one line of text in UTF-8.
---@param name string
---@param inputs? table      plain data: what the step does depends on it
---@param f fun(): any       returns plain data; a secret is refused. It may run again after a crash
---@param undo? fun(result: any)  takes it back: after a failure of the run, or by `davit undo`. Called
---with nil when f has not finished; may be called again; what passes is tried for 120 s
---@param plan? fun(): run.StepAction, string?, any  what a plan (`--plan`) says of the step, which it does not run: what f
---would do ("run" where this is left out), why or what, and f's result as far as that is known. Not called in a run;
---sends nothing that changes anything
---@return any  f's result, as it was recorded
function run.step(name, inputs, f, undo, plan) end

---@alias run.StepAction "create"|"change"|"keep"|"destroy"|"run"|"skip"

---A step that only reads: a plan (`--plan`) runs it, as its result decides what comes next, and refuses whatever in it
---would change something ("plan-effect", exit code 7), as it does everywhere. In a run it is a step as any other, without
---an `undo`.
---@param name string
---@param inputs? table
---@param f fun(): any
---@return any
function run.look(name, inputs, f) end

---Finds the resource or creates it. When the reply to create was lost, or somebody was faster, it looks
---again before anything else, also when the run is cancelled meanwhile; what is then there is brought up
---to date. What this run created is destroyed when the run is taken back; what was there stays. Raises
---"not-ours" when it belongs to somebody else, "misuse" within a step.
---@param resource run.Resource
---@return any thing  as it was recorded
function run.ensure(resource) end

---Destroys the resource and looks whether it is gone: "still-there" otherwise. Not taken back.
---@param resource run.Resource
---@return boolean  false: it was not there
function run.destroy(resource) end

---As the global parallel; its branches are taken back in parallel, too.
---@param branches table<any, function>
---@return table<any, any>
function run.parallel(branches) end

---@class run.Approval
---@field [1] string        the question
---@field plan? any         plain data, or a function that gives it: what is approved. Its digest is recorded
---@field expires? number   seconds until the question has to be asked again (86400)

---Goes on once somebody has approved this question with this plan. Asks at the terminal; elsewhere the
---run parks ("approval-needed", exit code 75) until `davit approve`, or waits with --wait. Raises
---"denied". The recipe must say `approves = true`. The recipe's deadline does not run meanwhile.
---@param approval string|run.Approval
function run.approve(approval) end

---@class run.LeaseOptions
---@field supersede? boolean  asks an older run that holds it to stop, and takes its place; raises
---"superseded" once a newer run has taken it

---Takes the lease or raises "lease-held" with its holder. To be closed: local _ <close> = run.lease "x".
---When an error leaves the scope it is kept until the run has ended. When the lease is lost, every later
---effect raises "lease-lost".
---@param name string
---@param options? run.LeaseOptions
---@return table
function run.lease(name, options) end

---A result of the run: printed on stdout at the end, and kept in the journal. One of a branch has
---the branch before its name.
---@param name string
---@param value any  plain data
function run.output(name, value) end

---@class run.Outcome
---@field error? { code: string, message: string, hint?: string }  why it is taken back; nil when somebody asked for it
---@field back string[]    what is taken back already: steps and resources by their paths
---@field left { path: string, why: string }[]  what could not be

---How the run stands, for whoever has to tell it while it is taken back. Undos run in reverse order of start, so the
---`undo` of a recipe's first step knows of all others. Before anything is taken back all is empty.
---@return run.Outcome
function run.outcome() end
