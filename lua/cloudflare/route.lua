---Workers routes as resources: a pattern of URLs of the zone that a Worker answers.
---
---A route has no place for a marker: it is ours when it leads to our Worker. Routes go with their Worker.
local marker = require "marker"
local options = require "options"
local url = require "url"
local worker = require "cloudflare.worker"

local route = {}

local fields = { { "pattern", "string", true }, { "worker", "string", true }, { "marker", "string", true } }

local function find(account, o)
  local found = account:routes("cloudflare.route", "", { what = "list the routes of " .. account.zone_name })
  for _, one in ipairs(found or {}) do
    if one.pattern == o.pattern then
      return { id = one.id, pattern = one.pattern, worker = type(one.script) == "string" and one.script or nil }
    end
  end
end

-- A route without a Worker keeps less specific ones from running: somebody wants it so.
local function matches(account, thing, o)
  if thing.worker ~= o.worker then
    return false, ("the route %s leads to %s, not to the Worker %s"):format(thing.pattern,
      thing.worker and "the Worker " .. thing.worker or "no Worker", o.worker)
  end
  local holder = worker.find(account, o.worker)
  if not holder then return true end
  return account:same(holder.marker, o.marker, "the Worker " .. o.worker)
end

local function create(account, o)
  worker.require_ours(account, o.worker, o.marker)
  local made = account:routes("cloudflare.route", "", { method = "POST", just_made = true,
    json = { pattern = o.pattern, script = o.worker },
    what = ("lead %s to the Worker %s"):format(o.pattern, o.worker) })
  return { id = made.id, pattern = o.pattern, worker = o.worker }
end

local function destroy(account, o)
  local thing = find(account, o)
  if not thing then return end
  local ours, reason = matches(account, thing, o)
  if not ours then worker.refuse(reason, o.pattern) end
  account:routes("cloudflare.route", "/" .. url.encode(thing.id), { method = "DELETE", absent = true,
    what = "delete the route " .. o.pattern })
end

---@return table resource
function route.resource(account, o)
  options.read("cloudflare.route", o, fields)
  marker.check("cloudflare.route", o.marker)
  if not account.zone_name then account:zone "cloudflare.route" end
  return {
    "route " .. o.pattern,
    find = function() return find(account, o) end,
    create = function() return create(account, o) end,
    matches = function(thing) return matches(account, thing, o) end,
    destroy = function() destroy(account, o) end,
  }
end

return route
