---A process that puts, replaces or removes an artifact and kills itself with SIGKILL on the way: davit
---artifact_killed.lua POINT ACTION CONTENT. Every call that touches a file is two points, before it and after it.
---Prints "done" when the point lies beyond the end.
local archive = require "archive.core"
local fs = require "fs.core"
local process = require "process"
local seal = require "seal.core"

local point, action, content = math.tointeger(tonumber((...))), select(2, ...)
local reached = 0
local pid = fs.read("/proc/self/stat"):match "^%d+"

local function reach()
  reached = reached + 1
  if reached == point then process.run { command = "kill -9 " .. pid } end
end

local function wrap(module, name)
  local f = module[name]
  module[name] = function(...)
    reach()
    local results = table.pack(f(...))
    reach()
    return table.unpack(results, 1, results.n)
  end
end

for _, name in ipairs { "write", "rename", "remove", "make" } do wrap(fs, name) end
wrap(archive, "pack")
wrap(seal, "seal_file")

local artifact = require "artifact"
fs.stay_in "."
fs.write("dist/index.js", content)
local o = { name = "web", root = "dist", replace = true }
if action == "seal" then o.sealed_to = fs.read "public" end
if action == "remove" then artifact.remove { name = "web" } else artifact.put(o) end
print "done"
