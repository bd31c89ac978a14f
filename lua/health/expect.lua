---What a recipe expects of an answer, as the list of proofs that the engine checks.
local core = require "health.core"
local options = require "options"

local expect = {}

-- Statuses -----------------------------------------------------------------------------------

local function range_of(what, value)
  if math.type(value) == "integer" then return value, value end
  local text = tostring(value)
  local family = text:match("^([1-5])[xX][xX]$")
  if family then return family * 100, family * 100 + 99 end
  local from, to = text:match("^(%d%d%d)%-(%d%d%d)$")
  if not from then from = text:match("^%d%d%d$") end
  if not from then
    options.misuse("%s: a status is 200, \"2xx\" or \"200-204\", not '%s'", what, text)
  end
  return math.tointeger(from), math.tointeger(to or from)
end

---@param what string
---@param value any  a status, or a list of them
---@return integer[]  from, to, from, to, …
function expect.statuses(what, value)
  local list = {}
  for _, one in ipairs(type(value) == "table" and value or { value }) do
    local from, to = range_of(what, one)
    if from < 100 or to > 599 or from > to then
      options.misuse("%s: a status is from 100 to 599, not '%s'", what, tostring(one))
    end
    list[#list + 1], list[#list + 2] = from // 1, to // 1
  end
  return list
end

-- Values --------------------------------------------------------------------------------------

local ways = { { "equals", "any" }, { "contains", "string" }, { "pattern", "string" }, { "text", "string" } }

-- An empty one is in everything: mostly a variable that is not set.
local function check_text(what, text)
  if text == "" then options.misuse("health.wait: %s is empty, and every answer holds that", what) end
end

local function check_pattern(what, pattern)
  local wrong = core.pattern_wrong(pattern)
  if wrong then options.misuse("health.wait: %s: the pattern '%s' %s", what, pattern, wrong) end
end

-- Text, a number, true or false as they are; { contains = }, { pattern = }, { equals = } for the rest.
local function fill(proof, what, value)
  if type(value) == "table" then
    options.read("health.wait: " .. what, value, ways)
    if value.pattern then
      check_text(what, value.pattern)
      check_pattern(what, value.pattern)
      proof.how, proof.value = "matches", value.pattern
      return proof
    elseif value.contains then
      check_text(what, value.contains)
      proof.how, proof.value = "contains", value.contains
      return proof
    elseif value.text then
      proof.how, proof.value, proof.scalar, proof.loose = "equals", value.text, true, true
      return proof
    end
    value = value.equals
  end
  local scalar = type(value) == "number" or type(value) == "boolean"
  if type(value) ~= "string" and not (scalar and proof.where == "json") then
    options.misuse("health.wait: %s must be a string%s, or { equals | contains | pattern | text = … }, not a %s", what,
      proof.where == "json" and ", a number, true or false" or "", type(value))
  end
  proof.how, proof.value, proof.scalar = "equals", tostring(value), scalar
  return proof
end

local function check_pointer(what, pointer)
  if pointer ~= "" and pointer:sub(1, 1) ~= "/" then
    options.misuse("health.wait: %s: '%s' is no JSON pointer: it begins with /", what, pointer)
  end
end

local function add(list, what, where, name, value, negative)
  local proof = { where = where, name = name, negative = negative }
  if where == "json" then check_pointer(what, name) end
  if value == true and (where == "header" or negative) then
    proof.how = "there"
  elseif where == "body" and type(value) == "string" then
    check_text(what, value)
    proof.how, proof.value = "contains", value
  else
    fill(proof, what, value)
  end
  list[#list + 1] = proof
end

local function add_map(list, what, where, map, negative)
  for name, value in pairs(map or {}) do
    if type(name) ~= "string" then
      options.misuse("health.wait: %s is a table name = value, found a %s as a name", what, type(name))
    end
    add(list, ("%s['%s']"):format(what, name), where, where == "header" and name:lower() or name, value, negative)
  end
end

local parts = { { "status", "any" }, { "headers", "table" }, { "json", "table" }, { "body", "any" },
  { "absent", "table" }, { "latency", "number" } }
local absent_parts = { { "headers", "table" }, { "json", "table" }, { "body", "any" } }

local function add_all(list, what, o, negative)
  add_map(list, what .. ".headers", "header", o.headers, negative)
  add_map(list, what .. ".json", "json", o.json, negative)
  if o.body ~= nil then add(list, what .. ".body", "body", "", o.body, negative) end
end

-- Versions --------------------------------------------------------------------------------------

local version_parts = { { "value", "string", true }, { "header", "string" }, { "json", "string" },
  { "pattern", "string" } }

-- "1.2" means the member "version" of the JSON that is answered.
local function add_version(list, version)
  if version == nil then return end
  if type(version) == "string" then version = { value = version, json = "/version" } end
  options.read("health.wait: version", version, version_parts)
  if version.value == "" then
    options.misuse("health.wait: the version is empty: is the variable set that should hold it?")
  end
  local proof = { version = true, how = "equals", value = version.value, loose = true }
  if version.header then
    proof.where, proof.name = "header", version.header:lower()
  elseif version.pattern then
    check_text("version.pattern", version.pattern)
    check_pattern("version.pattern", version.pattern)
    proof.where, proof.name, proof.how = "body", "", "matches"
    proof.value, proof.wanted = version.pattern, version.value
  else
    proof.where, proof.name = "json", version.json or "/version"
    check_pointer("version.json", proof.name)
  end
  list[#list + 1] = proof
end

---@param o table?    `expect` as a recipe writes it
---@param version any  `version` likewise
---@return { statuses: integer[], proofs: table[], latency: number }
function expect.read(o, version)
  o = options.read("health.wait: expect", o or {}, parts)
  if o.latency and o.latency <= 0 then
    options.misuse("health.wait: option 'expect.latency': times are seconds above 0, not %s", o.latency)
  end
  local list = {}
  add_version(list, version)
  add_all(list, "expect", o)
  add_all(list, "expect.absent", options.read("health.wait: expect.absent", o.absent or {}, absent_parts), true)
  return {
    statuses = expect.statuses("health.wait: expect.status", o.status or 200), proofs = list, latency = o.latency or 0,
  }
end

return expect
