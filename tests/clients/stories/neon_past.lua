---neonctl: branches that go back to what they or others were: write, remember, destroy, restore, look.
local about = ...
local on = about.on

local SUM <const> = "select coalesce(string_agg(id || '=' || text, ',' order by id), 'nothing') from rows"

-- A branch with a table that its parent does not have.
local function filled(p, name)
  p:given(name)
  local uri = p:uri(name)
  p:query(uri, "create table if not exists rows (id int primary key, text text); truncate rows; insert into rows values (1, 'old')")
  return uri
end

-- The moment and the place in the log, in the forms that neonctl takes. What is destroyed next lies behind both.
local function moment(p, uri)
  local told = p:query(uri, [[select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    pg_current_wal_flush_lsn(), pg_sleep(0.01)]])
  return told:match "^([^|]+)|([^|]+)|"
end

on("past", "a branch goes back to a moment, the rows are as they were, and what it was stays under another name", function(p)
  local uri = filled(p, "pr-1")
  local time = moment(p, uri)
  p:query(uri, "delete from rows; insert into rows values (2, 'new')")
  local told = p:json("branches", "restore", "pr-1", "^self@" .. time, "--preserve-under-name", "pr-1-before")
  equal({ told.restored_branch.name, told.backup_branch.name, told.restored_branch.parent_id },
    { "pr-1", "pr-1-before", told.backup_branch.id })
  equal(p:query(uri, SUM), "1=old")
  p:succeeds("branches", "add-compute", "pr-1-before", "--type", "read_write")
  equal(p:query(p:uri "pr-1-before", SUM), "2=new")
  p:query(uri, "insert into rows values (3, 'newer')")
  p:succeeds("branches", "restore", "pr-1", "^parent")
  equal(p:query(uri, SUM), "2=new")
  p:fails("children", "branches", "delete", "pr-1-before")
end)

on("past", "a branch goes back to a place in the log", function(p)
  local uri = filled(p, "pr-2")
  local _, lsn = moment(p, uri)
  p:query(uri, "drop table rows")
  p:succeeds("branches", "restore", "pr-2", "^self@" .. lsn, "--preserve-under-name", "pr-2-before")
  equal(p:query(uri, SUM), "1=old")
end)

on("past", "a branch is reset to its parent, once losing what it was and once keeping it", function(p)
  local production = p:uri "production"
  p:query(production, "create table if not exists rows (id int primary key, text text); truncate rows")
  p:given "pr-3"
  local uri = p:uri "pr-3"
  p:query(uri, "insert into rows values (9, 'of the branch')")
  p:query(production, "insert into rows values (1, 'of production')")
  local told = p:json("branches", "reset", "pr-3", "--parent")
  equal({ told.name, told.current_state }, { "pr-3", "resetting" })
  equal(p:query(uri, SUM), "1=of production")
  p:query(uri, "insert into rows values (9, 'of the branch')")
  p:succeeds("branches", "reset", "pr-3", "--parent", "--preserve-under-name", "pr-3-old")
  equal(p:query(uri, SUM), "1=of production")
  p:succeeds("branches", "add-compute", "pr-3-old", "--type", "read_write")
  equal(p:query(p:uri "pr-3-old", SUM), "1=of production,9=of the branch")
end)

on("past", "a branch takes what another one was, and a new one begins there", function(p)
  local source = filled(p, "source")
  local time = moment(p, source)
  p:query(source, "delete from rows")
  p:given "target"
  p:succeeds("branches", "restore", "target", "source@" .. time)
  equal(p:query(p:uri "target", SUM), "1=old")
  local production = p:uri "production"
  p:query(production, "create table if not exists rows (id int primary key, text text); insert into rows values (5, 'five')")
  local before, lsn = moment(p, production)
  p:query(production, "delete from rows where id = 5")
  p:succeeds("branches", "create", "--name", "of-then", "--parent", before)
  p:succeeds("branches", "create", "--name", "of-there", "--parent", lsn)
  for _, name in ipairs { "of-then", "of-there" } do
    equal({ name, p:query(p:uri(name), "select text from rows where id = 5") }, { name, "five" })
  end
end)

on("past", "a moment before the history of the project is refused", function(p)
  p:fails("outside of the history window", "branches", "restore", "source", "^self@2020-01-01T00:00:00Z", "--preserve-under-name", "none")
  equal(p:branch "none", nil)
end)
