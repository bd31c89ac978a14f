---Which version of a deployment answers a request: the one it asks for, the one that its key always
---gets, or one by chance. Pure.
local data = require "cloud.data"
local sha256 = require "sha256"

local split = {}

local OVERRIDES = "cloudflare-workers-version-overrides"
local KEY = "cloudflare-workers-version-key"

-- The version that a dictionary such as `one="ID", other="ID"` names for a Worker (RFC 8941).
local function override_of(header, name)
  for key, value in header:gmatch('([%w_.*-]+)%s*=%s*"([^"]*)"') do
    if key == name then return value end
  end
end

-- In [0, 1), the same for a key as long as the Worker lives: who got the newer version keeps it
-- while its share grows.
local function chance_of(script, key)
  return tonumber(sha256(script.tag .. "/" .. key):sub(1, 8), 16) / 2 ^ 32
end

local function by_chance(shares, chance)
  local sum = 0
  for _, share in ipairs(shares) do
    sum = sum + share.percentage
    if chance * 100 < sum then return share.version end
  end
  return shares[#shares].version
end

-- The newest version first, so that its share is the one that grows.
local function shares_of(script, deployment)
  local shares = {}
  for _, share in ipairs(deployment.versions) do
    local version = data.find(script.versions, "id", share.version_id)
    if version then shares[#shares + 1] = { version = version, percentage = share.percentage } end
  end
  table.sort(shares, function(a, b) return a.version.number > b.version.number end)
  return shares
end

---@param script table
---@param deployment table
---@param where edge.Where
---@return table|nil version  nil when none of the deployment is there any more
function split.choose(script, deployment, where)
  local shares, headers = shares_of(script, deployment), where.headers or {}
  if #shares == 0 then return nil end
  local wanted = headers[OVERRIDES] and override_of(headers[OVERRIDES], script.name)
  for _, share in ipairs(shares) do
    if share.version.id == wanted then return share.version end
  end
  local key = data.text(headers[KEY])
  return by_chance(shares, key and chance_of(script, key) or where.chance or 0)
end

---@param script table
---@param deployment table
---@return table|nil version  the one with the largest share
function split.largest(script, deployment)
  local found
  for _, share in ipairs(shares_of(script, deployment)) do
    if not found or share.percentage > found.percentage then found = share end
  end
  return found and found.version
end

---@param script table
---@param deployment table
---@return table[] versions  all that a deployment may serve
function split.versions(script, deployment)
  local versions = {}
  for i, share in ipairs(shares_of(script, deployment)) do versions[i] = share.version end
  return versions
end

return split
