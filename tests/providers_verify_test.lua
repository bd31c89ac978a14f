---Which tokens cloudflare.verify accepts, and what it says of the others.
local cloudflare = require "cloudflare"
local core = require "core"
local exit = require "cli.exit"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local open = provider_world.open

local function client(o)
  local options = { account = "acc", zone = "revelations.studio", token = "workers-token", dns_token = "dns-token" }
  for name, value in pairs(o or {}) do options[name] = value or nil end
  return cloudflare.client(options)
end

local function changes(w)
  return w:count "^POST" + w:count "^PUT" + w:count "^PATCH" + w:count "^DELETE"
end

test("verify accepts both tokens by reading alone", function()
  local w <close> = open()
  local seen = client().verify()
  equal(w:count("^GET /client/v4/user"), 1)
  equal({ seen.token.status, seen.zone }, { "active", "revelations.studio" })
  equal({ #w.log, changes(w) }, { 4, 0 })
end)

test("verify without a zone asks for no DNS token", function()
  local w <close> = open()
  equal(cloudflare.client({ account = "acc", token = "workers-token" }).verify().zone, nil)
  equal(w:count "zones", 0)
  raises("the client has no zone", cloudflare.client({ account = "acc", token = "workers-token" }).verify, { zone = true })
end)

test("verify names the token that is wrong", function()
  local _ <close> = open()
  local err = raises("could not verify the token of the option 'token' %(CLOUDFLARE_API_TOKEN%).*code 1000.*is unknown, expired",
    client({ token = "wrong" }).verify)
  equal({ err.code, exit.code(err) }, { "cloudflare-token", 2 })
  err = raises("could not find the zone .* with the option 'dns_token' %(CLOUDFLARE_DNS_API_TOKEN%).*code 9109.*is unknown, expired",
    client({ dns_token = "wrong" }).verify)
  equal({ err.code, exit.code(err) }, { "cloudflare-token", 2 })
end)

test("the token for Workers never stands in for the one for DNS, nor the other way round", function()
  local w <close> = open()
  local cf = cloudflare.client { account = "acc", zone = "revelations.studio", token = "workers-token" }
  raises("no token for zones and records %(option 'dns_token'", cf.verify)
  raises("no token for zones and records", cf.dns_record({ host = "a.revelations.studio", marker = "codex/preview/1" }).find)
  equal(#w.log, 0)
  local err = raises("the option 'dns_token' %(CLOUDFLARE_DNS_API_TOKEN%) lacks DNS Edit",
    client({ dns_token = "workers-token" }).verify)
  equal({ err.code, exit.code(err) }, { "cloudflare-scope", 2 })
  raises("the option 'token' %(CLOUDFLARE_API_TOKEN%) lacks Workers Scripts Edit", client({ token = "dns-token" }).verify)
end)

test("everything that is missing is said at once", function()
  local _ <close> = open()
  raises("'token' .* lacks Workers Scripts Edit; the option 'dns_token' .* lacks DNS Edit; the option 'token' .* lacks "
    .. "Workers Routes Edit", client({ token = "dns-token", dns_token = "workers-token" }).verify, { routes = true })
end)

test("a DNS token that does not see the zone is not asked about its records", function()
  local w <close> = open { zones = { "example.com" },
    tokens = { { name = "dns", value = "elsewhere", permissions = { "Zone Read", "DNS Write" }, zones = { "example.com" } } } }
  raises("the option 'dns_token' .* lacks Zone Read; edit the token in the dashboard.*revelations.studio",
    client({ dns_token = "elsewhere" }).verify)
  equal(w:count "dns_records", 0)
end)

test("a token of the account is verified where such tokens are", function()
  local w <close> = open { tokens = { { name = "ci", value = "of-the-account", kind = "account",
    permissions = { "Workers Scripts Write" } } } }
  client({ token = "of-the-account" }).verify()
  equal(w:count("accounts/acc/tokens/verify"), 1)
end)

test("with edit, a token that may only read is found out, and nothing is changed", function()
  local w <close> = open { tokens = {
    { name = "reader", value = "reads-workers", permissions = { "Workers Scripts Read", "Workers Routes Read" } },
    { name = "dns reader", value = "reads-dns", permissions = { "Zone Read", "DNS Read" } } } }
  client({ token = "reads-workers", dns_token = "reads-dns" }).verify { routes = true }
  local before = #w.state.cloudflare.records
  raises("Workers Scripts Edit.*DNS Edit.*Workers Routes Edit",
    client({ token = "reads-workers", dns_token = "reads-dns" }).verify, { routes = true, edit = true })
  client().verify { routes = true, edit = true }
  equal({ #w.state.cloudflare.records, #w.state.cloudflare.routes, next(w.state.cloudflare.scripts) }, { before, 0 })
end)

test("what verify does not know is a misuse", function()
  local w <close> = open()
  raises("cloudflare.verify: unknown option 'zoen'", client().verify, { zoen = true })
  equal(#w.log, 0)
end)
