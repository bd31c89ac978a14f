---Production at hosts that somebody else has, end to end: refused without consent, with it taken over and kept, and
---given back by a failure.
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local takeover_test, exits, has = productions.tests(test, skip), productions.exits, productions.has

local place <close> = not productions.missing() and productions.new() or nil

local function deploy(...) return place:davit("production", "--local", "--yes", ...) end

-- What is at the hosts, and which Workers there are.
local function hosts()
  local state, workers = place:state(), {}
  for name in pairs(state.workers) do workers[#workers + 1] = name end
  table.sort(workers)
  return { records = state.records, domains = state.domains, workers = workers }
end

local function remove_record()
  local zone = place:api("dns", "GET", "/zones").result[1].id
  local base = ("/zones/%s/dns_records"):format(zone)
  local found = place:api("dns", "GET", base .. "?name=api.revelations.studio").result[1]
  place:api("dns", "DELETE", base .. "/" .. found.id)
end

local before

takeover_test("a record and a domain of somebody else are refused, and nothing is changed", function()
  place:lua "place_foreign.lua"
  before = hosts()
  has(table.concat(before.records, "\n"), "A api.revelations.studio 192.0.2.1")
  equal(before.domains, { ["codex.revelations.studio"] = "old-shop" })
  place:push "first"
  local refused = exits(1, deploy())
  has(refused.errors, "api.revelations.studio")
  has(refused.errors, "--take-over replaces what others have at our hosts, and keeps it")
  equal(hosts(), before)
end)

takeover_test("a domain alone is refused, too", function()
  remove_record()
  local without = hosts()
  has(exits(1, deploy()).errors, "codex.revelations.studio")
  equal(hosts(), without)
  place:lua "place_foreign.lua"
  equal(hosts(), before)
end)

takeover_test("what was taken over is given back when the deploy fails", function()
  place:faults "cloudflare GET /accounts/{}/workers/scripts/{}/schedules 403 times=1"   -- when all three are deployed
  exits(1, deploy "--take-over")
  place:faults()
  equal(hosts(), before)
  equal(place:ask "https://codex.revelations.studio/", "the old shop\n")
end)

takeover_test("with consent the hosts are ours, and what was there is kept beside them", function()
  exits(0, deploy "--take-over")
  local after = hosts()
  equal(after.domains, { ["api.revelations.studio"] = "ecom-api-production",
    ["auth.revelations.studio"] = "auth-worker-production", ["codex.revelations.studio"] = "codex-web-production" })
  local records = table.concat(after.records, "\n")
  has(records, "TXT _davit-before.api.revelations.studio")
  equal(records:find("192.0.2.1\n", 1, true), nil)
  equal(type(json.decode(place:ask "https://api.revelations.studio/health").version), "string")
  exits(0, deploy())   -- it is ours by now
  equal(hosts(), after)
end)
