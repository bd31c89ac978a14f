---The code of a version as workerd's configuration names it: modules, or one script in the older
---format. Pure.
---
---Modules are numbered on disk: their names are the uploader's and may be any text.
local capnp = require "cloud.workerd.capnp"

local modules = {}

---The field of workerd's Module for each content type an upload may name.
local fields = {
  ["application/javascript+module"] = "esModule",
  ["text/javascript+module"] = "esModule",
  ["application/javascript"] = "commonJsModule",
  ["text/javascript"] = "commonJsModule",
  ["text/plain"] = "text",
  ["text/html"] = "text",
  ["application/octet-stream"] = "data",
  ["application/wasm"] = "wasm",
  ["application/json"] = "json",
  ["text/x-python"] = "pythonModule",
}

local function kind_of(module) return (module.type or ""):match "^[^;%s]*" end

---@return boolean  whether a part of an upload is no code but helps to read it
local function is_source_map(module) return kind_of(module) == "application/source-map" end

local function literal(module, path)
  local field = fields[kind_of(module)]
  if not field then
    error(("module '%s' has the unknown type '%s'"):format(module.name, module.type or ""))
  end
  return ("(name = %s, %s = embed %s)"):format(capnp.quote(module.name), field, capnp.quote(path))
end

---Puts the parts of an upload beside the configuration.
---@param version workerd.Version
---@param files workerd.File[]  they are added here
---@return table<string, string> paths  by the parts' names
function modules.place(version, files)
  local paths = {}
  for i, module in ipairs(version.modules or {}) do
    if not is_source_map(module) then
      paths[module.name] = "modules/" .. i
      files[#files + 1] = { path = paths[module.name], body = module.body }
    end
  end
  return paths
end

-- The main module comes first, as workerd wants it.
local function as_modules(version, paths)
  local main, others = nil, {}
  for _, module in ipairs(version.modules) do
    if paths[module.name] then
      local written = literal(module, paths[module.name])
      if module.name == version.main_module then main = written else others[#others + 1] = written end
    end
  end
  if not main then error(("no module is named '%s'"):format(version.main_module)) end
  return "modules = " .. capnp.lines { main, table.unpack(others) }
end

---@param version workerd.Version
---@param paths table<string, string>
---@return string  the fields of workerd's Worker that hold its code
function modules.write(version, paths)
  if version.main_module then return as_modules(version, paths) end
  local path = paths[version.body_part]
  if not path then error(("no part is named '%s'"):format(version.body_part)) end
  return "serviceWorkerScript = embed " .. capnp.quote(path)
end

---@param version workerd.Version
---@return boolean  whether workerd would have to load Python's runtime from elsewhere
function modules.has_python(version)
  for _, module in ipairs(version.modules or {}) do
    if fields[kind_of(module)] == "pythonModule" then return true end
  end
  return false
end

return modules
