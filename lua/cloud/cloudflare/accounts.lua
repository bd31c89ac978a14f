---The account, the user, and how the two belong together.
local clock = require "cloud.clock"
local data = require "cloud.data"
local permissions = require "cloud.cloudflare.permissions"
local route = require "cloud.route"
local sha256 = require "sha256"

local accounts = {}

local NAME, EMAIL = "Davit", "davit@example.com"

---The account as other resources name it.
---@return { id: string, name: string }
function accounts.reference(context)
  return { id = context.cloudflare.account_id, name = context.cloudflare.account_name or NAME }
end

---@return string  32 hexadecimal digits
function accounts.user_id(context) return sha256("user " .. context.state.seed):sub(1, 32) end

local function show(context)
  local account = accounts.reference(context)
  return { id = account.id, name = account.name, type = "standard",
    created_on = clock.iso(context.state.settings.created_at, 6),
    settings = { enforce_twofactor = false } }
end

local function visible(context)
  return permissions.any(context, permissions.sees_account)
end

local function list(context)
  local name, account = context.query.name, show(context)
  local found = visible(context) and (not name or account.name:lower():find(name:lower(), 1, true))
    and { account } or {}
  local page, info = route.page(context.query, found, 20, 50)
  return data.array(page), { info = info }
end

-- ---- the user -----------------------------------------------------------------------------

-- A token of the account has no user behind it.
local function require_user(context, code, status, message)
  if not permissions.any(context, function(token) return token.kind == "user" end) then
    route.refuse { status = status, code = code, message = message }
  end
end

local function may(context, resource)
  return permissions.any(context, function(token)
    return permissions.allows(token, resource, "read")
  end)
end

local function user(context)
  require_user(context, 9109, 403, "Valid user-level authentication not found")
  if not may(context, "user") then
    route.refuse { status = 403, code = 9109, message = "Unauthorized to access requested resource" }
  end
  return { id = accounts.user_id(context), email = EMAIL, first_name = NAME, last_name = data.nullable(nil),
    username = "davit", telephone = data.nullable(nil), country = data.nullable(nil),
    zipcode = data.nullable(nil), two_factor_authentication_enabled = false,
    two_factor_authentication_locked = false, suspended = false, has_pro_zones = false,
    has_business_zones = false, has_enterprise_zones = false, organizations = data.array {},
    betas = data.array {}, created_on = clock.iso(context.state.settings.created_at, 6),
    modified_on = clock.iso(context.state.settings.created_at, 6) }
end

local function memberships(context)
  require_user(context, 9106, 400, "Authentication failed (status: 400)")
  if not may(context, "memberships") then permissions.denied() end
  local account = show(context)
  local membership = { id = sha256("membership " .. context.state.seed):sub(1, 32), status = "accepted",
    account = account, api_access_enabled = data.nullable(nil), code = "",
    roles = data.array { "Super Administrator - All Privileges" }, permissions = {} }
  local page, info = route.page(context.query, { membership }, 20, 50)
  return data.array(page), { info = info }
end

-- ---- settings of Workers ------------------------------------------------------------------

local function show_settings(context)
  local kept = context.cloudflare.account_settings
  local answer = data.plain(kept)
  answer.default_usage_model = kept.default_usage_model or "standard"
  answer.green_compute = kept.green_compute or false
  return answer
end

local function put_settings(context)
  for key, value in pairs(data.plain(context.body)) do
    if type(key) == "string" then context.cloudflare.account_settings[key] = value end
  end
  return show_settings(context)
end

local SETTINGS = "/accounts/{account}/workers/account-settings"

accounts.routes = {
  { "GET", "/accounts", list },
  { "GET", "/accounts/{account}", show, scope = "account" },
  { "GET", "/user", user },
  { "GET", "/memberships", memberships },
  { "GET", SETTINGS, show_settings, scope = "workers" },
  { "PUT", SETTINGS, put_settings, scope = "workers" },
}

return accounts
