---Whose projects these are: the person, the organisation, and where projects may be.
---
---Assumed: that a key which is no person's is refused as that person.
local access = require "cloud.neon.access"
local clock = require "cloud.clock"
local data = require "cloud.data"
local json = require "json"

local account = {}

local PLAN = "launch_v3"

-- Of Amazon's: the names of hosts end with them.
local regions = {
  { "aws-us-east-1", "AWS US East 1 (N. Virginia)", "38.13", "-78.45" },
  { "aws-us-east-2", "AWS US East 2 (Ohio)", "39.96", "-83" },
  { "aws-us-west-2", "AWS US West 2 (Oregon)", "46.15", "-123.88" },
  { "aws-eu-central-1", "AWS Europe Central 1 (Frankfurt)", "50", "8" },
  { "aws-eu-west-2", "AWS Europe West 2 (London)", "51", "-0.1" },
  { "aws-ap-southeast-1", "AWS Asia Pacific 1 (Singapore)", "1.37", "103.8" },
  { "aws-ap-southeast-2", "AWS Asia Pacific 2 (Sydney)", "-33.86", "151.2" },
  { "aws-sa-east-1", "AWS South America East 1 (São Paulo)", "-23.5", "-46.6" },
}

account.REGION = "aws-eu-central-1"

---The part of the state that is the account's.
---@param seed table  name and id of the organisation, if other than usual
function account.init(neon, seed)
  neon.user = { id = "4a6e1f0e-0000-4000-a000-00000000da17", name = "Davit", email = "davit@example.com" }
  neon.org = { id = seed.id or "org-davit-12345678", name = seed.name or "Davit" }
end

---@return boolean
function account.is_region(id)
  for _, region in ipairs(regions) do
    if region[1] == id then return true end
  end
  return false
end

---@return table  as a project shows its owner
function account.owner(context)
  local neon = context.neon
  return { name = neon.org.name, email = neon.user.email, subscription_type = PLAN,
    branches_limit = context.state.settings.branches_limit }
end

local function me(context)
  access.need(context, "user")
  local user, settings = context.neon.user, context.state.settings
  return {
    id = user.id, name = user.name, last_name = "", email = user.email, login = user.email, image = "", plan = PLAN,
    auth_accounts = json.array { { email = user.email, login = user.email, name = user.name, image = "",
      provider = "github" } },
    active_seconds_limit = 0, projects_limit = settings.projects_limit, branches_limit = settings.branches_limit,
    max_autoscaling_limit = 0,
  }
end

local function organizations(context)
  local org = context.neon.org
  local born = clock.iso(context.state.settings.created_at)
  return { organizations = json.array { { id = org.id, name = org.name, handle = org.id, plan = PLAN,
    created_at = born, updated_at = born, managed_by = "console" } } }
end

local function all_regions()
  return { regions = data.array(regions, function(region)
    return { region_id = region[1], name = region[2], default = region[1] == account.REGION,
      geo_lat = region[3], geo_long = region[4] }
  end) }
end

local function auth(context)
  local neon, of_user = context.neon, context.token.kind == "user"
  return { account_id = of_user and neon.user.id or neon.org.id,
    auth_method = of_user and "api_key_user" or "api_key_org" }
end

account.routes = {
  { "GET", "/users/me", me },
  { "GET", "/users/me/organizations", organizations },
  { "GET", "/regions", all_regions },
  { "GET", "/auth", auth },
}

return account
