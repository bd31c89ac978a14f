---A session on the store of runs, as run.lua uses it: events, runs, leases, notices, the fence.
local fs = require "fs"
local process = require "process"
local secrets = require "secret.core"
local store = require "store.core"
local task = require "task"

local n = 0

---Calls f with a function that opens sessions on one new store.
local function with_store(name, f)
  test(name, function()
    n = n + 1
    local folder = ("build/tests/store-%d"):format(n)
    fs.make(folder)
    for _, suffix in ipairs { "", "-wal", "-shm" } do
      if fs.exists(folder .. "/journal.db" .. suffix) then fs.remove(folder .. "/journal.db" .. suffix) end
    end
    f(function() return store.open(folder .. "/journal.db") end, folder .. "/journal.db")
  end)
end

local function event(run, o)
  o = o or {}
  return { run = run, at = o.at or 1, kind = o.kind or "k", path = o.path or "", data = o.data or "{}",
    status = o.status }
end

with_store("events come back as they were appended, by run, kind and place", function(open)
  local s <close> = open()
  s:append { event("a", { at = 1.5, kind = "run-started", path = "p", data = '{"x":1}' }), event "b" }
  s:append { event("a", { kind = "step" }) }
  s:append {}
  local events = s:events { run = "a" }
  equal(#events, 2)
  local first = events[1]
  equal({ first.at, first.run, first.kind, first.path, first.data }, { 1.5, "a", "run-started", "p", '{"x":1}' })
  equal(#s:events {}, 3)
  equal(#s:events { kind = "step" }, 1)
  equal(#s:events { run = "a", after = first.seq }, 1)
end)

with_store("runs are listed newest first, with their status and what they take", function(open)
  local s <close> = open()
  s:append { event("a", { at = 1, data = '{"recipe":"x"}' }), event("b", { at = 2, status = "running" }) }
  s:append { event("a", { at = 3, status = "done" }) }
  local runs = s:runs {}
  equal({ runs[1].run, runs[2].run }, { "b", "a" })
  equal({ runs[2].status, runs[2].first, runs[2].started, runs[2].changed, runs[2].events },
    { "done", '{"recipe":"x"}', 1.0, 3.0, 2 })
  equal(runs[2].bytes > 0, true)
  equal(#s:runs { status = "done" }, 1)
  equal(#s:runs { run = "b" }, 1)
  equal(s:runs { limit = 1 }[1].run, "b")
  equal(s:runs { changed_before = 2.5 }[1].run, "b")
  s:forget "a"
  equal(#s:runs {}, 1)
  equal(#s:events { run = "a" }, 0)
end)

with_store("what is stored passed the mask", function(open, file)
  local value <const> = "hidden-value-4711"
  equal(secrets.is(secrets.new("HIDDEN", value, { "sql:*" })), true)
  do
    local s <close> = open()
    s:append { event("a", { path = value, data = ('{"x":"%s"}'):format(value) }) }
    s:take { name = "x/" .. value, run = "a", seconds = 10 }
    s:ask("x/" .. value, value)
    equal(s:events { run = "a" }[1].data, '{"x":"***"}')
    equal(s:leases("x/" .. value)[1].request, "***")
  end
  equal(fs.read(file):find(value, 1, true), nil)
end)

with_store("a lease has one holder, who is described to the second", function(open)
  local first <close> = open()
  local second <close> = open()
  local token = first:take { name = "web", run = "a", seconds = 30 }
  equal(math.type(token), "integer")
  equal(first:take { name = "web", run = "a", seconds = 30 }, token)
  local none, holder = second:take { name = "web", run = "b", seconds = 30 }
  equal(none, nil)
  equal({ holder.name, holder.run, holder.token, holder.here, holder.alive, holder.request },
    { "web", "a", token, true, true })
  equal(holder.left > 25 and holder.left <= 30, true)
  first:release "web"
  equal(second:take { name = "web", run = "b", seconds = 30 } > token, true)
  equal(#second:leases(), 1)
  equal(second:leases "nothing", {})
end)

with_store("a holder that was killed is not alive", function(open, file)
  local lua = file .. ".lua"
  fs.write(lua, ([[local s = require("store.core").open %q
    s:take { name = "web", run = "a", seconds = 3600 }
    print "taken"
    sleep(3600)]]):format(file))
  local child <close> = process.start { argv = { os.getenv "DAVIT" or "build/davit", lua } }
  equal(child:line(), "taken")
  local s <close> = open()
  local _, holder = s:take { name = "web", run = "b", seconds = 30 }
  equal({ holder.here, holder.alive }, { true, true })
  child:kill "KILL"
  child:wait()
  _, holder = s:take { name = "web", run = "b", seconds = 30 }
  equal({ holder.here, holder.alive }, { true, false })
end)

with_store("a request reaches the holder, once, and asking nobody says so", function(open)
  local holder <close> = open()
  local other <close> = open()
  equal(other:ask("web", "stop"), false)
  holder:take { name = "web", run = "a", seconds = 3 }
  equal(other:ask("web", "stop"), true)
  local notice
  parallel {
    watch = function() notice = holder:watch() end,
    other = function() while not notice do sleep(0.05) end end,
  }
  equal(notice, { name = "web", request = "stop" })
end)

with_store("who lost a lease is told, may not append, and may have no effect", function(open)
  local old <close> = open()
  local new <close> = open()
  local token = old:take { name = "web", run = "a", seconds = 3 }
  old:append { event "a" }
  new:take { name = "web", run = "b", seconds = 30, instead_of = token }
  local err = raises("taken over by run b", old.append, old, { event "a" })
  equal({ err.code, err.class }, { "lease-lost", "fatal" })
  local notice
  parallel {
    watch = function() notice = old:watch() end,
    other = function() while not notice do sleep(0.05) end end,
  }
  equal(notice, { name = "web", lost = true, run = "b" })
  equal(raises("taken over by run b", fs.read, "Makefile").code, "lease-lost")
  equal(raises("taken over by run b", process.run, { argv = { "true" } }).code, "lease-lost")
  old:append { event "another" }
  old:release "web"
  equal(#fs.read "Makefile" > 0, true)
  equal(new:leases "web"[1].run, "b")
end)

with_store("many tasks append at once, and each in its order", function(open)
  local s <close> = open()
  local branches = {}
  for i = 1, 50 do
    branches["b" .. i] = function()
      for j = 1, 5 do s:append { event("run" .. i, { data = tostring(j) }) } end
    end
  end
  parallel(branches)
  for i = 1, 50 do
    local seen = {}
    for _, e in ipairs(s:events { run = "run" .. i }) do seen[#seen + 1] = e.data end
    equal(table.concat(seen), "12345")
  end
end)

with_store("closing a session wakes who waits for a notice, and nothing works afterwards", function(open)
  local s = open()
  local notice = "none"
  parallel {
    watch = function() notice = s:watch() end,
    close = function() sleep(0.01) s:close() end,
  }
  equal(notice, nil)
  raises("the session is closed", s.events, s, {})
  s:close()
end)

with_store("one task at most waits for notices", function(open)
  local s <close> = open()
  local err
  parallel {
    first = function() try(task.deadline, 0.05, s.watch, s) end,
    second = function() err = raises("another task waits", s.watch, s) end,
  }
  equal(err.class, "misuse")
end)

with_store("misuse names what is wrong", function(open)
  local s <close> = open()
  raises("unknown option 'runs'", s.events, s, { runs = 1 })
  raises("option 'kind' is required", s.append, s, { { run = "a", at = 1 } })
  raises("expected a list of events", s.append, s, "x")
  raises("'seconds' must be above 0", s.take, s, { name = "a", run = "b", seconds = 0 })
  raises("the name is required", s.release, s)
  raises("the place must be a file", store.open, 7)
end)

test("what cannot be opened is named", function()
  equal(raises("/nowhere/at/all", store.open, "/nowhere/at/all/journal.db").code, "journal-failed")
end)
