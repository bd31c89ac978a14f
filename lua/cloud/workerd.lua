---The data plane's configuration: a Worker's version as workerd, the Workers runtime, runs it.
---
---Pure: a version goes in, texts come out. Whoever runs workerd writes the files into a directory
---of its own, `config.capnp` among them with mode 0600 because secrets stand in it, starts
---`workerd.command(...)` there, and may delete `config.capnp` once workerd listens: it is read
---once, while assets are read at every request.
---
---A request, a visitor's or another Worker's, goes from the socket to Davit's front, which catches
---what the Worker throws; from there to the assets, which workerd's own service answers, the code
---Cloudflare runs; and to the Worker.
---The Worker's own requests go out through Davit's outbound Worker, to this machine alone.
local assets = require "cloud.workerd.assets"
local bindings = require "cloud.workerd.bindings"
local capnp = require "cloud.workerd.capnp"
local modules = require "cloud.workerd.modules"
local scripts = require "cloud.workerd.scripts"

local workerd = {}

---@class workerd.Module
---@field name string
---@field type string  the content type it was uploaded with
---@field body string

---@class workerd.Binding
---@field name string
---@field type string
---@field text? string         of plain_text and secret_text
---@field json? any            of json
---@field service? string      of service: another Worker's name
---@field entrypoint? string   of service
---@field class_name? string   of durable_object_namespace
---@field script_name? string  likewise: the Worker that has the class
---@field part? string         of wasm_module, text_blob, data_blob: the part of the upload

---@class workerd.Version
---@field script? string                  the Worker's name
---@field id? string
---@field preview? string                 the id of the preview that it belongs to
---@field timestamp? string               when it was made
---@field main_module? string
---@field body_part? string               the script, in the older format; with neither: assets only
---@field modules? workerd.Module[]
---@field bindings? workerd.Binding[]
---@field annotations? table<string, string>
---@field compatibility_date? string
---@field compatibility_flags? string[]
---@field assets? { manifest: table<string, { hash: string }>, config?: table }

---@class workerd.Options
---@field listen? string  where to listen ("127.0.0.1:0": a free port, which workerd reports)
---@field newest? string  the newest compatibility date this workerd knows, see workerd.newest
---@field asset fun(hash: string): string  an asset's content
---@field trust? string[]  certificates (PEM) that connections out may rely on
---@field allow? string[]  networks the Worker may reach (loopback alone)
---@field cloud? string    address of the local cloud, which answers for all hosts beyond this machine
---@field caller? string   tells the local cloud whose requests they are
---@field inbox? table<string, string>  Unix sockets on which other Workers reach its entrypoints, by name ("" default)
---@field peer? fun(binding: workerd.Binding): string|nil  the socket of a service binding to another Worker
---@field present? fun(text: string): string  for cloud.workers.unit: how variables and secrets are shown
---@field durable? string  folder in which its Durable Objects keep what they store

---@class workerd.File
---@field path string  below the directory; never leads out of it
---@field body string

---@class workerd.Plan
---@field config string               the text of config.capnp
---@field files workerd.File[]        what stands beside it
---@field left_out workerd.Binding[]  bindings the local data plane has no service for

---What Cloudflare assumes of a version that names no date.
local OLDEST = "2021-11-02"
local OWN_DATE = "2026-01-01"   -- of Davit's own Workers
local LOOPBACK = { "127.0.0.0/8", "::1/128" }
local quote, list = capnp.quote, capnp.list

---The header of a request to the local cloud that holds `caller`.
workerd.CALLER = "x-davit-worker"
---The header in which a request tells the Worker's request.cf, as JSON.
workerd.CF = "x-davit-cf"
---The header of an answer that says what the Worker threw, as encodeURIComponent writes it.
workerd.THROWN = "x-davit-thrown"

---A date, or the newest workerd knows if that is older: a Worker that asks for later behaviour than
---this workerd has would not start at all.
local function compatibility(date, flags, newest)
  if newest and date > newest then date = newest end
  return ("compatibilityDate = %s, compatibilityFlags = %s"):format(quote(date), list(flags or {}, quote))
end

local function compatibility_of(version, newest)
  return compatibility(version.compatibility_date or OLDEST, version.compatibility_flags, newest)
end

local function has_code(version) return version.main_module ~= nil or version.body_part ~= nil end

-- ---- Davit's own Workers ----------------------------------------------------------------------

local function path_of(script) return ("davit/%s.js"):format(script) end

local function add_scripts(files)
  for name, body in pairs(scripts) do files[#files + 1] = { path = path_of(name), body = body } end
end

-- A Worker of one module; `bound` has the services that it names in lower case, as literals.
local function own_worker(name, script, o, bound)
  return ('(name = %s, worker = (modules = [(name = "%s.js", esModule = embed "%s")],\n      bindings = %s,\n'
    .. "      %s))"):format(quote(name), script, path_of(script), list(bound, function(to)
      return ('(name = "%s", service = %s)'):format(to[1], to[2])
    end), compatibility(OWN_DATE, nil, o.newest))
end

-- ---- the Worker -------------------------------------------------------------------------------

-- The Durable Objects' classes, all with the storage that is kept in SQLite.
local function durable_objects(version, o, classes, services)
  local names = {}
  for name in pairs(classes) do names[#names + 1] = name end
  if #names == 0 then return "" end
  table.sort(names)
  services[#services + 1] = ('(name = "durable", disk = (path = %s, writable = true))'):format(quote(o.durable))
  return (',\n      durableObjectStorage = (localDisk = "durable"), durableObjectNamespaces = %s'):format(
    list(names, function(name)
      return ("(className = %s, uniqueKey = %s, enableSql = true)"):format(quote(name),
        quote((version.script or "") .. "-" .. name))
    end))
end

local function add_worker(version, o, services, files, left_out)
  local around = { version = version, paths = modules.place(version, files), services = services,
    front = version.assets and "assets" or "worker", peer = o.peer, classes = {} }
  local bound = bindings.write(around, left_out)
  local objects = durable_objects(version, o, around.classes, services)
  services[#services + 1] = ('(name = "worker", worker = (\n      %s,\n      bindings = %s,\n      %s,\n'
    .. '      globalOutbound = "%s", cacheApiOutbound = "cache"%s))'):format(
    modules.write(version, around.paths), capnp.lines(bound), compatibility_of(version, o.newest),
    o.cloud and "outbound" or "machine", objects)
  services[#services + 1] = own_worker("cache", "cache", o, {})
end

local function add_assets(version, o, services, files)
  assets.place(version.assets.manifest, o.asset, files)
  local behind = has_code(version) and 'userWorker = "worker"' or compatibility_of(version, o.newest)
  services[#services + 1] = ('(name = "assets", assets = (path = "assets", config = %s, %s))'):format(
    quote(assets.config(version.assets.config)), behind)
end

-- ---- the way out ------------------------------------------------------------------------------

-- The machine's own network, and the local cloud as a proxy for every host that is not on it.
local function add_outbound(o, services)
  local tls = ("(trustedCertificates = %s)"):format(list(o.trust or {}, quote))
  services[#services + 1] = ('(name = "machine", network = (allow = %s, tlsOptions = %s))'):format(
    list(o.allow or LOOPBACK, quote), tls)
  if not o.cloud then return end
  local caller = ('[(name = "%s", value = %s)]'):format(workerd.CALLER, quote(o.caller or ""))
  services[#services + 1] = ('(name = "cloud", external = (address = %s, '
    .. "http = (style = proxy, injectRequestHeaders = %s)))"):format(quote(o.cloud), caller)
  services[#services + 1] = own_worker("outbound", "outbound", o,
    { { "cloud", quote "cloud" }, { "machine", quote "machine" } })
end

-- ---- sockets ----------------------------------------------------------------------------------

local function names_of(inbox)
  local names = {}
  for name in pairs(inbox or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- For other Workers each entrypoint has two: one for methods, and one for fetch with a front, which tells
-- what was thrown.
local function inbox_sockets(o, next_service, services)
  local sockets = {}
  for i, name in ipairs(names_of(o.inbox)) do
    local service = name == "" and quote(next_service) or ('(name = "worker", entrypoint = %s)'):format(quote(name))
    local front = name == "" and "front" or "front " .. i
    if name ~= "" then services[#services + 1] = own_worker(front, "front", o, { { "next", service } }) end
    sockets[#sockets + 1] = ('(name = "inbox %d", address = %s, http = (capnpConnectHost = "davit"), service = %s)')
      :format(i, quote("unix:" .. o.inbox[name]), service)
    sockets[#sockets + 1] = ('(name = "inbox %d fetch", address = %s, http = (), service = "%s")')
      :format(i, quote("unix:" .. o.inbox[name] .. bindings.FETCH), front)
  end
  return sockets
end

-- The one for visitors comes last: when workerd reports it, it listens on all.
local function sockets_of(o, next_service, services)
  local sockets = inbox_sockets(o, next_service, services)
  sockets[#sockets + 1] = ('(name = "http", address = %s, service = "front",\n'
    .. '      http = (forwardedProtoHeader = "X-Forwarded-Proto", cfBlobHeader = "%s"))'):format(
    quote(o.listen or "127.0.0.1:0"), workerd.CF)
  return sockets
end

-- ---- the whole --------------------------------------------------------------------------------

local CONFIG = [[
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = %s,
  sockets = %s,
  extensions = [(modules = [
      (name = "davit:missing", internal = true, esModule = embed "davit/missing.js"),
      (name = "davit:bound", internal = true, esModule = embed "davit/bound.js")])]
);
]]

---Plans a directory in which workerd runs one version of one Worker.
---@param version workerd.Version
---@param o workerd.Options
---@return workerd.Plan
function workerd.plan(version, o)
  local files, left_out, services = {}, {}, {}
  add_scripts(files)
  if has_code(version) then add_worker(version, o, services, files, left_out) end
  if version.assets then add_assets(version, o, services, files) end
  local next_service = version.assets and "assets" or "worker"
  services[#services + 1] = own_worker("front", "front", o, { { "next", quote(next_service) } })
  add_outbound(o, services)
  local sockets = sockets_of(o, next_service, services)
  local config = CONFIG:format(capnp.lines(services), capnp.lines(sockets))
  return { config = config, files = files, left_out = left_out }
end

---Whether a version has code that workerd can load without anything from elsewhere.
---@param version workerd.Version
---@return boolean
function workerd.runs(version) return has_code(version) and not modules.has_python(version) end

---The command that runs a planned directory, to be started inside it. Its stdout carries control
---messages alone (see workerd.port); what the Worker logs goes to stderr.
---@param binary string
---@return string[]
function workerd.command(binary)
  return {
    "sh", "-c", 'exec "$0" serve --experimental --control-fd=3 config.capnp 3>&1 >&2', binary,
  }
end

---The port a control message announces: workerd writes one line for each socket when it listens.
---@param line string
---@return integer? port
function workerd.port(line)
  local port = line:match '"event":"listen","socket":"http".-"port":(%d+)'
  return port and math.tointeger(port)
end

---The newest compatibility date a workerd surely knows, from what `workerd --version` prints.
---@param printed string
---@return string? date
function workerd.newest(printed)
  return printed:match "^workerd (%d%d%d%d%-%d%d%-%d%d)"
end

return workerd
