---Files for recipes. Paths stay inside the project unless a call says { outside = true }; the
---core does that at every call (host/files_lua.c), and what is built of several calls here
---passes the option on.
local core = require "fs.fenced"

local fs = {
  exists = core.exists,
  list = core.list,
  make = core.make,
  read = core.read,
  remove = core.remove,
  stat = core.stat,
  write = core.write,
}

return fs
