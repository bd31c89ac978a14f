---How database branches are called, and which of them may be swept. Pure functions of text.
local options = require "options"
local sha256 = require "sha256"

local names = {}

local LONGEST = 63   -- as a DNS label's; a marker that is made of one still fits
local SHA = 8        -- digits of a commit, or of a hash

-- ---- making ------------------------------------------------------------------------------

local function number(what, value)
  if math.type(value) == "integer" and value > 0 then return tostring(value) end
  options.misuse("neon.names.%s: expected a whole number above 0, not %s", what, tostring(value))
end

local function text(what, value)
  if type(value) == "string" and value ~= "" then return value end
  options.misuse("neon.names.%s: expected a text, not %s", what, value == "" and "an empty one" or tostring(value))
end

-- Every other character, of however many bytes, becomes one "-".
local function plain(value)
  local single = utf8.len(value) and value:gsub("[\xC2-\xF4][\x80-\xBF]+", "-") or value
  return (single:gsub("[^%w._-]", "-"))
end

-- Two long texts that begin alike must not meet: what is cut off is told by a hash of the whole.
local function fit(prefix, value, suffix)
  local whole = prefix .. plain(value) .. suffix
  if #whole <= LONGEST then return whole end
  local mark = "-" .. sha256(value):sub(1, SHA)
  return prefix .. plain(value):sub(1, LONGEST - #prefix - #mark - #suffix) .. mark .. suffix
end

---@param n integer  of the pull request
---@return string  pr-42
function names.pull(n) return "pr-" .. number("pull", n) end

---@param n integer
---@return string  pr-42-e2e
function names.pull_e2e(n) return "pr-" .. number("pull_e2e", n) .. "-e2e" end

---@param branch string  of git
---@param sha string     at least eight digits
---@return string  push-feature-auth-a1b2c3d4
function names.push(branch, sha)
  if type(sha) ~= "string" or #sha < SHA or sha:find "%X" then
    options.misuse("neon.names.push: expected a commit of at least %d digits, not %s", SHA, tostring(sha))
  end
  return fit("push-", text("push", branch), "-" .. sha:sub(1, SHA):lower())
end

---@param name string
---@return string  dev-anna
function names.dev(name) return fit("dev-", text("dev", name), "") end

---@param run string|integer
---@return string  migration-test-1234
function names.migration_test(run)
  if math.type(run) == "integer" then run = tostring(run) end
  return fit("migration-test-", text("migration_test", run), "")
end

---@param epoch integer  seconds since 1970
---@return string  emergency-restore-1790000000
function names.emergency_restore(epoch)
  return "emergency-restore-" .. number("emergency_restore", epoch)
end

-- ---- reading -----------------------------------------------------------------------------

---@class neon.NameParts
---@field kind "pull"|"pull_e2e"|"push"|"dev"|"migration_test"|"emergency_restore"
---@field lives "pull"|"run"|"kept"  until the pull request is closed, its run has ended, or somebody deletes it
---@field pull? integer

-- A number as it is written by whoever makes these names: without signs and leading zeros.
local function whole(digits)
  local n = digits and math.tointeger(tonumber(digits))
  return n and n > 0 and tostring(n) == digits and n or nil
end

---What a name says. nil: none of these, so that it is somebody else's.
---@param name string
---@return neon.NameParts|nil
function names.read(name)
  if type(name) ~= "string" then options.misuse("neon.names.read: expected a text, not a %s", type(name)) end
  local pull, rest = name:match "^pr%-(%d+)(.*)$"
  pull = whole(pull)
  if pull and rest == "" then return { kind = "pull", lives = "pull", pull = pull } end
  if pull and rest == "-e2e" then return { kind = "pull_e2e", lives = "run", pull = pull } end
  if name:find("^push%-.+%-" .. ("[0-9a-f]"):rep(SHA) .. "$") then return { kind = "push", lives = "run" } end
  if name:find "^dev%-." then return { kind = "dev", lives = "kept" } end
  if name:find "^migration%-test%-." then return { kind = "migration_test", lives = "run" } end
  if whole(name:match "^emergency%-restore%-(%d+)$") then return { kind = "emergency_restore", lives = "kept" } end
end

---Whether a branch of this name may be deleted by whoever tidies up. What is not understood stays.
---@param name string
---@return boolean
function names.is_swept(name)
  local parts = names.read(name)
  return parts ~= nil and parts.lives ~= "kept"
end

return names
