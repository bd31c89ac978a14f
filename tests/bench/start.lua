---Start-up: from the exec to the end of the smallest thing that each program can do, and its peak memory.
local core = require "core"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"
local units = core.load_file("tests/bench/units.lua")()

local find = peers.find
local ROUNDS <const>, TIMES <const> = measure.rounds(15, 2), measure.rounds(9, 3)

local _ <close> = measure.section {
  name = "start", title = "Start-up and peak memory",
  about = "From the exec to the program's end, and the most memory that one of its processes had. Programs that take " ..
    "less than 0.1 s are started " .. TIMES .. " times a round, of which the median counts. The goal of 1.25 is one " ..
    "of `curl --version`, which loads the same libraries.",
}

local function median(costs, key)
  local list = {}
  for i, cost in ipairs(costs) do list[i] = cost[key] end
  return measure.percentile(list, 0.5)
end

-- A command that is quick is started more often.
local function row(name, peer, ours, times, ...)
  if peer.missing then return { name = name, missing = peer.missing } end
  local argv = peers.call(peer, ...)
  return { name = name, ours = ours, measure = function()
    local costs = measure.costs(argv, { times = times })
    return { wall = median(costs, "wall"), cpu = median(costs, "cpu"), resident = median(costs, "resident") }
  end }
end

local davit, node, curl = find "davit", find "node", find "curl"

local rows = measure.table {
  title = "Printing the version, or the number 1", rounds = ROUNDS,
  columns = {
    { key = "wall", title = "time", unit = "s", better = "lower" },
    { key = "cpu", title = "processor", unit = "s", better = "lower" },
    { key = "resident", title = "peak memory", unit = "B", better = "lower" },
  },
  plots = {
    { file = "start-time", title = "Start-up: time", key = "wall" },
    { file = "start-memory", title = "Start-up: peak memory", key = "resident" },
  },
  rows = {
    row("davit --version", davit, true, TIMES, "--version"),
    row("davit eval 'print(1)'", davit, true, TIMES, "eval", "print(1)"),
    row("curl --version", curl, false, TIMES, "--version"),
    row("lua5.4 -e 'print(1)'", find "lua", false, TIMES, "-e", "print(1)"),
    row("bash -c 'echo 1'", find "bash", false, TIMES, "-c", "echo 1"),
    row("node -e 'console.log(1)'", node, false, TIMES, "-e", "console.log(1)"),
    row("zx --version", find "zx", false, 1, "--version"),
    row("wrangler --version", find "wrangler", false, 1, "--version"),
  },
}

local theirs = rows["curl --version"]
for _, name in ipairs { "davit --version", "davit eval 'print(1)'" } do
  for _, what in ipairs { { "wall", "time" }, { "resident", "peak memory" } } do
    measure.goal {
      text = ("%s of `%s` to that of `curl --version`"):format(what[2], name), at_most = 1.25,
      measured = measure.ratio(rows[name], theirs, what[1]),
    }
  end
end

-- Memory that the kernel counts for one process, in kB.
local function memory_of(pid)
  local text = process.run({ argv = { "cat", ("/proc/%d/smaps_rollup"):format(pid) } }).output
  local own = tonumber(text:match "Private_Dirty:%s*(%d+)") + tonumber(text:match "Private_Clean:%s*(%d+)")
  return own * 1024, tonumber(text:match "Pss:%s*(%d+)") * 1024
end

-- Its guard is its only child.
local function tell_memory()
  measure.heading "Davit is two processes: memory while it waits"
  local child <close> = process.start { argv = peers.call(davit, "eval", "print(1) sleep(60)") }
  child:line()
  local pid = child:pid()
  local guard = process.run({ argv = { "cat", ("/proc/%d/task/%d/children"):format(pid, pid) } }).output:match "%d+"
  for _, one in ipairs { { "davit", pid }, { "its guard", math.tointeger(guard) } } do
    local own, share = memory_of(one[2])
    measure.line(one[1], "%s of its own, %s with its share of what others use, too", units.format(own, "B"),
      units.format(share, "B"))
  end
end

tell_memory()
