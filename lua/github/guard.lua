---What a client of GitHub that is not production's own may change: nothing of the environment `production`, nothing
---that carries production's marker, and no secret or variable that every environment has.
local guard = require "environment.guard"

local own = {}

local fields = { environment = "deployment", marker = "marker", key = "marker" }

local function check_all(env, names)
  for _, name in ipairs(type(names) == "table" and names or {}) do
    if type(name) == "string" then env:check("deployment", name) end
  end
end

---Raises "preview-to-production" for options that name what is production's.
---@param env environment.Environment
---@param given any
function own.check(env, given)
  if env:is_production() then return end
  if type(given) == "string" then return env:check("deployment", given) end   -- remove_environment
  if type(given) ~= "table" then return end
  guard.check(env, given, fields)
  guard.check(env, given.deployment, fields)
  check_all(env, given.environments)
  if given.key == "production" then env:refuse("deployment", given.key, "a word as key is a part of the marker") end
  if given.production then env:refuse("deployment", tostring(given.environment), "it is called production's") end
end

---The same for an item of the inventory.
---@param env environment.Environment
---@param item { name: string, marker: string }
function own.check_item(env, item)
  guard.check(env, item, { name = "deployment", marker = "marker" })
end

---The same for a secret or a variable: one of the repository is every environment's, production's too.
---@param env environment.Environment
---@param given { name: string, environment?: string }
function own.check_setting(env, given)
  own.check(env, given)
  if env:is_production() or type(given) ~= "table" or given.environment then return end
  env:refuse("deployment", "production", ("it sees what the repository has, and %s would be set for all"):format(
    tostring(given.name)))
end

return own
