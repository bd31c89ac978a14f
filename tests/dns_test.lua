local dns = require "dns"
local nameserver = require "nameserver"
local task = require "task"

---Answers questions with handler while body(server) runs.
local function with_server(handler, body)
  return task.nursery(function(spawn)
    local ns <close> = nameserver.listen {}
    spawn("names", function() ns:serve(handler) end)
    return body("127.0.0.1:" .. ns.port)
  end)
end

test("a look-up gives what the server answers, in order", function()
  local answers = with_server(function(name, type)
    equal({ name, type }, { "www.example.test", "A" })
    return { answers = {
      { type = "CNAME", data = "edge.example.test", ttl = 5 },
      { type = "A", data = "192.0.2.1" },
    } }
  end, function(server) return dns.lookup { name = "www.example.test", server = server } end)
  equal(answers, {
    { type = "CNAME", data = "edge.example.test", ttl = 5 },
    { type = "A", data = "192.0.2.1", ttl = 60 },
  })
end)

test("a name that is not there raises, and find gives nil", function()
  with_server(function() return { rcode = "NXDOMAIN" } end, function(server)
    local err = raises("no such name: gone.test %(NXDOMAIN", dns.lookup, { name = "gone.test", server = server })
    equal({ err.code, err.class, err.about }, { "dns-not-found", "pending", "gone.test" })
    equal(dns.find { name = "gone.test", server = server }, nil)
  end)
end)

test("a type that is not there raises, and find gives nil", function()
  with_server(function() return {} end, function(server)
    local err = raises("has no TXT record", dns.lookup, { name = "x.test", type = "TXT", server = server })
    equal(err.code, "dns-no-data")
    equal(dns.find { name = "x.test", type = "TXT", server = server }, nil)
  end)
end)

test("a server that fails raises, from find as well", function()
  with_server(function() return { rcode = "SERVFAIL" } end, function(server)
    equal(raises("x.test", dns.lookup, { name = "x.test", server = server }).code, "dns-failed")
    equal(raises("x.test", dns.find, { name = "x.test", server = server }).class, "transient")
  end)
end)

test("silence raises when the time is over", function()
  with_server(function() return nil end, function(server)
    local err = raises("A record of x.test: no answer from 127.0.0.1:%d+ within 0.1 s", dns.lookup,
      { name = "x.test", server = server, timeout = 0.1 })
    equal(err.code, "dns-timeout")
  end)
end)

test("a look-up is cancelled at once", function()
  with_server(function() return nil end, function(server)
    local before = os.clock()
    raises("deadline", task.deadline, 0.05, function() dns.lookup { name = "x.test", server = server } end)
    equal(os.clock() - before < 1, true)
  end)
end)

-- Records with fields --------------------------------------------------------------------

local SOA = "ns.example.test host\\.master.example.test 2024010101 7200 900 1209600 300"

local records = {
  MX = { "10 mail.example.test", { preference = 10, exchange = "mail.example.test" } },
  NS = { "ns1.example.test", {} },
  PTR = { "www.example.test", {} },
  SOA = { SOA, { mname = "ns.example.test", rname = "host\\.master.example.test", serial = 2024010101, refresh = 7200,
    retry = 900, expire = 1209600, minimum = 300 } },
  SRV = { "1 2 5432 db.example.test", { priority = 1, weight = 2, port = 5432, target = "db.example.test" } },
  CAA = { "0 issue ca.example; account=7", { flags = 0, tag = "issue", value = "ca.example; account=7" } },
}

for kind, record in pairs(records) do
  test(("%s records come with their fields"):format(kind), function()
    local expected = { type = kind, data = record[1], ttl = 9 }
    for name, value in pairs(record[2]) do expected[name] = value end
    with_server(function(_, asked) return { answers = { { type = asked, data = record[1], ttl = 9 } } } end,
      function(server) equal(dns.lookup { name = "x.test", type = kind, server = server }, { expected }) end)
  end)
end

test("a PTR look-up of an address asks for its reverse name", function()
  local asked = {}
  local function handler(name)
    asked[#asked + 1] = name
    return { answers = { { type = "PTR", data = "www.example.test" } } }
  end
  with_server(handler, function(server)
    for _, address in ipairs { "192.0.2.7", "2001:db8::1" } do
      equal(dns.lookup({ name = address, type = "PTR", server = server })[1].data, "www.example.test")
    end
  end)
  equal(asked, { "7.2.0.192.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" })
end)

-- What errors carry -----------------------------------------------------------------------

test("what is not there says for how long resolvers may remember it, and who said so", function()
  for rcode, code in pairs { NXDOMAIN = "dns-not-found", NOERROR = "dns-no-data" } do
    with_server(function()
      return { rcode = rcode, authority = { { name = "test", type = "SOA", data = SOA, ttl = 120 } } }
    end, function(server)
      local err = raises("x.test", dns.lookup, { name = "x.test", server = server })
      equal({ err.code, err.negative_ttl, err.server }, { code, 120, server })
      equal(err.seconds > 0, true)
      equal(err.hint, "resolvers may remember that for 120 s, even when the record is there by then")
    end)
  end
end)

test("without an SOA nobody knows for how long", function()
  with_server(function() return { rcode = "NXDOMAIN" } end, function(server)
    equal(raises("gone", dns.lookup, { name = "gone.test", server = server }).negative_ttl, nil)
  end)
end)

test("refusals are told apart", function()
  for _, rcode in ipairs { "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP" } do
    with_server(function() return { rcode = rcode } end, function(server)
      local err = raises("the server answered " .. rcode, dns.lookup, { name = "x.test", server = server })
      equal({ err.code, err.class, err.rcode, err.server }, { "dns-failed", "transient", rcode, server })
    end)
  end
end)

test("where nobody listens the error says so", function()
  local ns = nameserver.listen {}
  local server = "127.0.0.1:" .. ns.port
  ns:close()
  sleep(0.01)   -- closing takes a turn of the loop
  local err = raises("nobody listens there", dns.lookup, { name = "x.test", server = server })
  equal({ err.code, err.server }, { "dns-failed", server })
end)

-- Several servers -------------------------------------------------------------------------

test("of several servers the next is asked when one fails, refuses or is silent", function()
  local function good() return { answers = { { type = "A", data = "192.0.2.1" } } } end
  local function bad(reply) return function() return reply end end
  for _, reply in ipairs { bad { rcode = "SERVFAIL" }, bad { rcode = "REFUSED" }, bad(nil) } do
    with_server(reply, function(first)
      with_server(good, function(second)
        local answers = dns.lookup { name = "x.test", server = { first, second }, timeout = 2 }
        equal(answers[1].data, "192.0.2.1")
      end)
    end)
  end
end)

test("when all servers fail the error names them all", function()
  local function bad() return { rcode = "SERVFAIL" } end
  with_server(bad, function(first)
    with_server(bad, function(second)
      local err = raises("SERVFAIL", dns.lookup, { name = "x.test", server = { first, second } })
      equal({ err.rcode, err.server }, { "SERVFAIL", first .. ", " .. second })
    end)
  end)
end)

-- Asking the zone's own servers --------------------------------------------------------------

---A zone example.test whose name server is the one that resolves; counts who was asked what.
local function zone(body, more)
  local asked = {}
  local known = {
    ["example.test NS"] = { { type = "NS", data = "ns.example.test" } },
    ["ns.example.test A"] = { { type = "A", data = "127.0.0.1" } },
    ["new.example.test A"] = { { type = "A", data = "192.0.2.9", ttl = 5 } },
  }
  for key, value in pairs(more or {}) do known[key] = value end
  return with_server(function(name, kind)
    local key = name .. " " .. kind
    asked[#asked + 1] = key
    return known[key] and (known[key].authority and known[key] or { answers = known[key] }) or { rcode = "NXDOMAIN" }
  end, function(server)
    return body(server, tonumber(server:match("%d+$")), asked)
  end)
end

test("dns.authoritative asks the servers of the zone, and no resolver about the name", function()
  zone(function(server, port, asked)
    local answers = dns.authoritative { name = "new.example.test", server = server, port = port }
    equal(answers, { { type = "A", data = "192.0.2.9", ttl = 5 } })
    equal(asked, { "example.test NS", "ns.example.test A", "ns.example.test AAAA", "new.example.test A" })
  end)
end)

test("dns.authoritative looks for the zone upwards, and takes the one that is named", function()
  zone(function(server, port, asked)
    local err = raises("no such name: a.b.example.test", dns.authoritative,
      { name = "a.b.example.test", server = server, port = port })
    equal({ err.code, asked[1], asked[2] }, { "dns-not-found", "b.example.test NS", "example.test NS" })
  end)
  zone(function(server, port, asked)
    raises("no such name", dns.authoritative,
      { name = "a.b.example.test", zone = "example.test", server = server, port = port })
    equal(asked[1], "example.test NS")
  end)
end)

test("dns.authoritative raises when nobody knows the zone, or the servers have no address", function()
  zone(function(server, port)
    local err = raises("no name servers are known for x.other.test", dns.authoritative,
      { name = "x.other.test", server = server, port = port })
    equal({ err.code, err.about }, { "dns-failed", "x.other.test" })
    raises("the name servers of x.lost.test have no address: ns.lost.test", dns.authoritative,
      { name = "x.lost.test", server = server, port = port })
  end, { ["lost.test NS"] = { { type = "NS", data = "ns.lost.test" } } })
end)

test("dns.authoritative is over when its time is", function()
  with_server(function() return nil end, function(server)
    equal(raises("no answer", dns.authoritative, { name = "x.example.test", server = server, timeout = 0.1 }).code,
      "dns-timeout")
  end)
end)

test("misuse of dns.authoritative is named", function()
  raises("dns.authoritative: option 'name' is required", dns.authoritative, {})
  raises("dns.authoritative: unknown option 'nam'", dns.authoritative, { nam = "x" })
  local function refused(pattern, o)
    o.name, o.server = o.name or "www.example.test", o.server or "127.0.0.1:1"
    equal(raises(pattern, dns.authoritative, o).class, "misuse")
  end
  refused("dns.authoritative: option 'type' must be A, AAAA", { type = "HINFO" })
  refused("dns.authoritative: option 'timeout' is seconds above 0", { timeout = 0 })
  refused("dns.authoritative: option 'timeout' is seconds above 0", { timeout = -1 })
  refused("dns.authoritative: option 'server' is an address or a list", { server = {} })
  refused("not a domain name: 'a b'", { zone = "a b" })
end)

test("localhost and addresses are known without a server", function()
  equal(dns.lookup { name = "web.localhost" }, { { type = "A", data = "127.0.0.1", ttl = 0 } })
  equal(dns.lookup { name = "::1", type = "AAAA" }, { { type = "AAAA", data = "::1", ttl = 0 } })
  equal(dns.find { name = "192.0.2.1", type = "AAAA" }, nil)
end)

test("misuse of dns.lookup is named", function()
  raises("dns.lookup: expected a table of options, not a string", dns.lookup, "x.test")
  raises("dns.lookup: option 'name' is required", dns.lookup, {})
  raises("dns.lookup: option 'name' must be a string", dns.lookup, { name = 1 })
  raises("dns.lookup: unknown option 'typ'", dns.lookup, { name = "x.test", typ = "A" })
  raises("option 'type' must be A, AAAA, CAA, CNAME, MX, NS, PTR, SOA, SRV or TXT, not 'HINFO'", dns.lookup,
    { name = "x.test", type = "HINFO" })
  raises("option 'timeout' is seconds above 0", dns.lookup, { name = "x.test", timeout = 0 })
  raises("not a domain name: 'a%.%.b'", dns.lookup, { name = "a..b" })
  raises("not the address of a name server: ns.test", dns.lookup, { name = "x.test", server = "ns.test" })
  raises("option 'server' is an address or a list", dns.lookup, { name = "x.test", server = {} })
  raises("option 'server' is an address or a list", dns.lookup, { name = "x.test", server = { 1 } })
  for _, server in ipairs { "", "127.0.0.1:1,", { "127.0.0.1:1", "" } } do
    raises("dns.lookup: option 'server' holds an empty address", dns.lookup, { name = "x.test", server = server })
  end
end)

test("misuse of dns.find is named", function()
  raises("dns.find: expected a table of options, not a nil", dns.find)
  raises("dns.find: option 'name' is required", dns.find, {})
  raises("dns.find: unknown option 'host'", dns.find, { host = "x.test" })
end)

test("a name that is none is refused before anybody is asked", function()
  for name, hint in pairs { ["a b.test"] = false, ["a\n.test"] = false, ["ü.test"] = "xn%-%-", [""] = false,
    ["http://x.test/"] = "without scheme", ["x.test:80"] = "without scheme", ["[::1]"] = "without scheme" } do
    local err = raises("not a domain name: ", dns.lookup, { name = name, server = "127.0.0.1:1" })
    equal({ err.code, hint == false or err.hint:find(hint) ~= nil }, { "dns-name", true })
  end
  raises("option 'name' holds a NUL", dns.lookup, { name = "a\0b.test", server = "127.0.0.1:1" })
end)

test("a port that is none is refused", function()
  for _, server in ipairs { "127.0.0.1:99999", "127.0.0.1:0", "[::1]:65536", "127.0.0.1,127.0.0.2:70000", "::1,[::1]:0" } do
    raises("option 'server': a port is 1 to 65535, not as in ", dns.lookup, { name = "x.test", server = server })
  end
  raises("a port is 1 to 65535, not as in 127.0.0.2:0", dns.find,
    { name = "x.test", server = { "127.0.0.1", "127.0.0.2:0" } })
  raises("option 'port' is 1 to 65535, not 70000", dns.authoritative, { name = "x.test", port = 70000 })
end)
