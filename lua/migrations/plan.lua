---What a folder has that a database has not, by the table that records migrations; and where the two contradict each
---other. Pure but for reading files.
---
---drizzle decides by time alone: every entry of the journal whose `when` is after the newest `created_at` runs, in the
---journal's order; hashes are written and never read. So an entry that is older and not recorded is never run, without
---a word, and a record without a time makes drizzle run everything again. Both are said here instead.
local Created = require "migrations.created"
local classify = require "migrations.classify"
local folder = require "migrations.folder"
local fs = require "fs.core"
local options = require "options"
local statements = require "migrations.statements"

local plan = {}

local LONGEST_TEXT = 160

-- The folder -------------------------------------------------------------------------

---@class migrations.Folder
---@field kind "drizzle"|"sql"
---@field place string    as it is called in errors
---@field layout table    of migrations.folder
---@field files migrations.File[]  each with `shown`, its path for people

local function check_text(m)
  if utf8.len(m.text) and not m.text:find("\0", 1, true) then return end
  failure { code = "migration-text", class = "fatal", about = m.shown,
    message = ("%s is no text in UTF-8"):format(m.shown), hint = "PostgreSQL would refuse it" }
end

---@param root string   the project's folder
---@param place string  below it, as davit.yaml names it
---@param kind? "drizzle"|"sql"  by the files, when not given
---@return migrations.Folder
function plan.folder(root, place, kind)
  local path = fs.place(root .. "/" .. place)
  local layout = kind == "sql" and folder.plain or kind == "drizzle" and folder.drizzle or folder.layout(path)
  local files = layout.read(path)
  for _, m in ipairs(files) do
    m.shown = place .. "/" .. m.name
    check_text(m)
  end
  return { kind = layout.kind, place = place, layout = layout, files = files }
end

-- Statements ---------------------------------------------------------------------------

local function read_statements(m, layout)
  local list = {}
  for _, piece in ipairs(layout == folder.drizzle and folder.pieces(m.text) or { { text = m.text, line = 1 } }) do
    for _, one in ipairs(statements.read(piece.text, piece.line)) do list[#list + 1] = one end
  end
  return list
end

-- By layout and the text's digest: a run comes to a file when it plans, applies and looks again.
local parsed = {}

---The statements of a file, each with its line.
---@param m migrations.File
---@param layout table
---@return migrations.Statement[]
function plan.statements(m, layout)
  local known = parsed[layout] or {}
  parsed[layout], known[m.hash] = known, known[m.hash] or read_statements(m, layout)
  return known[m.hash]
end

-- What must stand alone is refused where it could not: everything else of the file would be taken back, and it not.
local function check_alone(m, layout, list, class)
  if not class.alone then return end
  local why
  if layout == folder.drizzle then
    why, class.hint = "drizzle runs every file in a transaction", "run it by hand, or keep it in a folder of plain SQL"
  elseif #list > 1 then
    why, class.hint = "the file has other statements", "give it a file of its own"
  else
    return
  end
  failure { code = "migration-transaction", class = "fatal", about = m.shown, hint = class.hint,
    message = ("%s:%d cannot run in a transaction, and %s"):format(m.shown, list[1].line, why) }
end

---@class migrations.Classed
---@field file string
---@field line integer
---@field class "additive"|"breaking"
---@field reason? string
---@field statement string  its beginning

---@param m migrations.File
---@param layout table
---@param created migrations.Created
---@return migrations.Classed[]
function plan.classed(m, layout, created)
  local found, list = {}, plan.statements(m, layout)
  if layout ~= folder.drizzle then created:next_transaction() end
  for i, statement in ipairs(list) do
    local class = classify.one(statement, created)
    check_alone(m, layout, list, class)
    found[i] = {
      file = m.shown, line = statement.line, class = class.class, reason = class.reason,
      statement = options.beginning(statement.text:gsub("%s+", " "), LONGEST_TEXT),
    }
  end
  return found
end

-- Drift ------------------------------------------------------------------------------------

local function by_key(rows)
  local records, timeless = {}, 0
  for _, row in ipairs(rows) do
    if row.key == nil then timeless = timeless + 1 else records[row.key] = row.hash end
  end
  return records, timeless
end

local function newest_of(rows)
  local newest
  for _, row in ipairs(rows) do
    if row.key ~= nil and (newest == nil or row.key > newest) then newest = row.key end
  end
  return newest
end

---What contradicts, in words; and the records that no file has.
---@param state migrations.Folder
---@param rows { key: string|integer, hash: string }[]
---@return string[] problems, (string|integer)[] unknown
function plan.contradictions(state, rows)
  local records, timeless = by_key(rows)
  local newest, problems, unknown, files = newest_of(rows), {}, {}, {}
  for _, m in ipairs(state.files) do
    files[m.key] = true
    if records[m.key] and records[m.key] ~= m.hash then
      problems[#problems + 1] = m.shown .. " was changed after it was applied"
    elseif not records[m.key] and state.kind == "drizzle" and newest and m.key <= newest then
      problems[#problems + 1] = m.shown .. " is older than a migration that is applied, and drizzle would never run it"
    end
  end
  for key in pairs(records) do
    if not files[key] then unknown[#unknown + 1] = key end
  end
  if timeless > 0 and state.kind == "drizzle" then
    problems[#problems + 1] = ("%d records have no created_at: drizzle would run everything again"):format(timeless)
  end
  return problems, unknown
end

local hints = {
  sql = "take the change back and put it into a new migration, or bring the file back",
  drizzle = "take the change back and put it into a new migration, or bring the file back; one that is too old: "
    .. "generate it again",
}

---Raises "migration-drift" (exit 5) where folder and records contradict each other.
---@param state migrations.Folder
---@param rows table[]
---@param o? { newer?: boolean }  newer: the database may have migrations that this folder has not
---@return (string|integer)[] unknown
function plan.check_drift(state, rows, o)
  local problems, unknown = plan.contradictions(state, rows)
  if unknown[1] ~= nil and not (o and o.newer) then
    problems[#problems + 1] = ("%d applied migrations have no file in %s (%s)"):format(#unknown, state.place,
      table.concat(unknown, ", ", 1, math.min(3, #unknown)))
  end
  if not problems[1] then return unknown end
  failure {
    code = "migration-drift", about = state.place, hint = hints[state.kind],
    message = ("%s and the database do not agree: %s"):format(state.place, table.concat(problems, "; ")),
  }
end

-- Pending --------------------------------------------------------------------------------------

---The files that would run, in their order.
---@param state migrations.Folder
---@param rows table[]
---@return migrations.File[]
function plan.pending(state, rows)
  local records, newest, list = by_key(rows), newest_of(rows), {}
  for _, m in ipairs(state.files) do
    local runs = not records[m.key]
    if state.kind == "drizzle" then runs = newest == nil or m.key > newest end
    if runs then list[#list + 1] = m end
  end
  return list
end

---The newest of the folder, by what its record is found by.
---@param state migrations.Folder
---@return string|integer|nil
function plan.head(state)
  return newest_of(state.files)
end

---@class migrations.Plan  plain data, for the journal and for whoever approves it
---@field kind "drizzle"|"sql"|"command"
---@field pending { name: string, hash: string, statements: migrations.Classed[] }[]
---@field already integer    files that are recorded
---@field breaking migrations.Classed[]
---@field additive boolean   nothing is breaking
---@field unknown? (string|integer)[]  records without a file, where they are accepted

---@param state migrations.Folder
---@param rows table[]
---@param o? { newer?: boolean }
---@return migrations.Plan
function plan.make(state, rows, o)
  local unknown = plan.check_drift(state, rows, o)
  local files, created = plan.pending(state, rows), Created.new()
  local made = { kind = state.kind, pending = {}, breaking = {}, already = #state.files - #files }
  for i, m in ipairs(files) do
    local classed = plan.classed(m, state.layout, created)
    made.pending[i] = { name = m.name, hash = m.hash, statements = classed }
    for _, one in ipairs(classed) do
      if one.class == "breaking" then table.insert(made.breaking, one) end
    end
  end
  made.additive = #made.breaking == 0
  made.unknown = unknown[1] ~= nil and unknown or nil
  return made
end

return plan
