---All that was said in the stories before, held against the contracts; tests/clients/known_differences_cloudflare.json
---has what may differ, each with its reason. And which clients it was that spoke.
local about = ...
local cloud, place, suite = about.cloud, about.place, about.suite

local RECORDINGS = { "build/clients-traffic/clients.jsonl", "build/clients-traffic/no-subdomain.jsonl" }

test("both wranglers and the SDK have spoken", function()
  if about.why_not then skip(about.why_not) end
  local agents = suite.agents(place:recorded(), { "^wrangler/[%d.]+", "^Cloudflare/JS [%d.]+" })
  for _, which in ipairs(about.wrangler.versions()) do equal((agents["wrangler/" .. which.version] or 0) > 100, true) end
  equal((agents["Cloudflare/JS " .. cloud.version "cloudflare"] or 0) > 50, true)
end)

test("what was said keeps the contracts, but for the known differences", function()
  if about.why_not then skip(about.why_not) end
  local sdk, there = cloud.evidence "cloudflare-sdk.json"
  if not there then skip("there are no contracts at " .. sdk) end
  local told, problems = suite.hold { service = "cloudflare", recordings = RECORDINGS,
    contracts = { { "sdk", sdk }, { "older", (cloud.evidence "cloudflare.json") } } }
  print(("contracts: %d exchanges, %d held against the SDK's, %d against the older; %d known differences"):format(
    told.exchanges, told.held.sdk, told.held.older, told.known))
  if problems[1] then error(table.concat(problems, "\n"), 0) end
end)
