---The modules of a Worker whose bundle is finished: its entry, what stands beside it by wrangler's rules, source
---maps.
local fs = require "fs.core"
local glob = require "glob"
local json = require "json"
local path = require "path"

local modules = {}

local JAVASCRIPT = "application/javascript+module"

-- What a rule calls a kind, and what an upload does.
local content_types = {
  ESModule = JAVASCRIPT, CommonJS = "application/javascript", CompiledWasm = "application/wasm", Text = "text/plain",
  Data = "application/octet-stream",
}

local standard = {
  { type = "Text", globs = { "**/*.txt", "**/*.html", "**/*.sql" } },
  { type = "Data", globs = { "**/*.bin" } },
  { type = "CompiledWasm", globs = { "**/*.wasm", "**/*.wasm?module" } },
}

local shape_of_rules = { list = { type = "text", globs = { list = "text" }, fallthrough = "boolean" } }

-- ---- rules -------------------------------------------------------------------------------------

-- In wrangler's globs only the stars have a meaning.
local function compiled(globs)
  local list = {}
  for i, text in ipairs(globs) do list[i] = glob.compile((text:gsub("[?%[%]{}\\,!]", "\\%0"))) end
  return list
end

-- A kind's first rule that does not fall through is its last.
---@param settings wrangler.Resolved
local function rules_of(settings)
  local given = settings:get("rules", shape_of_rules) or {}
  local list, ended = {}, {}
  for i, rule in ipairs(table.move(standard, 1, #standard, #given + 1, table.move(given, 1, #given, 1, {}))) do
    if not content_types[rule.type] then
      settings:wrong(("rules.%d.type"):format(i),
        ("'%s' is none of ESModule, CommonJS, CompiledWasm, Text, Data"):format(rule.type),
        rule.type == "PythonModule" and "Python Workers are not supported" or nil)
    end
    if not ended[rule.type] then
      list[#list + 1] = { type = content_types[rule.type], globs = compiled(rule.globs or {}) }
      ended[rule.type] = not rule.fallthrough
    end
  end
  return list
end

local function type_of(rules, name)
  for _, rule in ipairs(rules) do
    for _, pattern in ipairs(rule.globs) do
      if pattern:match(name) then return rule.type end
    end
  end
end

-- ---- files -------------------------------------------------------------------------------------

local function find(found, folder, prefix, skip)
  for _, entry in ipairs(fs.list(folder .. prefix)) do
    local name = prefix .. "/" .. entry:gsub("/$", "")
    if not skip(name, entry) then
      if entry:find "/$" then find(found, folder, name, skip) else found[#found + 1] = name:sub(2) end
    end
  end
  return found
end

-- Where the bundle is finished by wrangler's own word (`no_bundle`) it takes every file that a rule names. Else an
-- import would say which, so what is certainly none is left out: installed packages, and the assets.
local function skipper(settings, base, worker)
  local config = settings.config
  local assets = (settings:get("assets", { map = "any" }) or {}).directory
  local assets_folder = assets and path.normalise(path.join(worker.folder, assets))
  local config_file = path.normalise(path.join(worker.folder, path.basename(config.path)))
  local finished = settings:get("no_bundle", "boolean")
  return function(name, entry)
    local at = path.normalise(base .. name)
    local is_none = entry == "node_modules/" or at == assets_folder
    return entry == ".wrangler/" or at == config_file or not finished and is_none
  end
end

-- Without their bodies.
local function additional(settings, worker, base, entry_name)
  if settings:get("find_additional_modules", "boolean") == false then return {} end
  local rules, list = rules_of(settings), {}
  for _, name in ipairs(find({}, base, "", skipper(settings, base, worker))) do
    local kind = name ~= entry_name and type_of(rules, name)
    if kind then list[#list + 1] = { name = name, type = kind } end
  end
  return list
end

-- The entry, and the folder that modules are named from.
local function places_of(settings, worker)
  local file = path.normalise(path.join(worker.folder, settings:need("main", "text")))
  local base_dir = settings:get("base_dir", "text")
  return file, base_dir and path.normalise(path.join(worker.folder, base_dir)) or path.dirname(file)
end

-- ---- source maps -------------------------------------------------------------------------------

local function map_url(body)
  local last = body:match "([^\n]*)%s*$"
  return last and last:match "^//# sourceMappingURL=(%S+)"
end

local function stripped(text, prefix)
  while text:sub(1, #prefix) == prefix do text = text:sub(#prefix + 1) end
  return text
end

-- Sources are told from the project, not from where the bundle happens to stand.
local function clean(source) return stripped(stripped(source, "./"), "../") end

-- A map as it is uploaded: with the module's own name. One that has it stays as it was written.
local function told(map, text, name)
  local changed = map.file ~= name
  map.file = name
  for i, source in ipairs(map.sources or {}) do
    if type(source) == "string" and clean(source) ~= source then map.sources[i], changed = clean(source), true end
  end
  if type(map.sourceRoot) == "string" and clean(map.sourceRoot) ~= map.sourceRoot then
    map.sourceRoot, changed = clean(map.sourceRoot), true
  end
  return changed and json.encode(map) or text
end

-- One that is missing is missed where the file asks for maps.
local function map_of(settings, module, folder)
  local url = map_url(module.body)
  if not url then return nil end
  local file = path.join(folder, path.dirname(module.name), url)
  if url:find "^data:" or not fs.exists(file) then
    settings:wrong("upload_source_maps", ("the map of %s, %s, is no file beside it"):format(module.name,
      url:sub(1, 80)))
  end
  local text = fs.read(file)
  local body = told(json.decode(text, { name = file }), text, module.name)
  return { name = module.name .. ".map", type = "application/source-map", body = body }
end

local function add_maps(settings, list, base)
  for i = 1, #list do
    local is_code = list[i].type:find "javascript"
    local map = is_code and map_of(settings, list[i], base)
    if map then list[#list + 1] = map end
  end
end

-- ---- all ---------------------------------------------------------------------------------------

local function read_entry(worker, entry)
  local file = path.join(worker.folder, entry)
  if fs.exists(file) then return fs.read(file) end
  failure {
    code = "no-entry", about = file, message = ("%s: its entry %s is not there"):format(worker.name, file),
    hint = worker.settings.build and ("does '%s' write it?"):format(worker.settings.build) or nil,
  }
end

-- A Worker of the older kind listens for events and exports nothing.
local function check_entry(settings, body)
  if body:find "%f[%w_$]export%f[^%w_$]" then return end
  settings:wrong("main", "exports nothing: it is no ES module, and Davit deploys no other Workers",
    "export default { fetch(request, env) { … } }")
end

---Where what is uploaded stands, source maps included, from the Worker's folder.
---@param settings wrangler.Resolved
---@param worker { name: string, folder: string, settings: table }
---@return string[]
function modules.paths(settings, worker)
  local file, base = places_of(settings, worker)
  local folder, list = path.normalise(worker.folder), {}
  local function add(name)
    list[#list + 1] = path.relative(folder, name)
    if settings:get("upload_source_maps", "boolean") and fs.exists(name .. ".map") then
      list[#list + 1] = path.relative(folder, name .. ".map")
    end
  end
  add(file)
  for _, module in ipairs(additional(settings, worker, base, path.relative(base, file))) do
    add(path.join(base, module.name))
  end
  return list
end

---Reads what is uploaded.
---@param settings wrangler.Resolved
---@param worker { name: string, folder: string, settings: table }
---@return { name: string, type: string, body: string }[]  the main one first
function modules.read(settings, worker)
  local file, base = places_of(settings, worker)
  local body = read_entry(worker, settings:need("main", "text"))
  check_entry(settings, body)
  local list = { { name = path.basename(file), type = JAVASCRIPT, body = body } }
  for _, module in ipairs(additional(settings, worker, base, path.relative(base, file))) do
    module.body = fs.read(path.join(base, module.name))
    list[#list + 1] = module
  end
  if settings:get("upload_source_maps", "boolean") then add_maps(settings, list, base) end
  return list
end

return modules
