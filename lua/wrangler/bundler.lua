---wrangler's own bundler: where an entry is TypeScript, or davit.yaml says so, wrangler makes the bundle as it would
---for a deploy, without deploying it (--dry-run), and leaves the whole upload as form data: names and kinds of
---modules as they will be. It runs in a scratch folder and a home of its own, without any variable that names a
---credential.
local fs = require "fs"
local core = require "fs.core"
local json = require "json"
local multipart = require "cloud.multipart"
local path = require "path"
local process = require "process"
local reading = require "run.reading"

local bundler = {}

local TYPESCRIPT = { [".ts"] = true, [".tsx"] = true, [".mts"] = true, [".cts"] = true, [".jsx"] = true }

---Whether wrangler bundles this Worker.
---@param settings wrangler.Resolved
---@param worker { settings: table }
---@return boolean
function bundler.wanted(settings, worker)
  if worker.settings.bundler then return worker.settings.bundler == "wrangler" end
  if settings:get("no_bundle", "boolean") then return false end
  return TYPESCRIPT[path.ext(settings:need("main", "text"))] or false
end

-- ---- where -------------------------------------------------------------------------------------

-- The project's folder, and the configuration's in it, for a program that runs elsewhere.
local function root_of(settings) return core.real(settings.config.root) end

local function folder_of(settings) return path.join(root_of(settings), settings.config.folder) end

---Where the upload of a Worker is kept between its build and its deploy.
---@param settings wrangler.Resolved
---@param worker { name: string }
---@return string  from the Worker's folder
function bundler.form(settings, worker)
  return (".davit/%s.form"):format(settings.section and worker.name .. "." .. settings.section or worker.name)
end

-- The folders whose programs the project has installed, the nearest first.
local function program_folders(settings)
  local root, at, list = root_of(settings), folder_of(settings), {}
  repeat
    list[#list + 1] = at .. "/node_modules/.bin"
    local above = at ~= root and path.dirname(at) or nil
    at = above
  until not at
  return list
end

local function find_program(folders)
  for _, folder in ipairs(folders) do
    local program = folder .. "/wrangler"
    if core.exists(program) then return program end
  end
  return "wrangler"
end

-- ---- running -----------------------------------------------------------------------------------

local Copy = {}
Copy.__close = function(copy) if copy.made then core.remove(copy.file) end end

local function copy_of(settings, worker) return ("%s/.wrangler.%s.json"):format(folder_of(settings), worker.name) end

-- The configuration that wrangler reads. A build command has been run already, with the user's own home: wrangler
-- gets a copy without it, beside the file, since every path in it counts from there.
local function config_for(settings, worker)
  local folder, raw = folder_of(settings), settings.config.raw
  if not settings:get "build" then
    return setmetatable({ file = folder .. "/" .. path.basename(settings.config.path) }, Copy)
  end
  local copy = json.decode(json.encode(raw))
  copy.build = nil
  for _, section in pairs(copy.env or {}) do section.build = nil end
  local file = copy_of(settings, worker)
  core.write(file, json.encode(copy))
  return setmetatable({ file = file, made = true }, Copy)
end

local function environment(scratch, folders)
  return {
    HOME = scratch.path, XDG_CONFIG_HOME = scratch.path,
    PATH = table.concat(folders, ":") .. ":" .. (os.getenv "PATH" or ""), CI = "1", WRANGLER_HIDE_BANNER = "true",
    WRANGLER_SEND_METRICS = "false", WRANGLER_SEND_ERROR_REPORTS = "false",
  }
end

local function explain(worker, err)
  if err.code == "process-not-found" then
    failure {
      code = "no-wrangler", class = "misuse", about = worker.name,
      message = ("%s: its bundle is made by wrangler, which is not installed"):format(worker.name),
      hint = "npm install --save-dev wrangler; or let `build` make a finished bundle, and `main` name that",
    }
  end
  if err.class ~= "cancelled" then err.message = ("wrangler's bundle of %s: %s"):format(worker.name, err.message) end
  error(err, 0)
end

-- What a plan lets it do.
local function allow(program, form, config)
  reading.allow { program, "deploy", "--dry-run" }
  reading.allow_folder(path.dirname(form))
  reading.allow_folder(config)
end

---Has wrangler make the upload. Raises "process-exit" with what it said, or "no-wrangler".
---@param settings wrangler.Resolved
---@param worker { name: string, folder: string, settings: table }
function bundler.run(settings, worker)
  local form, folders = path.join(folder_of(settings), bundler.form(settings, worker)), program_folders(settings)
  local program, scratch <close> = find_program(folders), fs.temporary()
  allow(program, form, copy_of(settings, worker))
  local config <close> = config_for(settings, worker)
  core.remove(form)
  core.make(path.dirname(form))
  local _, err = try(process.run, {
    argv = { program, "deploy", "--dry-run", "--config", config.file,
      "--env=" .. (settings.section or ""), "--outfile", form },
    cwd = scratch.path, env = environment(scratch, folders), output = "stream", pty = false,
    prefix = worker.name .. " | ",
  })
  if err then explain(worker, err) end
end

-- ---- reading -----------------------------------------------------------------------------------

local function parse(worker, file)
  local text = core.read(file)
  local boundary = text:match "^%s*%-%-([^\r\n]+)\r\n"
  local parts, why = multipart.parse("multipart/form-data; boundary=" .. (boundary or ""), text)
  if parts then return parts end
  failure { code = "no-entry", about = file, hint = "build it again",
    message = ("%s: what wrangler left in %s cannot be read: %s"):format(worker.name, file, why) }
end

local function main_of(settings, parts)
  for _, part in ipairs(parts) do
    local name = part.name == "metadata" and json.decode(part.body).main_module
    if name then return name end
  end
  settings:wrong("main", "exports nothing: it is no ES module, and Davit deploys no other Workers",
    "export default { fetch(request, env) { … } }")
end

---Reads the modules that wrangler made, the main one first. Source maps are among them where the file asks for them:
---they hold the sources.
---@param settings wrangler.Resolved
---@param worker { name: string, folder: string, settings: table }
---@return { name: string, type: string, body: string }[]
function bundler.read(settings, worker)
  local file = path.join(worker.folder, bundler.form(settings, worker))
  if not core.exists(file) then
    failure { code = "no-entry", about = file, hint = "the step that builds makes it",
      message = ("%s: wrangler's bundle is not there (%s)"):format(worker.name, file) }
  end
  local parts, list = parse(worker, file), {}
  local main, with_maps = main_of(settings, parts), settings:get("upload_source_maps", "boolean")
  for _, part in ipairs(parts) do
    local module = { name = part.name, type = part.type, body = part.body }
    if part.name == main then
      table.insert(list, 1, module)
    elseif part.name ~= "metadata" and (with_maps or part.type ~= "application/source-map") then
      list[#list + 1] = module
    end
  end
  return list
end

return bundler
