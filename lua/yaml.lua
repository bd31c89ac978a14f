---YAML: the reader is the core's, the writer is here.
local core = require "yaml.core"
local json = require "json"
local options = require "options"
local secret = require "secret.core"

local yaml = { decode = core.decode }

local DEPTH_MAX, KEY_MAX, INTEGER_MAX = 64, 1000, 1 << 53

local write

-- Errors ----------------------------------------------------------------------------------------

local function refuse(w, format, ...)
  local path = "$"
  for _, step in ipairs(w.path) do
    path = path .. (math.type(step) and ("[%d]"):format(step) or ".%s"):format(step)
  end
  options.misuse("yaml.encode: %s: %s", options.beginning(path, 200), format:format(...))
end

-- Texts -------------------------------------------------------------------------------------------

-- Older readers take these for booleans.
local words = { y = true, n = true, yes = true, no = true, on = true, off = true }

local function is_plain(text)
  return #text < 200 and text:find "^[%a_/][%w_./@+=:~(),;$%% -]*$" and not text:find ":[ ]" and not text:find "[: ]$"
    and not words[text:lower()] and core.is_text(text)
end

local function escape(character) return ("\\u%04X"):format(utf8.codepoint(character)) end

-- JSON's form, without what a reader of YAML takes for the end of a line or refuses.
local function quoted(text)
  local form = json.encode(text):gsub("\127", escape):gsub("\xC2[\x80-\x9F]", escape)
  return (form:gsub("\xE2\x80[\xA8\xA9]", escape):gsub("\xEF\xBB\xBF", escape):gsub("\xEF\xBF[\xBE\xBF]", escape))
end

-- Whether it can stand as lines of a block: nothing at its edges that the block would change.
local function is_block(text)
  return text:find "^[^ \t\n][^\n]*\n" and not text:find "\n\n$" and not text:find "[^\n\t\32-\126]"
end

local function block(text, indent)
  local lines = text:gsub("\n$", "")
  local pad = (" "):rep(indent)
  return (text:sub(-1) == "\n" and "|\n" or "|-\n") .. pad .. lines:gsub("\n([^\n])", "\n" .. pad .. "%1")
end

local function write_text(w, text, indent)
  if not utf8.len(text) then refuse(w, "the string is not UTF-8; base64 carries other bytes") end
  if is_plain(text) then return w.add(text) end
  w.add(indent and is_block(text) and block(text, indent) or quoted(text))
end

-- Lists and mappings ----------------------------------------------------------------------------------

-- "list" or "mapping", by the keys.
local function kind_of(w, value)
  local items, names = 0, 0
  for key in pairs(value) do
    if type(key) == "string" then names = names + 1 elseif math.type(key) == "integer" then items = items + 1
    else refuse(w, "a %s is no key", type(key)) end
  end
  if items > 0 and names > 0 then refuse(w, "the table has names and positions; it is a mapping or a list") end
  if items ~= #value then refuse(w, "the positions are not 1 to n without gaps (json.null fills one)") end
  return items > 0 and "list" or "mapping"
end

-- What stands behind "key:" or "-": on the line, or below it.
local function write_below(w, value, indent, in_list)
  local empty = type(value) ~= "table" or next(value) == nil
  if empty or in_list then
    w.add " "
  else
    w.add("\n" .. (" "):rep(indent))
  end
  write(w, value, indent)
end

local function write_list(w, list, indent)
  for i, item in ipairs(list) do
    if i > 1 then w.add("\n" .. (" "):rep(indent)) end
    w.path[#w.path + 1] = i
    w.add "-"
    write_below(w, item, indent + 2, true)
    w.path[#w.path] = nil
  end
end

-- A long key does not fit the short form.
local function write_key(w, key, indent)
  local long = #key * 6 > KEY_MAX
  if long then w.add "? " end
  write_text(w, key, nil)
  w.add(long and "\n" .. (" "):rep(indent) .. ":" or ":")
end

local function write_mapping(w, mapping, indent)
  local first = true
  for key, value in pairs(mapping) do
    if not first then w.add("\n" .. (" "):rep(indent)) end
    first = false
    w.path[#w.path + 1] = key
    write_key(w, key, indent)
    write_below(w, value, indent + 2)
    w.path[#w.path] = nil
  end
end

local function write_table(w, value, indent)
  if #w.path >= DEPTH_MAX then refuse(w, "nesting is deeper than %d", DEPTH_MAX) end
  if w.above[value] then refuse(w, "the table contains itself") end
  if next(value) == nil then return w.add(json.encode(value)) end   -- [] or {}
  w.above[value] = true
  if kind_of(w, value) == "list" then write_list(w, value, indent) else write_mapping(w, value, indent) end
  w.above[value] = nil
end

-- Values -------------------------------------------------------------------------------------------------

local function write_number(w, value)
  if value ~= value or value == math.huge or value == -math.huge then refuse(w, "%s has no form", tostring(value)) end
  if math.type(value) == "integer" and (value > INTEGER_MAX or value < -INTEGER_MAX) then
    refuse(w, "the integer %d is beyond 2^53; write it as a string", value)
  end
  local digits = json.encode(value)
  local whole = math.type(value) == "float" and not digits:find "[.e]"   -- would be read as an integer
  w.add(whole and digits .. ".0" or digits)
end

function write(w, value, indent)
  local kind = type(value)
  if kind == "table" then
    write_table(w, value, indent)
  elseif kind == "string" then
    write_text(w, value, math.max(indent, 2))
  elseif kind == "number" then
    write_number(w, value)
  elseif kind == "boolean" or value == json.null then
    w.add(tostring(value == json.null and "null" or value))
  elseif secret.is(value) then
    w.secret(json.encode(value))
  else
    refuse(w, "a %s has no form in YAML", kind)
  end
end

-- Pieces of text, and templates of secrets between them.
local function new_writer()
  local pieces, whole = {}, nil
  local w = { path = {}, above = {} }
  function w.add(text) pieces[#pieces + 1] = text end
  local function flush()
    whole = whole and whole .. table.concat(pieces) or table.concat(pieces)
    pieces = {}
  end
  function w.secret(template)
    flush()
    whole = whole .. template
  end
  function w.finish()
    w.add "\n"
    flush()
    return whole
  end
  return w
end

function yaml.encode(value)
  if value == nil then options.misuse("yaml.encode: expected a value") end
  local w = new_writer()
  write(w, value, 0)
  return w.finish()
end

return yaml
