---What a database branch of the local cloud costs, in time, memory and disk, when there are one, fifty and two
---hundred: made, woken, restored to a time.
local core = require "core"
local fs = require "fs"
local http = require "http"
local measure = core.load_file("tests/measure.lua")()
local postgres = require "cloud.postgres"
local process = require "process"
local start_cloud = core.load_file("tests/bench/started_cloud.lua")()
local sql = require "sql"

local TOKEN <const> = "bench-token"
local PROJECT <const> = "/api/v2/projects/wandering-moon-123456"
local COUNTS <const> = measure.quick and { 1, 3 } or { 1, 50, 200 }
local LOOK <const> = 0.002

local root = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
local _ <close> = setmetatable({}, { __close = function()
  postgres.reset(root .. "/state")
  fs.remove(root, { outside = true })
end })

local _ <close> = measure.section {
  name = "neon", title = "Database branches of the local cloud",
  about = "`davit cloud` in a process of its own, asked over its API by one client; every branch is a child of "
    .. "production, which holds a table of 10,000 rows, and has a compute. A time is from the request to the end of its "
    .. "operations, or from the connection to the answer of `select 1`. Memory is the proportional share (PSS) of a "
    .. "server with all its processes.",
}

fs.write(root .. "/seed.yaml", "settings: { neon_requests: 100000000, neon_route_requests: 100000000, "
  .. "branches_limit: 1000, operation_seconds: 0s }\n", { outside = true })

-- ---- a cloud ----------------------------------------------------------------------------------

local Cloud = {}
Cloud.__index = Cloud

local function start()
  return start_cloud { class = Cloud, cwd = root, state = root .. "/state", flags = { "--no-workers" },
    env = { NEON_API_KEY = TOKEN } }
end

function Cloud:ask(method, path, body)
  local answer = http.request { url = ("http://127.0.0.1:%d%s"):format(self.port, path), method = method, json = body,
    headers = { authorization = "Bearer " .. TOKEN }, timeout = 60 }
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 0) end
  return answer.body ~= "" and answer:json() or nil
end

function Cloud:api(method, path, body) return self:ask(method, PROJECT .. path, body) end

-- Waits for the end of what an answer began.
function Cloud:settle(answer)
  for _, operation in ipairs(answer.operations) do
    repeat
      local status = self:api("GET", "/operations/" .. operation.id).operation.status
      if status == "failed" then error("an operation failed", 0) end
    until status == "finished" or sleep(LOOK)
  end
  return answer
end

function Cloud:create(name)
  return self:settle(self:api("POST", "/branches", { branch = { name = name }, endpoints = { { type = "read_write" } } }))
end

function Cloud:suspend(made)
  self:settle(self:api("POST", ("/endpoints/%s/suspend"):format(made.endpoints[1].id)))
end

local function uri_of(made) return made.connection_uris[1].connection_uri end

local function query(uri, text)
  local session <close> = sql.connect { url = uri, timeout = 60 }
  return session:query(text).rows[1]
end

-- ---- what they take ---------------------------------------------------------------------------

local function share_of(pid)
  local text = try(fs.read, ("/proc/%d/smaps_rollup"):format(pid), { outside = true })
  return text and math.tointeger(tonumber(text:match "\nPss:%s*(%d+)")) * 1024 or 0
end

local function memory_of(pid)
  local sum = share_of(pid)
  for child in fs.read(("/proc/%d/task/%d/children"):format(pid, pid), { outside = true }):gmatch "%d+" do
    sum = sum + share_of(tonumber(child))
  end
  return sum
end

function Cloud:servers() return self:ask("GET", "/_davit/").processes.databases end

local function data_of(server)
  return fs.read(("/proc/%d/cmdline"):format(server.pid), { outside = true }):match "%-D%z(.-)/[^/]+/data%z"
end

-- Hard links count once.
local function disk_of(folder)
  return math.tointeger(tonumber(process.run({ argv = { "du", "-sk", folder } }).output:match "^%d+")) * 1024
end

-- ---- the rounds -------------------------------------------------------------------------------

local FILL <const> = "create table t (n int, x text); insert into t select g, md5(g::text) from generate_series(1, 10000) g; "
  .. "select 1 as n"

local function restore(cloud, made, round)
  local uri = uri_of(made)
  local time = query(uri, [[select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as t]]).t
  query(uri, "delete from t; select 1 as n")
  return measure.seconds(function()
    cloud:settle(cloud:api("POST", ("/branches/%s/restore"):format(made.branch.id), { source_branch_id = made.branch.id,
      source_timestamp = time, preserve_under_name = ("before %s %d"):format(made.branch.id, round) }))
    query(uri, "select 1 as n")
  end)
end

local function measure_one(cloud, number)
  local made
  local sample = { create = measure.seconds(function() made = cloud:create("measured-" .. number) end) }
  local uri = uri_of(made)
  sample.connect = measure.seconds(function() query(uri, "select 1 as n") end)
  cloud:suspend(made)
  sample.wake = measure.seconds(function() query(uri, "select 1 as n") end)
  sample.restore = restore(cloud, made, number)
  return sample
end

local function fill_up(cloud, have, wanted)
  for i = have + 1, wanted do
    local made = cloud:create("filler-" .. i)
    query(uri_of(made), "select 1 as n")
  end
end

local columns = {
  { key = "create", title = "created", unit = "s", better = "lower" },
  { key = "connect", title = "connected", unit = "s", better = "lower" },
  { key = "wake", title = "woken", unit = "s", better = "lower" },
  { key = "restore", title = "restored to a time", unit = "s", better = "lower" },
}

local function note_sizes(cloud, count)
  local servers = cloud:servers()
  local sum = 0
  for _, server in ipairs(servers) do sum = sum + memory_of(server.pid) end
  measure.line(("%d branches: servers awake, memory of each"):format(count), "%d, %.1f MB", #servers,
    sum / #servers / 1e6)
  measure.line(("%d branches: davit cloud itself"):format(count), "%.1f MB", share_of(cloud.child:pid()) / 1e6)
  measure.line(("%d branches: disk, all together"):format(count), "%.0f MB", disk_of(data_of(servers[1])) / 1e6)
end

local function measure_all(cloud)
  local have = 0
  for _, count in ipairs(COUNTS) do
    fill_up(cloud, have, count - 1)
    have = math.max(have, count - 1)
    local number = 0
    measure.table { title = ("With %d branches"):format(count), rounds = measure.rounds(5), columns = columns,
      rows = { { name = "one more", ours = true, measure = function()
        number = number + 1
        return measure_one(cloud, count * 100 + number)
      end } } }
    measure.heading("What %d branches take", count)
    note_sizes(cloud, count)
  end
end

local cloud <close> = start()
query(cloud:api("GET", "/connection_uri?database_name=neondb&role_name=neondb_owner").uri, FILL)
measure_all(cloud)
