---Secrets of a script. They are bindings of its newest version, so every change of one makes a
---new version and deploys it; a value is never given back.
local data = require "cloud.data"
local route = require "cloud.route"
local scripts = require "cloud.cloudflare.scripts"
local upload = require "cloud.cloudflare.upload"

local secrets = {}

local function is_secret(binding)
  return binding.type == "secret_text" or binding.type == "secret_key"
end

local function show(binding)
  return { name = binding.name, type = binding.type }
end

local function list(context)
  local _, version = scripts.of(context)
  return data.array(data.filter(version.bindings, is_secret), show)
end

local function find(version, name)
  local binding, index = data.find(version.bindings, "name", name)
  if binding and is_secret(binding) then return binding, index end
  route.refuse { status = 404, code = 10056, message = ("Binding %s not found."):format(name) }
end

local function get(context)
  local _, version = scripts.of(context)
  return show((find(version, context.params.secret)))
end

local function deploy(context, script, bindings)
  local version = script.versions[#script.versions]
  local annotations = { ["workers/triggered_by"] = "secret" }
  upload.deploy(context, script, upload.copy(version, bindings, annotations))
end

local function put(context)
  local script, version = scripts.of(context)
  local secret = data.plain(context.body)
  local whole = data.text(secret.name) and is_secret(secret)
    and (secret.type == "secret_key" or type(secret.text) == "string")
  if not whole then
    route.refuse { status = 400, code = 10026,
      message = "A secret needs a name, a type and a text." }
  end
  local old = data.find(version.bindings, "name", secret.name)
  if old and not is_secret(old) then   -- code assumed
    route.refuse { status = 400, code = 10053,
      message = ("Binding name '%s' already in use."):format(secret.name) }
  end
  local bindings = data.filter(data.plain(version.bindings), function(binding)
    return binding.name ~= secret.name
  end)
  table.insert(bindings, secret)
  deploy(context, script, bindings)
  return show(secret)
end

local function delete(context)
  local script, version = scripts.of(context)
  local _, index = find(version, context.params.secret)
  local bindings = data.plain(version.bindings)
  table.remove(bindings, index)
  deploy(context, script, bindings)
end

local ALL = "/accounts/{account}/workers/scripts/{script}/secrets"

secrets.routes = {
  { "GET", ALL, list, scope = "workers" },
  { "PUT", ALL, put, scope = "workers" },
  { "GET", ALL .. "/{secret}", get, scope = "workers" },
  { "DELETE", ALL .. "/{secret}", delete, scope = "workers" },
}

return secrets
