---The other forms in which GitHub's runner looks for a masked value: one function a form (ValueEncoders in
---actions/runner). A form that does not exist for a value is empty.
local base64 = require "base64"
local load_file = require("core").load_file

local text = assert(load_file "tests/runner/text.lua")()

local SHORTEST_PART <const> = 6      -- units of a half around "&" that PowerShell might show alone
local LONGEST_UNQUOTED <const> = 8   -- units of a value whose quotes stay

local function shifted(by)
  return function(value) return base64.encode(#value > by and value:sub(by + 1) or value) end
end

local function replaced(pattern, by)
  return function(value) return (value:gsub(pattern, by)) end
end

local json_escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\u{85}"] = "\\u0085", ["\u{2028}"] = "\\u2028", ["\u{2029}"] = "\\u2029" }

local function json(value)
  value = value:gsub('["\\%c]', function(c) return json_escapes[c] or c ~= "\127" and ("\\u%04x"):format(c:byte()) end)
  return (value:gsub("\u{85}", json_escapes):gsub("\u{2028}", json_escapes):gsub("\u{2029}", json_escapes))
end

local function uri(value)
  return (value:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function xml(value)
  return (value:gsub("[<>\"'&]", { ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&apos;", ["&"] = "&amp;" }))
end

local function unquoted(value)
  return text.units(value) > LONGEST_UNQUOTED and value:match '^"(.*)"$' or ""
end

local function long_enough(part) return part and text.units(part) >= SHORTEST_PART and part or "" end

local function before_ampersand(value) return long_enough(value:match "^(.-&%+)" or value:match "^(.*&)") end

-- After "&+" one character is coloured and stands apart.
local function after_ampersand(value)
  local rest = value:match "^.-&%+(.*)$"
  return long_enough(rest and rest:match("^" .. utf8.charpattern .. "(.*)$") or not rest and value:match "^.*&(.*)$" or nil)
end

return { shifted(0), shifted(1), shifted(2), replaced('"', '\\"'), replaced("'", "''"), json, uri, xml, unquoted,
  before_ampersand, after_ampersand }
