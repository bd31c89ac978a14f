---print and io as recipes see them; reading and the bytes written are tried in test_output.c.
local core = require "secret.core"

test("io holds the standard streams and nothing else", function()
  local names = {}
  for name in pairs(io) do names[#names + 1] = name end
  equal(names, { "lines", "read", "stderr", "stdout", "write" })
  equal(require "io", io)
end)

test("write gives back its stream", function()
  equal(io.write() == io.stdout, true)
  equal(io.stderr:write() == io.stderr, true)
end)

test("a secret is not written by io.write, and nothing else of the call either", function()
  local token = core.new("TOKEN", "hunter2-hunter3", { "api.github.com" })
  raises("io.write: argument 2 must be a string or a number, not %[secret TOKEN%]", io.write, "x", token)
  raises("io.stderr:write: argument 1 must be a string or a number, not nil", io.stderr.write, io.stderr, nil)
end)

test("misuse names function and argument", function()
  raises("expected io.stdout or io.stderr, not a string; call it with ':'", io.stdout.write, "x")
  raises('format 1 must be "l", "L", "n", "a" or a number of bytes', io.read, "x")
  raises('format 2 must be "l"', io.read, "l", {})
  raises("a number of bytes is an integer from 0", io.read, -1)
  raises("a number of bytes is an integer from 0", io.read, 1.5)
  raises("io.lines takes no arguments", io.lines, "file")
end)
