---YAML: what is read can be written and is then read the same; what is refused says where; any text
---can be written.
local same = require("core").load_file("tests/fuzz/same.lua")()
local yaml = require "yaml"

local function line_count(text)
  local _, n = text:gsub("[\n\r]", "")
  local _, other = text:gsub("\xC2\x85", "")
  local _, more = text:gsub("\xE2\x80[\xA8\xA9]", "")
  return n + other + more + 1
end

local function check_error(text, err)
  local line, column = err.message:match "^yaml:(%d+):(%d+): "
  assert(err.code == "yaml-invalid" and line, tostring(err))
  assert(tonumber(line) >= 1 and tonumber(line) <= line_count(text) + 1, "line " .. line)
  assert(tonumber(column) >= 1 and tonumber(column) <= #text + 1, "column " .. column)
end

-- Aliases let a short text stand for 10,000 values: what is in proportion to those is not judged.
local function room_left(value, left)
  left = left - 1
  if type(value) ~= "table" then return left end
  for _, item in pairs(value) do
    left = left > 0 and room_left(item, left) or 0
  end
  return left
end

return function(text)
  local ok, value = pcall(yaml.decode, text)
  if not ok then
    check_error(text, value)
  elseif room_left(value, 1000) > 0 then
    local written = yaml.encode(value)
    assert(same(value, (yaml.decode(written))), written)
    assert(written == yaml.encode((yaml.decode(written))), "written otherwise the second time")
  end
  if utf8.len(text) then assert(yaml.decode(yaml.encode { [text] = text })[text] == text, "the text is not read back") end
end
