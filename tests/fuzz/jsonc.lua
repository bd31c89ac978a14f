---JSON with comments: what json reads is read the same, with comments around it as well; what is refused says
---where.
local json = require "json"
local jsonc = require "jsonc"
local same = require("core").load_file("tests/fuzz/same.lua")()

return function(text)
  local value, err = try(jsonc.decode, text)
  if err then
    local line, column = err.message:match "line (%d+) column (%d+)"
    assert(err.code == "json-invalid" and line, tostring(err))
    assert(tonumber(line) >= 1 and tonumber(column) >= 1, tostring(err))
  end
  local plain, refused = try(json.decode, text)
  if refused then return end
  assert(not err, "json reads it: " .. tostring(err))
  assert(same(plain, value), "json reads it otherwise")
  assert(same(plain, jsonc.decode("// a, [\n/* \" */" .. text .. "\n/**/ // \\")), "commented it is something else")
end
