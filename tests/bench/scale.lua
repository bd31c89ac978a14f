---What one PostgreSQL carries of the runs of many CI runners: events and leases a second with so many
---connections, what they take on disk, what 1,000 live runs cost, and how long lists and gc take.
---The server is real and waits for the disk; see tests/simulation.lua for what the runners do.
---Bigger: davit tests/bench/scale.lua '{"seconds":30,"live":2000,"listed":[10000,1000000]}'
local core = require "core"
local fs = require "fs"
local json = require "json"
local measure = core.load_file("tests/measure.lua")()
local process = require "process"
local simulation = core.load_file("tests/simulation.lua")()
local sql = require "sql"

local _ <close> = measure.section {
  name = "scale", title = "Many runners on one PostgreSQL",
  about = "Simulated runners, each a process that carries many pull requests at once; server and runners share this " ..
    "machine. docs/scale.md reads these figures.",
}

local o = measure.quick and {
  seconds = 1, loads = { { 1, 1 } }, pushes = 1, supersede_every = 10, live = 50, live_seconds = 1, listed = { 500 },
} or {
  seconds = 5,                                      -- of each load
  loads = { { 1, 1 }, { 2, 4 }, { 4, 8 }, { 8, 8 } },  -- runners, pull requests that each carries at once
  pushes = 4, supersede_every = 10,
  live = 1000, live_seconds = 8,
  listed = { 10000, 100000 },
}
for name, value in pairs(json.decode((...) or "{}")) do o[name] = value end

local server <close> = measure.postgres(("max_connections=%d"):format(o.live + 100))
if not server then return 0 end
local url = server:url "postgres"
local session <close> = sql.connect { url = url }

-- One value.
local function ask(text, ...)
  return session:query("select (select " .. text .. ") as n", { ... }).rows[1].n
end

-- What the server does ---------------------------------------------------------------------------------

-- Processor time of a process of one thread, finer than the clock ticks of its stat.
local function run_time(pid)
  return tonumber(fs.read(("/proc/%s/schedstat"):format(pid)):match "^%d+") / 1e9
end

-- Processor time of the server with all its processes, those that have ended included.
local function server_cpu()
  local server_pid = ("%d"):format(server.child:pid())
  local seconds = run_time(server_pid) + select(2, simulation.cpu(server_pid))
  for pid in fs.read(("/proc/%s/task/%s/children"):format(server_pid, server_pid)):gmatch "%d+" do
    seconds = seconds + (try(run_time, pid) or 0)   -- it may have ended since
  end
  return seconds
end

local function state()
  return {
    at = core.monotonic(), cpu = server_cpu(), wal = ask "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8",
    commits = ask "xact_commit::float8 from pg_stat_database where datname = current_database()",
  }
end

local function since(before)
  local now, change = state(), {}
  for name, value in pairs(now) do change[name] = value - before[name] end
  return change
end

-- Load ----------------------------------------------------------------------------------------------------

local ms = function(buckets, part) return simulation.percentile(buckets, part) * 1000 end

local function tell_latency(what, buckets)
  measure.line("  " .. what, "%5.1f ms median, %5.1f 95 %%, %6.1f 99 %%, %d of them", ms(buckets, 0.5),
    ms(buckets, 0.95), ms(buckets, 0.99), simulation.total(buckets))
end

local function load(n, runners, at_once)
  local before = state()
  local tally, seconds, cpu = simulation.run {
    url = url, runners = runners, at_once = at_once, seconds = o.seconds, pushes = o.pushes,
    supersede_every = o.supersede_every, first = n * 100000000,
  }
  local used = since(before)
  local events, leases = simulation.total(tally.append), simulation.total(tally.take)
  measure.line(("%d runners, %d runs at once"):format(runners, runners * at_once),
    "%5.0f events a second, %4.0f leases; server %3.0f %% of a core, runners %3.0f %%; %.0f bytes of WAL an event",
    events / seconds, leases / seconds, used.cpu / used.at * 100, cpu / seconds * 100, used.wal / events)
  tell_latency("an append", tally.append)
  tell_latency("a take", tally.take)
  if tally.superseded then tell_latency("from the newer run's start to its lease", tally.superseded) end
  tell_latency("a pull request's life", tally.life)
end

measure.heading("A preview, %d pushes, the cleanup, with no time between the events; %g s each", o.pushes, o.seconds)
for n, pair in ipairs(o.loads) do load(n, table.unpack(pair)) end

-- Size -----------------------------------------------------------------------------------------------------

local function tell_size_of(name, runs)
  local heap = ask("pg_table_size($1)::float8", "davit." .. name)
  local all = ask("pg_total_relation_size($1)::float8", "davit." .. name)
  measure.line("davit." .. name, "%7.1f MB rows, %7.1f MB indices, together %5.0f bytes a run", heap / 1e6,
    (all - heap) / 1e6, all / runs)
  return all
end

-- As it is after the load: pages that are half full included.
local function tell_sizes()
  session:query "vacuum analyze davit.event, davit.run, davit.lease"
  local runs, events = ask "count(*)::float8 from davit.run", ask "count(*)::float8 from davit.event"
  local lives = ask("count(*)::float8 from davit.lease where name like $1", simulation.project .. "/%")
  measure.heading("On disk: %.0f pull requests, %.0f runs, %.0f events (%.1f a run)", lives, runs, events, events / runs)
  local all = 0
  for _, name in ipairs { "event", "run", "lease" } do all = all + tell_size_of(name, runs) end
  measure.line("all", "%.0f bytes an event, %.1f kB a run, %.1f kB a pull request", all / events, all / runs / 1000,
    all / lives / 1000)
end
tell_sizes()

-- Live runs -------------------------------------------------------------------------------------------------

-- Every run holds two leases, looks for requests once a second and renews before they expire.
local function tell_live()
  local before, used, opening = state(), nil, nil
  local runners = 8
  local cpu = simulation.hold({ url = url, runners = runners, at_once = o.live // runners }, function()
    opening = since(before)
    before = state()
    sleep(o.live_seconds)
    used = since(before)
  end)
  measure.line(("%d connections opened, 2 leases each"):format(o.live), "%.1f s, %.1f ms of the server's processor each",
    opening.at, opening.cpu / o.live * 1000)
  measure.line("their heartbeat", "%.0f transactions a second; server %.0f %% of a core, runners %.0f %%; %.1f kB WAL/s",
    used.commits / used.at, used.cpu / used.at * 100, cpu / used.at * 100, used.wal / used.at / 1000)
end
measure.heading("%d live runs that only wait, %g s", o.live, o.live_seconds)
tell_live()

-- Lists, and forgetting -----------------------------------------------------------------------------------------

local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
fs.write(folder .. "/davit.yaml", "version: 1\nproject: " .. simulation.project .. "\n")
local here = process.run({ argv = { "pwd" } }).output:match("[^\n]+")

local function davit(...)
  local began = core.monotonic()
  local result = process.run {
    argv = { here .. "/" .. (os.getenv "DAVIT" or "build/davit"), ... }, cwd = folder, check = false,
    env = { DAVIT_STORE = url },
  }
  return core.monotonic() - began, result
end

local function tell_gc()
  session:query "update davit.run set changed = changed - interval '90 days'"
  local runs = ask "count(*)::float8 from davit.run where status in ('done', 'superseded')"
  local events = ask "count(*)::float8 from davit.event"
  local seconds, result = davit("gc", "--keep", "30d")
  if result.exit ~= 0 then error(result.errors, 0) end
  measure.line(("davit gc, %.0f runs with %.0f events"):format(runs, events), "%.1f s, %.0f runs a second", seconds,
    runs / seconds)
end
measure.heading "Forgetting"
tell_gc()

-- Runs of one event: what is listed of a run is its row, its first event and its lease.
local function fill(count)
  local missing = count - ask "count(*)::integer from davit.run"
  session:query([[insert into davit.run (name, status, started, changed, events, bytes)
    select 'preview-' || gen_random_uuid(), case when i % ($1::integer / 5) = 0 then 'interrupted' else 'done' end,
      now(), now(), 1, 300 from generate_series(1, $1::integer) i]], { missing })
  session:query([[insert into davit.event (run, at, kind, path, data)
    select id, started, 'run-started', '', rpad($1, 277) from davit.run r
      where not exists (select from davit.event where run = r.id)]],
    { json.encode { recipe = "preview", params = { pr = 1 }, project = simulation.project } })
  session:query [[insert into davit.lease (name, token, since, expires)
    select 'run/' || name, 1, now(), now() from davit.run on conflict do nothing]]
  session:query "vacuum analyze davit.event, davit.run, davit.lease"
end

local function tell_lists(count)
  fill(count)
  local times = {}
  for i, verb in ipairs { { "runs" }, { "runs", "--limit", "1000" }, { "resume" } } do
    local seconds = {}
    for n = 1, 3 do seconds[n] = davit(table.unpack(verb)) end
    times[i] = measure.percentile(seconds, 0.5) * 1000
  end
  measure.line(("%d runs"):format(count), "davit runs %.0f ms, with --limit 1000 %.0f ms; davit resume without an id %.0f ms",
    table.unpack(times))
end
measure.heading "Lists, of which 5 runs can be resumed"
for _, count in ipairs(o.listed) do tell_lists(count) end
fs.remove(folder)
