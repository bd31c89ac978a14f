---The model of Cloudflare: who may ask for what, and how every answer is wrapped.
local core = require "core"
local json = require "json"
local permissions = require "cloud.cloudflare.permissions"
local world = require "cloud.world"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()

local SCRIPTS = "/accounts/acc/workers/scripts"

local function with(...)
  local tokens = {}
  for i, token in ipairs { ... } do
    token.name, token.value = token.name or "t" .. i, token.value or "value-" .. i
    tokens[i] = token
  end
  return client.new { tokens = tokens, zones = { "second.example" } }
end

-- ---- credentials -------------------------------------------------------------------------

test("a request without credentials is told what is missing", function()
  local c = client.new()
  c.token = false
  equal(c:refused("GET", "/zones"), { 400, 9106 })
  equal(c:refused("GET", "/zones", nil, { headers = { ["x-auth-key"] = "k", ["x-auth-email"] = "e" } }), { 403, 9103 })
end)

test("a malformed header is refused with the reason in the chain", function()
  local c = client.new()
  for _, header in ipairs { "Basic x", "Bearer", "Bearer a b", "Bearer \"quoted\"" } do
    local status, answer = c:ask("GET", "/zones", nil, { headers = { authorization = header } })
    equal({ status, answer.errors[1].code, answer.errors[1].error_chain[1].code }, { 400, 6003, 6111 })
  end
end)

test("a token of a user is verified there, one of the account at the account", function()
  local c = with { kind = "account", permissions = { "Workers Scripts Write" } }
  equal(c:result("GET", "/user/tokens/verify").status, "active")
  equal(c:refused("GET", "/accounts/acc/tokens/verify"), { 401, 1000 })
  local own = c:as "value-1"
  equal(own:result("GET", "/accounts/acc/tokens/verify").status, "active")
  equal(own:refused("GET", "/user/tokens/verify"), { 401, 1000 })
end)

test("a verification says so in its messages too", function()
  local _, answer = client.new():ask("GET", "/user/tokens/verify")
  equal(answer.messages, { { code = 10000, message = "This API Token is valid and active" } })
end)

test("an expired, a disabled and a future token are verified as such and may nothing", function()
  local c = with({ permissions = { "DNS Write" }, expires = 1799999999 },
    { permissions = { "DNS Write" }, disabled = true },
    { permissions = { "DNS Write" }, not_before = 1800000001 })
  local expired, disabled, future = c:as "value-1", c:as "value-2", c:as "value-3"
  equal(expired:result("GET", "/user/tokens/verify").status, "expired")
  equal(expired:result("GET", "/user/tokens/verify").expires_on, "2027-01-15T07:59:59Z")
  equal(disabled:result("GET", "/user/tokens/verify").status, "disabled")
  for _, one in ipairs { expired, disabled, future } do equal(one:refused("GET", "/zones"), { 403, 9109 }) end
  c.now = c.now + 1
  equal(#future:result("GET", "/zones"), 2)
end)

test("an unknown permission, or a kind that is none, is refused at once", function()
  raises("unknown permission 'DNS Wirte'", world.new, { tokens = { { name = "x", value = "y", permissions = { "DNS Wirte" } } } })
  raises("kind is 'user' or 'account', not 'both'", world.new, { tokens = { { name = "x", value = "y", kind = "both" } } })
  equal(permissions.grants { "DNS Read", "DNS Edit", "Zone Read" }, { dns = "write", zones = "read" })
end)

-- ---- scopes ------------------------------------------------------------------------------

test("a DNS token cannot deploy, a Workers token cannot edit DNS", function()
  local c = client.new()
  local records = "/zones/" .. c.zone .. "/dns_records"
  equal(c:refused("GET", records), { 403, 10000 })
  local dns = c:as "dns-token"
  equal(dns:refused("GET", SCRIPTS), { 403, 10000 })
  equal(dns:refused("PUT", SCRIPTS .. "/web", "", { headers = client.form_headers }), { 403, 10000 })
  equal(dns:refused("GET", "/zones/" .. c.zone .. "/workers/routes"), { 403, 10000 })
  equal(dns:refused("GET", "/accounts/acc"), { 403, 9109 })
  equal(#dns:result("GET", "/accounts"), 0)
end)

test("a token that may read changes nothing", function()
  local c = with { permissions = { "Workers Scripts Read", "DNS Read" } }
  c:put("web")
  local reader = c:as "value-1"
  equal(#reader:result("GET", SCRIPTS), 1)
  equal(reader:refused("DELETE", SCRIPTS .. "/web"), { 403, 10000 })
  equal(reader:refused("PUT", SCRIPTS .. "/web/schedules", json.array {}), { 403, 10000 })
  local records = "/zones/" .. c.zone .. "/dns_records"
  equal(#reader:result("GET", records), 0)
  equal(reader:refused("POST", records, { type = "A", name = "a", content = "192.0.2.1" }), { 403, 10000 })
end)

test("a token for one zone sees no other", function()
  local c = with { permissions = { "DNS Write", "Workers Routes Write", "Workers Scripts Write" },
    zones = { "second.example" } }
  c:put("web")
  local own = c:as "value-1"
  equal(client.pluck(own:result("GET", "/zones"), "name"), { "second.example" })
  equal(own:refused("GET", "/zones/" .. c.zone), { 403, 9109 })
  equal(own:refused("GET", "/zones/" .. c.zone .. "/dns_records"), { 403, 10000 })
  local other = own:result("GET", "/zones")[1].id
  equal(#own:result("GET", "/zones/" .. other .. "/dns_records"), 0)
  local routes = json.array { { pattern = "second.example/*" } }
  equal(own:refused("PUT", SCRIPTS .. "/web/routes", routes), { 403, 10000 })
  equal(own:result("POST", "/zones/" .. other .. "/workers/routes",
    { pattern = "second.example/*", script = "web" }).script, "web")
end)

test("an account, a zone or an id that is not ours is told apart from a path that is none", function()
  local c = client.new()
  equal(c:refused("GET", "/accounts/other/workers/scripts"), { 403, 10000 })
  equal(c:refused("GET", "/accounts/other"), { 403, 9109 })
  equal(c:refused("GET", "/zones/" .. ("0"):rep(32)), { 403, 9109 })
  equal(c:as("dns-token"):refused("GET", "/zones/" .. ("0"):rep(32) .. "/dns_records"), { 403, 10000 })
  equal(c:refused("GET", "/zones/undefined"), { 404, 7003 })
  equal(c:refused("GET", "/accounts//workers/scripts/web/nothing"), { 404, 7003 })
end)

-- ---- the account and its user ------------------------------------------------------------

test("the account is listed and shown, the user belongs to it", function()
  local c = client.new { account_name = "Codex" }
  equal(client.pluck(c:result("GET", "/accounts?page=1"), "name"), { "Codex" })
  equal(#c:result("GET", "/accounts?name=cod"), 1)
  equal(#c:result("GET", "/accounts?name=other"), 0)
  equal(c:result("GET", "/accounts/acc").type, "standard")
  equal(c:result("GET", "/user").email, "davit@example.com")
  local _, answer = c:ask("GET", "/memberships?page=1")
  equal({ answer.result[1].account.id, answer.result_info.total_count }, { "acc", 1 })
end)

test("a token of the account has no user", function()
  local c = with { kind = "account", permissions = { "Account Settings Read" } }
  local own = c:as "value-1"
  equal(own:refused("GET", "/user"), { 403, 9109 })
  equal(own:refused("GET", "/memberships"), { 400, 9106 })
  equal(#own:result("GET", "/accounts"), 1)
end)

test("a user's token without their permissions sees neither details nor memberships", function()
  local own = with({ permissions = { "Workers Scripts Write" } }):as "value-1"
  equal(own:refused("GET", "/user"), { 403, 9109 })
  equal(own:refused("GET", "/memberships"), { 403, 10000 })
end)

test("settings of the account's Workers keep what they are told", function()
  local c = client.new()
  local path = "/accounts/acc/workers/account-settings"
  equal(c:result("GET", path), { default_usage_model = "standard", green_compute = false })
  c:result("PUT", path, { green_compute = true, later = "x" })
  equal(c:result("GET", path), { default_usage_model = "standard", green_compute = true, later = "x" })
end)

-- ---- the envelope ------------------------------------------------------------------------

test("a path that leads nowhere has both of its errors", function()
  local _, answer = client.new():ask("GET", "/nowhere")
  equal(answer.errors, {
    { code = 7003, message = "Could not route to /client/v4/nowhere, perhaps your object identifier is invalid?" },
    { code = 7000, message = "No route for that URI" } })
  equal({ answer.messages, answer.result }, { {}, json.null })
end)

test("a body is JSON under any text's name, and nothing else", function()
  local c = client.new { subdomain = false }
  local path = "/accounts/acc/workers/subdomain"
  local function of(kind) return { headers = { ["content-type"] = kind } } end
  local function put(body, kind) return c:refused("PUT", path, body, of(kind)) end
  equal(put("{", "application/json"), { 400, 6007 })
  equal(put('"text"', "application/json"), { 400, 6007 })
  equal(put("subdomain=x", "application/x-www-form-urlencoded"), { 400, 9207 })
  equal(put("", "application/json"), { 400, 10030 })
  equal(c:result("PUT", path, '{"subdomain":"one"}', of "text/plain;charset=UTF-8"), { subdomain = "one" })
end)

test("HEAD is GET without a body, OPTIONS is nothing", function()
  local c = client.new()
  local status, body, headers = c:ask("HEAD", "/zones")
  equal({ status, body, headers["content-type"] }, { 200, "", "application/json; charset=utf-8" })
  equal({ (c:ask("OPTIONS", "/zones")) }, { 204 })
  equal(c:refused("DELETE", "/zones"), { 405, 7001 })
end)

-- ---- the rate limit ----------------------------------------------------------------------

test("too many requests are blocked for five minutes from the first one too many", function()
  local c = client.new { settings = { cloudflare_requests = 2 } }
  c:result("GET", "/zones")
  c.now = c.now + 200
  local _, _, headers = c:ask("GET", "/zones")
  equal(headers.ratelimit, '"default";r=0;t=100')
  local status, answer, late = c:ask("GET", "/zones")
  equal({ status, answer.errors[1].code, late["retry-after"] }, { 429, 971, "300" })
  c.now = c.now + 299
  equal(select(3, c:ask("GET", "/zones"))["retry-after"], "1")
  c.now = c.now + 1
  equal(#c:result("GET", "/zones"), 1)
end)

test("each token has a budget of its own", function()
  local c = client.new { settings = { cloudflare_requests = 1 } }
  c:result("GET", "/zones")
  equal(c:refused("GET", "/zones"), { 429, 971 })
  equal(#c:as("dns-token"):result("GET", "/zones"), 1)
end)
