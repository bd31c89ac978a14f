---Neon for recipes: database branches as resources for run.ensure, their past and computes, and how they are reached.
local branch = require "neon.branch"
local branch_resource = require "neon.branch_resource"
local compute = require "neon.compute"
local connection = require "neon.connection"
local environment_guard = require "environment.guard"
local guard = require "neon.guard"
local names = require "neon.names"
local options = require "options"
local ready = require "neon.ready"
local recent = require "service.recent"
local restore = require "neon.restore"
local role = require "neon.role"
local rollback_point = require "neon.rollback_point"

local neon = { names = names }

---The only place its key is sent to.
neon.places = { key = { "https://console.neon.tech/api/v2/projects header:authorization" } }

local fields = { { "project", "string", true }, { "key", "text", true }, { "environment", "any" },
  { "recent", "number" } }

local function check_thing(thing)
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
  guard.check(project.environment, item)
  branch_resource.destroy_item(project, item)
end

local function find_branch(project, name)
  if type(name) ~= "string" or name == "" then
    options.misuse("neon.find_branch: expected a branch's name, not %s", tostring(name))
  end
  return branch.find(project, name)
end

local function branches(project, given)
  local o = options.read("neon.branches", given or {}, { { "prefix", "string" } })
  return branch.beginning(project, o.prefix)
end

-- What may change something, or tells how it is reached: its options are looked at before anything is sent.
local function about_things(project, f)
  return function(given)
    guard.check(project.environment, given)
    return f(project, given)
  end
end

local function suspend(project, given)
  guard.check(project.environment, { branch = given })
  return compute.suspend(project, branch.id_of("neon.suspend", given))
end

function neon.client(o)
  options.read("neon.client", o, fields)
  local project = { id = o.project, key = o.key, environment = environment_guard.given("neon.client", o.environment),
    seen = recent.new(o.recent or 0) }
  return {
    branch = about_things(project, branch_resource.new),
    find_branch = function(name) return find_branch(project, name) end,
    branches = function(given) return branches(project, given) end,
    ready = function(thing) return ready.wait(project, check_thing(thing)) end,
    rollback_point = function(given) return rollback_point.take(project, given) end,
    restore = about_things(project, restore.run),
    endpoint = about_things(project, compute.resource),
    suspend = function(given) return suspend(project, given) end,
    roles = function(given) return role.list(project, branch.id_of("neon.roles", given)) end,
    reset_password = about_things(project, role.reset_password),
    connection_uri = about_things(project, connection.uri),
    inventory = function(prefix) return inventory(project, prefix) end,
    destroy = function(item) destroy(project, item) end,
  }
end

return neon
