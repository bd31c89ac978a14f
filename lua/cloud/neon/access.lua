---Who may ask Neon's API for what, and how often: keys of a person, of an organisation, of a project.
---
---Cookies are not looked at. Assumed: what a key is told that may not do something (403), the words of limits, that
---windows are fixed, and the header Retry-After.
local body = require "cloud.neon.body"
local data = require "cloud.data"

local access = {}

local MINUTE = 60

---@class neon.Token
---@field name string
---@field value string
---@field kind "user"|"org"|"project"
---@field project? string  that a key of a project is for

-- ---- who ---------------------------------------------------------------------------------

---The key that a request comes with; refuses any other.
---@return neon.Token
function access.token(context)
  local value = (context.request.headers.authorization or ""):match("^[Bb]earer%s+(%S+)$")
  local neon = context.neon
  if value and value == neon.token then return { name = "main", kind = "user", value = value } end
  return value and data.find(neon.tokens or {}, "value", value)
    or body.refuse(401, "supplied credentials do not pass authentication")
end

---Whether a key sees a project at all.
function access.sees(context, project)
  local token = context.token
  if token.kind == "project" then return token.project == project.id end
  return token.kind ~= "org" or not project.shared
end

---Refuses keys of other kinds.
---@param ... "user"|"org"|"project"  that may
function access.need(context, ...)
  for _, kind in ipairs { ... } do
    if context.token.kind == kind then return end
  end
  body.refuse(403, ("this action is not allowed with a %s-scoped API key")
    :format(context.token.kind == "org" and "organization" or context.token.kind))
end

-- ---- how often ---------------------------------------------------------------------------

-- Counts in windows of fixed length; returns the seconds to wait when there are too many.
local function too_many(counts, key, length, limit, now)
  local window = now // length
  if counts.window ~= window then counts.window, counts.of = window, {} end
  local count = counts.of[key] or 0
  if count >= limit then return math.ceil((window + 1) * length - now) end
  counts.of[key] = count + 1
end

---Counts a request, and refuses it when its key asks too often: all in all, or for one route.
---@param pattern string  of the route
function access.count(context, pattern)
  local neon, settings, key = context.neon, context.state.settings, context.token.name
  neon.used = neon.used or { minute = {}, second = {} }
  local wait = too_many(neon.used.minute, key, MINUTE, settings.neon_requests, context.now)
    or too_many(neon.used.second, key .. " " .. pattern, 1, settings.neon_route_requests, context.now)
  if not wait then return end
  context.retry_after = math.max(wait, 1)
  body.refuse(429, "rate limit exceeded")
end

return access
