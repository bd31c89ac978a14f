---Variables of the repository and of environments: what everybody who may read the repository's settings may know.
local api = require "github.api"
local options = require "options"
local settings = require "github.settings"

local variables = {}

local LARGEST = 48 << 10   -- bytes of a value

local place = settings.place("variables", { repository = "variables", environment = "environments", per_page = 30 })

local function thing_of(found, environment)
  return { name = found.name, value = found.value, environment = environment }
end

local function find(client, o)
  local found = place.get(client, o)
  return found and thing_of(found, o.environment)
end

local function send(client, o, method, name)
  api.call(client, { method = method, path = place.path(o.environment, name),
    needs = place.needs(o.environment, "write"), json = { name = o.name, value = o.value },
    what = ("set the variable %s of %s"):format(o.name, place.name(client, o.environment)) })
  return thing_of(o, o.environment)
end

local fields = { { "name", "string", true }, { "value", "string", true }, { "environment", "string" } }

local function read(given)
  options.read("github.variable", given, fields)
  if #given.value > LARGEST then
    options.misuse("github.variable: %s has more than GitHub's %d KiB", given.name, LARGEST >> 10)
  end
  local o = settings.check("github.variable", given)
  o.value = given.value
  return o
end

---@return table resource
function variables.resource(client, given)
  local o = read(given)
  return {
    ("Variable %s of %s"):format(o.name, place.name(client, o.environment)),
    find = function() return find(client, o) end,
    create = function() return send(client, o, "POST") end,
    update = function(thing) return thing.value == o.value and thing or send(client, o, "PATCH", o.name) end,
    plan = function(thing) return thing.value == o.value and "keep" or "change" end,
    destroy = function() place.delete(client, o) end,
  }
end

---@return { name: string, value: string, environment?: string }[]
function variables.list(client, given)
  local o = settings.check("github.variables", given or {}, true)
  local list = place.list(client, o.environment)
  for i, found in ipairs(list) do list[i] = thing_of(found, o.environment) end
  return list
end

return variables
