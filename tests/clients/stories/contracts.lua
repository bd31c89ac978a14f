---All that was said in the stories before, held against the contracts; tests/clients/known_differences.json has what
---may differ, each with its reason. And which clients it was that spoke.
local suite = ...
local json = require "json"
local process = require "process"
local cloud, place = suite.cloud, suite.place

local RECORDINGS = { "build/clients-traffic/clients.jsonl", "build/clients-traffic/no-subdomain.jsonl" }

test("both wranglers and the SDK have spoken", function()
  if suite.why_not then skip(suite.why_not) end
  local agents = {}
  for _, entry in ipairs(place:recorded()) do
    local agent = entry.headers["user-agent"] or ""
    local name = agent:match "^wrangler/[%d.]+" or agent:match "^Cloudflare/JS [%d.]+"
    if name then agents[name] = (agents[name] or 0) + 1 end
  end
  for name, count in pairs(agents) do print(("clients: %s, %d requests"):format(name, count)) end
  for _, which in ipairs(suite.wrangler.versions()) do equal((agents["wrangler/" .. which.version] or 0) > 100, true) end
  equal((agents["Cloudflare/JS 7.3.0"] or 0) > 50, true)
end)

local function held(sdk, older)
  local argv = { cloud.node, "tests/clients/contracts.mjs", cloud.parts, "tests/clients/known_differences.json" }
  table.move(RECORDINGS, 1, #RECORDINGS, #argv + 1, argv)
  table.move({ "--", "sdk=" .. sdk, "older=" .. older }, 1, 3, #argv + 1, argv)
  return json.decode(process.run({ argv = argv, timeout = 300, max_output = 32 << 20 }).output)
end

local function line(one)
  return ("%s: %s, %s (%s): %s"):format(one.contract, one.operation, one.at, one.rule, one.detail or one.reason)
end

test("what was said keeps the contracts, but for the known differences", function()
  if suite.why_not then skip(suite.why_not) end
  local sdk, there = cloud.evidence "cloudflare-sdk.json"
  if not there then skip("there are no contracts at " .. sdk) end
  local told = held(sdk, (cloud.evidence "cloudflare.json"))
  print(("contracts: %d exchanges, %d held against the SDK's, %d against the older; %d known differences"):format(
    told.exchanges, told.held.sdk, told.held.older, told.known))
  local lines = {}
  for _, one in ipairs(told.differences) do lines[#lines + 1] = "new: " .. line(one) end
  for _, one in ipairs(told.stale) do lines[#lines + 1] = "no longer: " .. line(one) end
  if lines[1] then error(table.concat(lines, "\n"), 0) end
end)
