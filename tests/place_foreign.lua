---For place_production.lua: what another project has in the account and the zone: a DNS record at the host of ecom-api,
---and a Worker whose custom domain is the host of codex-web.
local cloudflare = require "cloudflare"
local http = require "http"
local project = require("project").read()
local put = require "flow.put"
require("local").connect(project)

local MARKER <const> = "shop/production/main"
local API <const>, DNS <const> = "https://api.cloudflare.com/client/v4", "fake-cloudflare-dns-token-0002"

local cf = cloudflare.client { account = project.cloudflare.account, zone = project.zone,
  token = "fake-cloudflare-workers-token-0001", dns_token = DNS }

put.there(cf.worker { name = "old-shop", marker = MARKER, main = "m", version_tag = "v1", modules = { { name = "m",
  type = "application/javascript+module", body = "export default { fetch: () => new Response('the old shop') }" } } })
put.there(cf.domain { host = "codex." .. project.zone, worker = "old-shop", marker = MARKER })

local headers = { authorization = "Bearer " .. DNS }
local zone = http.expect({ url = API .. "/zones", headers = headers }):json().result[1].id
http.expect { url = ("%s/zones/%s/dns_records"):format(API, zone), method = "POST", headers = headers,
  json = { type = "A", name = "api." .. project.zone, content = "192.0.2.1", comment = "the old shop", ttl = 300 } }
