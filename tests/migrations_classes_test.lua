---Which statements break whoever uses the database: what the rules say, and whether PostgreSQL agrees. An additive one
---must leave the code that is deployed, its rows and its tables as they are; of a breaking one something must show,
---unless the table of examples says that it does not.
local core = require "core"
local Created = require "migrations.created"
local classify = require "migrations.classify"
local statements = require "migrations.statements"
local sql = require "sql"

local examples = core.load_file("tests/migrations_classes.lua")()

local function classes_of(text)
  local found = {}
  for i, class in ipairs(classify.all(statements.read(text))) do found[i] = class end
  return found
end

local function letters(found)
  local text = ""
  for _, class in ipairs(found) do text = text .. (class.class == "additive" and "a" or "b") end
  return text
end

test("every example is classed as it should be, each breaking one with a reason", function()
  local wrong = {}
  for _, example in ipairs(examples.list) do
    local found = classes_of(example[2])
    local expected = example[1]:gsub("u", "b")
    if letters(found) ~= expected then
      wrong[#wrong + 1] = ("%s, not %s: %s"):format(letters(found), expected, example[2])
    end
    for _, class in ipairs(found) do
      if (class.class == "breaking") ~= (type(class.reason) == "string" and #class.reason > 10) then
        wrong[#wrong + 1] = "reason of " .. example[2]
      end
    end
  end
  equal(wrong, {})
  equal(#examples.list >= 150, true)
end)

-- What PostgreSQL shows ------------------------------------------------------------------

local server <close> = core.load_file("tests/postgres.lua")().start()

-- What stood there before: each relation's file, its locks and how often it was read from end to end.
local RELATIONS = [[
select c.oid::text as oid, c.relname as name, coalesce(pg_relation_filenode(c.oid), 0) as file,
  coalesce(pg_stat_get_xact_numscans(c.oid), 0) as scans,
  coalesce((select string_agg(mode, ',') from pg_locks l where l.relation = c.oid and l.pid = pg_backend_pid()), '') as locks
from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public' where c.relkind in ('r', 'm', 'i')]]

local function relations(s)
  local found = {}
  for _, row in ipairs(s:query(RELATIONS).rows) do found[row.oid] = row end
  return found
end

local function facts(s)
  local found = {}
  for i, text in ipairs(examples.facts) do
    local answer, err = try(function() return s:query(text).rows[1].v or "null" end)
    if err then return nil, err.message end
    found[i] = answer
  end
  return found
end

local function changed_relation(before, after)
  for oid, was in pairs(before) do
    local is = after[oid]
    if not is then return was.name .. " is gone" end
    if is.file ~= was.file then return was.name .. " was written anew" end
    if is.locks:find "%f[%a]ShareLock" then return was.name .. " was locked for its index" end
    local strong = is.locks:find "AccessExclusive" or is.locks:find "ShareRowExclusive"
    if strong and is.scans > was.scans then return was.name .. " was read while it was locked" end
  end
end

local function failing_code(s, transaction)
  for _, text in ipairs(examples.old_code) do
    if transaction then s:query "savepoint code" end
    local _, err = try(s.query, s, text)
    if err then return ("%s: %s"):format(text, err.message) end
  end
end

-- What an example does to who uses the database, in words; nil: nothing.
local function harm_of(s, text, transaction)
  if transaction then s:query "begin" end
  local known, before = assert(facts(s)), relations(s)
  for _, statement in ipairs(statements.read(text)) do
    local _, err = try(s.query, s, statement.text)
    if err then return err.message, err.sqlstate end
  end
  local changed = transaction and changed_relation(before, relations(s))
  if changed then return changed end
  local now, why = facts(s)
  if not now then return why end
  for i, value in ipairs(known) do
    if now[i] ~= value then return ("%s is %s"):format(examples.facts[i], now[i]) end
  end
  return failing_code(s, transaction)
end

local misspelt = { ["42601"] = true, ["42P01"] = true, ["42703"] = true, ["42704"] = true, ["42883"] = true, ["42710"] = true }

local function runs_alone(text)
  for _, class in ipairs(classes_of(text)) do
    if class.alone then return true end
  end
  return false
end

-- In a transaction that is taken back; what needs to be alone, in a database of its own.
local function harm(database, s, example)
  if not runs_alone(example[2]) then
    local _ <close> = setmetatable({}, { __close = function() s:query "rollback" end })
    return harm_of(s, example[2], true)
  end
  local name = "alone" .. math.random(1 << 40)
  do
    local owner <close> = sql.connect { url = server:url("postgres") }
    owner:query(("create database %s template %s"):format(name, database .. "_base"))
  end
  local own <close> = sql.connect { url = server:url(name) }
  return harm_of(own, example[2], false)
end

local function make_world()
  local database = server:database()
  do
    local s <close> = sql.connect { url = server:url(database) }
    s:query(examples.world)
  end
  local owner <close> = sql.connect { url = server:url("postgres") }
  owner:query(("create database %s_base template %s"):format(database, database))
  return database
end

test("PostgreSQL shows what each example does to code that is deployed", function()
  if not server then skip("no PostgreSQL server on this machine") end
  local database = make_world()
  local s <close> = sql.connect { url = server:url(database) }
  equal(harm(database, s, { "a", "select 1" }), nil)
  local wrong, shown = {}, 0
  for _, example in ipairs(examples.list) do
    if example[3] ~= "is no SQL" then
      local what, sqlstate = harm(database, s, example)
      if (what ~= nil) ~= (example[1]:find "b" ~= nil) or misspelt[sqlstate] then
        wrong[#wrong + 1] = ("%s %s: %s"):format(example[1], example[2], what or "nothing")
      end
      shown = shown + (what and 1 or 0)
    end
  end
  equal(wrong, {})
  equal(shown > 80, true)
end)

-- Reading ----------------------------------------------------------------------------------

test("a statement is known by the line it begins on, comments before it left out", function()
  local found = statements.read("-- one\n\nselect 1;\n/* a\nb */ select\n 2 ;\n\n select $$\n;\n$$", 10)
  local lines = {}
  for i, one in ipairs(found) do lines[i] = one.line end
  equal(lines, { 12, 14, 17 })
  equal(found[2].text, "select\n 2")
end)

test("what is not text of SQL is breaking, and says why", function()
  for text, pattern in pairs {
    ["select 'x"] = "a string without an end", ["/* x"] = "a comment without an end", ['select "x'] = "a quoted name",
    ["do $a$ x"] = "a text that %$a%$ begins and nothing ends", ["\\copy users from x"] = "is not known",
  } do
    local found = classes_of(text)
    equal({ #found, found[1].class, found[1].reason:find(pattern) ~= nil }, { 1, "breaking", true })
  end
end)

test("what may stand in no transaction is known", function()
  local expected = {
    ["create index concurrently i on t (a)"] = true, ["CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)"] = true,
    ["drop index concurrently i"] = true, ["reindex index concurrently i"] = true, ["vacuum (analyze) t"] = true,
    ["create database d"] = true, ["alter system set x = 1"] = true, ["create index i on t (a)"] = false,
    ["refresh materialized view concurrently v"] = false, ["alter type t add value 'x'"] = false,
    ["alter table t detach partition p concurrently"] = true,
  }
  for text, alone in pairs(expected) do equal({ text, classes_of(text)[1].alone }, { text, alone }) end
end)

test("no text of bytes stops the reader, and what is cut off is never additive where the whole was not", function()
  local text = "drop table users; select E'a\\'b' || $t$;$t$ /* x /* y */ z */ from \"a\"\"b\"; delete from x"
  for i = 1, #text do
    local found = classes_of(text:sub(1, i) .. string.char(i % 256))
    equal(#found >= 1, true)
  end
  equal(letters(classes_of(text)), "bab")
end)

test("a constraint that is validated in the transaction that added it locks as one that is checked at once", function()
  local add, validate = "alter table t add constraint c check (a > 0) not valid", "alter table t validate constraint c"
  local created = Created.new()
  equal(letters(classify.all(statements.read(add), created)), "a")
  equal(letters(classify.all(statements.read(validate), created)), "b")
  created:next_transaction()
  equal(letters(classify.all(statements.read(validate), created)), "a")
end)
