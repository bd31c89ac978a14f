---Bodies of type multipart/form-data: a list of parts, their bytes untouched.
local multipart = {}

---@class multipart.Part
---@field name string
---@field filename? string
---@field type? string   its content type, where it has one
---@field body string    any bytes

-- A parameter's value, quoted or bare, and where it ends; nil when a quote is left open.
-- Form data escapes a quote as %22 or with a backslash.
local function value_at(header, at)
  if header:sub(at, at) ~= '"' then return header:match("^([^;%s]*)()", at) end
  local value = {}
  at = at + 1
  while at <= #header do
    local char = header:sub(at, at)
    if char == '"' then return (table.concat(value):gsub("%%22", '"')), at + 1 end
    if char == "\\" and header:find('^["\\]', at + 1) then
      at = at + 1
      char = header:sub(at, at)
    end
    value[#value + 1] = char
    at = at + 1
  end
end

local function parameters(header)
  local found, at = {}, 1
  while at do
    local name, start = header:match("^[^;]*;%s*([^=;%s]+)=()", at)
    if not name then break end
    found[name:lower()], at = value_at(header, start)
  end
  return found
end

local function headers_of(text)
  local headers = {}
  for line in (text .. "\r\n"):gmatch("(.-)\r\n") do
    local name, value = line:match("^([^:%s]+):%s*(.-)%s*$")
    if name then headers[name:lower()] = value end
  end
  return headers
end

-- text is what stands between two boundaries: headers, an empty line, the body.
local function part_of(text)
  local head, start = ("\r\n" .. text):match("^(.-)\r\n\r\n()")
  if not head then return nil, "a part without an empty line" end
  local headers = headers_of(head)
  local disposition = parameters(headers["content-disposition"] or "")
  if not disposition.name then return nil, "a part without a name" end
  return { name = disposition.name, filename = disposition.filename,
    type = headers["content-type"], body = text:sub(start - 2) }
end

-- The next boundary line: where it starts, where it ends, and whether it closes the body.
-- Bytes that only begin like a boundary belong to the part.
local function boundary_at(body, mark, from)
  while true do
    local first, last = body:find(mark, from, true)
    if not first then return nil end
    if body:sub(last + 1, last + 2) == "--" then return first, last + 2, true end
    local _, line_end = body:find("^[ \t]*\r\n", last + 1)
    if line_end then return first, line_end, false end
    from = last + 1
  end
end

---@param content_type string  the request's, with its boundary
---@param body string
---@return multipart.Part[]|nil parts, string|nil reason
function multipart.parse(content_type, body)
  if not content_type:lower():find("^multipart/form%-data") then return nil, "not form data" end
  local boundary = parameters(content_type).boundary
  if not boundary or boundary == "" then return nil, "no boundary" end
  local mark = "\r\n--" .. boundary
  body = "\r\n" .. body   -- the first boundary has no line end before it
  local parts = {}
  local _, at, closed = boundary_at(body, mark, 1)
  if not at then return nil, "the boundary is not in the body" end
  while not closed do
    local start = at + 1
    local first
    first, at, closed = boundary_at(body, mark, start - 2)
    if not first then return nil, "the last boundary is missing" end
    local part, reason = part_of(body:sub(start, first - 1))
    if not part then return nil, reason end
    parts[#parts + 1] = part
  end
  return parts
end

return multipart
