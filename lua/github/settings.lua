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

---Name and environment of the options of a function.
---@param what string  the function, for the error
---@param given table
---@param all? boolean  it is about all of a place, without a name
---@return { name?: string, environment?: string }
function settings.check(what, given, all)
  if all then options.read(what, given, { { "environment", "string" } }) end
  if given.environment and not given.environment:find "%S" then
    options.misuse("%s: 'environment' is the name of one", what)
  end
  return { name = not all and name_of(what, given.name) or nil, environment = given.environment }
end

---@class github.Place
---@field path fun(environment: string|nil, rest?: string): string
---@field needs fun(environment: string|nil, level: string): string
---@field name fun(client: table, environment: string|nil): string  for errors
---@field get fun(client: table, o: { name: string, environment?: string }): table|nil
---@field list fun(client: table, environment: string|nil): table[]
---@field delete fun(client: table, o: { name: string, environment?: string }): boolean  whether it was there

local function requests(place, kind, per_page)
  local singular = kind:gsub("s$", "")
  local function text(client, o)
    return ("the %s %s of %s"):format(singular, o.name, place.name(client, o.environment))
  end

  function place.get(client, o)
    return (api.call(client, { path = place.path(o.environment, o.name), absent = true,
      needs = place.needs(o.environment, "read"), what = "look for " .. text(client, o) }))
  end

  function place.list(client, environment)
    return api.all(client, { path = place.path(environment), needs = place.needs(environment, "read"),
      per_page = per_page, what = ("list the %s of %s"):format(kind, place.name(client, environment)) }, "/" .. kind)
  end

  function place.delete(client, o)
    return (api.call(client, { method = "DELETE", path = place.path(o.environment, o.name), absent = true,
      needs = place.needs(o.environment, "write"), what = "delete " .. text(client, o) })) ~= nil
  end
  return place
end

---Where settings of a kind stand.
---@param kind "secrets"|"variables"
---@param o { repository: string, environment: string, per_page: integer }  permissions, and how many a page may have
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
  }, kind, o.per_page)
end

return settings
