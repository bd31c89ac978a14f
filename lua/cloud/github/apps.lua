---Installations of apps: which repositories they see, and the tokens that an app makes for itself.
---
---An app shows that it is itself by a JSON Web Token, or in a test by any text that a seed gives it. Of a JSON Web
---Token the issuer and its times are read; its signature is not checked, as nobody has the key here.
local answers = require "cloud.github.answers"
local base64 = require "base64"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local links = require "cloud.github.links"
local permissions = require "cloud.github.permissions"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local users = require "cloud.github.users"

local apps = {}

local LIFE = 3600        -- seconds that a token of an installation lives
local LONGEST = 600      -- seconds that a JSON Web Token may be valid

---@class github.App
---@field id integer
---@field slug string
---@field installation integer
---@field permissions table<string, string>
---@field repositories? string[]  (all of its owner's)

---@class github.apps.Seed
---@field slug string
---@field id? integer
---@field permissions table<string, string>
---@field repositories? string[]

---@param list? github.apps.Seed[]
---@return github.App[]
function apps.list(list)
  local made = {}
  for i, given in ipairs(list or {}) do
    made[i] = { id = given.id or 1000 + i, slug = given.slug, installation = 50000000 + (given.id or 1000 + i),
      permissions = permissions.of("installation", given), repositories = given.repositories }
  end
  return made
end

-- ---- who is an app --------------------------------------------------------------------------

local function claims_of(value)
  local _, payload = value:match "^([%w_-]+)%.([%w_-]+)%.[%w_-]+$"
  if not payload then return nil end
  local ok, text = pcall(base64.decode, payload, { url = true })
  local decoded, claims = pcall(json.decode, ok and text or "")
  return decoded and type(claims) == "table" and claims or nil
end

local function refuse_time(message)
  route.refuse { status = 401, message = "'Expiration time' claim ('exp') " .. message }
end

local function check_times(claims, now)
  local expires = tonumber(claims.exp)
  if not expires or expires <= now then
    refuse_time "must be a numeric value representing the future time at which the assertion expires"
  end
  if expires > now + LONGEST then refuse_time "is too far in the future" end
end

---The app that a bearer value stands for; nil when it is no app's.
---@param context github.Context
---@param value string
---@return github.App|nil
function apps.of_bearer(context, value)
  local claims = claims_of(value)
  if not claims then return nil end
  local app = data.find(context.github.apps, "id", math.tointeger(tonumber(claims.iss)))
  if not app then route.refuse { status = 401, message = "A JSON web token could not be decoded" } end
  check_times(claims, context.now)
  return app
end

-- ---- installations ---------------------------------------------------------------------------

local function owner_of(context)
  return context.github.repository:match "^[^/]+"
end

local function selection(app) return app.repositories and "selected" or "all" end

local function show(context, app)
  local id, owner = app.installation, owner_of(context)
  local born = clock.iso(context.state.settings.created_at)
  return { id = id, account = users.show(context, owner), repository_selection = selection(app),
    access_tokens_url = links.api(context, ("/app/installations/%d/access_tokens"):format(id)),
    repositories_url = links.api(context, "/installation/repositories"),
    html_url = links.html(("/settings/installations/%d"):format(id)), app_id = app.id, app_slug = app.slug,
    target_id = users.id(owner), target_type = "User", permissions = app.permissions, events = json.array {},
    created_at = born, updated_at = born, single_file_name = json.null, suspended_by = json.null,
    suspended_at = json.null }
end

local function require_app(context)
  if context.token.kind == "app" then return context.token.app end
  route.refuse { status = 401, message = "A JSON web token could not be decoded" }
end

local function covers(context, app, repository)
  if not app.repositories then return repositories.owner(repository) == owner_of(context) end
  for _, name in ipairs(app.repositories) do
    if name:lower() == repository.full_name:lower() then return true end
  end
  return false
end

local function of_repository(context)
  local app = require_app(context)
  local found = repositories.find(context.state, context.params.owner .. "/" .. context.params.repo)
  if not (found and covers(context, app, found)) then answers.not_found() end
  return show(context, app)
end

-- ---- their tokens ----------------------------------------------------------------------------

local levels = { read = 1, write = 2, admin = 3 }

-- Fewer than the app has, never more.
local function permissions_of(app, wanted)
  if type(wanted) ~= "table" then return app.permissions end
  local made = { metadata = "read" }
  for name, level in pairs(wanted) do
    if (levels[app.permissions[name]] or 0) < (levels[level] or 4) then
      answers.malformed "The permissions requested are not granted to this installation."
    end
    made[name] = level
  end
  return made
end

local function named(context, body, app)
  if not body.repositories and not body.repository_ids then return app.repositories end
  local list = {}
  for _, name in ipairs(body.repositories or {}) do list[#list + 1] = owner_of(context) .. "/" .. tostring(name) end
  for _, id in ipairs(body.repository_ids or {}) do
    local found = repositories.by_id(context.state, id)
    list[#list + 1] = found and found.full_name or "?"
  end
  for _, name in ipairs(list) do
    local found = repositories.find(context.state, name)
    if not (found and covers(context, app, found)) then
      answers.malformed("There is at least one repository that does not exist or is not accessible to the parent "
        .. "installation.")
    end
  end
  return list
end

local function create_token(context)
  local app, body = require_app(context), answers.body(context)
  if tostring(app.installation) ~= context.params.installation then answers.not_found() end
  local made = { kind = "installation", user = false, value = "ghs_" .. ids.hex(context.state, "github token", 36),
    account = owner_of(context), login = app.slug .. "[bot]", permissions = permissions_of(app, body.permissions),
    repositories = named(context, body, app), expires = context.now + LIFE }
  table.insert(context.github.tokens, made)
  local shown = { token = made.value, expires_at = clock.iso(made.expires), permissions = made.permissions,
    repository_selection = made.repositories and "selected" or "all" }
  if body.repositories or body.repository_ids then
    shown.repositories = data.array(made.repositories, function(name)
      return repositories.show(context, (repositories.find(context.state, name)))
    end)
  end
  return shown, { status = 201 }
end

local function show_app(context)
  local app = require_app(context)
  return { id = app.id, slug = app.slug, node_id = "A_" .. app.id, name = app.slug, description = json.null,
    owner = users.show(context, owner_of(context)), external_url = links.html("/apps/" .. app.slug),
    html_url = links.html("/apps/" .. app.slug), permissions = app.permissions, events = json.array {},
    created_at = clock.iso(context.state.settings.created_at),
    updated_at = clock.iso(context.state.settings.created_at) }
end

-- ---- what a token sees -----------------------------------------------------------------------

local function visible(context)
  local list = {}
  for _, repository in pairs(context.github.repositories) do
    local token = context.token
    local member = not token.user or repositories.is(repository, token.login, "triage")
    if member and permissions.sees(token, repository) then list[#list + 1] = repository end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local function of_user(context)
  if context.token.kind == "anonymous" then route.refuse { status = 401, message = "Requires authentication" } end
  if not context.token.user then answers.forbidden "Resource not accessible by integration" end
  return answers.list(context, visible(context), repositories.show)
end

local function of_installation(context)
  if context.token.user or context.token.kind == "anonymous" then
    answers.forbidden("You must authenticate with an installation access token in order to list repositories for "
      .. "an installation.")
  end
  return answers.counted(context, "repositories", visible(context), repositories.show)
end

apps.routes = {
  { "GET", "/app", show_app, docs = "apps/apps#get-the-authenticated-app" },
  { "GET", "/app/installations", function(context)
    return answers.list(context, { require_app(context) }, show)
  end, docs = "apps/apps#list-installations-for-the-authenticated-app" },
  { "POST", "/app/installations/{installation}/access_tokens", create_token,
    docs = "apps/apps#create-an-installation-access-token-for-an-app" },
  { "GET", "/repos/{owner}/{repo}/installation", of_repository, app = true,
    docs = "apps/apps#get-a-repository-installation-for-the-authenticated-app" },
  { "GET", "/user/repos", of_user, docs = "repos/repos#list-repositories-for-the-authenticated-user" },
  { "GET", "/installation/repositories", of_installation,
    docs = "apps/installations#list-repositories-accessible-to-the-app-installation" },
}

return apps
