---A session on a store in PostgreSQL, on its thread: what the C tests of the store cannot see.
local core = require "core"
local store = require "store.core"

local function with_server(name, f)
  test(name, function()
    local server <close> = core.load_file("tests/postgres.lua")().start()
    if not server then skip("no PostgreSQL server on this machine") end
    f(server)
  end)
end

local function event(run, data)
  return { run = run, at = 1, kind = "k", path = "", data = data or "{}" }
end

with_server("two sessions share runs and leases", function(server)
  local one <close> = store.open(server:url("postgres"))
  local other <close> = store.open(server:url("postgres"))
  local token = one:take { name = "web", run = "a", seconds = 30 }
  equal(math.type(token), "integer")
  local refused, holder = other:take { name = "web", run = "b", seconds = 30 }
  equal({ refused, holder.run }, { nil, "a" })
  one:append { event("a", '{"x":"ü"}') }
  equal(other:events({ run = "a" })[1].data, '{"x":"ü"}')
  equal(other:ask("web", "stop"), true)
  equal(one:watch(), { name = "web", request = "stop" })
end)

with_server("a server that is killed and comes back is waited for", function(server)
  local s <close> = store.open(server:url("postgres"))
  s:append { event("a", "1") }
  server:kill()
  parallel {
    write = function() s:append { event("a", "2") } end,
    restart = function() server:restart() end,
  }
  local texts = {}
  for i, e in ipairs(s:events { run = "a" }) do texts[i] = e.data end
  equal(texts, { "1", "2" })
end)

with_server("a refused password is an error that does not tell it", function(server)
  local s <close> = store.open(server:url("postgres", { password = "hunter2" }))
  local _, err = try(s.append, s, { event "a" })
  equal({ err.code, err.class }, { "journal-denied", "fatal" })
  equal(tostring(err):find("hunter2", 1, true), nil)
end)
