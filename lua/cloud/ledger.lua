---What stands in the databases of the branches, as far as recipes look: which statements were
---committed in which order, what tables and types they made, and the rows of plain inserts.
---
---A branch sees what its timeline holds (cloud/ledger/history.lua): its parent's past up to a point, and its own.
---That is enough for migrations and for simple questions; it is no database: rows are not checked, and a select that
---is more than columns of one table, constants, or what a server knows of itself finds nothing. Pure: the time is
---given, nothing waits.
local clock = require "cloud.clock"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local history = require "cloud.ledger.history"
local hosts = require "cloud.neon.hosts"
local operations = require "cloud.neon.operations"
local statement = require "cloud.ledger.statement"

local ledger = {}

local function fault(code, class, message, sqlstate)
  return { fault = { code, class, message, sqlstate } }
end

-- ---- what a branch holds -----------------------------------------------------------------

---The entries that a branch made itself, without what it has from its parent.
---@return table[]
function ledger.own(state, branch) return history.own(state, branch.timeline) end

-- What a session sees: what is committed in its database, and what it has written itself.
local function visible(state, session)
  local list = history.entries(state, session.timeline, nil, session.db)
  return table.move(session.pending, 1, #session.pending, #list + 1, list)
end

local function exists(entries, kind, name)
  for i = #entries, 1, -1 do
    local e = entries[i]
    if e.kind == kind and e.name == name then return e.verb == "create", e end
  end
  return false
end

-- ---- sessions ----------------------------------------------------------------------------

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function parse(url)
  local user, password, host, database = url:match("^postgres[ql]*://([^:@/]*):?([^@/]*)@([^:/?]+)[:%d]*/([^?]*)")
  if user then return unescape(user), unescape(password), host, unescape(database) end
end

local refusals = {
  disabled = { "fatal", "the endpoint has been disabled, enable it and retry" },   -- words assumed
  init = { "transient", "Connection refused" },
}

-- The living compute that the name or the address means, awake; or why there is none.
local function reach(state, host, now)
  local branch, endpoint = hosts.find(state, host)
  local why = refusals.init
  if endpoint then why = refusals[endpoints.use(state, endpoint, now)] end
  if not why then return branch, endpoint end
  return nil, fault("sql-connect", why[1], ("connecting to %s: %s"):format(host, why[2]))
end

-- What an operation brings is valid when it is done; until then what was before.
local function is_password(state, role, password, now)
  if role.no_login then return false end
  local valid = operations.settled(state, role.operation, now) and role.password or role.former
  return password == valid
end

local function database_of(state, branch, name, now)
  local database = data.find(branch.databases, "name", name)
  return database and operations.settled(state, database.operation, now) and database or nil
end

---@param state table  the world
---@param url string   postgresql://…
---@param now number
---@return table answer  session, or fault
function ledger.connect(state, url, now)
  local user, password, host, database = parse(url)
  if not user then return fault("sql-connect", "fatal", "connecting: not the URL of a database") end
  local branch, endpoint = reach(state, host, now)
  if not branch then return endpoint end
  local role = data.find(branch.roles, "name", user)
  if not role or not is_password(state, role, password, now) then
    return fault("sql-connect", "fatal", ("connecting to %s: password authentication failed for user \"%s\" (28P01)")
      :format(host, user), "28P01")
  end
  local found = database_of(state, branch, database, now)
  if not found then
    return fault("sql-connect", "fatal", ("connecting to %s: database \"%s\" does not exist (3D000)")
      :format(host, database), "3D000")
  end
  local books = history.books(state)
  books.opened = books.opened + 1
  books.sessions[books.opened] = { branch = branch.id, timeline = branch.timeline, endpoint = endpoint.id,
    boots = endpoint.boots, db = found.key, read_only = endpoint.type == "read_only" or nil, user = user, pending = {} }
  return { session = books.opened }
end

---Ends a session; what it has not committed never was.
function ledger.close(state, id)
  history.books(state).sessions[id] = nil
end

---Ends all sessions, as when their client dies.
function ledger.abandon(state)
  history.books(state).sessions = {}
end

-- ---- statements --------------------------------------------------------------------------

local function commit(state, session, now)
  for _, entry in ipairs(session.pending) do entry.db = session.db end
  history.commit(state, session.timeline, session.pending, now)
  session.pending, session.open, session.failed = {}, false, false
end

local function rollback(session)
  session.pending, session.open, session.failed = {}, false, false
end

local already = { schema = "42P06", type = "42710", ["function"] = "42723" }

local function create_or_drop(state, session, s)
  local there = exists(visible(state, session), s.kind, s.name)
  if s.verb == "create" and there then
    if s.lenient then return {} end
    return fault("sql-error", "fatal", ("%s \"%s\" already exists"):format(s.kind, s.name), already[s.kind] or "42P07")
  elseif s.verb == "drop" and not there then
    if s.lenient then return {} end
    return fault("sql-error", "fatal", ("%s \"%s\" does not exist"):format(s.kind, s.name), "42P01")
  end
  table.insert(session.pending, s)
  return { affected = 0 }
end

local function rows_of(entries, name)
  local rows = {}
  for _, e in ipairs(entries) do
    if e.verb == "insert" and e.name == name then
      for _, row in ipairs(e.rows) do rows[#rows + 1] = row end
    elseif e.name == name and (e.verb == "clear" or e.verb == "drop" and e.kind == "table") then
      rows = {}
    end
  end
  return rows
end

---The rows of a branch by table, as far as plain inserts tell, those that it has from its parent too.
---@return table<string, table<string, string>[]>
function ledger.tables(state, branch)
  local entries, tables = history.entries(state, branch.timeline), {}
  for _, e in ipairs(entries) do
    local is_table = e.kind == "table" or e.verb == "insert"
    if is_table and e.name and not tables[e.name] then tables[e.name] = rows_of(entries, e.name) end
    if e.kind == "table" and e.verb == "drop" then tables[e.name] = nil end
  end
  return tables
end

-- Without a list of columns the values stand for the table's first ones, which the ledger knows
-- when the table was made in it.
local function insert(state, session, s, params)
  local _, made = exists(visible(state, session), "table", s.name)
  local names = s.columns or made and made.columns or {}
  local rows = {}
  for i, values in ipairs(s.values) do
    rows[i] = {}
    for n, value in ipairs(values) do
      if names[n] then rows[i][names[n]] = statement.value(value, params) end
    end
  end
  table.insert(session.pending, { verb = "insert", name = s.name, rows = rows, text = s.text })
  return { affected = #rows }
end

local function select_from(state, session, s)
  local entries = visible(state, session)
  local _, made = exists(entries, "table", s.name)
  local columns, rows = {}, {}
  for i, column in ipairs(s.columns) do
    local integer = made and made.integers and made.integers[column.name]
    columns[i] = column.as .. (integer and ":20" or "")
  end
  for i, row in ipairs(rows_of(entries, s.name)) do
    rows[i] = {}
    for n, column in ipairs(s.columns) do rows[i][n] = row[column.name] end
  end
  return { columns = columns, rows = rows, affected = #rows }
end

-- Whether a session is still there: not when its branch was restored or deleted, nor when its compute was
-- suspended or started anew.
local function is_alive(state, session, now)
  local branch = data.find(state.neon.branches, "id", session.branch)
  local endpoint = branch and not branch.deleted and data.find(branch.endpoints, "id", session.endpoint)
  if not endpoint or branch.timeline ~= session.timeline or endpoint.boots ~= session.boots then return false end
  if endpoint.disabled or endpoints.status(state, endpoint, now) ~= "active" then return false end
  endpoint.used = now
  return true
end

-- An advisory lock of a session, which goes with it: those of a transaction are not modelled.
local function try_lock(state, session, now, number)
  for _, other in pairs(history.books(state).sessions) do
    local same = other ~= session and other.timeline == session.timeline and other.db == session.db
    if same and (other.locks or {})[number] and is_alive(state, other, now) then return "f", 16 end
  end
  session.locks = session.locks or {}
  session.locks[number] = true
  return "t", 16
end

local function unlock(_, session, _, number)
  local held = (session.locks or {})[number]
  if held then session.locks[number] = nil end
  return held and "t" or "f", 16
end

-- What a server knows of itself: its text and the oid of its type.
local facts = {
  pg_try_advisory_lock = try_lock, pg_advisory_unlock = unlock,
  pg_current_wal_lsn = function(state) return history.lsn(history.head(state)), 3220 end,
  now = function(_, _, now) return (clock.iso(now, 6):gsub("T", " "):gsub("Z", "+00")), 1184 end,
  current_database = function(state, session)
    local branch = data.find(state.neon.branches, "id", session.branch)
    return data.find(branch.databases, "key", session.db).name, 19
  end,
  current_user = function(_, session) return session.user, 19 end,
}

local function facts_of(state, session, s, _, now)
  local columns, row = {}, {}
  for i, column in ipairs(s.columns) do
    local value, oid = column.value, column.oid
    if column.fact then value, oid = facts[column.fact](state, session, now, column.number) end
    columns[i] = column.as .. (oid and not column.cast and (":%d"):format(oid) or "")
    row[i] = value
  end
  return { columns = columns, rows = { row }, affected = 1 }
end

-- Deletes all rows of a table.
local function clear(state, session, s)
  local count = #rows_of(visible(state, session), s.name)
  table.insert(session.pending, { verb = "clear", name = s.name, text = s.text })
  return { affected = count }
end

local function no_rows() return { columns = {}, rows = {}, affected = 0 } end

local run = {
  begin = function(_, session)
    session.open = true
    return no_rows()
  end,
  commit = function(state, session, _, _, now)
    if session.failed then rollback(session) else commit(state, session, now) end
    return no_rows()
  end,
  rollback = function(_, session)
    rollback(session)
    return no_rows()
  end,
  create = create_or_drop, drop = create_or_drop, insert = insert, select = select_from, clear = clear,
  facts = facts_of,
  question = no_rows,
  other = function(_, session, s)
    table.insert(session.pending, s)
    return { affected = 0 }
  end,
}

local ends_transaction = { commit = true, rollback = true }
local writes = { create = true, drop = true, insert = true, clear = true, other = true }

local function carry_out(state, session, s, params, now)
  if session.failed and not ends_transaction[s.verb] then
    return fault("sql-error", "fatal", "current transaction is aborted, commands ignored until its end", "25P02")
  end
  if session.read_only and writes[s.verb] then
    local word = s.text:match "%a+" or s.verb
    return fault("sql-error", "fatal", ("cannot execute %s in a read-only transaction"):format(word:upper()), "25006")
  end
  return run[s.verb](state, session, s, params, now)
end

local counted = { select = true, facts = true, question = true }

-- What a server says that it did.
local function tag_of(s, answer)
  if counted[s.verb] then return ("SELECT %d"):format(#answer.rows) end
  if s.verb == "insert" then return ("INSERT 0 %d"):format(answer.affected) end
  if s.verb == "clear" and s.text:find "^[Dd]" then return ("DELETE %d"):format(answer.affected) end
  if s.verb == "create" or s.verb == "drop" then return ("%s %s"):format(s.verb, s.kind):upper() end
  return ((s.text or s.verb):match("%a+") or ""):upper()
end

---Carries out the statements of a text; one that fails takes back what the text did before it, or
---the transaction that is open.
---@param id integer       of the session
---@param params string[]  values of $1, …
---@param now number
---@return table answer    columns, rows, affected, command of the last statement, or fault
function ledger.query(state, id, text, params, now)
  local session = history.books(state).sessions[id]
  if not session or not is_alive(state, session, now) then
    return fault("sql-lost", "transient", "the session ended earlier; nothing was sent")
  end
  local answer = no_rows()
  for _, s in ipairs(statement.read(text)) do
    answer = carry_out(state, session, s, params, now)
    if answer.fault then
      if session.open then session.failed = true else rollback(session) end
      return answer
    end
    answer.command = tag_of(s, answer)
  end
  if not session.open then commit(state, session, now) end
  return answer
end

return ledger
