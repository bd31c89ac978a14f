---The PostgreSQL store by itself, below Lua: appends, takes and renewals from so many connections, and
---what a run takes on disk. tests/bench/connections.c measures, on a server of its own.
local fs = require "fs"
local process = require "process"

if not fs.exists "/usr/lib/postgresql" then
  print "The PostgreSQL store by itself: not measured, PostgreSQL's programs are not here"
  return 0
end
print "The PostgreSQL store by itself, once:"
local child <close> = process.start { argv = { "build/bench/connections" } }
for line in function() return child:line() end do print("  " .. line) end
local result = child:wait()
if result.exit ~= 0 then error(result.errors, 0) end
