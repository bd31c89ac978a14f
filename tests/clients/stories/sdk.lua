---The official SDK of Cloudflare for node: tests/clients/sdk.mjs goes through its calls, each a test here.
local suite = ...
local process = require "process"
local cloud, place = suite.cloud, suite.place

if suite.why_not then
  test("the SDK of Cloudflare goes through its calls", function() skip(suite.why_not) end)
  return
end

local ended = process.run { argv = { cloud.node, "tests/clients/sdk.mjs", cloud.parts, place.base, cloud.account },
  check = false, timeout = 300, env = { WORKERS_TOKEN = cloud.tokens.workers, DNS_TOKEN = cloud.tokens.dns,
    READER_TOKEN = cloud.tokens.reader, ACCOUNT_TOKEN = cloud.tokens.owned } }

local count = 0
for outcome, name, reason in ended.output:gmatch "([%l ]-ok)\t([^\t\n]*)\t([^\n]*)" do
  count = count + 1
  test("the SDK of Cloudflare: " .. name, function()
    if outcome ~= "ok" then error(reason, 0) end
  end)
end

test("the SDK of Cloudflare comes to its end", function()
  equal({ ended.exit, ended.output:match "\nend\t(%d+)\n$" }, { 0, tostring(count) })
end)
