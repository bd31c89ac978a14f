---The PostgreSQL store by itself, below Lua: appends, takes and renewals from so many connections, and
---what a run takes on disk. tests/bench/connections.c measures, on a server of its own.
local core = require "core"
local fs = require "fs"
local measure = core.load_file("tests/measure.lua")()
local process = require "process"

local _ <close> = measure.section {
  name = "connections", title = "The PostgreSQL store by itself",
  about = "What the store does below Lua, from so many connections at once, against a server on the same machine.",
}

if not fs.exists "/usr/lib/postgresql" then
  measure.heading "Once each"
  measure.line("all of its rows", "not measured: PostgreSQL's programs are not on this machine")
  return 0
end
local child <close> = process.start { argv = { "build/bench/connections", measure.quick and "quick" or nil } }
measure.heading("Once each, %s", child:line())
for line in function() return child:line() end do
  measure.line(line:match "^(.*%S)%s%s+(%d.*)$")
end
local result = child:wait()
if result.exit ~= 0 then error(result.errors, 0) end
