---What was at a host before it was taken over, kept where it is found without any journal: in a TXT record of ours
---beside the host, until it is put back.
local base64 = require "base64"
local json = require "json"
local marker = require "marker"
local records = require "cloudflare.records"

local taken = {}

local PREFIX, BEGIN = "_davit-before.", "davit-before="
local PIECE = 250   -- bytes; a string of a TXT record has 255 at most

---What somebody else had at a host.
---@class cloudflare.Taken
---@field by "record"|"domain"  which resource took it over, and puts it back
---@field worker? string   whose custom domain it was
---@field records? table[] DNS records: type, content, proxied, ttl, comment, tags

-- A long text goes, and comes back, in quoted pieces.
local function quoted(text)
  local pieces = {}
  for i = 1, #text, PIECE do pieces[#pieces + 1] = '"' .. text:sub(i, i + PIECE - 1) .. '"' end
  return table.concat(pieces, " ")
end

local function unquoted(content)
  return (content:gsub('"%s+"', ""):gsub('^"', ""):gsub('"$', ""))
end

local function read(content)
  local text = unquoted(content):match("^" .. BEGIN:gsub("%-", "%%-") .. "([%w_-]+)$")
  local found = text and try(function() return json.decode(base64.decode(text, { url = true })) end)
  return type(found) == "table" and found or nil
end

---The host that a record's name says it is about; nil for any other record.
---@param name string
---@return string|nil
function taken.host_of(name)
  return name:sub(1, #PREFIX) == PREFIX and name:sub(#PREFIX + 1) or nil
end

---What was taken over at a host under this marker, and the id of the record that says so; nil when nothing was.
---@param account cloudflare.Account
---@param host string
---@param text string  the marker
---@param by? "record"|"domain"  any, when left out
---@return cloudflare.Taken|nil, string|nil id
function taken.find(account, host, text, by)
  local found = account:dns("cloudflare.dns_record", "", { query = { ["name.exact"] = PREFIX .. host },
    what = "find what was at " .. host })
  for _, record in ipairs(found or {}) do
    local ours = record.name == PREFIX .. host and record.type == "TXT" and marker.of_comment(record.comment) == text
    local before = ours and read(record.content)
    if before and (not by or before.by == by) then return before, record.id end
  end
end

---Keeps what is at a host before it is replaced. What an attempt kept that was broken off is older, and stays.
---@return cloudflare.Taken
function taken.keep(account, host, text, before)
  local kept = taken.find(account, host, text, before.by)
  if kept then return kept end
  local content = quoted(BEGIN .. base64.encode(json.encode(before), { url = true }))
  account:dns("cloudflare.dns_record", "", { method = "POST", what = "keep what was at " .. host,
    json = { type = "TXT", name = PREFIX .. host, content = content, ttl = 1,
      comment = marker.to_comment(text) } })
  return before
end

-- ---- putting back ------------------------------------------------------------------------

local function is_there(err)
  return err.code == "cloudflare-81057" or err.code == "cloudflare-81058"
end

local function put_record(account, host, record)
  local body = { name = host, type = record.type, content = record.content, proxied = record.proxied, ttl = record.ttl,
    comment = record.comment, tags = record.tags }
  local _, err = try(function()
    account:dns("cloudflare.dns_record", "", { method = "POST", json = body,
      what = ("put the DNS record %s back"):format(host) })
  end)
  if err and not is_there(err) then error(err, 0) end
end

-- A Worker that is gone meanwhile has no domains any more.
local function put_domain(account, host, name)
  local _, err = try(function()
    account:workers("/domains", { method = "PUT", json = { hostname = host, service = name, environment = "production",
      zone_id = account:zone("cloudflare.domain").id },
      what = ("give the domain %s back to the Worker %s"):format(host, name) })
  end)
  if err and err.code ~= "cloudflare-10007" then error(err, 0) end
end

-- Nothing of ours is at the host any more. The record that says what was there goes last.
local function put_back(account, host, before, id)
  for _, record in ipairs(before.records or {}) do put_record(account, host, record) end
  if before.worker then put_domain(account, host, before.worker) end
  account:dns("cloudflare.dns_record", "/" .. id, { method = "DELETE", absent = true,
    what = "delete the note of what was at " .. host })
end

---Puts back what one resource took over; nothing when it was done already.
---@param by? "record"|"domain"
function taken.undo(account, host, text, by)
  local before, id = taken.find(account, host, text, by)
  if before then put_back(account, host, before, id) end
end

---The records of others at a host, as they are kept.
---@param account cloudflare.Account
---@param host string
---@param text string  our marker
---@return table[]|nil list, cloudflare.Record[]  nil when there are none
function taken.foreign(account, host, text)
  local list, things = json.array {}, {}
  for _, thing in ipairs(records.at(account, host)) do
    if not thing.managed and thing.marker ~= text then
      account.environment:check_marker(thing.marker, "the DNS record " .. host)
      things[#things + 1] = thing
      list[#list + 1] = { type = thing.type, content = thing.content, proxied = thing.proxied, ttl = thing.ttl,
        comment = thing.comment, tags = thing.tags }
    end
  end
  return list[1] and list or nil, things
end

return taken
