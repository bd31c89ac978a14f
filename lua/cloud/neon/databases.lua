---What clients ask of a branch's databases. Assumed: the statuses of refusals.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local catalog = require "cloud.neon.catalog"
local connection = require "cloud.neon.connection"
local data = require "cloud.data"
local operations = require "cloud.neon.operations"
local roles = require "cloud.neon.roles"

local databases = {}

local refuse = body.refuse

local RESERVED = { postgres = true, template0 = true, template1 = true }

local function one_of(context) return branch.get(context, context.params.branch) end

local function list(context) return { databases = catalog.show_databases(one_of(context)) } end

local function get(context)
  local one = one_of(context)
  return { database = catalog.show_database(one, connection.database(one, context.params.database)) }
end

local function check_name(one, name)
  if not data.text(name) or #name > 63 then refuse(400, "the name of a database must have 1 to 63 bytes") end
  if RESERVED[name] then refuse(422, ("the name %q is reserved"):format(name)) end
  if data.find(one.databases, "name", name) then
    refuse(409, ("database already exists; database_name:%q"):format(name))
  end
end

local function create(context)
  operations.refuse_while_running(context)
  local one, wanted = one_of(context), body.required(context, "database")
  check_name(one, wanted.name)
  local owner = connection.role(one, wanted.owner_name)
  body.limit("databases", #one.databases, context.state.settings.databases_limit)
  local database = catalog.database(context.state, wanted.name, owner.name, context.now)
  table.insert(one.databases, database)
  local chain = roles.apply(context, one, { database })
  return { database = catalog.show_database(one, database), operations = chain }, { status = 201 }
end

local function patch(context)
  local one = one_of(context)
  local database = connection.database(one, context.params.database)
  operations.refuse_while_running(context)
  local wanted = body.required(context, "database")
  if wanted.name and wanted.name ~= database.name then check_name(one, wanted.name) end
  local owner = wanted.owner_name and connection.role(one, wanted.owner_name)
  database.name, database.owner = wanted.name or database.name, owner and owner.name or database.owner
  database.updated = context.now
  local chain = roles.apply(context, one, { database })
  return { database = catalog.show_database(one, database), operations = chain }
end

local function delete(context)
  local one = one_of(context)
  local database, index = data.find(one.databases, "name", context.params.database)
  if not database then return nil, { status = 204 } end
  operations.refuse_while_running(context)
  table.remove(one.databases, index)
  return { database = catalog.show_database(one, database), operations = roles.apply(context, one, {}) }
end

local ALL = "/projects/{project}/branches/{branch}/databases"
local ONE = ALL .. "/{database}"

databases.routes = {
  { "GET", ALL, list },
  { "POST", ALL, create },
  { "GET", ONE, get },
  { "PATCH", ONE, patch },
  { "DELETE", ONE, delete },
}

return databases
