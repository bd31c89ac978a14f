---The journal's share of the preview flow: how long the run waits for its store, of the time from the
---start of `davit preview --untested --local` to its end, against `davit cloud` with real workerd and PostgreSQL.
---Waits of parallel branches at one time count once. And what the journal of each flow takes.
---`davit tests/bench/preview.lua record` writes tests/bench/flows.json, which scale.lua plays.
local core = require "core"
local fs = require "fs"
local json = require "json"
local process = require "process"

local here = process.run({ argv = { "pwd" } }).output:match("[^\n]+")
local mode = ...

-- Inside the measured process --------------------------------------------------------------------

-- Time during which at least one task waits.
local function new_meter()
  return { waiting = 0, seconds = 0, calls = 0 }
end

local function enter(meter)
  meter.calls = meter.calls + 1
  if meter.waiting == 0 then meter.since = core.monotonic() end
  meter.waiting = meter.waiting + 1
end

local function leave(meter)
  meter.waiting = meter.waiting - 1
  if meter.waiting == 0 then meter.seconds = meter.seconds + core.monotonic() - meter.since end
end

-- A session whose calls are counted; waiting for a notice is no wait of the run's.
local function metered(session, appends, all)
  local function count(name, ...)
    local method = session[name]
    if name == "watch" then return method(session, ...) end
    enter(all)
    if name == "append" then enter(appends) end
    local results = table.pack(pcall(method, session, ...))
    if name == "append" then leave(appends) end
    leave(all)
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end
  return setmetatable({}, {
    __index = function(_, name) return function(_, ...) return count(name, ...) end end,
    __close = function() session:close() end,
  })
end

-- Carries the command line out as davit would; what it took goes to a file.
local function carry_out(file, ...)
  local arguments, place = { ... }, require "run.place"
  local open, appends, all = place.open, new_meter(), new_meter()
  place.open = function(root)
    local session, shared = open(root)
    return metered(session, appends, all), shared
  end
  local began = core.monotonic()
  local code = require("cli").main(arguments)
  local seconds = core.monotonic() - began
  fs.write(file, json.encode { seconds = seconds, appends = appends, all = all })
  return code
end

if mode == "carry-out" then return carry_out(select(2, ...)) end

-- A project and its cloud ----------------------------------------------------------------------------

local places = core.load_file("tests/place.lua")()
local bench = here .. "/tests/bench/preview.lua"

-- Without the waits that stand for the real services' slowness.
local AT_ONCE <const> = { dns_delay = 0, operation_seconds = 0, propagation_delay = 0, tls_delay = 0 }

local function new_place(settings)
  local place = places.new(settings)
  place:start()
  return place
end

-- Runs a flow, measured; returns what it took.
local function measure_flow(place, store, ...)
  local file = place.folder .. "/took.json"
  place.env = { DAVIT_STORE = store }
  local result = place:davit(bench, "carry-out", file, ...)
  if result.exit ~= 0 then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 0) end
  return json.decode(fs.read(file))
end

-- What there is to tell ------------------------------------------------------------------------------

local measure = core.load_file("tests/measure.lua")()

local function tell(name, took)
  measure.line(name, "%6.2f s, of it %5.1f ms (%.2f %%) waiting for %d appends, %5.1f ms (%.2f %%) for all %d calls",
    took.seconds, took.appends.seconds * 1000, took.appends.seconds / took.seconds * 100, took.appends.calls,
    took.all.seconds * 1000, took.all.seconds / took.seconds * 100, took.all.calls)
end

local flows = {
  { "preview, the first", "preview", "--untested" }, { "preview, nothing new", "preview", "--untested" },
  { "cleanup", "cleanup" },
}

-- Every flow of one pull request, so many times; tells the median of each by its share.
local function tell_flows(place, name, store, first, rounds)
  local seen = {}
  for round = 1, rounds do
    local number = first + round
    place:open_pull(number)
    for i, flow in ipairs(flows) do
      seen[i] = seen[i] or {}
      table.insert(seen[i], measure_flow(place, store, flow[2], "--pr", tostring(number), "--local", flow[3]))
    end
  end
  for i, flow in ipairs(flows) do
    table.sort(seen[i], function(a, b) return a.appends.seconds / a.seconds < b.appends.seconds / b.seconds end)
    tell(("%s, %s"):format(name, flow[1]), seen[i][#seen[i] // 2 + 1])
  end
end

-- The runs of a pull request that the place has recorded, oldest first: kinds, sizes and times.
local function recorded(place)
  local store <close> = require("store.core").open(place.folder .. "/.davit/journal.db")
  local list = {}
  for i, row in ipairs(store:runs { limit = #flows }) do
    local events = {}
    for n, event in ipairs(store:events { run = row.run }) do
      events[n] = {
        after = math.floor((event.at - row.started) * 1000 + 0.5) / 1000, kind = event.kind, path = event.path,
        bytes = #event.data,
      }
    end
    list[#flows + 1 - i] = { flow = flows[#flows + 1 - i][1], status = row.status, bytes = row.bytes, events = events }
  end
  return list
end

local function tell_sizes(list)
  measure.heading "The journal of each flow of the sample project: three Workers, one database"
  for _, flow in ipairs(list) do
    local text = 0
    for _, event in ipairs(flow.events) do text = text + event.bytes end
    measure.line(flow.flow, "%3d events, %5.1f kB in SQLite, of it %.1f kB data", #flow.events, flow.bytes / 1000,
      text / 1000)
  end
end

local function write_flows(list)
  local lines = {}
  for _, flow in ipairs(list) do
    local events = {}
    for i, event in ipairs(flow.events) do events[i] = "  " .. json.encode(event) end
    lines[#lines + 1] = ('{ "flow": %s, "events": [\n%s\n] }'):format(json.encode(flow.flow), table.concat(events, ",\n"))
  end
  fs.write("tests/bench/flows.json", "[" .. table.concat(lines, ",\n") .. "]\n")
end

local ROUNDS <const> = measure.rounds(3)

local _ <close> = mode ~= "record" and measure.section {
  name = "preview", title = "The journal's share of a flow",
  about = "How long `davit preview --untested --local` and `davit cleanup --local` wait for their store, of the time from " ..
    "start to end, against `davit cloud` with real workerd and PostgreSQL.",
} or nil

local why_not = places.missing()
if why_not then
  measure.heading "Against davit cloud"
  measure.line("all of its rows", "not measured: %s", why_not)
  return 0
end

local server <close> = mode ~= "record" and measure.postgres() or nil
if not measure.quick then
  local place <close> = new_place()
  measure.heading("Against davit cloud; median of %d", ROUNDS)
  tell_flows(place, "SQLite", nil, 100, mode == "record" and 1 or ROUNDS)
  if server then tell_flows(place, "PostgreSQL", server:url "postgres", 200, ROUNDS) end
  local list = recorded(place)
  tell_sizes(list)
  if mode == "record" then write_flows(list) end
end
if mode ~= "record" then
  local place <close> = new_place(AT_ONCE)
  measure.heading("The same against a cloud that answers at once; median of %d", ROUNDS)
  tell_flows(place, "SQLite", nil, 100, ROUNDS)
  if server then tell_flows(place, "PostgreSQL", server:url "postgres", 200, ROUNDS) end
end
