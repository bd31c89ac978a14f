---What ends badly for the local databases: Davit killed beside them, a copy cut short, a disk that is full; and
---very many branches.
local core = require "core"
local davit_cloud = assert(core.load_file "tests/davit_cloud.lua")()
local fs = require "fs"
local neon_cloud = assert(core.load_file "tests/neon_cloud.lua")()
local process = require "process"
local tcp = require "tcp.core"

local TOKEN = "a-neon-token"
local PROJECT = "/api/v2/projects/wandering-moon-123456"
local outside = { outside = true }

local function case(name, body)
  test(name, function()
    if not neon_cloud.is_here() then skip "there is no PostgreSQL" end
    body()
  end)
end

-- ---- Davit is killed --------------------------------------------------------------------------

local function uri_of(cloud)
  return cloud:ask("GET", PROJECT .. "/connection_uri?database_name=neondb&role_name=neondb_owner", { token = TOKEN }):json().uri
end

-- A server and its processes, and the folder of all data.
local function processes_of(cloud)
  local pid = cloud:ask("GET", "/_davit/"):json().processes.databases[1].pid
  local pids = { pid }
  for child in fs.read(("/proc/%d/task/%d/children"):format(pid, pid), outside):gmatch "%d+" do
    pids[#pids + 1] = math.tointeger(tonumber(child))
  end
  return pids, fs.read(("/proc/%d/cmdline"):format(pid), outside):match "%-D%z(.-)/[^/]+/data%z"
end

local function none_alive(pids)
  for _, pid in ipairs(pids) do
    if process.alive(pid) then return false end
  end
  return true
end

case("after a kill -9 of Davit no server is left, and the next start goes on with what was committed", function()
  local folder <close> = davit_cloud.folder()
  folder.env = { NEON_API_KEY = TOKEN }
  local cloud = folder:whole_cloud "--no-workers"
  neon_cloud.query(uri_of(cloud), "create table t (n int); insert into t values (7)")
  local pids, data = processes_of(cloud)
  cloud:stop "KILL"
  neon_cloud.until_true(function() return none_alive(pids) end, 60)
  process.run { command = ("cd %s && mkdir -p tl-half.new/data tl-unknown/data && for t in */base*; do "
    .. "mkdir ${t%%/*}/standby-ep-gone; touch ${t%%/*}/base.new; done"):format(data) }
  do
    local again <close> = folder:whole_cloud "--no-workers"
    equal(neon_cloud.query(uri_of(again), "select n from t"), { { n = 7 } })
    equal({ fs.exists(data .. "/tl-half.new", outside), fs.exists(data .. "/tl-unknown", outside) }, { false, false })
    equal(process.run({ command = ("ls -d %s/*/standby-* %s/*/base.new"):format(data, data), check = false }).output, "")
  end
  equal(folder:davit("cloud", "--reset", "--no-data-plane", "--print-env").exit ~= 0, true)
  fs.remove(data, outside)
end)

-- ---- the disk is full -------------------------------------------------------------------------

-- A small disk of its own for the databases of a cloud.
local function with_small_disk(megabytes, body)
  if fs.read("/proc/self/status", outside):match "\nUid:%s+(%d+)" ~= "0" then skip "only root can mount a small disk" end
  neon_cloud.folder(function(folder)
    local disk = folder .. "/postgres"
    fs.make(disk, outside)
    local mounted = process.run { argv = { "mount", "-t", "tmpfs", "-o", ("size=%dm"):format(megabytes), "tmpfs", disk },
      check = false }
    if mounted.exit ~= 0 then skip "no small disk can be mounted here" end
    local _ <close> = setmetatable({}, { __close = function() process.run { argv = { "umount", "-l", disk } } end })
    neon_cloud.serve(folder, {}, function(c) body(c, disk) end)
  end)
end

local function fill(disk, megabytes)
  process.run { command = ("dd if=/dev/zero of=%s/ballast bs=1M count=%d"):format(disk, megabytes), check = false }
end

case("a disk that is full fails an operation in words, which ends well when there is room", function()
  with_small_disk(110, function(c, disk)
    local main = c:branch "production"
    c:query(main, "create table t (n int); insert into t values (7)")
    fill(disk, 50)
    local made = c:api("POST", "/branches", { branch = { name = "late" }, endpoints = { { type = "read_write" } } })
    local failed = c:settle()
    equal({ failed.action, failed.error:match "No space left on device" }, { "create_branch", "No space left on device" })
    equal(#process.run({ command = ("ls -d %s/*.new || true"):format(disk) }).output, 0)
    -- The server may have met the full disk too: while it recovers it refuses whoever comes with 57P03.
    neon_cloud.until_true(function() return (try(c.value, c, main, "(select n from t)")) == 7 end, 60)
    fs.remove(disk .. "/ballast", outside)
    neon_cloud.until_true(function() return c:settle() == nil end, 60)
    equal(c:value(made.branch, "(select n from t)"), 7)
  end)
end)

case("a disk that is too small for a database from the beginning is the reason that is told", function()
  with_small_disk(12, function(c)
    raises("No space left on device", c.query, c, c:branch "production", "select 1")
  end)
end)

case("a server that meets a full disk refuses or ends, and comes back when there is room", function()
  with_small_disk(90, function(c, disk)
    local main = c:branch "production"
    c:query(main, "create table t (n int, x text); insert into t values (7)")
    fill(disk, 200)
    local err = raises("", c.query, c, main, "insert into t select g, repeat(md5(g::text), 50) from generate_series(1, 100000) g")
    equal(err.code == "sql-error" or err.code == "sql-lost", true)
    fs.remove(disk .. "/ballast", outside)
    neon_cloud.until_true(function() return (try(c.value, c, main, "(select count(*)::int from t)")) == 1 end, 60)
    c:query(main, "insert into t values (8)")
  end)
end)

-- ---- very many --------------------------------------------------------------------------------

local MANY = (os.getenv "DAVIT" or ""):find "/san/" and 5 or tonumber(os.getenv "BRANCHES") or 20

local function make_many(c)
  local made = {}
  for i = 1, MANY do made[i] = c:make { name = "many-" .. i } end
  return made
end

case(("%d branches are made, used, suspended and deleted, and nothing is left"):format(MANY), function()
  neon_cloud.with({ settings = { branches_limit = 1000 }, computes = 4 }, function(c)
    local main = c:branch "production"
    c:query(main, "create table t (n int); insert into t values (7)")
    local made = make_many(c)
    local works = {}
    for i, branch in ipairs(made) do
      local uri = c:uri(branch)
      works[i] = function() return neon_cloud.query(uri, ("insert into t values (%d) returning n"):format(i))[1].n end
    end
    for i, n in ipairs(parallel(works)) do equal(n, i) end
    equal(c:awake() <= 4, true)
    for i, branch in ipairs(made) do equal(c:value(branch, "(select string_agg(n::text, ',') from t)"), "7," .. i) end
    local host = c:endpoint(made[MANY]).host
    for _, branch in ipairs(made) do c:settled(c:api("DELETE", "/branches/" .. branch.id)) end
    equal(c:value(main, "(select n from t)"), 7)
    equal(c:awake(), 1)
    raises("refused", tcp.connect, { address = host, port = 5432 })
    local left = 0
    for _, name in ipairs(fs.list(c:data(), outside)) do left = left + (name:find "^tl%-" and 1 or 0) end
    equal(left, 1)
  end)
end)
