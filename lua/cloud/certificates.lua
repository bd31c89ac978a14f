---Which hosts have no certificate yet: the model says so, the authority refuses their handshakes.
local cloudflare = require "cloud.cloudflare"
local preview_hosts = require "cloud.cloudflare.preview_hosts"

local certificates = {}

---@class cloud.Certificates
local Certificates = {}
Certificates.__index = Certificates

---@param authority table
---@return cloud.Certificates
function certificates.new(authority)
  return setmetatable({ authority = authority, refused = {} }, Certificates)
end

-- The hosts of previews below a domain whose wildcard certificate is not issued yet.
local function add_previews(list, state, domain, now)
  if not domain.previews_since or domain.previews_since + state.settings.tls_delay <= now then return end
  local script = state.cloudflare.scripts[domain.service]
  for _, preview in ipairs(script and script.previews or {}) do
    for _, label in ipairs(preview_hosts.labels(preview)) do
      list[#list + 1] = ("%s.%s"):format(label, domain.hostname)
    end
  end
end

local function hosts_of(state, now)
  local list = {}
  for _, domain in ipairs(state.cloudflare.domains) do
    list[#list + 1] = domain.hostname
    add_previews(list, state, domain, now)
  end
  return list
end

---Brings the authority in line with the model.
---@param state table
---@param now number
function Certificates:update(state, now)
  local pending = {}
  for _, host in ipairs(hosts_of(state, now)) do
    local served = cloudflare.serve(state, { host = host }, now)
    pending[host] = served and served.kind == "no-certificate" or nil
  end
  for host in pairs(self.refused) do
    if not pending[host] then self.authority:refuse(host, false) end
  end
  for host in pairs(pending) do
    if not self.refused[host] then self.authority:refuse(host, true) end
  end
  self.refused = pending
end

return certificates
