---What GitHub's runner hides in a job's log (SecretMasker in actions/runner): values, their other forms, and what
---expressions of the service find. The union of all that is found is replaced, parts that touch by one mark.
local load_file = require("core").load_file

local encoders = assert(load_file "tests/runner/encoders.lua")()
local text = assert(load_file "tests/runner/text.lua")()

local masker = {}

local MARK <const> = "***"

-- Assumed: the service sends expressions and does not publish them. These stand for the kinds that its documentation
-- names; who stays clear of them is not safe for that.
local suspicious = {
  "%f[%w]%a[%w+.-]*://[^%s/@:]+:[^%s/@]+@[^%s\"']+",      -- a connection string with a password
  "[Pp]assword=[^;%s\"']+", "[Pp]wd=[^;%s\"']+", "AccountKey=[%w+/=]+",
  "[Bb]earer%s+[%w._~+/-]+=*",
  "%f[%w]eyJ[%w_-]+%.[%w_-]+%.[%w_-]+",                    -- a JSON web token
  "%f[%w]gh[pousr]_" .. ("%w"):rep(36) .. "%w*", "%f[%w]github_pat_[%w_]+", "%f[%w]npm_" .. ("%w"):rep(36),
  "%f[%w]oy2" .. ("%w"):rep(43),                           -- a key of NuGet
}

---@class runner.Masker
local Masker = {}
Masker.__index = Masker

---@return runner.Masker
function masker.new() return setmetatable({ forms = {}, known = {} }, Masker) end

---Hides a value and its other forms.
function Masker:add(value)
  if value == "" or self.known[value] then return end
  self.known[value] = true
  self.forms[value] = true
  for _, encode in ipairs(encoders) do
    local form = encode(value)
    if form ~= "" then self.forms[form] = true end
  end
end

---Hides a secret of the job: the whole and each of its lines, without the blanks around them.
function Masker:add_secret(value)
  value = text.trim(value)
  self:add(value)
  for line in value:gmatch "[^\r\n]+" do self:add(text.trim(line)) end
end

-- Occurrences may overlap each other: the next one is looked for a byte further.
local function find_value(found, s, value)
  local first, last = s:find(value, 1, true)
  while first do
    found[#found + 1] = { first, last }
    first, last = s:find(value, first + 1, true)
  end
end

local function find_pattern(found, s, pattern)
  local first, last = s:find(pattern)
  while first do
    found[#found + 1] = { first, last }
    first, last = s:find(pattern, last + 1)
  end
end

-- Sorted; what overlaps or touches is one.
local function merged(found)
  table.sort(found, function(a, b) return a[1] < b[1] end)
  local list = {}
  for _, span in ipairs(found) do
    local before = list[#list]
    if before and span[1] <= before[2] + 1 then
      before[2] = math.max(before[2], span[2])
    else
      list[#list + 1] = span
    end
  end
  return list
end

---@param s string
---@return string
function Masker:mask(s)
  local found, parts, at = {}, {}, 1
  for value in pairs(self.forms) do find_value(found, s, value) end
  for _, pattern in ipairs(suspicious) do find_pattern(found, s, pattern) end
  for _, span in ipairs(merged(found)) do
    parts[#parts + 1] = s:sub(at, span[1] - 1) .. MARK
    at = span[2] + 1
  end
  return table.concat(parts) .. s:sub(at)
end

return masker
