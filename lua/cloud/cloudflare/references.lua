---Who depends on a script: bindings of others, and what goes with a script when it is deleted.
local data = require "cloud.data"
local domains = require "cloud.cloudflare.domains"
local route = require "cloud.route"
local routes = require "cloud.cloudflare.routes"
local script = require "cloud.cloudflare.script"

local references = {}

-- Each binding of another script's newest version, with that script.
local function each_binding(cloudflare, name, visit)
  for _, other in pairs(cloudflare.scripts) do
    local version = script.newest(other)
    for _, binding in ipairs(other.name ~= name and version and version.bindings or {}) do
      visit(other, binding)
    end
  end
end

---Scripts whose newest version has a service binding to this one, by name.
---@return table[]
function references.incoming(cloudflare, name)
  local found = {}
  each_binding(cloudflare, name, function(other, binding)
    if binding.type == "service" and binding.service == name then found[#found + 1] = other end
  end)
  return found
end

---@return table[] bindings  of others to Durable Objects of this script: { script, binding }
function references.objects(cloudflare, name)
  local found = {}
  each_binding(cloudflare, name, function(other, binding)
    local bound = binding.type == "durable_object_namespace" and binding.script_name == name
    if bound then found[#found + 1] = { script = other, binding = binding } end
  end)
  return found
end

---@return table[]  scripts whose events this one consumes
function references.producers(cloudflare, name)
  local found = {}
  for _, other in pairs(cloudflare.scripts) do
    if data.find(other.tail_consumers or {}, "service", name) then found[#found + 1] = other end
  end
  return found
end

---Removes a script and what is only its own; refuses one that others need, unless forced.
---@param context table
---@param of table  the script
function references.remove(context, of)
  local cloudflare = context.cloudflare
  local other = references.incoming(cloudflare, of.name)[1]
    or (references.objects(cloudflare, of.name)[1] or {}).script or references.producers(cloudflare, of.name)[1]
  if other and context.query.force ~= "true" then   -- code assumed
    route.refuse { status = 400, code = 10064,
      message = ("This Worker is bound by %s; delete that first, or force."):format(other.name) }
  end
  domains.release(cloudflare, of.name)   -- assumed: its domains and routes go with it
  routes.release(cloudflare, of.name)
  cloudflare.scripts[of.name] = nil
end

return references
