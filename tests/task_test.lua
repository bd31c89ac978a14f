---Tasks, cancellation, shields, deadlines, parallel, nurseries, and recipes' own coroutines.
local core = require "core"
local task = require "task"

local function closing(f)
  return setmetatable({}, { __close = f })
end

test("parallel runs its branches at the same time and returns their results by name", function()
  local started = core.monotonic()
  local results = parallel {
    a = function() sleep(0.05) return 1 end,
    b = function() sleep(0.05) return 2 end,
    [3] = function() return "three" end,
  }
  equal(results, { a = 1, b = 2, [3] = "three" })
  equal(core.monotonic() - started < 0.09, true)
end)

test("the first failure cancels the siblings and waits for them", function()
  local log = {}
  local _, err = try(parallel, {
    slow = function()
      local _ <close> = closing(function() log[#log + 1] = "slow was told" end)
      sleep(30)
    end,
    bad = function() sleep(0.01) failure { code = "broken", message = "this branch fails" } end,
  })
  equal(err.code, "broken")
  equal(log, { "slow was told" })
end)

test("parallel with all lets every branch finish and lists every failure", function()
  local finished = {}
  local _, err = try(parallel, {
    all = true,
    a = function() failure { code = "one", message = "no a" } end,
    b = function() sleep(0.02) failure { code = "two", message = "no b" } end,
    c = function() sleep(0.03) finished[1] = "c" end,
  })
  equal(err.code, "parallel-failed")
  equal(err.failures.a.code, "one")
  equal(err.failures.b.code, "two")
  equal(finished, { "c" })
  equal(tostring(err):find("2 branches failed: a: .*no a; b: .*no b") ~= nil, true)
end)

test("a cancelled task that catches its cancellation is cancelled again at the next wait", function()
  local caught = 0
  try(parallel, {
    stubborn = function()
      while true do
        local ok = pcall(sleep, 10)
        if not ok then caught = caught + 1 end
        if caught == 3 then return end
      end
    end,
    bad = function() sleep(0.01) error "stop" end,
  })
  equal(caught, 3)
end)

test("shielded clean-up may wait although its task is cancelled", function()
  local cleaned
  try(parallel, {
    careful = function()
      local _ <close> = closing(function()
        task.shield(function() sleep(0.02) cleaned = true end)
      end)
      sleep(30)
    end,
    bad = function() sleep(0.01) error "stop" end,
  })
  equal(cleaned, true)
end)

test("a deadline raises at the wait and is over with its scope", function()
  local _, err = try(task.deadline, 0.02, function() sleep(30) end)
  equal(err.code, "deadline")
  equal(err.message, "the deadline of 0.02 s has passed")
  sleep(0)
  equal(task.deadline(5, function(a, b) sleep(0) return a + b end, 1, 2), 3)
end)

test("children feel the deadline of whoever waits for them", function()
  local stopped
  local _, err = try(task.deadline, 0.02, parallel, {
    a = function()
      local _ <close> = closing(function() stopped = true end)
      sleep(30)
    end,
  })
  equal(err.code, "deadline")
  equal(stopped, true)
end)

test("what remains is the time until the first deadline that is felt", function()
  equal(task.remaining(), nil)
  task.deadline(100, function()
    local outer = task.remaining()
    equal(outer > 99 and outer <= 100, true)
    task.deadline(10, function() equal(task.remaining() <= 10, true) end)
    task.deadline(1000, function() equal(task.remaining() > 99 and task.remaining() <= 100, true) end)
    parallel { child = function() equal(task.remaining() <= 100, true) end }
    task.shield(function() equal(task.remaining(), nil) end)
    task.shield(function() task.deadline(5, function() equal(task.remaining() <= 5, true) end) end)
  end)
  equal(task.remaining(), nil)
end)

test("the inner of two deadlines passes first and leaves the outer in force", function()
  local inner
  local _, outer = try(task.deadline, 0.05, function()
    inner = select(2, try(task.deadline, 0.01, sleep, 30))
    sleep(30)
  end)
  equal(inner.message, "the deadline of 0.01 s has passed")
  equal(outer.message, "the deadline of 0.05 s has passed")
end)

test("a limit whose clock is held does not pass, and goes on where it stood", function()
  local log = {}
  local _, err = try(task.limit, 0.05, function(limit)
    limit:pause()
    limit:pause()
    equal(task.remaining(), nil)
    sleep(0.1)
    limit:go()
    sleep(0)
    log[#log + 1] = limit:passed()
    limit:go()
    equal(task.remaining() <= 0.05, true)
    log[#log + 1] = select(2, try(sleep, 30)).code
    log[#log + 1] = limit:passed()
    limit:pause()                       -- what has passed stays passed
    log[#log + 1] = select(2, try(sleep, 0)).code
    limit:go()
    sleep(0)
  end)
  equal({ log, err.code }, { { false, "deadline", true, "deadline" }, "deadline" })
end)

test("a limit gives back what its function returns, and is over with it", function()
  local kept
  equal({ task.limit(5, function(limit)
    kept = limit
    return 1, nil, 3
  end) }, { 1, nil, 3 })
  kept:pause()
  kept:go()
  equal({ kept:passed(), task.remaining() }, { false })
  raises("limit:go: its clock goes already", kept.go, kept)
  raises("limit: expected seconds", task.limit, "long")
end)

test("a branch may hold the clock of what it was started under", function()
  equal(task.limit(0.05, function(limit)
    return parallel { waits = function()
      limit:pause()
      sleep(0.1)
      limit:go()
      return "answered"
    end }
  end).waits, "answered")
end)

test("a nursery ends when everything it spawned has ended", function()
  local log = {}
  local result = task.nursery(function(spawn)
    for i = 1, 3 do
      spawn(i, function() sleep(0.01 * i) log[#log + 1] = i end)
    end
    return "main"
  end)
  equal(result, "main")
  equal(log, { 1, 2, 3 })
end)

test("spawn is refused when the nursery has ended", function()
  local kept
  parallel { x = function() task.nursery(function(spawn) kept = spawn end) end }
  raises("spawn: the nursery has ended", kept, "late", function() end)
end)

test("what a cancelled nursery still spawns is cancelled too", function()
  local _, err = try(task.nursery, function(spawn)
    spawn("late", function()
      pcall(sleep, 30)
      spawn("later", function() sleep(30) end)
    end)
    sleep(0.01)
    failure { code = "broken", message = "this branch fails" }
  end)
  equal(err.code, "broken")
end)

test("a failure that nobody has seen yet is not lost to a child of the same name", function()
  local _, err = try(task.nursery, function(spawn)
    spawn("x", function() sleep(0.01) failure { code = "broken", message = "this branch fails" } end)
    spawn("y", function() sleep(0.01) spawn("x", function() end) end)
    local began = core.monotonic()
    while core.monotonic() - began < 0.02 do end  -- both end in the same turn
  end)
  equal(err.code, "broken")
end)

test("a wait inside a recipe's own coroutine waits, and yields of its own pass by", function()
  local co = coroutine.create(function(a)
    sleep(0.01)
    local b = coroutine.yield(a + 1)
    sleep(0.01)
    return b * 2
  end)
  equal({ coroutine.resume(co, 1) }, { true, 2 })
  equal({ coroutine.resume(co, 21) }, { true, 42 })
  equal({ coroutine.resume(co) }, { false, "cannot resume dead coroutine" })
  local words = {}
  for word in coroutine.wrap(function()
    for _, w in ipairs { "a", "b" } do sleep(0) coroutine.yield(w) end
  end) do words[#words + 1] = word end
  equal(words, { "a", "b" })
end)

test("an error inside a wrapped coroutine reaches its caller", function()
  raises("inside", coroutine.wrap(function() sleep(0) error "inside" end))
end)

test("waits pass through pcall, iterators and metamethods", function()
  local t = setmetatable({}, { __index = function(_, k) sleep(0) return k .. "!" end })
  equal(t.x, "x!")
  equal({ pcall(function() sleep(0) return 5 end) }, { true, 5 })
  for _ in (function(_, i) sleep(0) i = (i or 0) + 1 return i < 3 and i or nil end) do sleep(0) end
end)

test("a coroutine that waits belongs to whoever resumed it", function()
  local co = coroutine.create(function() sleep(0.02) return "slept" end)
  local results = parallel {
    a = function() return select(2, coroutine.resume(co)) end,
    b = function()
      local _, why = coroutine.resume(co)
      raises("cannot close a coroutine that another task waits in", coroutine.close, co)
      return why
    end,
  }
  equal(results, { a = "slept", b = "cannot resume a coroutine that another task waits in" })
end)

local function collect_garbage()
  for i = 1, 100000 do local _ = { i } end
end

test("a deadline inside a coroutine may end after one that began later, or not at all", function()
  local passed = coroutine.wrap(function() task.deadline(0.03, coroutine.yield) return "ended" end)
  passed()
  task.deadline(30, function() equal(passed(), "ended") end)
  parallel { leaves = function()
    coroutine.wrap(function() task.shield(task.deadline, 0.03, coroutine.yield) end)()
  end }
  collect_garbage()
  sleep(0.05)
end)

test("where Lua cannot wait the error says how to write it instead", function()
  raises("Lua cannot wait inside a callback of string.gsub", string.gsub, "abc", "b", function() sleep(0) end)
  raises("collect the values first", table.sort, { 2, 1 }, function() sleep(0) end)
  raises("Lua cannot wait", string.gsub, "a", "a", function()
    return coroutine.wrap(function() sleep(0) end)()
  end)
end)

test("coroutine.yield outside of a coroutine is refused", function()
  raises("coroutine.yield outside of a coroutine", coroutine.yield, 1)
end)

test("misuse names the function and the argument", function()
  raises("sleep: expected seconds", sleep, "long")
  raises("sleep: expected seconds", sleep, -1)
  raises("deadline: expected a function", task.deadline, 1)
  raises("shield: expected a function", task.shield, {})
  raises("parallel: expected a table of functions", parallel)
  raises("branch 'a' must be a function, not a number", parallel, { a = 1 })
  raises("nursery: expected a function", task.nursery, 3)
  raises("'x' is already running", task.nursery, function(spawn)
    spawn("x", function() sleep(1) end)
    spawn("x", function() end)
  end)
end)

test("the path of a task names the branches that lead to it", function()
  local paths = parallel {
    a = function() return parallel { b = function() return task.locals().path end } end,
    c = function() return task.locals().path end,
  }
  equal(paths, { a = { b = "a/b" }, c = "c" })
end)

test("a thousand tasks finish in the order of their sleeps", function()
  local order, branches = {}, {}
  for i = 1, 1000 do
    branches[i] = function() sleep((1000 - i) / 1e5) order[#order + 1] = i end
  end
  parallel(branches)
  equal(#order, 1000)
end)

-- Stopping the run: each in a program of its own, for it stops what runs it -----------

local function eval(script)
  local davit = os.getenv "DAVIT" or "build/davit"
  local result = require("process").run {
    argv = { davit, "eval", 'local task = require "task" ' .. script }, check = false,
  }
  return { result.exit, result.output, result.errors }
end

test("task.stop cancels the first task with its code and reason, and its children", function()
  equal(eval [[
    local function report(name) return function()
      local _, err = try(sleep, 30)
      print(name, err.code, err.class)
    end end
    try(parallel, { child = report "child", other = function() task.stop("lease-lost", "host b took it") sleep(9) end })
    local _, err = try(sleep, 1)
    print(err.code, err.class, err.message)
  ]], { 0, "child\tcancelled\tcancelled\nlease-lost\tcancelled\thost b took it\n", "" })
end)

test("the first reason to stop counts, and task.stopping tells it", function()
  equal(eval [[
    print(task.stopping())
    task.stop("superseded", "run 12 came after it")
    task.stop("cancelled", "by hand")
    local stop = task.stopping()
    print(stop.code, stop.reason, stop.signal)
  ]], { 0, "nil\nsuperseded\trun 12 came after it\tnil\n", "" })
end)

test("a watcher whose scope ends in peace is never called", function()
  equal(eval [[
    do local _ <close> = task.on_stop(function() print "called" end) sleep(0) end
    task.stop("cancelled", "by hand")
    print(select(2, try(sleep, 1)).code)
  ]], { 0, "cancelled\n", "" })
end)

test("a watcher that begins when the run is being stopped is called at once", function()
  equal(eval [[
    task.stop("cancelled", "by hand")
    local watch = task.on_stop(function(stop) print(stop.code) end)
    watch:close()
    watch:close()
  ]], { 0, "cancelled\n", "" })
end)

test("what a watcher raises is raised where its scope ends", function()
  local result = eval [[
    local _ <close> = task.on_stop(function() failure { code = "store-full", message = "no checkpoint" } end)
    task.stop("cancelled", "by hand")
    sleep(30)
  ]]
  equal({ result[1], result[3]:find("no checkpoint", 1, true) ~= nil }, { 1, true })
end)

test("a code that is none, or no reason, is a misuse", function()
  raises("expected a code of a%-z and '%-'.*not 'Lease Lost'", task.stop, "Lease Lost", "x")
  raises("expected the reason, a string, not a nil", task.stop, "cancelled", nil)
  raises("on_stop: expected a function, not a nil", task.on_stop, nil)
end)
