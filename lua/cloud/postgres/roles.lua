---What the model says of roles, passwords and databases becomes true in a cluster.
---
---The cluster remembers what the model said last, in a table that goes with its data: only what the model knew
---and knows no more is removed, and only where it differs anything is changed. What a copy has from its parent was
---said of the parent: there nothing is removed or renamed.
local cluster = require "cloud.postgres.cluster"
local json = require "json"
local sha256 = require "sha256"

local roles = {}

local REMEMBER = [[
create schema if not exists davit;
create table if not exists davit.said (timeline text, kind text, id text, name text, mark text);
]]

local function identifier(name) return '"' .. name:gsub('"', '""') .. '"' end

local function literal(text)
  return (text:find("\\", 1, true) and " E'" or "'") .. text:gsub("\\", "\\\\"):gsub("'", "''") .. "'"
end

local function names_of(session, query)
  local found = {}
  for _, row in ipairs(session:query(query).rows) do found[row.name] = row.owner or true end
  return found
end

-- ---- roles ------------------------------------------------------------------------------------

local ATTRIBUTES = "createdb createrole bypassrls replication"

local function mark_of(role) return sha256(role.password .. (role.no_login and " nologin" or "")) end

local function set_role(session, role, said, there)
  if there and said and said.mark == mark_of(role) then return end
  session:query(("%s role %s %s %s password %s"):format(there and "alter" or "create", identifier(role.name),
    there and "" or ATTRIBUTES, role.no_login and "nologin" or "login", literal(role.password)))
end

-- What it owns goes to who is left.
local function drop_role(server, password, session, name, heir)
  for database in pairs(names_of(session, "select datname as name from pg_database where datallowconn")) do
    local inside <close> = cluster.session(server, password, database)
    inside:query(("reassign owned by %s to %s; drop owned by %s"):format(identifier(name), identifier(heir),
      identifier(name)))
  end
  session:query(("drop role %s"):format(identifier(name)))
end

-- ---- databases --------------------------------------------------------------------------------

local function rename(session, from, to)
  session:query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", { from })
  session:query(("alter database %s rename to %s"):format(identifier(from), identifier(to)))
end

local function set_database(session, database, said, there)
  local name, before = database.name, said and said.name
  if not there[name] and before and before ~= name and there[before] then
    rename(session, before, name)
    there[name], there[before] = there[before], nil
  elseif not there[name] then
    session:query(("create database %s owner %s"):format(identifier(name), identifier(database.owner)))
    there[name] = database.owner
  end
  if there[name] ~= database.owner then
    session:query(("alter database %s owner to %s"):format(identifier(name), identifier(database.owner)))
  end
end

-- ---- the whole --------------------------------------------------------------------------------

-- A database keeps its key when it is called otherwise.
local function key_of(database) return tostring(database.key or database.name) end

-- What was said of this timeline, by kind and id.
local function recall(session, timeline)
  local said = { role = {}, database = {} }
  local query = "select kind, id, name, mark from davit.said where timeline = $1"
  for _, row in ipairs(session:query(query, { timeline }).rows) do said[row.kind][row.id] = row end
  return said
end

local function remember(session, wanted)
  local parts = { "delete from davit.said" }
  local function add(kind, id, name, mark)
    parts[#parts + 1] = ("insert into davit.said values (%s, %s, %s, %s, %s)"):format(literal(wanted.timeline),
      literal(kind), literal(id), literal(name), literal(mark))
  end
  for _, role in ipairs(wanted.roles) do add("role", role.name, role.name, mark_of(role)) end
  for _, database in ipairs(wanted.databases) do add("database", key_of(database), database.name, "") end
  session:query(table.concat(parts, ";\n"))
end

-- What was said and is not any more, by name.
local function gone(said, wanted)
  local kept, list = {}, {}
  for _, item in ipairs(wanted) do kept[item.name] = true end
  for _, item in pairs(said) do
    if not kept[item.name] then list[#list + 1] = item.name end
  end
  return list
end

---Brings a running cluster in line.
---@param server cloud.postgres.Server
---@param password string  of cluster.ADMIN
---@param wanted { timeline: string, roles: table[], databases: table[] }  as the model lists them
function roles.reconcile(server, password, wanted)
  local session <close> = cluster.session(server, password)
  session:query(REMEMBER)
  local said = recall(session, wanted.timeline)
  local there = names_of(session, "select rolname as name from pg_roles")
  for _, role in ipairs(wanted.roles) do set_role(session, role, said.role[role.name], there[role.name]) end
  there = names_of(session, "select datname as name, pg_get_userbyid(datdba) as owner from pg_database")
  for _, database in ipairs(wanted.databases) do
    set_database(session, database, said.database[key_of(database)], there)
  end
  for _, name in ipairs(gone(said.database, wanted.databases)) do
    if there[name] then session:query(("drop database %s with (force)"):format(identifier(name))) end
  end
  local heir = wanted.roles[1] and wanted.roles[1].name or cluster.ADMIN
  there = names_of(session, "select rolname as name from pg_roles")
  for _, name in ipairs(gone(said.role, wanted.roles)) do
    if there[name] then drop_role(server, password, session, name, heir) end
  end
  remember(session, wanted)
end

---@return string  the same for the same wishes
function roles.digest(wanted)
  return sha256(json.encode { timeline = wanted.timeline, roles = json.array(wanted.roles),
    databases = json.array(wanted.databases) })
end

return roles
