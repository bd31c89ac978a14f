---What others have before production is deployed for the first time: a record at the host of ecom-api, a domain at that
---of codex-web, and a Worker under the name of ecom-api that was deployed without Davit.
local cloudflare, http, secret = require "cloudflare", require "http", require "secret"
local put = require "flow.put"

local MARKER <const>, ACCOUNT <const> = "shop/production/main", "0000000000000000000000000000c0de"
local API <const> = "https://api.cloudflare.com/client/v4"

local function call(token, method, path, o)
  local headers = { authorization = "Bearer " .. token, ["content-type"] = o.type }
  return http.expect { url = API .. path, method = method, headers = headers, body = o.body, json = o.json }:json().result
end

local function part(name, type, text)
  return ('--part\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'):format(name,
    name, type, text)
end

-- As one uploads a Worker by hand: nobody has marked it.
local function upload(token, name)
  local metadata = '{"main_module":"m","compatibility_date":"2026-01-01","tags":["team:shop"]}'
  call(token, "PUT", ("/accounts/%s/workers/scripts/%s"):format(ACCOUNT, name), {
    type = "multipart/form-data; boundary=part",
    body = part("metadata", "application/json", metadata)
      .. part("m", "application/javascript+module", "export default {}") .. "--part--\r\n" })
end

return { summary = "What somebody else has", run = function(_, run)
  run.step("others", function()
    local zone = require("project").current().zone
    local dns_token = secret.env("CLOUDFLARE_DNS_API_TOKEN", { to = cloudflare.places.dns_token })
    local token = secret.env("CLOUDFLARE_API_TOKEN", { to = cloudflare.places.token })
    local cf = cloudflare.client { account = ACCOUNT, zone = zone, token = token, dns_token = dns_token }
    put.there(cf.worker { name = "old-shop", marker = MARKER, main = "m", version_tag = "v1", modules = { { name = "m",
      type = "application/javascript+module", body = "export default {}" } } })
    put.there(cf.domain { host = "codex." .. zone, worker = "old-shop", marker = MARKER })
    call(dns_token, "POST", ("/zones/%s/dns_records"):format(call(dns_token, "GET", "/zones", {})[1].id),
      { json = { type = "A", name = "api." .. zone, content = "192.0.2.1", comment = "the old shop", ttl = 300 } })
    upload(token, "ecom-api-production")
  end)
end }
