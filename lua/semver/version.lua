---One version: reading it, and its place in the order of semver.org 2.0.0, section 11.
local options = require "options"

local version = {}

local NUMBER_MAX = 1 << 53
local LENGTH_MAX = 256

local Version = {}
Version.__index = Version

function Version:__tostring()
  local text = ("%d.%d.%d"):format(self.major, self.minor, self.patch)
  if #self.prerelease > 0 then text = text .. "-" .. table.concat(self.prerelease, ".") end
  if #self.build > 0 then text = text .. "+" .. table.concat(self.build, ".") end
  return text
end

---Raises "semver-invalid".
function version.invalid(text, what, hint)
  text = options.beginning(text, 80):gsub("%c", "?")
  failure { code = "semver-invalid", about = text, message = ("'%s' is no %s"):format(text, what), hint = hint }
end

---@return integer|nil  of digits without a zero in front
function version.number(digits)
  if not (digits == "0" or digits:find("^[1-9]%d*$")) or #digits > 16 then return nil end
  local n = math.tointeger(tonumber(digits))
  return n and n <= NUMBER_MAX and n or nil
end

---@param text string|nil  "beta.1"
---@param numeric boolean   whether numbers may not begin with 0
---@return string[]|nil
function version.identifiers(text, numeric)
  local list = {}
  if not text then return list end
  for part in (text .. "."):gmatch("([^.]*)%.") do
    if not part:find("^[%w-]+$") or numeric and part:find("^0%d+$") then return nil end
    list[#list + 1] = part
  end
  return list
end

---@return table version  major, minor, patch, prerelease, build
function version.new(major, minor, patch, prerelease, build)
  return setmetatable(
    { major = major, minor = minor, patch = patch, prerelease = prerelease or {}, build = build or {} }, Version)
end

---@return string core, string|nil prerelease, string|nil build
function version.split(text)
  local rest, build = text:match("^([^+]*)%+(.*)$")
  rest = rest or text
  local core, prerelease = rest:match("^([^-]*)%-(.*)$")
  return core or rest, prerelease, build
end

---@param text string
---@return table version
function version.parse(text)
  local core, pre, meta = version.split(text)
  local a, b, c = core:match("^v?(%d+)%.(%d+)%.(%d+)$")
  local prerelease, build = version.identifiers(pre, true), version.identifiers(meta, false)
  local major, minor, patch = version.number(a or ""), version.number(b or ""), version.number(c or "")
  if #text > LENGTH_MAX or not (major and minor and patch and prerelease and build) then
    version.invalid(text, "version", "its form is MAJOR.MINOR.PATCH, then -PRERELEASE and +BUILD; "
      .. "numbers have no zero in front and are at most 2^53")
  end
  return version.new(major, minor, patch, prerelease, build)
end

-- Numbers by their value, of any length; numbers before texts.
local function compare_identifiers(a, b)
  local a_number, b_number = a:find("^%d+$") ~= nil, b:find("^%d+$") ~= nil
  if a_number ~= b_number then return a_number and -1 or 1 end
  if a_number and #a ~= #b then return #a < #b and -1 or 1 end
  return a == b and 0 or a < b and -1 or 1
end

local function compare_prereleases(a, b)
  if #a == 0 or #b == 0 then return #a == #b and 0 or #a == 0 and 1 or -1 end
  for i = 1, math.max(#a, #b) do
    if not a[i] then return -1 end
    if not b[i] then return 1 end
    local order = compare_identifiers(a[i], b[i])
    if order ~= 0 then return order end
  end
  return 0
end

---@return integer  -1, 0 or 1; builds do not count
function version.compare(a, b)
  for _, field in ipairs { "major", "minor", "patch" } do
    if a[field] ~= b[field] then return a[field] < b[field] and -1 or 1 end
  end
  return compare_prereleases(a.prerelease, b.prerelease)
end

return version
