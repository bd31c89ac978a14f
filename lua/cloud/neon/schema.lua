---The schema of a branch's database, at its head or a point of its past, and the difference of two.
---
---Without a follower it is what the ledger knows. With one, only who has the database can tell: the answer then says
---what is wanted (`dump`), which cloud/neon_schema.lua asks the database for.
---Assumed: the names in the difference, and that a database that is not there is a 404.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local connection = require "cloud.neon.connection"
local data = require "cloud.data"
local diff = require "cloud.neon.diff"
local endpoints = require "cloud.neon.endpoints"
local history = require "cloud.ledger.history"
local ledger_schema = require "cloud.ledger.schema"
local timelines = require "cloud.neon.timelines"

local schema = {}

-- The database of a branch at a point, in whatever way its schema can be had.
local function wanted(context, id, lsn, timestamp)
  local state, query = context.state, context.query
  if not query.db_name then body.refuse(400, "db_name is required") end
  local one = branch.get(context, id)
  local at = timelines.point(context, one, lsn, timestamp)
  local roles, databases = timelines.catalog(state, one, at)
  local database = connection.database({ databases = databases }, query.db_name)
  if not state.neon.follow then
    local upto = at and (at.lsn and history.position(at.lsn) or history.at(state, one.timeline, at.time))
    local sql, made = ledger_schema.of(state, one.timeline, upto, database.key)
    return { sql = sql, made = made }
  end
  if at then body.refuse(422, "the local cloud knows the schema of a head only: make a branch of that point") end
  local endpoint = endpoints.writer(one) or body.refuse(404, "endpoint not found")
  local owner = data.find(roles, "name", database.owner)
  return { address = endpoints.address(state, endpoint), database = database.name, user = owner.name,
    password = owner.password }
end

local function table_of(entry)
  local space, name = entry.name:match "^(.-)%.(.*)$"
  local columns = data.array(entry.columns, function(column)
    return { name = column, type = entry.types and entry.types[column] or "unknown" }
  end)
  return { schema = space, name = name, columns = columns }
end

local function as_json(made)
  local tables = data.filter(made, function(entry) return entry.kind == "table" end)
  return { tables = data.array(tables, table_of) }
end

local function get(context)
  local query = context.query
  local format = query.format or "sql"
  if format ~= "sql" and format ~= "json" then body.refuse(400, "format is sql or json") end
  local one = wanted(context, context.params.branch, query.lsn, query.timestamp)
  if not one.sql then
    if format == "json" then body.refuse(422, "the local cloud knows the schema as SQL only") end
    return {}, { dump = { one } }
  end
  return format == "json" and { json = as_json(one.made) } or { sql = one.sql }
end

---@param from string  schema of the branch that is compared with
---@param to string
---@param name string  of the database
---@return string
function schema.difference(from, to, name)
  return diff.unified(from, to, "a/" .. name, "b/" .. name)
end

-- Without base_branch_id a branch is compared with its parent.
local function compare(context)
  local query = context.query
  local one = branch.get(context, context.params.branch)
  local base = query.base_branch_id or one.parent_id or body.refuse(400, "base_branch_id is required")
  local to = wanted(context, one.id, query.lsn, query.timestamp)
  local from = wanted(context, base, query.base_lsn, query.base_timestamp)
  if not to.sql then return {}, { dump = { to, from } } end
  return { diff = schema.difference(from.sql, to.sql, query.db_name) }
end

schema.routes = {
  { "GET", "/projects/{project}/branches/{branch}/schema", get },
  { "GET", "/projects/{project}/branches/{branch}/compare_schema", compare },
}

return schema
