---What a Worker is made of: its build command, and what that leaves in the Worker's folder. A Worker that davit.yaml
---describes itself is one module; one that wrangler's configuration describes (`wrangler: PATH`) is what that says.
local bundler = require "wrangler.bundler"
local fs = require "fs.core"
local ignore = require "wrangler.ignore"
local json = require "json"
local log = require "log"
local modules = require "wrangler.modules"
local path = require "path"
local planned = require "run.planned"
local process = require "process"
local reading = require "run.reading"
local sha256 = require "sha256"
local upload = require "wrangler.upload"

local bundle = {}

-- As wrangler names them, so that a project may change from one to the other; other files have no type.
local content_types = {
  avif = "image/avif", css = "text/css; charset=utf-8", csv = "text/csv; charset=utf-8", gif = "image/gif",
  htm = "text/html; charset=utf-8", html = "text/html; charset=utf-8", ico = "image/vnd.microsoft.icon",
  jpeg = "image/jpeg", jpg = "image/jpeg", js = "text/javascript; charset=utf-8", json = "application/json",
  map = "application/json", md = "text/markdown; charset=utf-8", mjs = "text/javascript; charset=utf-8",
  mp3 = "audio/mpeg", mp4 = "video/mp4", otf = "font/otf", pdf = "application/pdf", png = "image/png",
  svg = "image/svg+xml", ttf = "font/ttf", txt = "text/plain; charset=utf-8", wasm = "application/wasm",
  webm = "video/webm", webmanifest = "application/manifest+json", webp = "image/webp", woff = "font/woff",
  woff2 = "font/woff2", xml = "application/xml",
}

local function read_folder(folder, below, files, left_out)
  for _, entry in ipairs(fs.list(folder .. below)) do
    local name = entry:match("^(.*)/$")
    local here = below .. "/" .. (name or entry)
    local out = left_out(here:sub(2), name ~= nil)
    if name and not out then
      read_folder(folder, here, files, left_out)
    elseif not out then
      local extension = entry:match("%.(%w+)$") or ""
      files[here] = { body = fs.read(folder .. here), type = content_types[extension:lower()] }
    end
  end
  return files
end

-- What holds in the Worker's environment of a configuration of wrangler's; nil where there is none.
local function settings_of(worker)
  local config = worker.settings.config
  return config and config:resolve(worker.environment)
end

local function run_command(worker, command, folder)
  reading.allow_shell(command)
  local _, err = try(process.run, {
    command = command, cwd = worker.folder .. (folder and "/" .. folder or ""), output = "stream",
    prefix = worker.name .. " | ",
  })
  if not err then return end
  if err.class ~= "cancelled" then err.message = ("the build of %s: %s"):format(worker.name, err.message) end
  error(err, 0)
end

-- Of a Worker the command that builds it, where there is one, and whether wrangler's bundler is wanted as well.
local function build_of(worker, settings)
  local own = settings and upload.build(settings) or { command = worker.settings.build }
  return own, settings ~= nil and bundler.wanted(settings, worker)
end

---Raises "config" for what a configuration of wrangler's says that is not done, before anything is built.
function bundle.check(worker)
  local settings = settings_of(worker)
  if settings then upload.of(settings, worker) end
end

---Whether a Worker is built at all, and not deployed as it stands there.
---@param worker flow.Worker
---@return boolean
function bundle.has_build(worker)
  local own, bundled = build_of(worker, settings_of(worker))
  return own.command ~= nil or bundled
end

---Runs a Worker's build command in its folder, and wrangler's bundler where one is needed; their output is streamed,
---masked.
function bundle.build(worker)
  local settings = settings_of(worker)
  local own, bundled = build_of(worker, settings)
  if own.command then run_command(worker, own.command, own.cwd) end
  if bundled then bundler.run(settings, worker) end
end

local function entry_of(worker)
  local file = worker.folder .. "/" .. worker.settings.entry
  if fs.exists(file) then return fs.read(file) end
  failure {
    code = "no-entry", about = file, message = ("%s: its entry %s is not there"):format(worker.name, file),
    hint = worker.settings.build and ("does '%s' write it?"):format(worker.settings.build) or nil,
  }
end

-- Rules for assets that travel as text beside them and are none themselves.
local function take_rules(assets)
  local rules = {}
  for _, name in ipairs { "_headers", "_redirects" } do
    local file = assets["/" .. name]
    rules[name] = file and file.body
    assets["/" .. name] = nil
  end
  return rules
end

---Reads a folder of static assets.
---@param folder string
---@param left_out? fun(path: string, is_folder: boolean): boolean  what is none (nothing)
---@return table<string, { body: string, type: string|nil }> assets, table rules  by path; _headers, _redirects
function bundle.assets(folder, left_out)
  local assets = read_folder(folder, "", {}, left_out or function() return false end)
  return assets, take_rules(assets)
end

-- By wrangler's configuration --------------------------------------------------------------------------

local METAFILES = "/.assetsignore\n"

-- The Worker's code among the files that everybody may read is a mistake that wrangler refuses as well.
local function refuse_code(settings, assets)
  for _, name in ipairs { "/_worker.js", "/_worker.js/index.js" } do
    if assets[name] then
      settings:wrong("assets.directory", ("holds %s, which would be public"):format(name:sub(2)),
        "write _worker.js into an .assetsignore there")
    end
  end
end

local function assets_of(worker, settings)
  local given, rules = upload.assets(settings)
  if not given then return {}, {} end
  local folder = worker.folder .. "/" .. given.directory
  local file = folder .. "/.assetsignore"
  local listed = METAFILES .. (fs.exists(file) and fs.read(file) or "")
  local left_out = ignore.matcher(listed)
  local assets, found = bundle.assets(folder, function(name, is_folder)
    return name ~= "_headers" and name ~= "_redirects" and left_out(name, is_folder)
  end)
  refuse_code(settings, assets)
  rules._headers, rules._redirects = found._headers, found._redirects
  return assets, rules
end

-- All that makes an upload another one.
local function digest_of(found)
  local told = {}
  for name, value in pairs(found) do
    if name ~= "entry" and name ~= "modules" and name ~= "assets" and name ~= "warnings" then told[name] = value end
  end
  local parts = { json.encode(told) }
  for _, module in ipairs(found.modules) do
    parts[#parts + 1] = json.encode { module.name, module.type, sha256(module.body) }
  end
  for name, asset in pairs(found.assets) do parts[#parts + 1] = name .. "=" .. sha256(asset.body) end
  return sha256(table.concat(parts, "\n"))
end

local function read_configured(worker, settings)
  local found = upload.of(settings, worker)
  local bundled = bundler.wanted(settings, worker)
  upload.check_bundler(settings, bundled)
  found.modules = (bundled and bundler or modules).read(settings, worker)
  found.main, found.entry = found.modules[1].name, found.modules[1].body
  found.assets, found.rules = assets_of(worker, settings)
  found.digest = digest_of(found)
  for _, text in ipairs(found.warnings) do log.warn(text) end
  return found
end

-- All ----------------------------------------------------------------------------------------------------

---Where a build leaves what is deployed, from the Worker's folder.
---@param worker flow.Worker
---@return string[]
function bundle.paths(worker)
  local settings = settings_of(worker)
  if not settings then return { worker.settings.entry, worker.settings.assets } end
  local bundled = bundler.wanted(settings, worker)
  local list = bundled and { bundler.form(settings, worker) } or modules.paths(settings, worker)
  local assets = upload.assets(settings)
  list[#list + 1] = assets and path.normalise(assets.directory)
  return list
end

local MODULE = "application/javascript+module"

---Reads what the build left: the modules, the assets and their rules; of a Worker with `wrangler`, all that its
---configuration says for the Worker's `environment`, too.
---@param worker flow.Worker  with `environment` where its configuration has sections; `siblings`, the environment's
---Workers by the names that service bindings use
---@return flow.Bundle
function bundle.read_built(worker)
  local settings = settings_of(worker)
  if settings then return read_configured(worker, settings) end
  local entry = entry_of(worker)
  local assets, rules = {}, {}
  if worker.settings.assets then assets, rules = bundle.assets(worker.folder .. "/" .. worker.settings.assets) end
  local parts = { sha256(entry), json.encode(rules) }
  for name, asset in pairs(assets) do parts[#parts + 1] = name .. "=" .. sha256(asset.body) end
  return { entry = entry, main = "index.js", modules = { { name = "index.js", type = MODULE, body = entry } },
    assets = assets, rules = rules, digest = sha256(table.concat(parts, "\n")) }
end

-- Whether a command makes what is deployed, so that it is known only afterwards.
local function is_made(worker)
  local settings = settings_of(worker)
  if not settings then return worker.settings.build ~= nil end
  return (upload.build(settings) or {}).command ~= nil or bundler.wanted(settings, worker)
end

---The same; while a plan is made, what was built for it (`planned_bundle`), and nothing that an earlier build left.
---@param worker flow.Worker
---@return flow.Bundle
function bundle.read(worker)
  if not (planned.active() and is_made(worker)) then return bundle.read_built(worker) end
  return worker.planned_bundle or planned.unknown("the build of " .. worker.name)
end

return bundle
