---What is to be closed is closed before it is popped: see tests/closed.c.
local fs = require "fs"
local process = require "process"

local davit = os.getenv "DAVIT" or "build/davit"
local library = davit:gsub("davit$", "closed.so")

test("no call pops what is still to be closed", function()
  if not fs.exists(library) then skip "this build has no closed.so: a sanitizer has to be loaded first" end
  local path = process.run({ argv = { "realpath", library } }).output:match "[^\n]+"
  local run = process.run { argv = { davit, "tests/run.lua", "tests/tcp_test.lua", "tests/http_test.lua",
    "tests/websocket_test.lua", "tests/process_input_test.lua" }, env = { LD_PRELOAD = path, DAVIT = davit },
    check = false, timeout = 300 }
  equal({ run.exit, run.errors:match "popped [^\n]*" }, { 0 })
end)
