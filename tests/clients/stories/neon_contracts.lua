---All that was said in the stories before, held against Neon's contract; tests/clients/known_differences_neon.json has what
---may differ, each with its reason. And which clients it was that spoke.
local about = ...
local process = require "process"
local cloud, place, suite = about.cloud, about.place, about.suite

local RECORDINGS = { "build/clients-traffic/neon.jsonl", "build/clients-traffic/neon-pages.jsonl" }
local DRIVERS <const> = { "pg", "postgres", "@neondatabase/serverless", "drizzle-kit", "drizzle-orm" }

about.at_last("neonctl and the SDK of Neon have spoken", function()
  local agents = suite.agents(place:recorded(), { "^neonctl v[%d.]+", "^node$" })
  print(("clients: the one called node is @neon/sdk %s"):format(cloud.version "@neon/sdk"))
  for _, name in ipairs(DRIVERS) do print(("clients: %s %s"):format(name, cloud.version(name))) end
  print("clients: " .. process.run({ argv = { about.neon.programs() .. "/psql", "--version" } }).output:match "[^\n]+")
  equal({ (agents["neonctl v" .. cloud.version "neonctl"] or 0) > 150, (agents.node or 0) > 100 }, { true, true })
end)

about.at_last("what Neon's clients said and heard keeps its contract, but for the known differences", function()
  local contract, there = cloud.evidence "neon.json"
  if not there then skip("there is no contract at " .. contract) end
  local told, problems = suite.hold { service = "neon", recordings = RECORDINGS, contracts = { { "neon", contract } } }
  print(("contracts: %d exchanges, %d held against Neon's; %d known differences"):format(told.exchanges, told.held.neon,
    told.known))
  if problems[1] then error(table.concat(problems, "\n"), 0) end
end)
