---What a Worker is given by name: what Davit says itself, and davit.yaml's `vars` and `secrets`. No name is given
---twice: whose value would hold is not left to chance. Pure.
local shape = require "project.shape"

local given = {}

---What every Worker gets of Davit: which version it is, and which environment.
given.own = { VERSION = true, ENVIRONMENT = true }

---Raises "config".
---@param file table    of shape.read
---@param path string   "workers.api"
---@param worker { vars?: table<string, string>, secrets?: string[] }
function given.check(file, path, worker)
  local seen = {}
  local function take(place, name)
    if given.own[name] then shape.wrong(file, place, ("%s is what Davit itself gives to every Worker"):format(name)) end
    if seen[name] then shape.wrong(file, place, ("%s is given by %s, too"):format(name, seen[name])) end
    seen[name] = place
  end
  for name in pairs(worker.vars or {}) do take(("%s.vars.%s"):format(path, name), name) end
  for i, name in ipairs(worker.secrets or {}) do take(("%s.secrets.%d"):format(path, i), name) end
end

return given
