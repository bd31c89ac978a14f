---The hosts of previews on workers.dev, and what each shows: SLUG-WORKER the newest deployment of a preview,
---the first eight digits of a deployment's id in the slug's place always that one. Pure.
local data = require "cloud.data"
local sha256 = require "sha256"

local preview_hosts = {}

local LABEL = 63     -- characters of a host's name between two dots
local SHORT = 8      -- digits of an id that stand for it
local DIGITS = 4     -- of the hash that ends a slug that was cut

-- ---- names -------------------------------------------------------------------------------

-- Assumed: a slug that is too long for a host is cut, and told from others by a hash.
local function fitting(slug, name, room)
  if #slug <= room then return slug end
  return slug:sub(1, room - DIGITS - 1):gsub("%-+$", "") .. "-" .. sha256(name):sub(1, DIGITS)
end

---What stands in hosts for a preview's name.
---@param name string
---@param worker string  the Worker's name
---@return string
function preview_hosts.slug(name, worker)
  local room = LABEL - #worker - 1
  if room <= DIGITS + 1 then room = LABEL end   -- then it has no host; see urls
  return fitting(name:lower():gsub("[^%l%d]", "-"), name, room)
end

---@param cloudflare table
---@param of table       the Worker
---@param prefix string  a slug, or a deployment's id
---@return string|nil host  nil while nothing is shown on workers.dev, and where the name would be too long
function preview_hosts.host(cloudflare, of, prefix)
  local label = ("%s-%s"):format(prefix, of.name)
  if not (cloudflare.subdomain and of.subdomain.previews) or #label > LABEL then return nil end
  return ("%s.%s.workers.dev"):format(label, cloudflare.subdomain)
end

local function urls(host) return data.array(host and { "https://" .. host } or {}) end

---@return string[] urls  where a preview's newest deployment is seen
function preview_hosts.urls(cloudflare, of, preview)
  return urls(preview_hosts.host(cloudflare, of, preview.slug))
end

---@return string[] urls  where this deployment is seen, whatever is deployed after it
function preview_hosts.deployment_urls(cloudflare, of, deployment)
  return urls(preview_hosts.host(cloudflare, of, deployment.id:sub(1, SHORT)))
end

-- ---- finding -----------------------------------------------------------------------------

---@param of table       the Worker
---@param named string   the preview's id, its name or its slug
---@return table|nil preview, integer|nil index
function preview_hosts.preview(of, named)
  for _, field in ipairs { "id", "name", "slug" } do
    local found, index = data.find(of.previews or {}, field, named)
    if found then return found, index end
  end
end

---@param preview table
---@param named string  "latest", a deployment's id, or at least its first eight digits
---@return table|nil deployment, integer|nil index
function preview_hosts.deployment(preview, named)
  local list = preview.deployments
  if named == "latest" then return list[#list], #list end
  for i, deployment in ipairs(#named >= SHORT and list or {}) do
    if deployment.id:sub(1, #named) == named then return deployment, i end
  end
end

local function version_of(of, prefix)
  for i = #of.versions, 1, -1 do
    local version = of.versions[i]
    local alias = (version.annotations or {})["workers/alias"]
    if version.id:sub(1, SHORT) == prefix or alias == prefix then return version end
  end
end

local function deployment_of(of, prefix)
  for _, preview in ipairs(of.previews or {}) do
    local found = #prefix == SHORT and preview_hosts.deployment(preview, prefix)
    if found then return found end
  end
end

---What a Worker shows behind a prefix: a preview by its slug, or one version by its first eight digits or the alias
---that was given to it last. Assumed: a slug comes before an alias.
---@param of table
---@param prefix string
---@return table|nil preview, table|nil version  one of them, or neither
function preview_hosts.shown(of, prefix)
  local preview = data.find(of.previews or {}, "slug", prefix)
  if preview then return preview end
  return nil, version_of(of, prefix) or deployment_of(of, prefix)
end

return preview_hosts
