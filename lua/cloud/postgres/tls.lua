---The certificates of the computes, of the local cloud's own authority: for the address and the names that an
---endpoint has. They are made anew in every run of the local cloud; only the databases' owner reads the keys.
local fs = require "fs.core"
local hosts = require "cloud.neon.hosts"

local tls = {}

---@class cloud.postgres.Tls
local Tls = {}
Tls.__index = Tls

---@param owner cloud.postgres.Owner
---@param authority authority.Authority
---@return cloud.postgres.Tls
function tls.new(owner, authority)
  return setmetatable({ owner = owner, authority = authority, made = {} }, Tls)
end

---@param endpoint { id: string, address: string }
---@return string file  of the certificate and its key
function Tls:of(endpoint)
  local file = ("%s/%s.pem"):format(self.owner.folder, endpoint.id)
  if self.made[endpoint.id] ~= endpoint.address then
    local names = { hosts.name(endpoint), hosts.name(endpoint, true) }
    local public, private = self.authority:issue(names, { endpoint.address })
    self.owner:write(file, public .. private)
    self.made[endpoint.id] = endpoint.address
  end
  return file
end

---Removes what an earlier run left.
function Tls:clear()
  for _, name in ipairs(fs.list(self.owner.folder)) do
    if name:find "%.pem$" or name:find "%.pem%.new$" then fs.remove(("%s/%s"):format(self.owner.folder, name)) end
  end
end

---Removes the files of an endpoint that is gone.
---@param id string
function Tls:forget(id)
  if not self.made[id] then return end
  self.made[id] = nil
  fs.remove(("%s/%s.pem"):format(self.owner.folder, id))
end

return tls
