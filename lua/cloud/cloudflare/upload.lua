---What an upload makes of modules and metadata: a version that is not yet in the state.
---
---Keys of the metadata that the model does not know are kept as they came, in JSON, as are those
---that only the runtime would need. Whoever runs Workers may have tried the upload before: then the
---request says `rejected`, with code and message, or how long it took to start, `startup_ms`.
local assets = require "cloud.cloudflare.assets"
local bindings = require "cloud.cloudflare.bindings"
local clock = require "cloud.clock"
local data = require "cloud.data"
local form = require "cloud.cloudflare.form"
local handlers = require "cloud.cloudflare.handlers"
local json = require "json"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"
local sha256 = require "sha256"

local upload = {}

local STARTUP = 4   -- milliseconds, when nobody has tried the Worker; assumed

local function refuse(code, message, ...)
  route.refuse { status = 400, code = code, message = message:format(...) }
end

-- ---- metadata ----------------------------------------------------------------------------

-- Keys that have a place of their own in the version; the others are kept together.
local placed = { main_module = "string", body_part = "string", bindings = "table", keep_bindings = "table",
  compatibility_date = "string", compatibility_flags = "table", annotations = "table",
  assets = "table", keep_assets = "boolean" }

local lists = { "keep_bindings", "compatibility_flags", "tags" }

local function check_list(metadata, name)
  for _, item in pairs(type(metadata[name]) == "table" and metadata[name] or {}) do
    if type(item) ~= "string" then refuse(10026, "metadata.%s must be a list of strings.", name) end
  end
end

local function check_types(metadata)
  for name, kind in pairs(placed) do
    local value = metadata[name]
    if value ~= nil and value ~= json.null and type(value) ~= kind then
      refuse(10026, "metadata.%s is not a %s.", name, kind)
    end
  end
  for _, name in ipairs(lists) do check_list(metadata, name) end
  for name, value in pairs(metadata.annotations ~= json.null and metadata.annotations or {}) do
    if type(name) ~= "string" or type(value) ~= "string" and value ~= json.null then
      refuse(10026, "Annotations are strings.")
    end
  end
end

local function extra_of(metadata)
  local extra
  for key, value in pairs(metadata) do
    if not placed[key] then
      extra = extra or {}
      extra[key] = value
    end
  end
  return extra and json.encode(extra)
end

---What the metadata of a version held beside what is placed.
---@param version? table
---@return table
function upload.extra(version)
  return version and version.extra and json.decode(version.extra) or {}
end

local function check_date(context, date)
  if not date then return end
  local time = clock.parse(date .. "T00:00:00Z")
  if not time then refuse(10021, "Invalid compatibility date: %s", date) end
  if time > context.now and context.state.settings.future_dates ~= true then
    refuse(10021, "Can't set compatibility date in the future: %s", date)
  end
end

-- ---- modules -----------------------------------------------------------------------------

local function check_size(modules)
  local size = 0
  for _, module in ipairs(modules) do
    if (module.type or ""):find("^application/source%-map") == nil then size = size + #module.body end
  end
  if size > limits.worker then
    refuse(10027, "Your Worker exceeded the size limit of %d MiB.", limits.worker >> 20)
  end
end

local function check_entry(version)
  local entry = version.main_module or version.body_part
  if not entry then
    if #version.modules == 0 and version.assets then return end
    refuse(10021, "main_module is required for a Worker that is not assets alone.")
  end
  local module = data.find(version.modules, "name", entry)
  if not module then refuse(10021, "No such module: %s.", entry) end
  version.handlers = handlers.of(module, version.body_part ~= nil)
end

local function etag_of(version)
  local text = { version.main_module or version.body_part or "" }
  for _, module in ipairs(version.modules) do
    text[#text + 1] = module.name
    text[#text + 1] = module.body
  end
  return sha256(table.concat(text, "\0"))
end

---Finishes a version whose modules are set: its entry is checked, its etag computed.
---@param context table
---@param version table
---@return table version
function upload.seal(context, version)
  local rejected = context.request.rejected
  check_size(version.modules)
  if rejected then refuse(rejected.code, "%s", rejected.message) end
  check_entry(version)
  version.startup_ms = context.request.startup_ms or STARTUP
  version.etag = etag_of(version)
  return version
end

-- ---- assets ------------------------------------------------------------------------------

local function assets_of(context, metadata, previous)
  local given = data.plain(metadata.assets)
  if given and type(given.config or {}) ~= "table" then refuse(10026, "assets.config is not an object.") end
  local jwt = given and data.text(given.jwt)
  if metadata.keep_assets == true and not jwt then
    local old = data.plain(previous and previous.assets)
    if old and given and given.config then old.config = given.config end
    return old
  end
  if not given then return nil end
  if not jwt then refuse(10021, "assets.jwt is required.") end
  return { manifest = assets.manifest(context, jwt), config = given.config or {} }
end

local rules = { _headers = true, _redirects = true }

-- The rules of assets may come as modules of these names.
local function without_rules(modules, assets_made)
  if not assets_made then return modules end
  return data.filter(modules, function(module)
    if not rules[module.name] then return true end
    assets_made.config = assets_made.config or {}
    assets_made.config[module.name] = assets_made.config[module.name] or module.body
  end)
end

-- ---- a version ---------------------------------------------------------------------------

---@class upload.Line   what a version comes after, if it is not the script's newest
---@field versions table[]  the last one is inherited from
---@field keep string[]     types of bindings to keep from it
---@field strict boolean    refuses to inherit what is not there

---Makes a version of modules and metadata.
---@param context table
---@param name string      of the script, which need not be there yet
---@param modules table[]  name, type, body
---@param metadata table   as decoded
---@param line? upload.Line
---@return table version
function upload.make(context, name, modules, metadata, line)
  check_types(metadata)
  local plain = data.plain(metadata)
  check_date(context, plain.compatibility_date)
  local script = line or context.cloudflare.scripts[name]
  local wanted = metadata.bindings ~= json.null and metadata.bindings or {}
  local strict = context.query.bindings_inherit == "strict"
  local own = assets_of(context, metadata, script and script.versions[#script.versions])
  return upload.seal(context, {
    modules = without_rules(modules, own), assets = own,
    main_module = data.text(plain.main_module), body_part = data.text(plain.body_part),
    bindings = bindings.read(context, wanted, { name = name, script = script,
      keep = line and line.keep or plain.keep_bindings, strict = line and line.strict or strict }),
    compatibility_date = plain.compatibility_date, compatibility_flags = plain.compatibility_flags or {},
    annotations = plain.annotations or {}, extra = extra_of(metadata),
  })
end

-- A script alone, as the oldest clients send it, is one in service worker format.
local function bare(request)
  local kind = request.headers["content-type"] or ""
  if not kind:find("javascript", 1, true) then return nil end
  return { { name = "script", type = "application/javascript", body = request.body or "" } },
    { body_part = "script" }
end

---Reads the upload of a script.
---@param context table
---@param name string  the script's
---@return table version, table metadata
function upload.read(context, name)
  local request = context.request
  local modules, metadata
  if not form.is(request) then modules, metadata = bare(request) end
  if not modules then
    local parts = form.parts(request)
    local document, part = form.document(parts, "metadata")
    metadata = document
    if not metadata then refuse(10026, "The upload has no part named metadata.") end
    if part and #part.body > limits.metadata then refuse(10026, "The metadata exceeds 1 MB.") end
    modules = form.modules(parts, "metadata")
  end
  return upload.make(context, name, modules, metadata), data.plain(metadata)
end

---A version like another one, to be given other bindings.
---@param version table
---@param list table[]
---@param annotations? table
---@return table
function upload.copy(version, list, annotations)
  local copy = {}
  for _, name in ipairs { "modules", "main_module", "body_part", "compatibility_date",
    "compatibility_flags", "assets", "extra", "handlers", "etag", "startup_ms" } do
    copy[name] = data.plain(version[name])
  end
  copy.bindings, copy.annotations = list, data.plain(annotations or {})
  return copy
end

return upload
