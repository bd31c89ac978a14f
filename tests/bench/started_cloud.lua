---`davit cloud` as the benches start it: a process of its own, which is there when it says so and ends with the variable.
local core = require "core"
local fs = require "fs"
local json = require "json"
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"

local here = process.run({ argv = { "pwd" } }).output:match "[^\n]+"

local close = function(self)
  self.child:kill "TERM"
  self.child:wait()
end

---@param o { class: table, cwd: string, state: string, flags: string[], env: table<string, string> }  class: of what it
---returns; the folder holds seed.yaml
---@return table cloud  child, port
return function(o)
  local argv = { here .. "/" .. peers.davit(), "cloud", "--state", o.state, "--seed", "seed.yaml" }
  table.move(o.flags, 1, #o.flags, #argv + 1, argv)
  o.env.QUICK = false
  local child = process.start { argv = argv, cwd = o.cwd, output = "capture", env = o.env }
  repeat
    local line = child:line() or error("the local cloud ended: " .. child:wait().errors, 0)
  until line == "ready"
  local facts = json.decode(fs.read(o.state .. "/cloud.json", { outside = true }))
  o.class.__close = close
  return setmetatable({ child = child, port = facts.http_port }, o.class)
end
