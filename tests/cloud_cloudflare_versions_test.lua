---The model of Cloudflare: versions, deployments, and secrets on either.
local core = require "core"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local json = require "json"

local S, W = client.S, client.W
local NOBODY = "00000000-0000-4000-a000-000000000000"

local function uuid(deployment_id)
  return (deployment_id:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)", "%1-%2-%3-%4-"))
end

local function current(c, name)
  return c:result("GET", S .. name .. "/deployments").deployments[1]
end

-- A script with a deployed version and one that waits: their ids.
local function two_versions(c, name)
  local first = uuid(c:put(name).deployment_id)
  return first, c:version(name).id
end

-- ---- versions ----------------------------------------------------------------------------

test("a version is uploaded without being deployed", function()
  local c = client.new()
  local first = uuid(c:put("web", { bindings = { { name = "A", type = "plain_text", text = "a" } } }).deployment_id)
  local made = c:version("web", { compatibility_date = "2026-01-01", annotations = { ["workers/tag"] = "t",
    ["workers/message"] = "m", ["workers/alias"] = "pr-1" } })
  equal({ made.number, made.metadata.has_preview, made.metadata.source, made.startup_time_ms },
    { 2, true, "wrangler", 4 })
  equal(made.annotations["workers/alias"], "pr-1")
  equal({ #made.resources.script.etag, made.resources.script.handlers, #made.resources.bindings },
    { 64, { "fetch" }, 0 })
  equal(made.resources.script_runtime.compatibility_date, "2026-01-01")
  equal(current(c, "web").versions, { { version_id = first, percentage = 100 } })
  equal(c:result("GET", S .. "web/versions/" .. made.id), made)
end)

test("a version needs a Worker, and one that is not there is told by a code of its own", function()
  local c = client.new()
  equal(c:refused("POST", S .. "web/versions", client.upload {}, { headers = client.form_headers }), { 404, 10007 })
  c:put "web"
  equal(c:refused("GET", S .. "web/versions/" .. NOBODY), { 404, 100146 })
end)

test("versions are paged as items, those that can be deployed are not", function()
  local c = client.new()
  c:put "web"
  for _ = 2, 12 do c:version "web" end
  local page, info = c:result("GET", S .. "web/versions?page=2&per_page=5")
  equal({ #page.items, page.items[1].number }, { 5, 7 })
  equal(info, { page = 2, per_page = 5, count = 5, total_count = 12, total_pages = 3 })
  local all, none = c:result("GET", S .. "web/versions?deployable=true&per_page=5")
  equal({ #all.items, all.items[1].number, none }, { 12, 12, nil })
end)

test("what the model does not know of a version's metadata is kept", function()
  local c = client.new()
  c:put("web", { limits = { cpu_ms = 50 }, placement = { mode = "smart" },
    something_new = { list = json.array {}, none = json.null } })
  local version = c:result("GET", S .. "web/versions/" .. c:versions("web")[1].id)
  equal(version.resources.script_runtime.limits, { cpu_ms = 50 })
  equal(c:result("GET", S .. "web/settings").placement, { mode = "smart" })
  local kept = json.decode(c.state.cloudflare.scripts.web.versions[1].extra)
  equal(json.encode(kept.something_new), '{"list":[],"none":null}')
end)

test("the runtime's opinion of an upload decides, and how long it took to start is told", function()
  local c = client.new()
  local code, text = c:put_refused("web", {}, nil, { rejected = { code = 10021, message = "Uncaught SyntaxError 100%" } })
  equal({ code, text }, { { 400, 10021 }, "Uncaught SyntaxError 100%" })
  equal(c:refused("GET", S .. "web/settings"), { 404, 10007 })
  equal(c:put("web", {}, nil, { startup_ms = 17 }).startup_time_ms, 17)
end)

test("an upload may name the etag that it replaces", function()
  local c = client.new()
  local etag = c:put("web").etag
  local function with(etag_header)
    return { headers = { ["content-type"] = "multipart/form-data; boundary=x", ["if-match"] = etag_header } }
  end
  equal(c:put_refused("web", {}, nil, with '"other"'), { 412, 10018 })
  equal(c:put("web", {}, nil, with('"' .. etag .. '"')).id, "web")
end)

-- ---- deployments -------------------------------------------------------------------------

test("traffic is shared by two versions, then goes to one", function()
  local c = client.new()
  local first, second = two_versions(c, "web")
  local made = c:deploy("web", first, 10, second, 90)
  equal({ made.strategy, made.source, made.annotations["workers/triggered_by"] },
    { "percentage", "api", "deployment" })
  equal(current(c, "web").id, made.id)
  equal(current(c, "web").versions, { { version_id = first, percentage = 10 }, { version_id = second, percentage = 90 } })
  c:deploy("web", second, 100)
  local list, info = c:result("GET", S .. "web/deployments")
  equal({ #list.deployments, info.total_count, list.items[1].deployments[1].id }, { 3, 3, current(c, "web").id })
  equal(c:result("GET", S .. "web/deployments/" .. made.id).versions, made.versions)
end)

test("a deployment that cannot be is refused", function()
  local c = client.new()
  local first, second = two_versions(c, "web")
  local function refused(...)
    local shares, told = {}, { ... }
    for i = 1, #told, 2 do shares[#shares + 1] = { version_id = told[i], percentage = told[i + 1] } end
    return (c:refused("POST", S .. "web/deployments", { strategy = "percentage", versions = shares }))[2]
  end
  equal(refused(first, 50), 10021)
  equal(refused(), 10021)
  equal(refused(first, 50, first, 50), 10021)
  equal(refused(first, 50, second, 25, NOBODY, 25), 10021)
  equal(refused(first, -10, second, 110), 10021)
  equal(refused(NOBODY, 100), 100146)
  equal(c:refused("POST", S .. "web/deployments", { strategy = "other", versions = { { 1 } } }), { 400, 10021 })
  equal(#c:result("GET", S .. "web/deployments").deployments, 1)
end)

test("only a deployment that does not serve can be deleted", function()
  local c = client.new()
  local first, second = two_versions(c, "web")
  c:deploy("web", second, 100)
  local list = c:result("GET", S .. "web/deployments").deployments
  equal(c:refused("DELETE", S .. "web/deployments/" .. list[1].id), { 400, 10021 })
  equal(c:result("DELETE", S .. "web/deployments/" .. list[2].id), json.null)
  equal(c:refused("GET", S .. "web/deployments/" .. list[2].id), { 404, 10336 })
  equal(c:result("GET", S .. "web/versions/" .. first).number, 1)
end)

test("a version that is not among the newest hundred cannot be deployed", function()
  local c = client.new()
  local first = uuid(c:put("web").deployment_id)
  for _ = 2, 101 do c:version "web" end
  equal(c:refused("POST", S .. "web/deployments", { strategy = "percentage",
    versions = { { version_id = first, percentage = 100 } } }), { 400, 10021 })
  equal(#c:result("GET", S .. "web/versions?deployable=true").items, 100)
end)

test("going back over changed secrets names them, and needs force", function()
  local c = client.new()
  local first = uuid(c:put("web").deployment_id)
  for _, name in ipairs { "KEY", "ALSO" } do
    c:result("PUT", S .. "web/secrets", { name = name, type = "secret_text", text = "hush" })
  end
  local body = { strategy = "percentage", versions = { { version_id = first, percentage = 100 } } }
  local code, text = c:refused("POST", S .. "web/deployments", body)
  equal(code, { 400, 10220 })
  equal(text:match("The following secrets have changed: (.*)$"), "ALSO, KEY")
  equal(text:find("hush"), nil)
  c:result("POST", S .. "web/deployments?force=true", body)
  equal(current(c, "web").versions[1].version_id, first)
end)

test("a newer version with other secrets is no way back", function()
  local c = client.new()
  local first = uuid(c:put("web").deployment_id)
  local second = c:version("web", { bindings = { { name = "KEY", type = "secret_text", text = "new" } } }).id
  c:deploy("web", first, 90, second, 10)
  c:deploy("web", first, 50, second, 50)
  c:deploy("web", first, 100)
end)

-- ---- secrets -----------------------------------------------------------------------------

test("a secret is not changed while the newest version waits", function()
  local c = client.new()
  local first, second = two_versions(c, "web")
  local secret = { name = "KEY", type = "secret_text", text = "hush" }
  equal(c:refused("PUT", S .. "web/secrets", secret), { 400, 10215 })
  c:deploy("web", first, 50, second, 50)
  equal(c:refused("PATCH", S .. "web/secrets-bulk", { secrets = { KEY = secret } }), { 400, 10215 })
  c:deploy("web", second, 100)
  c:result("PUT", S .. "web/secrets", secret)
  equal(current(c, "web").annotations["workers/triggered_by"], "secret")
end)

test("many secrets change in one version, null removes one", function()
  local c = client.new()
  c:put("web", { bindings = { { name = "VAR", type = "plain_text", text = "v" },
    { name = "OLD", type = "secret_text", text = "o" } } })
  local answer = c:result("PATCH", S .. "web/secrets-bulk", { secrets = {
    A = { name = "A", type = "secret_text", text = "1" }, B = { type = "secret_text", text = "2" },
    OLD = json.null, NEVER = json.null } })
  equal(answer, { A = { name = "A", type = "secret_text" }, B = { name = "B", type = "secret_text" } })
  equal(#c:versions("web"), 2)
  equal(c:bindings("web").VAR.text, "v")
  equal(c:refused("PATCH", S .. "web/secrets-bulk", { secrets = {
    VAR = { name = "VAR", type = "secret_text", text = "x" } } }), { 400, 10053 })
  local many = {}
  for i = 1, 101 do many["K" .. i] = json.null end
  equal(c:refused("PATCH", S .. "web/secrets-bulk", { secrets = many }), { 400, 10026 })
  c:result("PATCH", S .. "web/secrets-bulk", { secrets = { NEVER = json.null } })
  equal(#c:versions("web"), 2)
end)

test("the newest version is patched without being deployed", function()
  local c = client.new()
  local first = uuid(c:put("web", { bindings = { { name = "OLD", type = "secret_text", text = "o" } } }).deployment_id)
  local made = c:result("PATCH", W .. "/workers/web/versions/latest", {
    env = { KEY = { type = "secret_text", text = "hush" }, OLD = json.null },
    annotations = { ["workers/message"] = "m" } })
  equal({ made.number, made.annotations["workers/message"], made.bindings },
    { 2, "m", { { name = "KEY", type = "secret_text" } } })
  equal(current(c, "web").versions[1].version_id, first)
  equal(c:refused("PATCH", W .. "/workers/nobody/versions/latest", { env = {} }), { 404, 10007 })
  c:result("POST", W .. "/workers", { name = "draft" })
  equal(c:refused("PATCH", W .. "/workers/draft/versions/latest", { env = {} }), { 404, 10222 })
end)

test("settings of the newest version are changed only while it serves", function()
  local c = client.new()
  c:put("web", { bindings = { { name = "VAR", type = "plain_text", text = "v" },
    { name = "KEY", type = "secret_text", text = "hush" }, { name = "GONE", type = "plain_text", text = "g" } } })
  local function patch(settings)
    return "PATCH", S .. "web/settings", client.form { { "settings", json.encode(settings) } },
      { headers = client.form_headers }
  end
  local answer = c:result(patch { bindings = { { name = "VAR", type = "plain_text" },
    { name = "KEY", type = "inherit" }, { name = "NEW", type = "secret_text", text = "n" } } })
  equal(answer.bindings, { { name = "VAR", type = "plain_text", text = "v" },
    { name = "KEY", type = "secret_text" }, { name = "NEW", type = "secret_text" } })
  equal(current(c, "web").versions[1].version_id, c:versions("web")[1].id)
  equal(c.state.cloudflare.scripts.web.versions[2].bindings[2].text, "hush")
  c:version "web"
  equal(c:refused(patch { bindings = json.array {} }), { 400, 10214 })
  equal(c:result(patch { logpush = true }).logpush, true)
end)
