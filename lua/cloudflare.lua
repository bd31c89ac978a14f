---Cloudflare for recipes: Workers, their domains, DNS records, as resources for run.ensure.
local account = require "cloudflare.account"
local crons = require "cloudflare.crons"
local dns = require "cloudflare.dns"
local domain = require "cloudflare.domain"
local options = require "options"
local worker = require "cloudflare.worker"
local workers_dev = require "cloudflare.workers_dev"

local cloudflare = {}

---The only places its credentials are sent to.
cloudflare.places = {
  token = { "https://api.cloudflare.com/client/v4 header:authorization" },
  dns_token = { "https://api.cloudflare.com/client/v4/zones header:authorization" },
}

local fields = {
  { "account", "string" }, { "token", "text", true }, { "dns_token", "text" }, { "zone", "string" },
}

local destroyers = { worker = worker.destroy, domain = domain.destroy, dns = dns.destroy }

local function check_prefix(what, prefix)
  if type(prefix) == "string" then return end
  options.misuse("%s: expected a marker or the beginning of one, not a %s", what, type(prefix))
end

local function has_secret(own, name, secret)
  if type(name) ~= "string" or type(secret) ~= "string" then
    options.misuse("cloudflare.has_secret: expected the names of a Worker and of a secret")
  end
  return worker.has_secret(own, name, secret)
end

-- In the order in which they can be destroyed: a domain holds its record, and leads to a Worker.
local function inventory(own, prefix)
  check_prefix("cloudflare.inventory", prefix)
  local workers = worker.inventory(own, prefix)
  local list = domain.inventory(own, workers)
  table.move(workers, 1, #workers, #list + 1, list)
  local records = own.zone_name and dns.inventory(own, prefix) or {}
  return table.move(records, 1, #records, #list + 1, list)
end

local function destroy(own, item)
  local by_kind = type(item) == "table" and destroyers[item.kind]
  if not by_kind then options.misuse("cloudflare.destroy: expected an item of the inventory") end
  by_kind(own, item)
end

function cloudflare.client(o)
  local own = account.new(options.read("cloudflare.client", o, fields))
  return {
    verify = function() return own:verify() end,
    worker = function(given) return worker.resource(own, given) end,
    has_secret = function(name, secret) return has_secret(own, name, secret) end,
    workers_dev = function(given) return workers_dev.resource(own, given) end,
    crons = function(given) return crons.resource(own, given) end,
    domain = function(given) return domain.resource(own, given) end,
    dns_record = function(given) return dns.record(own, given) end,
    inventory = function(prefix) return inventory(own, prefix) end,
    destroy = function(item) destroy(own, item) end,
  }
end

return cloudflare
