---The address records at a host, as plain data.
local marker = require "marker"

local records = {}

local address = { A = true, AAAA = true, CNAME = true }

---@class cloudflare.Record
---@field id string
---@field host string
---@field type string
---@field content string
---@field proxied boolean
---@field ttl integer      seconds; 1 is automatic
---@field marker? string   whose it is, from its comment
---@field comment? string
---@field tags? string[]
---@field managed? boolean a custom domain of a Worker holds it; nobody else may change it

---@param record table  as the API shows it
---@return cloudflare.Record
function records.thing(record)
  local managed = type(record.meta) == "table" and record.meta.origin_worker_id ~= nil
  local tags = type(record.tags) == "table" and record.tags[1] and record.tags or nil
  return { id = record.id, host = record.name, type = record.type, content = record.content,
    proxied = record.proxied, ttl = record.ttl, marker = marker.of_comment(record.comment), managed = managed or nil,
    comment = type(record.comment) == "string" and record.comment or nil, tags = tags }
end

-- As the service shows them.
local function ask(account, host)
  return (account:dns("cloudflare.dns_record", "", { query = { ["name.exact"] = host },
    what = "find the DNS record " .. host }))
end

---What a change of ours makes of the records that were seen at a host: the written one is in the place of its former.
---@param account cloudflare.Account
---@param host string
---@param before table[]  those that were seen, of `records.seen`
---@param written table   as the API shows it
function records.wrote(account, host, before, written)
  local now = { written }
  for _, record in ipairs(before) do
    if record.id ~= written.id then now[#now + 1] = record end
  end
  account.seen:keep("records " .. host, now)
end

---The records that were seen at a host a while ago; nil when they are to be asked for.
---@return table[]|nil
function records.seen(account, host)
  local known, found = account.seen:find("records " .. host)
  return known and (found or {}) or nil
end

---@param account cloudflare.Account
---@param host string
---@return cloudflare.Record[]
function records.at(account, host)
  local found = account.seen:ask("records " .. host, function() return ask(account, host) end)
  local things = {}
  for _, record in ipairs(found or {}) do
    if record.name == host and address[record.type] then
      things[#things + 1] = records.thing(record)
    end
  end
  return things
end

return records
