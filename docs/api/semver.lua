---@meta semver

---Versions by semver.org 2.0.0, and ranges of them as npm reads them.
local semver = {}

---@class semver.Version
---@field major integer
---@field minor integer
---@field patch integer
---@field prerelease string[]  { "beta", "1" } of 1.0.0-beta.1
---@field build string[]

---Reads a version; a "v" in front of it is passed over. `tostring` writes it again.
---
---Raises `semver-invalid` (fatal) for what is none, for numbers beyond 2^53 and for more than 256 bytes.
---@param text string
---@return semver.Version
function semver.parse(text) end

---The order of semver.org, section 11; builds do not count.
---@param a string|semver.Version
---@param b string|semver.Version
---@return integer  -1, 0 or 1
function semver.compare(a, b) end

---@class semver.RangeOptions
---@field prerelease? boolean  prereleases are versions like all others: `1.x` begins at 1.0.0-0 (false)

---Whether the version is in the range: `1.2.3`, `>=1.2 <2`, `^1.2.3`, `~1.2`, `1.x`, `*`, `1.2 - 2.3`, and
---`||` between them. As with npm, a prerelease is in a range only when that names a prerelease of the
---same version.
---
---Raises `semver-invalid` (fatal).
---@param version string|semver.Version
---@param range string
---@param options? semver.RangeOptions
---@return boolean
function semver.satisfies(version, range, options) end

---The highest of the versions that is in the range, as it stands in the list, or nil.
---@param versions (string|semver.Version)[]
---@param range string
---@param options? semver.RangeOptions
---@return string|semver.Version|nil
function semver.find(versions, range, options) end

return semver
