---The official SDK of Cloudflare for node: tests/clients/sdk.mjs goes through its calls, each a test here.
local about = ...
local cloud, place = about.cloud, about.place

if about.why_not then
  test("the SDK of Cloudflare goes through its calls", function() skip(about.why_not) end)
  return
end

about.suite.checks({ title = "the SDK of Cloudflare", program = "sdk.mjs", argv = { place.base, cloud.account }, env = {
  WORKERS_TOKEN = cloud.tokens.workers, DNS_TOKEN = cloud.tokens.dns, READER_TOKEN = cloud.tokens.reader,
  ACCOUNT_TOKEN = cloud.tokens.owned } }, test)
