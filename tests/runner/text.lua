---Texts as .NET, in which GitHub's runner is written, has them: decoded as a byte order mark at their beginning says,
---else from UTF-8; in lines that three endings end, counted in units of UTF-16.
local text = {}

local REPLACEMENT = "\u{FFFD}"

-- Of units of 2 or 4 bytes; halves of pairs stay alone.
local function of_units(bytes, format, size)
  local parts, high = {}, nil
  for at = 1, #bytes - size + 1, size do
    local code = format:unpack(bytes, at)
    if code >= 0xDC00 and code <= 0xDFFF and high then
      parts[#parts + 1], high = utf8.char(0x10000 + (high - 0xD800) * 0x400 + code - 0xDC00), nil
    else
      if high then parts[#parts + 1] = REPLACEMENT end
      high = code >= 0xD800 and code <= 0xDBFF and code or nil
      local alone = code >= 0xDC00 and code <= 0xDFFF or code > 0x10FFFF
      if not high then parts[#parts + 1] = alone and REPLACEMENT or utf8.char(code) end
    end
  end
  return table.concat(parts)
end

local marks = { { "\xFF\xFE\0\0", "<I4", 4 }, { "\0\0\xFE\xFF", ">I4", 4 }, { "\xFF\xFE", "<I2", 2 },
  { "\xFE\xFF", ">I2", 2 } }

---Bytes that are no UTF-8 become a sign for that.
---@param bytes string  of a whole stream or file
---@return string
function text.decode(bytes)
  for _, mark in ipairs(marks) do
    if bytes:sub(1, #mark[1]) == mark[1] then return of_units(bytes:sub(#mark[1] + 1), mark[2], mark[3]) end
  end
  local parts, at = {}, 1
  while at <= #bytes do
    local length, wrong = utf8.len(bytes, at)
    parts[#parts + 1] = bytes:sub(at, length and #bytes or wrong - 1)
    if length then break end
    parts[#parts + 1] = REPLACEMENT
    at = wrong + 1
  end
  return (table.concat(parts):gsub("^\u{FEFF}", ""))
end

---Lines end with "\n", "\r" or "\r\n"; a last one need not.
---@return string[]
function text.lines(whole)
  local list = {}
  whole = whole:gsub("\r\n", "\n"):gsub("\r", "\n")
  for line in (whole:sub(-1) == "\n" and whole or whole .. "\n"):gmatch "([^\n]*)\n" do list[#list + 1] = line end
  if whole == "" then list[1] = nil end
  return list
end

-- What .NET calls white space; of more than one byte in UTF-8 these.
local wide = { ["\u{85}"] = true, ["\u{A0}"] = true, ["\u{1680}"] = true, ["\u{2028}"] = true, ["\u{2029}"] = true,
  ["\u{202F}"] = true, ["\u{205F}"] = true, ["\u{3000}"] = true }
for code = 0x2000, 0x200A do wide[utf8.char(code)] = true end

---@return string
function text.trim_start(s)
  while true do
    local rest = s:match "^[\t-\r ]+(.*)$"
    local char = not rest and s:match "^[\xC2-\xEF][\x80-\xBF]+"
    while char and #char > 1 and not wide[char] do char = char:sub(1, -2) end
    if not rest and not wide[char] then return s end
    s = rest or s:sub(#char + 1)
  end
end

---@return string
function text.trim(s) return (text.trim_start(s):gsub("[\t-\r ]+$", "")) end

---How long a text is in units of UTF-16.
---@return integer
function text.units(s)
  local count = 0
  for _, code in utf8.codes(s) do count = count + (code > 0xFFFF and 2 or 1) end
  return count
end

return text
