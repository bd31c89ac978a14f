---Through which app something was done, as it stands in deployments and checks.
local clock = require "cloud.clock"
local data = require "cloud.data"
local json = require "json"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local users = require "cloud.github.users"

local integration = {}

---The app of a workflow's token.
integration.ACTIONS = "github-actions"

local ACTIONS_ID = 15368

---@param token github.Token
---@return string|nil slug  of the app that a token belongs to; nil for people
function integration.of(token)
  return not token.user and token.login and token.login:match "^(.*)%[bot%]$" or nil
end

---@param context github.Context
---@param slug string
---@return integer
function integration.id(context, slug)
  if slug == integration.ACTIONS then return ACTIONS_ID end
  local app = data.find(context.github.apps or {}, "slug", slug)
  return app and app.id or users.id(slug)
end

local function make(context, slug)
  local id, born = integration.id(context, slug), clock.iso(context.state.settings.created_at)
  local page, is_own = links.html("/apps/" .. slug), slug == integration.ACTIONS
  return { id = id, slug = slug, node_id = ("A_%d"):format(id), client_id = ("Iv1.%016x"):format(id),
    owner = users.show(context, is_own and "github" or repositories.owner(context.repository)),
    name = is_own and "GitHub Actions" or slug, description = "", external_url = page, html_url = page,
    created_at = born, updated_at = born, permissions = { metadata = "read" }, events = data.array {} }
end

---As it stands in answers; made once a request.
---@param context github.Context
---@param slug string|nil
---@return any  null without an app
function integration.show(context, slug)
  if not slug then return json.null end
  local key = "app " .. slug
  context.shown[key] = context.shown[key] or make(context, slug)
  return context.shown[key]
end

return integration
