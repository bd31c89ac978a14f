---Which hosts have no certificate yet: the model says so, the authority refuses their handshakes.
local cloudflare = require "cloud.cloudflare"

local certificates = {}

---@class cloud.Certificates
local Certificates = {}
Certificates.__index = Certificates

---@param authority table
---@return cloud.Certificates
function certificates.new(authority)
  return setmetatable({ authority = authority, refused = {} }, Certificates)
end

---Brings the authority in line with the model.
---@param state table
---@param now number
function Certificates:update(state, now)
  local pending = {}
  for _, domain in ipairs(state.cloudflare.domains) do
    local served = cloudflare.serve(state, { host = domain.hostname }, now)
    pending[domain.hostname] = served and served.kind == "no-certificate" or nil
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
