---Bodies of form data: the text's first line is the content type, the rest the body. Parts lie in the body, in
---their order, and what is put together of them is parsed as the same parts.
local multipart = require "cloud.multipart"
local same = require("core").load_file("tests/fuzz/same.lua")()

local BOUNDARY = "----davit-fuzz-boundary"

local function assemble(parts)
  local pieces = {}
  for _, part in ipairs(parts) do
    pieces[#pieces + 1] = ('--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n%s\r\n%s\r\n'):format(BOUNDARY,
      part.name:gsub('[\\"]', "\\%0"), part.filename and ('; filename="%s"'):format(part.filename:gsub('[\\"]', "\\%0"))
      or "", part.type and "Content-Type: " .. part.type .. "\r\n" or "", part.body)
  end
  return table.concat(pieces) .. "--" .. BOUNDARY .. "--\r\n"
end

-- What a writer of form data would have to escape otherwise, and what ends a header, cannot come back the same.
local function plain(part)
  for _, text in ipairs { part.name, part.filename or "", part.type or "" } do
    if text:find '[%c"\\]' or text:find "%%22" or text:find "^%s" or text:find "%s$" then return false end
  end
  return not part.body:find(BOUNDARY, 1, true) and part.name ~= ""
end

return function(text)
  local content_type, body = text:match "^([^\n]*)\n(.*)$"
  content_type, body = content_type or "multipart/form-data; boundary=x", body or text
  local parts, reason = multipart.parse(content_type, body)
  assert(parts or type(reason) == "string", "a reason")
  local at = 1
  for _, part in ipairs(parts or {}) do
    assert(type(part.name) == "string", "a name")
    local first, last = body:find(part.body, at, true)
    assert(first, "a part's bytes are those of the body")
    at = part.body == "" and at or last + 1
  end
  for _, part in ipairs(parts or {}) do
    if not plain(part) then return end
  end
  if parts and #parts > 0 then
    local again = multipart.parse("multipart/form-data; boundary=" .. BOUNDARY, assemble(parts))
    assert(same(again, parts), "put together again")
  end
end
