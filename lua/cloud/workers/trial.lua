---Uploads are tried before the model answers: an upload that workerd cannot start is refused as
---Cloudflare refuses it, with the module and the line.
local base64 = require "base64"
local core = require "core"
local cpu = require "cloud.workers.cpu"
local json = require "json"
local multipart = require "cloud.multipart"
local workerd = require "cloud.workerd"

local trial = {}

local STARTUP_LIMIT = 1   -- seconds of processor time
local LOOK = 0.05         -- seconds between looks at it
local LONGEST = 20        -- seconds on the clock, then nothing is said about the upload
local REJECTED = 10021

-- ---- what is uploaded -------------------------------------------------------------------------

local uploads = {
  { "PUT", "^/client/v4/accounts/[^/]+/workers/scripts/([^/]+)$" },
  { "PUT", "^/client/v4/accounts/[^/]+/workers/scripts/([^/]+)/content$" },
  { "POST", "^/client/v4/accounts/[^/]+/workers/scripts/([^/]+)/versions$" },
  { "POST", "^/client/v4/accounts/[^/]+/workers/workers/([^/]+)/previews/([^/]+)/deployments$" },
}

---@param request table
---@return string|nil script, string|nil preview  whose code the request uploads
function trial.script(request)
  for _, upload in ipairs(uploads) do
    local name, preview
    if request.method == upload[1] then name, preview = request.path:match(upload[2]) end
    if name and name:find "^[%w_-]+$" then return name, preview end
  end
end

local function part_named(parts, name)
  for _, part in ipairs(parts) do
    if part.name == name then return part end
  end
end

local function modules_of(parts)
  local modules = {}
  for _, part in ipairs(parts) do
    if part.name ~= "metadata" then
      modules[#modules + 1] = { name = part.filename or part.name, type = part.type, body = part.body }
    end
  end
  return modules
end

-- Modules that stand in JSON, as previews may have them.
local function decoded(modules)
  local made = {}
  for i, module in ipairs(type(modules) == "table" and modules or {}) do
    local body = type(module) == "table" and try(base64.decode, module.content_base64)
    if not body then return {} end
    made[i] = { name = module.name, type = module.content_type, body = body }
  end
  return made
end

-- What an upload says of itself, and its modules: form data, or JSON.
local function read(request)
  local parts = multipart.parse(request.headers["content-type"] or "", request.body)
  local part = parts and part_named(parts, "metadata") or not parts and { body = request.body or "" }
  local metadata = part and try(json.decode, part.body)
  if type(metadata) ~= "table" then return nil end
  return metadata, parts and modules_of(parts) or decoded(metadata.modules)
end

local function text(value) return type(value) == "string" and value or nil end

local function list(value) return type(value) == "table" and value or {} end

-- As a list, or by their names, as previews have them.
local function all_bindings(metadata)
  local all = {}
  for name, binding in pairs(list(metadata.env)) do
    local named = { name = name }
    for key, value in pairs(list(binding)) do named[key] = named[key] or value end
    all[#all + 1] = named
  end
  return table.move(list(metadata.bindings), 1, #list(metadata.bindings), #all + 1, all)
end

-- Those that name what an earlier version has are not known here.
local function bindings_of(metadata)
  local known = {}
  for _, binding in ipairs(all_bindings(metadata)) do
    local fits = type(binding) == "table" and text(binding.name) and text(binding.type)
    local whole = fits and binding.type ~= "inherit"
      and (not binding.type:find "_text$" or text(binding.text)) and (binding.type ~= "json" or binding.json ~= nil)
    if whole then known[#known + 1] = binding end
  end
  return known
end

-- The preview's id, which its storage is named by; another of its names is none of a folder's.
local function id_of(preview) return preview and (preview:match "^%x+$" or "tried") end

---The version that an upload would make, as far as it says itself.
---@param request table
---@param preview? string  that it is for
---@return table|nil version  nil when it holds no code that can be tried; the model says what is wrong
function trial.version(request, preview)
  local metadata, modules = read(request)
  if not metadata then return nil end
  local version = { preview = id_of(preview), modules = modules, main_module = text(metadata.main_module),
    body_part = text(metadata.body_part), bindings = bindings_of(metadata),
    compatibility_date = text(metadata.compatibility_date),
    compatibility_flags = list(metadata.compatibility_flags), annotations = list(metadata.annotations) }
  local main = version.main_module or version.body_part
  if main and part_named(version.modules, main) and workerd.runs(version) then return version end
end

-- ---- how it went ------------------------------------------------------------------------------

-- Waits until it listens, has ended, or has computed for too long; the processor time in seconds.
local function watch(unit)
  local began, used = core.monotonic(), 0
  while unit:lives() and not unit.service.ready and used <= STARTUP_LIMIT do
    if core.monotonic() - began > LONGEST then return used end
    local _, err = try(unit.service.wait_ready, unit.service, LOOK)
    if err and err.class == "cancelled" then error(err, 0) end
    used = cpu.seconds(unit.service.pid) or used
  end
  return used
end

-- What workerd printed, without its names for things.
local function printed(reason)
  local lines = reason and reason:match "it printed:\n(.*)$"
  return lines and lines:gsub("service worker: ", "")
end

---Waits for the outcome and writes it into the request: `rejected`, or `startup_ms`.
---@param unit cloud.Unit  of the upload
---@param request table
---@return boolean  that it serves
function trial.judge(unit, request)
  local used = watch(unit)
  if used > STARTUP_LIMIT then
    request.rejected = { code = REJECTED, message = "Script startup exceeded CPU time limit." }
  elseif unit.service.ready and unit:lives() then
    request.startup_ms = math.max(1, math.floor(used * 1000 + 0.5))
    return (try(unit.port, unit)) ~= nil
  elseif not unit:lives() then
    local message = printed(unit.service.reason)
    request.rejected = message and { code = REJECTED, message = message }
  end
  unit:kill()
  return false
end

return trial
