---What a Worker is made of: its build command, and what that leaves in the Worker's folder.
local fs = require "fs.core"
local json = require "json"
local process = require "process"
local sha256 = require "sha256"

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

local function read_folder(folder, path, files)
  for _, entry in ipairs(fs.list(folder .. path)) do
    local name = entry:match("^(.*)/$")
    if name then
      read_folder(folder, path .. "/" .. name, files)
    else
      local extension = entry:match("%.(%w+)$") or ""
      files[path .. "/" .. entry] = {
        body = fs.read(folder .. path .. "/" .. entry),
        type = content_types[extension:lower()],
      }
    end
  end
  return files
end

---Runs a Worker's build command in its folder; its output is streamed, masked.
function bundle.build(worker)
  if not worker.settings.build then return end
  local _, err = try(process.run, {
    command = worker.settings.build, cwd = worker.folder, output = "stream", prefix = worker.name .. " | ",
  })
  if not err then return end
  if err.class ~= "cancelled" then err.message = ("the build of %s: %s"):format(worker.name, err.message) end
  error(err, 0)
end

local function entry_of(worker)
  local path = worker.folder .. "/" .. worker.settings.entry
  if fs.exists(path) then return fs.read(path) end
  failure {
    code = "no-entry", about = path, message = ("%s: its entry %s is not there"):format(worker.name, path),
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
---@return table<string, { body: string, type: string|nil }> assets, table rules  by path; _headers, _redirects
function bundle.assets(folder)
  local assets = read_folder(folder, "", {})
  return assets, take_rules(assets)
end

---Where a build leaves what is deployed, from the Worker's folder.
---@param worker flow.Worker
---@return string[]
function bundle.paths(worker)
  return { worker.settings.entry, worker.settings.assets }
end

---Reads what the build left: the entry module, the assets and their rules.
---@return table bundle  entry, assets, digest
function bundle.read(worker)
  local entry = entry_of(worker)
  local assets, rules = {}, {}
  if worker.settings.assets then assets, rules = bundle.assets(worker.folder .. "/" .. worker.settings.assets) end
  local parts = { sha256(entry), json.encode(rules) }
  for path, asset in pairs(assets) do parts[#parts + 1] = path .. "=" .. sha256(asset.body) end
  return { entry = entry, assets = assets, rules = rules, digest = sha256(table.concat(parts, "\n")) }
end

return bundle
