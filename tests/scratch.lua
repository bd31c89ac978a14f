---A folder for one test: an empty one that goes away with its scope; folder / "name" is a path in it.
local fs = require "fs"

---@param name string  tells it from those of other files of tests
return function(name)
  local path = "build/scratch-" .. name
  fs.remove(path)
  fs.make(path)
  return setmetatable({ path = path }, {
    __div = function(_, entry) return path .. "/" .. entry end,
    __close = function() fs.remove(path) end,
  })
end
