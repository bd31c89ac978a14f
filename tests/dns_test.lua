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
    local err = raises("no answer about x.test", dns.lookup, { name = "x.test", server = server, timeout = 0.1 })
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
  raises("option 'type' must be A, AAAA, CNAME or TXT, not 'MX'", dns.lookup, { name = "x.test", type = "MX" })
  raises("option 'timeout' is seconds above 0", dns.lookup, { name = "x.test", timeout = 0 })
  raises("not a domain name: a%.%.b", dns.lookup, { name = "a..b" })
  raises("not the address of a name server: ns.test", dns.lookup, { name = "x.test", server = "ns.test" })
end)

test("misuse of dns.find is named", function()
  raises("dns.find: expected a table of options, not a nil", dns.find)
  raises("dns.find: option 'name' is required", dns.find, {})
  raises("dns.find: unknown option 'host'", dns.find, { host = "x.test" })
end)
