---What children read: a text, a file, or what a recipe writes while they run.
local process = require "process"
local secret = require "secret.core"
local task = require "task"

test("a file is read by the child itself", function()
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  local file = folder .. "/input"
  process.run { argv = { "sh", "-c", 'head -c 3000000 /dev/zero >"$1"', "sh", file } }
  equal(tonumber(process.run({ argv = { "wc", "-c" }, input = { file = file } }).output), 3000000)
  local err = raises("cannot start 'cat': its input '" .. file .. ".no' cannot be read: No such file", process.run,
    { argv = { "cat" }, input = { file = file .. ".no" } })
  equal(err.code, "process-failed")
  raises("its input '/usr' cannot be read: Is a directory", process.run, { argv = { "cat" }, input = { file = "/usr" } })
  process.run { argv = { "rm", "-r", folder } }
end)

test("what is written arrives in order, and the end when it is told", function()
  local child <close> = process.start { argv = { "sort" }, input = true }
  child:write "b\nc"
  child:write "\na\n"
  child:write ""
  child:close_input()
  equal(child:wait().output, "a\nb\nc\n")
end)

test("a conversation goes back and forth", function()
  local child <close> = process.start { command = "while read x; do echo got $x; done", input = true }
  for i = 1, 3 do
    child:write(i .. "\n")
    equal(child:line(), "got " .. i)
  end
  child:close_input()
  equal(child:line(), nil)
end)

test("a text larger than any pipe is taken as fast as the child reads", function()
  local child <close> = process.start { argv = { "wc", "-c" }, input = true }
  for _ = 1, 4 do child:write(("0123456789"):rep(100000)) end
  child:close_input()
  equal(tonumber(child:wait().output), 4000000)
end)

test("a child that never reads holds up its writer alone, up to a deadline", function()
  local child <close> = process.start { command = "sleep 1000", input = true }
  local ticks = 0
  local function write() child:write(("x"):rep(1 << 20)) end
  parallel {
    writer = function() raises("the deadline of 0.3 s", task.deadline, 0.3, write) end,
    other = function() for _ = 1, 5 do sleep(0.02) ticks = ticks + 1 end end,
  }
  equal(ticks, 5)
end)

-- Kibibytes of this process: the parent of the guard, which is the parent of a child's keeper.
local function resident()
  local r = process.run { command = [[guard=$(cut -d' ' -f4 /proc/$PPID/stat)
    grep VmRSS /proc/$(cut -d' ' -f4 /proc/$guard/stat)/status]] }
  return tonumber(r.output:match("%d+"))
end

test("what a cancelled write left is not added to: memory stays bounded", function()
  local child <close> = process.start { command = "sleep 1000", input = true }
  local text, before = ("x"):rep(8 << 20), resident()
  for _ = 1, 20 do
    raises("the deadline", task.deadline, 0.01, child.write, child, text)
  end
  equal(resident() - before < 64 * 1024, true)
end)

test("a child that has closed its input, or has ended, says so", function()
  local child <close> = process.start { command = "exec <&-; echo closed; sleep 1000", input = true }
  equal(child:line(), "closed")
  local err = raises("'/bin/sh' takes no more input: it was closed", function()
    for _ = 1, 3 do child:write(("x"):rep(1000)) end
  end)
  equal(err.code, "process-input")
  local ended <close> = process.start { command = "exit 0", input = true }
  ended:wait()
  raises("takes no more input: it has ended", ended.write, ended, "x")
end)

test("the end of the child wakes who writes to it", function()
  local child <close> = process.start { command = "sleep 0.1", input = true }
  raises("takes no more input", child.write, child, ("x"):rep(1 << 20))
end)

test("two writers do not mix", function()
  local child <close> = process.start { argv = { "cat" }, input = true }
  parallel {
    a = function() child:write(("a"):rep(300000) .. "\n") end,
    b = function() child:write(("b"):rep(300000) .. "\n") end,
  }
  child:close_input()
  equal(child:wait().output:gsub("a+", "a"):gsub("b+", "b") == "a\nb\n", true)
end)

test("a secret is written only to the program it is bound to", function()
  local child <close> = process.start { argv = { "cat" }, input = true }
  child:write("in: " .. secret.new("TOKEN", "tok-1234567890", { "program:cat" }) .. "\n")
  equal(child:line(), "in: ***")
  raises("OTHER", child.write, child, secret.new("OTHER", "oth-1234567890", { "https://api.example.com" }))
end)

test("misuse is told", function()
  raises("process.run: input = true is for process.start", process.run, { command = "cat", input = true })
  raises("'input' must be a string, a secret, { file = PATH } or true, not a boolean", process.start,
    { command = "cat", input = false })
  raises("process: input: unknown option 'path'", process.run, { command = "cat", input = { path = "x" } })
  raises("input.file is empty", process.run, { command = "cat", input = { file = "" } })
  raises("'file' holds a NUL", process.run, { command = "cat", input = { file = "a\0b" } })
  local child <close> = process.start { command = "sleep 1000" }
  raises("child:write: this child was started without input = true", child.write, child, "x")
  raises("child:close_input: this child was started without", child.close_input, child)
  local open <close> = process.start { command = "cat", input = true }
  raises("child:write: expected a text or a secret, not a number", open.write, open, 3)
end)
