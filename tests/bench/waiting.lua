---Waiting for health: detection lag, processor time, memory and probes, on 1 to 10,000 targets, beside wait-on
---and beside libcurl alone. Client and server are two processes, each on a core of its own.
local core = require "core"
local fs = require "fs"
local json = require "json"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local servers = core.load_file("tests/bench/servers.lua")()
local units = core.load_file("tests/bench/units.lua")()

local ROUNDS <const> = measure.rounds(3)
local READY <const>, PHASE <const> = measure.quick and 0.5 or 3, 0.083   -- seconds; each round a little later
local AS_WAIT_ON <const> = "0.25"                                        -- its pause between two looks

local _ <close> = measure.section {
  name = "waiting", title = "Waiting for health",
  about = "A server refuses connections for 3 s, then answers 200. The lag is from then to the end of the client's " ..
    "process, so it has the last probes and the exit in it. wait-on looks every 0.25 s; Davit has a pace of its own, and " ..
    "is shown with wait-on's, too. The plain program is `tests/bench/curl_multi.c`: libcurl's multi interface, every " ..
    "0.25 s. All look at fresh connections but wait-on, which keeps those it has. Processor time and memory are the " ..
    "client's, start-up included.",
}

local davit, wait_on = peers.find "davit", peers.find "wait-on"

-- Clients ----------------------------------------------------------------------------------------------

local function call_davit(every)
  return function(port, count, seconds, where)
    return peers.call(davit, "tests/bench/clients/wait.lua", tostring(port), tostring(count), every, tostring(seconds),
      where or "same")
  end
end

local function call_plain(every)
  return function(port, count, seconds, where)
    return { "build/bench/curl_multi", "wait", tostring(port), tostring(count), every, tostring(seconds), where or "same" }
  end
end

local function call_wait_on(port, count, seconds)
  local resources = {}
  for i = 0, count - 1 do resources[i + 1] = ("http-get://127.0.0.1:%d/0/%d"):format(port, i) end
  local file = measure.folder .. "/wait-on.json"
  fs.write(file, json.encode { resources = resources })
  return peers.call(wait_on, "--config", file, "--timeout", ("%dms"):format(seconds * 1000))
end

-- What it cost, and how many probes it says it sent; wait-on does not say, and ends with 1 when time is up.
local function run(argv, any_ending)
  local cost = measure.cost(argv, { core = servers.CLIENT_CORE, output = true, any_ending = any_ending })
  local said = cost.output:match "^{.*}" and json.decode(cost.output)
  return cost, said and said.exchanges
end

-- Until it is ready --------------------------------------------------------------------------------------

local function await(call, count, round)
  local after = READY + (round - 1) * PHASE
  local server <close> = servers.answer { ready_after = after }
  local cost, probes = run(call(server.port, count, 120))
  return { lag = cost.ended - server:ready(), cpu = cost.cpu, resident = cost.resident, probes = probes }
end

local function row_of(name, ours, peer, measured)
  return { name = name, ours = ours, missing = peer.missing, measure = measured }
end

local MANY <const> = 10000   -- for which wait-on takes so long that it is measured once

local function tell_ready(count)
  local function row(name, ours, peer, call)
    return row_of(name, ours, peer, function(round) return await(call, count, round) end)
  end
  local waiting_on = row("wait-on", false, wait_on, call_wait_on)
  if count == MANY then waiting_on.rounds = 1 end
  local name = ("%s target%s"):format(units.format(count), count == 1 and "" or "s")
  return measure.table {
    title = ("%s on one origin, ready after %g s"):format(name, READY), rounds = ROUNDS,
    about = count == MANY and "wait-on is measured once." or nil,
    columns = {
      { key = "lag", title = "detection lag", unit = "s", better = "lower" },
      { key = "cpu", title = "processor", unit = "s", better = "lower" },
      { key = "resident", title = "peak memory", unit = "B", better = "lower" },
      { key = "probes", title = "probes" },
    },
    rows = {
      row("davit", true, davit, call_davit "default"),
      row("davit, every 0.25 s", true, davit, call_davit(AS_WAIT_ON)),
      row("plain libcurl-multi program", false, {}, call_plain(AS_WAIT_ON)),
      waiting_on,
    },
  }
end

local curves = {
  { file = "waiting-cpu", title = "Ready after 3 s: processor time", y = "processor time", key = "cpu", unit = "s" },
  { file = "waiting-memory", title = "Ready after 3 s: peak memory", y = "peak memory", key = "resident", unit = "B" },
}

local function tell_curves(counts, tables)
  for _, curve in ipairs(curves) do
    local lines = {}
    for _, name in ipairs { "davit", "plain libcurl-multi program", "wait-on" } do
      local points = {}
      for i, count in ipairs(counts) do
        local y = measure.median(tables[i][name], curve.key)
        if y then points[#points + 1] = { count, y } end
      end
      lines[#lines + 1] = { name = name, points = points }
    end
    measure.curve { file = curve.file, title = curve.title, x = "targets", y = curve.y, unit = curve.unit, lines = lines }
  end
end

-- 500 that refuse ----------------------------------------------------------------------------------------

local function refusing(call, count, where)
  local server <close> = servers.answer { ready_after = 600 }
  local cost, probes = run(call(server.port, count, READY, where), call == call_wait_on)
  return { cpu = cost.cpu, resident = cost.resident, probes = probes }
end

local function tell_refusing()
  local count = 500
  local function row(name, ours, peer, call, where)
    return row_of(name, ours, peer, function() return refusing(call, count, where) end)
  end
  return measure.table {
    title = ("500 targets that refuse, for %g s"):format(READY), rounds = ROUNDS,
    about = "All on one origin, for which Davit sends one probe at a time; or each on an address of its own.",
    columns = {
      { key = "cpu", title = "processor", unit = "s", better = "lower" },
      { key = "resident", title = "peak memory", unit = "B", better = "lower" },
      { key = "probes", title = "probes" },
    },
    rows = {
      row("davit, one origin", true, davit, call_davit "default"),
      row("davit, 500 origins", true, davit, call_davit "default", "spread"),
      row("davit, 500 origins, every 0.25 s", true, davit, call_davit(AS_WAIT_ON), "spread"),
      row("plain libcurl-multi program, 500 origins", false, {}, call_plain(AS_WAIT_ON), "spread"),
      row("wait-on, one origin", false, wait_on, call_wait_on),
      row_of("davit, idle", true, davit, function()
        local cost = run(peers.call(davit, "eval", ("sleep(%s)"):format(READY)))
        return { cpu = cost.cpu, resident = cost.resident }
      end),
    },
    plots = { { file = "waiting-refusing", title = "500 targets that refuse, for 3 s: processor time", key = "cpu" } },
  }
end

-- One probe ----------------------------------------------------------------------------------------------

-- Both waits are long enough to fill the timelines (20 looks), so that keeping and telling them is in neither part.
local SHORT <const>, LONG <const> = measure.quick and 0.5 or 1.2, measure.quick and 1 or 3.2

-- By the difference of a short and a long wait for what never comes.
local function cost_of_probe(call, server, where)
  local first, few = run(call(server.port, 100, SHORT, where))
  local second, many = run(call(server.port, 100, LONG, where))
  return { cpu = (second.cpu - first.cpu) / (many - few), rate = (many - few) / (LONG - SHORT) }
end

---@param o { where: "same"|"spread", every: string, rounds: integer, server: table }
local function tell_probe(title, o)
  local server <close> = servers.answer(o.server)
  local function row(name, ours, peer, call)
    return row_of(name, ours, peer, function() return cost_of_probe(call(o.every), server, o.where) end)
  end
  local rows = measure.table {
    title = title, rounds = measure.rounds(o.rounds),
    about = ("100 targets, each looked at %s s after the last answer; by the difference of a short and a long wait."):format(
      o.every),
    columns = {
      { key = "cpu", title = "processor a probe", unit = "s", better = "lower" },
      { key = "rate", title = "probes a second" },
    },
    rows = { row("davit", true, davit, call_davit), row("plain libcurl-multi program", false, {}, call_plain) },
  }
  measure.goal {
    text = title .. ": processor time, to the plain program's", at_most = 1.1,
    measured = measure.ratio(rows.davit, rows["plain libcurl-multi program"], "cpu"),
  }
end

-- ---------------------------------------------------------------------------------------------------------

local counts, tables = measure.quick and { 1, 100 } or { 1, 100, 500, MANY }, {}
for i, count in ipairs(counts) do tables[i] = tell_ready(count) end
tell_curves(counts, tables)
local quiet = tell_refusing()
-- A refused probe is so short that it takes many of them, and many rounds, to tell one program from the other.
-- Every answered one leaves a port that nobody can use for a while: these come more slowly.
tell_probe("A probe that is refused", { where = "spread", every = "0.02", rounds = 15, server = { ready_after = 600 } })
tell_probe("A probe that is answered, on a fresh connection",
  { where = "same", every = "0.05", rounds = 7, server = { ready_after = 600, unready = true } })

local function above_idle(row)
  local resident, idle = measure.median(row, "resident"), measure.median(quiet["davit, idle"], "resident")
  return resident and idle and resident - idle
end

measure.goal {
  text = "500 targets on one origin that refuse for 3 s: processor time, start-up included", at_most = 0.1, unit = "s",
  measured = measure.median(quiet["davit, one origin"], "cpu"),
}
measure.goal {
  text = "500 targets: peak memory above Davit idle", at_most = 8e6, unit = "B",
  measured = tables[3] and above_idle(tables[3].davit),
}
