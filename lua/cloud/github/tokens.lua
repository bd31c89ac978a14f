---Tokens: which there are, whom a request's credentials stand for, and who they write as.
---
---A request without credentials has a token, too: one of the kind "anonymous".
local apps = require "cloud.github.apps"
local base64 = require "base64"
local clock = require "cloud.clock"
local permissions = require "cloud.github.permissions"
local route = require "cloud.route"
local users = require "cloud.github.users"

local tokens = {}

---@class github.Token
---@field kind string          classic, fine-grained, installation, workflow, app, anonymous
---@field value string
---@field login? string        who it writes as
---@field user boolean         whether that is a person
---@field scopes? string[]     of a classic one
---@field permissions? table<string, string>  of the others: name to read, write, admin
---@field account string      whose repositories it is for
---@field repositories? string[]  the only ones that it is for (all of the account's)
---@field expires? number      seconds since 1970

---@class github.tokens.Seed
---@field value string
---@field kind? string         classic (otherwise), fine-grained, installation, workflow
---@field login? string        of the person (the first repository's owner)
---@field app? string          of an installation: it writes as APP[bot]
---@field scopes? string[]     (those that gh asks for: gist, read:org, repo, workflow)
---@field permissions? table<string, string>
---@field repositories? string[]
---@field expires? number
---@field fork? boolean        a workflow's, for a pull request from a fork: reads only

local kinds = { classic = true, ["fine-grained"] = true, installation = true, workflow = true }

local function login_of(given, kind, owner)
  if kind == "workflow" then return users.WORKFLOW end
  if kind == "installation" then return (given.app or "preview") .. "[bot]" end
  return given.login or owner
end

---@param given github.tokens.Seed
---@param repository string  owner/name of the first one
---@return github.Token
function tokens.make(given, repository)
  local kind = given.kind or "classic"
  if not kinds[kind] then
    error(("the kind of a token is classic, fine-grained, installation or workflow, not '%s'"):format(tostring(kind)),
      0)
  end
  local user, owner = kind == "classic" or kind == "fine-grained", repository:match "^[^/]+"
  return { kind = kind, value = given.value, user = user, account = owner, expires = given.expires,
    login = login_of(given, kind, owner),
    scopes = kind == "classic" and (given.scopes or { "gist", "read:org", "repo", "workflow" }) or nil,
    permissions = kind ~= "classic" and permissions.of(kind, given) or nil,
    repositories = given.repositories or kind == "workflow" and { repository } or nil }
end

---The tokens of a seed: the workflow's and the owner's, which every world has, and a list of others.
---@param seed world.Seed
---@param repository string
---@return github.Token[]
function tokens.list(seed, repository)
  local values = seed.tokens or {}
  local list = {
    tokens.make({ kind = "workflow", value = values.github or "github-token" }, repository),
    tokens.make({ kind = "classic", value = values.github_owner or "github-owner-token" }, repository),
  }
  for _, given in ipairs(seed.github and seed.github.tokens or {}) do
    list[#list + 1] = tokens.make(given, repository)
  end
  return list
end

-- ---- whose request it is ------------------------------------------------------------------

local anonymous = { kind = "anonymous", user = false }

-- A token, also as the password of whatever user.
local function credentials(header)
  local scheme, value = header:match "^(%a+)%s+(%S+)%s*$"
  scheme = (scheme or ""):lower()
  if scheme == "bearer" or scheme == "token" then return value end
  local ok, pair = pcall(base64.decode, scheme == "basic" and value or "")
  return ok and pair:match "^[^:]*:(.+)$" or nil
end

---The token of a request; refuses credentials that are wrong or have expired.
---@param context github.Context
---@return github.Token
function tokens.identify(context)
  local header = context.request.headers.authorization
  if not header or header == "" then return anonymous end
  local value = credentials(header)
  for _, token in ipairs(context.github.tokens) do
    local valid = not token.expires or token.expires > context.now
    if token.value == value and valid then return token end
  end
  local app = value and apps.of_bearer(context, value)
  if app then return { kind = "app", user = false, app = app } end
  route.refuse { status = 401, message = "Bad credentials" }
end

tokens.anonymous = anonymous

---What an answer tells a client of its own token.
---@param token github.Token
---@param headers table<string, string>
function tokens.describe(token, headers)
  if token.scopes then headers["x-oauth-scopes"] = table.concat(token.scopes, ", ") end
  if token.expires and token.user then
    headers["github-authentication-token-expiration"] = clock.iso(token.expires):gsub("T", " "):gsub("Z", " UTC")
  end
end

return tokens
