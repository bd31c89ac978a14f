---What new previews of a Worker begin with: bindings and limits of their first deployment, and settings of the preview
---itself. A preview takes a copy when it is made; later changes concern later previews only.
---
---The Worker keeps it as `previews_base`: `bindings` as a version has them, `rest` as it came.
local bindings = require "cloud.cloudflare.bindings"
local data = require "cloud.data"
local json = require "json"
local route = require "cloud.route"
local settings = require "cloud.cloudflare.settings"

local preview_base = {}

-- What belongs to a deployment; everything else belongs to the preview.
local deployed = { "limits", "placement", "cache_options", "cache", "usage_model", "compatibility_date",
  "compatibility_flags" }

---A base with what a request says of it. A merge patch, as wrangler sends it, changes what it names.
---@param context table
---@param name string    of the Worker
---@param old? table     what there was; nil replaces all
---@param wanted any     as decoded
---@return table|nil base
function preview_base.changed(context, name, old, wanted)
  if wanted == nil then return old end
  if wanted == json.null then return nil end
  if type(wanted) ~= "table" then
    route.refuse { status = 400, code = 10026, message = "previews_base_config is not an object." }
  end
  settings.check(wanted)
  local base, rest = old or { bindings = {}, rest = {} }, {}
  for key, value in pairs(wanted) do
    if key ~= "env" then rest[key] = value end
  end
  local changes = wanted.env == json.null and bindings.none(base) or bindings.changes(wanted.env)
  return { rest = data.merged(base.rest, rest),
    bindings = bindings.changed(context, { bindings = base.bindings, script = name }, changes) }
end

---@param base? table
---@return table  as answered: without the values of secrets
function preview_base.show(base)
  if not base then return {} end
  local shown = data.plain(base.rest)
  if #base.bindings > 0 then shown.env = bindings.mapped(base) end
  return shown
end

---@param base? table
---@param name string  a setting of the preview itself
---@return any
function preview_base.setting(base, name) return base and data.plain(base.rest[name]) end

---What a first deployment has of it.
---@param base? table
---@return { bindings: table[], metadata: table }
function preview_base.first(base)
  local metadata = {}
  for _, key in ipairs(base and deployed or {}) do metadata[key] = data.plain(base.rest[key]) end
  return { bindings = base and base.bindings or {}, metadata = metadata }
end

return preview_base
