---The data plane's configuration: a Worker's version as workerd, the Workers runtime, runs it.
---
---Pure: a version goes in, texts come out. Whoever runs workerd writes the files into a directory
---of its own, `config.capnp` among them with mode 0600 because secrets stand in it, starts
---`workerd.command(...)` there, and may delete `config.capnp` once workerd listens: it is read
---once, while assets are read at every request.
---
---Assets are served by workerd's own assets service, which is the code Cloudflare runs: it stands
---between the socket and the Worker, and `env.ASSETS` names its entrypoint without the Worker.
local json = require "json"

local workerd = {}

---@class workerd.Module
---@field name string
---@field type string  the content type it was uploaded with
---@field body string

---@class workerd.Binding
---@field name string
---@field type string
---@field text? string  of plain_text and secret_text
---@field json? any     of json

---@class workerd.Version
---@field main_module? string             none: assets only
---@field modules? workerd.Module[]
---@field bindings? workerd.Binding[]
---@field compatibility_date? string
---@field compatibility_flags? string[]
---@field assets? { manifest: table<string, { hash: string }>, config?: table }

---@class workerd.Options
---@field listen? string  where to listen ("127.0.0.1:0": a free port, which workerd reports)
---@field newest? string  the newest compatibility date this workerd knows, see workerd.newest
---@field asset fun(hash: string): string  an asset's content
---@field trust? string[]  certificates (PEM) that connections out may rely on
---@field allow? string[]  networks the Worker may reach (loopback alone)

---@class workerd.File
---@field path string  below the directory; never leads out of it
---@field body string

---@class workerd.Plan
---@field config string               the text of config.capnp
---@field files workerd.File[]        what stands beside it
---@field left_out workerd.Binding[]  bindings the local data plane has no service for

---What Cloudflare assumes of a version that names no date.
local OLDEST = "2021-11-02"
local LOOPBACK = { "127.0.0.0/8", "::1/128" }

-- ---- Cap'n Proto's text format ------------------------------------------------

local function escape(byte)
  return ("\\x%02x"):format(byte:byte())
end

---A string literal; what is not plain ASCII goes byte by byte.
local function quote(text)
  return '"' .. text:gsub('[%c"\\\x7f-\xff]', escape) .. '"'
end

local function list(items, write)
  local out = {}
  for i, item in ipairs(items) do out[i] = write(item) end
  return "[" .. table.concat(out, ", ") .. "]"
end

-- ---- what a version holds ------------------------------------------------------

---The field of workerd's Module for each content type an upload may name.
local MODULE_FIELDS = {
  ["application/javascript+module"] = "esModule",
  ["application/javascript"] = "commonJsModule",
  ["text/plain"] = "text",
  ["application/octet-stream"] = "data",
  ["application/wasm"] = "wasm",
  ["application/json"] = "json",
  ["text/x-python"] = "pythonModule",
}

---Modules are numbered on disk: their names are the uploader's and may be any text.
local function module_literal(module, path)
  local field = MODULE_FIELDS[module.type:match "^[^;%s]+"]
  if not field then
    error(("module '%s' has the unknown type '%s'"):format(module.name, module.type))
  end
  return ("(name = %s, %s = embed %s)"):format(quote(module.name), field, quote(path))
end

---Modules as literals, the main one first as workerd wants it; source maps are not run.
local function write_modules(version, files)
  local main, others = nil, {}
  for i, module in ipairs(version.modules or {}) do
    if module.type ~= "application/source-map" then
      local path = "modules/" .. i
      local literal = module_literal(module, path)
      files[#files + 1] = { path = path, body = module.body }
      if module.name == version.main_module then
        main = literal
      else
        others[#others + 1] = literal
      end
    end
  end
  if not main then error(("no module is named '%s'"):format(version.main_module)) end
  return { main, table.unpack(others) }
end

local BINDINGS = {
  plain_text = function(b) return "text = " .. quote(b.text) end,
  secret_text = function(b) return "text = " .. quote(b.text) end,
  json = function(b) return "json = " .. quote(json.encode(b.json)) end,
  assets = function() return 'service = (name = "assets", entrypoint = "AssetWorker")' end,
}

local function write_bindings(version, left_out)
  local out = {}
  for _, binding in ipairs(version.bindings or {}) do
    local value = BINDINGS[binding.type]
    if value and (binding.type ~= "assets" or version.assets) then
      out[#out + 1] = ("(name = %s, %s)"):format(quote(binding.name), value(binding))
    else
      left_out[#left_out + 1] = binding
    end
  end
  return out
end

---The version's date, or the newest workerd knows if that is older: a Worker that asks for later
---behaviour than this workerd has would not start at all.
local function compatibility(version, newest)
  local date = version.compatibility_date or OLDEST
  if newest and date > newest then date = newest end
  return ("compatibilityDate = %s, compatibilityFlags = %s"):format(
    quote(date), list(version.compatibility_flags or {}, quote))
end

-- ---- services ------------------------------------------------------------------

local function worker_service(version, newest, files, left_out)
  return ('(name = "worker", worker = (\n      modules = [%s],\n      bindings = [%s],\n'
    .. '      %s, globalOutbound = "outbound"))'):format(
    table.concat(write_modules(version, files), ",\n        "),
    table.concat(write_bindings(version, left_out), ",\n        "),
    compatibility(version, newest))
end

local function percent_decode(path)
  return (path:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

---A manifest's path on disk. Manifests encode paths as URLs do, and workerd looks files up decoded.
---The client chose the path, so one that could lead elsewhere is refused.
local function asset_path(path)
  path = percent_decode(path)
  local inside = path:match "^/(.+)$"
  if not inside or path:find("\0", 1, true) or path:find "//" or path:sub(-1) == "/"
    or (path .. "/"):find "/%.%.?/" then
    error(("'%s' cannot be the path of an asset"):format(path))
  end
  return "assets/" .. inside
end

local function write_assets(manifest, asset, files)
  local paths = {}
  for path in pairs(manifest) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    files[#files + 1] = { path = asset_path(path), body = asset(manifest[path].hash) }
  end
end

---What an upload may say about its assets, and what workerd calls it.
local ASSETS_CONFIG = {
  html_handling = "html_handling",
  not_found_handling = "not_found_handling",
  run_worker_first = "run_worker_first",
  _headers = "headers",
  _redirects = "redirects",
}

local function assets_config(given)
  local config = {}
  for theirs, ours in pairs(ASSETS_CONFIG) do config[ours] = given and given[theirs] end
  return json.encode(config)
end

local function assets_service(version, newest)
  local behind = version.main_module and 'userWorker = "worker"' or compatibility(version, newest)
  return ('(name = "assets", assets = (path = "assets", config = %s, %s))'):format(
    quote(assets_config(version.assets.config)), behind)
end

---What the Worker's own connections go through; it can reach this machine and nothing else.
local function outbound_service(o)
  local tls = ("(trustedCertificates = %s)"):format(list(o.trust or {}, quote))
  return ('(name = "outbound", network = (allow = %s, tlsOptions = %s))'):format(
    list(o.allow or LOOPBACK, quote), tls)
end

-- ---- the whole -----------------------------------------------------------------

local CONFIG = [[
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    %s
  ],
  sockets = [(
    name = "http",
    address = %s,
    http = (forwardedProtoHeader = "X-Forwarded-Proto"),
    service = "%s"
  )]
);
]]

---Plans a directory in which workerd runs one version of one Worker.
---@param version workerd.Version
---@param o workerd.Options
---@return workerd.Plan
function workerd.plan(version, o)
  local files, left_out, services = {}, {}, {}
  if version.main_module then
    services[#services + 1] = worker_service(version, o.newest, files, left_out)
  end
  if version.assets then
    write_assets(version.assets.manifest, o.asset, files)
    services[#services + 1] = assets_service(version, o.newest)
  end
  services[#services + 1] = outbound_service(o)
  local front = version.assets and "assets" or "worker"
  local listen = quote(o.listen or "127.0.0.1:0")
  local config = CONFIG:format(table.concat(services, ",\n    "), listen, front)
  return { config = config, files = files, left_out = left_out }
end

---The command that runs a planned directory, to be started inside it. Its stdout carries control
---messages alone (see workerd.port); what the Worker logs goes to stderr.
---@param binary string
---@return string[]
function workerd.command(binary)
  return {
    "sh", "-c", 'exec "$0" serve --experimental --control-fd=3 config.capnp 3>&1 >&2', binary,
  }
end

---The port a control message announces: workerd writes one line when it listens.
---@param line string
---@return integer? port
function workerd.port(line)
  local port = line:match '"event":"listen".-"port":(%d+)'
  return port and math.tointeger(port)
end

---The newest compatibility date a workerd surely knows, from what `workerd --version` prints.
---@param printed string
---@return string? date
function workerd.newest(printed)
  return printed:match "^workerd (%d%d%d%d%-%d%d%-%d%d)"
end

return workerd
