---Versions by semver.org 2.0.0, and ranges of them as npm reads them.
local options = require "options"
local ranges = require "semver.range"
local version = require "semver.version"

local semver = {}

local function parsed(what, v)
  if type(v) == "string" then return version.parse(v) end
  if type(v) == "table" and v.major and v.minor and v.patch and v.prerelease then return v end
  options.misuse("%s: a version is a string or what semver.parse gives, not a %s", what, type(v))
end

function semver.parse(text)
  if type(text) ~= "string" then options.misuse("semver.parse: a version is a string, not a %s", type(text)) end
  return version.parse(text)
end

function semver.compare(a, b)
  return version.compare(parsed("semver.compare", a), parsed("semver.compare", b))
end

local function read_range(what, range, o)
  if type(range) ~= "string" then options.misuse("%s: a range is a string, not a %s", what, type(range)) end
  o = options.read(what, o or {}, { { "prerelease", "boolean" } })
  local prerelease = o.prerelease == true
  return ranges.parse(range, prerelease), prerelease
end

function semver.satisfies(v, range, o)
  local sets, prerelease = read_range("semver.satisfies", range, o)
  return ranges.holds(sets, parsed("semver.satisfies", v), prerelease)
end

function semver.find(versions, range, o)
  local sets, prerelease = read_range("semver.find", range, o)
  if type(versions) ~= "table" then options.misuse("semver.find: expected a list, not a %s", type(versions)) end
  local best, best_version
  for _, candidate in ipairs(versions) do
    local v = parsed("semver.find", candidate)
    if ranges.holds(sets, v, prerelease) and (not best or version.compare(v, best_version) > 0) then
      best, best_version = candidate, v
    end
  end
  return best
end

return semver
