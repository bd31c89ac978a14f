---Rehearsed runs a second on one core, and how many schedules each recipe of the sample project has.
local core = require "core"
local json = require "json"
local measure = core.load_file("tests/measure.lua")()
local process = require "process"

local ROUNDS <const> = measure.rounds(3)
local EVERY <const> = measure.quick and "40" or "1"

local _ <close> = measure.section {
  name = "rehearsal", title = "Rehearsed runs",
  about = "Whole runs of the sample project's recipes on models of the three services, on virtual time: one undisturbed " ..
    "and one for every crash at every point, each judged. No peer has the like.",
}

local function rehearse(arguments)
  local argv = { os.getenv "DAVIT" or "build/davit", "rehearse", table.unpack(arguments) }
  for _, word in ipairs { "--project", "tests/projects/codex", "--jobs", "1", "--every", EVERY, "--json" } do
    argv[#argv + 1] = word
  end
  local result = process.run { argv = argv, max_output = 64 * 1024 * 1024, output = "capture" }
  return json.decode(result.output:match("([^\n]+)\n*$")).summary
end

measure.heading("On one core; median of %d", ROUNDS)
for _, arguments in ipairs { { "cleanup", "--pr", "42", "--after", "test,preview" }, { "preview", "--untested", "--pr", "42" } } do
  local rates, summary = {}, nil
  for i = 1, ROUNDS do
    summary = rehearse(arguments)
    rates[i] = summary.schedules / summary.seconds
  end
  measure.line(arguments[1], "%d schedules, %d failed; %.0f a second", summary.schedules, summary.failed,
    measure.percentile(rates, 0.5))
end
