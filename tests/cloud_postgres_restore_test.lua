---Restore drills on real PostgreSQL: write, remember the moment, destroy, restore, compare.
local core = require "core"
local fs = require "fs"
local neon_cloud = assert(core.load_file "tests/neon_cloud.lua")()

local function drill(name, body, options)
  test(name, function()
    if not neon_cloud.is_here() then skip "there is no PostgreSQL" end
    neon_cloud.with(options or {}, body)
  end)
end

local FILL = "create table things (id int primary key, name text); insert into things select g, 'thing ' || g "
  .. "from generate_series(1, 1000) g"
local SUM = "(select md5(string_agg(things::text, '' order by id)) from things)"
local RUIN = "update things set name = 'ruined'; delete from things where id > 10"

local function add_compute(c, branch, kind)
  return c:settled(c:api("POST", "/endpoints", { endpoint = { branch_id = branch.id, type = kind or "read_write" } })).endpoint
end

drill("a branch is restored from itself to a time and to a position, and the ruins stay under a name", function(c)
  local main = c:branch "production"
  c:query(main, FILL)
  local before, time, lsn = c:value(main, SUM), c:moment(main)
  c:query(main, RUIN)
  local ruined, uri = c:value(main, SUM), c:uri(main)
  local restored = c:restore(main, { source_branch_id = main.id, source_timestamp = time, preserve_under_name = "ruins" })
  equal({ restored.id, c:uri(main), c:value(main, SUM) }, { main.id, uri, before })
  local ruins = c:branch "ruins"
  add_compute(c, ruins)
  equal(c:value(ruins, SUM), ruined)
  c:query(main, RUIN)
  c:restore(main, { source_branch_id = main.id, source_lsn = lsn, preserve_under_name = "ruins again" })
  equal(c:value(main, SUM), before)
end)

drill("a restored branch can be restored, and what it was made of may be gone", function(c)
  local main = c:branch "production"
  c:query(main, "create table steps (n int); insert into steps values (1)")
  local child = c:make { name = "child", parent_id = main.id }
  local times = {}
  for n = 2, 4 do
    c:query(child, ("insert into steps values (%d)"):format(n))
    times[n] = c:moment(child)
  end
  local function back_to(n)
    c:restore(child, { source_branch_id = child.id, source_timestamp = times[n], preserve_under_name = "before " .. n })
    equal({ n, c:value(child, "(select max(n) from steps)") }, { n, n })
  end
  back_to(3)
  c:query(child, "insert into steps values (10)")
  local _, later = c:moment(child)
  c:query(child, "drop table steps")
  c:restore(child, { source_branch_id = child.id, source_lsn = later, preserve_under_name = "dropped" })
  equal(c:value(child, "(select string_agg(n::text, ',' order by n) from steps)"), "1,2,3,10")
  back_to(2)
end)

drill("a child of a moment that has passed holds what there was then, of idle branches too", function(c)
  local main = c:branch "production"
  c:query(main, FILL)
  local before, time, lsn = c:value(main, SUM), c:moment(main)
  c:query(main, RUIN)
  c:settled(c:api("POST", ("/endpoints/%s/suspend"):format(c:endpoint(main).id)))
  equal(c:awake(), 0)
  local by_time = c:make { name = "by-time", parent_id = main.id, parent_timestamp = time }
  local by_lsn = c:make { name = "by-lsn", parent_id = main.id, parent_lsn = lsn }
  equal({ c:value(by_time, SUM), c:value(by_lsn, SUM) }, { before, before })
  local head = c:make { name = "head", parent_id = main.id }
  equal(c:value(head, "(select count(*)::int from things)"), 10)
  -- Nothing was committed after the last moment: the end of the log is that time.
  local last = c:moment(main)
  c:settled(c:api("POST", ("/endpoints/%s/suspend"):format(c:endpoint(main).id)))
  equal(c:value(c:make { name = "end", parent_id = main.id, parent_timestamp = last }, "(select count(*)::int from things)"), 10)
end)

-- The copy takes longer than the next statement on a session that is there.
drill("a child of the head has what was committed until it was wanted, and says where it began", function(c)
  local sql = require "sql"
  local main = c:branch "production"
  c:query(main, "create table t (n int); insert into t values (1)")
  local session <close> = sql.connect { url = c:uri(main) }
  local function make(fields, n)
    local before = select(2, c:moment(main))
    fields.parent_id = main.id
    local made = c:api("POST", "/branches", { branch = fields, endpoints = { { type = "read_write" } } }).branch
    session:query(("insert into t values (%d); create table later_%d ()"):format(n, n))
    c:settle()
    return made, before
  end
  local one, before = make({ name = "one" }, 2)
  local began, after = c:branch("one").parent_lsn, select(2, c:moment(main))
  equal({ c:value(one, "(select max(n) from t)"), one.parent_lsn, began ~= nil }, { 1, nil, true })
  equal(c:value(main, ("'%s'::pg_lsn >= '%s' and '%s'::pg_lsn < '%s'"):format(began, before, began, after)), true)
  equal(c:value(make({ name = "two" }, 3), "(select max(n) from t)"), 2)
  local of_schema = make({ name = "schema", init_source = "schema-only" }, 4)
  equal(c:value(of_schema, "to_regclass('later_3') is not null and to_regclass('later_4') is null"), true)
end)

drill("a reset takes the parent's head, and children of who was restored keep their data", function(c)
  local main = c:branch "production"
  c:query(main, "create table t (who text); insert into t values ('main')")
  local child = c:make { name = "child", parent_id = main.id }
  c:query(child, "insert into t values ('child')")
  local grandchild = c:make { name = "grandchild", parent_id = child.id }
  c:query(grandchild, "insert into t values ('grandchild')")
  c:query(main, "insert into t values ('main again')")
  c:restore(child, { source_branch_id = main.id, preserve_under_name = "child before" })
  local all = "(select string_agg(who, ',' order by who) from t)"
  equal(c:value(child, all), "main,main again")
  equal(c:value(grandchild, all), "child,grandchild,main")
  add_compute(c, c:branch "child before")
  equal(c:value(c:branch "child before", all), "child,main")
  equal(c:api("GET", "/branches/" .. grandchild.id).branch.parent_id, c:branch("child before").id)
end)

drill("sessions of a restored branch end, and the next one sees the other data", function(c)
  local sql = require "sql"
  local main = c:branch "production"
  c:query(main, FILL)
  local time = c:moment(main)
  c:query(main, RUIN)
  local session <close> = sql.connect { url = c:uri(main) }
  session:query "begin; delete from things"
  c:restore(main, { source_branch_id = main.id, source_timestamp = time, preserve_under_name = "before" })
  equal(raises("", session.query, session, "select 1").code, "sql-lost")
  equal(c:value(main, "(select count(*)::int from things)"), 1000)
end)

drill("a position that is not in the log, or is none, fails the operation in words", function(c)
  local main = c:branch "production"
  c:query(main, "create table t (n int)")
  c:api("POST", "/branches", { branch = { name = "ahead", parent_id = main.id, parent_lsn = "7F/0" } })
  equal(c:settle().error, "the log ends before 7F/0")
  equal(fs.exists(c:data() .. "/template", { outside = true }), true)
end)

drill("a restore that fails leaves the branch and its data, with or without a name for what it was", function(c)
  local main = c:branch "production"
  local child = c:make { name = "child", parent_id = main.id }
  c:query(child, FILL)
  local before = c:value(child, SUM)
  local function fail(name)
    c:api("POST", ("/branches/%s/restore"):format(child.id), { source_branch_id = main.id, source_lsn = "7F/0",
      preserve_under_name = name })
    neon_cloud.until_true(function() return c:branch("child").current_state == "ready" end, 60)
    equal(c:settle().action, "create_timeline")
    equal({ c:value(child, SUM), c:branch "kept" }, { before })
  end
  fail()
  fail "kept"
  c:query(child, RUIN)
  local ruined = c:value(child, SUM)
  local grandchild = c:api("POST", "/branches", { branch = { name = "grandchild", parent_id = child.id },
    endpoints = { { type = "read_write" } } }).branch
  neon_cloud.until_true(function() return c:branch("grandchild").current_state == "ready" end, 60)
  equal(c:value(grandchild, SUM), ruined)
end)

drill("history is kept as long as the project says, and then gone for good", function(c)
  c:settled(c:api("PATCH", "", { project = { history_retention_seconds = 4 } }))
  local main = c:branch "production"
  c:query(main, "create table t (n int); insert into t values (1)")
  local time = c:moment(main)
  c:query(main, "insert into t select generate_series(1, 100000)")
  local folder
  for _, name in ipairs(fs.list(c:data(), { outside = true })) do
    if name:find "^tl%-" then folder = ("%s/%s"):format(c:data(), name) end
  end
  local function bases()
    local list = {}
    for _, name in ipairs(fs.list(folder, { outside = true })) do
      if name:find "^base%-" then list[#list + 1] = name end
    end
    return list
  end
  local first, log = bases()[1], fs.list(folder .. "/data/pg_wal", { outside = true })[1]
  neon_cloud.until_true(function()
    c:query(main, "insert into t values (1)")
    return bases()[1] ~= first and not fs.exists(folder .. "/data/pg_wal/" .. log, { outside = true })
  end, 60)
  equal(c:ask("POST", "/branches", { branch = { name = "late", parent_id = main.id, parent_timestamp = time } }).status, 422)
  -- What is left is whole.
  local now = c:moment(main)
  local count = c:value(main, "(select count(*)::int from t)")
  c:query(main, "drop table t")
  c:restore(main, { source_branch_id = main.id, source_timestamp = now, preserve_under_name = "before" })
  equal(c:value(main, "(select count(*)::int from t)"), count)
end)

drill("data that nobody used for a while is packed, and wakes, is copied and restored as before", function(c)
  local main = c:branch "production"
  c:query(main, FILL)
  local before, time = c:value(main, SUM), c:moment(main)
  c:query(main, "delete from things where id > 10")
  local folder
  for _, name in ipairs(fs.list(c:data(), { outside = true })) do
    if name:find "^tl%-" then folder = c:data() .. "/" .. name end
  end
  local function pack()
    c:settled(c:api("POST", ("/endpoints/%s/suspend"):format(c:endpoint(main).id)))
    neon_cloud.until_true(function() return #fs.list(folder .. "data", { outside = true }) == 1 end, 60)
    equal({ fs.exists(folder .. "packed", { outside = true }), fs.list(folder .. "data", { outside = true })[1] },
      { true, "pg_wal/" })
  end
  pack()
  equal(c:value(main, "(select count(*)::int from things)"), 10)
  equal(fs.exists(folder .. "packed", { outside = true }), false)
  pack()
  local past = c:make { name = "past", parent_id = main.id, parent_timestamp = time }
  equal(fs.exists(folder .. "packed", { outside = true }), true)
  equal(c:value(past, SUM), before)
  equal(c:value(c:make { name = "head", parent_id = main.id }, "(select count(*)::int from things)"), 10)
end, { settings = { pack_seconds = 1 } })

drill("a branch of a schema has tables, roles and databases, and no rows", function(c)
  local main = c:branch "production"
  c:query(main, [[create table things (id serial primary key, name text not null);
    create table parts (of_thing int references things, check (of_thing > 0)); create index on parts (of_thing);
    create view names as select name from things; create role reader; grant select on things to reader;
    create function one() returns int language sql as 'select 1';
    insert into things (name) values ('secret'); insert into parts values (1)]])
  local time = c:moment(main)
  c:query(main, "drop view names")
  local empty = c:make { name = "empty", parent_id = main.id, init_source = "schema-only" }
  equal(c:query(empty, "select * from things"), {})
  c:query(empty, "insert into things (name) values ('mine'); insert into parts values (1)")
  equal({ c:value(empty, "(select id from things)"), c:value(empty, "one()"), c:value(empty, "to_regclass('names') is null"),
    c:value(empty, "has_table_privilege('reader', 'things', 'select')") }, { 1, 1, true, true })
  local past = c:make { name = "past", parent_id = main.id, init_source = "schema-only", parent_timestamp = time }
  equal(c:query(past, "select * from names"), {})
  equal(c:query(main, "select name from things"), { { name = "secret" } })
end)
