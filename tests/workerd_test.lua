---The data plane's configuration: what a version becomes, and what is refused.
local workerd = require "cloud.workerd"

local function version(changes)
  local v = {
    script = "hello",
    main_module = "index.js",
    modules = {
      { name = "greeting.txt", type = "text/plain", body = "hello" },
      { name = "index.js", type = "application/javascript+module", body = "export default {}" },
      { name = "index.js.map", type = "application/source-map", body = "{}" },
    },
    compatibility_date = "2026-09-01",
  }
  for key, value in pairs(changes or {}) do v[key] = value end
  return v
end

local function contains(text, piece)
  if not text:find(piece, 1, true) then error(("%q is not in:\n%s"):format(piece, text), 2) end
end

local function lacks(text, piece)
  if text:find(piece, 1, true) then error(("%q is in:\n%s"):format(piece, text), 2) end
end

local function body_of(hash) return "content of " .. hash end

-- The paths of the upload's own files.
local function uploaded(plan)
  local paths = {}
  for _, file in ipairs(plan.files) do
    if not file.path:find "^davit/" then paths[#paths + 1] = file.path end
  end
  return paths
end

test("the main module comes first and source maps stay out", function()
  local plan = workerd.plan(version(), {})
  contains(plan.config, 'modules = [(name = "index.js", esModule = embed "modules/2"),')
  contains(plan.config, '(name = "greeting.txt", text = embed "modules/1")]')
  equal(uploaded(plan), { "modules/1", "modules/2" })
end)

test("a script in the older format is one text, its parts are bindings", function()
  local plan = workerd.plan({ body_part = "script", modules = {
    { name = "script", type = "application/javascript", body = "addEventListener('fetch', () => {})" },
    { name = "adder", type = "application/wasm", body = "\0asm" },
  }, bindings = { { name = "ADDER", type = "wasm_module", part = "adder" } } }, {})
  contains(plan.config, 'serviceWorkerScript = embed "modules/1"')
  contains(plan.config, '(name = "ADDER", wasmModule = embed "modules/2")')
end)

test("a binding's text arrives whatever it holds", function()
  local plan = workerd.plan(version { bindings = {
    { name = "SECRET", type = "secret_text", text = 'a"b\\c\né' },
  } }, {})
  contains(plan.config, [[(name = "SECRET", text = "a\x22b\x5cc\x0a\xc3\xa9")]])
end)

test("a binding without a local service is named, and says so when it is used", function()
  local plan = workerd.plan(version { bindings = { { name = "DB", type = "d1" } } }, {})
  equal(plan.left_out[1].name, "DB")
  contains(plan.config, '(name = "DB", wrapped = (moduleName = "davit:missing"')
  contains(plan.config, "no service for the binding DB (d1)")
end)

test("a service binding leads to the sockets of the other Worker's entrypoint", function()
  local function peer(binding) return "../sockets/" .. binding.service end
  local plan = workerd.plan(version { bindings = {
    { name = "AUTH", type = "service", service = "auth", entrypoint = "Admin" },
    { name = "SELF", type = "service", service = "hello" },
    { name = "MINE", type = "service", service = "hello", entrypoint = "Mine" },
  } }, { peer = peer })
  contains(plan.config, '(name = "AUTH", wrapped = (moduleName = "davit:bound", innerBindings = '
    .. '[(name = "methods", service = "methods AUTH"), (name = "requests", service = "requests AUTH")]))')
  contains(plan.config, 'external = (address = "unix:../sockets/auth", http = (capnpConnectHost = "davit"))')
  contains(plan.config, 'external = (address = "unix:../sockets/auth-fetch", http = ())')
  contains(plan.config, '(name = "SELF", service = "worker")')
  contains(plan.config, '(name = "MINE", service = (name = "worker", entrypoint = "Mine"))')
end)

test("entrypoints that others bind have sockets of their own, before the one for visitors", function()
  local plan = workerd.plan(version(), { inbox = { [""] = "inbox-1", Admin = "inbox-2" } })
  contains(plan.config, 'address = "unix:inbox-1", http = (capnpConnectHost = "davit"), service = "worker")')
  contains(plan.config, 'address = "unix:inbox-2", http = (capnpConnectHost = "davit"), '
    .. 'service = (name = "worker", entrypoint = "Admin"))')
  contains(plan.config, 'address = "unix:inbox-1-fetch", http = (), service = "front")')
  contains(plan.config, 'address = "unix:inbox-2-fetch", http = (), service = "front 2")')
  equal(plan.config:find('"inbox 2 fetch"', 1, true) < plan.config:find('"http", address', 1, true), true)
end)

test("a Worker's own Durable Objects keep what they store, another's are left out", function()
  local plan = workerd.plan(version { bindings = {
    { name = "ROOM", type = "durable_object_namespace", class_name = "Room" },
    { name = "OTHER", type = "durable_object_namespace", class_name = "Other", script_name = "elsewhere" },
  } }, { durable = "../durable/hello" })
  contains(plan.config, '(name = "ROOM", durableObjectNamespace = "Room")')
  contains(plan.config, '(className = "Room", uniqueKey = "hello-Room", enableSql = true)')
  equal(#plan.left_out, 1)
end)

test("requests to other hosts go through the local cloud, with the Worker's name", function()
  local plan = workerd.plan(version(), { cloud = "127.0.0.1:4000", caller = "token hello zone" })
  contains(plan.config, 'globalOutbound = "outbound"')
  contains(plan.config, 'address = "127.0.0.1:4000", http = (style = proxy')
  contains(plan.config, 'value = "token hello zone"')
  lacks(workerd.plan(version(), {}).config, "outbound\", worker")
end)

test("assets stand before the Worker and lie on disk under their decoded paths", function()
  local plan = workerd.plan(version {
    assets = { manifest = { ["/a%20page.html"] = { hash = "h1" } } },
    bindings = { { name = "ASSETS", type = "assets" } },
  }, { asset = body_of })
  contains(plan.config, '(name = "next", service = "assets")')
  contains(plan.config, 'name = "ASSETS", service = (name = "assets", entrypoint = "AssetWorker")')
  for _, file in ipairs(plan.files) do
    if file.path == "assets/a page.html" then return equal(file.body, "content of h1") end
  end
  error "the asset is missing"
end)

test("assets alone need no Worker", function()
  local plan = workerd.plan({ assets = { manifest = {} } }, { asset = body_of })
  lacks(plan.config, "userWorker")
  contains(plan.config, 'compatibilityDate = "2021-11-02"')
end)

test("an asset's path cannot lead out of its directory", function()
  for _, path in ipairs { "/../x", "/a/../../x", "/%2e%2e/x", "x", "/", "/a//b", "/a%00" } do
    local assets = { manifest = { [path] = { hash = "h" } } }
    raises("cannot be the path of an asset", workerd.plan, { assets = assets }, { asset = body_of })
  end
end)

test("a date newer than workerd knows becomes the newest it knows", function()
  local newest = workerd.newest "workerd 2026-08-17\n"
  contains(workerd.plan(version(), { newest = newest }).config, 'compatibilityDate = "2026-08-17"')
end)

test("a control message tells the port for visitors, and no other", function()
  equal(workerd.port '{"event":"listen","socket":"http","port":36247}', 36247)
  equal(workerd.port '{"event":"listen","socket":"inbox 1","port":0}', nil)
  equal(workerd.port "a log line", nil)
end)

test("a main module that was not uploaded is an error that names it", function()
  raises("no module is named 'other.js'", workerd.plan, version { main_module = "other.js" }, {})
  raises("no part is named 'other'", workerd.plan, { body_part = "other", modules = {} }, {})
end)

test("a module of an unknown type is an error that names both", function()
  raises("module 'a.bin' has the unknown type 'image/png'", workerd.plan, { main_module = "a.bin",
    modules = { { name = "a.bin", type = "image/png", body = "" } } }, {})
end)
