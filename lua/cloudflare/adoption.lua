---Adoption as a resource: a Worker that somebody has deployed before, with wrangler for example, gets our marker among
---its tags. Nothing of what it serves changes; given back, it is as it was.
local json = require "json"
local marker = require "marker"
local options = require "options"
local upload = require "cloudflare.upload"
local worker = require "cloudflare.worker"

local adoption = {}

local fields = { { "worker", "string", true }, { "marker", "string", true } }

local function read_tags(account, name)
  local found = account:workers(upload.script(name, "/settings"), { absent = true, what = "read the Worker " .. name })
  if not found then
    failure { code = "cloudflare-10007", about = name, message = ("Cloudflare: there is no Worker %s"):format(name),
      hint = "what is not there needs no adoption: deploy it" }
  end
  return type(found.tags) == "table" and found.tags or {}
end

-- They are replaced as a whole, and belong to no version.
local function set_tags(account, name, tags)
  account:workers(upload.script(name, "/script-settings"), { method = "PATCH", safe = true,
    json = { tags = json.array(tags) }, what = "tag the Worker " .. name, changes = { "worker " .. name } })
end

local function without(tags, own)
  local rest = {}
  for _, tag in ipairs(tags) do
    if tag ~= own then rest[#rest + 1] = tag end
  end
  return rest
end

local function create(account, o)
  local tags = read_tags(account, o.worker)
  worker.refuse_foreign(account, marker.of_tags(tags) or o.marker, o.marker, "the Worker " .. o.worker)
  local own = marker.to_tag(o.marker)
  tags = without(tags, own)
  tags[#tags + 1] = own
  set_tags(account, o.worker, tags)
  worker.made(account, o.worker, o.marker)
  return { worker = o.worker, marker = o.marker }
end

local function destroy(account, o)
  worker.require_ours(account, o.worker, o.marker)
  account.own.markers[o.worker] = nil
  set_tags(account, o.worker, without(read_tags(account, o.worker), marker.to_tag(o.marker)))
end

-- Without a marker nobody has adopted it yet.
local function find(account, o)
  local text = worker.marker_of(account, o.worker)
  return text and { worker = o.worker, marker = text } or nil
end

---@return table resource
function adoption.resource(account, given)
  local o = options.read("cloudflare.adoption", given, fields)
  marker.check("cloudflare.adoption", o.marker)
  return {
    "adoption of the Worker " .. o.worker,
    find = function() return find(account, o) end,
    create = function() return create(account, o) end,
    matches = function(thing) return account:same(thing.marker, o.marker, "the Worker " .. o.worker) end,
    destroy = function() destroy(account, o) end,
  }
end

return adoption
