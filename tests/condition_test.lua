---Conditions: who waits goes on when another task says so.
local condition = require "condition"
local task = require "task"

test("every task that waits goes on after one notify", function()
  local c, woken = condition.new(), 0
  local function waiter()
    c:wait()
    woken = woken + 1
  end
  parallel { a = waiter, b = waiter, c = function()
    sleep(0.01)
    equal(woken, 0)
    c:notify()
  end }
  equal(woken, 2)
end)

test("a notify that nobody waits for is not kept", function()
  local c = condition.new()
  c:notify()
  raises("deadline", task.deadline, 0.01, function() c:wait() end)
end)

test("a waiter that is cancelled leaves the others in place", function()
  local c, woken = condition.new(), 0
  local function waiter()
    c:wait()
    woken = woken + 1
  end
  local function hasty() pcall(task.deadline, 0.01, function() c:wait() end) end
  parallel { a = waiter, b = hasty, c = waiter, d = function()
    sleep(0.03)
    c:notify()
  end }
  equal(woken, 2)
end)

test("something else than a condition is a misuse", function()
  local c = condition.new()
  raises("condition:wait: expected a condition, not a table", c.wait, {})
  raises("condition:notify: expected a condition, not a no value", c.notify)
end)
