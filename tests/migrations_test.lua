---Migrations as the flows use them, on real PostgreSQL, and beside drizzle's own migrator.
local cloud = assert(require("core").load_file "tests/clients/cloud.lua")()
local core = require "core"
local exit = require "cli.exit"
local fs = require "fs"
local json = require "json"
local migrations = require "flow.migrations"
local process = require "process"
local project = require "project"
local sql = require "sql"

local server <close> = core.load_file("tests/postgres.lua")().start()

local FOLDER, ROOT = "build/scratch-flow-migrations", "."

---Calls f with a folder of migrations and a database, both its own.
local function with_folder(name, f)
  test(name, function()
    if not server then skip("no PostgreSQL server on this machine") end
    fs.remove(FOLDER)
    fs.make(FOLDER)
    local current = project.current
    project.current = function() return { root = ROOT } end
    local _ <close> = setmetatable({}, { __close = function()
      project.current = current
      fs.remove(FOLDER)
    end })
    local session <close>, database = server:session()
    f(session, server:url(database))
  end)
end

local function write(name, text) fs.write(FOLDER .. "/" .. name, text) end

---Writes the journal and the files of drizzle's layout: { {tag, when, text}, … }.
local function write_drizzle(list)
  local entries = json.array {}
  for i, m in ipairs(list) do
    entries[i] = { idx = i - 1, version = "7", when = m[2], tag = m[1], breakpoints = true }
    write(m[1] .. ".sql", m[3])
  end
  write("meta/_journal.json", json.encode { version = "7", dialect = "postgresql", entries = entries })
end

local users = { "0000_users", 1700000000001,
  'CREATE TABLE "users" ("id" serial PRIMARY KEY NOT NULL);\n--> statement-breakpoint\nCREATE INDEX "u" ON "users" ("id");' }
local roles = { "0001_roles", 1700000000002, "ALTER TABLE users ADD role text;" }
local gone = { "0002_gone", 1700000000003, "-- two\n\nALTER TABLE users ADD age int;\n--> statement-breakpoint\n"
  .. "ALTER TABLE users\n  DROP COLUMN role;" }

local DATABASE = { migrations = FOLDER }

local function plan(url, o, database)
  database = database or DATABASE
  return migrations.plan(database, migrations.folder(database), url, o)
end

with_folder("a folder that is not there is named, and where davit.yaml says so", function()
  local err = raises("No such file or directory", migrations.folder, { migrations = FOLDER .. "/nowhere", kind = "sql" })
  equal(err.hint, "davit.yaml names the folder: databases.NAME.migrations")
end)

local function apply(url, o)
  local given = { database = DATABASE, url = url, environment = "preview" }
  for name, value in pairs(o or {}) do given[name] = value end
  given.plan = given.plan or plan(url, { newer = given.newer }, given.database)
  return migrations.apply(given)
end

-- Planning -----------------------------------------------------------------------------

with_folder("a plan says which files are pending, what breaks, and changes nothing", function(s, url)
  write_drizzle { users, roles, gone }
  local first = plan(url)
  equal({ first.kind, #first.pending, first.already, first.additive }, { "drizzle", 3, 0, true })   -- all on a table of its own
  equal(s:query("select to_regnamespace('drizzle')::text as there").rows, { {} })
  write_drizzle { users, roles }
  apply(url)
  write_drizzle { users, roles, gone }
  local second = plan(url)
  equal({ #second.pending, second.already, second.additive, #second.breaking }, { 1, 2, false, 1 })
  local one = second.breaking[1]
  equal({ one.file, one.line, one.statement }, { FOLDER .. "/0002_gone.sql", 5, "ALTER TABLE users DROP COLUMN role" })
  equal(one.reason:find "drops the column role" ~= nil, true)
  equal(json.decode(json.encode(second)), second)
end)

with_folder("a database without migrations has an empty plan", function(_, url)
  local none = migrations.plan({}, migrations.folder {}, url)
  equal({ none.kind, migrations.is_empty(none), none.additive }, { "none", true, true })
  equal(migrations.apply { database = {}, url = url, plan = none, environment = "preview" }.applied, json.array {})
end)

with_folder("production refuses what breaks, with file and line of each, unless somebody agrees", function(s, url)
  write_drizzle { users, roles }
  apply(url)
  write_drizzle { users, roles, gone, { "0003_more", 1700000000004, "truncate users" } }
  local found = plan(url)
  local err = raises("2 statements break who uses the database", migrations.consent, found, { environment = "production" })
  equal({ err.code, exit.code(err) }, { "denied", 7 })
  equal(err.message:find(FOLDER .. "/0002_gone.sql:5 ", 1, true) ~= nil, true)
  equal(err.message:find(FOLDER .. "/0003_more.sql:1 ", 1, true) ~= nil, true)
  raises("nobody has agreed", apply, url, { environment = "production" })
  equal(s:query("select count(*) as n from drizzle.__drizzle_migrations").rows, { { n = 2 } })
  local asked
  migrations.consent(found, { environment = "production", approve = function(o) asked = o end })
  equal({ #asked.plan, asked.plan[1]:find "0002_gone.sql:5" ~= nil }, { 2, true })
  migrations.consent(found, { environment = "preview" })
  migrations.consent(found, { environment = "production", accept = true })
  local report = apply(url, { environment = "production", consented = true })
  equal({ report.applied, report.additive, #report.breaking }, { { "0002_gone.sql", "0003_more.sql" }, false, 2 })
end)

-- Applying -------------------------------------------------------------------------------

with_folder("what was applied is verified and reported; the same plan again says the same and does nothing", function(s, url)
  write_drizzle { users, roles }
  local planned = plan(url)
  local expected = { kind = "drizzle", applied = { "0000_users.sql", "0001_roles.sql" }, already = 0, breaking = {},
    additive = true, head = 1700000000002, verified = true }
  for _ = 1, 2 do
    local report = apply(url, { plan = planned })
    equal(json.decode(json.encode(report)), expected)
    equal(s:query("select count(*) as n from drizzle.__drizzle_migrations").rows, { { n = 2 } })
  end
end)

with_folder("a file that came or changed after the plan is not applied", function(s, url)
  write_drizzle { users }
  local planned = plan(url)
  write_drizzle { users, roles }
  equal(raises("0001_roles.sql is not in the plan", apply, url, { plan = planned }).code, "migration-plan")
  write_drizzle { { users[1], users[2], "select 1" } }
  raises("0000_users.sql is not in the plan", apply, url, { plan = planned })
  equal(s:query("select to_regclass('users')::text as t").rows, { {} })
end)

with_folder("drizzle's pending files are applied together or not at all; an error has file and line", function(s, url)
  write_drizzle { users, { "0001_bad", 1700000000002, "select 1;\n--> statement-breakpoint\n\nselect 2;\nselect nothing;" } }
  local err = raises("0001_bad.sql:5: .*column \"nothing\" does not exist", apply, url)
  equal({ err.code, err.class, err.sqlstate }, { "sql-error", "fatal", "42703" })
  equal(s:query("select to_regclass('users')::text as t, to_regclass('drizzle.__drizzle_migrations')::text as m").rows, { {} })
end)

with_folder("an error without a position has the line of its statement", function(_, url)
  write("001.sql", "create table t (id int not null);\n\n-- fails\ninsert into t\nvalues (null);\ninsert into t values (1);")
  raises("001.sql:4: .*null value in column", apply, url)
end)

with_folder("plain files are transactions of their own, and what went before stays", function(s, url)
  write("001.sql", "create table t (id int);")
  write("002.sql", "create table u (id int); select nothing;")
  raises("002.sql:1: ", apply, url)
  equal(s:query("select to_regclass('t')::text as t, to_regclass('u')::text as u").rows, { { t = "t" } })
  write("002.sql", "create table u (id int);")
  local report = apply(url)
  equal({ report.applied, report.already, report.head }, { { "002.sql" }, 1, "002.sql" })
end)

with_folder("an index is built CONCURRENTLY where it stands alone in a plain file, and must be valid", function(s, url)
  write("001.sql", "create table t (id int); insert into t values (1), (1);")
  write("002.sql", "create index concurrently if not exists t_id on t (id);")
  apply(url)
  equal(s:query("select indisvalid as ok from pg_index where indexrelid = 't_id'::regclass").rows, { { ok = true } })
  write("003.sql", "create unique index concurrently if not exists t_one on t (id);")
  local err = raises("could not create unique index", apply, url)
  equal(err.about, FOLDER .. "/003.sql")
  s:query "delete from t"   -- a repeat finds the half index, and IF NOT EXISTS would take it for good
  equal(raises("the index t_one is there and not valid", apply, url).hint, "'drop index concurrently t_one', then run again")
  s:query "drop index concurrently t_one"
  equal(apply(url).applied, { "003.sql" })
end)

with_folder("what no transaction may hold is refused where it would be in one", function(_, url)
  write("001.sql", "select 1; create index concurrently i on t (id);")
  equal(raises("001.sql:1 cannot run in a transaction, and the file has other statements", plan, url).code, "migration-transaction")
  fs.remove(FOLDER .. "/001.sql")
  write_drizzle { { "0000_x", 1, "vacuum" } }
  raises("drizzle runs every file in a transaction", plan, url)
end)

with_folder("a statement that waits too long for a table gives up, and nothing is left", function(s, url)
  write("001.sql", "create table t (id int);")
  apply(url)
  write("002.sql", "create table u (id int);\nalter table t add n int;")
  s:query "begin; lock table t"
  local err = raises("002.sql:2: .*lock timeout", apply, url, { lock_timeout = 0.05 })
  equal({ err.sqlstate, err.class, exit.code(err) }, { "55P03", "transient", 8 })
  s:query "rollback"
  equal(s:query("select to_regclass('u')::text as u").rows, { {} })
  write("002.sql", "select pg_sleep(20)")
  raises("002.sql:1: .*statement timeout", apply, url, { statement_timeout = 0.05 })
end)

with_folder("two runs that meet apply every file once, and each says what its plan has", function(s, url)
  for i = 1, 4 do write(("%03d.sql"):format(i), ("create table t%d (id int); select pg_sleep(0.02)"):format(i)) end
  local planned = plan(url)
  local function run() return apply(url, { plan = planned }) end
  local done = parallel { a = run, b = run, c = run }
  for _, report in pairs(done) do equal(#report.applied, 4) end
  equal(s:query("select count(*) as n from davit_migrations").rows, { { n = 4 } })
end)

with_folder("who waits for another run gives up after its time", function(s, url)
  write("001.sql", "select 1")
  s:query "select pg_advisory_lock(7310309241527529316)"
  local err = raises("somebody else migrates the database", apply, url, { wait = 0.2 })
  equal({ err.code, err.class }, { "migration-locked", "transient" })
end)

with_folder("a pooler is refused", function(_, url)
  if not try(require("dns").lookup, { name = "db-pooler.localhost" }) then skip("names below localhost are not known here") end
  write("001.sql", "select 1")
  local pooled = url:gsub("@127%.0%.0%.1:", "@db-pooler.localhost:")
  equal(raises("is a pooler", plan, pooled).code, "migration-pooler")
end)

-- Drift ------------------------------------------------------------------------------------

local function drift(url, pattern, o)
  local err = raises(pattern, plan, url, o)
  equal({ err.code, exit.code(err) }, { "migration-drift", 5 })
end

with_folder("an applied migration that changed or vanished is drift", function(_, url)
  write_drizzle { users, roles }
  apply(url)
  write_drizzle { users, { roles[1], roles[2], roles[3] .. "\n" } }
  drift(url, "0001_roles.sql was changed after it was applied")
  write_drizzle { users, gone }
  drift(url, "1 applied migrations have no file in .* %(1700000000002%)")
  drift(url, "0000_late.sql is older than a migration that is applied, and drizzle would never run it", { newer = true },
    write_drizzle { users, { "0000_late", 1700000000000, "select 1" }, roles })
end)

with_folder("plain files that changed or vanished are drift, too", function(_, url)
  write("001.sql", "select 1")
  write("002.sql", "select 2")
  apply(url)
  write("001.sql", "select 3")
  drift(url, "001.sql was changed after it was applied")
  write("001.sql", "select 1")
  fs.remove(FOLDER .. "/002.sql")
  drift(url, "1 applied migrations have no file in .* %(002.sql%)")
end)

with_folder("a pull request that is behind may go on with its own migrations, where that is allowed", function(_, url)
  write_drizzle { users, roles }
  apply(url)
  fs.remove(FOLDER)
  write_drizzle { users, { "0001_other", 1700000000009, "alter table users add other text" } }
  local found = plan(url, { newer = true })
  equal({ found.unknown, #found.pending }, { { 1700000000002 }, 1 })
  local report = apply(url, { newer = true })
  equal({ report.applied, report.verified }, { { "0001_other.sql" }, true })
end)

with_folder("a record without a time is drift: drizzle would run everything again", function(s, url)
  write_drizzle { users }
  apply(url)
  s:query "insert into drizzle.__drizzle_migrations (hash) values ('x')"
  drift(url, "1 records have no created_at")
end)

with_folder("a journal with one time twice, and a file that is no text, are errors", function(_, url)
  write_drizzle { users, { "0001_same", users[2], "select 1" } }
  raises("0000_users and 0001_same have the same `when`", plan, url)
  write_drizzle { { "0000_bytes", 1, "select '\xff'" } }
  equal(raises("0000_bytes.sql is no text in UTF%-8", plan, url).code, "migration-text")
end)

-- Beside drizzle itself -------------------------------------------------------------------------

local function drizzle(url)
  local result = process.run { argv = { cloud.node, "tests/clients/drizzle.mjs", cloud.parts, FOLDER }, timeout = 120,
    env = { DATABASE_URL = url } }
  return json.decode(result.output)
end

local function with_drizzle(name, f)
  with_folder(name, function(s, url)
    local why = cloud.missing "drizzle-orm/package.json"
    if why then skip(why) end
    f(s, url)
  end)
end

with_drizzle("what Davit applied drizzle takes for applied, and what drizzle applied Davit", function(s, url)
  write_drizzle { users }
  apply(url)
  equal(drizzle(url), { before = 1, after = 1 })
  write_drizzle { users, roles }
  equal(drizzle(url), { before = 1, after = 2 })
  local after = plan(url)
  equal({ #after.pending, after.already }, { 0, 2 })
  write_drizzle { users, roles, gone }
  apply(url)
  equal(drizzle(url), { before = 3, after = 3 })
  equal(s:query("select column_name as name from information_schema.columns where table_name = 'users' order by 1").rows,
    { { name = "age" }, { name = "id" } })
end)

with_drizzle("both make the same table with the same records", function(s, url)
  local odd = { "0001_odd", 1700000000005, "select 'ä€😀';\r\n--> statement-breakpoint\n--> statement-breakpoint\n;;select $$\n$$" }
  write_drizzle { users, odd }
  local records = "select id, hash, created_at from drizzle.__drizzle_migrations order by id"
  local columns = "select column_name as name, data_type as type, is_nullable as null, column_default as value "
    .. "from information_schema.columns where table_schema = 'drizzle' order by ordinal_position"
  drizzle(url)
  local theirs = { s:query(records).rows, s:query(columns).rows }
  s:query "drop schema drizzle cascade; drop table users"
  apply(url)
  equal({ s:query(records).rows, s:query(columns).rows }, theirs)
end)

with_drizzle("drizzle runs what is newer than the newest record, whatever the hashes: so does the plan", function(s, url)
  write_drizzle { users, { "0001_later", 1700000000007, "select 1" } }
  drizzle(url)
  s:query "delete from drizzle.__drizzle_migrations where created_at = 1700000000001"
  equal(drizzle(url), { before = 1, after = 1 })              -- not recorded, and never run again
  drift(url, "0000_users.sql is older than a migration that is applied")
  s:query "update drizzle.__drizzle_migrations set created_at = null"
  equal(drizzle(url).error:find "already exists" ~= nil, true)  -- everything again
  drift(url, "1 records have no created_at")
end)

with_drizzle("where drizzle cannot apply a file, neither is it applied here, and nothing is left by either", function(s, url)
  write_drizzle { users, { "0001_bad", 1700000000002, "create index concurrently i on users (id)" } }
  equal(drizzle(url), { before = 0, after = 0, error = "CREATE INDEX CONCURRENTLY cannot run inside a transaction block" })
  raises("drizzle runs every file in a transaction", plan, url)
  write_drizzle { users, { "0001_bad", 1700000000002, "select nothing" } }
  equal(drizzle(url).after, 0)
  raises("0001_bad.sql:1: ", apply, url)
  equal(s:query("select to_regclass('users')::text as t").rows, { {} })
end)

with_drizzle("a journal that is out of order is applied in its order, as drizzle does it", function(_, url)
  write_drizzle { { "0000_a", 9, "create table a (id int)" }, { "0001_b", 3, "alter table a add b int" } }
  equal(apply(url).applied, { "0000_a.sql", "0001_b.sql" })
  equal(drizzle(url), { before = 2, after = 2 })
end)

-- The project's commands ----------------------------------------------------------------------------

-- A project with drizzle-kit, in the folder of the test.
local function write_kit()
  process.run { argv = { "ln", "-s", cloud.parts, FOLDER .. "/node_modules" } }
  write("drizzle.config.mjs", ("export default { dialect: 'postgresql', schema: '%s/schema.mjs', out: '%s/out', "
    .. "dbCredentials: { url: process.env.DATABASE_URL ?? 'none' } }"):format(FOLDER, FOLDER))
end

local function schema(columns)
  write("schema.mjs", ("import { pgTable, text } from 'drizzle-orm/pg-core';\n"
    .. "export const users = pgTable('users', { %s });\n"):format(columns))
end

local function kit(verb)
  return ("%s %s/drizzle-kit/bin.cjs %s --config=%s/drizzle.config.mjs"):format(cloud.node, cloud.parts, verb, FOLDER)
end

with_drizzle("drizzle-kit generates, --check sees what was forgotten, drizzle-kit migrates, Davit verifies", function(s, url)
  write_kit()
  schema "name: text()"
  local database = { migrations = FOLDER .. "/out", kind = "command", generate = kit "generate", migrate = kit "migrate" }
  equal(#migrations.generate(database).changes, 3)
  equal(migrations.generate(database, { check = true }).changes, json.array {})
  schema "name: text(), mail: text().notNull()"
  local err = raises("the schema has changes that no migration in .* has: new 0001_[%w_]+.sql, new meta/0001_snapshot.json, changed ",
    migrations.generate, database, { check = true })
  equal({ err.code, exit.code(err) }, { "migration-drift", 5 })
  equal(#fs.list(FOLDER .. "/out"), 2)   -- what it wrote was taken back
  local report = apply(url, { database = database, environment = "production" })
  equal({ report.kind, #report.applied, report.additive, report.verified }, { "command", 1, true, true })
  s:query "insert into users values ('somebody')"
  migrations.generate(database)
  local found = plan(url, nil, database)
  equal({ found.kind, #found.pending, found.breaking[1].reason:find "NOT NULL without a default" ~= nil }, { "command", 1, true })
  local failed = raises("drizzle%-kit.* ended with 1: .*/out/0001_[%w_]+.sql:1: .*column \"mail\".* contains null values",
    apply, url, { database = database, plan = found, explain = true })
  equal({ failed.code, failed.message:find "it printed" ~= nil }, { "migration-command", true })
  equal(s:query("select count(*) as n from drizzle.__drizzle_migrations").rows, { { n = 1 } })
end)

with_folder("a command of which nothing is known needs consent in production, and is told in full when it fails", function(s, url)
  local database = { kind = "command", migrate = [[
    psql "$DATABASE_URL" -qc 'create table t (id int)' && for i in 1 2 3 4 5 6 7 8; do echo "line $i"; done && exit 3 ]] }
  if process.run({ command = "command -v psql", check = false }).exit ~= 0 then skip "there is no psql" end
  local found = plan(url, nil, database)
  equal({ found.opaque, found.additive, migrations.is_empty(found) }, { true, false, false })
  equal(raises("is not known", apply, url, { database = database, plan = found, environment = "production" }).code, "denied")
  local err = raises("ended with 3; it printed: line 1 line 2 .*line 8$", apply, url, { database = database, plan = found })
  equal(err.message:find("it's a test", 1, true), nil)
  equal(s:query("select to_regclass('t')::text as t").rows, { { t = "t" } })
  database.migrate = "exit 0"
  local report = apply(url, { database = database, plan = found })
  equal({ report.verified, report.additive, report.applied }, { false, false, json.array {} })
end)

with_folder("misuse is named", function(_, url)
  write("001.sql", "select 1")
  local found = plan(url)
  raises("migrations.apply: option 'plan' is required", migrations.apply, { database = DATABASE, url = url, environment = "x" })
  raises("unknown option 'consent'", apply, url, { consent = true })
  raises("'wait' is a number of seconds from 0", apply, url, { plan = found, wait = -1 })
  raises("has no 'generate' with 'migrations'", migrations.generate, DATABASE)
end)

with_folder("what is tried is planned and applied in one go, and needs nobody's consent", function(s, url)
  write("001.sql", "create table t (id int)")
  apply(url)
  write("002.sql", "drop table t")
  local report = migrations.try { database = DATABASE, url = url }
  equal({ report.applied, report.already, report.additive }, { { "002.sql" }, 1, false })
  equal(s:query("select to_regclass('t')::text as t").rows, { {} })
  local other <close> = sql.connect { url = url }
  equal(other:query("select pg_try_advisory_lock(7310309241527529316) as free").rows, { { free = true } })
end)
