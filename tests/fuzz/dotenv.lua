---Lines of NAME=value: what is read can be written and is then read the same; what is refused says
---in which line; any text can be a value.
local dotenv = require "dotenv"
local same = require("core").load_file("tests/fuzz/same.lua")()

return function(text)
  local values, err = try(dotenv.decode, text)
  if err then
    local line = tostring(err.message):match "^dotenv:(%d+): "
    local _, newlines = text:gsub("\n", "")
    assert(err.code == "dotenv-invalid" and tonumber(line) <= newlines + 1, tostring(err))
  else
    assert(same(values, dotenv.decode(dotenv.encode(values))), "the values are not read back")
  end
  assert(dotenv.decode(dotenv.encode { A = text, B = "x" }).A == text, "the text is not read back")
end
