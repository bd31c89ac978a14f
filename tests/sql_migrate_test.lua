local core = require "core"
local fs = require "fs"
local json = require "json"
local sha256 = require "sha256"
local sql = require "sql"

test("misuse names the option", function()
  raises("sql.migrate: expected a table of options, not a nil", sql.migrate)
  raises("sql.migrate: option 'folder' is required", sql.migrate, { url = "x" })
  raises("sql.migrate: one of the options 'session' and 'url' is required", sql.migrate, { folder = "x" })
  raises("sql.migrate: unknown option 'dir' %(expected folder, session, table, timeout, url%)", sql.migrate, { dir = "x" })
  raises("sql.migrate: option 'folder' must be a string, not a number", sql.migrate, { folder = 1, url = "x" })
  raises("sql.migrate: option 'session' must be a session, not a string", sql.migrate, { folder = "x", session = "s" })
  raises("sql.migrate: option 'timeout' must be above 0", sql.migrate, { folder = "x", url = "x", timeout = 0 })
  raises("sql.migrate: option 'table' must be NAME or SCHEMA.NAME", sql.migrate, { folder = "x", url = "x", table = "a.b.c" })
end)

test("a folder that is not there is an error", function()
  raises("listing build/none", sql.migrate, { folder = "build/none", url = "postgresql://127.0.0.1:1/x" })
end)

local server <close> = core.load_file("tests/postgres.lua")().start()

local FOLDER = "build/scratch-migrations"

---A folder of migrations that goes away with the test.
local function with_folder(name, f)
  test(name, function()
    if not server then skip("no PostgreSQL server on this machine") end
    fs.remove(FOLDER)
    fs.make(FOLDER)
    local _ <close> = setmetatable({}, { __close = function() fs.remove(FOLDER) end })
    local session <close>, database = server:session()
    f(session, database)
  end)
end

local function write(name, text)
  fs.write(FOLDER .. "/" .. name, text)
end

---Writes the journal and the files of drizzle's layout: { {tag, when, text}, … }.
local function write_drizzle(list)
  local entries = {}
  for i, m in ipairs(list) do
    entries[i] = { idx = i - 1, version = "7", when = m[2], tag = m[1], breakpoints = true }
    if m[3] then write(m[1] .. ".sql", m[3]) end
  end
  write("meta/_journal.json", json.encode { version = "7", dialect = "postgresql", entries = entries })
end

local users = { "0000_users", 1700000000001,
  "CREATE TABLE users (id int);\n--> statement-breakpoint\nCREATE INDEX users_id ON users (id);" }
local roles = { "0001_roles", 1700000000002, "ALTER TABLE users ADD role text;" }

local function migrate(s, o)
  o = o or {}
  o.session, o.folder = s, FOLDER
  return sql.migrate(o)
end

-- drizzle ------------------------------------------------------------------------

with_folder("drizzle's migrations are carried out and recorded as drizzle does", function(s)
  write_drizzle { users, roles }
  equal(migrate(s), { applied = { "0000_users.sql", "0001_roles.sql" }, already = 0 })
  equal(s:query("select * from drizzle.__drizzle_migrations order by id").rows, {
    { id = 1, hash = sha256(users[3]), created_at = users[2] },
    { id = 2, hash = sha256(roles[3]), created_at = roles[2] },
  })
  equal(s:query("select column_name as name from information_schema.columns where table_name = 'users' order by 1").rows,
    { { name = "id" }, { name = "role" } })
end)

with_folder("a second run finds everything done, a new file is added", function(s)
  write_drizzle { users }
  migrate(s)
  equal(migrate(s), { applied = {}, already = 1 })
  write_drizzle { users, roles }
  equal(migrate(s), { applied = { "0001_roles.sql" }, already = 1 })
end)

with_folder("a file that was changed after it was applied is an error that names it", function(s)
  write_drizzle { users }
  migrate(s)
  write_drizzle { { users[1], users[2], users[3] .. "\n" } }
  local err = raises("0000_users.sql was changed after it was applied", migrate, s)
  equal({ err.code, err.about }, { "migration-changed", FOLDER .. "/0000_users.sql" })
end)

with_folder("a file that drizzle would skip without a word is an error", function(s)
  write_drizzle { users, roles }
  migrate(s)
  write_drizzle { users, { "0002_late", 1700000000000, "SELECT 1" }, roles }
  equal(raises("0002_late.sql is older than a migration that is applied", migrate, s).code, "migration-order")
end)

with_folder("an error names file, statement and line, and takes the whole file back", function(s)
  write_drizzle { users, { "0001_bad", 1700000000002,
    "CREATE TABLE é (id int);\n--> statement-breakpoint\n\n-- two\nCREATE TABLE b (id inte);" } }
  local err = raises('0001_bad.sql, statement 2, line 5: .*type "inte" does not exist', migrate, s)
  equal({ err.code, err.class, err.sqlstate, err.about }, { "sql-error", "fatal", "42704", FOLDER .. "/0001_bad.sql" })
  equal(s:query("select to_regclass('users')::text as users, to_regclass('é')::text as other").rows, { { users = "users" } })
  equal(s:query("select count(*) as n from drizzle.__drizzle_migrations").rows, { { n = 1 } })
end)

with_folder("a journal that is none is an error", function(s)
  write("meta/_journal.json", "{ nonsense")
  equal(raises("is no journal of drizzle's", migrate, s).code, "migration-journal")
  write("meta/_journal.json", '{ "version": "7" }')
  raises("is no journal of drizzle's: no entries", migrate, s)
  write("meta/_journal.json", '{ "entries": [ { "tag": "x" } ] }')
  raises("entry 1 lacks `tag` or `when`", migrate, s)
end)

with_folder("a file that the journal names and nobody wrote is an error", function(s)
  write_drizzle { { "0000_none", 1 } }
  raises("reading .*/0000_none.sql: No such file", migrate, s)
end)

with_folder("a project may keep its records in another table", function(s)
  write_drizzle { users }
  migrate(s, { table = 'log."odd" name' })
  equal(s:query([[select count(*) as n from log."""odd"" name"]]).rows, { { n = 1 } })
end)

-- Plain --------------------------------------------------------------------------

with_folder("plain files are carried out in the order of their names", function(s)
  write("002_fill.sql", "insert into t values (1); insert into t values (2);")
  write("001_make.sql", "create table t (id int);")
  write("notes.txt", "no migration")
  equal(migrate(s), { applied = { "001_make.sql", "002_fill.sql" }, already = 0 })
  equal(migrate(s), { applied = {}, already = 2 })
  equal(s:query("select name, hash from davit_migrations order by name").rows[1],
    { name = "001_make.sql", hash = sha256 "create table t (id int);" })
end)

with_folder("a file that leaves the search path changed does not lose the records", function(s)
  write("001.sql", "select pg_catalog.set_config('search_path', '', false); create table public.t (id int);")
  write("002.sql", "create table public.u (id int);")
  equal(#migrate(s).applied, 2)
  equal(migrate(s).already, 2)
end)

with_folder("an empty folder is nothing to do", function(s)
  equal(migrate(s), { applied = {}, already = 0 })
end)

with_folder("what only the commit finds is an error of the file", function(s)
  write("001.sql", "create table t (id int unique deferrable initially deferred); insert into t values (1), (1)")
  equal(raises("001.sql, commit: .*duplicate key", migrate, s).sqlstate, "23505")
  equal(s:query("select to_regclass('t')::text as t").rows, { {} })
end)

-- Meeting others -------------------------------------------------------------------

with_folder("two runs that meet carry out every file once", function(_, database)
  for i = 1, 5 do
    write(("%03d.sql"):format(i), ("create table t%d (id int); select pg_sleep(0.02)"):format(i))
  end
  local function run() return sql.migrate { url = server:url(database), folder = FOLDER } end
  local done = parallel { a = run, b = run, c = run }
  equal(#done.a.applied + #done.b.applied + #done.c.applied, 5)
  equal(#done.a.applied + done.a.already, 5)
end)

with_folder("a run whose connection broke can be repeated", function(s, database)
  write("001.sql", "create table t (id int)")
  write("002.sql", "create table u (id int); select pg_terminate_backend(pg_backend_pid())")
  local err = raises("002.sql, statement 1: .*the connection broke", migrate, s)
  equal({ err.code, err.class }, { "sql-lost", "transient" })
  write("002.sql", "create table u (id int)")
  equal(sql.migrate { url = server:url(database), folder = FOLDER }, { applied = { "002.sql" }, already = 1 })
end)
