---URLs: the text's first line is a base, the rest a reference. What is parsed is built again, joining
---and normalising twice changes nothing more, and everything else is "url-invalid".
local same = require("core").load_file("tests/fuzz/same.lua")()
local url = require "url"

local function invalid(err)
  assert(err.code == "url-invalid", tostring(err))
end

local function check_parts(text)
  local parts, err = try(url.parse, text)
  if err then return invalid(err) end
  local built = url.build(parts)
  assert(url.build(url.parse(built)) == built, built)
  local normal = url.normalise(text)
  assert(url.normalise(normal) == normal, normal)
  if parts.query then
    local fields, why = try(url.fields, parts.query, { lists = true })
    assert(fields or why.code == "url-invalid")
    if fields then assert(same(fields, url.fields(url.query(fields), { lists = true }))) end
  end
end

local function check_join(base, reference)
  local joined, err = try(url.join, base, reference)
  if err then return invalid(err) end
  local again = url.join(base, joined)   -- without the dots that an empty reference leaves in the base's path
  assert(url.join(base, again) == again, again)
  assert(url.parse(joined).scheme, "a URL without scheme")
end

return function(text)
  local base, reference = text:match "^([^\n]*)\n(.*)$"
  base, reference = base or "http://a/b/c/d;p?q", reference or text
  check_parts(base)
  check_parts(reference)
  check_join(base, reference)
  assert(url.decode(url.encode(text)) == text, "encoding")
  local _, err = try(url.decode, text)
  if err then invalid(err) end
  assert(url.fields(url.query { [text] = text })[text] == text, "a field of a query")
end
