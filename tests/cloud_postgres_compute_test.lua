---Computes of the local cloud's databases: they wake, are suspended, are never too many, speak TLS, come back when they
---were killed, and leave nothing behind.
local core = require "core"
local fs = require "fs"
local neon_cloud = assert(core.load_file "tests/neon_cloud.lua")()
local process = require "process"
local sql = require "sql"
local tcp = require "tcp.core"

local function case(name, options, body)
  test(name, function()
    if not neon_cloud.is_here() then skip "there is no PostgreSQL" end
    neon_cloud.with(options, body)
  end)
end

local function state_of(c, branch, kind) return c:endpoint(branch, kind).current_state end

local function suspend(c, branch) c:settled(c:api("POST", ("/endpoints/%s/suspend"):format(c:endpoint(branch).id))) end

local function until_idle(c) neon_cloud.until_true(function() return c:awake() == 0 end, 60) end

local brief = { settings = { suspend_seconds = 1 } }

-- What an endpoint's address is, from the one before.
local function address_after(c, branch)
  local network, last = c:endpoint(branch).host:match "^(.+)%.(%d+)$"
  return ("%s.%d"):format(network, tonumber(last) + 1)
end

case("an endpoint whose port another program has is not told to be there", {}, function(c)
  local other <close> = tcp.listen { address = address_after(c, c:branch "production"), port = 5432 }
  c:api("POST", "/branches", { branch = { name = "taken" }, endpoints = { { type = "read_write" } } })
  local failed = c:settle()
  equal({ failed.status, failed.error:find "address already in use" ~= nil }, { "failed", true })
  equal(other ~= nil, true)
end)

-- ---- waking -----------------------------------------------------------------------------------

case("a compute that nobody uses is suspended and wakes with the next connection", brief, function(c)
  local main = c:branch "production"
  c:query(main, "create table t (n int); insert into t values (7)")
  equal(state_of(c, main), "active")
  until_idle(c)
  equal(state_of(c, main), "idle")
  equal(c:value(main, "(select n from t)"), 7)
  equal(state_of(c, main), "active")
end)

case("an open connection does not keep a compute awake, a statement or transaction does", brief, function(c)
  local main = c:branch "production"
  local idle = sql.connect { url = c:uri(main) }
  equal(#idle:query("select pg_sleep(3)").rows, 1)
  until_idle(c)
  equal(raises("", idle.query, idle, "select 1").code, "sql-lost")
  local busy <close> = sql.connect { url = c:uri(main) }
  busy:query "begin; create table t (n int)"
  sleep(3)
  busy:query "commit"
  equal(c:value(main, "(select count(*)::int from t)"), 0)
end)

case("many first connections start one server, and all are served", {}, function(c)
  local main = c:branch "production"
  local uri = c:uri(main)
  suspend(c, main)
  local works = {}
  for i = 1, 30 do works[i] = function() return neon_cloud.query(uri, ("select %d as n"):format(i))[1].n end end
  for i, n in ipairs(parallel(works)) do equal(n, i) end
  equal(c:awake(), 1)
end)

-- What PostgreSQL's protocol has in place of a startup to end another session's statement.
local CANCEL = (">I4I4I4I4"):pack(16, 80877102, 1, 1)

case("a statement can be cancelled, and a cancellation wakes nobody", {}, function(c)
  local main = c:branch "production"
  do
    local session <close> = sql.connect { url = c:uri(main) }
    equal(raises("", session.query, session, "select pg_sleep(600)", {}, { timeout = 0.5 }).code, "sql-timeout")
  end
  neon_cloud.until_true(function()
    return c:value(main, "(select count(*)::int from pg_stat_activity where query = 'select pg_sleep(600)')") == 0
  end, 30)
  suspend(c, main)
  local connection <close> = tcp.connect { address = c:endpoint(main).host, port = 5432 }
  connection:send(CANCEL)
  equal(connection:receive(), nil)
  equal(c:awake(), 0)
end)

case("at most so many are awake: the one that is idle for longest makes room, one that is busy does not",
  { computes = 2 }, function(c)
    local branches = { c:branch "production" }
    for i = 2, 4 do branches[i] = c:make { name = "b" .. i } end
    for round = 1, 2 do
      for i, branch in ipairs(branches) do
        equal(c:value(branch, ("%d"):format(i * round)), i * round)
        equal(c:awake() <= 2, true)
      end
    end
    equal({ state_of(c, branches[1]), state_of(c, branches[2]), state_of(c, branches[4]) }, { "idle", "idle", "active" })
    local one <close> = sql.connect { url = c:uri(branches[1]) }
    local two <close> = sql.connect { url = c:uri(branches[2]) }
    one:query "begin; select 1"
    two:query "begin; select 1"
    local got = parallel {
      waits = function() return c:value(branches[3], "3") end,
      ends = function()
        sleep(1)
        equal({ state_of(c, branches[1]), state_of(c, branches[3]) }, { "active", "idle" })
        two:query "commit"
      end,
    }
    equal(got.waits, 3)
    equal({ state_of(c, branches[1]), state_of(c, branches[2]) }, { "active", "idle" })
    one:query "commit"
  end)

case("a disabled compute refuses, and one that was enabled again serves", {}, function(c)
  local main = c:branch "production"
  local path = "/endpoints/" .. c:endpoint(main).id
  c:settled(c:api("PATCH", path, { endpoint = { disabled = true } }))
  raises("endpoint is disabled", c.query, c, main, "select 1")
  c:settled(c:api("PATCH", path, { endpoint = { disabled = false } }))
  equal(c:value(main, "1"), 1)
end)

case("a branch that could not be made is made when it is used, over HTTP too, and is ready then", {}, function(c)
  local main = c:branch "production"
  c:query(main, "create table t (n int); insert into t values (7)")
  local time = c:moment(main)
  c:query(main, "delete from t")
  local function move(from, to)
    process.run { command = ("for base in %s/tl-*/*.%s; do mv $base ${base%%.*}.%s; done"):format(c:data(), from, to) }
  end
  move("tar", "hidden")   -- without a base there is no past
  local made = c:api("POST", "/branches", { branch = { name = "late", parent_id = main.id, parent_timestamp = time },
    endpoints = { { type = "read_write" } } }).branch
  local failed = c:settle()
  move("hidden", "tar")
  equal({ failed.action, failed.retry_at, state_of(c, made), c:branch("late").current_state },
    { "create_branch", nil, "init", "init" })
  local answer = c.cloud:ask("POST", "api.eu-central-1.aws.neon.tech/sql",
    { json = { query = "select n from t" }, headers = { ["neon-connection-string"] = c:uri(made) } })
  equal({ answer.status, answer:json().rows }, { 200, { { n = 7 } } })
  equal({ state_of(c, made), c:branch("late").current_state }, { "active", "ready" })
end)

case("a branch whose compute does not start is there, and the start is what has failed", {}, function(c)
  local main = c:branch "production"
  c:query(main, "create table t (n int); insert into t values (7)")
  suspend(c, main)
  local access = c:data() .. "/access"
  process.run { command = ("mv %s %s.hidden"):format(access, access) }   -- without it no server starts
  c:api("POST", "/branches", { branch = { name = "late" }, endpoints = { { type = "read_write" } } })
  equal({ c:settle().action, c:branch("late").current_state }, { "start_compute", "ready" })
  process.run { command = ("mv %s.hidden %s"):format(access, access) }
  equal(c:value(c:branch "late", "(select n from t)"), 7)
end)

case("a branch without a compute that could not be made is ready once it is there", {}, function(c)
  local main = c:branch "production"
  local time = c:moment(main)
  local function move(from, to)
    process.run { command = ("for base in %s/tl-*/*.%s; do mv $base ${base%%.*}.%s; done"):format(c:data(), from, to) }
  end
  move("tar", "hidden")
  c:api("POST", "/branches", { branch = { name = "late", parent_id = main.id, parent_timestamp = time } })
  equal(c:settle().action, "create_branch")
  equal(c:branch("late").current_state, "init")
  move("hidden", "tar")
  c:api("POST", "/branches", { branch = { name = "child", parent_id = c:branch("late").id } })   -- which needs it
  neon_cloud.until_true(function() return c:branch("child").current_state == "ready" end, 60)
  neon_cloud.until_true(function() return c:branch("late").current_state == "ready" end, 60)
  equal(c:branch("late").parent_lsn ~= nil, true)
end)

-- ---- read-only ones ---------------------------------------------------------------------------

case("a read-only compute is a hot standby of its branch, and both wake for it", {}, function(c)
  local main = c:make { name = "main" }
  suspend(c, c:branch "production")
  c:query(main, "create table t (n int); insert into t values (1)")
  c:settled(c:api("POST", "/endpoints", { endpoint = { branch_id = main.id, type = "read_only" } }))
  local standby = c:endpoint(main, "read_only")
  local uri = c:uri(main):gsub("@[%d.]+", "@" .. standby.host)
  equal(neon_cloud.query(uri, "select pg_is_in_recovery() as standby, n from t"), { { standby = true, n = 1 } })
  equal(raises("read%-only", neon_cloud.query, uri, "insert into t values (2)").sqlstate, "25006")
  c:query(main, "insert into t values (2)")
  neon_cloud.until_true(function() return #neon_cloud.query(uri, "select n from t") == 2 end, 30)
  c:settled(c:api("POST", ("/endpoints/%s/suspend"):format(standby.id)))
  suspend(c, main)
  equal(c:awake(), 0)
  equal(#neon_cloud.query(uri, "select n from t"), 2)
  equal(c:awake(), 2)
  c:settled(c:api("DELETE", "/endpoints/" .. standby.id))
  raises("", neon_cloud.query, uri, "select 1")
  equal(c:awake(), 1)
end)

case("where one may be awake, a read-only compute and its primary are two, and make room for others", { computes = 1 },
  function(c)
    local main = c:branch "production"
    local other = c:make { name = "other" }
    c:query(main, "create table t (n int); insert into t values (1)")
    c:settled(c:api("POST", "/endpoints", { endpoint = { branch_id = main.id, type = "read_only" } }))
    local uri = c:uri(main):gsub("@[%d.]+", "@" .. c:endpoint(main, "read_only").host)
    equal(neon_cloud.query(uri, "select n from t"), { { n = 1 } })
    equal(c:awake(), 2)
    equal(c:value(other, "1"), 1)
    equal(c:awake(), 1)
    equal(neon_cloud.query(uri, "select n from t"), { { n = 1 } })
  end)

-- ---- what is told of them ---------------------------------------------------------------------

case("what was written, what there is and when it was used are told", {}, function(c)
  local main = c:branch "production"
  local child = c:make { name = "child" }
  local from = c:moment(child)
  c:query(child, "create table t as select g, repeat(md5(g::text), 10) from generate_series(1, 10000) g")
  suspend(c, child)
  local shown = c:branch "child"
  equal({ shown.written_data_bytes > 1000000, shown.logical_size > 3000000 }, { true, true })
  equal(c:endpoint(child).last_active >= from:sub(1, 19), true)
  equal(c:api("GET", "").project.written_data_bytes >= shown.written_data_bytes, true)
  suspend(c, main)
  equal(c:branch("production").written_data_bytes < shown.written_data_bytes, true)
end)

-- ---- TLS --------------------------------------------------------------------------------------

case("psql verifies the certificate by address and by name, with channel binding", {}, function(c)
  if process.run({ command = "command -v psql", check = false }).exit ~= 0 then skip "there is no psql" end
  local main = c:branch "production"
  local endpoint, uri = c:endpoint(main), c:uri(main):gsub("%?.*", "")
  local function psql(url)
    return process.run { argv = { "psql", "--no-psqlrc", "-Atqc",
      "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()", url }, check = false,
      env = { PGSSLROOTCERT = c.facts.ca_file } }
  end
  local strict = "?sslmode=verify-full&channel_binding=require"
  equal(psql(uri .. strict).output, "t|TLSv1.3\n")
  local name = ("%s.eu-central-1.aws.neon.tech"):format(endpoint.id)
  for _, host in ipairs { name, (name:gsub("^[^.]+", "%0-pooler")) } do
    equal(psql(uri:gsub("@[%d.]+", "@" .. host) .. strict .. "&hostaddr=" .. endpoint.host).output, "t|TLSv1.3\n")
  end
  local wrong = psql(uri:gsub("@[%d.]+", "@ep-other.eu-central-1.aws.neon.tech") .. strict .. "&hostaddr=" .. endpoint.host)
  equal({ wrong.exit, wrong.errors:find("does not match host name", 1, true) ~= nil }, { 2, true })
  equal(psql(uri .. "?sslmode=disable").output, "f|\n")
  local key = fs.stat(("%s/%s.pem"):format(c:data(), endpoint.id), { outside = true })
  equal(key.mode, "0600")
end)

case("connection strings ask for TLS where the setting says so", { settings = { sslmode = "require" } }, function(c)
  local uri = c:uri(c:branch "production")
  equal(uri:match "?.*", "?sslmode=require")
  equal(neon_cloud.query(uri, "select ssl from pg_stat_ssl where pid = pg_backend_pid()"), { { ssl = true } })
end)

-- ---- roles and databases ----------------------------------------------------------------------

local function with_password(uri, role, password)
  return (uri:gsub("//[^@]+@", ("//%s:%s@"):format(role, password)))
end

case("roles, passwords and databases follow the model, awake and asleep", {}, function(c)
  local main = c:branch "production"
  local base = ("/branches/%s"):format(main.id)
  local function api(method, path, body) return c:settled(c:api(method, base .. path, body)) end
  local old = c:uri(main)
  api("POST", "/roles", { role = { name = "second" } })
  local second = api("POST", "/roles/second/reset_password").role.password
  equal(neon_cloud.query(with_password(old, "second", second), "select current_user as who")[1].who, "second")
  api("POST", "/roles/neondb_owner/reset_password")
  raises("password", neon_cloud.query, old, "select 1")
  api("POST", "/databases", { database = { name = "shop", owner_name = "neondb_owner" } })
  c:query(main, "select 1")
  neon_cloud.query(c:uri(main, "shop"), "create table kept (n int)")
  suspend(c, main)
  api("PATCH", "/databases/shop", { database = { name = "store", owner_name = "second" } })
  local uri = c:uri(main, "store")
  equal(neon_cloud.query(uri, [[select pg_get_userbyid(datdba) as owner, to_regclass('kept')::text as there
    from pg_database where datname = 'store']]), { { owner = "second", there = "kept" } })
  raises("does not exist", neon_cloud.query, uri:gsub("/store", "/shop"), "select 1")
  c:query(main, "grant create on database neondb to second")
  neon_cloud.query(with_password(c:uri(main), "second", second), "create schema mine; create table mine.left_over (n int)")
  api("DELETE", "/databases/store")
  raises("does not exist", neon_cloud.query, uri, "select 1")
  api("DELETE", "/roles/second")
  equal(c:value(main, "(select count(*)::int from pg_roles where rolname = 'second')"), 0)
  equal(c:query(main, "select tableowner from pg_tables where tablename = 'left_over'"), { { tableowner = "neondb_owner" } })
end)

case("a role that is deleted and made anew at rest is another one", {}, function(c)
  local main = c:branch "production"
  local function api(method, path, body)
    return c:settled(c:api(method, ("/branches/%s/roles%s"):format(main.id, path), body))
  end
  c:query(main, "create table t (n int)")
  local first = api("POST", "", { role = { name = "second" } }).role.password
  c:query(main, "grant select on t to second; grant create on database neondb to second")
  neon_cloud.query(with_password(c:uri(main), "second", first), "create schema mine; create table mine.theirs (n int)")
  suspend(c, main)
  api("DELETE", "/second")
  local password = api("POST", "", { role = { name = "second" } }).role.password
  raises("permission denied", neon_cloud.query, with_password(c:uri(main), "second", password), "select n from t")
  equal(c:query(main, "select tableowner from pg_tables where tablename = 'theirs'"), { { tableowner = "neondb_owner" } })
  equal(c:value(main, "(select count(*)::int from pg_roles where rolname like 'davit %')"), 0)
end)

case("a child of a parent whose roles were deleted and made anew at rest has none of the old ones", {}, function(c)
  local main = c:branch "production"
  local function api(method, path, body)
    return c:settled(c:api(method, ("/branches/%s/roles%s"):format(main.id, path), body))
  end
  c:query(main, "create table t (n int); create role of_sql")
  for _, name in ipairs { "second", "third", "fourth" } do api("POST", "", { role = { name = name } }) end
  c:query(main, "grant select on t to second, fourth")
  suspend(c, main)
  api("DELETE", "/second")
  local password = api("POST", "", { role = { name = "second" } }).role.password
  api("DELETE", "/third")
  equal(c:awake(), 0)
  local child = c:make { name = "child" }
  password = c:api("GET", ("/branches/%s/roles/second/reveal_password"):format(child.id)).password or password
  raises("permission denied", neon_cloud.query, with_password(c:uri(child), "second", password), "select n from t")
  equal(c:query(child, [[select string_agg(rolname, ' ' order by rolname) as names from pg_roles
    where rolname !~ '^pg_' and rolname <> 'cloud_admin']]), { { names = "fourth neondb_owner of_sql second" } })
  equal(c:value(child, "has_table_privilege('fourth', 't', 'select')"), true)
end)

case("databases that are deleted, renamed and made anew at rest keep and lose the right rows", {}, function(c)
  local main = c:branch "production"
  local function api(method, path, body)
    return c:settled(c:api(method, ("/branches/%s/databases%s"):format(main.id, path), body))
  end
  local function make(name) api("POST", "", { database = { name = name, owner_name = "neondb_owner" } }) end
  local function rename(from, to) api("PATCH", "/" .. from, { database = { name = to } }) end
  c:query(main, "select 1")
  for _, name in ipairs { "a", "b", "c", "d", "app" } do
    make(name)
    neon_cloud.query(c:uri(main, name), ("create table was (name text); insert into was values ('%s')"):format(name))
  end
  suspend(c, main)
  api("DELETE", "/b")
  rename("a", "b")
  rename("c", "spare")
  rename("d", "c")
  rename("spare", "d")
  api("DELETE", "/app")
  make "app"
  equal(c:awake(), 0)
  for name, was in pairs { b = "a", c = "d", d = "c" } do
    equal({ name, neon_cloud.query(c:uri(main, name), "select name from was") }, { name, { { name = was } } })
  end
  equal(neon_cloud.query(c:uri(main, "app"), "select to_regclass('was') is null as fresh"), { { fresh = true } })
  equal(c:query(main, [[select string_agg(datname, ' ' order by datname) as names from pg_database
    where not datistemplate]]), { { names = "app b c d neondb postgres" } })
end)

case("a child of a parent whose databases were renamed and deleted at rest has the right rows", {}, function(c)
  local main = c:branch "production"
  local function api(method, path, body)
    return c:settled(c:api(method, ("/branches/%s/databases%s"):format(main.id, path), body))
  end
  local function rename(from, to) api("PATCH", "/" .. from, { database = { name = to } }) end
  c:query(main, "select 1")
  for _, name in ipairs { "a", "b", "c", "d" } do
    api("POST", "", { database = { name = name, owner_name = "neondb_owner" } })
    neon_cloud.query(c:uri(main, name), ("create table was (name text); insert into was values ('%s')"):format(name))
  end
  suspend(c, main)
  api("DELETE", "/b")
  rename("a", "b")
  rename("c", "spare")
  rename("d", "c")
  rename("spare", "d")
  equal(c:awake(), 0)
  local child = c:make { name = "child" }
  for name, was in pairs { b = "a", c = "d", d = "c" } do
    equal({ name, neon_cloud.query(c:uri(child, name), "select name from was") }, { name, { { name = was } } })
  end
  equal(c:query(child, [[select string_agg(datname, ' ' order by datname) as names from pg_database
    where not datistemplate]]), { { names = "b c d neondb postgres" } })
end)

-- ---- when it is killed ------------------------------------------------------------------------

case("a server that is killed in mid-write comes back with the next connection, and has what it confirmed", {}, function(c)
  local main = c:branch "production"
  local uri = c:uri(main)
  c:query(main, "create table t (n int); create table wide (n int, x text)")
  local confirmed = 0
  local function write()
    local session <close> = sql.connect { url = uri }
    while true do
      session:query(("insert into t values (%d); insert into wide select g, repeat(md5(g::text), 100) from generate_series(1, 300) g")
        :format(confirmed + 1))
      confirmed = confirmed + 1
    end
  end
  for round = 1, 3 do
    local before = confirmed
    local err = parallel { all = false,
      writes = function() return select(2, try(write)) end,
      kills = function()
        neon_cloud.until_true(function() return confirmed > before + 3 end, 60)
        for _, pid in pairs(c:servers()) do process.run { command = "kill -KILL " .. pid } end
      end,
    }.writes
    equal(err.code == "sql-lost" or err.code == "sql-error", true)
    local n = c:value(main, "(select max(n) from t)")
    equal({ round, n == confirmed or n == confirmed + 1 }, { round, true })
    equal(c:value(main, "(select count(*)::int from wide)"), 300 * n)
    confirmed = n
  end
end)

-- ---- what is left -----------------------------------------------------------------------------

case("a branch that is deleted leaves no file, process or socket", {}, function(c)
  local files = fs.list(c:data(), { outside = true })
  local made = c:make({ name = "brief" }, { { type = "read_write" }, { type = "read_only" } })
  equal(c:value(made, "1"), 1)
  local uri = c:uri(made):gsub("@[%d.]+", "@" .. c:endpoint(made, "read_only").host)
  equal(neon_cloud.query(uri, "select 1 as n")[1].n, 1)
  local host = c:endpoint(made).host
  c:settled(c:api("DELETE", "/branches/" .. made.id))
  neon_cloud.until_true(function() return #fs.list(c:data(), { outside = true }) <= #files end, 30)
  for _, name in ipairs(fs.list(c:data(), { outside = true })) do
    equal({ name, name:find(made.id, 1, true) }, { name, nil })
  end
  raises("refused", tcp.connect, { address = host, port = 5432 })
  for name in pairs(c:servers()) do equal(name, "postgres production") end
end)
