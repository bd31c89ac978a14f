---Cloudflare for recipes: Workers, their domains, DNS records, as resources for run.ensure.
local account = require "cloudflare.account"
local adoption = require "cloudflare.adoption"
local crons = require "cloudflare.crons"
local deployment = require "cloudflare.deployment"
local dns = require "cloudflare.dns"
local domain = require "cloudflare.domain"
local guard = require "cloudflare.guard"
local history = require "cloudflare.history"
local json = require "json"
local options = require "options"
local route = require "cloudflare.route"
local secrets = require "cloudflare.secrets"
local taken = require "cloudflare.taken"
local verify = require "cloudflare.verify"
local version = require "cloudflare.version"
local worker = require "cloudflare.worker"
local workers_dev = require "cloudflare.workers_dev"

local cloudflare = {}

---The only places its credentials and the secrets of Workers are sent to.
cloudflare.places = {
  token = { "https://api.cloudflare.com/client/v4 header:authorization" },
  dns_token = { "https://api.cloudflare.com/client/v4/zones header:authorization" },
  secrets = { "POST,PUT,PATCH https://api.cloudflare.com/client/v4/accounts body" },
}

---What going back to an earlier version brings back, and what stays.
---@type { back: string[], stays: string[] }
cloudflare.rollback_reach = deployment.reach

local fields = {
  { "account", "string" }, { "token", "text", true }, { "dns_token", "text" }, { "zone", "string" },
  { "environment", "any" }, { "recent", "number" },
}

local destroyers = { worker = worker.destroy, domain = domain.destroy, dns = dns.destroy }

local function check_prefix(what, prefix)
  if type(prefix) == "string" then return end
  options.misuse("%s: expected a marker or the beginning of one, not a %s", what, type(prefix))
end

local function check_worker(what, name)
  if type(name) ~= "string" then options.misuse("%s: expected the name of a Worker, not a %s", what, type(name)) end
end

local function has_secret(own, name, secret)
  if type(name) ~= "string" or type(secret) ~= "string" then
    options.misuse("cloudflare.has_secret: expected the names of a Worker and of a secret")
  end
  return secrets.has(own, name, secret)
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
  guard.check_item(own.environment, item, item.kind == "dns" and taken.host_of(item.name) or nil)
  by_kind(own, item)
end

-- What asks about one Worker: its name comes first.
local function about_worker(own, what, f)
  return function(name, ...)
    check_worker("cloudflare." .. what, name)
    return f(own, name, ...)
  end
end

-- What may change something: its options are looked at before anything is sent.
local function about_things(own, f)
  return function(given)
    guard.check(own.environment, given)
    return f(own, given)
  end
end

function cloudflare.client(o)
  local own = account.new(options.read("cloudflare.client", o, fields))
  return {
    verify = function(given) return verify.run(own, given) end,
    worker = about_things(own, worker.resource),
    version = about_things(own, version.resource),
    adoption = about_things(own, adoption.resource),
    deployment = about_things(own, deployment.resource),
    serving = about_worker(own, "serving", history.serving),
    versions = about_worker(own, "versions", function(_, name) return history.versions(own, name) or json.array {} end),
    find_version = about_worker(own, "find_version", history.version),
    last_good = about_worker(own, "last_good", deployment.last_good),
    rollback = about_things(own, deployment.rollback),
    secrets = about_worker(own, "secrets", secrets.list),
    has_secret = function(name, secret) return has_secret(own, name, secret) end,
    change_secrets = about_things(own, secrets.change),
    route = about_things(own, route.resource),
    workers_dev = about_things(own, workers_dev.resource),
    crons = about_things(own, crons.resource),
    domain = about_things(own, domain.resource),
    dns_record = about_things(own, dns.record),
    inventory = function(prefix) return inventory(own, prefix) end,
    destroy = function(item) destroy(own, item) end,
  }
end

return cloudflare
