---Scripts as services: what wrangler asks before it deploys, and before and when it deletes. None of
---this is in the contract.
local data = require "cloud.data"
local references = require "cloud.cloudflare.references"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local scripts = require "cloud.cloudflare.scripts"

local services = {}

local ENVIRONMENT = "production"   -- the only one of a service; wrangler's are scripts of their own

local function find(context)
  local of = context.cloudflare.scripts[context.params.script]
  if of then return of end
  route.refuse { status = 404, code = 10090, message = "This Worker does not exist on your account." }
end

local function environment_of(of)
  return { environment = ENVIRONMENT, created_on = script.time(of.created),
    modified_on = script.time(of.modified), script = scripts.show(of) }
end

local function get(context)
  local of = find(context)
  local environment = environment_of(of)
  return { id = of.name, created_on = environment.created_on, modified_on = environment.modified_on,
    default_environment = environment, environments = data.array { environment } }
end

local function get_environment(context)
  local of = find(context)
  if context.params.environment == ENVIRONMENT then return environment_of(of) end
  route.refuse { status = 404, code = 10090, message = "This environment does not exist on this Worker." }
end

local function delete(context)
  references.remove(context, find(context))
end

-- ---- who depends on it -------------------------------------------------------------------

local function service_of(of) return { service = of.name, environment = ENVIRONMENT, name = of.name } end

local function outgoing(of)
  local newest, found = script.newest(of), {}
  for _, binding in ipairs(newest and newest.bindings or {}) do
    if binding.type == "service" then
      found[#found + 1] = { service = binding.service, environment = ENVIRONMENT, name = binding.name }
    end
  end
  return found
end

local function object_of(of, bound)
  local class = bound.binding.class_name
  local namespace = data.find(of.namespaces or {}, "class", class)
  return { service = bound.script.name, environment = ENVIRONMENT, name = bound.binding.name,
    durable_object_namespace_id = namespace and namespace.id or "",
    durable_object_namespace_name = ("%s_%s"):format(of.name, class) }
end

local function list_references(context)
  local of, cloudflare = script.of(context), context.cloudflare
  return {
    services = { incoming = data.array(references.incoming(cloudflare, of.name), service_of),
      outgoing = data.array(outgoing(of)), pages_function = false },
    durable_objects = data.array(references.objects(cloudflare, of.name),
      function(bound) return object_of(of, bound) end),
    dispatch_outbounds = data.array {},
  }
end

local function list_producers(context)
  local name = context.params.script
  return data.array(references.producers(context.cloudflare, name), function(other)
    return { consumer = { service = name, environment = ENVIRONMENT },
      producer = { service = other.name, environment = ENVIRONMENT } }
  end)
end

-- When it deletes, wrangler looks for what Workers Sites and containers leave behind: nothing here.
local function nothing(context)
  local _, info = route.page(context.query, {}, 20, 100)
  return data.array {}, { info = info }
end

local W = "/accounts/{account}/workers"

services.routes = {
  { "GET", W .. "/services/{script}", get }, { "DELETE", W .. "/services/{script}", delete },
  { "GET", W .. "/services/{script}/environments/{environment}", get_environment },
  { "GET", W .. "/scripts/{script}/references", list_references },
  { "GET", W .. "/tails/by-consumer/{script}", list_producers },
  { "GET", "/accounts/{account}/storage/kv/namespaces", nothing, scope = "kv" },
  { "GET", "/accounts/{account}/containers/applications", nothing },
}
for _, entry in ipairs(services.routes) do entry.scope = entry.scope or "workers" end

return services
