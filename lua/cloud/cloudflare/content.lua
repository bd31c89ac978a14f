---The modules of a script, given back and replaced without its settings.
local data = require "cloud.data"
local form = require "cloud.cloudflare.form"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local scripts = require "cloud.cloudflare.scripts"
local upload = require "cloud.cloudflare.upload"

local content = {}

-- A Worker of modules is form data whose entry a header names; one in the older format is its text.
local function give(version)
  if version.body_part then
    local module = data.find(version.modules, "name", version.body_part)
    return nil, { raw = { body = module.body, type = "application/javascript" } }
  end
  local boundary = "davit" .. version.etag:sub(1, 32)
  return nil, { headers = { ["cf-entrypoint"] = version.main_module }, raw = {
    body = form.write(version.modules, boundary), type = "multipart/form-data; boundary=" .. boundary } }
end

local function get(context)
  local of, version = script.with_version(context)
  local id = data.text(context.query.version)
  return give(id and script.version(of, id) or version)
end

-- The entry is named by the metadata or by a header.
local function entry_of(context, metadata)
  local headers = context.request.headers
  local main = metadata.main_module or headers["cf-worker-main-module-part"]
  local body = metadata.body_part or headers["cf-worker-body-part"]
  if type(main or body) == "string" then return main, body end
  route.refuse { status = 400, code = 10026, message = "main_module or body_part is required." }
end

local function put(context)
  local of, version = script.with_version(context)
  local parts = form.parts(context.request)
  local metadata = data.plain(form.document(parts, "metadata") or {})
  local made = upload.copy(version, data.plain(version.bindings))
  made.modules, made.handlers = form.modules(parts, "metadata"), nil
  made.main_module, made.body_part = entry_of(context, metadata)
  script.publish(context, of, upload.seal(context, made), "upload")
  return scripts.show(of)
end

local ONE = "/accounts/{account}/workers/scripts/{script}"

content.routes = {
  { "GET", ONE, get }, { "GET", ONE .. "/content", get }, { "GET", ONE .. "/content/v2", get },
  { "PUT", ONE .. "/content", put },
}
for _, entry in ipairs(content.routes) do entry.scope = "workers" end

return content
