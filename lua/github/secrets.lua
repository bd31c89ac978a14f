---Secrets of the repository and of environments: sealed here for GitHub's public key, and never to be read again.
local api = require "github.api"
local base64 = require "base64"
local options = require "options"
local sealed_box = require "sealed_box.core"
local secret = require "secret.core"
local settings = require "github.settings"

local secrets = {}

local LARGEST = 48 << 10   -- bytes of a value
local EXTRA = 48           -- bytes that a sealed box is longer than what is in it

local place = settings.place("secrets", { repository = "secrets", environment = "environments", per_page = 100,
  thing = function(found, environment)
    return { name = found.name, environment = environment, updated_at = found.updated_at }
  end })

-- The key of a place, asked for once a client.
local function public_key(client, environment)
  local known = client.keys[environment or ""]
  if known then return known end
  local key = api.call(client, { path = place.path(environment, "public-key"), needs = place.needs(environment, "read"),
    what = "get the public key for secrets of " .. place.name(client, environment) })
  client.keys[environment or ""] = key
  return key
end

-- Whoever may be sent the value at this address may have it sealed.
local function seal(client, o, key)
  local address = api.url(client, place.path(o.environment, o.name))
  local box = sealed_box.seal_secret(base64.decode(key.key), o.value, address, "PUT")
  if #box - EXTRA <= LARGEST then return base64.encode(box) end
  options.misuse("github.secret: %s has more than GitHub's %d KiB", o.name, LARGEST >> 10)
end

local function put(client, o)
  local key = public_key(client, o.environment)
  api.call(client, { method = "PUT", path = place.path(o.environment, o.name),
    needs = place.needs(o.environment, "write"),
    json = { encrypted_value = seal(client, o, key), key_id = key.key_id },
    what = ("set the secret %s of %s"):format(o.name, place.name(client, o.environment)) })
  return { name = o.name, environment = o.environment }
end

-- ---- for recipes -------------------------------------------------------------------------

local function read(given)
  local o = settings.one("github.secret", given, "any")
  if secret.is(o.value) then return o end
  options.misuse("github.secret: 'value' of %s must be a secret, not a %s", o.name, type(o.value))
end

---@return table resource
function secrets.resource(client, given)
  local o = read(given)
  return {
    ("Secret %s of %s"):format(o.name, place.name(client, o.environment)),
    find = function() return place.find(client, o) end,
    create = function() return put(client, o) end,
    update = function() return put(client, o) end,   -- nobody can tell whether it is the same
    destroy = function() place.delete(client, o) end,
  }
end

---@return { name: string, environment?: string, updated_at: string }[]
function secrets.list(client, given)
  return place.list(client, settings.all("github.secrets", given))
end

---@return boolean  false: it was not there
function secrets.delete(client, given)
  return place.delete(client, settings.one("github.delete_secret", given))
end

return secrets
