---The Workers of a seed: uploaded, scheduled, routed and attached as a client would. Their files are read when a
---world begins, from beside the seed's file.
local assets = require "cloudflare.assets"
local bundle = require "flow.bundle"
local json = require "json"
local modules = require "cloud.seed.modules"
local path = require "path"
local shape = require "project.shape"
local url = require "url"
local zones = require "cloud.cloudflare.zones"

local workers = {}

---What a Worker may have.
workers.keys = {
  name = "text", script = "text", folder = "text", main = "text", assets = "text", assets_binding = "text",
  vars = { map = "text" }, secrets = { map = "text" }, compatibility_date = "text",
  compatibility_flags = { list = "text" }, crons = { list = "text" }, routes = { list = "text" },
  domains = { list = "text" }, workers_dev = "boolean",
}

-- ---- what no type can say ---------------------------------------------------------------------

local function check_code(file, place, worker)
  local several = worker.folder or worker.main
  local wrong = worker.script and several and "'script' is one module; 'folder' and 'main' are for several"
    or worker.folder and not worker.main and "'folder' needs 'main', the module that is run"
    or worker.main and not worker.folder and "'main' needs 'folder', which holds the modules"
    or not (worker.script or several or worker.assets) and "has no code: name a 'script', or a 'folder' and its 'main'"
    or worker.assets_binding and not worker.assets and "'assets_binding' needs 'assets'"
  if wrong then shape.wrong(file, place, wrong) end
end

---@param file table    of shape.read
---@param list? table[] of the file
---@return table[]
function workers.check(file, list)
  local seen = {}
  for i, worker in ipairs(list or {}) do
    local place = "cloudflare.workers." .. i
    shape.require_keys(file, worker, place, { "name" })
    local name = worker.name
    if seen[name] then shape.wrong(file, place .. ".name", ("two Workers are called '%s'"):format(name)) end
    seen[name] = true
    check_code(file, place, worker)
  end
  return list or {}
end

-- ---- files ------------------------------------------------------------------------------------

local function located(folder, name)
  return path.is_absolute(name) and name or path.join(folder, name)
end

-- Reads what stands below a key; a file that is not there is wrong in the seed.
local function read(client, key, f, name)
  local found, err = try(function() return { f(name) } end)
  if err and err.class == "cancelled" then error(err, 0) end
  if err then client:wrong(key, err.message) end
  return table.unpack(found)
end

local function code_of(client, worker, folder)
  if worker.script then return read(client, "script", modules.of_file, located(folder, worker.script)) end
  if not worker.folder then return {} end
  return read(client, "folder", modules.of_folder, located(folder, worker.folder)), worker.main
end

-- ---- the upload -------------------------------------------------------------------------------

local function bindings_of(worker)
  local list = json.array {}
  local function add(kind, values)
    for name, text in pairs(values or {}) do list[#list + 1] = { type = kind, name = name, text = text } end
  end
  add("plain_text", worker.vars)
  add("secret_text", worker.secrets)
  if worker.assets_binding then list[#list + 1] = { type = "assets", name = worker.assets_binding } end
  return list
end

local function assets_of(client, worker, folder)
  if not worker.assets then return nil end
  local files, rules = read(client, "assets", bundle.assets, located(folder, worker.assets))
  return { jwt = assets.upload(client, worker.name, files), config = rules }
end

local function upload(client, worker, folder)
  local list, main = code_of(client, worker, folder)
  local metadata = { main_module = main, compatibility_date = worker.compatibility_date,
    compatibility_flags = json.array(worker.compatibility_flags or {}), bindings = bindings_of(worker),
    assets = assets_of(client, worker, folder) }
  local parts = { { name = "metadata", data = json.encode(metadata) } }
  for _, module in ipairs(list) do
    parts[#parts + 1] = { name = module.name, filename = module.name, type = module.type, data = module.body }
  end
  client:workers("/scripts/" .. url.encode(worker.name), { method = "PUT", multipart = parts })
end

-- ---- how it is reached ------------------------------------------------------------------------

local function zone_of(client, host)
  return zones.holding(client.state.cloudflare, host:lower())
    or shape.wrong(client.file, client.place, ("no zone of the seed holds %s"):format(host))
end

local function set_crons(client, worker)
  local schedules = json.array {}
  for i, cron in ipairs(worker.crons) do schedules[i] = { cron = cron } end
  client:workers(("/scripts/%s/schedules"):format(url.encode(worker.name)), { method = "PUT", json = schedules })
end

local function add_domain(client, worker, host)
  client:workers("/domains", { method = "PUT", json = { hostname = host, service = worker.name,
    environment = "production", zone_id = zone_of(client, host).id } })
end

-- "https://*.example.com/api/*" lies in the zone of example.com.
local function add_route(client, worker, pattern)
  local host = pattern:gsub("^%w+://", ""):gsub("[/:].*$", ""):gsub("^%*%.?", "")
  client:ask(("/zones/%s/workers/routes"):format(zone_of(client, host).id),
    { method = "POST", json = { pattern = pattern, script = worker.name } })
end

local function switch_workers_dev(client, worker)
  client:workers(("/scripts/%s/subdomain"):format(url.encode(worker.name)),
    { method = "POST", json = { enabled = worker.workers_dev, previews_enabled = false } })
end

-- ---- all of it --------------------------------------------------------------------------------

local function plant(client, worker, folder, place)
  local function each(key, f)
    for i, item in ipairs(worker[key] or {}) do
      client.place = ("%s.%s.%d"):format(place, key, i)
      f(client, worker, item)
    end
  end
  local function whole(key, f)
    client.place = ("%s.%s"):format(place, key)
    if worker[key] ~= nil then f(client, worker) end
  end
  client.place = place
  upload(client, worker, folder)
  whole("crons", set_crons)
  each("domains", add_domain)
  each("routes", add_route)
  whole("workers_dev", switch_workers_dev)
end

---@param client seed.Client
---@param list table[]   of workers.check
---@param folder string  that relative names begin in
function workers.plant(client, list, folder)
  for i, worker in ipairs(list) do plant(client, worker, folder, "cloudflare.workers." .. i) end
end

return workers
