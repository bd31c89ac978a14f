---What tokens may do: the permissions of installations, workflows and fine-grained tokens, the scopes of classic
---ones, the roles of people, and whether a token may ask for a route.
---
---A route says what it needs as `permission`: a name and a level, or a list of such pairs, of which any will do.
---Without one it needs no more than to see the repository. `role` is what a person must be there (pull to read;
---push, or admin for administration, to write). Assumed: what exactly is said to whom lacks a role or a scope.
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"

local permissions = {}

local levels = { read = 1, write = 2, admin = 3 }

-- What `permissions:` of a workflow may name; nothing else is ever its token's.
local of_workflows = {
  "actions", "artifact_metadata", "attestations", "checks", "contents", "deployments", "discussions", "id_token",
  "issues", "models", "packages", "pages", "pull_requests", "security_events", "statuses",
}

-- What only installations and fine-grained tokens may have.
local others = {
  "actions_variables", "administration", "environments", "members", "metadata", "secrets", "single_file",
  "dependabot_secrets", "repository_hooks", "workflows",
}

local known = { variables = "actions_variables" }   -- the name that settings pages have for it
for _, list in ipairs { of_workflows, others } do
  for _, name in ipairs(list) do known[name] = name end
end

local workflows_may = {}
for _, name in ipairs(of_workflows) do workflows_may[name] = true end

-- ---- as they are given --------------------------------------------------------------------

local function check(kind, name, level)
  local found = known[(name:gsub("-", "_"))]
  if not found then error(("unknown permission '%s' (such as 'issues', 'pull-requests')"):format(name), 0) end
  if kind == "workflow" and not workflows_may[found] then
    error(("the token of a workflow cannot have the permission '%s'"):format(name), 0)
  end
  if not levels[level] then
    error(("the permission '%s' is read, write or admin, not '%s'"):format(name, tostring(level)), 0)
  end
  return found
end

-- What a workflow's token has when nothing is said: the permissive setting.
local function everything()
  local all = {}
  for _, name in ipairs(of_workflows) do all[name] = "write" end
  return all
end

local function only_reading(given)
  local made = {}
  for name in pairs(given) do made[name] = "read" end
  return made
end

---The permissions of a token; raises for names that there are not.
---@param kind string
---@param given { permissions?: table<string, string>, fork?: boolean }
---@return table<string, string>
function permissions.of(kind, given)
  local made = {}
  for name, level in pairs(given.permissions or {}) do
    if level ~= "none" then made[check(kind, name, level)] = level end
  end
  if kind == "workflow" and not given.permissions then made = everything() end
  if given.fork then made = only_reading(made) end
  made.metadata = "read"
  return made
end

-- ---- one token ----------------------------------------------------------------------------

local function is_for(token, repository)
  if not token.repositories then return repositories.owner(repository):lower() == token.account:lower() end
  for _, name in ipairs(token.repositories) do
    if name:lower() == repository.full_name:lower() then return true end
  end
  return false
end

local function has_scope(token, ...)
  for _, scope in ipairs(token.scopes) do
    for _, wanted in ipairs { ... } do
      if scope == wanted then return true end
    end
  end
  return false
end

-- Scopes that open one thing only.
local single = { statuses = "repo:status", deployments = "repo_deployment", security_events = "security_events" }
local narrow_scopes = { "repo:status", "repo_deployment", "security_events" }

---Whether a token sees that there is such a repository.
---@param token github.Token
---@param repository github.Repository
---@return boolean
function permissions.sees(token, repository)
  if not repository.private then return true end
  if token.kind == "anonymous" or token.kind == "app" then return false end
  if token.user and not repositories.is(repository, token.login, "pull") then return false end
  if token.kind == "classic" then return has_scope(token, "repo", table.unpack(narrow_scopes)) end
  return is_for(token, repository)
end

local function classic_allows(token, repository, name, level)
  if has_scope(token, "repo") or not repository.private and has_scope(token, "public_repo") then return true end
  if single[name] and has_scope(token, single[name]) then return true end
  return level == "read" and not repository.private and name ~= "administration"
end

-- What everybody may read of a public repository.
local hidden = { secrets = true, actions_variables = true, administration = true, environments = true,
  dependabot_secrets = true, repository_hooks = true }

---@param token github.Token
---@param repository github.Repository
---@param name string
---@param level string  "read", "write" or "admin"
---@return boolean
function permissions.allows(token, repository, name, level)
  local public = level == "read" and not repository.private and not hidden[name]
  if token.kind == "anonymous" or token.kind == "app" then return public end
  if token.kind == "classic" then return classic_allows(token, repository, name, level) end
  if public then return true end
  if not is_for(token, repository) then return false end
  return (levels[token.permissions[name]] or 0) >= levels[level]
end

-- ---- one request --------------------------------------------------------------------------

-- The pairs of a route, of which any will do.
local function alternatives(needed)
  if type(needed[1]) == "table" then return needed end
  return { needed }
end

local function described(needed)
  local parts = {}
  for i, pair in ipairs(alternatives(needed)) do parts[i] = pair[1] .. "=" .. pair[2] end
  return table.concat(parts, "; ")
end

-- Only tokens with permissions are told which; classic ones are told the scopes that would do.
local function announce(context, needed)
  if context.token.kind == "classic" then
    context.headers["x-accepted-oauth-scopes"] = "repo"
  elseif context.token.kind ~= "anonymous" then
    context.headers["x-accepted-github-permissions"] = described(needed)
  end
end

local refusals = {
  anonymous = { 401, "Requires authentication" },
  ["fine-grained"] = { 403, "Resource not accessible by personal access token" },
  installation = { 403, "Resource not accessible by integration" },
  workflow = { 403, "Resource not accessible by integration" },
  app = { 401, "Requires authentication" },
}

local function denied(context)
  local refusal = refusals[context.token.kind] or { 404, "Not Found" }   -- a scope that is missing hides things
  route.refuse { status = refusal[1], message = refusal[2] }
end

-- A person may do no more than its role allows, whatever its token says.
local function check_role(context, role)
  local token = context.token
  if not token.user or repositories.is(context.repository, token.login, role) then return end
  local needed = role == "admin" and "admin" or "push"
  if needed == "admin" then
    route.refuse { status = 403, message = "Must have admin rights to Repository." }
  end
  route.refuse { status = 403, message = "Must have push access to repository" }
end

local function usual_role(needed)
  for _, pair in ipairs(alternatives(needed)) do
    if pair[2] == "read" then return "pull" end
    if pair[1] ~= "administration" then return "push" end
  end
  return "admin"
end

---Refuses a request whose token lacks a permission in the repository of its path.
---@param context github.Context
---@param needed table    { name, level }, or a list of such pairs
---@param role? string    that a person must have there
function permissions.check(context, needed, role)
  local may = false
  for _, pair in ipairs(alternatives(needed)) do
    may = may or permissions.allows(context.token, context.repository, pair[1], pair[2])
  end
  if not may then denied(context) end
  check_role(context, role or usual_role(needed))
end

local reading = { GET = true, HEAD = true, OPTIONS = true }

---Refuses a request that its token may not make.
---@param context github.Context
---@param found route.Route
function permissions.authorize(context, found)
  local repository = context.repository
  if not repository then return end
  if not permissions.sees(context.token, repository) then
    route.refuse { status = 404, message = "Not Found" }
  end
  local needed = found.permission or { "metadata", "read" }
  announce(context, needed)
  permissions.check(context, needed, found.role)
  if repository.archived and not reading[context.request.method] then
    route.refuse { status = 403, message = "Repository was archived so is read-only." }
  end
end

return permissions
