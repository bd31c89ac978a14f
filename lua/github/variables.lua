---Variables of the repository and of environments: what everybody who may read the repository's settings may know.
local api = require "github.api"
local options = require "options"
local settings = require "github.settings"

local variables = {}

local LARGEST = 48 << 10   -- bytes of a value

local function thing_of(found, environment)
  return { name = found.name, value = found.value, environment = environment }
end

local place = settings.place("variables", { repository = "variables", environment = "environments", per_page = 30,
  thing = thing_of })

local function send(client, o, method, name)
  api.call(client, { method = method, path = place.path(o.environment, name),
    needs = place.needs(o.environment, "write"), json = { name = o.name, value = o.value },
    what = ("set the variable %s of %s"):format(o.name, place.name(client, o.environment)) })
  return thing_of(o, o.environment)
end

local function read(given)
  local o = settings.one("github.variable", given, "string")
  if #o.value <= LARGEST then return o end
  options.misuse("github.variable: %s has more than GitHub's %d KiB", o.name, LARGEST >> 10)
end

---@return table resource
function variables.resource(client, given)
  local o = read(given)
  return {
    ("Variable %s of %s"):format(o.name, place.name(client, o.environment)),
    find = function() return place.find(client, o) end,
    create = function() return send(client, o, "POST") end,
    update = function(thing) return thing.value == o.value and thing or send(client, o, "PATCH", o.name) end,
    plan = function(thing) return thing.value == o.value and "keep" or "change" end,
    destroy = function() place.delete(client, o) end,
  }
end

---@return { name: string, value: string, environment?: string }[]
function variables.list(client, given)
  return place.list(client, settings.all("github.variables", given))
end

return variables
