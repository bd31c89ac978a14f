---Children: how many a second are started and waited for, one after the other and eight at once.
local core = require "core"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()

local ROUNDS <const>, FEW <const>, MORE <const> = measure.rounds(5), 50, measure.quick and 100 or 400

local _ <close> = measure.section {
  name = "processes", title = "Children",
  about = "`/bin/true`, started, waited for, its output read. By the difference of few and many, so that the parent's " ..
    "start-up does not count. Davit starts a child through " ..
    "its guard, in a session of its own, and nothing that it leaves behind outlives Davit; the peers do none of that. " ..
    "The processor time is that of all processes, the children's own included.",
}

local davit, bash, node = peers.find "davit", peers.find "bash", peers.find "node"

local LOOP <const> = "for ((i = 0; i < $0; i++)); do out=$(/bin/true); done"

-- Davit's guard waits for no child, its keepers do. Where the kernel lets nobody count, the time is not told.
local COUNTED <const> = { all = true }
local counted = try(measure.cost, { "/bin/true" }, COUNTED) and COUNTED or nil

local function cost_of_one(call)
  local first, second = measure.cost(call(FEW), counted), measure.cost(call(FEW + MORE), counted)
  local wall = (second.wall - first.wall) / MORE
  return { rate = 1 / wall, cpu = counted and (second.cpu - first.cpu) / MORE }
end

local function row(name, ours, peer, call)
  return { name = name, ours = ours, missing = peer.missing, measure = function() return cost_of_one(call) end }
end

local function call_davit(at_once)
  return function(count) return peers.call(davit, "tests/bench/clients/processes.lua", tostring(count), at_once) end
end

local function call_node(at_once, how)
  return function(count)
    return peers.call(node, "tests/bench/clients/processes.mjs", tostring(count), at_once, how)
  end
end

local columns = {
  { key = "rate", title = "a second", better = "higher" },
  { key = "cpu", title = "processor a child", unit = "s", better = "lower" },
}

measure.table {
  title = "One after the other", rounds = ROUNDS, columns = columns,
  rows = {
    row("davit", true, davit, call_davit "1"),
    row("bash", false, bash, function(count) return peers.call(bash, "-c", LOOP, tostring(count)) end),
    row("node, spawnSync", false, node, call_node("1", "sync")),
    row("node, spawn", false, node, call_node("1", "async")),
  },
  plots = { { file = "processes", title = "Children a second, one after the other", key = "rate" } },
}

measure.table {
  title = "Eight at once", rounds = ROUNDS, columns = columns,
  rows = { row("davit", true, davit, call_davit "8"), row("node, spawn", false, node, call_node("8", "async")) },
}
