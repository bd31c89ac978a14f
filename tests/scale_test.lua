---Many runs on one shared store: a small version of the simulation behind docs/scale.md, and lists that
---stay short.
local core = require "core"
local fs = require "fs"
local json = require "json"
local process = require "process"
local simulation = core.load_file("tests/simulation.lua")()
local store = require "store.core"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run({ argv = { "pwd" } }).output:match("[^\n]+")
local server <close> = core.load_file("tests/postgres.lua")().start()

-- With a database of its own, by its URL.
local function on_postgres(name, f)
  test(name, function()
    if not server then skip "PostgreSQL's programs are not here" end
    local session <close>, database = server:session()
    f(server:url(database), session)
  end)
end

on_postgres("the first call on an empty database may be any", function(url)
  local s <close> = store.open(url)
  equal(s:leases(), {})
end)

on_postgres("runners carry pull requests on one store: every run ends, and gives its leases back", function(url, session)
  local tally = simulation.run {
    url = url, runners = 2, at_once = 2, seconds = 0, pushes = 1, supersede_every = 2, first = 0,
  }
  equal({ simulation.total(tally.life), simulation.total(tally.superseded) }, { 4, 2 })
  local runs = session:query("select status, count(*) as n from davit.run group by status order by status").rows
  equal(runs, { { status = "done", n = 12 }, { status = "superseded", n = 2 } })
  equal(session:query("select count(*) as n from davit.lease where run is not null").rows[1].n, 0)
  equal(session:query("select sum(events) = (select count(*) from davit.event) as same from davit.run").rows[1].same, true)
end)

on_postgres("live runs hold their leases while they wait", function(url, session)
  simulation.hold({ url = url, runners = 1, at_once = 3 }, function()
    equal(session:query("select count(*) as n from davit.lease where expires > now()").rows[1].n, 6)
  end)
end)

-- Projects that share a store, and lists ----------------------------------------------------------------

local function with_folder(project, f)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  fs.write(folder .. "/davit.yaml", ("version: 1\nproject: %s\n"):format(project))
  local results = table.pack(try(f, folder))
  fs.remove(folder)
  if results[2] then error(results[2], 0) end
end

local function run_davit(folder, url, ...)
  return process.run {
    argv = { here .. "/" .. davit, ... }, cwd = folder, env = { DAVIT_STORE = url or false, CI = false }, check = false,
  }
end

-- Runs that are recorded and nothing more.
local function record(s, project, count, status)
  for i = 1, count do
    s:append { {
      run = ("%s-20260101-000000-%06x"):format(project, i), at = i, kind = "run-started", path = "", status = status,
      data = json.encode { recipe = "ship", params = {}, project = project },
    } }
  end
end

local function lines_of(text)
  return select(2, text:gsub("\n", ""))
end

test("runs are listed as far as asked, and only the project's own", function()
  with_folder("one", function(folder)
    fs.make(folder .. "/.davit")
    do
      local s <close> = store.open(folder .. "/.davit/journal.db")
      record(s, "one", 60, "done")
      record(s, "two", 300, "done")
    end
    local listed = run_davit(folder, nil, "runs")
    equal({ lines_of(listed.output), listed.output:find("two-", 1, true) }, { 50, nil })
    equal(listed.errors, "davit: these are the newest 50; --limit N or --all shows more\n")
    equal(listed.output:match "^%S+", "one-20260101-000000-00003c")
    equal(lines_of(run_davit(folder, nil, "runs", "--limit", "7", "--json").output), 7)
    local all = run_davit(folder, nil, "runs", "--all")
    equal({ lines_of(all.output), all.errors }, { 60, "" })
    local exactly = run_davit(folder, nil, "runs", "--limit", "60")
    equal({ lines_of(exactly.output), exactly.errors }, { 60, "" })
    equal(run_davit(folder, nil, "runs", "--limit", "0").exit, 2)
  end)
end)

on_postgres("of a shared store, resume and gc touch only the project's own runs", function(url, session)
  local s <close> = store.open(url)
  record(s, "one", 2, "interrupted")
  record(s, "two", 3, "interrupted")
  record(s, "three", 4, "done")
  with_folder("one", function(folder)
    local resumed = run_davit(folder, url, "resume")
    equal({ resumed.exit, resumed.errors:find("2 runs can be resumed", 1, true) ~= nil }, { 2, true })
    local collected = run_davit(folder, url, "gc", "--keep", "1d")
    equal(collected.output:match "^%d+ runs forgotten", "0 runs forgotten")
  end)
  with_folder("three", function(folder)
    equal(run_davit(folder, url, "gc", "--keep", "1d").output:match "^%d+ runs forgotten", "4 runs forgotten")
  end)
  equal(session:query("select count(*) as n from davit.run").rows[1].n, 5)
end)
