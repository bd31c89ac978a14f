---Questions to the name servers; dns.core asks, and this module finds out whom to ask.
local core = require "core"
local dns_core = require "dns.core"
local options = require "options"

local dns = { lookup = dns_core.lookup, find = dns_core.find }

local REFERRALS = 4   -- servers may send on to others so many times
local SERVERS = 4     -- of a zone that are asked, one after the other
local PORT = 53

local fields = {
  { "name", "string", true }, { "type", "string" }, { "zone", "string" }, { "server", "any" }, { "port", "integer" },
  { "timeout", "number" },
}

---What is left of the time, never nothing: the look-up itself says that it is over.
local function left(deadline)
  return math.max(deadline - core.monotonic(), 0.001)
end

---The addresses of name servers, as `server` takes them.
local function addresses_of(names, ask)
  local list = {}
  for _, name in ipairs(names) do
    for _, kind in ipairs { "A", "AAAA" } do
      if #list >= SERVERS then return list end
      for _, answer in ipairs(ask(name, kind) or {}) do
        if answer.type == kind then
          list[#list + 1] = (kind == "A" and "%s:%d" or "[%s]:%d"):format(answer.data, ask.port)
        end
      end
    end
  end
  return list
end

---The names above this one, the nearest first, and without the top level. A resolver is not asked
---about the name itself: it would remember that it is not there. A name of two labels is its zone.
local function zones_above(name)
  local zones, zone = {}, name:gsub("%.$", "")
  if not zone:find("%..*%.") then return { zone } end
  zone = zone:match("%.(.*)")
  while zone and zone:find(".", 1, true) do
    zones[#zones + 1] = zone
    zone = zone:match("%.(.*)")
  end
  return zones
end

local function names_of(answers)
  local names = {}
  for _, answer in ipairs(answers or {}) do
    if answer.type == "NS" then names[#names + 1] = answer.data end
  end
  return names
end

---The names of the zone's servers, by a resolver.
local function servers_above(o, ask)
  local asked = o.zone and { o.zone } or zones_above(o.name)
  for _, zone in ipairs(asked) do
    local names = names_of(ask(zone, "NS"))
    if #names > 0 then return names end
  end
  failure { code = "dns-failed", class = "transient", about = o.name,
    message = ("no name servers are known for %s (asked about %s)"):format(o.name, table.concat(asked, ", ")),
    hint = "name the zone with `zone`, or ask whom `server` names" }
end

---Asks the servers of these names; when they refer to others, those.
local function ask_servers(names, o, ask, referrals)
  local servers = addresses_of(names, ask)
  if #servers == 0 then
    failure { code = "dns-failed", class = "transient", about = o.name,
      message = ("the name servers of %s have no address: %s"):format(o.name, table.concat(names, ", ")) }
  end
  local question = { name = o.name, type = o.type, server = servers, timeout = left(ask.deadline) }
  local answers, err = try(dns_core.lookup, question)
  if answers then return answers end
  if err.code ~= "dns-referral" or #err.referral == 0 or referrals == 0 then error(err, 0) end
  return ask_servers(err.referral, o, ask, referrals - 1)
end

-- The questions asked on the way would be refused in the name of others, some of them only after an answer.
local function check(o)
  local what = "dns.authoritative"
  options.read(what, o, fields)
  dns_core.check(what, { name = o.name, type = o.type, server = o.server, timeout = o.timeout })
  if o.zone then dns_core.check(what, { name = o.zone }) end
  if o.port and (o.port < 1 or o.port > 65535) then
    options.misuse("dns.authoritative: option 'port' is 1 to 65535, not %d", o.port)
  end
end

---Asks the name servers of the zone that the name is in.
function dns.authoritative(o)
  check(o)
  local deadline = core.monotonic() + (o.timeout or 5)
  local ask = setmetatable({ deadline = deadline, port = o.port or PORT }, {
    __call = function(_, name, kind)
      return dns_core.find { name = name, type = kind, server = o.server, timeout = left(deadline) }
    end,
  })
  return ask_servers(servers_above(o, ask), o, ask, REFERRALS)
end

return dns
