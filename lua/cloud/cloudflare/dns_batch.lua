---Several changes of a zone's records in one request: all of them or none. Deletions come first,
---then patches, then replacements, then new records.
local data = require "cloud.data"
local dns = require "cloud.cloudflare.dns"
local json = require "json"
local route = require "cloud.route"

local dns_batch = {}

local LARGEST = 200   -- changes of one request on the free plan

local function id_of(item)
  if type(item) == "table" and data.text(item.id) then return item.id end
  route.refuse { status = 400, code = 9207, message = "id is required." }   -- code assumed
end

local steps = {
  { "deletes", function(context, item) return dns.delete(context, id_of(item)) end },
  { "patches", function(context, item) return dns.change(context, id_of(item), item, true) end },
  { "puts", function(context, item) return dns.change(context, id_of(item), item, false) end },
  { "posts", function(context, item) return dns.create(context, item) end },
}

local function check_items(list)
  for _, item in ipairs(list) do
    if not data.object(item) then   -- code assumed
      route.refuse { status = 400, code = 9207, message = "Every change of a batch must be an object." }
    end
  end
end

local function lists_of(body)
  local lists, count = {}, 0
  for _, step in ipairs(steps) do
    local list = body[step[1]]
    lists[step[1]] = type(list) == "table" and list or {}
    check_items(lists[step[1]])
    count = count + #lists[step[1]]
  end
  if count <= LARGEST then return lists end
  route.refuse { status = 400, code = 81059,   -- code assumed
    message = ("Too many changes in one batch: %d, at most %d."):format(count, LARGEST) }
end

local function apply(context, lists)
  local done = {}
  for _, step in ipairs(steps) do
    local name, change = step[1], step[2]
    done[name] = json.array {}
    for i, item in ipairs(lists[name]) do done[name][i] = change(context, item) end
  end
  return done
end

-- The changes are made to a copy, which stays only if none was refused.
local function batch(context)
  local lists, cloudflare = lists_of(context.body), context.cloudflare
  local before = cloudflare.records
  cloudflare.records = data.plain(before)
  local ok, done = pcall(apply, context, lists)
  if ok then return done end
  cloudflare.records = before
  error(done, 0)
end

dns_batch.routes = {
  { "POST", "/zones/{zone}/dns_records/batch", batch, scope = "dns" },
}

return dns_batch
