---One rule of what shall go wrong: read from a line ("cloudflare POST /zones/*/dns_records 500 times=2") or
---from a table with the same keys, checked, and written as a line again.
---
---A rule is plain data, so that a world can hold it: service, methods, path say which requests it concerns,
---nth, times, probability which of those, fault and the rest what becomes of them.
local core = require "core"
local shape = require "project.shape"

local rule = {}

local services = { "cloudflare", "neon", "github", "any" }

-- Faults by their words, and which service alone has one.
local faults = {
  drop = {}, cut = {}, truncated = {}, html = {}, limit = {},
  ["secondary-limit"] = { only = "github" }, locked = { only = "neon" },
  operation = { only = "neon" },
}
local fault_names = { "drop", "cut", "truncated", "html", "limit", "secondary-limit", "locked", "operation" }

-- How an operation may end that was made to fail.
local endings = { "finished", "error", "cancelled", "skipped" }

-- These take the model's own answer, so the request was carried out.
local always_applied = { cut = true, truncated = true, operation = true }

local methods = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" }

---@class cloud.faults.Rule
---@field service "cloudflare"|"neon"|"github"|"any"
---@field methods? table<string, boolean>  any
---@field path? string         any; {} is a segment, * a part of one, ** any number of segments
---@field fault? integer|string  a status, or a word; without one the request is only delayed
---@field code? integer|string   in the service's error
---@field message? string
---@field applied? boolean     the request is carried out all the same
---@field delay? number        seconds
---@field retry_after? number  seconds
---@field status? integer      of limit and html
---@field failures? integer    of operation: how often it fails (1)
---@field ends? string         of operation: how it ends then: finished, error, cancelled or skipped (finished)
---@field nth integer          the first request that it meets (1)
---@field times? integer       how many it meets (every one; with nth one)
---@field probability? number  of meeting one

local Wrong = {}

-- Ends the reading of a rule; rule.parse and rule.of give the reason back.
local function wrong(what, hint)
  error(setmetatable({ what = what, hint = hint }, Wrong), 0)
end

local function one_of(what, value, known)
  for _, name in ipairs(known) do
    if name == value then return value end
  end
  local near = core.nearest(tostring(value), known)
  wrong(("unknown %s '%s'"):format(what, tostring(value)),
    near and ("did you mean '%s'?"):format(near) or "known are " .. table.concat(known, ", "))
end

-- ---- values -----------------------------------------------------------------------------------

local function as_integer(value)
  if type(value) == "string" and value:find("^%d+$") then value = math.tointeger(tonumber(value)) end
  return math.type(value) == "integer" and value or nil
end

local function count(key, value)
  local n = as_integer(value)
  if not n or n < 1 then wrong(("%s must be a whole number from 1"):format(key)) end
  return n
end

local function duration(key, value)
  local seconds = shape.duration(tonumber(value) or value)
  if not seconds or seconds > 86400 then
    wrong(("%s must be a time such as 500ms, 2s or 1m, not '%s'"):format(key, tostring(value)))
  end
  return seconds
end

local function status(key, value)
  local n = as_integer(value)
  if not n or n < 200 or n > 599 then wrong(("%s must be a status from 200 to 599"):format(key)) end
  return n
end

local function text(key, value)
  if type(value) ~= "string" then wrong(key .. " must be a text") end
  return value
end

local readers = {
  nth = count, times = count, failures = count, delay = duration, retry_after = duration, status = status,
  message = text,
}

function readers.code(_, value)
  if type(value) ~= "string" and math.type(value) ~= "integer" then wrong "code must be a number or a word" end
  return as_integer(value) or value
end

function readers.probability(_, value)
  local n = tonumber(value)
  if not n or not (n >= 0 and n <= 1) then wrong "probability must be from 0 to 1" end
  return n
end

function readers.applied(_, value)
  if type(value) ~= "boolean" then wrong "applied must be true or false" end
  return value
end

function readers.ends(_, value) return one_of("ending", value, endings) end

function readers.service(_, value) return one_of("service", value, services) end

function readers.path(_, value)
  if type(value) ~= "string" or value:sub(1, 1) ~= "/" then wrong "path must begin with /" end
  if value:find("?", 1, true) then wrong("a path is compared without its query", "leave out '?' and what follows") end
  return value
end

function readers.fault(_, value)
  if as_integer(value) then return status("the status", value) end
  return one_of("fault", value, fault_names)
end

-- "GET", "GET,POST" or a list.
function readers.method(_, value)
  local list, set = value, {}
  if type(value) == "string" then
    list = {}
    for name in value:gmatch("[^,]+") do list[#list + 1] = name end
  end
  if type(list) ~= "table" or #list == 0 then wrong "method must be a name, or a list of names" end
  for _, name in ipairs(list) do set[one_of("method", name, methods)] = true end
  return set
end

local keys = {}
for name in pairs(readers) do keys[#keys + 1] = name end

-- ---- what goes together -----------------------------------------------------------------------

local function check_fault(made)
  local only = faults[made.fault] and faults[made.fault].only
  if only and made.service ~= only then
    wrong(("only %s answers '%s'"):format(only, made.fault), ("begin the rule with '%s'"):format(only))
  end
  if not made.fault and not made.delay then
    wrong("what shall go wrong?", "a status, " .. table.concat(fault_names, ", ") .. " or delay=TIME")
  end
end

local takes_status = { limit = true, html = true }
local takes_words = { limit = true, locked = true, operation = true }

local function refuse_key(made, key, fits)
  if made[key] ~= nil and not fits then
    wrong(("%s does not go with %s"):format(key, made.fault and ("'%s'"):format(made.fault) or "a delay alone"))
  end
end

local function check_keys(made)
  local answers = math.type(made.fault) == "integer"
  refuse_key(made, "status", takes_status[made.fault])
  refuse_key(made, "failures", made.fault == "operation")
  refuse_key(made, "ends", made.fault == "operation")
  refuse_key(made, "code", answers or made.fault == "limit")
  refuse_key(made, "message", answers or takes_words[made.fault])
  refuse_key(made, "retry_after", answers or made.fault == "limit" or made.fault == "secondary-limit")
end

---@param map table  service, method, path, fault, code, message, applied, delay, retry_after, status, nth,
---failures, ends, times, probability
---@return cloud.faults.Rule
local function read(map)
  local made = {}
  for key, value in pairs(map) do
    one_of("key", key, keys)
    made[key] = readers[key](key, value)
  end
  if not made.service then wrong("which service?", table.concat(services, ", ")) end
  made.methods, made.method = made.method, nil
  check_fault(made)
  check_keys(made)
  made.applied = made.applied or always_applied[made.fault] or nil
  made.times = made.times or made.nth and 1 or nil
  made.nth = made.nth or 1
  return made
end

-- ---- lines ------------------------------------------------------------------------------------

-- Words are separated by blanks; '…' and "…" keep blanks together.
local function words_of(line)
  local list, at = {}, line:match("^%s*()")
  while at <= #line do
    local word = {}
    while at <= #line and not line:find("^%s", at) do
      local quote, body, after = line:match("^(['\"])(.-)%1()", at)
      if not quote then body, after = line:match("^([^%s'\"]+)()", at) end
      if not body then wrong "a quote is not closed" end
      word[#word + 1], at = body, after
    end
    list[#list + 1] = table.concat(word)
    at = line:match("^%s*()", at)
  end
  return list
end

local function take_word(map, word)
  local key, value = word:match("^([%a_-]+)=(.*)$")
  if key then
    key = key:gsub("-", "_")
    if map[key] ~= nil then wrong(("%s is given twice"):format(key)) end
    if key == "applied" then wrong("'applied' stands alone") end
    map[key] = value
  elseif word == "applied" then
    map.applied = true
  elseif map.fault then
    wrong(("what is '%s'?"):format(word), "a rule has one fault; the rest is 'applied' or KEY=VALUE")
  else
    map.fault = word
  end
end

local function read_line(line)
  if not utf8.len(line) then wrong "the rule is not UTF-8" end
  local list = words_of(line)
  local map, at = { service = list[1] }, 2
  if list[at] and list[at]:find("^[%u,]+$") then map.method, at = list[at], at + 1 end
  if list[at] and list[at]:find("^/") then map.path, at = list[at], at + 1 end
  for i = at, #list do take_word(map, list[i]) end
  return read(map)
end

local function attempt(f, value)
  local ok, made = pcall(f, value)
  if ok then return made end
  if getmetatable(made) ~= Wrong then error(made, 0) end
  return nil, made.what, made.hint
end

---@param line string  "SERVICE [METHOD] [PATH] [FAULT] [applied] [KEY=VALUE]…"
---@return cloud.faults.Rule|nil, string|nil reason, string|nil hint
function rule.parse(line) return attempt(read_line, line) end

---@param value any  a line, or a table of the same keys
---@return cloud.faults.Rule|nil, string|nil reason, string|nil hint
function rule.of(value)
  if type(value) == "string" then return rule.parse(value) end
  if type(value) ~= "table" or #value > 0 then return nil, "a rule is a line of text or a mapping" end
  return attempt(read, value)
end

-- ---- a rule as a line -------------------------------------------------------------------------

-- As a shell would: what stands in quotes, and a quote in quotes of the other kind.
local function quoted(value)
  value = tostring(value)
  if value ~= "" and not value:find("[%s'\"]") then return value end
  return "'" .. value:gsub("'", "'\"'\"'") .. "'"
end

local function methods_of(made)
  local list = {}
  for name in pairs(made.methods or {}) do list[#list + 1] = name end
  return #list > 0 and table.concat(list, ",") or nil
end

-- Without an exponent, which no time is written with.
local function seconds(value)
  return value and ("%.6f"):format(value):gsub("0+$", ""):gsub("%.$", "") .. "s"
end

---@param made cloud.faults.Rule
---@return string  that rule.parse reads as the same rule
function rule.line(made)
  local list = { made.service }
  local function add(format, value)
    if value then list[#list + 1] = format:format(value) end
  end
  add("%s", methods_of(made))
  add("%s", made.path and quoted(made.path))
  add("%s", made.fault)
  add("%s", made.applied and not always_applied[made.fault] and "applied")
  add("status=%d", made.status)
  add("failures=%d", made.failures)
  add("ends=%s", made.ends)
  add("code=%s", made.code and quoted(made.code))
  add("message=%s", made.message and quoted(made.message))
  add("delay=%s", seconds(made.delay))
  add("retry-after=%s", seconds(made.retry_after))
  add("nth=%d", made.nth > 1 and made.nth)
  add("times=%d", made.times)
  add("probability=%g", made.probability)
  return table.concat(list, " ")
end

return rule
