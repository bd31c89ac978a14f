---How the clients of the services ask the environment that they were opened for (lua/environment.lua): by the names and
---markers in the options of a call, before anything is sent, whatever the call would do with them.
local environment = require "environment"
local options = require "options"

local guard = {}

-- Of a client that somebody opened without one: nothing limits it but its token.
local anything = environment.new { project = "any", kind = "production", key = "any" }

---The environment that a client was opened for; one without lets everything through.
---@param what string  the function, for the error
---@param value any    its option 'environment'
---@return environment.Environment
function guard.given(what, value)
  if value == nil then return anything end
  if environment.is(value) then return value end
  options.misuse("%s: option 'environment' must be of environment.new, not a %s", what, type(value))
end

---Raises "preview-to-production" for options that name what is production's. What is no option of the call, or of
---another type, is for the call itself to refuse.
---@param env environment.Environment
---@param given any
---@param fields table<string, string>  which kind of name a field holds; "marker" for a marker
function guard.check(env, given, fields)
  if env:is_production() or type(given) ~= "table" then return end
  for field, kind in pairs(fields) do
    local value = given[field]
    if type(value) == "string" and kind == "marker" then
      env:check_marker(value, "the marker " .. value)
    elseif type(value) == "string" then
      env:check(kind, value)
    end
  end
end

return guard
