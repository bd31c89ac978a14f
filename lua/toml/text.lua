---TOML's strings: four kinds, from the quote to what they hold. Pure.
local text = {}

local escapes = { b = "\b", t = "\t", n = "\n", f = "\f", r = "\r", ['"'] = '"', ["\\"] = "\\" }

-- Control characters, but for the tab; a line's end is looked at apart.
local CONTROL = "[%z\1-\8\11\12\14-\31\127]"

local function unescape(p, at)
  local letter = p.text:sub(at + 1, at + 1)
  if escapes[letter] then return escapes[letter], at + 2 end
  local long = letter == "U" and p.text:match("^%x%x%x%x%x%x%x%x", at + 2)
  local digits = long or letter == "u" and p.text:match("^%x%x%x%x", at + 2)
  local code = digits and tonumber(digits, 16)
  if not code or code > 0x10FFFF or code >= 0xD800 and code < 0xE000 then
    p:fail(at, "the escape is none of \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX",
      "a text in single quotes takes backslashes as they are")
  end
  return utf8.char(code), at + 2 + #digits
end

-- A backslash at the end of a line takes away all space up to the next character; nil where it is none such.
local function continued(p, at)
  local _, newline = p.text:find("^\\[ \t]*\r?\n", at)
  return newline and p.text:match("^[ \t\r\n]*()", newline + 1)
end

local function refuse_control(p, piece, at)
  local bad = piece:find(CONTROL) or piece:find "\r%f[^\r\n]" or piece:find "\r$"
  if bad then p:fail(at + bad - 1, "a control character in a text", "write it as an escape, \\u0000 for one") end
end

local function unclosed(p, from) p:fail(from, "the text is not closed") end

-- Between single quotes, on one line.
local function literal(p, from)
  local piece, after = p.text:match("^([^'\n]*)'()", from + 1)
  if not piece then unclosed(p, from) end
  refuse_control(p, piece, from + 1)
  return piece, after
end

-- Up to two quotes may stand before the three that close.
local function multi_literal(p, from)
  local start = p.text:match("^\r?\n()", from + 3) or from + 3
  local close, last = p.text:find("'''+", start)
  if not close then unclosed(p, from) end
  local quotes = math.min(last - close + 1, 5)
  local piece = p.text:sub(start, close + quotes - 4)
  refuse_control(p, piece, start)
  return piece, close + quotes
end

local function basic(p, from)
  local pieces, at = {}, from + 1
  while true do
    local piece, stop = p.text:match('^([^"\\\n]*)()', at)
    refuse_control(p, piece, at)
    pieces[#pieces + 1] = piece
    local char = p.text:sub(stop, stop)
    if char == '"' then return table.concat(pieces), stop + 1 end
    if char ~= "\\" then unclosed(p, from) end
    pieces[#pieces + 1], at = unescape(p, stop)
  end
end

local function multi_basic(p, from)
  local pieces, at = {}, p.text:match("^\r?\n()", from + 3) or from + 3
  while true do
    local piece, stop = p.text:match('^([^"\\]*)()', at)
    refuse_control(p, piece, at)
    pieces[#pieces + 1] = piece
    local quotes = p.text:match('^"+', stop) or ""
    if #quotes >= 3 then
      local held = math.min(#quotes, 5) - 3
      return table.concat(pieces) .. quotes:sub(1, held), stop + held + 3
    elseif quotes ~= "" then
      pieces[#pieces + 1], at = quotes, stop + #quotes
    elseif stop > #p.text then
      unclosed(p, from)
    else
      local after = continued(p, stop)
      if after then at = after else pieces[#pieces + 1], at = unescape(p, stop) end
    end
  end
end

---Reads the text that begins here.
---@param p toml.Parser
---@param from integer  its first quote
---@param is_key? boolean  a key has one line
---@return string value, integer after
function text.read(p, from, is_key)
  local quote = p.text:sub(from, from)
  if not is_key and p.text:sub(from, from + 2) == quote:rep(3) then
    return (quote == "'" and multi_literal or multi_basic)(p, from)
  end
  return (quote == "'" and literal or basic)(p, from)
end

return text
