---Who asks: the two tokens, and the account and zone they are used on, looked up once.
local api = require "cloudflare.api"
local options = require "options"
local url = require "url"

local account = {}

---@class cloudflare.Account
---@field token any       for Workers
---@field dns_token any   for the zone; the same token when only one is given
---@field dns_option string  which option of the client dns_token came from
---@field zone_name? string
---@field own table       what was looked up: account, zone
local Account = {}
Account.__index = Account

---@return cloudflare.Account
function account.new(o)
  return setmetatable({ token = o.token, dns_token = o.dns_token or o.token,
    dns_option = o.dns_token and "'dns_token'" or "'token' (there is no 'dns_token')",
    zone_name = o.zone and o.zone:lower(), own = { account = o.account } }, Account)
end

---@param what string  the function that needs a zone, for the error
---@return table zone  id, name and account of the zone
function Account:zone(what)
  if not self.zone_name then
    options.misuse("%s: the client has no zone (option 'zone' of cloudflare.client)", what)
  end
  if self.own.zone then return self.own.zone end
  local found = api.call { token = self.dns_token, needs = "Zone: Read", path = "/zones",
    query = { name = self.zone_name },
    what = ("find the zone %s with the option %s"):format(self.zone_name, self.dns_option) }
  local zone = found and found[1]
  if not zone then
    failure { code = "cloudflare-zone", about = self.zone_name,
      message = ("Cloudflare: the token sees no zone %s"):format(self.zone_name),
      hint = "look at the zone's name, and at the zones that the DNS token includes" }
  end
  self.own.zone = { id = zone.id, name = zone.name, account = zone.account.id }
  return self.own.zone
end

local function refuse_ambiguous(found)
  local names = {}
  for i, one in ipairs(found) do names[i] = ("%s (%s)"):format(one.id, one.name) end
  failure { code = "cloudflare-account",
    message = #found == 0 and "Cloudflare: the token sees no account"
      or "Cloudflare: the token sees several accounts: " .. table.concat(names, ", "),
    hint = "say which one with the option 'account' of cloudflare.client" }
end

---The account's id: as given, else the zone's, else the only one that the token sees.
---@return string
function Account:id()
  if not self.own.account and self.zone_name then
    self.own.account = self:zone("cloudflare.client").account
  elseif not self.own.account then
    local found = api.call { token = self.token, what = "list the accounts", path = "/accounts",
      needs = "Account Settings: Read" } or {}
    if #found ~= 1 then refuse_ambiguous(found) end
    self.own.account = found[1].id
  end
  return self.own.account
end

---A request on the account's Workers.
---@param path string  below /accounts/{account}/workers
---@param o table      the rest of a cloudflare.Request
---@return any result, table answer
function Account:workers(path, o)
  o.token = o.token or self.token
  o.needs = o.needs or "Workers Scripts: Edit"
  o.path = ("/accounts/%s/workers%s"):format(url.encode(self:id()), path)
  return api.call(o)
end

---A request on the zone's DNS records.
---@param what string  the function, for the error when there is no zone
---@param path string  below /zones/{zone}/dns_records
---@param o table      the rest of a cloudflare.Request
---@param call? function  api.pages to get all pages of a list
---@return any result, table answer
function Account:dns(what, path, o, call)
  o.token, o.needs = self.dns_token, "DNS: Edit"
  o.path = ("/zones/%s/dns_records%s"):format(url.encode(self:zone(what).id), path)
  return (call or api.call)(o)
end

---A host in lower case; one that the zone does not hold is a misuse.
---@param what string  the function, for the error
---@param host string
---@return string
function Account:host(what, host)
  local name = self.zone_name
  host = host:lower()
  if not name then self:zone(what) end
  if host ~= name and host:sub(-#name - 1) ~= "." .. name then
    options.misuse("%s: the host '%s' does not lie in the zone %s", what, host, name)
  end
  return host
end

-- ---- verify ------------------------------------------------------------------------------

-- A token of a user and one of the account are verified at different places.
local function token_status(self)
  local request = { token = self.token, path = "/user/tokens/verify",
    what = "verify the token of the option 'token'" }
  local found, err = try(function() return (api.call(request)) end)
  if err and err.class ~= "fatal" then error(err, 0) end
  if err then
    request.path = ("/accounts/%s/tokens/verify"):format(url.encode(self:id()))
    found = api.call(request)
  end
  if found.status ~= "active" then
    failure { code = "cloudflare-token", hint = "create another one",
      message = "Cloudflare: the token of the option 'token' is " .. found.status }
  end
  return { id = found.id, status = found.status }
end

---Whether both tokens are accepted and may do what they are for; raises which one is not. The
---DNS token is tried on its zone alone, as it may be bound to nothing else.
---@return { token: { id: string, status: string }, zone: string|nil }
function Account:verify()
  local seen = { token = token_status(self) }
  self:workers("/domains", { query = { hostname = "davit.invalid" },
    what = "read Workers with the option 'token'" })
  if not self.zone_name then return seen end
  self:dns("cloudflare.verify", "", { query = { per_page = 1 },
    what = "read DNS records with the option " .. self.dns_option })
  seen.zone = self.zone_name
  return seen
end

return account
