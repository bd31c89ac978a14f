---A service that answers 200 on every path, for the benches: davit tests/bench/health_server.lua PORT
local server = require "server"

local s <close> = server.listen { port = math.tointeger(tonumber((...) or 0)) }
print(s.url)
s:serve(function() return 200, "ok" end)
