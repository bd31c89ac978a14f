---Tables of options, as the functions in C and in Lua read them: the text is JSON. Whatever is in it, the
---function works or says that it is misused.
local base64 = require "base64"
local core = require "core"
local http = require "http.core"
local json = require "json"
local options = require "options"
local yaml = require "yaml"

local fields = { { "a", "string" }, { "n", "number" }, { "i", "integer" }, { "b", "boolean", true }, { "t", "table" },
  { "x", "text" }, { "l", "label" } }

local function used(f, ...)
  local worked, err = pcall(f, ...)
  assert(worked or err.class == "misuse" or err.code == "base64-invalid" or err.code == "yaml-invalid", tostring(err))
end

return function(text)
  local value = try(json.decode, text)
  if value == nil then value = text end
  used(base64.encode, "x", value)
  used(base64.decode, "x", value)
  used(json.encode, {}, value)
  used(yaml.decode, "a: b", value)
  used(options.read, "f", value, fields)
  if type(value) ~= "table" or type(value.url) ~= "string" then used(http.request, value) end
  local near = core.nearest(text:gsub("%z.*", ""), { "timeout", "headers", "method", "body" })
  assert(near == nil or #near > 3)
end
