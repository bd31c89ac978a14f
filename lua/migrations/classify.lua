---Whether a statement breaks who uses the database now, and why. Pure.
---
---A statement is additive when the Workers that are deployed go on working while it runs and after it, and can be put
---back when new ones fail. What cannot be told is breaking. What the same migrations made before may be changed freely.
local Created = require "migrations.created"
local Reader = require "migrations.reader"
local alter = require "migrations.alter"
local create = require "migrations.create"
local rows = require "migrations.rows"

local classify = {}

local nothing = function() return nil end

local function unknown(what)
  return function() return what .. " may do anything" end
end

-- It ends the transaction that the file and its record belong to.
local function transaction(_, created)
  created:forget()
  return "ends or begins a transaction in the middle of the migration: a failure would leave half of it"
end

local function set(r, created)
  r:accept_any("local", "session")
  if r:is "search_path" or r:is "schema" then created:lose_path() end
  if r:is "role" or r:is "authorization" then return "goes on as another role" end
  if r:is "standard_conforming_strings" then return "changes how strings are read" end
  if r:is "session_replication_role" then return "switches triggers and foreign keys off" end
end

local function lock(r, created)
  r:accept "table"
  for _, item in ipairs(r:items()) do
    item:accept "only"
    local name = item:name(created.path)
    if not created:has("table", name) then
      return ("locks %s until the migration ends"):format(name and name.text or "?")
    end
  end
end

-- "reindex (verbose) table concurrently t"
local function blocking(what)
  return function(r)
    r:brackets()
    if r:find "concurrently" then return nil end
    return what
  end
end

local function vacuum(r)
  local options = r:brackets() or {}
  for _, token in ipairs(options) do
    if token.value == "full" then return "writes the table anew, and locks it until that is done" end
  end
  if r:is "full" then return "writes the table anew, and locks it until that is done" end
end

local function explain(r)
  for _, token in ipairs(r.tokens) do
    if token.value == "analyze" or token.value == "analyse" then return "runs what it explains" end
  end
end

local function of_rows(r, created) return rows.reason(r.tokens, created) end

local verbs = {
  create = create.reason, alter = alter.reason, drop = alter.drop, truncate = rows.truncate,
  insert = of_rows, update = of_rows, delete = of_rows, merge = of_rows,
  select = of_rows, values = of_rows, with = of_rows, table = of_rows,
  grant = nothing, comment = nothing, analyze = nothing, analyse = nothing, show = nothing, notify = nothing,
  revoke = function() return "takes rights away" end,
  set = set, reset = function(_, created) created:lose_path() end, lock = lock, vacuum = vacuum, explain = explain,
  reindex = blocking "builds an index anew while nobody can write",
  refresh = blocking "computes the view anew while nobody can read it",
  cluster = function() return "writes the table anew, and locks it until that is done" end,
  begin = transaction, start = transaction, commit = transaction, ["end"] = transaction, rollback = transaction,
  abort = transaction, savepoint = transaction, release = transaction, prepare = unknown "PREPARE",
  ["do"] = unknown "a DO block", call = unknown "a procedure", execute = unknown "EXECUTE",
}

-- Statements that PostgreSQL refuses within a transaction.
local function runs_alone(r)
  local verb = r:word()
  if verb == "vacuum" then return true end
  if verb == "reindex" then return r:find "concurrently" ~= nil end
  if verb == "create" or verb == "drop" then
    r:accept "unique"
    local kind = r:word()
    return kind == "index" and r:is "concurrently" or kind == "database" or kind == "tablespace"
  end
  return verb == "alter" and (r:accept "system" or r:find "detach" ~= nil and r:find "concurrently" ~= nil)
end

---@class migrations.Class
---@field class "additive"|"breaking"
---@field reason? string  why it breaks
---@field alone boolean   no transaction may be around it

---@param statement migrations.Statement
---@param created migrations.Created  of the statements before; it learns what this one makes
---@return migrations.Class
function classify.one(statement, created)
  if statement.broken then
    return { class = "breaking", reason = "cannot be read: " .. statement.broken, alone = false }
  end
  local r = Reader.new(statement.tokens)
  while r:accept "(" do end   -- "(select 1) union …"
  local verb = r:word()
  local f = verb and verbs[verb]
  local reason
  if f then reason = f(r, created) else reason = ("%s is not known"):format((verb or "?"):upper()) end
  return { class = reason and "breaking" or "additive", reason = reason,
    alone = runs_alone(Reader.new(statement.tokens)) and true or false }
end

---@param list migrations.Statement[]
---@param created? migrations.Created
---@return migrations.Class[]
function classify.all(list, created)
  created = created or Created.new()
  local classes = {}
  for i, statement in ipairs(list) do classes[i] = classify.one(statement, created) end
  return classes
end

return classify
