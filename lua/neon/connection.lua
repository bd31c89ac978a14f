---Connection strings: of a branch that is named, never of one that is assumed.
local api = require "neon.api"
local branch = require "neon.branch"
local guard = require "neon.guard"
local options = require "options"
local url = require "url"

local connection = {}

local fields = {
  { "branch", "any", true }, { "database", "string" }, { "role", "string" }, { "name", "string" },
  { "pooled", "boolean" }, { "to", "table", true }, { "consumer", "string" },
}

-- Whether a consumer is served through the pooler when nothing else is said.
local pooled_for = { migration = false, worker = true }

-- Locks, prepared statements and settings of a session do not survive the pooler.
local function is_pooled(o)
  if not o.consumer then return o.pooled or false end
  local usual = pooled_for[o.consumer]
  if usual == nil then
    options.misuse("neon.connection_uri: 'consumer' must be 'migration' or 'worker', not '%s'", o.consumer)
  end
  if o.consumer == "migration" and o.pooled then
    options.misuse("neon.connection_uri: a migration does not go through the pooler: leave 'pooled' out")
  end
  if o.pooled ~= nil then return o.pooled end
  return usual
end

-- The one name of a list; several are for the recipe to choose from.
local function only(project, thing, kind)
  local reply = api.call(project, { path = ("/branches/%s/%ss"):format(url.encode(thing.id), kind),
    what = ("list the %ss of the branch %s"):format(kind, thing.name) })
  local names = {}
  for i, one in ipairs(reply[kind .. "s"]) do names[i] = one.name end
  if #names == 1 then return names[1] end
  failure { code = "neon-" .. kind, about = thing.name,
    message = ("Neon: the branch %s has %d %ss: %s"):format(thing.name, #names, kind,
      table.concat(names, ", ")),
    hint = ("say which one with the option '%s'"):format(kind) }
end

---@param project table
---@param o table
---@return any uri  a secret
function connection.uri(project, o)
  options.read("neon.connection_uri", o, fields)
  local id, pooled = branch.id_of("neon.connection_uri", o.branch), is_pooled(o)
  local thing = guard.branch(project, id)
  local _, answer = api.call(project, { path = "/connection_uri",
    what = "get the connection string of the branch " .. thing.name,
    query = { branch_id = thing.id, database_name = o.database or only(project, thing, "database"),
      role_name = o.role or only(project, thing, "role"), pooled = pooled },
    secrets = { ["/uri"] = { name = o.name or "DATABASE_URL", to = o.to } } })
  local uri = answer.secrets and answer.secrets["/uri"]
  if uri then return uri end
  failure { code = "neon-connection", about = thing.name,
    message = "Neon: the answer for the branch " .. thing.name .. " holds no connection string",
    hint = "look in Neon's console whether the branch has the role and the database that are asked for" }
end

return connection
