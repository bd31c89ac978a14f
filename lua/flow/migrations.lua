---Migrations as the flows use them: what is pending and what of it breaks, consent, carrying out, looking afterwards.
---
---A plan is made first and recorded; what is applied is that plan or nothing. So a run that was killed between the
---commit and its record knows from its plan what it has done, and whether Workers may go back.
local carry_out = require "migrations.carry_out"
local command = require "migrations.command"
local fs = require "fs.core"
local json = require "json"
local options = require "options"
local plans = require "migrations.plan"
local project = require "project"
local planned = require "run.planned"
local session = require "migrations.session"
local tell = require "migrations.tell"

local migrations = {}

local LOCK_TIMEOUT, STATEMENT_TIMEOUT, WAIT = 10, 300, 300   -- seconds

-- The folder ---------------------------------------------------------------------------

---@param database table  its part of davit.yaml
---@return migrations.Folder|nil  nil: there is none, or only the project's command knows how to read it
function migrations.folder(database)
  local place, kind = database.migrations, database.kind
  if not place then return nil end
  local root = project.current().root
  if kind == "command" then
    if not fs.exists(fs.place(("%s/%s/meta/_journal.json"):format(root, place))) then return nil end
    kind = "drizzle"
  end
  local found, err = try(plans.folder, root, place, kind)
  if not err then return found end
  if err.code == "file-not-found" then err.hint = "davit.yaml names the folder: databases.NAME.migrations" end
  error(err, 0)
end

-- The plan -------------------------------------------------------------------------------

-- Nobody knows what a command does whose files cannot be read.
local function plan_of_command(database)
  local one = { file = "davit.yaml", line = 1, class = "breaking", statement = database.migrate,
    reason = "what this command does to the database is not known" }
  return { kind = "command", opaque = true, pending = json.array {}, already = 0, breaking = { one }, additive = false }
end

local nothing = { kind = "none", pending = json.array {}, already = 0, breaking = json.array {}, additive = true }

local function listed(list) return list[1] ~= nil and list or json.array {} end

---What would run on a database, and what of it breaks. Changes nothing.
---@param database table           its part of davit.yaml
---@param state migrations.Folder|nil  of migrations.folder
---@param url any                  the direct connection string
---@param o? { newer?: boolean }   newer: the database may have migrations that the folder has not
---@return migrations.Plan
function migrations.plan(database, state, url, o)
  if database.kind == "command" and not state then return tell.pending(plan_of_command(database)) end
  if not state then return nothing end
  local s <close> = session.open(url)
  local plan = plans.make(state, carry_out.records(s, state.layout), o)
  plan.kind = database.kind == "command" and "command" or plan.kind
  plan.pending, plan.breaking = listed(plan.pending), listed(plan.breaking)
  return tell.pending(plan)
end

---Whether a plan does anything.
---@param plan migrations.Plan
---@return boolean
function migrations.is_empty(plan) return #plan.pending == 0 and not plan.opaque end

local function what_of(plan)
  if plan.opaque then return "the project's command" end
  return #plan.pending == 1 and "1 file" or #plan.pending .. " files"
end

---What a plan (`--plan`) says of carrying one out.
---@param plan migrations.Plan
---@return "run"|"skip" action, string|nil why, migrations.Report  report: as far as it is known
function migrations.plan_apply(plan)
  local report = { applied = json.array {}, already = plan.already, additive = plan.additive, breaking = plan.breaking }
  if migrations.is_empty(plan) then return "skip", "nothing is pending", report end
  return "run", what_of(plan), report
end

---A report in a line.
---@param report migrations.Report  unknown in a plan
---@return string
function migrations.summary(report)
  if planned.is(report) then return tostring(report) end
  return ("%d applied, %d before, %s"):format(#report.applied, report.already,
    report.additive and "additive" or #report.breaking .. " statements break who uses the database")
end

-- Consent ----------------------------------------------------------------------------------

local function lines_of(plan)
  local lines = {}
  for i, one in ipairs(plan.breaking) do lines[i] = ("%s:%d %s"):format(one.file, one.line, one.reason) end
  return lines
end

local function refuse(plan)
  failure {
    code = "denied", about = plan.breaking[1].file,
    message = ("%d statements break who uses the database, and nobody has agreed: %s"):format(#plan.breaking,
      table.concat(lines_of(plan), "; ")),
    hint = "nothing was done; split the change into additive steps, or agree with --accept-breaking",
  }
end

---Production's consent to what breaks: given by a flag, else asked for, else refused ("denied", exit 7).
---@param plan migrations.Plan
---@param o { environment: string, accept?: boolean, approve?: fun(o: table) }  approve: run.approve
function migrations.consent(plan, o)
  if plan.additive or o.environment ~= "production" or o.accept then return end
  if not o.approve then refuse(plan) end
  o.approve { ("apply %d statements that break who uses the database?"):format(#plan.breaking), plan = lines_of(plan) }
end

-- Applying -----------------------------------------------------------------------------------

local fields = {
  { "database", "table", true }, { "url", "any", true }, { "plan", "table", true }, { "environment", "string", true },
  { "consented", "boolean" }, { "newer", "boolean" }, { "explain", "boolean" },
  { "lock_timeout", "number" }, { "statement_timeout", "number" }, { "wait", "number" },
}

local function read(o)
  options.read("migrations.apply", o, fields)
  for _, name in ipairs { "lock_timeout", "statement_timeout", "wait" } do
    if o[name] and o[name] < 0 then options.misuse("migrations.apply: '%s' is a number of seconds from 0", name) end
  end
  return setmetatable({
    lock_timeout = o.lock_timeout or LOCK_TIMEOUT, statement_timeout = o.statement_timeout or STATEMENT_TIMEOUT,
    wait = o.wait or WAIT,
  }, { __index = o })
end

-- What was planned is what is done: a file that changed, or came later, was seen by nobody.
local function check_planned(plan, files)
  local hashes = {}
  for _, one in ipairs(plan.pending) do hashes[one.name] = one.hash end
  for _, m in ipairs(files) do
    if hashes[m.name] ~= m.hash then
      failure { code = "migration-plan", class = "fatal", about = m.shown,
        message = ("%s is not in the plan of this run as it is now"):format(m.shown),
        hint = "the folder or the database changed meanwhile: run again, and look at the new plan" }
    end
  end
end

-- Of what the command did not tell, what the server says.
local function explanation(o, state, s, files)
  if not (o.explain and state) then return false end
  local err = carry_out.rehearse(s, state, files)
  return true, err and err.message
end

local function run_command(o, s, state, files)
  command.migrate({ command = o.database.migrate, cwd = project.current().root, url = o.url },
    function() return explanation(o, state, s, files) end)
end

local function pending(o, s, state)
  local rows = carry_out.records(s, state.layout)
  plans.check_drift(state, rows, o)
  local files = plans.pending(state, rows)
  check_planned(o.plan, files)
  return files
end

local function carry(o, state)
  local s <close> = session.open(o.url)
  session.lock(s, o.wait)
  local files = state and pending(o, s, state) or {}
  if o.database.kind == "command" then
    if not state or files[1] then run_command(o, s, state, files) end
    return
  end
  session.limit(s, o.lock_timeout, o.statement_timeout)
  carry_out.run(s, state, files, o)
end

-- In a session of its own, which sees what was committed.
local function verified(o, state)
  if not state then return nil end
  local s <close> = session.open(o.url)
  return carry_out.verify(s, state, o)
end

---@class migrations.Report  plain data
---@field kind string
---@field applied string[]   names of the plan's files, which now stand in the database
---@field already integer    how many did before the plan was made
---@field breaking migrations.Classed[]
---@field additive boolean   nothing of it breaks: Workers may go back to the version before
---@field head? string|integer  the newest migration of folder and database
---@field verified boolean   the database was asked, and has them

local function report_of(plan, head, is_verified)
  local applied = json.array {}
  for i, one in ipairs(plan.pending) do applied[i] = one.name end
  return { kind = plan.kind, applied = applied, already = plan.already, breaking = plan.breaking,
    additive = plan.additive, head = head, verified = is_verified }
end

---Carries out a plan, once, however often it is called.
---@param o table
---@return migrations.Report
function migrations.apply(o)
  o = read(o)
  if not o.consented then migrations.consent(o.plan, { environment = o.environment }) end
  local state = migrations.folder(o.database)
  if not state and o.database.kind ~= "command" then return report_of(o.plan, nil, true) end
  carry(o, state)
  return report_of(o.plan, verified(o, state), state ~= nil)
end

---Plans and applies in one go, on a database that is there to be tried on.
---@param o { database: table, url: any, environment?: string, newer?: boolean }
---@return migrations.Report
function migrations.try(o)
  local plan = migrations.plan(o.database, migrations.folder(o.database), o.url, o)
  return migrations.apply {
    database = o.database, url = o.url, plan = plan, environment = o.environment or "trial", newer = o.newer,
    explain = true,
  }
end

-- Generating -----------------------------------------------------------------------------------

local function check_generate(database)
  if database.generate and database.migrations then return end
  failure { code = "config", class = "misuse",
    message = "davit.yaml: the database has no 'generate' with 'migrations'",
    hint = "name the command that writes migrations: generate: npx drizzle-kit generate" }
end

---What a plan (`--plan`) says of that.
---@param database table
---@return "run" action, string why
function migrations.plan_generate(database)
  check_generate(database)
  return "run", database.generate .. "; what it writes is not known yet"
end

---Runs the project's command that writes migrations.
---@param database table
---@param o? { check?: boolean }  check: raises "migration-drift" (exit 5) when it writes any, and takes them back
---@return { changes: string[], digest: string }
function migrations.generate(database, o)
  check_generate(database)
  local root = project.current().root
  local made = command.generate {
    command = database.generate, cwd = root, folder = root .. "/" .. database.migrations, shown = database.migrations,
    check = o and o.check,
  }
  made.changes = listed(made.changes)
  return made
end

return migrations
