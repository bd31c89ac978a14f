---How long the flows take by the clock, with certificates as slow as Cloudflare's: 30, 60 and 90 s. A local cloud for each, all
---at the same time, as most of it is waiting; tests/times_test.lua asserts the same on a virtual clock.
local core = require "core"
local fs = require "fs"
local json = require "json"
local measure = core.load_file("tests/measure.lua")()
local productions = core.load_file("tests/place_production.lua")()

local CERTIFICATES <const> = { 30, 60, 90 }

local _ <close> = measure.section {
  name = "times", title = "Flows, by the clock",
  about = "The sample project: three Workers, a database, the pace of its davit.yaml. A name is known after 5 s, an upload " ..
    "serves after 3 s, an operation of the database takes 2 s, every answer 50 ms, a custom domain has its certificate after " ..
    "30, 60 or 90 s. The clouds with real workerd and PostgreSQL ran beside each other.",
}

local function open(certificates)
  local place = productions.new { dns_delay = 5, tls_delay = certificates, propagation_delay = 3, operation_seconds = 2,
    latency = 0.05 }
  place:write("davit.yaml", fs.read "tests/projects/codex/davit.yaml")
  return place
end

local function seconds_of(place, ...)
  local began = core.monotonic()
  local result = place:davit(...)
  if result.exit ~= 0 then error(("%s: exit %s: %s"):format(..., result.exit or result.signal, result.errors), 0) end
  return core.monotonic() - began
end

local function check(place, host)
  local health = json.decode(place:ask(("https://%s.revelations.studio/health"):format(host)))
  if health.status ~= "ok" then error(host .. " does not answer", 0) end
end

local function flows(certificates)
  local place <close> = open(certificates)
  local took = {}
  place:push "one"
  took.preview = seconds_of(place, "preview", "--pr", "42", "--local")
  check(place, "codex-preview-42")
  took.first = seconds_of(place, "production", "--local", "--yes")
  check(place, "codex")
  for _, worker in ipairs { "workers/ecom-api", "workers/auth", "apps/web" } do place:change("two", worker) end
  place:push "two"
  took.again = seconds_of(place, "production", "--local", "--yes")
  took.back = seconds_of(place, "rollback", "--local", "--yes")
  check(place, "codex")
  return took
end

if measure.quick then return end
if productions.missing() then
  measure.heading "times"
  measure.line("all of its rows", "not measured: " .. productions.missing())
  return
end

local tasks, rows = {}, {}
for i, seconds in ipairs(CERTIFICATES) do tasks[i] = function() return flows(seconds) end end
local took = parallel(tasks)
for i, seconds in ipairs(CERTIFICATES) do
  rows[i] = { name = ("certificates after %d s"):format(seconds), ours = true, measure = function() return took[i] end }
end

local function column(key, title) return { key = key, title = title, unit = "s", better = "lower" } end
local told = measure.table { title = "From start to end", rounds = 1, rows = rows, columns = { column("preview", "preview"),
  column("first", "production, the first"), column("again", "production, new code"), column("back", "rollback") } }

local slowest = told[rows[#rows].name]
for _, goal in ipairs { { "preview", "a preview", 300 }, { "first", "production, the first", 180 },
  { "again", "production, new code", 180 }, { "back", "a rollback", 120 } } do
  measure.goal { text = goal[2] .. ", with certificates of 90 s", measured = slowest.samples[goal[1]][1], unit = "s", at_most = goal[3] }
end
