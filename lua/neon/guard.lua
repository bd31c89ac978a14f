---What a client of Neon that is not production's own may work on: branches of its own environment alone. A branch of
---production is told by its name, by its marker, and by what Neon says of it: the default, a protected, a root branch.
local branch = require "neon.branch"
local guard = require "environment.guard"

local own = {}

local fields = { name = "branch", preserve_as = "branch", marker = "marker" }

-- A branch as run.ensure returned it says more than its id.
local function check_thing(env, thing)
  if type(thing) ~= "table" then return end
  guard.check(env, thing, fields)
  if thing.default or thing.protected then
    env:refuse("branch", tostring(thing.name), "it is the project's default or a protected branch")
  end
end

---Raises "preview-to-production" for options that name what is production's.
---@param env environment.Environment
---@param given any
function own.check(env, given)
  if env:is_production() or type(given) ~= "table" then return end
  guard.check(env, given, fields)
  check_thing(env, given.branch)
end

---Raises "preview-to-production" for a branch of production.
---@param env environment.Environment
---@param thing neon.Branch  as Neon has it
---@param protected? boolean  it may be protected: who made it wanted so
function own.check_thing(env, thing, protected)
  if env:is_production() then return end
  env:check("branch", thing.name)
  env:check_marker(thing.marker, "the database branch " .. thing.name)
  if not (protected and thing.protected and thing.parent_id) and branch.is_root(thing) then
    env:refuse("branch", thing.name, "it is the project's default, a protected or a root branch")
  end
end

---Raises "preview-to-production" unless a branch is this environment's own: to be written to, or to be reached.
---@param env environment.Environment
---@param thing neon.Branch  as Neon has it
function own.check_owned(env, thing)
  if env:is_production() then return end
  own.check_thing(env, thing)
  if thing.marker == env.marker then return end
  failure { code = "preview-to-production", about = thing.name,
    message = ("the database branch %s %s, and was asked for by %s"):format(thing.name,
      thing.marker and "belongs to " .. thing.marker or "carries no marker of Davit", env.marker),
    hint = "an environment works on branches that it has made: create one" }
end

---The branch of an id, if it is this environment's own.
---@param project neon.Project
---@param id string
---@return neon.Branch
function own.branch(project, id)
  local thing = branch.seen(project, id)
  own.check_owned(project.environment, thing)
  return thing
end

return own
