---The names of the databases' hosts, and which endpoint a name or an address means.
---
---The API hands out addresses, which every program on this machine reaches. A Worker is shown the name
---that the service would have given it: the driver for SQL over HTTP makes another name of it. Pure.
local endpoints = require "cloud.neon.endpoints"

local hosts = {}

local DOMAIN = ".aws.neon.tech"
local ADDRESS = "127.0.0.1"   -- where the local cloud listens
local TTL = 60

---@param endpoint table
---@param pooled? boolean  the same database behind Neon's pooler
---@return string  such as ep-davit-0a1b2c3d.eu-central-1.aws.neon.tech
function hosts.name(endpoint, pooled)
  return endpoint.id .. (pooled and "-pooler." or ".") .. endpoints.region(endpoint) .. DOMAIN
end

-- Neon looks at what stands before the first dot, and so do we.
local function by_name(state, host)
  local id = (host:lower():match "^[%w-]+" or ""):gsub("%-pooler$", "")
  return endpoints.find(state, id)
end

local function by_address(state, host)
  for _, branch in ipairs(state.neon.branches) do
    for _, endpoint in ipairs(branch.deleted and {} or branch.endpoints) do
      if endpoints.address(state, endpoint) == host then return branch, endpoint end
    end
  end
end

---@param state table
---@param host string  a name, with or without -pooler, or an address
---@return table|nil branch, table|nil endpoint
function hosts.find(state, host)
  if host:find "^[eE][pP]%-" then return by_name(state, host) end
  return by_address(state, host)
end

---@param of table  an endpoint, or a branch, which means the one that takes writes
---@return string  where its PostgreSQL listens
function hosts.address(state, of) return endpoints.address(state, of) end

---@return string  the address that the proxy for WebSockets connects from; no endpoint has it
function hosts.proxy_address(state) return state.settings.network .. ".0" end

---@return string  the host that the driver sends SQL over HTTP to
function hosts.proxy() return "api." .. endpoints.region {} .. DOMAIN end

---@param host string
---@return boolean  that the proxy before the databases answers for it, whatever endpoint it names
function hosts.is_proxy(host)
  return host:find("%.aws%.neon%.tech$") ~= nil
end

---@return string|nil address  that a connection to the name of an endpoint leads to
function hosts.locate(state, name)
  if not hosts.is_proxy(name:lower()) then return nil end
  local _, endpoint = by_name(state, name)
  return endpoint and endpoints.address(state, endpoint) or nil
end

---What a name server says of the databases' names. Those that only speak HTTP lead to the local cloud, an
---endpoint to its own address, where its PostgreSQL listens.
---@return table|nil answer  nil: the name is none of theirs
function hosts.resolve(state, name, kind)
  name = name:lower():gsub("%.$", "")
  if not hosts.is_proxy(name) then return nil end
  local address = ADDRESS
  if name:find "^ep%-" then address = hosts.locate(state, name) end
  if not address then return { rcode = "NXDOMAIN", ttl = state.settings.negative_ttl, answers = {} } end
  return { rcode = "NOERROR", ttl = TTL, answers = kind:upper() == "A" and { { type = "A", data = address } } or {} }
end

---Writes a text's addresses of endpoints as names.
---@param state table
---@param text string  a variable or secret of a Worker
---@return string
function hosts.present(state, text)
  return (text:gsub("%f[%d]127%.%d+%.%d+%.%d+%f[^%d]", function(address)
    local _, endpoint = by_address(state, address)
    return endpoint and hosts.name(endpoint)
  end))
end

return hosts
