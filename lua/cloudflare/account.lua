---Who asks: the two tokens, and the account and zone they are used on, looked up once.
local api = require "cloudflare.api"
local guard = require "environment.guard"
local marker = require "marker"
local options = require "options"
local recent = require "service.recent"
local url = require "url"

local account = {}

---@class cloudflare.Account
---@field token any       for everything but zones and their records
---@field dns_token? any  for zones and their records; neither stands in for the other
---@field zone_name? string
---@field environment environment.Environment  whom it works for
---@field own table       what was looked up: account, zone; markers of Workers by name
---@field seen recent.Answers  by "workers" (all were listed), "worker NAME", "secrets NAME", "domains",
---                       "records HOST"
local Account = {}
Account.__index = Account

---@return cloudflare.Account
function account.new(o)
  return setmetatable({ token = o.token, dns_token = o.dns_token, zone_name = o.zone and o.zone:lower(),
    environment = guard.given("cloudflare.client", o.environment), seen = recent.new(o.recent or 0),
    own = { account = o.account, markers = {} } }, Account)
end

---Whether a thing is ours, and if not, whose it is (as marker.same); raises "preview-to-production" for one of
---production in any other environment.
---@param found? string
---@param wanted? string
---@param thing string
---@return boolean ours, string|nil reason
function Account:same(found, wanted, thing)
  self.environment:check_marker(found, thing)
  return marker.same(found, wanted, thing)
end

---The token for zones and records; one for Workers is never taken instead.
---@param what string  the function that needs it, for the error
---@return any
function Account:zone_token(what)
  if self.dns_token then return self.dns_token end
  options.misuse("%s: the client has no token for zones and records (option 'dns_token' of cloudflare.client)", what)
end

---@param what string  the function that needs a zone, for the error
---@return table zone  id, name and account of the zone
function Account:zone(what)
  if not self.zone_name then
    options.misuse("%s: the client has no zone (option 'zone' of cloudflare.client)", what)
  end
  if self.own.zone then return self.own.zone end
  local found = api.call { token = self:zone_token(what), needs = "Zone: Read", path = "/zones",
    query = { name = self.zone_name },
    what = ("find the zone %s with the option 'dns_token' (CLOUDFLARE_DNS_API_TOKEN)"):format(self.zone_name) }
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
  if not self.own.account and self.zone_name and self.dns_token then
    self.own.account = self:zone("cloudflare.client").account
  elseif not self.own.account then
    local found = api.call { token = self.token, what = "list the accounts", path = "/accounts",
      needs = "Account Settings: Read" } or {}
    if #found ~= 1 then refuse_ambiguous(found) end
    self.own.account = found[1].id
  end
  return self.own.account
end

---Whether a Worker is known not to be there: when all were listed it was not among them, and nothing of ours has
---changed it since.
---@param name string
---@return boolean
function Account:lacks(name)
  local known, worker = self.seen:find("worker " .. name)
  if known or self.seen:was_told("worker " .. name) then return known and not worker end
  return (self.seen:find "workers")
end

-- What is seen meanwhile of what a request may change does not count.
local function send(self, o, call)
  if (o.method or "GET") == "GET" then return (call or api.call)(o) end
  local _ <close> = self.seen:changing(o.changes)
  return (call or api.call)(o)
end

---A request on the account's Workers. Of a Worker that is known not to be there nothing is asked.
---@param path string  below /accounts/{account}/workers
---@param o table      the rest of a cloudflare.Request; changes: the keys of `seen` that it is about (all)
---@return any result, table answer
function Account:workers(path, o)
  local name = o.absent and not o.method and path:match "^/scripts/([^/]+)/"
  if name and self:lacks(name) then return nil, {} end
  o.token = o.token or self.token
  o.needs = o.needs or "Workers Scripts: Edit"
  o.path = ("/accounts/%s/workers%s"):format(url.encode(self:id()), path)
  return send(self, o)
end

---A request on the zone's DNS records.
---@param what string  the function, for the error when there is no zone
---@param path string  below /zones/{zone}/dns_records
---@param o table      the rest of a cloudflare.Request; changes: as of Account:workers
---@param call? function  api.pages to get all pages of a list
---@return any result, table answer
function Account:dns(what, path, o, call)
  o.token, o.needs = self:zone_token(what), "DNS: Edit"
  o.path = ("/zones/%s/dns_records%s"):format(url.encode(self:zone(what).id), path)
  return send(self, o, call)
end

---A request on the zone's Workers routes: they lead to Workers, so it is their token's.
---@param what string  the function, for the error when there is no zone
---@param path string  below /zones/{zone}/workers/routes
---@param o table      the rest of a cloudflare.Request
---@return any result, table answer
function Account:routes(what, path, o)
  o.token, o.needs = self.token, "Workers Routes: Edit"
  o.path = ("/zones/%s/workers/routes%s"):format(url.encode(self:zone(what).id), path)
  return api.call(o)
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

return account
