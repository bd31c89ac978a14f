---Queries and migrations on a PostgreSQL database.
---
---Migrations are files in a folder, each carried out in one transaction together with the row
---that records it, under an advisory lock that belongs to that transaction. A lock held by the
---session instead would be lost, or kept for ever, behind a pooler that hands out a connection
---for each transaction. So every transaction looks again at what is recorded, and two runs that
---meet each other carry out every file once.
local core = require "sql.core"
local folder = require "migrations.folder"
local fs = require "fs.core"
local options = require "options"

local sql = { connect = core.connect, null = core.null }

local LOCK = "select pg_advisory_xact_lock(7310309241527529316)"

-- Order ------------------------------------------------------------------------------

---drizzle itself skips, without a word, a file that is older than the newest record.
local function check_order(m, newest)
  if not newest or m.key > newest then return end
  failure {
    code = "migration-order", about = m.path,
    message = ("%s is older than a migration that is applied, and was never applied itself"):format(m.path),
    hint = "drizzle would skip it: generate it again, so that it is the newest, "
      .. "or record it by hand if it is applied",
  }
end

-- Where an error is --------------------------------------------------------------

local function place_of(m, number, statement, err)
  local place = ("%s, statement %d"):format(m.path, number)
  if not err.position then return place end
  return ("%s, line %d"):format(place, folder.line_of(statement.text, statement.line, err.position))
end

---Raises what a file met. What was committed is recorded, so that a repeat is safe even when
---it is not known how far this run got.
local function fail_at(m, place, err)
  failure {
    code = err.code, class = err.class == "unknown" and "transient" or err.class,
    message = ("%s: %s"):format(place, err.message), hint = err.hint, about = m.path,
    sqlstate = err.sqlstate, position = err.position,
  }
end

-- Carrying out -------------------------------------------------------------------

local Run = {}
Run.__index = Run

function Run:query(text, params)
  return self.session:query(text, params, { timeout = self.timeout })
end

---Makes the table unless it is there. A text of several statements is one transaction.
function Run:prepare()
  local _, schema = folder.quote(self.table)
  local create = schema == '"public"' and "" or ("create schema if not exists %s; "):format(schema)
  return self:query(("%s; %screate table if not exists %s (%s); %s from %s"):format(
    LOCK, create, self.quoted, self.layout.columns, self.layout.select, self.quoted)).rows
end

---Opens a transaction, alone among all runs, and reads the records.
function Run:begin()
  return self:query(("begin isolation level read committed; %s; %s from %s"):format(
    LOCK, self.layout.select, self.quoted)).rows
end

---True when the file is recorded with this content.
local function is_recorded(m, rows)
  for _, row in ipairs(rows) do
    if row.key == m.key then
      if row.hash == m.hash then return true end
      failure {
        code = "migration-changed", about = m.path,
        message = ("%s was changed after it was applied"):format(m.path),
        hint = "take the change back and put it into a new migration",
      }
    end
  end
  return false
end

local function newest_key(rows)
  local newest
  for _, row in ipairs(rows) do
    if row.key and (not newest or row.key > newest) then newest = row.key end
  end
  return newest
end

---Carries out one file in the open transaction, unless another run has done so meanwhile.
---@return boolean applied
function Run:carry_out(m, rows)
  if is_recorded(m, rows) then return false end
  if self.layout == folder.drizzle then check_order(m, newest_key(rows)) end
  for number, statement in ipairs(folder.pieces(m.text)) do
    local _, err = try(self.query, self, statement.text)
    if err then fail_at(m, place_of(m, number, statement, err), err) end
  end
  self:query(("insert into %s %s"):format(self.quoted, self.layout.insert), { m.hash, m.key })
  return true
end

function Run:apply(m)
  local rows = self:begin()
  local applied, err = try(self.carry_out, self, m, rows)
  if err then
    try(self.query, self, "rollback")  -- fails only with a session whose end rolls back, too
    error(err, 0)
  end
  local _, lost = try(self.query, self, "commit")
  if lost then fail_at(m, m.path .. ", commit", lost) end
  return applied
end

---@return string[] applied, integer already
function Run:all(list)
  local rows = self:prepare()
  local applied, already = {}, 0
  for _, m in ipairs(list) do
    if not is_recorded(m, rows) and self:apply(m) then
      applied[#applied + 1] = m.name
    else
      already = already + 1
    end
  end
  return applied, already
end

-- Options ------------------------------------------------------------------------

local fields = {
  { "folder", "string", true }, { "session", "any" }, { "table", "string" }, { "timeout", "number" }, { "url", "any" },
}

local function misuse(message, ...)
  options.misuse("sql.migrate: " .. message, ...)
end

local function check(o)
  options.read("sql.migrate", o, fields)
  if o.session ~= nil and type(o.session) ~= "userdata" then
    misuse("option 'session' must be a session, not a %s", type(o.session))
  end
  if (o.session == nil) == (o.url == nil) then
    misuse("one of the options 'session' and 'url' is required")
  end
  if o.timeout and o.timeout <= 0 then
    misuse("option 'timeout' must be above 0 seconds")
  end
  if o.table and not o.table:find("^[^.]+%.?[^.]*$") then
    misuse("option 'table' must be NAME or SCHEMA.NAME")
  end
end

---Carries out the migrations of a folder that are not recorded yet.
---@param o { folder: string, session?: sql.Session, url?: string, table?: string, timeout?: number }
---@return { applied: string[], already: integer }
function sql.migrate(o)
  check(o)
  local place = fs.place(o.folder)
  local layout = folder.layout(place)
  local list = layout.read(place)
  local own <close> = o.url and sql.connect { url = o.url } or nil
  local run = setmetatable({
    session = o.session or own, timeout = o.timeout or 300,
    layout = layout, table = o.table or layout.table, quoted = folder.quote(o.table or layout.table),
  }, Run)
  local applied, already = run:all(list)
  return { applied = applied, already = already }
end

return sql
