---Secrets of a script. They are bindings of its newest version, so every change makes a new version
---and deploys it, one for all that a request changes; a value is never given back.
local bindings = require "cloud.cloudflare.bindings"
local data = require "cloud.data"
local json = require "json"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local upload = require "cloud.cloudflare.upload"

local secrets = {}

local function list(context)
  local of = script.of(context)
  local newest = script.newest(of)   -- a Worker without content has no secrets
  return data.array(data.filter(newest and newest.bindings or {}, bindings.is_secret), bindings.show)
end

local function find(version, name)
  local binding = data.find(version.bindings, "name", name)
  if binding and bindings.is_secret(binding) then return binding end
  route.refuse { status = 404, code = 10056, message = ("Binding '%s' not found."):format(name) }
end

local function get(context)
  local _, version = script.with_version(context)
  return bindings.show(find(version, context.params.secret))
end

-- ---- changes -----------------------------------------------------------------------------

-- Refuses what cannot become the secret of this name.
local function check(version, name, secret)
  local whole = type(secret) == "table" and bindings.is_secret(secret)
    and (secret.type == "secret_key" or type(secret.text) == "string")
  if not whole or not data.text(name) then
    route.refuse { status = 400, code = 10026, message = "A secret needs a name, a type and a text." }
  end
  local old = data.find(version.bindings, "name", name)
  if old and not bindings.is_secret(old) then bindings.refuse_taken(name) end
end

local function check_deployed(of)
  if script.newest_serves(of) then return end
  route.refuse { status = 400, code = 10215, message = "Secret edit failed. You attempted to modify a "
    .. "secret, but the latest version of your Worker isn't currently deployed. Please ensure that the "
    .. "latest version of your Worker is fully deployed (wrangler versions deploy) before modifying "
    .. "secrets. Alternatively, you can use the Cloudflare dashboard to modify secrets and deploy the "
    .. "version." }
end

local function deploy(context, of, version, changes, annotations)
  check_deployed(of)
  local made = upload.copy(version, bindings.changed(context, version, changes), annotations)
  return script.publish(context, of, made, "secret")
end

local function put(context)
  local of, version = script.with_version(context)
  local secret = data.plain(context.body)
  check(version, secret.name, secret)
  deploy(context, of, version, { [secret.name] = secret })
  return bindings.show(secret)
end

local function delete(context)
  local of, version = script.with_version(context)
  local name = context.params.secret
  find(version, name)
  deploy(context, of, version, { [name] = false })
end

-- What a merge patch of secrets changes: null removes, a secret that is not there too.
local function changes_of(version, wanted)
  local changes, count = {}, 0
  for name, secret in pairs(wanted) do
    name, count = tostring(name), count + 1
    local old = data.find(version.bindings, "name", name)
    if secret ~= json.null then
      check(version, name, secret)
      changes[name] = data.plain(secret)
    elseif old and bindings.is_secret(old) then
      changes[name] = false
    end
  end
  if count > limits.secrets then   -- code assumed
    route.refuse { status = 400, code = 10026,
      message = ("A request changes at most %d secrets."):format(limits.secrets) }
  end
  return changes
end

local function bulk(context)
  local of, version = script.with_version(context)
  local wanted = context.body.secrets
  if type(wanted) ~= "table" then
    route.refuse { status = 400, code = 10026, message = "secrets is required." }
  end
  local changes, answer = changes_of(version, wanted), {}
  if next(changes) then   -- assumed: `version_tags` are annotations of the new version
    version = deploy(context, of, version, changes, script.annotations(context.body.version_tags))
  end
  for _, binding in ipairs(version.bindings) do
    if bindings.is_secret(binding) then answer[binding.name] = bindings.show(binding) end
  end
  return answer
end

local ONE = "/accounts/{account}/workers/scripts/{script}"
local ALL = ONE .. "/secrets"

secrets.routes = {
  { "GET", ALL, list }, { "PUT", ALL, put },
  { "GET", ALL .. "/{secret}", get }, { "DELETE", ALL .. "/{secret}", delete },
  { "PATCH", ONE .. "/secrets-bulk", bulk },
}
for _, entry in ipairs(secrets.routes) do entry.scope = "workers" end

return secrets
