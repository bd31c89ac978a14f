---What the API says of itself.
local json = require "json"
local links = require "cloud.github.links"

local meta = {}

local addresses = { "hooks", "web", "api", "git", "packages", "pages", "importer", "actions", "dependabot", "copilot" }

local function show()
  local shown = { verifiable_password_authentication = false, ssh_keys = json.array {}, ssh_key_fingerprints = {},
    domains = { website = json.array { "*.github.com" } } }
  for _, name in ipairs(addresses) do shown[name] = json.array { "127.0.0.1/32" } end
  return shown
end

local roots = {
  current_user_url = "/user", rate_limit_url = "/rate_limit", repository_url = "/repos/{owner}/{repo}",
  user_url = "/users/{user}", issues_url = "/issues",
  current_user_repositories_url = "/user/repos{?type,page,per_page,sort}",
}

local function root(context)
  local shown = {}
  for name, path in pairs(roots) do shown[name] = links.api(context, path) end
  return shown
end

local function versions(context)
  return json.array { "2022-11-28", "2026-03-10" }, { modified = context.state.settings.created_at }
end

local function zen()
  return nil, { raw = { type = "text/plain;charset=utf-8", body = "Keep it logically awesome." } }
end

meta.routes = {
  { "GET", "/", root }, { "GET", "/meta", show, docs = "meta/meta#get-github-meta-information" },
  { "GET", "/versions", versions }, { "GET", "/zen", zen },
}

return meta
