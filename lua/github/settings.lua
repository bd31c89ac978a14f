---What secrets and variables have in common: names, and two places each, the repository and an environment.
local api = require "github.api"
local options = require "options"
local url = require "url"

local settings = {}

-- As GitHub keeps it; a name may be written in any case.
local function name_of(what, name)
  if name:find "^[%a_][%w_]*$" and not name:upper():find "^GITHUB_" then return name:upper() end
  options.misuse("%s: the name '%s' must have letters, digits and '_' only, no digit first, and not begin with GITHUB_",
    what, name)
end

local function check_environment(what, given)
  if given.environment and not given.environment:find "%S" then
    options.misuse("%s: 'environment' is the name of one", what)
  end
end

---The options of a function about one setting.
---@param what string  the function, for the error
---@param given table
---@param value? string  the type of the value that it is to have
---@return { name: string, environment?: string, value?: any }
function settings.one(what, given, value)
  options.read(what, given, { { "name", "string", true }, { "environment", "string" },
    value and { "value", value, true } })
  check_environment(what, given)
  return { name = name_of(what, given.name), environment = given.environment, value = given.value }
end

---The options of a function about all settings of a place.
---@param what string  the function, for the error
---@param given? table
---@return string|nil environment  nil: the repository
function settings.all(what, given)
  given = given or {}
  options.read(what, given, { { "environment", "string" } })
  check_environment(what, given)
  return given.environment
end

---@class github.Place
---@field path fun(environment: string|nil, rest?: string): string
---@field needs fun(environment: string|nil, level: string): string
---@field name fun(client: table, environment: string|nil): string  for errors
---@field find fun(client: table, o: { name: string, environment?: string }): table|nil
---@field list fun(client: table, environment: string|nil): table[]
---@field delete fun(client: table, o: { name: string, environment?: string }): boolean  whether it was there

local function requests(place, kind, wanted)
  local singular = kind:gsub("s$", "")
  local function text(client, o)
    return ("the %s %s of %s"):format(singular, o.name, place.name(client, o.environment))
  end

  function place.find(client, o)
    local found = api.call(client, { path = place.path(o.environment, o.name), absent = true,
      needs = place.needs(o.environment, "read"), what = "look for " .. text(client, o) })
    return found and wanted.thing(found, o.environment)
  end

  function place.list(client, environment)
    local list = api.all(client, { path = place.path(environment), per_page = wanted.per_page,
      needs = place.needs(environment, "read"),
      what = ("list the %s of %s"):format(kind, place.name(client, environment)) }, "/" .. kind)
    for i, found in ipairs(list) do list[i] = wanted.thing(found, environment) end
    return list
  end

  function place.delete(client, o)
    return (api.call(client, { method = "DELETE", path = place.path(o.environment, o.name), absent = true,
      needs = place.needs(o.environment, "write"), what = "delete " .. text(client, o) })) ~= nil
  end
  return place
end

---Where settings of a kind stand.
---@param kind "secrets"|"variables"
---@param o table  `repository` and `environment`, the permissions; `per_page`, how many a page may have; `thing`, what
---is made of one that GitHub tells of and of its environment
---@return github.Place
function settings.place(kind, o)
  return requests({
    path = function(environment, rest)
      local base = environment and ("/environments/%s/"):format(url.encode(environment)) or "/actions/"
      return base .. kind .. (rest and "/" .. rest or "")
    end,
    needs = function(environment, level)
      return ("%s: %s"):format(environment and o.environment or o.repository, level)
    end,
    name = function(client, environment)
      return environment and ("the environment " .. environment) or client.repository
    end,
  }, kind, o)
end

return settings
