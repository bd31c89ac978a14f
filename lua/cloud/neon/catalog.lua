---The roles and databases of a branch as the model keeps them, and what a child gets of them.
---
---Roles and databases have keys that their copies on other branches share: a database keeps it whatever it is
---called later, and the ledger keeps what stands in it by that; a role that is made anew gets another one.
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local sha256 = require "sha256"

local catalog = {}

---@return string  a password for a role, another one each time
function catalog.password(state, branch, role)
  local text = table.concat({ state.neon.seed, branch.id, role, ids.next(state, "password") }, "/")
  return "npg_" .. sha256(text):sub(1, 24)
end

---One that is made anew after it was deleted is another one, as its key says.
---@return table role
function catalog.role(state, branch, name, now)
  return { key = ids.next(state, "role"), name = name, password = catalog.password(state, branch, name), created = now,
    updated = now }
end

---@param key? integer  of the database that it is a copy of
---@return table database
function catalog.database(state, name, owner, now, key)
  local id = ids.next(state, "database")
  return { id = id, key = key or id, name = name, owner = owner, created = now, updated = now }
end

---Gives a branch the roles and databases of another one, or of one at a point of its past. A role that the
---branch has already keeps its password.
---@param fresh boolean  whether the others get passwords of their own
function catalog.inherit(state, branch, roles, databases, fresh, now)
  local had = branch.roles
  branch.roles, branch.databases = {}, {}
  for i, role in ipairs(roles) do
    local old = data.find(had, "name", role.name)
    local password = old and old.password or fresh and catalog.password(state, branch, role.name) or role.password
    branch.roles[i] = { key = role.key, name = role.name, password = password, no_login = role.no_login,
      created = now, updated = now }
  end
  for i, database in ipairs(databases) do
    branch.databases[i] = catalog.database(state, database.name, database.owner, now, database.key)
  end
end

-- ---- what the API shows ------------------------------------------------------------------

-- A password is shown where it is made, and where it is asked for by name.
function catalog.show_role(branch, role, with_password)
  return { branch_id = branch.id, name = role.name, protected = false,
    authentication_method = role.no_login and "no_login" or "password",
    password = with_password and not role.no_login and role.password or nil,
    created_at = clock.iso(role.created), updated_at = clock.iso(role.updated) }
end

---@return any[]  marked as an array
function catalog.show_roles(branch, with_password)
  return data.array(branch.roles, function(role) return catalog.show_role(branch, role, with_password) end)
end

function catalog.show_database(branch, database)
  return { id = database.id, branch_id = branch.id, name = database.name, owner_name = database.owner,
    created_at = clock.iso(database.created), updated_at = clock.iso(database.updated) }
end

---@return any[]  marked as an array
function catalog.show_databases(branch)
  return data.array(branch.databases, function(database) return catalog.show_database(branch, database) end)
end

return catalog
