---Prints the study of docs/health.md: davit tests/bench/health_study.lua [TRIALS] [SEED]
local study = require("core").load_file("tests/health_study.lua")()

local trials, seed = math.tointeger(tonumber((...) or 2000)), math.tointeger(tonumber(select(2, ...) or 1))
local rows = study(trials, seed)

print(("%d trials of each, seed %d; seconds from healthy to known, and probes sent"):format(trials, seed))
print(("%-14s %8s %8s %8s %8s | %6s %6s %6s %6s | %7s %7s"):format("", "median", "p90", "p99", "mean", "median", "p90",
  "p99", "mean", "sooner", "probes"))
local base
for _, row in ipairs(rows) do
  if row.policy == "runbook" then
    base = row
    print(row.case)
  end
  print(("  %-12s %8.2f %8.2f %8.2f %8.2f | %6d %6d %6d %6.2f | %6.2fx %6.2fx"):format(row.policy, row.lag.median,
    row.lag.p90, row.lag.p99, row.lag.mean, row.probes.median, row.probes.p90, row.probes.p99, row.probes.mean,
    base.lag.median / row.lag.median, row.probes.mean / base.probes.mean))
end
