---How often may be asked: requests of an hour (the primary limit), and points and new content of a minute and an
---hour (the secondary ones).
---
---Each is counted for whoever the token stands for. Assumed: a window begins with the first request after the last
---one's end, every POST, PATCH and PUT counts as new content, and which of the limits a refusal names nobody is told.
local route = require "cloud.route"
local users = require "cloud.github.users"

local limits = {}

local HOUR, MINUTE = 3600, 60
local ANONYMOUS = 60   -- requests of an hour
local BLOCK = 60       -- seconds after which to come back at the earliest

local reading = { GET = true, HEAD = true, OPTIONS = true }
local content = { POST = true, PATCH = true, PUT = true }

-- Whose account a request is on, and how many requests an hour that has.
local function account_of(context)
  local token, settings = context.token, context.state.settings
  if token.kind == "anonymous" then return "anonymous", ANONYMOUS end
  if token.kind == "app" then return "app " .. token.app.slug, settings.github_user_requests end
  if token.kind == "workflow" then return "workflow " .. token.repositories[1], settings.github_requests end
  return "login " .. token.login, settings.github_user_requests
end

local function window(account, name, length, now)
  local one = account[name]
  if not one or one.since + length <= now then
    one = { since = now, count = 0 }
    account[name] = one
  end
  return one
end

---Finds the account that a request is counted on.
---@param context github.Context  gets `quota`
function limits.open(context)
  local name, limit = account_of(context)
  local account = context.github.used[name] or {}
  context.github.used[name] = account
  context.quota = { account = account, limit = limit, primary = window(account, "primary", HOUR, context.now) }
end

-- ---- the secondary limits ------------------------------------------------------------------

local function refuse_secondary(seconds)
  route.refuse { status = 403, headers = { ["retry-after"] = ("%d"):format(math.ceil(seconds)) },
    docs = "overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
      .. "If you reach out to GitHub Support for help, please include the request ID." }
end

-- Who asked too much of one kind waits with that kind.
local function refuse_blocked(context, kind)
  local blocked_until = context.quota.account[kind .. " blocked"]
  if blocked_until and blocked_until > context.now then refuse_secondary(blocked_until - context.now) end
end

local function spend(context, kind, name, length, amount, limit)
  local one = window(context.quota.account, name, length, context.now)
  one.count = one.count + amount
  if one.count <= limit then return end
  local left = math.max(one.since + length - context.now, BLOCK)
  context.quota.account[kind .. " blocked"] = context.now + left
  refuse_secondary(left)
end

local function count_secondary(context)
  local settings, method = context.state.settings, context.request.method
  refuse_blocked(context, "points")
  spend(context, "points", "minute", MINUTE, reading[method] and 1 or 5, settings.github_points)
  if content[method] then
    refuse_blocked(context, "content")
    spend(context, "content", "content minute", MINUTE, 1, settings.github_content_per_minute)
    spend(context, "content", "content hour", HOUR, 1, settings.github_content_per_hour)
  end
end

-- ---- the primary one -----------------------------------------------------------------------

local function exceeded(context)
  local token = context.token
  if token.kind == "anonymous" then
    return "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher "
      .. "rate limit. Check out the documentation for more details.)"
  end
  if not token.user then return "API rate limit exceeded for installation." end
  return ("API rate limit exceeded for user ID %d."):format(users.id(token.login))
end

---Counts a request, and refuses it when it is one too many.
---@param context github.Context
function limits.count(context)
  local primary = context.quota.primary
  if primary.count >= context.quota.limit then
    route.refuse { status = 403, message = exceeded(context),
      docs = "overview/rate-limits-for-the-rest-api#about-primary-rate-limits" }
  end
  primary.count = primary.count + 1
  count_secondary(context)
end

---What an answer cost that tells nothing new.
---@param context github.Context
function limits.give_back(context)
  context.quota.primary.count = context.quota.primary.count - 1
end

local function figures(quota)
  return { limit = quota.limit, used = quota.primary.count, remaining = quota.limit - quota.primary.count,
    reset = math.floor(quota.primary.since + HOUR) }
end

---@param context github.Context
---@param headers table<string, string>
function limits.describe(context, headers)
  for name, value in pairs(figures(context.quota)) do headers["x-ratelimit-" .. name] = ("%d"):format(value) end
  headers["x-ratelimit-resource"] = "core"
end

-- Of the other resources nothing is ever used.
local others = { search = 30, graphql = 5000, integration_manifest = 5000, code_search = 10 }

local function show(context)
  local core, resources = figures(context.quota), {}
  for name, limit in pairs(others) do
    resources[name] = { limit = limit, used = 0, remaining = limit, reset = math.floor(context.now) + HOUR }
  end
  resources.core = core
  return { resources = resources, rate = core }
end

limits.routes = { { "GET", "/rate_limit", show, free = true, docs = "rate-limit/rate-limit#get-rate-limit-status" } }

return limits
