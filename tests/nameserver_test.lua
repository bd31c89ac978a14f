local dns = require "dns"
local nameserver = require "nameserver"
local task = require "task"

---Asks one question while handler answers; raises what either of them raises.
local function ask(handler, o)
  return task.nursery(function(spawn)
    local ns <close> = nameserver.listen {}
    spawn("names", function() ns:serve(handler) end)
    o.server, o.timeout = "127.0.0.1:" .. ns.port, 2
    return dns.lookup(o)
  end)
end

test("every type it knows can be answered", function()
  local data = { A = "192.0.2.1", AAAA = "2001:db8::1", CNAME = "other.test", TXT = "some text" }
  for kind, value in pairs(data) do
    local answers = ask(function(_, asked) return { answers = { { type = asked, data = value, ttl = 7 } } } end,
      { name = "x.test", type = kind })
    equal(answers, { { type = kind, data = value, ttl = 7 } })
  end
end)

test("a long text arrives in one piece", function()
  local text = ("0123456789"):rep(30)
  local answers = ask(function() return { ttl = 9, answers = { { type = "TXT", data = text } } } end,
    { name = "x.test", type = "TXT" })
  equal(answers, { { type = "TXT", data = text, ttl = 9 } })
end)

test("a handler may wait", function()
  local answers = ask(function()
    sleep(0.01)
    return { answers = { { type = "A", data = "192.0.2.1" } } }
  end, { name = "x.test" })
  equal(#answers, 1)
end)

test("what a handler raises ends serving", function()
  raises("out of names", ask, function() failure "out of names" end, { name = "x.test" })
end)

test("an answer that cannot be written is an error that says why", function()
  local function answering(reply)
    return ask, function() return reply end, { name = "x.test" }
  end
  raises("'YES' is no rcode", answering { rcode = "YES" })
  raises("unknown option 'answer'", answering { answer = {} })
  raises("'::1' is no data of the type A", answering { answers = { { type = "A", data = "::1" } } })
  raises("option 'data' is required", answering { answers = { { type = "A" } } })
  raises("option 'ttl' is seconds", answering { answers = { { type = "A", data = "192.0.2.1", ttl = -1 } } })
  raises("expected a table of options, not a string", answering "192.0.2.1")
end)

test("serving ends when the server is closed", function()
  task.nursery(function(spawn)
    local ns = nameserver.listen {}
    spawn("names", function() ns:serve(function() end) end)
    sleep(0.01)
    ns:close()
  end)
end)

test("a server that its handler closes ends its task, which the close has woken, in peace", function()
  local ns = nameserver.listen {}
  local core = require "core"
  parallel {
    ask = function() try(dns.lookup, { name = "a.example.test", server = "127.0.0.1:" .. ns.port, timeout = 0.06 }) end,
    serve = function() ns:serve(function() sleep(0.05) ns:close() end) end,
    ends_before = function() sleep(0.045) end,
    stall = function()  -- so that all of them end in one turn
      sleep(0.03)
      local began = core.monotonic()
      while core.monotonic() - began < 0.05 do end
    end,
  }
  local kept  -- enough waste that the collector comes round
  for i = 1, 300000 do kept = { i } end
  equal(kept[1], 300000)
end)

test("serving can be cancelled, and taken up again", function()
  local ns <close> = nameserver.listen {}
  for _ = 1, 2 do
    raises("deadline", task.deadline, 0.02, function() ns:serve(function() end) end)
  end
end)

test("a port that is taken is a failure that names it", function()
  local ns <close> = nameserver.listen {}
  local err = raises("listening on UDP 127.0.0.1 port", nameserver.listen, { port = ns.port })
  equal({ err.code, err.about }, { "nameserver-failed", "127.0.0.1" })
end)

test("misuse of nameserver.listen is named", function()
  raises("nameserver.listen: expected a table of options, not a nil", nameserver.listen)
  raises("nameserver.listen: unknown option 'host'", nameserver.listen, { host = "::1" })
  raises("option 'port' must be an integer", nameserver.listen, { port = "53" })
  raises("option 'port' must be 0 to 65535", nameserver.listen, { port = 65536 })
  raises("option 'address' must be a string", nameserver.listen, { address = 1 })
end)

test("misuse of nameserver:serve is named", function()
  local ns = nameserver.listen {}
  raises("nameserver:serve: expected a function, not a nil", ns.serve, ns)
  raises("davit.nameserver expected", ns.serve, 1)
  ns:close()
  raises("it is closed", ns.serve, ns, function() end)
end)
