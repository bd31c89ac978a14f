---Connection strings: of a branch that is named, never of one that is assumed.
local api = require "neon.api"
local branch = require "neon.branch"
local options = require "options"
local url = require "url"

local connection = {}

local fields = {
  { "branch", "any", true }, { "database", "string" }, { "role", "string" }, { "name", "string" },
  { "pooled", "boolean" }, { "preview", "boolean" }, { "to", "table", true },
}

local function branch_id(given)
  local id = type(given) == "table" and given.id or given
  if type(id) == "string" and id:find("^br%-") then return id end
  options.misuse("neon.connection_uri: 'branch' must be a branch or its id, not '%s'", tostring(id))
end

-- A branch without a parent is what all others come from, whatever the project calls it.
local function refuse_production(thing)
  if not (thing.default or thing.protected or not thing.parent_id) then return end
  failure { code = "preview-to-production", about = thing.name,
    message = ("Neon: the branch %s is production's and was asked for by a preview")
      :format(thing.name),
    hint = "a preview has a branch of its own: create that" }
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
  local thing = branch.get(project, branch_id(o.branch))
  if o.preview then refuse_production(thing) end
  local _, answer = api.call(project, { path = "/connection_uri",
    what = "get the connection string of the branch " .. thing.name,
    query = { branch_id = thing.id, database_name = o.database or only(project, thing, "database"),
      role_name = o.role or only(project, thing, "role"), pooled = o.pooled or false },
    secrets = { ["/uri"] = { name = o.name or "DATABASE_URL", to = o.to } } })
  local uri = answer.secrets and answer.secrets["/uri"]
  if uri then return uri end
  failure { code = "neon-connection", about = thing.name,
    message = "Neon: the answer for the branch " .. thing.name .. " holds no connection string" }
end

return connection
