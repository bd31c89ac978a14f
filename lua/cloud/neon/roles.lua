---What clients ask of a branch's roles. A new password is valid when the operations are done, the old one until then.
---
---Assumed: the statuses of refusals, and what a role's name may be.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local catalog = require "cloud.neon.catalog"
local computes = require "cloud.neon.computes"
local connection = require "cloud.neon.connection"
local data = require "cloud.data"
local operations = require "cloud.neon.operations"
local timelines = require "cloud.neon.timelines"

local roles = {}

local refuse = body.refuse

local function one_of(context) return branch.get(context, context.params.branch) end

---Applies what was changed of a branch's roles and databases.
---@param changed table[]  roles and databases that are there once the operations are done
---@return any[] operations  as the API shows them
function roles.apply(context, one, changed)
  local chain = computes.apply(context, one)
  for _, item in ipairs(changed) do item.operation = chain[#chain] and chain[#chain].id end
  one.updated = context.now
  timelines.note(context.state, one, context.now)
  return operations.show_all(context, chain)
end

local function list(context) return { roles = catalog.show_roles(one_of(context)) } end

local function get(context)
  local one = one_of(context)
  return { role = catalog.show_role(one, connection.role(one, context.params.role)) }
end

local function check_name(name, what)
  if not data.text(name) or #name > 63 then refuse(400, what .. " must have 1 to 63 bytes") end
  return name
end

local function create(context)
  operations.refuse_while_running(context)
  local one, wanted = one_of(context), body.required(context, "role")
  local name = check_name(wanted.name, "the name of a role")
  if data.find(one.roles, "name", name) then refuse(409, ("role already exists; role_name:%q"):format(name)) end
  body.limit("roles", #one.roles, context.state.settings.roles_limit)
  local role = catalog.role(context.state, one, name, context.now)
  role.no_login = body.boolean(wanted.no_login, "no_login") or nil
  table.insert(one.roles, role)
  local chain = roles.apply(context, one, { role })
  return { role = catalog.show_role(one, role, true), operations = chain }, { status = 201 }
end

local function delete(context)
  local one = one_of(context)
  local role, index = data.find(one.roles, "name", context.params.role)
  if not role then return nil, { status = 204 } end
  operations.refuse_while_running(context)
  if data.find(one.databases, "owner", role.name) then refuse(422, "cannot delete a role that owns a database") end
  table.remove(one.roles, index)
  return { role = catalog.show_role(one, role), operations = roles.apply(context, one, {}) }
end

local function reset_password(context)
  local one = one_of(context)
  local role = connection.role(one, context.params.role)
  operations.refuse_while_running(context)
  if role.no_login then refuse(422, "the role cannot log in") end
  role.former = role.password
  role.password, role.updated = catalog.password(context.state, one, role.name), context.now
  local chain = roles.apply(context, one, { role })
  return { role = catalog.show_role(one, role, true), operations = chain }
end

local function reveal_password(context)
  local role = connection.role(one_of(context), context.params.role)
  connection.need_passwords(context)
  if role.no_login then refuse(404, "role has no password") end
  return { password = role.password }
end

local ALL = "/projects/{project}/branches/{branch}/roles"
local ONE = ALL .. "/{role}"

roles.routes = {
  { "GET", ALL, list },
  { "POST", ALL, create },
  { "GET", ONE, get },
  { "DELETE", ONE, delete },
  { "POST", ONE .. "/reset_password", reset_password },
  { "GET", ONE .. "/reveal_password", reveal_password },
}

return roles
