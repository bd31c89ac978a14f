---The hosts of previews, and what each shows. On workers.dev SLUG-WORKER is the newest deployment of a preview, and the
---first eight digits of a deployment's id in the slug's place always that one. Below a custom domain that is to have
---previews they are SLUG and DIGITS-SLUG. Pure.
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

local function add_workers_dev(list, cloudflare, of, prefix)
  local label = ("%s-%s"):format(prefix, of.name)
  if not (cloudflare.subdomain and of.subdomain.previews) or #label > LABEL then return end
  list[#list + 1] = ("%s.%s.workers.dev"):format(label, cloudflare.subdomain)
end

local function add_below_domains(list, cloudflare, of, label)
  for _, domain in ipairs(#label <= LABEL and cloudflare.domains or {}) do
    if domain.service == of.name and domain.previews_since then
      list[#list + 1] = ("%s.%s"):format(label, domain.hostname)
    end
  end
end

---@param cloudflare table
---@param of table  the Worker
---@param preview table
---@return string[] hosts  of its newest deployment; none while previews are off
function preview_hosts.of(cloudflare, of, preview)
  local list = {}
  add_workers_dev(list, cloudflare, of, preview.slug)
  add_below_domains(list, cloudflare, of, preview.slug)
  return list
end

local function label_of(preview, deployment) return ("%s-%s"):format(deployment.id:sub(1, SHORT), preview.slug) end

---What stands below a custom domain for a preview and for each of its deployments.
---@param preview table
---@return string[]
function preview_hosts.labels(preview)
  local list = { preview.slug }
  for _, deployment in ipairs(preview.deployments) do list[#list + 1] = label_of(preview, deployment) end
  return list
end

---@return string[] hosts  of this deployment, whatever is deployed after it
function preview_hosts.of_deployment(cloudflare, of, preview, deployment)
  local list = {}
  add_workers_dev(list, cloudflare, of, deployment.id:sub(1, SHORT))
  add_below_domains(list, cloudflare, of, label_of(preview, deployment))
  return list
end

---@param hosts string[]
---@return string[]  an array for an answer
function preview_hosts.urls(hosts)
  return data.array(hosts, function(host) return "https://" .. host end)
end

---@return boolean  whether anything of the Worker's previews can be seen
function preview_hosts.any(cloudflare, of)
  if of.subdomain.previews then return true end
  for _, domain in ipairs(cloudflare.domains) do
    if domain.service == of.name and domain.previews_since then return true end
  end
  return false
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

---The domain that a host is a preview's name below.
---@param cloudflare table
---@param host string
---@return table|nil domain, string|nil label
function preview_hosts.domain(cloudflare, host)
  local label, parent = host:match "^([^.]+)%.(.+)$"
  local domain = parent and data.find(cloudflare.domains, "hostname", parent)
  if domain and domain.previews_since then return domain, label end
end

---What a Worker shows below such a domain.
---@param of table
---@param label string
---@return table|nil preview, table|nil version  one of them, or neither
function preview_hosts.shown_below(of, label)
  local preview = data.find(of.previews or {}, "slug", label)
  if preview then return preview end
  local short, slug = label:match("^(" .. ("%x"):rep(SHORT) .. ")%-(.+)$")
  preview = short and data.find(of.previews or {}, "slug", slug)
  return nil, preview and preview_hosts.deployment(preview, short)
end

return preview_hosts
