---The model of Cloudflare's Workers against requests that nobody means: it answers every one, and
---its state stays what can be saved and shown.
local core = require "core"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local json = require "json"

local S, W = client.S, client.W
local MODULE = "application/javascript+module"

-- ---- what is sent ------------------------------------------------------------------------

local deep = {}
for _ = 1, 50 do deep = { deep } end

local odd = { 0, -1, 1.5, 1 << 53, "x", "", "\u{FFFF}\0", "__index", true, false, json.null, json.array {}, { a = {} },
  json.array { 1 }, json.array { json.null }, json.array { "x" }, json.array { json.array {} },
  json.array { { name = 1, type = 2 } }, json.array { { name = "X", type = json.null } }, { x = json.null }, { x = 1 },
  { x = { type = "secret_text" } }, { ["1"] = "x" }, { enabled = 1 }, { jwt = "x", config = 1 }, deep }

local kinds = { "plain_text", "secret_text", "secret_key", "json", "d1", "kv_namespace", "service", "inherit",
  "durable_object_namespace", "r2_bucket", "queue", "ratelimit", "hyperdrive" }

local fields = {
  metadata = { "main_module", "body_part", "bindings", "keep_bindings", "keep_assets", "compatibility_date",
    "compatibility_flags", "annotations", "assets", "migrations", "tags", "logpush", "observability",
    "tail_consumers", "limits", "placement", "exports", "usage_model", "never_heard_of" },
  binding = { "text", "json", "id", "namespace_id", "service", "old_name", "version_id", "script_name", "class_name",
    "bucket_name", "queue_name", "algorithm" },
  migrations = { "old_tag", "new_tag", "new_classes", "new_sqlite_classes", "renamed_classes", "deleted_classes", "steps" },
  worker = { "name", "tags", "logpush", "observability", "tail_consumers", "subdomain", "previews_base_config" },
  preview = { "name", "tags", "logpush", "observability", "tail_consumers" },
  base = { "env", "limits", "placement", "logpush", "observability", "tail_consumers", "compatibility_date",
    "compatibility_flags", "never_heard_of" },
  deployment = { "env", "bindings", "modules", "main_module", "annotations", "assets", "compatibility_date", "limits",
    "compatibility_flags", "migrations", "placement", "exports", "keep_assets", "never_heard_of" },
  version = { "modules", "main_module", "bindings", "assets", "migrations", "annotations", "compatibility_date" },
}

local function with(base, name, value)
  local copy = {}
  for key, item in pairs(base) do copy[key] = item end
  copy[name] = value
  return copy
end

-- ---- what must hold afterwards -----------------------------------------------------------

local function check_plain(value, path)
  if type(value) == "userdata" or type(value) == "function" then error(path .. " is a " .. type(value)) end
  if type(value) ~= "table" then return end
  local numbers, names = 0, 0
  for key, item in pairs(value) do
    if math.type(key) == "integer" then numbers = numbers + 1 else names = names + 1 end
    check_plain(item, path .. "." .. tostring(key))
  end
  if numbers > 0 and names > 0 or numbers ~= #value then error(path .. " is neither list nor object") end
end

local shown = { S .. "web/settings", S .. "web/versions", S .. "web/deployments", S .. "web/secrets", S .. "web/references",
  S .. "web/script-settings", W .. "/scripts", W .. "/services/web", W .. "/workers", W .. "/workers/web",
  W .. "/workers/web/versions", W .. "/workers/web/previews", W .. "/workers/web/previews/main",
  W .. "/workers/web/previews/main/deployments", W .. "/durable_objects/namespaces", W .. "/tails/by-consumer/web" }

local function check(c)
  for _, path in ipairs(shown) do
    local status = c:ask("GET", path)
    if status ~= 200 then error(("%s answers %d"):format(path, status)) end
  end
  check_plain(c.state.cloudflare.scripts, "scripts")
end

-- A script with a version of its own, to be troubled.
local function victim()
  local c = client.new { settings = { cloudflare_requests = 1 << 40 } }
  c:put("web", { bindings = { { name = "KEY", type = "secret_text", text = "hush" } } })
  c:result("POST", W .. "/workers/web/previews", { name = "main" })
  return c
end

local function try_all(names, send)
  for _, name in ipairs(names) do
    local c = victim()
    for _, value in ipairs(odd) do
      local status = send(c, name, value)
      if status >= 500 then error(("%s = %s answers %d"):format(name, json.encode(value), status)) end
    end
    check(c)
  end
end

-- ---- tests -------------------------------------------------------------------------------

local MULTIPART = { headers = client.form_headers }

test("every field of an upload's metadata may be anything", function()
  for _, target in ipairs { "PUT " .. S .. "web", "POST " .. S .. "web/versions", "PUT " .. S .. "web/content" } do
    local method, path = target:match "^(%S+) (.*)$"
    try_all(fields.metadata, function(c, name, value)
      local body = client.form { { "metadata", json.encode(with({ main_module = "i.js" }, name, value)) },
        { "i.js", "export default {}", MODULE } }
      return (c:ask(method, path, body, MULTIPART))
    end)
  end
end)

test("every field of a preview, of its deployments and of what new ones begin with may be anything", function()
  local web = W .. "/workers/web"
  try_all(fields.preview, function(c, name, value)
    local made = c:ask("POST", web .. "/previews", with({ name = "other" }, name, value))
    c:ask("DELETE", web .. "/previews/other")
    return math.max(made, (c:ask("PATCH", web .. "/previews/main", { [name] = name ~= "name" and value or 1 })))
  end)
  try_all(fields.base, function(c, name, value)
    local set = c:ask("PATCH", web, { previews_base_config = { [name] = value } })
    local made = c:ask("POST", web .. "/previews", { name = "other" })
    local deployed = c:ask("POST", web .. "/previews/other/deployments", client.upload {}, MULTIPART)
    c:ask("DELETE", web .. "/previews/other")
    return math.max(set, made, deployed)
  end)
  try_all(fields.deployment, function(c, name, value)
    local all = web .. "/previews/main/deployments"
    local form = client.form { { "metadata", json.encode(with({ main_module = "i.js" }, name, value)) },
      { "i.js", "export default {}", MODULE } }
    local worst = math.max((c:ask("POST", all, form, MULTIPART)), (c:ask("POST", all, { [name] = value })))
    c:ask("POST", all, client.upload {}, MULTIPART)
    return math.max(worst, (c:ask("PATCH", all .. "/latest", { [name] = value })))
  end)
end)

test("every field of a binding may be anything", function()
  try_all(fields.binding, function(c, name, value)
    local worst = 0
    for _, kind in ipairs(kinds) do
      local binding = with({ name = "X", type = kind, text = "t", json = 1 }, name, value)
      local status = c:ask("PUT", S .. "web", client.upload { bindings = { binding } }, MULTIPART)
      worst = math.max(worst, status, (c:ask("PATCH", W .. "/workers/web/versions/latest", { env = { X = binding } })))
      local all = W .. "/workers/web/previews/main/deployments"
      worst = math.max(worst, (c:ask("POST", all, client.upload { env = { X = binding } }, MULTIPART)),
        (c:ask("PATCH", all .. "/latest", { env = { X = binding } })))
    end
    return worst
  end)
end)

test("every field of a migration may be anything", function()
  try_all(fields.migrations, function(c, name, value)
    return (c:ask("PUT", S .. "web", client.upload { migrations = { [name] = value } }, MULTIPART))
  end)
end)

test("every field of JSON bodies may be anything", function()
  local requests = {
    { "POST", S .. "web/deployments", { strategy = "percentage", versions = {} },
      { "strategy", "versions", "annotations", "code_update_strategy" } },
    { "PATCH", S .. "web/settings", {}, fields.metadata }, { "PATCH", S .. "web/script-settings", {}, fields.metadata },
    { "PUT", S .. "web/secrets", { name = "N", type = "secret_text", text = "t" }, { "name", "type", "text" } },
    { "PATCH", S .. "web/secrets-bulk", { secrets = {} }, { "secrets", "version_tags" } },
    { "PATCH", W .. "/workers/web/versions/latest", {}, { "env", "annotations" } },
    { "POST", W .. "/workers", { name = "new" }, fields.worker }, { "PUT", W .. "/workers/web", {}, fields.worker },
    { "PATCH", W .. "/workers/web", {}, fields.worker },
    { "POST", W .. "/workers/web/versions?deploy=true", {}, fields.version },
    { "POST", S .. "web/assets-upload-session", {}, { "manifest" } },
  }
  for _, request in ipairs(requests) do
    local method, path, base, names = table.unpack(request)
    try_all(names, function(c, name, value) return (c:ask(method, path, with(base, name, value))) end)
  end
end)

test("a body may be any JSON, or none", function()
  local c = victim()
  for _, target in ipairs { "POST " .. S .. "web/deployments", "PATCH " .. S .. "web/settings", "PUT " .. S .. "web/secrets",
    "PATCH " .. S .. "web/secrets-bulk", "PATCH " .. W .. "/workers/web/versions/latest", "POST " .. W .. "/workers",
    "PUT " .. S .. "web", "POST " .. S .. "web/versions", "PUT " .. S .. "web/content",
    "POST " .. S .. "web/assets-upload-session", "PATCH " .. W .. "/workers/web", "POST " .. W .. "/workers/web/previews",
    "PATCH " .. W .. "/workers/web/previews/main", "POST " .. W .. "/workers/web/previews/main/deployments",
    "PATCH " .. W .. "/workers/web/previews/main/deployments/latest" } do
    local method, path = target:match "^(%S+) (.*)$"
    for _, body in ipairs { "", "[]", "[1]", "null", "1", '"x"', "{", "\255", ("["):rep(5000) } do
      for _, kind in ipairs { "application/json", "multipart/form-data; boundary=x", "multipart/form-data",
        "application/javascript", "text/plain" } do
        local status = c:ask(method, path, body, { headers = { ["content-type"] = kind } })
        if status >= 500 then error(("%s %s as %s answers %d"):format(target, body:sub(1, 9), kind, status)) end
      end
    end
  end
  check(c)
end)

test("names that are no text, and what is nested too deeply, are refused, and do not come back", function()
  local c = victim()
  local bad = "\255\254"
  for _, parts in ipairs {
    { { "metadata", '{"main_module":"i.js"}' }, { "i.js", "export default {}", "application/" .. bad } },
    { { "metadata", '{"main_module":"i.js"}' }, { bad, "export default {}", MODULE } },
    { { "metadata[annotations][" .. bad .. "]", "x" }, { "metadata[main_module]", "i.js" } },
    { { "metadata[main_module]", bad }, { "i.js", "export default {}", MODULE } },
    { { "metadata[", "x" }, { "metadata[]", "x" }, { "metadata[][][a]", "x" }, { "metadata[a]", "x" },
      { "metadata[a][b]", "y" } },
    { { "metadata", '{"main_module":"i.js","x":' .. ("["):rep(101) .. ("]"):rep(101) .. "}" } },
    { { "metadata[main_module]", "i.js" }, { "metadata" .. ("[x]"):rep(101), "y" }, { "i.js", "export default {}", MODULE } },
  } do
    equal(c:ask("PUT", S .. "web", client.form(parts), MULTIPART), 400)
  end
  for _, path in ipairs { S .. "%FF", S .. "web/versions/%FF", S .. "web/secrets/%FF%00", S .. "web/deployments/%FF",
    W .. "/workers/%FF", W .. "/workers/web/previews/%FF", W .. "/workers/web/previews/main/deployments/%FF",
    W .. "/services/%FF", S .. "web/content/v2?version=%FF" } do
    equal(c:ask("GET", path), 404)
  end
  equal(c:ask("PUT", S .. "%FF", client.upload {}, MULTIPART), 400)
  check(c)
end)
