---Connection strings: of a role, a database and a compute.
---
---The host is an address, so that every program of this machine reaches it: it has no endpoint's name that
---"-pooler" could be put to, and pooled and direct are the same. The names are those of cloud/neon/hosts.lua.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"

local connection = {}

local refuse = body.refuse

local function uri(state, host, role, database)
  local function escaped(text)
    return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
  end
  return ("postgresql://%s:%s@%s/%s?sslmode=%s"):format(escaped(role.name), escaped(role.password), host,
    escaped(database.name), state.settings.sslmode)
end

---@return table  as an item of connection_uris
function connection.details(state, one, role, database)
  local host = endpoints.address(state, one)
  return {
    connection_uri = uri(state, host, role, database),
    connection_parameters = { database = database.name, role = role.name, password = role.password,
      host = host, pooler_host = host },
  }
end

---@return table role  of this name; refuses when there is none
function connection.role(one, name)
  return data.find(one.roles, "name", name) or refuse(404, "role not found")
end

---@return table database
function connection.database(one, name)
  return data.find(one.databases, "name", name) or refuse(404, "database not found")
end

---Refuses where the project does not store passwords.
function connection.need_passwords(context)
  if not context.project.store_passwords then refuse(412, "passwords storing is disabled for the project") end
end

local function endpoint_of(context, one)
  local id = context.query.endpoint_id
  local endpoint
  if id then endpoint = data.find(one.endpoints, "id", id) else endpoint = endpoints.writer(one) end
  return endpoint or refuse(404, "endpoint not found")
end

local function get(context)
  local query = context.query
  if not query.database_name or not query.role_name then
    refuse(400, "database_name and role_name are required")
  end
  local one = query.branch_id and branch.get(context, query.branch_id)
  if not one and query.endpoint_id then one = endpoints.find(context.state, query.endpoint_id) end
  one = one or branch.default(context)
  if one.project_id ~= context.project.id then refuse(404, "endpoint not found") end
  local endpoint = endpoint_of(context, one)
  local role, database = connection.role(one, query.role_name), connection.database(one, query.database_name)
  connection.need_passwords(context)
  return { uri = uri(context.state, endpoints.address(context.state, endpoint), role, database) }
end

connection.routes = { { "GET", "/projects/{project}/connection_uri", get } }

return connection
