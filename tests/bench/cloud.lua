---The local cloud as other programs meet it: how soon it is there, requests a second of its APIs and
---through a Worker, beside workerd itself and `wrangler dev`, and what Workers cost.
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"
local start_cloud = core.load_file("tests/bench/started_cloud.lua")()
local workers = require "cloud.workers"

local ACCOUNT <const> = "0000000000000000000000000000c0de"
local TOKEN <const> = "bench-token"
local ZONE <const> = "revelations.studio"
local TOGETHER <const> = 16      -- requests under way at a time
local WORKER <const> = 'export default { fetch() { return new Response("hello"); } };'

local here = process.run({ argv = { "pwd" } }).output:match "[^\n]+"
local root = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
local _ <close> = setmetatable({}, { __close = function() fs.remove(root, { outside = true }) end })

local _ <close> = measure.section {
  name = "cloud", title = "The local cloud",
  about = "`davit cloud` in a process of its own, asked over loopback by Davit's own HTTP client, which is in "
    .. "another process; 16 requests under way at a time where a rate is told. workerd alone serves the same Worker "
    .. "without Davit before it. Memory is what is resident.",
}

-- ---- a cloud ----------------------------------------------------------------------------------

local Cloud = {}
Cloud.__index = Cloud

local count = 0

process.run { argv = { "ln", "-s", here .. "/build/npm/node_modules", root .. "/node_modules" } }

-- Without the services' limits on requests, which are not what is measured.
local MANY <const> = 100000000
fs.write(root .. "/seed.yaml", ("settings: { cloudflare_requests: %d, neon_requests: %d, neon_route_requests: %d, "
  .. "github_requests: %d, github_points: %d }\n"):format(MANY, MANY, MANY, MANY, MANY), { outside = true })

-- Starts one, as soon as it says that it is ready.
local function start(...)
  count = count + 1
  return start_cloud { class = Cloud, cwd = root, state = ("%s/state-%d"):format(root, count), flags = { ... },
    env = { CLOUDFLARE_API_TOKEN = TOKEN, CLOUDFLARE_ACCOUNT_ID = ACCOUNT, NEON_API_KEY = TOKEN, GITHUB_TOKEN = TOKEN } }
end

function Cloud:request(method, host, path, o)
  o = o or {}
  return http.request { url = ("http://127.0.0.1:%d%s"):format(self.port, path), method = method, json = o.json,
    multipart = o.multipart, headers = { host = host, authorization = "Bearer " .. TOKEN }, timeout = 60 }
end

function Cloud:api(method, path, o)
  local answer = self:request(method, "api.cloudflare.com", "/client/v4" .. path, o)
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 0) end
  return answer
end

function Cloud:deploy(name, code)
  self:api("PUT", ("/accounts/%s/workers/scripts/%s"):format(ACCOUNT, name), { multipart = {
    { name = "metadata", data = json.encode { main_module = "index.js", compatibility_date = "2026-01-01" } },
    { name = "index.js", filename = "index.js", type = "application/javascript+module", data = code },
  } })
  self:api("PUT", ("/accounts/%s/workers/domains"):format(ACCOUNT),
    { json = { hostname = name .. "." .. ZONE, service = name, zone_name = ZONE } })
end

-- Asks until the Worker itself answers.
function Cloud:wait_for(name, text)
  repeat
    local answer = self:request("GET", name .. "." .. ZONE, "/")
  until answer.body == text or sleep(0.002)
end

-- ---- how soon ---------------------------------------------------------------------------------

local function time_start(...)
  local began = core.monotonic()
  local cloud <close> = start(...)
  return core.monotonic() - began, cloud
end

local starts = measure.table {
  title = "Starting davit cloud", rounds = measure.rounds(9),
  about = "From the start of the process to the line `ready`; a new state each time.",
  columns = { { key = "seconds", title = "time", unit = "s", better = "lower" } },
  rows = {
    { name = "without data plane", ours = true, measure = function()
      return { seconds = (time_start "--no-data-plane") }
    end },
    { name = "with workerd, without databases", ours = true, measure = function()
      return { seconds = (time_start "--no-databases") }
    end },
  },
}
measure.goal { text = "davit cloud without data plane starts", unit = "s", at_most = 0.05,
  measured = measure.median(starts["without data plane"], "seconds") }

-- ---- requests a second ------------------------------------------------------------------------

local function rate(seconds, ask)
  local done, ends = 0, core.monotonic() + seconds
  local tasks = {}
  for i = 1, TOGETHER do
    tasks["client " .. i] = function()
      while core.monotonic() < ends do
        ask()
        done = done + 1
      end
    end
  end
  local took = measure.seconds(function() parallel(tasks) end)
  return done / took
end

local function get(port, host, path)
  local answer = http.request { url = ("http://127.0.0.1:%d%s"):format(port, path or "/"),
    headers = { host = host, authorization = "Bearer " .. TOKEN } }
  if answer.status ~= 200 then error(("%d %s"):format(answer.status, answer.body), 0) end
end

local RAW <const> = [[
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = (modules = [(name = "index.js", esModule = embed "index.js")],
    compatibilityDate = "2026-01-01"))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")]
);
]]

-- workerd with the Worker and nothing else.
local function start_raw(binary)
  local folder = root .. "/raw"
  fs.write(folder .. "/index.js", WORKER, { outside = true })
  fs.write(folder .. "/config.capnp", RAW, { outside = true })
  local child = process.start { argv = { binary, "serve", "--control-fd=1", "config.capnp" }, cwd = folder,
    output = "capture" }
  return child, math.tointeger(child:line():match '"port":(%d+)')
end

local function start_wrangler(wrangler)
  local folder = root .. "/wrangler"
  fs.write(folder .. "/index.js", WORKER, { outside = true })
  fs.write(folder .. "/wrangler.json", '{"name":"hello","main":"index.js","compatibility_date":"2026-01-01"}',
    { outside = true })
  local argv = { "dev", "--port", "0", "--ip", "127.0.0.1", "--show-interactive-dev-session=false" }
  table.move(argv, 1, #argv, #wrangler.argv + 1, argv)
  for i, word in ipairs(wrangler.argv) do argv[i] = word:find "^build/" and here .. "/" .. word or word end
  local child = process.start { argv = argv, cwd = folder, output = "capture", env = { CI = "1", HOME = folder,
    WRANGLER_SEND_METRICS = "false", WRANGLER_SEND_ERROR_REPORTS = "false" } }
  for line in child.line, child do
    local port = line:match "http://127%.0%.0%.1:(%d+)"
    if port then return child, math.tointeger(port) end
  end
  error("wrangler dev ended", 0)
end

local binary = workers.find "."
local wrangler = peers.find "wrangler"
local SECONDS <const> = measure.quick and 0.2 or 3

local function ended(child)
  return setmetatable({}, { __close = function()
    child:kill "KILL"
    child:wait()
  end })
end

local function measure_rates()
  local cloud <close> = start "--no-databases"
  if binary then
    cloud:deploy("hello", WORKER)
    cloud:wait_for("hello", "hello")
  end
  local raw, raw_port
  if binary then raw, raw_port = start_raw(binary) end
  local _ <close> = raw and ended(raw) or nil
  measure.table {
    title = "Requests a second", rounds = measure.rounds(5),
    columns = { { key = "rate", title = "requests a second", better = "higher" } },
    plots = { { file = "cloud-requests", title = "Requests a second", key = "rate" } },
    rows = {
      { name = "API of Cloudflare: a list of zones", ours = true, measure = function()
        return { rate = rate(SECONDS, function() get(cloud.port, "api.cloudflare.com", "/client/v4/zones") end) }
      end },
      { name = "API of Neon: a list of branches", ours = true, measure = function()
        return { rate = rate(SECONDS, function()
          get(cloud.port, "console.neon.tech", "/api/v2/projects/wandering-moon-123456/branches")
        end) }
      end },
      { name = "API of GitHub: a pull request", ours = true, measure = function()
        return { rate = rate(SECONDS, function() get(cloud.port, "api.github.com", "/repos/example/codex/pulls/42") end) }
      end },
      { name = "a Worker through the local cloud", ours = true, missing = not binary and "workerd is not here" or nil,
        measure = function()
          return { rate = rate(SECONDS, function() get(cloud.port, "hello." .. ZONE) end) }
        end },
      { name = "the Worker in workerd alone", missing = not binary and "workerd is not here" or nil,
        measure = function() return { rate = rate(SECONDS, function() get(raw_port, "hello") end) } end },
      { name = "wrangler dev", missing = wrangler.missing, rounds = 2, measure = function()
        local child, port = start_wrangler(wrangler)
        local _ <close> = ended(child)
        get(port, "127.0.0.1")
        return { rate = rate(SECONDS, function() get(port, "127.0.0.1") end) }
      end },
    },
  }
end

measure_rates()

-- ---- Workers ----------------------------------------------------------------------------------

local function resident(pid)
  local text = fs.read(("/proc/%d/status"):format(pid), { outside = true })
  return math.tointeger(text:match "VmRSS:%s*(%d+)") * 1024
end

local function processes(cloud)
  return cloud:request("GET", "127.0.0.1", "/_davit/"):json().processes.workers
end

local function one_worker(cloud, round)
  local name, text = "w" .. round, "answer " .. round
  local code = ('export default { fetch() { return new Response("%s"); } };'):format(text)
  local upload = measure.seconds(function() cloud:deploy(name, code) end)
  local first = measure.seconds(function() cloud:wait_for(name, text) end)
  for _, one in ipairs(processes(cloud)) do
    if one.name:find("^" .. name .. "@") then
      local memory = resident(one.pid)
      process.run { command = "kill -KILL " .. one.pid }
      return upload, first, memory, measure.seconds(function() cloud:wait_for(name, text) end)
    end
  end
end

local function measure_workers()
  local cloud <close> = start("--no-databases", "--propagation-delay", "0s", "--tls-delay", "0s", "--dns-delay", "0s")
  local round = 0
  measure.table {
    title = "A Worker from its upload on", rounds = measure.rounds(9),
    about = "Nothing is delayed. The upload is tried in workerd, and two requests; the process that was started for "
      .. "the trial serves the first request. Woken: its process was ended before.",
    columns = {
      { key = "upload", title = "upload", unit = "s", better = "lower" },
      { key = "first", title = "then to the first answer", unit = "s", better = "lower" },
      { key = "wake", title = "woken", unit = "s", better = "lower" },
      { key = "memory", title = "memory of the process", unit = "B" },
    },
    rows = { { name = "a small Worker", ours = true, measure = function()
      round = round + 1
      local upload, first, memory, wake = one_worker(cloud, round)
      return { upload = upload, first = first, wake = wake, memory = memory }
    end } },
  }
  return cloud
end

local function measure_many()
  local cloud <close> = start("--no-databases", "--propagation-delay", "0s", "--tls-delay", "0s", "--dns-delay", "0s")
  local before, many = resident(cloud.child:pid()), measure.rounds(100, 3)
  for i = 1, many do cloud:deploy("many" .. i, WORKER) end
  for i = 1, many do cloud:wait_for("many" .. i, "hello") end
  sleep(1)
  local sum, list = 0, processes(cloud)
  for _, one in ipairs(list) do sum = sum + resident(one.pid) end
  measure.heading "Many Workers"
  measure.line("deployed, all of them answered", "%d", many)
  measure.line("of them awake at the end", "%d, %.0f MB together", #list, sum / 1e6)
  measure.line("davit cloud itself, before and after", "%.1f MB, %.1f MB", before / 1e6, resident(cloud.child:pid()) / 1e6)
end

if binary then
  measure_workers()
  measure_many()
end
