---People, organisations and bots, which exist as soon as they are named.
local clock = require "cloud.clock"
local json = require "json"
local links = require "cloud.github.links"
local route = require "cloud.route"
local sha256 = require "sha256"

local users = {}

---Who the token of a workflow writes as.
users.WORKFLOW = "github-actions[bot]"

local known = { [users.WORKFLOW] = 41898282 }

---@param login string
---@return integer  the same for a name in every world
function users.id(login)
  return known[login] or tonumber(sha256(login:lower()):sub(1, 6), 16) + 1000
end

---The address that commits have of who keeps his own to himself.
---@param login string
---@return string
function users.email(login)
  return ("%d+%s@users.noreply.github.com"):format(users.id(login), login)
end

local collections = { "followers", "subscriptions", "organizations", "repos", "received_events" }

local function make(context, login)
  local bot = login:sub(-5) == "[bot]"
  local url = links.api(context, "/users/" .. links.escape(login))
  local shown = {
    login = login, id = users.id(login), node_id = "U_" .. users.id(login), type = bot and "Bot" or "User",
    site_admin = false, url = url, gravatar_id = "", user_view_type = "public",
    html_url = links.html(bot and "/apps/" .. login:sub(1, -6) or "/" .. login),
    avatar_url = ("https://avatars.githubusercontent.com/u/%d?v=4"):format(users.id(login)),
    following_url = url .. "/following{/other_user}", gists_url = url .. "/gists{/gist_id}",
    starred_url = url .. "/starred{/owner}{/repo}", events_url = url .. "/events{/privacy}",
  }
  for _, name in ipairs(collections) do shown[name .. "_url"] = url .. "/" .. name end
  return shown
end

---As it stands in every answer; made once a request.
---@param context github.Context
---@param login string
---@return table
function users.show(context, login)
  local shown = context.shown[login] or make(context, login)   -- no repository has a name without a slash
  context.shown[login] = shown
  return shown
end

local nothing = { "name", "company", "location", "email", "hireable", "bio", "twitter_username" }
local counts = { "public_gists", "followers", "following", "private_gists", "disk_usage", "collaborators" }

-- As a user sees itself.
local function myself(context)
  local token = context.token
  if token.kind == "anonymous" then route.refuse { status = 401, message = "Requires authentication" } end
  if not token.user then route.refuse { status = 403, message = "Resource not accessible by integration" } end
  local shown = make(context, token.login)
  for _, name in ipairs(nothing) do shown[name] = json.null end
  for _, name in ipairs(counts) do shown[name] = 0 end
  local owned = { [true] = 0, [false] = 0 }
  for name, repository in pairs(context.github.repositories) do
    local mine = name:match("^[^/]+"):lower() == token.login:lower()
    if mine then owned[repository.private] = owned[repository.private] + 1 end
  end
  shown.public_repos, shown.total_private_repos, shown.owned_private_repos = owned[false], owned[true], owned[true]
  shown.blog, shown.user_view_type, shown.two_factor_authentication = "", "private", true
  shown.plan = { name = "pro", space = 976562499, collaborators = 0, private_repos = 9999 }
  shown.created_at = clock.iso(context.state.settings.created_at)
  shown.updated_at = shown.created_at
  return shown, { modified = context.state.settings.created_at }
end

users.routes = { { "GET", "/user", myself, docs = "users/users#get-the-authenticated-user" } }

return users
