---The DNS records of a seed.
local data = require "cloud.data"

local records = {}

---What a record may have: what the API takes, and the name of its zone.
records.keys = {
  zone = "text", type = "text", name = "text", content = "text", proxied = "boolean", ttl = "integer",
  priority = "integer", comment = "text", tags = { list = "text" }, data = "any",
}

-- The zone that a record names, else the one that its name ends with.
local function zone_of(state, record)
  for _, zone in ipairs(state.cloudflare.zones) do
    local ends = record.name == zone.name or record.name:sub(-#zone.name - 1) == "." .. zone.name
    if record.zone == zone.name or not record.zone and ends then return zone end
  end
  if not record.zone then return (data.find(state.cloudflare.zones, "name", state.cloudflare.zone)) end
end

---@param client seed.Client
---@param list table[]
function records.plant(client, list)
  for i, record in ipairs(list) do
    client.place = "cloudflare.records." .. i
    local zone = zone_of(client.state, record)
    if not zone then client:wrong("zone", ("there is no zone %s"):format(record.zone)) end
    local body = {}
    for key, item in pairs(record) do body[key] = item end
    body.zone, body.ttl = nil, body.ttl or 1
    client:ask(("/zones/%s/dns_records"):format(zone.id), { method = "POST", json = body, as = "dns" })
  end
end

return records
