---Workers scripts: upload, settings, tags, versions, deployments, removal.
local clock = require "cloud.clock"
local data = require "cloud.data"
local domains = require "cloud.cloudflare.domains"
local ids = require "cloud.ids"
local json = require "json"
local route = require "cloud.route"
local routes = require "cloud.cloudflare.routes"
local upload = require "cloud.cloudflare.upload"

local scripts = {}

local function time(seconds) return clock.iso(seconds, 6) end

---The script that the path names; refuses when there is none.
---@return table script, table latest  and its newest version
function scripts.of(context)
  local script = context.cloudflare.scripts[context.params.script]
  if script then return script, script.versions[#script.versions] end
  route.refuse { status = 404, code = 10007,
    message = "This Worker does not exist on your account." }
end

local function show(script)
  local version = script.versions[#script.versions]
  return {
    id = script.name, tag = script.tag, tags = data.array(script.tags), etag = version.etag,
    handlers = data.array(version.main_module and { "fetch" }), usage_model = "standard",
    created_on = time(script.created), modified_on = time(script.modified),
    has_assets = version.assets ~= nil, has_modules = version.main_module ~= nil,
    compatibility_date = version.compatibility_date,
    compatibility_flags = data.array(version.compatibility_flags),
    last_deployed_from = version.source, logpush = script.logpush or false,
  }
end

-- "blue:yes,green:no": tags that a script must have and must not have.
local function tagged(script, wanted)
  for tag, allowed in wanted:gmatch("([^,]+):(%l+)") do
    local has = false
    for _, own in ipairs(script.tags) do has = has or own == tag end
    if has ~= (allowed == "yes") then return false end
  end
  return true
end

local function list(context)
  local found = json.array {}
  for _, script in pairs(context.cloudflare.scripts) do
    if tagged(script, context.query.tags or "") then found[#found + 1] = show(script) end
  end
  return found
end

-- ---- upload ------------------------------------------------------------------------------

local function check_name(name)
  if #name <= 63 and name:find("^[%l%d_][%l%d_-]*$") then return end
  route.refuse { status = 400, code = 10016, message = "Invalid Worker name." }
end

local function new_script(context, name)
  local script = { name = name, tag = ids.hex(context.state, "script"), tags = {},
    created = context.now, versions = {}, deployments = {}, subdomain = {} }
  context.cloudflare.scripts[name] = script
  return script
end

local function put(context)
  local name = context.params.script
  check_name(name)
  local script = context.cloudflare.scripts[name]
  local version, metadata = upload.read(context, script and script.versions[#script.versions])
  script = script or new_script(context, name)
  upload.deploy(context, script, version)
  script.tags = metadata.tags or script.tags
  script.observability = metadata.observability or script.observability
  local answer = show(script)
  answer.startup_time_ms, answer.entry_point = 4, version.main_module
  answer.deployment_id = version.id:gsub("-", "")   -- this answer alone has the id without hyphens
  return answer
end

-- The name of another script whose newest version has a service binding to this one, or nil.
local function referring(cloudflare, name)
  for other, script in pairs(cloudflare.scripts) do
    for _, binding in ipairs(script.versions[#script.versions].bindings) do
      local bound = binding.type == "service" and binding.service == name
      if bound and other ~= name then return other end
    end
  end
end

local function delete(context)
  local script = scripts.of(context)
  local referenced = referring(context.cloudflare, script.name)
  if referenced and context.query.force ~= "true" then   -- code assumed
    route.refuse { status = 400, code = 10064,
      message = ("This Worker is bound by %s; delete that first, or force."):format(referenced) }
  end
  domains.release(context.cloudflare, script.name)   -- assumed: its domains and routes go with it
  routes.release(context.cloudflare, script.name)
  context.cloudflare.scripts[script.name] = nil
  return { id = script.name }
end

-- ---- settings ----------------------------------------------------------------------------

local hidden = { secret_text = true, secret_key = true }

local function show_binding(binding)
  if hidden[binding.type] then return { name = binding.name, type = binding.type } end
  if binding.type == "json" then
    return { name = binding.name, type = "json", json = json.decode(binding.text) }
  end
  return data.plain(binding)
end

local function script_settings(script)
  return { tags = data.array(script.tags), logpush = script.logpush or false,
    observability = script.observability, tail_consumers = data.array(script.tail_consumers) }
end

local function settings(context)
  local script, version = scripts.of(context)
  local answer = script_settings(script)
  answer.bindings = data.array(version.bindings, show_binding)
  answer.annotations = data.plain(version.annotations)
  answer.compatibility_date = version.compatibility_date
  answer.compatibility_flags = data.array(version.compatibility_flags)
  answer.usage_model, answer.placement = "standard", {}
  return answer
end

local function patch_script_settings(context)
  local script, body = scripts.of(context), data.plain(context.body)
  for _, name in ipairs { "tags", "logpush", "observability", "tail_consumers" } do
    if context.body[name] ~= nil then script[name] = body[name] end
  end
  script.tags = script.tags or {}
  return script_settings(script)
end

-- ---- versions and deployments, newest first ----------------------------------------------

local function newest_first(items)
  local reversed = {}
  for i = #items, 1, -1 do reversed[#reversed + 1] = items[i] end
  return reversed
end

local function versions(context)
  local newest = newest_first((scripts.of(context)).versions)
  local page, info = route.page(context.query, newest, 10, 100)
  local items = data.array(page, function(version)
    return { id = version.id, number = version.number,
      annotations = data.plain(version.annotations), metadata = {
        created_on = time(version.created), modified_on = time(version.created),
        source = version.source, author_id = context.cloudflare.account_id,
        author_email = "davit@example.com", hasPreview = false } }
  end)
  return { items = items }, { info = info }
end

local function deployments(context)
  local newest = newest_first((scripts.of(context)).deployments)
  return { deployments = data.array(newest, function(deployment)
    return { id = deployment.id, source = deployment.source, strategy = "percentage",
      author_email = "davit@example.com", created_on = time(deployment.created),
      annotations = data.plain(deployment.annotations),
      versions = data.array(deployment.versions) }
  end) }
end

local ONE = "/accounts/{account}/workers/scripts/{script}"

scripts.routes = {
  { "GET", "/accounts/{account}/workers/scripts", list },
  { "PUT", ONE, put },
  { "DELETE", ONE, delete },
  { "GET", ONE .. "/settings", settings },
  { "GET", ONE .. "/script-settings", function(c) return script_settings((scripts.of(c))) end },
  { "PATCH", ONE .. "/script-settings", patch_script_settings },
  { "GET", ONE .. "/versions", versions },
  { "GET", ONE .. "/deployments", deployments },
}
for _, entry in ipairs(scripts.routes) do entry.scope = "workers" end

return scripts
