---API tokens: which there are, whom a request's credentials stand for, and their verification.
local clock = require "cloud.clock"
local permissions = require "cloud.cloudflare.permissions"
local route = require "cloud.route"
local sha256 = require "sha256"

local tokens = {}

---@class tokens.Seed
---@field name string            unique
---@field value string
---@field permissions string[]   such as "DNS Write"
---@field kind? string           "user" or "account" ("user")
---@field zones? string[]        names of the only zones that it is for (all)
---@field expires? number        seconds since 1970
---@field not_before? number     seconds since 1970
---@field disabled? boolean

local function made(given)
  local kind = given.kind or "user"
  if kind ~= "user" and kind ~= "account" then
    error(("token '%s': kind is 'user' or 'account', not '%s'"):format(given.name, tostring(kind)), 0)
  end
  return { name = given.name, value = given.value, kind = kind, zones = given.zones,
    grants = permissions.grants(given.permissions or {}), expires = given.expires,
    not_before = given.not_before, disabled = given.disabled or nil }
end

---The tokens of a seed: the two that every world has, and a list of others.
---@param seed { workers?: string, dns?: string, [integer]: tokens.Seed }
---@return table[]
function tokens.list(seed)
  local list = {}
  for name, groups in pairs(permissions.presets) do
    list[#list + 1] = made { name = name, value = seed[name] or name .. "-token", permissions = groups }
  end
  for _, given in ipairs(seed) do list[#list + 1] = made(given) end
  return list
end

-- ---- whose request it is ------------------------------------------------------------------

local function state_of(token, now)
  if token.disabled then return "disabled" end
  return token.expires and token.expires <= now and "expired" or "active"
end

local function usable(token, now)
  return state_of(token, now) == "active" and (token.not_before or 0) <= now
end

---Finds the tokens that a request's bearer value stands for: one value may be given to several,
---it may then do all that any of them may.
---@param context table  gets bearer, tokens, token (a name, for its budget)
function tokens.identify(context)
  local header = context.request.headers.authorization or ""
  context.bearer = header:match("^[Bb]earer%s+([%w%-._~+/:|]+=*)%s*$")
  context.tokens, context.known = {}, {}
  for _, token in ipairs(context.cloudflare.tokens) do
    if token.value == context.bearer then
      table.insert(context.known, token)
      if usable(token, context.now) then table.insert(context.tokens, token) end
      context.token = token.name
    end
  end
end

local function refuse(status, code, message, chain)
  route.refuse { status = status, code = code, message = message, chain = chain }
end

local function refuse_headers(headers)
  if headers["x-auth-key"] or headers["x-auth-email"] then   -- the older keys are not modelled
    refuse(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
  end
  if not headers.authorization then
    refuse(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
  end
  refuse(400, 6003, "Invalid request headers",
    { { code = 6111, message = "Invalid format for Authorization header" } })
end

---Refuses a request without a valid token; an upload of assets has one that its handler checks.
---@param context table
---@param found route.Route
function tokens.authenticate(context, found)
  if not context.bearer then refuse_headers(context.request.headers) end
  if #context.tokens > 0 or found.scope == "session" then return end
  if found.verifies then return end
  refuse(403, 9109, "Invalid access token")   -- that an expired one is told the same is assumed
end

-- ---- verification -------------------------------------------------------------------------

local function time(seconds) return seconds and clock.iso(seconds) end

-- A token is only known where it belongs: with its user, or with its account.
local function verify(kind)
  return function(context)
    for _, token in ipairs(context.known) do
      if token.kind == kind then
        local status = state_of(token, context.now)
        return { id = sha256(token.value):sub(1, 32), status = status,
          expires_on = time(token.expires), not_before = time(token.not_before) },
          { messages = status == "active" and
            { { code = 10000, message = "This API Token is valid and active" } } or nil }
      end
    end
    refuse(401, 1000, "Invalid API Token")
  end
end

tokens.routes = {
  { "GET", "/user/tokens/verify", verify "user", verifies = true },
  { "GET", "/accounts/{account}/tokens/verify", verify "account", verifies = true },
}

return tokens
