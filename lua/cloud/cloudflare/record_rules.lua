---What a DNS record may be: its fields as a body gives them, and which records exclude each other.
---Pure. Codes inside a validation error, the "chain", are assumed where a comment does not say more.
local data = require "cloud.data"
local route = require "cloud.route"

local record_rules = {}

record_rules.address = { A = true, AAAA = true, CNAME = true }

local address = record_rules.address

-- Types that are described by `data` alone; their content is made of these fields of it, in order.
local described = {
  CAA = { "flags", "tag", '"value"' }, CERT = { "type", "key_tag", "algorithm", "certificate" },
  DNSKEY = { "flags", "protocol", "algorithm", "public_key" },
  DS = { "key_tag", "algorithm", "digest_type", "digest" }, HTTPS = { "priority", "target", "value" },
  LOC = { "lat_degrees", "lat_minutes", "lat_seconds", "lat_direction", "long_degrees", "long_minutes",
    "long_seconds", "long_direction", "altitude", "size", "precision_horz", "precision_vert" },
  NAPTR = { "order", "preference", '"flags"', '"service"', '"regex"', "replacement" },
  SMIMEA = { "usage", "selector", "matching_type", "certificate" },
  SRV = { "priority", "weight", "port", "target" }, SSHFP = { "algorithm", "type", "fingerprint" },
  SVCB = { "priority", "target", "value" }, TLSA = { "usage", "selector", "matching_type", "certificate" },
  URI = { "weight", '"target"' },
}

local plain = { A = true, AAAA = true, CNAME = true, MX = true, NS = true, OPENPGPKEY = true, PTR = true,
  TXT = true }

local LONGEST_COMMENT = 100
local SHORTEST_TTL, LONGEST_TTL, AUTOMATIC = 60, 86400, 1

local function invalid(code, message)
  route.refuse { status = 400, code = 1004, message = "DNS Validation Error",
    chain = { { code = code, message = message } } }
end

-- ---- names and contents -------------------------------------------------------------------

local function is_name(text)
  if #text > 253 or text:find("..", 1, true) then return false end
  for label in text:gsub("%.$", ""):gmatch("[^.]+") do
    if #label > 63 or label ~= "*" and not label:find("^[%w_\128-\255-]+$") then return false end
  end
  return text ~= "" and text:sub(1, 1) ~= "."
end

-- A name outside the zone is taken as relative to it, "@" as the zone itself.
local function full_name(zone, name)
  name = name:lower():gsub("%.$", "")
  if name == "@" then return zone.name end
  if name == zone.name or name:sub(-#zone.name - 1) == "." .. zone.name then return name end
  return name .. "." .. zone.name
end

local function is_ipv4(text)
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for i = 1, 4 do
    if not parts[i] or #parts[i] > 3 or tonumber(parts[i]) > 255 then return false end
  end
  return true
end

local function count_groups(text)
  local count = 0
  for group in text:gmatch("[^:]+") do
    if not group:find("^%x%x?%x?%x?$") then return nil end
    count = count + 1
  end
  return count
end

local function is_ipv6(text)
  local head, four = text:match("^(.*:)(%d+%.%d+%.%d+%.%d+)$")
  if four then
    if not is_ipv4(four) then return false end
    text = head .. "0:0"
  end
  if text:find("[^%x:]") or text:find(":::", 1, true) then return false end
  local first, second = text:match("^(.-)::(.*)$")
  if not first then
    return not text:find("^:") and not text:find(":$") and count_groups(text) == 8
  end
  if second:find("::", 1, true) or first:find("^:") or second:find(":$") then return false end
  local before, after = count_groups(first), count_groups(second)
  return before ~= nil and after ~= nil and before + after <= 7
end

local function is_host(text) return is_name(text) and not is_ipv4(text) end

-- The codes of A and AAAA are known.
local contents = {
  A = { is_ipv4, 9005, "Content for A record must be a valid IPv4 address." },
  AAAA = { is_ipv6, 9006, "Content for AAAA record must be a valid IPv6 address." },
  CNAME = { is_host, 9007, "Content for CNAME record is invalid." },
  MX = { is_host, 9009, "Content for MX record is invalid." },
  NS = { is_host, 9008, "Content for NS record is invalid." },
  PTR = { is_host, 9010, "Content for PTR record is invalid." },
}

-- ---- the fields of a record ---------------------------------------------------------------

local function type_of(from)
  local kind = (data.text(from.type) or ""):upper()
  if not (plain[kind] or described[kind]) then invalid(9004, "Invalid type.") end
  return kind
end

local function name_of(zone, from)
  local name = data.text(from.name)
  if not name or name ~= "@" and not is_name(name) then invalid(9000, "DNS name is invalid.") end
  return full_name(zone, name)
end

local function described_content(kind, fields)
  local parts = {}
  for i, field in ipairs(described[kind]) do
    local bare = field:gsub('"', "")
    local value = fields[bare]
    if type(value) ~= "string" and type(value) ~= "number" then
      invalid(9101, ("%s is a required data field."):format(bare))
    end
    if math.type(value) == "float" and value % 1 == 0 then value = math.tointeger(value) end
    parts[i] = field == bare and tostring(value) or '"' .. tostring(value) .. '"'
  end
  return table.concat(parts, " ")
end

local function content_of(kind, from)
  if described[kind] and type(from.data) == "table" then return described_content(kind, from.data) end
  if not data.text(from.content) then invalid(9005, "Content is required.") end
  local rule = contents[kind]
  if rule and not rule[1](from.content) then invalid(rule[2], rule[3]) end
  return from.content
end

local function ttl_of(from, proxied)
  local ttl = from.ttl == nil and AUTOMATIC or math.tointeger(from.ttl)
  if ttl ~= AUTOMATIC and (not ttl or ttl < SHORTEST_TTL or ttl > LONGEST_TTL) then
    invalid(9021, ("Invalid TTL. Must be between %d and %d seconds, or 1 for Automatic.")
      :format(SHORTEST_TTL, LONGEST_TTL))
  end
  return proxied and AUTOMATIC or ttl
end

local function comment_of(body, from)
  local comment = from.comment
  if body.comment ~= nil then comment = data.text(body.comment) end
  if comment and #comment > LONGEST_COMMENT then
    invalid(9212, ("Comment must be at most %d characters."):format(LONGEST_COMMENT))
  end
  return comment
end

local function priority_of(kind, from)
  local priority = math.tointeger(from.priority)
  if kind == "MX" and not priority then invalid(9102, "priority is a required field for MX records.") end
  return priority
end

local function tags_of(from)
  local tags = from.tags or {}
  if type(tags) ~= "table" then invalid(9300, "Tags are a list.") end
  for key, tag in pairs(tags) do
    if math.type(key) ~= "integer" or type(tag) ~= "string" then invalid(9300, "Tags are a list of texts.") end
  end
  return tags
end

local function table_of(value) return type(value) == "table" and value or nil end

---The fields that a body describes, over those of base where it says nothing.
---@param zone table
---@param body table
---@param base? table  the record that is changed
---@return table fields
function record_rules.fields(zone, body, base)
  if type(body) ~= "table" then body = {} end
  local from = setmetatable(data.plain(body), { __index = base })
  local kind = type_of(from)
  local name, content, proxied = name_of(zone, from), content_of(kind, from), from.proxied == true
  if proxied and not address[kind] then invalid(9003, "This record type cannot be proxied.") end
  if kind == "CNAME" and content:lower():gsub("%.$", "") == name and name ~= zone.name then
    invalid(9039, "CNAME content cannot reference itself.")
  end
  return { zone_id = zone.id, type = kind, name = name, content = content, proxied = proxied,
    ttl = ttl_of(from, proxied), priority = priority_of(kind, from), comment = comment_of(body, from),
    tags = tags_of(from), settings = table_of(from.settings), data = table_of(from.data) }
end

-- ---- records that exclude one another -----------------------------------------------------

local conflicts = {
  [81053] = "An A, AAAA, or CNAME record with that host already exists.",
  [81054] = "A CNAME record with that host already exists.",
  [81057] = "The record already exists.",
  [81058] = "An identical record already exists.",
  [81062] = "A DNS record managed by Workers already exists on that host.",
}

-- Assumed: 81058 is for a record equal in all that a resolver sees, 81057 for one that differs
-- in TTL or proxying only.
local function conflict(new, old)
  if new.type == old.type and new.content == old.content and not old.managed_by then
    if new.priority ~= old.priority then return nil end
    return (new.ttl == old.ttl and new.proxied == old.proxied) and 81058 or 81057
  end
  if not (address[new.type] and address[old.type]) then return nil end
  if old.managed_by then return 81062 end
  if new.type == "CNAME" then return 81053 end
  if old.type == "CNAME" then return 81054 end
end

---Refuses fields that exclude a record that is there.
---@param records table[]
---@param fields table
---@param self? table  the record that is changed
function record_rules.refuse_conflicts(records, fields, self)
  for _, old in ipairs(records) do
    local code = old ~= self and old.name == fields.name and conflict(fields, old)
    if code then route.refuse { status = 400, code = code, message = conflicts[code] } end
  end
end

return record_rules
