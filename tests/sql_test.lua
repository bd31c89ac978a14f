local core = require "core"
local secret = require "secret.core"
local sql = require "sql"
local task = require "task"

test("misuse names the function and the argument", function()
  raises("sql.connect: expected a table of options", sql.connect, "postgresql://h/d")
  raises("sql.connect: option 'url' is required", sql.connect, {})
  raises("sql.connect: option 'url' must be a string, not a number", sql.connect, { url = 1 })
  raises("sql.connect: unknown option 'uri' %(expected url, timeout%)", sql.connect, { uri = "x" })
  raises("sql.connect: option 'timeout' must be above 0", sql.connect, { url = "x", timeout = 0 })
  raises("sql.connect: option 'timeout' must be a finite number", sql.connect, { url = "x", timeout = "1" })
end)

test("a URL that names no host, or two, or another one in disguise, is refused", function()
  for _, url in ipairs {
    "", "http://host/db", "postgresql:///db", "postgresql://a,b/db", "postgresql://u:pw@/db",
    "postgresql://a/db?host=b", "postgresql://a/db?hostaddr=127.0.0.2",
    "postgresql://u:p@w@a/db", "postgresql://a/db?service=x",
  } do
    equal(raises("URL", sql.connect, { url = url }).code, "sql-url")
  end
end)

test("the error of a URL that cannot be read does not repeat its password", function()
  local err = raises("the URL cannot be read", sql.connect, { url = "postgresql://u:hunter%zz2@127.0.0.1/db" })
  equal(tostring(err):find("hunter"), nil)
end)

test("an unknown parameter of the URL is named", function()
  raises('invalid URI query parameter: "pgbouncer"', sql.connect, {
    url = "postgresql://u:pw@127.0.0.1/db?pgbouncer=true",
  })
end)

test("a port where nobody listens is transient and says where", function()
  local err = raises("connecting to u@127.0.0.1:1/db: .*Connection refused", sql.connect, {
    url = "postgresql://u:hunter2@127.0.0.1:1/db",
  })
  equal(err.code, "sql-connect")
  equal(err.class, "transient")
  equal(tostring(err):find("hunter2"), nil)
end)

test("a secret in the URL is checked against the host that the whole URL names", function()
  local password = secret.new("PASSWORD", "hunter2x", { "sql:db.example" })
  local err = raises("PASSWORD may be sent to sql:db.example only, not to sql:127.0.0.1", sql.connect, {
    url = "postgresql://u:" .. password .. "@127.0.0.1:1/db",
  })
  equal(err.code, "secret-refused")
  raises("holds a secret and does not say where it leads", sql.connect, { url = password })
  local url = secret.new("URL", "postgresql://u:hunter2x@127.0.0.1:1/db", { "sql:127.0.0.1" })
  raises("Connection refused", sql.connect, { url = url })
end)

local server <close> = core.load_file("tests/postgres.lua")().start()

local function with_server(name, f)
  test(name, function()
    if not server then skip("no PostgreSQL server on this machine") end
    local session <close>, database = server:session()
    f(session, database)
  end)
end

-- Values -------------------------------------------------------------------------

with_server("types become Lua's, the rest stays text", function(s)
  local result = s:query [[
    select true as yes, false as no, 7::int2 as small, -8::int4 as int, 9223372036854775807::int8 as big,
           1.5::float4 as single, 'NaN'::float8 as nan, 12.30::numeric as money, '{"a": 1}'::json as doc,
           'text' as word, '' as empty, '\x00ff'::bytea as bytes, '2024-02-29'::date as day]]
  local row = result.rows[1]
  equal(row.nan ~= row.nan, true)
  row.nan = nil
  equal(row, {
    yes = true, no = false, small = 7, int = -8, big = math.maxinteger, single = 1.5, money = "12.30",
    doc = '{"a": 1}', word = "text", empty = "", bytes = "\\x00ff", day = "2024-02-29",
  })
  equal(result.columns, { "yes", "no", "small", "int", "big", "single", "nan", "money", "doc", "word",
    "empty", "bytes", "day" })
  equal(result.affected, nil)
end)

with_server("a null is an absent field", function(s)
  local result = s:query "select null as a, 1 as b"
  equal(result.rows, { { b = 1 } })
  equal(result.columns, { "a", "b" })
end)

with_server("parameters go through untouched, quotes and all", function(s)
  local values = { "it's; drop table x --", "é🚢\n\t\\", "", 42, -1.5, true, false, sql.null }
  local row = s:query([[select $1::text as a, $2::text as b, $3::text as c, $4::int8 as d, $5::float8 as e,
    $6::bool as f, $7::bool as g, $8::text as h]], values).rows[1]
  equal(row, { a = values[1], b = values[2], c = "", d = 42, e = -1.5, f = true, g = false })
end)

with_server("secrets in parameters and text go to the session's host only", function(s)
  local here = secret.new("HERE", "it's here", { "sql:127.0.0.1" })
  local elsewhere = secret.new("ELSEWHERE", "elsewhere!", { "sql:db.example" })
  equal(s:query("select length($1) as n", { here }).rows, { { n = 9 } })
  equal(s:query("select length('" .. secret.new("TEXT", "quoted", { "sql:*" }) .. "') as n").rows, { { n = 6 } })
  raises("ELSEWHERE may be sent to sql:db.example only, not to sql:127.0.0.1 %(parameter 2%)",
    s.query, s, "select $1, $2", { 1, elsewhere })
  raises("ELSEWHERE may be .* %(the text%)", s.query, s, "select " .. elsewhere)
end)

with_server("affected counts the rows that a statement changed", function(s)
  equal(s:query("create table t (id int)").affected, nil)
  equal(s:query("insert into t select generate_series(1, 5)").affected, 5)
  equal(s:query("update t set id = id + 1 where id > $1", { 3 }).affected, 2)
  equal(s:query("delete from t returning id").affected, 5)
  equal(s:query("select 1 as x").affected, nil)
end)

with_server("a text of several statements gives the last one's result", function(s)
  equal(s:query("create table t (id int); insert into t values (1), (2); select id from t").rows,
    { { id = 1 }, { id = 2 } })
  equal(s:query("").rows, {})
end)

with_server("a hundred thousand rows arrive whole", function(s)
  local rows = s:query("select i, repeat('x', 20) || i as text from generate_series(1, 100000) i").rows
  equal(#rows, 100000)
  equal(rows[100000], { i = 100000, text = ("x"):rep(20) .. "100000" })
end)

with_server("a parameter of some megabytes goes and comes back", function(s)
  local big = ("é"):rep(4000000)
  equal(s:query("select length($1::text) as n, $1::text as text", { big }).rows, { { n = 4000000, text = big } })
end)

with_server("two columns of one name are refused, as one would hide the other", function(s)
  raises("two columns are named 'a': name one with AS", s.query, s, "select 1 as a, 2 as a")
end)

with_server("raw, a result is what the server sent: texts, fields with their types, the command", function(s)
  s:query "create table t (id int primary key, name varchar(20))"
  local made = s:query("insert into t values (1, 'one'), (2, null) returning id, name, id as id", nil, { raw = true })
  equal(made.rows, { { "1", "one", "1" }, { "2", sql.null, "2" } })
  equal(made.command, "INSERT 0 2")
  local id, name = made.fields[1], made.fields[2]
  equal({ id.name, id.type, id.number, id.size, id.modifier }, { "id", 23, 1, 4, -1 })
  equal({ name.name, name.type, name.number, name.size, name.modifier }, { "name", 1043, 2, -1, 24 })
  equal(id.table == name.table and id.table > 0, true)
  equal(s:query("select 1.5 as half", {}, { raw = true }).fields[1].table, 0)
  equal(s:query("", {}, { raw = true }), { fields = {}, rows = {}, command = "" })
end)

with_server("raw, a text is one statement", function(s)
  equal(raises("cannot insert multiple commands", s.query, s, "select 1; select 2", {}, { raw = true }).sqlstate, "42601")
  raises("option 'raw' must be true or false", s.query, s, "select 1", {}, { raw = 1 })
end)

-- What the server refuses --------------------------------------------------------------

with_server("an error has all that the server said, field by field", function(s)
  s:query "create table t (id int constraint only_once primary key)"
  s:query "insert into t values (1)"
  local said = raises("only_once", s.query, s, "insert into t values (1)").said
  equal({ said.severity, said.schema, said.table, said.constraint, said.detail, said.position },
    { "ERROR", "public", "t", "only_once", "Key (id)=(1) already exists.", nil })
  equal(said.message, 'duplicate key value violates unique constraint "only_once"')
  local inner = raises("nothing", s.query, s, "do $$ begin execute 'select nothing'; end $$").said
  equal({ inner.internal_query, inner.internal_position }, { "select nothing", "8" })
end)

with_server("an error of the server keeps its text, SQLSTATE and position", function(s, database)
  local err = raises('syntax error at or near "selct", at character 1 %(42601%)', s.query, s, "selct 1")
  equal({ err.code, err.class, err.sqlstate, err.position, err.about }, { "sql-error", "fatal", "42601", 1, "127.0.0.1" })
  equal(err.message:find("davit@127.0.0.1:" .. server.port .. "/" .. database, 1, true), 1)
  equal(s:query("select 1 as x").rows, { { x = 1 } })
end)

with_server("detail and hint of the server become the hint", function(s)
  s:query("create table t (id int primary key)")
  s:query("insert into t values (1)")
  local err = raises("duplicate key", s.query, s, "insert into t values ($1)", { 1 })
  equal(err.sqlstate, "23505")
  equal(err.hint, "Key (id)=(1) already exists.")
end)

with_server("a wrong password and a missing database are fatal", function()
  local err = raises("password authentication failed", sql.connect, { url = server:url("postgres", { password = "hunter2" }) })
  equal({ err.code, err.class, err.sqlstate }, { "sql-connect", "fatal", "28P01" })
  equal(tostring(err):find("hunter2"), nil)
  err = raises('database "none" does not exist', sql.connect, { url = server:url("none") })
  equal({ err.code, err.class, err.sqlstate }, { "sql-connect", "fatal", "3D000" })
end)

with_server("a server without TLS is refused when TLS is asked for", function()
  local err = raises("does not support SSL", sql.connect, { url = server:url("postgres", { parameters = "?sslmode=require" }) })
  equal(err.class, "fatal")
end)

with_server("localhost needs no name server", function(_, database)
  local s <close> = sql.connect { url = server:url(database, { host = "localhost" }) }
  equal(tostring(s), "sql session on localhost")
end)

with_server("COPY through the client is refused and ends the session", function(s)
  raises("COPY from or to the client is not supported", s.query, s, "copy pg_class to stdout")
  raises("the session ended earlier", s.query, s, "select 1")
end)

with_server("notices go nowhere", function(s)
  s:query("do $$ begin raise notice 'hello'; end $$")
end)

-- Time, cancellation, loss -----------------------------------------------------------------

local function active(s, text)
  return s:query("select count(*) as n from pg_stat_activity where state = 'active' and query = $1", { text }).rows[1].n
end

---Waits until the server has stopped the statement: the cancel request takes its own way.
local function gone(s, text)
  for _ = 1, 100 do
    if active(s, text) == 0 then return true end
    sleep(0.02)
  end
  return false
end

with_server("a statement that takes too long is stopped on the server, and its session ends", function(s, database)
  local other <close> = sql.connect { url = server:url(database) }
  local err = raises("took longer than 0.2 s", s.query, s, "select pg_sleep(60)", nil, { timeout = 0.2 })
  equal({ err.code, err.class }, { "sql-timeout", "unknown" })
  equal(gone(other, "select pg_sleep(60)"), true)
  equal(raises("the session ended earlier", s.query, s, "select 1").class, "transient")
end)

with_server("a cancelled task's statement is stopped on the server", function(s, database)
  local other <close> = sql.connect { url = server:url(database) }
  raises("deadline of 0.2 s", task.deadline, 0.2, function() s:query("select pg_sleep(61)") end)
  equal(gone(other, "select pg_sleep(61)"), true)
end)

with_server("a backend that is terminated leaves it unknown what became of the statement", function(s)
  local err = raises("the connection broke while a statement ran %(terminating connection", s.query, s,
    "select pg_terminate_backend(pg_backend_pid())")
  equal({ err.code, err.class, err.sqlstate }, { "sql-lost", "unknown", "57P01" })
end)

with_server("sessions work side by side, a session does one thing at a time", function(s, database)
  local other <close> = sql.connect { url = server:url(database) }
  local started = core.monotonic()
  parallel {
    a = function() s:query("select pg_sleep(0.3)") end,
    b = function() other:query("select pg_sleep(0.3)") end,
  }
  equal(core.monotonic() - started < 0.55, true)
  local err = raises("still runs another statement", parallel, {
    a = function() s:query("select pg_sleep(0.3)") end,
    b = function() s:query("select 1") end,
  })
  equal(err.code, "sql-busy")
end)

with_server("closing a session under a statement ends the statement", function(s)
  raises("the session was closed while a statement ran", parallel, {
    a = function() s:query("select pg_sleep(60)") end,
    b = function() sleep(0.1) s:close() end,
  })
end)

with_server("closing twice is fine, and a closed session is misuse", function(s)
  s:close()
  s:close()
  raises("session:query: the session is closed", s.query, s, "select 1")
end)

with_server("what query takes is checked before anything is sent", function(s)
  raises("session:query: the text must be a string, not a nil", s.query, s)
  raises("session:query: the text holds a zero byte", s.query, s, "select 1\0")
  raises("session:query: the parameters must be a list, not a string", s.query, s, "select $1", "x")
  raises("must be a list without holes: write sql.null", s.query, s, "select $1, $2, $3", { 1, [3] = 2 })
  raises("must be a list without holes", s.query, s, "select $1", { id = 1 })
  raises("parameter 2 must be a string, number, boolean or sql.null, not a table", s.query, s, "select $1, $2", { 1, {} })
  raises("parameter 1 holds a zero byte", s.query, s, "select $1", { "\0" })
  raises("unknown option 'timeuot' %(expected timeout, raw%)", s.query, s, "select 1", nil, { timeuot = 1 })
  raises("option 'timeout' must be above 0", s.query, s, "select 1", nil, { timeout = -1 })
  raises("the parameters must be a list", s.query, s, "select 1", 5)
end)

test("a server that dies in mid-query leaves it unknown, and then refuses", function()
  if not server then skip("no PostgreSQL server on this machine") end
  local s <close> = server:session()
  local err = raises("the connection broke while a statement ran", parallel, {
    query = function() s:query("select pg_sleep(60)") end,
    crash = function()
      sleep(0.2)
      server:kill()
    end,
  })
  equal({ err.code, err.class }, { "sql-lost", "unknown" })
  raises("Connection refused", sql.connect, { url = server:url("postgres") })
end)
