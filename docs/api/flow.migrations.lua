---@meta flow.migrations

---Migrations as the flows use them: what is pending, what of it breaks, consent, carrying out, looking afterwards.
---docs/migrations.md has the rules. `database` is always a part of davit.yaml's `databases`.
local flow = { migrations = {} }

---@class migrations.Classed
---@field file string        below the project's folder
---@field line integer
---@field class "additive"|"breaking"
---@field reason? string     why it breaks
---@field statement string   its beginning

---@class migrations.Plan    plain data: for a step's result and for whoever approves it
---@field kind "drizzle"|"sql"|"command"|"none"
---@field pending { name: string, hash: string, statements: migrations.Classed[] }[]  in their order
---@field already integer    files that are recorded
---@field breaking migrations.Classed[]
---@field additive boolean   nothing is breaking
---@field opaque? boolean    of a command of which nothing is known
---@field unknown? (string|integer)[]  records without a file, where `newer` accepts them

---@class migrations.Report  plain data
---@field kind string
---@field applied string[]   names of the plan's files: they stand in the database, whichever attempt applied them
---@field already integer
---@field breaking migrations.Classed[]
---@field additive boolean   Workers may go back to the version before
---@field head? string|integer  the newest migration: drizzle's `when`, or a file's name
---@field verified boolean   the database was asked, and has them

---Reads the folder; nil when there is none, or when only the project's command knows how to read it. Raises
---"migration-journal", "migration-text" (fatal), "file-not-found".
---@param database table
---@return table|nil state
function flow.migrations.folder(database) end

---What would run. Changes nothing. Raises "migration-drift" (exit 5) where folder and records contradict each other,
---"migration-transaction" (fatal) for a statement that would stand in a transaction and may not, "migration-pooler"
---(misuse), and what sql.connect raises after a minute of trying.
---@param database table
---@param state table|nil  of migrations.folder
---@param url string|secret  the direct connection string, bound to `sql:*`
---@param o? { newer?: boolean }  newer: the database may have migrations that the folder has not (false)
---@return migrations.Plan
function flow.migrations.plan(database, state, url, o) end

---@param plan migrations.Plan
---@return boolean  it does nothing
function flow.migrations.is_empty(plan) end

---Production's consent to what breaks: given by `accept`, else asked for by `approve` with a line for each statement, else
---refused: raises "denied" (exit 7) with file and line of each. Other environments need none.
---@param plan migrations.Plan
---@param o { environment: string, accept?: boolean, approve?: fun(o: table) }  approve: run.approve
function flow.migrations.consent(plan, o) end

---What a plan (`--plan`) says of carrying one out, as the `plan` of a step.
---@param plan migrations.Plan
---@return "run"|"skip" action, string why, migrations.Report report  as far as it is known
function flow.migrations.plan_apply(plan) end

---What a plan says of flow.migrations.generate, as the `plan` of a step. Raises "config" where davit.yaml has no command.
---@param database table
---@return "run" action, string why
function flow.migrations.plan_generate(database) end

---A report in a line: how many were applied, how many were there, whether they break who uses the database.
---@param report migrations.Report
---@return string
function flow.migrations.summary(report) end

---@class migrations.ApplyOptions
---@field database table
---@field url string|secret     bound to `sql:*`, for a command also to `program:/bin/sh`
---@field plan migrations.Plan
---@field environment string    "production" wants consent
---@field consented? boolean    it was given (false)
---@field newer? boolean        as of migrations.plan (false)
---@field explain? boolean      when a command fails its files are tried on this database and taken back, for the error (false)
---@field lock_timeout? number       seconds that a statement waits for a table (10; 0: as long as it takes)
---@field statement_timeout? number  seconds that a statement may take (300; 0: as long as it takes)
---@field wait? number               seconds to wait for another run (300)

---Carries out a plan, once, however often it is called, and looks whether it stands in the database.
---
---Raises what a statement raises, with file and line; transient when a repeat may help. Raises "denied" (exit 7),
---"migration-plan" (fatal) for a file that is not in the plan as it is, "migration-drift" (exit 5), "migration-locked"
---(transient), "migration-index" (fatal) for an index that is not valid, "migration-command" (fatal) with all that
---the command printed, "migration-unverified" (fatal).
---@param o migrations.ApplyOptions
---@return migrations.Report
function flow.migrations.apply(o) end

---Plans and applies in one go, on a database that is there to be tried on.
---@param o { database: table, url: string|secret, environment?: string, newer?: boolean }
---@return migrations.Report
function flow.migrations.try(o) end

---Runs the project's `generate`. With `check` it raises "migration-drift" (exit 5) when that writes anything, and puts the
---folder back. Raises "config" without one, "process-exit".
---@param database table
---@param o? { check?: boolean }
---@return { changes: string[], digest: string }  "new FILE", "changed FILE", "removed FILE"; of all files
function flow.migrations.generate(database, o) end

return flow.migrations
