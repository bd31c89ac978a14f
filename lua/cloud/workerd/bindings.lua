---The bindings of a version as workerd's configuration writes them. Pure.
local capnp = require "cloud.workerd.capnp"
local json = require "json"

local bindings = {}

local quote = capnp.quote

---What a socket for fetch has at the end of its name, beside the one for methods.
bindings.FETCH = "-fetch"

---@class workerd.Surroundings  what bindings may lead to
---@field version workerd.Version
---@field paths table<string, string>        of the parts of the upload
---@field front string                       the service that answers for the Worker: its assets' or itself
---@field peer? fun(binding: workerd.Binding): string|nil  the socket of another Worker's entrypoint
---@field services string[]                  literals; services that bindings need are added
---@field classes table<string, boolean>     Durable Objects' classes; those that are bound are added

---@param binding workerd.Binding
---@return string  the entrypoint of a service binding; "" is the default one
function bindings.entrypoint(binding)
  local name = binding.entrypoint
  return (name == nil or name == "default") and "" or name
end

-- ---- services ------------------------------------------------------------------------------

-- The Worker's own service: what its visitors get, or one of its entrypoints.
local function itself(binding, around)
  local entrypoint = bindings.entrypoint(binding)
  if entrypoint == "" then return ("service = %s"):format(quote(around.front)) end
  return ('service = (name = "worker", entrypoint = %s)'):format(quote(entrypoint))
end

-- Another Worker's process, asked over HTTP and, for its methods, Cap'n Proto.
local function another(binding, around)
  local socket = around.peer and around.peer(binding)
  if not socket then return nil end
  local function external(kind, address, http)
    local name = quote(kind .. " " .. binding.name)
    around.services[#around.services + 1] = ("(name = %s, external = (address = %s, http = (%s)))"):format(
      name, quote("unix:" .. address), http)
    return name
  end
  return ('wrapped = (moduleName = "davit:bound", innerBindings = [(name = "methods", service = %s), '
    .. '(name = "requests", service = %s)])'):format(external("methods", socket, 'capnpConnectHost = "davit"'),
      external("requests", socket .. bindings.FETCH, ""))
end

-- A binding of a preview that names its Worker means what that serves.
local function is_itself(name, version) return name == version.script and not version.preview end

local function service(binding, around)
  if is_itself(binding.service, around.version) then return itself(binding, around) end
  return another(binding, around)
end

-- ---- every kind ----------------------------------------------------------------------------

local function text(binding) return "text = " .. quote(binding.text) end

local function of_part(field)
  return function(binding, around)
    local path = around.paths[binding.part or binding.name]
    return path and ("%s = embed %s"):format(field, quote(path))
  end
end

local function durable_object(binding, around)
  local script = binding.script_name
  if script and not is_itself(script, around.version) or not binding.class_name then return nil end
  around.classes[binding.class_name] = true
  return "durableObjectNamespace = " .. quote(binding.class_name)
end

local function version_metadata(_, around)
  local version = around.version
  local told = { id = version.id or "", tag = (version.annotations or {})["workers/tag"] or "",
    timestamp = version.timestamp }
  return "json = " .. quote(json.encode(told))
end

local kinds = {
  plain_text = text,
  secret_text = text,
  json = function(binding) return "json = " .. quote(json.encode(binding.json)) end,
  assets = function(_, around)
    return around.version.assets and 'service = (name = "assets", entrypoint = "AssetWorker")'
  end,
  service = service,
  durable_object_namespace = durable_object,
  version_metadata = version_metadata,
  wasm_module = of_part "wasmModule",
  text_blob = of_part "text",
  data_blob = of_part "data",
}

local MISSING = 'wrapped = (moduleName = "davit:missing", innerBindings = [(name = "message", text = %s)])'

-- Whoever uses the binding is told; a Worker that does not need it runs.
local function missing(binding)
  return MISSING:format(quote(("the local cloud has no service for the binding %s (%s)"):format(
    binding.name, binding.type)))
end

---@param around workerd.Surroundings
---@param left_out workerd.Binding[]  those that have no local service are added
---@return string[] literals
function bindings.write(around, left_out)
  local out = {}
  for _, binding in ipairs(around.version.bindings or {}) do
    local kind = kinds[binding.type]
    local value = kind and kind(binding, around)
    if not value then
      left_out[#left_out + 1] = binding
      value = missing(binding)
    end
    out[#out + 1] = ("(name = %s, %s)"):format(quote(binding.name), value)
  end
  return out
end

return bindings
