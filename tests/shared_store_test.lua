---Runs that are recorded in PostgreSQL, each command a real process: other folders stand for other machines.
---The server is real, and is killed, stopped and cut off. What the recipes make is files in one folder, as if it
---were a cloud.
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()
local postgres = assert(require("core").load_file("tests/postgres.lua"))()
local process = require "process"
local sql = require "sql"

local server <close> = postgres.start()

local function shared_test(name, f)
  test(name, function()
    if not server then skip "PostgreSQL's programs are not here" end
    f()
  end)
end

local HEAD = [[
local fs = require "fs"
local made = os.getenv "MADE"
local outside = { outside = true }
local function thing(name)
  local path = made .. "/" .. name
  return {
    name, find = function() return fs.exists(path, outside) and { name = name } or nil end,
    create = function() fs.write(path, name, outside) return { name = name } end,
    destroy = function() fs.remove(path, outside) end,
  }
end
-- A door that the test opens.
local function wait_for(door)
  while not fs.exists(made .. "/../" .. door, outside) do sleep(0.05) end
end
]]

local recipes = {
  -- Makes ten things; in between it waits for the test.
  ship = HEAD .. [[return { summary = "s", run = function(_, run)
    local _ <close> = run.lease "web"
    for i = 1, 5 do run.ensure(thing("thing " .. i)) end
    run.step("door", function() wait_for "door" end)
    for i = 6, 10 do run.ensure(thing("thing " .. i)) end
    run.output("made", "ten")
  end }]],
  -- The newest one takes over.
  push = HEAD .. [[return { summary = "s", run = function(_, run)
    local _ <close> = run.lease("web", { supersede = true })
    run.ensure(thing "thing")
    run.step("door", function() wait_for "door" end)
  end }]],
  -- Many small steps.
  many = HEAD .. [[return { summary = "s", run = function(_, run)
    for i = 1, 60 do run.step("step " .. i, function() sleep(0.01) return i end) end
  end }]],
  ask = HEAD .. [[return { summary = "s", approves = true, run = function(_, run)
    run.ensure(thing "before")
    run.approve { "go on?", plan = { to = 2 } }
    run.ensure(thing "after")
  end }]],
  -- Says a secret wherever it can.
  leaky = [[return { summary = "s", run = function(_, run)
    local value = "hunter2-hunter3\nhunter4"
    require("secret.core").new("LEAKED", value, { "api.github.com" })
    local _ <close> = run.lease(value:sub(1, 15))
    run.step("step " .. value:sub(1, 15), { value = value, [value] = 1 }, function() return { value, [2] = "quo\"te" } end)
    run.output("out", value)
    failure { message = value, hint = value, about = value }
  end }]],
  -- What a child of a run is given.
  child = [[local process = require "process"
    return { summary = "s", run = function(_, run)
    run.step("env", function() return process.run({ command = "env" }).output:find("DAVIT_STORE", 1, true) or "hidden" end)
    run.output("variable", run.step("again", function() return "hidden" end))
  end }]],
}

-- ---- machines -----------------------------------------------------------------------------------------

-- Folders that share one new database and one place for what is made.
local function machines(more, on)
  on = on or server
  local name, parent = on:database(), process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  fs.make(parent .. "/made")
  local self = { url = on:url(name), database = name, parent = parent, all = {} }
  function self.new()
    local machine = places.bare(recipes)
    machine.env = { MADE = parent .. "/made", DAVIT_STORE = self.url }
    for key, value in pairs(more or {}) do machine.env[key] = value end
    self.all[#self.all + 1] = machine
    return machine
  end
  function self.open_door() fs.write(parent .. "/door", "") end
  function self.made() return #fs.list(parent .. "/made") end
  return setmetatable(self, { __close = function()
    for _, machine in ipairs(self.all) do local _ <close> = machine end
    fs.remove(parent)
  end })
end

-- The password is nowhere to be seen: not as it is, not as in the URL.
local function check_password(text)
  for _, form in ipairs { "it's a test", "it%27s", "wrong password" } do
    if text:find(form, 1, true) then error("the password was printed: " .. text, 3) end
  end
end

local function davit(machine, ...)
  local result = machine:davit(...)
  check_password(result.output .. result.errors)
  return result
end

local function succeeds(result)
  if result.exit ~= 0 then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
  return result
end

local function ends(result, exit, ...)
  check_password(result.output .. result.errors)
  if result.exit ~= exit then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
  for _, pattern in ipairs { ... } do
    if not result.errors:find(pattern) then error(("expected %s in: %s"):format(pattern, result.errors), 2) end
  end
end

-- As a pattern that finds just this.
local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

-- Reads events up to the one with this kind and path; returns the run's id.
local function wait_for(run, kind, path)
  while true do
    local line = run:line()
    if not line then error(("the run ended before %s %s: %s"):format(kind, path, run:wait().errors), 2) end
    local event = json.decode(line)
    if event.event == kind and event.path == path then return event.run end
  end
end

-- A run that stands before the door; its id.
local function at_the_door(machine, recipe, ...)
  local run = machine:begin(recipe or "ship", "--json", ...)
  return run, wait_for(run, "step-started", "door")
end

-- ---- what takes its time: begun here, ended below ------------------------------------------------------------

-- A host is looked for until patience ends.
local nowhere <close> = server and machines() or nil
if nowhere then nowhere.url = server:url("x", { host = "no-such-host.invalid" }) end
local unreachable <close> = nowhere and nowhere.new():begin "runs" or nil

-- A server that goes away for longer than leases live.
local leaving <close> = server and postgres.start() or nil
local left_alone <close> = server and machines({ DAVIT_LEASE_SECONDS = "2" }, leaving) or nil
local abandoned <close>, abandoned_id = table.unpack(server and { at_the_door(left_alone.new()) } or {})
if server then leaving:kill() end
-- Once the leases have expired, the run has something to do.
local opener <close> = server and process.start {
  command = 'sleep 4; touch "$DOOR"', env = { DOOR = left_alone.parent .. "/door" },
} or nil

-- ---- a run and its store -----------------------------------------------------------------------------------

shared_test("a run is recorded in the database, and nothing of it in the folder", function()
  local site <close> = machines()
  local machine, other = site.new(), site.new()
  site.open_door()
  local run = succeeds(davit(machine, "ship"))
  equal({ run.output, site.made() }, { "made: ten\n", 10 })
  equal(fs.exists(machine.folder .. "/.davit/journal.db"), false)
  local id = davit(other, "runs").output:match "^(ship%-%S+)"
  equal(davit(other, "show", id).output:find("thing 10  ok (made)", 1, true) ~= nil, true)
  succeeds(davit(other, "undo", id))
  equal(site.made(), 0)
  equal(succeeds(davit(machine, "child")).output, "variable: hidden\n")
  equal(davit(machine, "show", davit(other, "runs").output:match "^%S+", "--json").output:find('"result":"hidden"', 1, true)
    ~= nil, true)
end)

-- Everything that stands in a database, as text.
local function dump(url)
  local session <close> = sql.connect { url = url }
  local parts = {}
  local tables = session:query([[select table_schema as schema, table_name as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema')]]).rows
  for _, t in ipairs(tables) do
    for _, row in ipairs(session:query(('select t::text as line from "%s"."%s" t'):format(t.schema, t.name)).rows) do
      parts[#parts + 1] = row.line
    end
  end
  return #tables, table.concat(parts, "\n")
end

shared_test("no secret comes into the database, nor out of what the server quotes", function()
  local site <close> = machines()
  ends(davit(site.new(), "leaky"), 1, "%*%*%*")
  local tables, text = dump(site.url)
  equal({ tables > 2, #text > 500, (text:find "hunter") }, { true, true, nil })
  require("secret.core").new("QUOTED", "hunter5-hunter6", { "sql:*" })
  local session <close> = sql.connect { url = site.url }
  for _, statement in ipairs { "select 'hunter5-hunter6'::int", "select 1 as x from \"hunter5-hunter6\"",
    'select 1 from "hunter5-hunter6"' } do
    local _, err = try(session.query, session, statement)
    equal({ err.code, (json.encode { err.message, err.hint or "" }:find "hunter") }, { "sql-error", nil })
  end
end)

shared_test("a run that was killed is resumed from another folder", function()
  local site <close> = machines()
  local first, second = site.new(), site.new()
  local run <close> = at_the_door(first)
  run:kill "KILL"
  run:wait()
  site.open_door()
  local resumed = succeeds(davit(second, "resume"))
  equal({ resumed.output, site.made() }, { "made: ten\n", 10 })
  equal(resumed.errors:find("thing 5 ", 1, true), nil)
end)

-- Runs davit under another host's name, where root may.
local function elsewhere(machine, arguments)
  return machine:sh([[exec unshare --uts sh -c 'hostname elsewhere && exec "$DAVIT" ]] .. arguments .. "'")
end

shared_test("nobody can tell from another machine whether it was killed: resuming waits until the lease expires", function()
  if process.run({ command = "unshare --uts true", check = false }).exit ~= 0 then skip "only root may rename the host" end
  local site <close> = machines { DAVIT_LEASE_SECONDS = "3" }
  local first, second = site.new(), site.new()
  local run <close>, id = at_the_door(first)
  run:kill "KILL"
  run:wait()
  local early = elsewhere(second, "resume " .. id)
  if early.exit ~= 0 then ends(early, 6, "is held by run " .. plain(id), "%-%-wait waits") end
  site.open_door()
  succeeds(elsewhere(second, "resume " .. id .. " --wait"))
  equal(site.made(), 10)
end)

-- ---- the server is away ----------------------------------------------------------------------------------------

shared_test("the server is killed in mid-run and comes back: the run goes on by itself", function()
  local site <close> = machines()
  local machine = site.new()
  local run <close> = at_the_door(machine)
  server:kill()
  site.open_door()
  server:restart()
  local ended = run:wait()
  ends(ended, 0)
  equal(site.made(), 10)
  local id = davit(machine, "runs").output:match "^(%S+)"
  local seen = {}
  for line in davit(machine, "show", id, "--json").output:gmatch "[^\n]+" do
    local event = json.decode(line)
    local key = event.event .. " " .. event.path
    seen[key] = (seen[key] or 0) + 1
  end
  for i = 1, 10 do equal(seen["ensure-finished thing " .. i], 1) end
end)

shared_test("connections that are cut at random cost nothing", function()
  local site <close> = machines()
  local machine = site.new()
  local run <close> = machine:begin("many", "--json")
  local owner <close> = sql.connect { url = server:url("postgres") }
  local ended, cuts = false, 0
  parallel {
    run = function()
      wait_for(run, "run-finished", "")
      ended = true
    end,
    cuts = function()
      while not ended do
        local rows = owner:query("select pg_terminate_backend(pid) as done from pg_stat_activity where datname = $1",
          { site.database })
        cuts = cuts + #rows.rows
        sleep(0.3 * math.random())
      end
    end,
  }
  ends(run:wait(), 0)
  equal(cuts > 0, true)
  local id = davit(machine, "runs").output:match "^(%S+)"
  local finished = 0
  for line in davit(machine, "show", id, "--json").output:gmatch "[^\n]+" do
    if json.decode(line).event == "step-finished" then finished = finished + 1 end
  end
  equal(finished, 60)
end)

-- ---- from another folder ------------------------------------------------------------------------------------------

shared_test("an approval from another folder reaches the run that stays for it", function()
  for _, deny in ipairs { false, true } do
    local site <close> = machines()
    local first, second = site.new(), site.new()
    local run <close> = first:begin("ask", "--wait", "--json")
    local id = wait_for(run, "approval-awaited", "go on?")
    local answer = succeeds(davit(second, "approve", id, "--why", "looks right", deny and "--deny" or nil))
    equal(answer.output:find(deny and "^denied; process %d+" or "^approved; process %d+") ~= nil, true)
    ends(run:wait(), deny and 7 or 0)
    equal(site.made(), deny and 0 or 2)
  end
end)

shared_test("a run is cancelled from another folder, and undone from a third", function()
  local site <close> = machines()
  local first, second, third = site.new(), site.new(), site.new()
  local run <close>, id = at_the_door(first)
  succeeds(davit(second, "cancel", id, "--why", "not today"))
  ends(run:wait(), 10, "cancelled by .*: not today")
  equal(site.made(), 5)
  succeeds(davit(third, "undo", id))
  equal(site.made(), 0)
end)

shared_test("of two runs under one lease the second is refused, or supersedes the first", function()
  local site <close> = machines()
  local first, second = site.new(), site.new()
  do
    local run <close>, id = at_the_door(first)
    ends(davit(second, "ship"), 6, "'web' is held by run " .. plain(id), "davit cancel ship")
    site.open_door()
    ends(run:wait(), 0)
  end
  fs.remove(site.parent .. "/door")
  local older <close> = at_the_door(first, "push")
  local newer <close> = second:begin("push", "--json")
  local id = wait_for(newer, "lease-taken", "web")
  ends(older:wait(), 6, "superseded by run " .. plain(id))
  site.open_door()
  ends(newer:wait(), 0)
end)

-- ---- a database that cannot be used -----------------------------------------------------------------------------------

local function refused(site, exit, ...)
  local machine = site.new()
  machine.env.DAVIT_STORE = site.url
  for _, command in ipairs { "ship", "runs" } do ends(davit(machine, command), exit, ...) end
  equal({ site.made(), fs.exists(machine.folder .. "/.davit/journal.db") }, { 0, false })
end

shared_test("a wrong password, a database that is not there and a URL that is none are named", function()
  local site <close> = machines()
  site.url = server:url(site.database, { password = "wrong password" })
  refused(site, 1, "password authentication failed")
  site.url = server:url "nowhere"
  refused(site, 1, 'database "nowhere" does not exist')
  for _, url in ipairs { "postgresql://davit:it's a test@/", "mysql://davit:it's a test.0.0.1/x", "it's a test" } do
    site.url = url
    refused(site, 2, "DAVIT_STORE is not the URL of a PostgreSQL database")
  end
end)

shared_test("a host that cannot be found is named", function()
  local ended = unreachable:wait()
  ends(ended, 1, "no%-such%-host%.invalid")
end)

shared_test("a database that may only be read is named, and nothing is begun", function()
  local site <close> = machines()
  local owner <close> = sql.connect { url = server:url("postgres") }
  owner:query(("alter database %s set default_transaction_read_only = on"):format(site.database))
  refused(site, 1, "read%-only")
end)

shared_test("a newer schema is refused and left as it is", function()
  local site <close> = machines()
  site.open_door()
  succeeds(davit(site.new(), "many"))
  local owner <close> = sql.connect { url = site.url }
  owner:query "update davit.version set version = version + 90"
  refused(site, 1, "schema 9%d", "newer")
end)

shared_test("the URL is in no command line and in no child's environment", function()
  local site <close> = machines()
  local machine = site.new()
  local run <close> = at_the_door(machine)
  local seen = process.run { command = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '" }.output
  check_password(seen)
  site.open_door()
  ends(run:wait(), 0)
end)

shared_test("the server is away for longer than leases live: the run does nothing more, and is resumed later", function()
  opener:wait()
  local ended = abandoned:wait()
  leaving:restart()
  ends(ended, 10, "the lease 'bare/web' is lost: it could not be renewed in time")
  equal(ended.errors:find(("davit resume %s"):format(abandoned_id), 1, true) ~= nil, true)
  equal(left_alone.made(), 5)
  succeeds(davit(left_alone.all[1], "resume"))
  equal(left_alone.made(), 10)
end)
