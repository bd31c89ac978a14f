---An archive of somebody else's: whatever it holds, nothing appears outside of the folder, and nothing at all
---when it is refused (tests/fuzz/unpack.c).
local fuzz = require "fuzz"

return function(text) fuzz.unpack(text) end
