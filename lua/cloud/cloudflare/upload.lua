---What an upload makes of a script: a new version, deployed at once.
---
---Bindings are replaced as a whole, except those of the types in keep_bindings. A binding of type
---json keeps its value as JSON text, because the state holds no nulls and no empty arrays.
local assets = require "cloud.cloudflare.assets"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local multipart = require "cloud.multipart"
local route = require "cloud.route"
local sha256 = require "sha256"

local upload = {}

local LARGEST_VARIABLE = 5120

local function refuse(code, message)
  route.refuse { status = 400, code = code, message = message }
end

-- ---- bindings ----------------------------------------------------------------------------

local function check_binding(binding)
  if type(binding) ~= "table" or not data.text(binding.name) or not data.text(binding.type) then
    refuse(10052, "A binding needs a name and a type.")
  end
  local text = binding.type == "plain_text" or binding.type == "secret_text"
  if text and type(binding.text) ~= "string" then
    refuse(10021, ("Binding %s needs a text."):format(binding.name))
  end
  if text and #binding.text > LARGEST_VARIABLE then
    refuse(10054, ("Binding %s is larger than 5 KB."):format(binding.name))
  end
  if binding.type == "json" and binding.json == nil then
    refuse(10021, ("Binding %s needs a value."):format(binding.name))
  end
end

local function stored(binding)
  if binding.type ~= "json" then return data.plain(binding) end
  return { name = binding.name, type = "json", text = json.encode(binding.json) }
end

-- What an inherit binding stands for; nil when the previous version has no such binding.
local function inherited(binding, previous)
  local name = data.text(binding.old_name) or binding.name
  local old = data.find(previous and previous.bindings or {}, "name", name)
  if not old then return nil end
  local copy = data.plain(old)
  copy.name = binding.name
  return copy
end

-- Assumed: without keep_bindings secrets stay, with it only the types listed do.
local function kept(metadata, previous, taken)
  local types = {}
  for _, kind in ipairs(metadata.keep_bindings or { "secret_text", "secret_key" }) do
    types[kind] = true
  end
  return data.filter(previous and previous.bindings or {}, function(binding)
    return types[binding.type] and not taken[binding.name]
  end)
end

local function bindings_of(metadata, previous, strict)
  local list, taken = {}, {}
  for _, binding in ipairs(metadata.bindings or {}) do
    check_binding(binding)
    local made = binding.type == "inherit" and inherited(binding, previous) or nil
    if binding.type ~= "inherit" then made = stored(binding) end
    if not made and strict then
      refuse(10057, ("The previous version has no binding %s to inherit."):format(binding.name))
    end
    list[#list + 1] = made
    taken[binding.name] = true
  end
  for _, binding in ipairs(kept(metadata, previous, taken)) do
    list[#list + 1] = data.plain(binding)
  end
  return list
end

-- ---- the parts of the body ---------------------------------------------------------------

local function metadata_of(part)
  local ok, metadata = pcall(json.decode, part and part.body or "")
  if not ok or type(metadata) ~= "table" then refuse(10026, "The metadata part is not JSON.") end
  return metadata
end

local function modules_of(parts)
  local modules, metadata = {}, nil
  for _, part in ipairs(parts) do
    if part.name == "metadata" then
      metadata = part
    else
      local name = part.filename or part.name
      modules[#modules + 1] = { name = name, type = part.type, body = part.body }
    end
  end
  return modules, metadata_of(metadata)
end

local function assets_of(context, metadata, previous)
  local given = data.plain(metadata.assets)
  if metadata.keep_assets == true and not (given and given.jwt) then
    return data.plain(previous and previous.assets)
  end
  if not given then return nil end
  if not data.text(given.jwt) then refuse(10021, "assets.jwt is required.") end
  return { manifest = assets.manifest(context, given.jwt), config = given.config or {} }
end

local function check_entry(version)
  if version.main_module then
    if data.find(version.modules, "name", version.main_module) then return end
    refuse(10021, ("No such module: %s."):format(version.main_module))
  end
  if #version.modules > 0 or not version.assets then
    refuse(10021, "main_module is required for a Worker that is not assets alone.")
  end
end

local function etag_of(version)
  local text = { version.main_module or "" }
  for _, module in ipairs(version.modules) do
    text[#text + 1] = module.name
    text[#text + 1] = module.body
  end
  return sha256(table.concat(text, "\0"))
end

---Reads a multipart upload.
---@param context table
---@param previous? table  the version before it
---@return table version, table metadata
function upload.read(context, previous)
  local request = context.request
  local parts, reason = multipart.parse(request.headers["content-type"] or "", request.body)
  if not parts then refuse(10006, "The upload cannot be parsed: " .. reason) end
  local modules, metadata = modules_of(parts)
  local plain = data.plain(metadata)
  local version = {
    modules = modules, main_module = data.text(plain.main_module),
    bindings = bindings_of(metadata, previous, context.query.bindings_inherit == "strict"),
    compatibility_date = plain.compatibility_date,
    compatibility_flags = plain.compatibility_flags or {}, annotations = plain.annotations or {},
    assets = assets_of(context, metadata, previous),
  }
  check_entry(version)
  version.etag = etag_of(version)
  return version, plain
end

---A version like another one, to be given other bindings.
function upload.copy(version, bindings, annotations)
  local copy = {}
  for _, name in ipairs { "modules", "main_module", "compatibility_date", "compatibility_flags",
    "assets", "etag" } do
    copy[name] = data.plain(version[name])
  end
  copy.bindings, copy.annotations = bindings, annotations
  return copy
end

---Adds a version to a script and sends all its traffic there.
---@return table version
function upload.deploy(context, script, version)
  local agent = context.request.headers["user-agent"] or ""
  version.id = ids.uuid(context.state, "version")
  version.script = script.name
  version.number = #script.versions + 1
  version.created = context.now
  version.source = agent:find("^wrangler") and "wrangler" or "api"
  table.insert(script.versions, version)
  table.insert(script.deployments, {
    id = ids.uuid(context.state, "deployment"), created = context.now,
    versions = { { version_id = version.id, percentage = 100 } },
    source = version.source, annotations = data.plain(version.annotations),
  })
  script.modified = context.now
  return version
end

return upload
