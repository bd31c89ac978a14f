---Faults on demand: which requests to the three services go wrong, and how. Pure: a set of rules is plain
---data, a probability comes from its seed, waiting and breaking connections are the caller's.
---
---Each rule counts the requests that it concerns; of the rules that are due, the first one is taken.
local blobs = require "cloud.github.blobs"
local hosts = require "cloud.neon.hosts"
local results = require "cloud.github.results"
local route = require "cloud.route"
local rule = require "cloud.faults.rule"
local sha256 = require "sha256"
local words = require "cloud.faults.words"

local faults = { parse = rule.parse, rule = rule.of, line = rule.line }

local REMEMBERED = 1000   -- injections that are listed

-- Where each service's operations begin, which rules leave out, and how it words an error.
local services = {
  ["api.cloudflare.com"] = { name = "cloudflare", base = "/client/v4", says = "cloudflare" },
  ["console.neon.tech"] = { name = "neon", base = "/api/v2", says = "neon" },
  ["api.github.com"] = { name = "github", base = "", says = "github" },
  [results.HOST] = { name = "github", base = "", says = "twirp" },
  [blobs.HOST] = { name = "github", base = "", says = "blobs" },
}

-- The hosts of Neon's databases: SQL over HTTP, and the opening of a WebSocket.
local sql = { name = "neon", base = "", says = "neon-sql" }
local socket = { name = "neon", base = "", says = "neon-socket" }

---@class cloud.faults.Set
---@field seed string
---@field rules table[]     cloud.faults.Rule with id, seen, injected
---@field injected table[]  the last ones: { at, rule, service, method, path, fault }
---@field last integer      the id of the newest rule

---@param seed? string|number  another one, other requests that a probability meets
---@return cloud.faults.Set
function faults.new(seed)
  return { seed = tostring(seed or "davit"), rules = {}, injected = {}, last = 0 }
end

---@param set cloud.faults.Set
---@param made cloud.faults.Rule  of faults.parse or faults.rule
---@return integer id
function faults.add(set, made)
  set.last = set.last + 1
  made.id, made.seen, made.injected = set.last, 0, 0
  set.rules[#set.rules + 1] = made
  return made.id
end

---@param set cloud.faults.Set
---@param id? integer  one rule; without it all
---@return boolean  whether there was one
function faults.remove(set, id)
  local kept, before = {}, #set.rules
  for _, one in ipairs(set.rules) do
    if id and one.id ~= id then kept[#kept + 1] = one end
  end
  set.rules = kept
  return #kept < before
end

-- ---- which requests ---------------------------------------------------------------------------

local function service_at(host) return services[host:lower():gsub(":%d+$", "")] end

---@param host string
---@return "cloudflare"|"neon"|"github"|nil
function faults.service(host)
  local service = service_at(host)
  return service and service.name
end

-- Which service a request is for, and in whose words it is answered.
local function target_of(request)
  local host = request.host:lower():gsub(":%d+$", "")
  if not hosts.is_proxy(host) then return services[host] end
  local upgrade = request.headers and request.headers.upgrade or ""
  return upgrade:lower() == "websocket" and socket or sql
end

local function split(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do parts[#parts + 1] = part end
  return parts
end

-- Whether the items fit a pattern in which a star stands for any number of them. Only the last star that was met
-- is tried again: no pattern takes long.
local function matches(pattern, items, star, fits)
  local p, i, last, resume = 1, 1, nil, nil
  while i <= #items do
    if pattern[p] == star then
      last, resume, p = p, i, p + 1
    elseif pattern[p] and fits(pattern[p], items[i]) then
      p, i = p + 1, i + 1
    elseif last then
      resume = resume + 1
      p, i = last + 1, resume
    else
      return false
    end
  end
  while pattern[p] == star do p = p + 1 end
  return pattern[p] == nil
end

local function characters(text)
  local list = {}
  for c in text:gmatch(".") do list[#list + 1] = c end
  return list
end

-- {} is a segment, * in one any number of characters.
local function fits_segment(pattern, part)
  return pattern:find("^{.*}$") ~= nil or matches(characters(pattern), characters(part), "*", rawequal)
end

local function without_base(path, base)
  if path == base or path:sub(1, #base + 1) == base .. "/" then return path:sub(#base + 1) end
  return path
end

-- A request as rules see it. The path is split before it is decoded, as the models do.
local function operation_of(request)
  local service = target_of(request)
  if not service then return nil end
  local path = without_base(request.path, service.base)
  local parts = split(path)
  for i, part in ipairs(parts) do parts[i] = route.decode(part) end
  return { service = service.name, base = service.base, says = service.says, method = request.method, path = path,
    parts = parts }
end

local function concerns(one, operation)
  if one.service ~= "any" and one.service ~= operation.service then return false end
  if one.methods and not one.methods[operation.method] then return false end
  local of_api = one.fault == "locked" or one.fault == "operation"
  if of_api and operation.says ~= "neon" then return false end   -- the databases never say that
  return not one.path or matches(split(without_base(one.path, operation.base)), operation.parts, "**", fits_segment)
end

-- In [0, 1), the same for the same seed, rule and count.
local function chance(set, one)
  local digits = sha256(("%s/%d/%d"):format(set.seed, one.id, one.seen)):sub(1, 13)
  return tonumber(digits, 16) / 2.0 ^ 52
end

local function due(set, one)
  if one.seen < one.nth or one.times and one.injected >= one.times then return false end
  return not one.probability or chance(set, one) < one.probability
end

local function remember(set, one, operation, now)
  one.injected = one.injected + 1
  if #set.injected >= REMEMBERED then table.remove(set.injected, 1) end
  set.injected[#set.injected + 1] = { at = now, rule = one.id, service = operation.service,
    method = operation.method, path = operation.path, fault = rule.line(one) }
end

---Counts a request, and says what goes wrong with it.
---@param set cloud.faults.Set
---@param request table  method, host, path
---@param now number     kept with what was injected
---@return cloud.faults.Rule|nil  nil: nothing
function faults.pick(set, request, now)
  local operation = #set.rules > 0 and operation_of(request)
  if not operation then return nil end
  local picked
  for _, one in ipairs(set.rules) do
    if concerns(one, operation) then
      one.seen = one.seen + 1
      if not picked and due(set, one) then picked = one end
    end
  end
  if picked then remember(set, picked, operation, now) end
  return picked
end

-- ---- what becomes of them ---------------------------------------------------------------------

local makers = {}

function makers.drop() return { close = true } end

function makers.limit(one, service, now) return words.limit(service, one, now) end

makers["secondary-limit"] = function(one) return words.secondary_limit(one.retry_after) end

function makers.locked(one) return words.locked(one) end

function makers.html(one) return words.page(one.status or 502) end

local function copy(response)
  local made = {}
  for key, value in pairs(response) do made[key] = value end
  return made
end

-- What arrives is shorter than what was announced: the connection ends.
function makers.cut(_, _, _, response)
  local made = copy(response)
  made.cut = #(response.body or "") // 2
  if made.cut == 0 then return { close = true } end
  return made
end

-- What arrives is whole and no JSON.
function makers.truncated(_, _, _, response)
  if response.websocket then return { close = true } end   -- its opening has no text
  local made = copy(response)
  made.body = (response.body or ""):sub(1, #(response.body or "") // 2)
  return made
end

-- The request is answered as ever; the operation that it starts is what goes wrong, which is the model's affair.
local function trouble_of(one)
  return { failures = one.failures or 1, ends = one.ends or "finished", error = one.message or "the operation failed" }
end

---The answer to a request that goes wrong. Beside a response it may be { close = true }, no answer at all, or
---have `cut`, the bytes of its body after which the connection ends, or `refusal`: a WebSocket to a database is opened,
---and refused in PostgreSQL's words. The delay is the caller's: before this call,
---and after it for a rule that is `applied`.
---@param one cloud.faults.Rule|nil  of faults.pick; nil: nothing goes wrong
---@param request table
---@param now number
---@param apply fun(): table  carries the request out; called once at most
---@return table response
function faults.answer(one, request, now, apply)
  local fault = one and one.fault
  if not fault then return apply() end
  if fault == "operation" then
    request.trouble = trouble_of(one)
    return apply()
  end
  local service = target_of(request)
  local response = one.applied and apply() or nil
  if math.type(fault) == "integer" then
    return words.failure(service.says, { status = fault, code = one.code, message = one.message,
      retry_after = one.retry_after })
  end
  return makers[fault](one, service.says, now, response)
end

return faults
