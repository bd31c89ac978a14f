---What the model says of roles, passwords and databases becomes true in a cluster.
---
---The cluster remembers what the model said last, in a table that goes with its data: only what the model knew
---and knows no more is removed, and only where it differs anything is changed. What a copy has from its parent was
---said of the parent: at a position of its log, nothing of that is removed.
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

-- A role that is made anew is another one. Those of worlds that an older Davit saved have no key, and are by name
-- what they were.
local function id_of(role) return role.key and "key " .. tostring(role.key) or role.name end

local PARK = [[alter role %s rename to %s;
update davit.said set name = %s where kind = 'role' and id = %s]]

-- Whose name another role has now makes room for it, until what it owns is somebody else's.
local function park_roles(session, wanted, said)
  local ids, names, there = {}, {}, names_of(session, "select rolname as name from pg_roles")
  for _, role in ipairs(wanted.roles) do ids[id_of(role)], names[role.name] = true, role.key ~= nil end
  for id, old in pairs(said) do
    if not ids[id] and names[old.name] and there[old.name] then
      local parked = "davit drops " .. sha256(id):sub(1, 16)
      session:query(PARK:format(identifier(old.name), identifier(parked), literal(parked), literal(id)))
      old.name = parked
    end
  end
end

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

-- A database keeps its key when it is called otherwise.
local function key_of(database) return tostring(database.key or database.name) end

local function forget(session, key)
  session:query("delete from davit.said where kind = 'database' and id = $1", { key })
end

-- Before others get their names. One that is dropped is forgotten at once: whoever has its name next is another one.
local function drop_databases(session, wanted, said)
  local keys, there = {}, names_of(session, "select datname as name from pg_database")
  for _, database in ipairs(wanted.databases) do keys[key_of(database)] = true end
  for key, old in pairs(said) do
    if not keys[key] and (old.timeline == wanted.timeline or wanted.exact) then
      if there[old.name] then session:query(("drop database %s with (force)"):format(identifier(old.name))) end
      forget(session, key)
      said[key] = nil
    end
  end
end

-- Whether a name is to be had: nobody has it, or who has it leaves it for one that is.
local function is_free(name, there, leaves)
  local seen = {}
  while there[name] and leaves[name] and not seen[name] do
    seen[name], name = true, leaves[name]
  end
  return seen[name] or not there[name]
end

-- Those that are called otherwise now. One whose new name a database has that nobody told of keeps its own.
local function moves_of(wanted, said, there)
  local leaves, moves = {}, {}
  for _, database in ipairs(wanted.databases) do
    local old = said[key_of(database)]
    if old and old.name ~= database.name and there[old.name] then leaves[old.name] = database.name end
  end
  for _, database in ipairs(wanted.databases) do
    local old = said[key_of(database)]
    if old and leaves[old.name] and is_free(database.name, there, leaves) then
      moves[#moves + 1] = { from = old.name, to = database.name, key = key_of(database) }
    end
  end
  return moves
end

local TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
local RENAME = "alter database %s rename to %s"
local NOTE = "update davit.said set name = %s where kind = 'database' and id = %s"

-- In one transaction, with what is remembered of it. Names may go round: each is left before any is taken.
local function rename_databases(session, wanted, said)
  local parts, moves = {}, moves_of(wanted, said, names_of(session, "select datname as name from pg_database"))
  for _, move in ipairs(moves) do
    parts[#parts + 1] = TERMINATE:format(literal(move.from))
    parts[#parts + 1] = RENAME:format(identifier(move.from), identifier("davit renames " .. move.key))
  end
  for _, move in ipairs(moves) do
    parts[#parts + 1] = RENAME:format(identifier("davit renames " .. move.key), identifier(move.to))
    parts[#parts + 1] = NOTE:format(literal(move.to), literal(move.key))
  end
  if #parts > 0 then session:query(table.concat(parts, ";\n")) end
end

local function set_database(session, database, owner)
  local name = identifier(database.name)
  if not owner then
    session:query(("create database %s owner %s"):format(name, identifier(database.owner)))
  elseif owner ~= database.owner then
    session:query(("alter database %s owner to %s"):format(name, identifier(database.owner)))
  end
end

local function set_databases(session, wanted, said)
  drop_databases(session, wanted, said)
  rename_databases(session, wanted, said)
  local owners = names_of(session, "select datname as name, pg_get_userbyid(datdba) as owner from pg_database")
  for _, database in ipairs(wanted.databases) do set_database(session, database, owners[database.name]) end
end

-- ---- the whole --------------------------------------------------------------------------------

-- What was said last, by kind and id: of this timeline, or of the one that it is a copy of.
local function recall(session, wanted)
  local said = { role = {}, database = {} }
  for _, row in ipairs(session:query("select timeline, kind, id, name, mark from davit.said").rows) do
    local counts = row.kind == "database" or row.timeline == wanted.timeline or wanted.exact
    if counts then said[row.kind][row.id] = row end
  end
  return said
end

local function remember(session, wanted)
  local parts = { "delete from davit.said" }
  local function add(kind, id, name, mark)
    parts[#parts + 1] = ("insert into davit.said values (%s, %s, %s, %s, %s)"):format(literal(wanted.timeline),
      literal(kind), literal(id), literal(name), literal(mark))
  end
  for _, role in ipairs(wanted.roles) do add("role", id_of(role), role.name, mark_of(role)) end
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
---@param wanted { timeline: string, roles: table[], databases: table[], exact: boolean }  as the model lists them;
---exact: of a copy, too, it lists what there was where the copy begins
function roles.reconcile(server, password, wanted)
  local session <close> = cluster.session(server, password)
  session:query(REMEMBER)
  local said = recall(session, wanted)
  park_roles(session, wanted, said.role)
  local there = names_of(session, "select rolname as name from pg_roles")
  for _, role in ipairs(wanted.roles) do set_role(session, role, said.role[id_of(role)], there[role.name]) end
  set_databases(session, wanted, said.database)
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
