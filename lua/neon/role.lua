---Roles of a branch, and new passwords for them.
local api = require "neon.api"
local branch = require "neon.branch"
local guard = require "neon.guard"
local operations = require "neon.operations"
local options = require "options"
local retry = require "retry"
local url = require "url"

local role = {}

local fields = { { "branch", "any", true }, { "role", "string", true }, { "to", "table", true }, { "name", "string" } }

---@class neon.Role
---@field name string
---@field protected boolean  Neon's own
---@field created_at string

---@param id string  of the branch
---@return neon.Role[]
function role.list(project, id)
  local thing = branch.get(project, id)
  local reply = api.call(project, { path = ("/branches/%s/roles"):format(url.encode(id)),
    what = "list the roles of the branch " .. thing.name })
  local roles = {}
  for i, one in ipairs(reply.roles) do
    roles[i] = { name = one.name, protected = one.protected == true, created_at = one.created_at }
  end
  return roles
end

local function request(project, thing, o)
  local reply, answer = api.call(project, { method = "POST",
    path = ("/branches/%s/roles/%s/reset_password"):format(url.encode(thing.id), url.encode(o.role)),
    what = ("reset the password of the role %s on the branch %s"):format(o.role, thing.name),
    secrets = { ["/role/password"] = { name = o.name or "DATABASE_PASSWORD", to = o.to } } })
  return { ids = operations.ids(reply), password = answer.secrets and answer.secrets["/role/password"] }
end

---Gives a role another password, and returns it when it is valid. One whose reply was lost is in nobody's hands, so
---it is made anew: the last one counts, and the project takes up one at a time (423).
---@return any password  a secret
function role.reset_password(project, o)
  options.read("neon.reset_password", o, fields)
  local thing = guard.branch(project, branch.id_of("neon.reset_password", o.branch))
  local reset = retry.run(retry.policies.after_looking, function() return request(project, thing, o) end)
  operations.wait(project, thing.name, reset.ids)
  if reset.password then return reset.password end
  failure { code = "neon-password", about = o.role,
    message = ("Neon: the answer for the role %s holds no password"):format(o.role),
    hint = "the old one is void: reset it in Neon's console, or once more here" }
end

return role
