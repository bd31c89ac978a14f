---make bench: every bench in a process of its own, one after the other; then the page from what they recorded.
---  build/davit tests/bench/all.lua [BENCH…]     only these, and no page
---With QUICK in the environment the rounds are tiny and nothing is written: it shows that the benches work.
local core = require "core"
local fs = require "fs"
local json = require "json"
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"

local BENCHES <const> = {
  "start", "http", "waiting", "profile", "processes", "archive", "mask", "runs", "store", "rehearsal", "preview", "stop",
  "connections", "scale", "cloud", "wrangler", "neon", "flows", "times",
}
local FOLDER <const> = "build/bench/results"

local quick = (os.getenv "QUICK" or "") ~= ""
local only = { ... }

local function output_of(command)
  local result = try(process.run, { command = command })
  return result and result.output:gsub("%s+$", "") or "unknown"
end

local function machine()
  return {
    processor = output_of "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1",
    cores = math.tointeger(output_of "nproc"),
    memory = math.tointeger(output_of "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo") * 1024,
    kernel = output_of "uname -r",
    system = output_of ". /etc/os-release && echo \"$PRETTY_NAME\"",
    disk = output_of "df --output=fstype build | tail -n 1",
  }
end

-- Its lines go to standard error as they come; it must not wait for who reads them.
local function run(name)
  local began = core.monotonic()
  local result = process.run {
    argv = { peers.davit(), ("tests/bench/%s.lua"):format(name) }, output = "stream", check = false,
    env = { QUICK = quick and "1" or false, DAVIT = peers.davit() },
  }
  print(("%s: %.0f s"):format(name, core.monotonic() - began))
  return result.exit == 0
end

local function read(name)
  return json.decode(fs.read(("%s/%s.json"):format(FOLDER, name)))
end

-- Peers may be missing, Davit may not.
local function is_whole(section)
  for _, block in ipairs(section.blocks) do
    for _, row in ipairs(block.kind == "table" and block.rows or {}) do
      if row.ours and row.missing then return false end
    end
  end
  return true
end

local function collect(names)
  local results = {
    version = 1, date = os.date "!%Y-%m-%d %H:%M UTC", command = "make bench", machine = machine(),
    versions = peers.versions(), sections = json.array {},
  }
  for i, name in ipairs(names) do results.sections[i] = read(name) end
  return results
end

local function run_all(names)
  local failed = {}
  fs.remove(FOLDER)
  for _, name in ipairs(names) do
    if not run(name) or not is_whole(read(name)) then failed[#failed + 1] = name end
  end
  return failed
end

local names = only[1] and only or BENCHES
local failed = run_all(names)
if failed[1] then
  print("not measured, or not all of it: " .. table.concat(failed, ", "))
  return 1
end
if quick or only[1] then return 0 end
fs.write("build/bench/results.json", json.encode(collect(names), { indent = 1 }))
core.load_file("tests/bench/report.lua")()
print "wrote docs/performance.md and docs/performance/*.svg"
