---@meta authority

---A small certificate authority, for servers that speak https on loopback.
local authority = {}

---@class authority.Options
---@field directory? string  where ca.pem and ca.key are kept; without it, in memory only
---@field begins? number     when certificates of hosts become valid, in seconds from when they are made (a day ago)
---@field ends? number       when they expire, likewise (in a year)

---Certificates of hosts are made when a client asks for them, by the name it sends; a client
---that sends none gets one for localhost and the loopback addresses.
---@class authority.Authority
local object = {}

---The authority's certificate, for clients to trust; made at the first use. Raises
---`authority-files` (fatal) when the directory cannot be used, `authority-failed` (fatal).
---@return string pem
function object:pem() end

---Makes a certificate for a server of another program, for all these names and addresses. The key is a
---plain text: for loopback only. Raises `authority-failed` (fatal), and what `pem` raises.
---@param names string[]      host names; "*." at the beginning stands for one label
---@param addresses string[]  of IPv4
---@return string certificate, string key  both as PEM
function object:issue(names, addresses) end

---While a host is refused, TLS handshakes for it fail, as for a certificate not yet issued.
---@param host string
---@param refused boolean
function object:refuse(host, refused) end

---@param options? authority.Options
---@return authority.Authority
function authority.new(options) end

return authority
