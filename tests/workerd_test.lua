---The data plane's configuration: what a version becomes, and what is refused.
local workerd = require "cloud.workerd"

local function version(changes)
  local v = {
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

local function body_of(hash) return "content of " .. hash end

test("the main module comes first and source maps stay out", function()
  local plan = workerd.plan(version(), {})
  contains(plan.config, 'modules = [(name = "index.js", esModule = embed "modules/2"),')
  contains(plan.config, '(name = "greeting.txt", text = embed "modules/1")]')
  equal(#plan.files, 2)
end)

test("a binding's text arrives whatever it holds", function()
  local plan = workerd.plan(version { bindings = {
    { name = "SECRET", type = "secret_text", text = 'a"b\\c\né' },
  } }, {})
  contains(plan.config, [[(name = "SECRET", text = "a\x22b\x5cc\x0a\xc3\xa9")]])
end)

test("a binding without a local service is left out and named", function()
  local plan = workerd.plan(version { bindings = { { name = "DB", type = "d1" } } }, {})
  equal(plan.left_out[1].name, "DB")
end)

test("assets stand before the Worker and lie on disk under their decoded paths", function()
  local plan = workerd.plan(version {
    assets = { manifest = { ["/a%20page.html"] = { hash = "h1" } } },
    bindings = { { name = "ASSETS", type = "assets" } },
  }, { asset = body_of })
  contains(plan.config, 'service = "assets"')
  contains(plan.config, 'name = "ASSETS", service = (name = "assets", entrypoint = "AssetWorker")')
  equal(plan.files[3].path, "assets/a page.html")
  equal(plan.files[3].body, "content of h1")
end)

test("assets alone need no Worker", function()
  local plan = workerd.plan({ assets = { manifest = {} } }, { asset = body_of })
  equal(plan.config:find("userWorker", 1, true), nil)
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

test("a control message tells the port", function()
  equal(workerd.port '{"event":"listen","socket":"http","port":36247}', 36247)
  equal(workerd.port "a log line", nil)
end)

test("a main module that was not uploaded is an error that names it", function()
  raises("no module is named 'other.js'", workerd.plan, version { main_module = "other.js" }, {})
end)
