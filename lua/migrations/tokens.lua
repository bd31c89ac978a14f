---The words of an SQL text, by PostgreSQL's lexical rules: comments that nest, strings of every kind, dollar quotes,
---quoted names. Pure. Strings are read as standard_conforming_strings = on has them.
local tokens = {}

---@class migrations.Token
---@field kind "word"|"quoted"|"string"|"number"|"param"|"sign"|"broken"
---@field value string  a word in lower case, a quoted name without its quotes, a sign as it is; of a broken one why
---@field at integer    where it begins
---@field stop integer  where it ends
---@field line integer

-- The end of the text in quotes that begins at `at`, or nil.
local function quoted_end(text, at, quote, escapes)
  local from, stops = at + 1, escapes and "[\\" .. quote .. "]" or quote
  while true do
    local found = text:find(stops, from)
    if not found then return nil end
    if text:sub(found, found) == "\\" or text:sub(found + 1, found + 1) == quote then
      from = found + 2
    else
      return found
    end
  end
end

-- The end of the comment that begins at `at`; comments nest.
local function comment_end(text, at)
  local depth, from = 1, at + 2
  while depth > 0 do
    local found = text:find("[/*][/*]", from)
    if not found then return nil end
    local pair = text:sub(found, found + 1)
    depth = depth + (pair == "/*" and 1 or pair == "*/" and -1 or 0)
    from = found + ((pair == "/*" or pair == "*/") and 2 or 1)
  end
  return from - 1
end

-- Signs of which operators are made; each is a token of its own, only "::" and ":=" are one.
local function sign(text, at)
  local two = text:sub(at, at + 1)
  return "sign", (two == "::" or two == ":=" or two == "=>") and at + 1 or at
end

local function string_or_broken(stop)
  if stop then return "string", stop end
  return "broken", nil, "a string without an end"
end

-- A letter, or a prefix of a string: e'', b'', x'', n'', u&'', u&"".
local function word(text, at)
  local prefix = text:match("^([eEbBxXnN])'", at)
  if prefix then return string_or_broken(quoted_end(text, at + 1, "'", prefix:lower() == "e")) end
  local kind = text:match("^[uU]&(['\"])", at)
  if kind == "'" then return string_or_broken(quoted_end(text, at + 2, "'")) end
  if kind then return "broken", nil, "a name with escapes, which are not read" end
  return "word", select(2, text:find("^[%w_$\128-\255]+", at))
end

local function dollar(text, at)
  local tag = text:match("^%$[%a_\128-\255]?[%w_\128-\255]*%$", at)
  if tag and not tag:find "^%$%d" then
    local _, stop = text:find(tag, at + #tag, true)
    if stop then return "string", stop end
    return "broken", nil, ("a text that %s begins and nothing ends"):format(tag)
  end
  local _, stop = text:find("^%$%d+", at)
  return stop and "param" or "sign", stop or at
end

local function name(text, at)
  local stop = quoted_end(text, at, '"')
  if stop then return "quoted", stop end
  return "broken", nil, "a quoted name without an end"
end

-- The token at a place: kind, where it ends, why it is broken.
local function read_one(text, at)
  local c = text:sub(at, at)
  if c:find "[%a_\128-\255]" then return word(text, at) end
  if c == "'" then return string_or_broken(quoted_end(text, at, "'")) end
  if c == '"' then return name(text, at) end
  if c == "$" then return dollar(text, at) end
  if c:find "%d" or text:find("^%.%d", at) then return "number", select(2, text:find("^[%w_.]+", at)) end
  return sign(text, at)
end

-- Where the next token begins; nil, true in a comment without an end.
local function skip_blanks(text, at)
  while true do
    at = text:find("[^ \t\r\n\f\v]", at) or #text + 1
    if text:find("^%-%-", at) then
      at = text:find("[\r\n]", at) or #text + 1
    elseif text:find("^/%*", at) then
      local stop = comment_end(text, at)
      if not stop then return at, true end
      at = stop + 1
    else
      return at
    end
  end
end

local function value_of(text, kind, at, stop)
  local raw = text:sub(at, stop)
  if kind == "word" then return raw:lower() end
  if kind == "quoted" then return (raw:sub(2, -2):gsub('""', '"')) end
  return raw
end

---@param text string
---@param line? integer  of its first character (1)
---@return migrations.Token[]
function tokens.read(text, line)
  local list, counted = {}, 1
  line = line or 1
  local at, unclosed = skip_blanks(text, 1)
  while at <= #text do
    line, counted = line + select(2, text:sub(counted, at - 1):gsub("\n", "")), at
    local kind, stop, why = "broken", nil, "a comment without an end"
    if not unclosed then kind, stop, why = read_one(text, at) end
    stop = stop or #text
    list[#list + 1] = { kind = kind, value = why or value_of(text, kind, at, stop), at = at, stop = stop, line = line }
    at, unclosed = skip_blanks(text, stop + 1)
  end
  return list
end

return tokens
