---JSON: what is read can be written, and is then read and written the same; what is refused says where.
local json = require "json"
local same = require("core").load_file("tests/fuzz/same.lua")()

return function(text)
  local value, err = try(json.decode, text)
  if err then
    local line, column = err.message:match "line (%d+) column (%d+)"
    assert(err.code == "json-invalid" and line, tostring(err))
    assert(tonumber(line) >= 1 and tonumber(column) >= 1, tostring(err))
  else
    local written = json.encode(value)
    assert(same(value, json.decode(written)), written)
    assert(written == json.encode(json.decode(written)), "written otherwise the second time")
    assert(same(value, json.decode(json.encode(value, { indent = 2 }))), "indented it is something else")
  end
  if utf8.len(text) then assert(json.decode(json.encode(text)) == text, "the text is not read back") end
end
