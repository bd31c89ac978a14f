---TOML: what is read has only values that JSON has, or numbers that it has not; lines are those of the text; what is
---refused says where; a text that JSON writes is read the same between quotes.
local json = require "json"
local toml = require "toml"

local function line_count(text)
  local _, n = text:gsub("\n", "")
  return n + 1
end

local function check_error(text, err)
  local line, column = err.message:match "^toml:(%d+):(%d+): "
  assert(err.code == "toml-invalid" and line, tostring(err))
  assert(tonumber(line) >= 1 and tonumber(line) <= line_count(text), "line " .. line)
  assert(tonumber(column) >= 1 and tonumber(column) <= #text + 1, "column " .. column)
end

local kinds = { string = true, number = true, boolean = true, table = true }

local function check_value(value)
  assert(kinds[type(value)], type(value))
  if type(value) ~= "table" then return end
  local is_list = #value > 0
  for key, item in pairs(value) do
    assert(type(key) == (is_list and "number" or "string"), "a key that is a " .. type(key))
    check_value(item)
  end
end

return function(text)
  local ok, value, lines = pcall(toml.decode, text)
  if ok then
    check_value(value)
    for path, line in pairs(lines) do assert(line >= 1 and line <= line_count(text), path) end
  else
    check_error(text, value)
  end
  if not utf8.len(text) then return end
  local quoted = json.encode(text):gsub("\127", "\\u007F")
  assert(toml.decode("a = " .. quoted).a == text, "the text is not read back")
end
