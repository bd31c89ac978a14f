---For place_production.lua: asks a service's API with the project's own credential, and prints the answer's JSON.
require("local").connect(require("project").read())
local service, method, path, body = ...
local services = {
  github = { "https://api.github.com", "fake-github-token-0004" },
  cloudflare = { "https://api.cloudflare.com/client/v4", "fake-cloudflare-workers-token-0001" },
  dns = { "https://api.cloudflare.com/client/v4", "fake-cloudflare-dns-token-0002" },
  neon = { "https://console.neon.tech/api/v2", "fake-neon-api-key-0003" },
}
local base, token = table.unpack(services[service])
print(require("http").expect({ url = base .. path, method = method, body = body,
  headers = { authorization = "Bearer " .. token, ["content-type"] = body and "application/json" or nil } }).body)
