---Ranges of versions as npm reads them: alternatives ("||") of comparators that must all hold. Every
---form comes down to comparators with <, <=, >, >= and a whole version.
local version = require "semver.version"

local range = {}

local LENGTH_MAX = 1024

-- Partial versions: "1", "1.x", "1.2.3-beta"; an absent number is nil -----------------------------------

local wild = { x = true, X = true, ["*"] = true }

local function invalid(text)
  version.invalid(text, "range of versions", "^1.2.3, ~1.2, >=1.0.0 <2, 1.x, 1.2 - 2.3, and || between them")
end

local function numbers(core, whole)
  local list, open = {}, false
  for part in (core .. "."):gmatch("([^.]*)%.") do
    if wild[part] then
      open = true
    else
      local n = version.number(part)
      if open or not n then invalid(whole) end
      list[#list + 1] = n
    end
  end
  return list
end

-- `w` is the whole range: its text, and in `floor` the prerelease of the least version that a partial one means.
local function partial(text, w)
  local core, pre, meta = version.split((text:gsub("^v", "")))
  local _, dots = core:gsub("%.", "")
  local prerelease, build = version.identifiers(pre, true), version.identifiers(meta, false)
  if dots > 2 or (pre or meta) and dots < 2 or not (prerelease and build) then invalid(w.text) end
  local n = numbers(core, w.text)
  return { major = n[1], minor = n[2], patch = n[3], prerelease = n[3] and prerelease or w.floor, floor = w.floor }
end

-- The least version that a partial one means.
local function least(p)
  return version.new(p.major or 0, p.minor or 0, p.patch or 0, p.prerelease)
end

-- What ends below a version ends below its prereleases: "-0" is the least of them.
local function before(major, minor, patch)
  return { "<", version.new(major, minor, patch, { "0" }) }
end

-- The first version that is no longer meant by a partial one: 2.0.0 for "1", 1.3.0 for "1.2".
local function after(p)
  if not p.minor then return p.major + 1, 0, 0 end
  return p.major, p.minor + 1, 0
end

local function any(p) return { ">=", version.new(0, 0, 0, p.floor) } end

local NONE = before(0, 0, 0)

-- Operators ------------------------------------------------------------------------------------------------

local operators = {}

operators["^"] = function(p)
  if not p.major then return any(p) end
  if p.major > 0 or not p.minor then return { ">=", least(p) }, before(p.major + 1, 0, 0) end
  if p.minor > 0 or not p.patch then return { ">=", least(p) }, before(0, p.minor + 1, 0) end
  return { ">=", least(p) }, before(0, 0, p.patch + 1)
end

operators["~"] = function(p)
  if not p.major then return any(p) end
  return { ">=", least(p) }, before(after(p))
end

operators["="] = function(p)
  if not p.major then return any(p) end
  if p.patch then return { ">=", least(p) }, { "<=", least(p) } end
  return { ">=", least(p) }, before(after(p))
end

operators[">="] = function(p) return p.major and { ">=", least(p) } or any(p) end

operators[">"] = function(p)
  if not p.major then return NONE end
  if p.patch then return { ">", least(p) } end
  local major, minor, patch = after(p)
  return { ">=", version.new(major, minor, patch, p.floor) }
end

operators["<"] = function(p)
  if not p.major then return NONE end
  if p.patch then return { "<", least(p) } end
  return before(p.major, p.minor or 0, 0)
end

operators["<="] = function(p)
  if not p.major then return any(p) end
  if p.patch then return { "<=", least(p) } end
  return before(after(p))
end

-- Reading --------------------------------------------------------------------------------------------------

local function hyphen(from, to, w)
  local low, high = partial(from, w), partial(to, w)
  local set = { low.major and { ">=", least(low) } or any(low) }
  if high.major then set[2] = operators["<="](high) end
  return set
end

local function read_set(text, w)
  local from, to = text:match("^%s*(%S+)%s+%-%s+(%S+)%s*$")
  if from then return hyphen(from, to, w) end
  local set = {}
  -- "~>" is an old way to write "~"; an operator may stand apart from its version.
  text = text:gsub("~>", "~"):gsub("([<>=~^]=?)%s+", "%1")
  for word in text:gmatch("%S+") do
    local operator, rest = word:match("^([<>]=?)(.*)$")
    if not operator then operator, rest = word:match("^([~^])=?(.*)$") end
    if not operator then operator, rest = word:match("^(=?)(.*)$") end
    for _, comparator in ipairs { operators[operator == "" and "=" or operator](partial(rest, w)) } do
      set[#set + 1] = comparator
    end
  end
  return #set > 0 and set or { any(w) }
end

---@param text string
---@param prerelease boolean  prereleases are versions like all others: "1.x" begins at 1.0.0-0
---@return table sets  raises "semver-invalid"
function range.parse(text, prerelease)
  if #text > LENGTH_MAX then invalid(text) end
  local w = { text = text, floor = prerelease and { "0" } or {} }
  local sets, from = {}, 1
  while true do
    local at = text:find("||", from, true)
    sets[#sets + 1] = read_set(text:sub(from, at and at - 1), w)
    if not at then return sets end
    from = at + 2
  end
end

-- Judging -----------------------------------------------------------------------------------------------------

local holds = {
  ["<"] = function(order) return order < 0 end,
  ["<="] = function(order) return order <= 0 end,
  [">"] = function(order) return order > 0 end,
  [">="] = function(order) return order >= 0 end,
}

-- A prerelease is meant only where the range names one of the same version.
local function names_prerelease_of(set, v)
  for _, comparator in ipairs(set) do
    local c = comparator[2]
    if #c.prerelease > 0 and c.major == v.major and c.minor == v.minor and c.patch == v.patch then return true end
  end
  return false
end

local function set_holds(set, v, prerelease)
  for _, comparator in ipairs(set) do
    if not holds[comparator[1]](version.compare(v, comparator[2])) then return false end
  end
  return #v.prerelease == 0 or prerelease or names_prerelease_of(set, v)
end

---@param sets table
---@param v table           a version
---@param prerelease boolean  prereleases are versions like all others
---@return boolean
function range.holds(sets, v, prerelease)
  for _, set in ipairs(sets) do
    if set_holds(set, v, prerelease) then return true end
  end
  return false
end

return range
