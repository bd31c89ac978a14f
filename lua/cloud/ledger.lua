---What stands in the databases of the branches, as far as recipes look: which statements were
---committed in which order, what tables and types they made, and the rows of plain inserts.
---
---A branch sees what its parent held when the branch was made. That is enough for migrations and
---for simple questions; it is no database: rows are not checked, and a select that is more than
---columns of one table, or a constant, finds nothing. Pure: the time is given, nothing waits.
local data = require "cloud.data"
local hosts = require "cloud.neon.hosts"
local operations = require "cloud.neon.operations"
local statement = require "cloud.ledger.statement"

local ledger = {}

local function books_of(state)
  state.ledger = state.ledger or { entries = {}, sessions = {}, opened = 0 }
  return state.ledger
end

local function fault(code, class, message, sqlstate)
  return { fault = { code, class, message, sqlstate } }
end

-- ---- what a branch holds -----------------------------------------------------------------

local function collect(state, branch, upto, list)
  local parent = branch.parent_id and data.find(state.neon.branches, "id", branch.parent_id)
  if parent then collect(state, parent, math.min(upto, branch.lsn or 0), list) end
  for _, entry in ipairs(books_of(state).entries[branch.id] or {}) do
    if entry.lsn <= upto then list[#list + 1] = entry end
  end
  return list
end

---The entries that a branch made itself, without what it has from its parent.
---@return table[]
function ledger.own(state, branch)
  return books_of(state).entries[branch.id] or {}
end

-- What a session sees: what is committed, and what it has written itself.
local function visible(state, session)
  local branch = data.find(state.neon.branches, "id", session.branch)
  local list = collect(state, branch, math.maxinteger, {})
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

-- The living branch whose compute the name or the address means, and that it listens.
local function listening(state, host, now)
  local branch = hosts.find(state, host)
  for _, endpoint in ipairs(branch and branch.endpoints or {}) do
    if operations.settled(state, endpoint.operation, now) then return branch end
  end
end

---@param state table  the world
---@param url string   postgresql://…
---@param now number
---@return table answer  session, or fault
function ledger.connect(state, url, now)
  local user, password, host, database = parse(url)
  if not user then return fault("sql-connect", "fatal", "connecting: not the URL of a database") end
  local branch = listening(state, host, now)
  if not branch then
    return fault("sql-connect", "transient", ("connecting to %s: Connection refused"):format(host))
  end
  local role = data.find(branch.roles, "name", user)
  if not role or role.password ~= password then
    return fault("sql-connect", "fatal", ("connecting to %s: password authentication failed for user \"%s\" (28P01)")
      :format(host, user), "28P01")
  end
  if not data.find(branch.databases, "name", database) then
    return fault("sql-connect", "fatal", ("connecting to %s: database \"%s\" does not exist (3D000)")
      :format(host, database), "3D000")
  end
  local books = books_of(state)
  books.opened = books.opened + 1
  books.sessions[books.opened] = { branch = branch.id, pending = {} }
  return { session = books.opened }
end

---Ends a session; what it has not committed never was.
function ledger.close(state, id)
  books_of(state).sessions[id] = nil
end

---Ends all sessions, as when their client dies.
function ledger.abandon(state)
  books_of(state).sessions = {}
end

-- ---- statements --------------------------------------------------------------------------

local function commit(state, session)
  local entries = books_of(state).entries
  local own = entries[session.branch] or {}
  entries[session.branch] = own
  for _, entry in ipairs(session.pending) do
    state.neon.lsn = (state.neon.lsn or 0) + 1
    entry.lsn = state.neon.lsn
    own[#own + 1] = entry
  end
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
    elseif e.verb == "drop" and e.kind == "table" and e.name == name then
      rows = {}
    end
  end
  return rows
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

local function no_rows() return { columns = {}, rows = {}, affected = 0 } end

local run = {
  begin = function(_, session)
    session.open = true
    return no_rows()
  end,
  commit = function(state, session)
    if session.failed then rollback(session) else commit(state, session) end
    return no_rows()
  end,
  rollback = function(_, session)
    rollback(session)
    return no_rows()
  end,
  create = create_or_drop, drop = create_or_drop, insert = insert, select = select_from,
  constant = function(_, _, s)
    local integer = math.tointeger(tonumber(s.value))
    return { columns = { integer and "?column?:23" or "?column?" }, rows = { { s.value } }, affected = 1 }
  end,
  question = no_rows,
  other = function(_, session, s)
    table.insert(session.pending, s)
    return { affected = 0 }
  end,
}

local ends_transaction = { commit = true, rollback = true }

local function carry_out(state, session, s, params)
  if session.failed and not ends_transaction[s.verb] then
    return fault("sql-error", "fatal", "current transaction is aborted, commands ignored until its end", "25P02")
  end
  return run[s.verb](state, session, s, params)
end

local counted = { select = true, constant = true, question = true }

-- What a server says that it did.
local function tag_of(s, answer)
  if counted[s.verb] then return ("SELECT %d"):format(#answer.rows) end
  if s.verb == "insert" then return ("INSERT 0 %d"):format(answer.affected) end
  if s.verb == "create" or s.verb == "drop" then return ("%s %s"):format(s.verb, s.kind):upper() end
  return ((s.text or s.verb):match("%a+") or ""):upper()
end

---Carries out the statements of a text; one that fails takes back what the text did before it, or
---the transaction that is open.
---@param id integer       of the session
---@param params string[]  values of $1, …
---@return table answer    columns, rows, affected, command of the last statement, or fault
function ledger.query(state, id, text, params)
  local session = books_of(state).sessions[id]
  local branch = session and data.find(state.neon.branches, "id", session.branch)
  if not branch or branch.deleted then
    return fault("sql-lost", "transient", "the session ended earlier; nothing was sent")
  end
  local answer = no_rows()
  for _, s in ipairs(statement.read(text)) do
    answer = carry_out(state, session, s, params)
    if answer.fault then
      if session.open then session.failed = true else rollback(session) end
      return answer
    end
    answer.command = tag_of(s, answer)
  end
  if not session.open then commit(state, session) end
  return answer
end

return ledger
