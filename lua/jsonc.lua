---JSON with comments and with commas after the last item, as configuration files have it. What JSON has not is blanked
---in place, so that json's own reader tells line and column as they are in the file.
local json = require "json"
local options = require "options"

local jsonc = {}

local fields = { { "name", "string" } }

local function fail(text, at, name, what)
  local _, lines = text:sub(1, at - 1):gsub("\n", "")
  failure { code = "json-invalid", class = "fatal", about = name,
    message = ("jsonc.decode: %s, line %d column %d: %s"):format(name or "the text", lines + 1,
      #text:sub(1, at - 1):match "[^\n]*$" + 1, what) }
end

-- A text in quotes, to its end; to that of all where it has none, and json says so.
local function string_end(text, from)
  local at = from + 1
  while true do
    local stop = text:find('["\\]', at)
    if not stop then return #text end
    if text:byte(stop) == 34 then return stop end
    at = stop + 2
  end
end

-- Nil where no comment begins.
local function comment_end(text, from, name)
  local two = text:sub(from, from + 1)
  if two == "//" then return (text:find("[\r\n]", from) or #text + 1) - 1 end
  if two ~= "/*" then return nil end
  local _, last = text:find("*/", from + 2, true)
  return last or fail(text, from, name, "the comment is not closed")
end

-- Where a piece ends: space, a text, a sign, or what is neither (numbers and words).
local function piece_end(text, from)
  local char = text:sub(from, from)
  if char == '"' then return string_end(text, from) end
  if char:find "[%[%]{},:/]" then return from end
  local pattern = char:find "[ \t\r\n]" and "^[ \t\r\n]+" or '^[^ \t\r\n"%[%]{},:/]+'
  return select(2, text:find(pattern, from))
end

-- A comma may be left out where an item stands before it and a bracket behind it.
local no_item = { ["["] = true, ["{"] = true, [","] = true, [":"] = true, [""] = true }

local function blanked(text, name)
  local pieces, at, before, comma = {}, 1, "", nil
  while at <= #text do
    local comment = comment_end(text, at, name)
    local last = comment or piece_end(text, at)
    local piece = text:sub(at, last)
    pieces[#pieces + 1] = comment and piece:gsub("[^\r\n]", " ") or piece
    if not comment and not piece:find "^[ \t\r\n]" then
      if comma and (piece == "]" or piece == "}") then pieces[comma] = " " end
      comma = piece == "," and not no_item[before] and #pieces or nil
      before = piece
    end
    at = last + 1
  end
  return table.concat(pieces)
end

function jsonc.decode(text, o)
  if type(text) ~= "string" then options.misuse("jsonc.decode: expected a text, not a %s", type(text)) end
  o = options.read("jsonc.decode", o or {}, fields)
  local value, err = try(json.decode, blanked(text, o.name), { name = o.name })
  if not err then return value end
  err.message = err.message:gsub("^json%.decode", "jsonc.decode")
  error(err, 0)
end

return jsonc
