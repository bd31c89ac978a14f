---Secrets of repositories and of environments. A client seals one for a public key, each place's own, and here the box
---is really opened: what was sealed for another key, or not at all, is refused. No answer ever shows a value again.
---
---Of a pair of keys only the seed is needed, which follows from the world's own: nothing of it is in the state.
local answers = require "cloud.github.answers"
local base64 = require "base64"
local clock = require "cloud.clock"
local environments = require "cloud.github.environments"
local hex = require "hex"
local sealed_box = require "sealed_box.core"
local setting_names = require "cloud.github.setting_names"
local sha256 = require "sha256"
local shape = require "cloud.github.shape"

local secrets = {}

local LARGEST = 48 << 10   -- bytes of a value
local MOST = 100           -- of a repository, and of an environment

---@class github.Secret
---@field name string
---@field value string
---@field created number
---@field updated number

---@param repository github.Repository
function secrets.init(repository)
  repository.secrets = repository.secrets or {}   -- by name
end

-- ---- keys -------------------------------------------------------------------------------------

local function seed_of(context, environment)
  return hex.decode(sha256(("%s/sealed box/%d/%d"):format(context.state.seed, context.repository.id,
    environment and environment.id or 0)))
end

-- GitHub's are long numbers, which say nothing of the key.
local function key_id(public)
  return ("%d"):format(tonumber(sha256(public):sub(1, 15), 16))
end

local function public_key(context, environment)
  local public = sealed_box.public_key(seed_of(context, environment))
  return { key_id = key_id(public), key = base64.encode(public) }
end

-- ---- one place --------------------------------------------------------------------------------

-- The secrets of the path's environment, or of the repository.
local function place(context)
  if not context.params.environment then return context.repository.secrets end
  local environment = environments.get(context)
  environment.secrets = environment.secrets or {}
  return environment.secrets, environment
end

local function show(_, secret)
  return { name = secret.name, created_at = clock.iso(secret.created), updated_at = clock.iso(secret.updated) }
end

local function list(context)
  return answers.counted(context, "secrets", setting_names.sorted(place(context)), show)
end

local function find(context)
  local items = place(context)
  local secret = items[context.params.secret:upper()]
  if not secret then answers.not_found() end
  return secret, items
end

local function key(context)
  local _, environment = place(context)
  return public_key(context, environment)
end

local fields = {
  encrypted_value = { "string", required = true }, key_id = { "string", required = true },
}

local function refuse_box()
  answers.malformed "Bad request - validation failed due to an improperly encrypted secret"
end

-- Assumed: that a box for another key is refused, where years ago it became an empty secret; and the words for what
-- is too large.
local function open_box(context, environment, body)
  local known = public_key(context, environment)
  local is_text, box = pcall(base64.decode, body.encrypted_value)
  if body.key_id ~= known.key_id or not is_text then refuse_box() end
  local value = sealed_box.unseal(seed_of(context, environment), box)
  if not value then refuse_box() end
  if #value > LARGEST then answers.malformed "Secret value is too large: it has at most 48 KB." end
  return value
end

local function put(context)
  local items, environment = place(context)
  local name = setting_names.check("Secret", context.params.secret)
  local value = open_box(context, environment, shape.body(context, fields))
  local known = items[name]
  if not known and setting_names.count(items) >= MOST then   -- words assumed
    answers.malformed(("You have exceeded the maximum of %d secrets."):format(MOST))
  end
  items[name] = { name = name, value = value, created = known and known.created or context.now, updated = context.now }
  return not known and {} or nil, { status = known and 204 or 201 }
end

local function delete(context)
  local secret, items = find(context)
  items[secret.name] = nil
  return nil, { status = 204 }
end

-- ---- for whoever owns this cloud --------------------------------------------------------------

---@param items table<string, github.Secret>
---@return table<string, string>  values by name
function secrets.values(items)
  local values = {}
  for name, secret in pairs(items) do values[name] = secret.value end
  return values
end

---Every value that stands in a world, so that none of them gets into a record.
---@param state table
---@return string[]
function secrets.everywhere(state)
  local values = {}
  local function add(items)
    for _, secret in pairs(items or {}) do values[#values + 1] = secret.value end
  end
  for _, repository in pairs(state.github.repositories) do
    add(repository.secrets)
    for _, environment in ipairs(repository.environments) do add(environment.secrets) end
  end
  return values
end

-- ---- routes -----------------------------------------------------------------------------------

local routes = {}

local function add(base, permission, kind, article)
  local one = base .. "/{secret}"
  local reads, writes = { permission, "read" }, { permission, "write" }
  local function route_of(method, path, handler, needed, anchor)
    routes[#routes + 1] = { method, path, handler, permission = needed, docs = "actions/secrets#" .. anchor }
  end
  route_of("GET", base, list, reads, ("list-%s-secrets"):format(kind))
  route_of("GET", base .. "/public-key", key, reads, ("get-%s-%s-public-key"):format(article, kind))
  route_of("GET", one, function(context) return show(context, (find(context))) end, reads,
    ("get-%s-%s-secret"):format(article, kind))
  route_of("PUT", one, put, writes, ("create-or-update-%s-%s-secret"):format(article, kind))
  route_of("DELETE", one, delete, writes, ("delete-%s-%s-secret"):format(article, kind))
end

add("/repos/{owner}/{repo}/actions/secrets", "secrets", "repository", "a")
add("/repos/{owner}/{repo}/environments/{environment}/secrets", "environments", "environment", "an")
secrets.routes = routes

return secrets
