---Workers as resources: a script with its modules, bindings and assets, ours by its tag.
local assets = require "cloudflare.assets"
local json = require "json"
local marker = require "marker"
local options = require "options"
local retry = require "retry"
local url = require "url"

local worker = {}

local fields = {
  { "name", "string", true }, { "marker", "string", true }, { "modules", "table" },
  { "main", "string" }, { "compatibility_date", "string" }, { "compatibility_flags", "table" },
  { "bindings", "table" }, { "assets", "table" }, { "assets_config", "table" },
  { "version_tag", "string" }, { "message", "string" }, { "observability", "table" },
  { "always", "boolean" },
}

local module_fields = {
  { "name", "string", true }, { "type", "string", true }, { "body", "text", true },
}

local function script(name, rest)
  return "/scripts/" .. url.encode(name) .. (rest or "")
end

-- ---- ownership ---------------------------------------------------------------------------

---Raises that something is not ours.
---@param reason string
---@param about string
function worker.refuse(reason, about)
  failure { code = "not-ours", about = about, message = "Cloudflare: " .. reason,
    hint = "nothing was changed; remove it or choose another name" }
end

---Raises unless the marker found is the one wanted.
---@param found? string
---@param wanted? string
---@param thing string  what it is called
function worker.refuse_foreign(found, wanted, thing)
  local ours, reason = marker.same(found, wanted, thing)
  if not ours then worker.refuse(reason, thing) end
end

local function settings(account, name)
  return account:workers(script(name, "/settings"), { absent = true,
    what = "read the Worker " .. name })
end

---A Worker by its name; nil when there is none.
---@return { name: string, marker: string|nil }|nil
function worker.find(account, name)
  local found = settings(account, name)
  return found and { name = name, marker = marker.of_tags(found.tags) }
end

---The marker of a Worker; nil when it has none, or is not there.
---@return string|nil
function worker.marker_of(account, name)
  return (worker.find(account, name) or {}).marker
end

---Whether a Worker has a secret of this name.
---@return boolean
function worker.has_secret(account, name, secret)
  local found = account:workers(script(name, "/secrets"), { absent = true,
    what = "list the secrets of the Worker " .. name })
  for _, one in ipairs(found or {}) do
    if one.name == secret then return true end
  end
  return false
end

-- ---- the version that serves -------------------------------------------------------------

-- The version that has all traffic, with its annotations; nil while two share it.
local function live(account, o)
  local name = o.name
  local listed = account:workers(script(name, "/deployments"), { absent = true,
    what = "list the deployments of the Worker " .. name })
  local newest = ((listed or {}).deployments or {})[1]
  if not newest or #newest.versions ~= 1 then return nil end
  local wanted = newest.versions[1].version_id
  local versions = account:workers(script(name, "/versions"), { absent = true,
    what = "list the versions of the Worker " .. name, query = { per_page = 100 } })
  for _, version in ipairs((versions or {}).items or {}) do
    if version.id == wanted then return version end
  end
end

local function tag_of(version)
  return type(version.annotations) == "table" and version.annotations["workers/tag"] or nil
end

local function thing_of(o, version_id)
  return { name = o.name, marker = o.marker, version_tag = o.version_tag, version_id = version_id }
end

-- The thing when what serves is what is wanted; nil when it is not, or cannot be told.
local function as_wanted(account, o)
  local version = o.version_tag and not o.always and live(account, o)
  if version and tag_of(version) == o.version_tag then return thing_of(o, version.id) end
end

local function same_names(account, o)
  local there, count = {}, 0
  for _, binding in ipairs((settings(account, o.name) or {}).bindings or {}) do
    there[binding.name], count = true, count + 1
  end
  for _, binding in ipairs(o.bindings or {}) do
    if not there[binding.name] then return false end
  end
  return count == #(o.bindings or {})
end

-- ---- upload ------------------------------------------------------------------------------

-- The secrets travel in here. keep_bindings is empty: a version has what it is given and nothing
-- that an earlier one left behind.
local function metadata_of(o, jwt)
  return {
    main_module = o.main, compatibility_date = o.compatibility_date,
    compatibility_flags = json.array(o.compatibility_flags or {}),
    bindings = json.array(o.bindings or {}), keep_bindings = json.array {},
    tags = json.array { marker.to_tag(o.marker) }, observability = o.observability,
    annotations = { ["workers/tag"] = o.version_tag, ["workers/message"] = o.message },
    assets = jwt and { jwt = jwt, config = o.assets_config },
  }
end

-- The metadata part goes without filename and content type, as wrangler sends it.
local function parts_of(o, jwt)
  local parts = { { name = "metadata", data = json.encode(metadata_of(o, jwt)) } }
  for _, module in ipairs(o.modules or {}) do
    parts[#parts + 1] = { name = module.name, filename = module.name, type = module.type,
      data = module.body }
  end
  return parts
end

-- The upload's answer has the version's id without hyphens, all others with.
local function uuid(text)
  if type(text) ~= "string" then return nil end
  return (text:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x+)$", "%1-%2-%3-%4-%5"))
end

local function put(account, o, jwt)
  local answer = account:workers(script(o.name), { method = "PUT", safe = false,
    query = { bindings_inherit = "strict" }, multipart = parts_of(o, jwt),
    what = "upload the Worker " .. o.name })
  return thing_of(o, uuid(answer and answer.deployment_id))
end

local function check_complete(o)
  if o.main and o.modules or o.assets and not o.modules then return end
  options.misuse("cloudflare.worker: to upload '%s' the options 'main' and 'modules' are required",
    o.name)
end

-- Every upload is a version and a deployment of its own, and rollback reaches only so many: when
-- the answer was lost, its tag is looked for before anything is sent again.
local function upload(account, o)
  check_complete(o)
  local jwt = o.assets and assets.upload(account, o.name, o.assets)
  return retry.run(retry.policies.after_looking, function(attempt)
    return attempt > 1 and as_wanted(account, o) or put(account, o, jwt)
  end)
end

-- ---- the resource ------------------------------------------------------------------------

local function destroy(account, o)
  local thing = worker.find(account, o.name)
  if not thing then return end
  worker.refuse_foreign(thing.marker, o.marker, "the Worker " .. o.name)
  account:workers(script(o.name), { method = "DELETE", absent = true, query = { force = true },
    what = "delete the Worker " .. o.name })
end

local function read(o)
  options.read("cloudflare.worker", o, fields)
  marker.check("cloudflare.worker", o.marker)
  for _, module in ipairs(o.modules or {}) do
    options.read("cloudflare.worker: modules", module, module_fields)
  end
  assets.check(o.assets or {})
  return o
end

---@return table resource
function worker.resource(account, o)
  read(o)
  return {
    "Worker " .. o.name,
    find = function() return worker.find(account, o.name) end,
    create = function() return upload(account, o) end,
    matches = function(thing)
      return marker.same(thing.marker, o.marker, "the Worker " .. o.name)
    end,
    update = function()
      local current = as_wanted(account, o)
      if current and same_names(account, o) then return current end
      return upload(account, o)
    end,
    destroy = function() destroy(account, o) end,
  }
end

---Deletes an item of the inventory.
function worker.destroy(account, item)
  destroy(account, { name = item.name, marker = item.marker })
end

---The Workers whose tag carries a marker below the prefix.
---@return table[]  kind, name, id, marker
function worker.inventory(account, prefix)
  local list = {}
  for _, found in ipairs(account:workers("/scripts", { what = "list the Workers" }) or {}) do
    local text = marker.of_tags(found.tags)
    if text and marker.under(text, prefix) then
      list[#list + 1] = { kind = "worker", name = found.id, id = found.id, marker = text }
    end
  end
  return list
end

return worker
