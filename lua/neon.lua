---Neon for recipes: database branches as resources for run.ensure, and how they are reached.
local branch = require "neon.branch"
local connection = require "neon.connection"
local options = require "options"
local ready = require "neon.ready"

local neon = {}

---The only place its key is sent to.
neon.places = { key = { "https://console.neon.tech/api/v2/projects header:authorization" } }

local fields = { { "project", "string", true }, { "key", "text", true } }

local function check_branch(thing)
  if type(thing) == "table" and type(thing.id) == "string" and type(thing.name) == "string" then
    return thing
  end
  options.misuse("neon.ready: expected a branch, as run.ensure returns it")
end

local function inventory(project, prefix)
  if type(prefix) ~= "string" then
    options.misuse("neon.inventory: expected a marker or the beginning of one, not a %s",
      type(prefix))
  end
  return branch.inventory(project, prefix)
end

local function destroy(project, item)
  if type(item) ~= "table" or item.kind ~= "branch" then
    options.misuse("neon.destroy: expected an item of the inventory")
  end
  branch.destroy(project, item)
end

function neon.client(o)
  options.read("neon.client", o, fields)
  local project = { id = o.project, key = o.key }
  return {
    branch = function(given) return branch.resource(project, given) end,
    ready = function(thing) return ready.wait(project, check_branch(thing)) end,
    connection_uri = function(given) return connection.uri(project, given) end,
    inventory = function(prefix) return inventory(project, prefix) end,
    destroy = function(item) destroy(project, item) end,
  }
end

return neon
