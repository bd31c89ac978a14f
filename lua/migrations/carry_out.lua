---Carries out the files of a plan, and looks afterwards whether they stand in the database.
---
---drizzle's pending files are one transaction, as drizzle itself has it; a plain file is one by itself, together with
---its record. A statement that no transaction may hold is recorded after it has run.
local Reader = require "migrations.reader"
local classify = require "migrations.classify"
local folder = require "migrations.folder"
local plans = require "migrations.plan"

local carry_out = {}

-- What waits for a table no longer than lock_timeout, so that nobody queues up behind it.
local hints = {
  ["55P03"] = "somebody uses the table, and others would queue up behind this: try again, or give it longer",
  ["57014"] = "it took longer than the statement timeout; nothing of it was kept",
}

-- Errors -----------------------------------------------------------------------------

local transient = { ["55P03"] = true, ["40P01"] = true, ["40001"] = true }

---Raises what a statement met, with its file and line. What was committed is recorded, so that a repeat is safe even
---when it is not known how far this run got.
---@param m migrations.File
---@param statement migrations.Statement
---@param err table
---@param about? string  what stands before the place
function carry_out.fail(m, statement, err, about)
  local line = err.position and folder.line_of(statement.text, statement.line, err.position) or statement.line
  local class = (err.class == "unknown" or transient[err.sqlstate]) and "transient" or err.class
  failure {
    code = err.code, class = class, about = m.shown, sqlstate = err.sqlstate, position = err.position,
    message = ("%s%s:%d: %s"):format(about or "", m.shown, line, err.message), hint = hints[err.sqlstate] or err.hint,
  }
end

-- Statements -------------------------------------------------------------------------

-- The server keeps the limit; the client's is for a server that says nothing any more.
local function client_timeout(o) return o.statement_timeout > 0 and o.statement_timeout + 30 or 86400 end

-- A text whose end is not known goes as it is: the server says what is wrong with it.
local function run_statements(s, m, layout, o)
  for _, statement in ipairs(plans.statements(m, layout)) do
    local _, err = try(s.query, s, statement.text, nil, { timeout = client_timeout(o) })
    if err then carry_out.fail(m, statement, err) end
  end
end

local function record(s, m, layout)
  s:query(("insert into %s %s"):format(folder.quote(layout.table), layout.insert), { m.hash, m.key })
end

-- The table ----------------------------------------------------------------------------

-- 42P01: no migration was ever applied.
---@param s sql.Session
---@param layout table
---@return { key: string|integer, hash: string }[]
function carry_out.records(s, layout)
  local answer, err = try(s.query, s, ("%s from %s"):format(layout.select, (folder.quote(layout.table))))
  if answer then return answer.rows end
  if err.sqlstate == "42P01" or err.sqlstate == "3F000" then return {} end
  error(err, 0)
end

local function make_table(s, layout)
  local quoted, schema = folder.quote(layout.table)
  local create = schema == '"public"' and "" or ("create schema if not exists %s; "):format(schema)
  s:query(("%screate table if not exists %s (%s)"):format(create, quoted, layout.columns))
end

-- Transactions ---------------------------------------------------------------------------

local function in_transaction(s, m, f)
  s:query "begin"
  local _, err = try(f)
  if err then
    try(s.query, s, "rollback")   -- fails only with a session whose end rolls back, too
    error(err, 0)
  end
  local _, lost = try(s.query, s, "commit")
  if lost then carry_out.fail(m, { text = "", line = 1 }, lost, "the commit of ") end
end

local function is_alone(m, layout)
  local list = plans.statements(m, layout)
  return #list == 1 and classify.all(list)[1].alone and list[1] or nil
end

-- The index of "create index concurrently if not exists NAME".
local function index_of(statement)
  local r = Reader.new(statement.tokens)
  if not r:accept "create" then return nil end
  r:accept "unique"
  if not r:accept("index", "concurrently") then return nil end
  r:accept("if", "not", "exists")
  local token = r:peek()
  if r:is "on" or not token then return nil end
  local name = r:name()
  return name and name.last
end

-- An index whose build was broken off stays, is kept up to date and used by nobody; IF NOT EXISTS takes it for good.
local function check_index(s, m, statement)
  local name = index_of(statement)
  if not name then return end
  local broken = s:query("select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid "
    .. "where c.relname = $1 and not i.indisvalid", { name }).rows[1]
  if not broken then return end
  failure { code = "migration-index", class = "fatal", about = m.shown,
    message = ("%s:%d: the index %s is there and not valid: building it was broken off"):format(m.shown,
      statement.line, name), hint = ("'drop index concurrently %s', then run again"):format(name) }
end

local function run_alone(s, m, layout, o, statement)
  make_table(s, layout)
  local _, err = try(run_statements, s, m, layout, o)
  if err then
    try(check_index, s, m, statement)
    error(err, 0)
  end
  check_index(s, m, statement)
  record(s, m, layout)
end

local function run_plain(s, files, layout, o)
  for _, m in ipairs(files) do
    local alone = is_alone(m, layout)
    if alone then
      run_alone(s, m, layout, o, alone)
    else
      in_transaction(s, m, function()
        make_table(s, layout)
        run_statements(s, m, layout, o)
        record(s, m, layout)
      end)
    end
  end
end

local function run_drizzle(s, files, layout, o)
  in_transaction(s, files[#files], function()
    make_table(s, layout)
    for _, m in ipairs(files) do
      run_statements(s, m, layout, o)
      record(s, m, layout)
    end
  end)
end

---Carries out the files, on a session that has the lock.
---@param s sql.Session
---@param state migrations.Folder
---@param files migrations.File[]
---@param o { statement_timeout: number }
function carry_out.run(s, state, files, o)
  if not files[1] then return end
  if state.kind == "drizzle" then
    run_drizzle(s, files, state.layout, o)
  else
    run_plain(s, files, state.layout, o)
  end
end

---Runs the statements of files and takes them back, for the error that a command did not tell.
---@param s sql.Session
---@param state migrations.Folder
---@param files migrations.File[]
---@return table|nil err
function carry_out.rehearse(s, state, files)
  s:query "begin"
  local _, err = try(function()
    for _, m in ipairs(files) do run_statements(s, m, state.layout, { statement_timeout = 0 }) end
  end)
  try(s.query, s, "rollback")
  return err
end

-- Afterwards -------------------------------------------------------------------------------

---Raises unless every file of the folder is recorded as it is, and the newest of both are the same.
---@param s sql.Session
---@param state migrations.Folder
---@param o { newer?: boolean }
---@return string|integer|nil head
function carry_out.verify(s, state, o)
  local rows = carry_out.records(s, state.layout)
  plans.check_drift(state, rows, o)
  local left = plans.pending(state, rows)
  if left[1] then
    failure { code = "migration-unverified", class = "fatal", about = state.place,
      message = ("%s is not recorded in %s, although it was to be applied"):format(left[1].shown, state.layout.table),
      hint = "somebody else changes that table: look at what it holds" }
  end
  return plans.head(state)
end

return carry_out
