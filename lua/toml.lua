---TOML 1.0: reading only. A recursive descent over the text, which stays whole; positions are bytes of it.
---
---What a header or a key may still add to is kept beside the tables that are made (`notes`): an inline table or an
---array of values is `closed` when it ends; a table that a header opened has `header`, an array of tables `list`, and
---one that dotted keys made or went through the `section` in which they did: no other section's keys may.
local json = require "json"
local options = require "options"
local scalar = require "toml.scalar"
local texts = require "toml.text"

local toml = {}

local DEPTH_MAX, SIZE_MAX, PATH_MAX = 64, 8 << 20, 1000

local fields = { { "name", "string" } }

---@class toml.Parser
---@field text string
---@field at integer
local Parser = {}
Parser.__index = Parser

-- ---- where, and what is wrong ------------------------------------------------------------------

-- The line of a position. Positions grow, but for an error's, which may be looked for from the start.
local function line_of(p, at)
  if at < p.line_start then p.line, p.line_start = 1, 1 end
  local newline = p.text:find("\n", p.line_start, true)
  while newline and newline < at do
    p.line, p.line_start = p.line + 1, newline + 1
    newline = p.text:find("\n", p.line_start, true)
  end
  return p.line
end

---Raises "toml-invalid".
---@param at integer
---@param what string
---@param hint? string
function Parser:fail(at, what, hint)
  local line = line_of(self, at)
  failure {
    code = "toml-invalid", class = "fatal", about = self.name, hint = hint,
    message = ("%s:%d:%d: %s"):format(self.name, line, at - self.line_start + 1, what),
  }
end

-- What stands here, in words, without the inside of a text, which may be a part of a secret.
local function found(p)
  local char = p.text:match("^[%z\1-\127\xC2-\xFD][\x80-\xBF]*", p.at)
  if not char then return "the end of the text" end
  if char == "\n" or char == "\r" then return "the end of the line" end
  return char:find "^%c" and "a control character" or ("'%s'"):format(char)
end

local function expect(p, what) p:fail(p.at, ("expected %s, found %s"):format(what, found(p))) end

-- ---- space, comments, lines --------------------------------------------------------------------

local function skip_space(p) p.at = p.text:match("^[ \t]*()", p.at) end

local function skip_comment(p)
  local comment, after = p.text:match("^#([^\n]*)()", p.at)
  if not comment then return end
  local bad = comment:gsub("\r$", after <= #p.text and "" or "\r"):find "[%z\1-\8\11-\31\127]"
  if bad then p:fail(p.at + bad, "a control character in a comment") end
  p.at = after
end

-- Up to what follows, over lines and comments.
local function skip_lines(p)
  repeat
    skip_space(p)
    skip_comment(p)
    local after = p.text:match("^\r?\n()", p.at)
    p.at = after or p.at
  until not after
end

local function end_line(p)
  skip_space(p)
  skip_comment(p)
  local after = p.text:match("^\r?\n()", p.at)
  if not after and p.at <= #p.text then expect(p, "the end of the line") end
  p.at = after or p.at
end

local function take(p, char)
  if p.text:sub(p.at, p.at) ~= char then return false end
  p.at = p.at + 1
  return true
end

-- ---- keys ----------------------------------------------------------------------------------------

local function simple_key(p)
  local bare, after = p.text:match("^([%w_-]+)()", p.at)
  if bare then
    p.at = after
    return bare
  end
  if not p.text:find("^[\"']", p.at) then expect(p, "a key") end
  if p.text:find('^"""', p.at) or p.text:find("^'''", p.at) then
    p:fail(p.at, "a key stands on one line, in one quote and not in three")
  end
  bare, p.at = texts.read(p, p.at, true)
  return bare
end

-- The parts of a dotted key, and where it begins.
local function dotted_key(p)
  local parts, from = {}, p.at
  repeat
    skip_space(p)
    parts[#parts + 1] = simple_key(p)
    if #parts > DEPTH_MAX then p:fail(from, ("nesting is deeper than %d"):format(DEPTH_MAX)) end
    skip_space(p)
  until not take(p, ".")
  return parts, from
end

-- ---- tables --------------------------------------------------------------------------------------

-- "a.b[2]" for the lines; too long ones are nobody's.
local function path_of(path, key)
  if not path or #path + #tostring(key) > PATH_MAX then return nil end
  if math.type(key) == "integer" then return ("%s[%d]"):format(path, key) end
  return path == "" and key or path .. "." .. key
end

local function note_line(p, path, at)
  if path and path ~= "" then p.lines[path] = p.lines[path] or line_of(p, at) end
end

local function new_table(p, note)
  local t = {}
  p.notes[t] = note
  return t
end

local function shown(parts, n) return table.concat(parts, ".", 1, n or #parts) end

local function twice(p, at, parts, n) p:fail(at, ("'%s' is there already"):format(shown(parts, n))) end

-- The table of a part of a key or header, made where there is none. An array of tables stands for its last one.
local function descend(p, t, path, parts, i, at, note)
  local key = parts[i]
  local inner = t[key]
  path = path_of(path, key)
  if inner == nil then
    inner = new_table(p, note)
    t[key] = inner
    note_line(p, path, at)
  end
  local known = type(inner) == "table" and p.notes[inner]
  if known and known.list then
    path, inner = path_of(path, #inner), inner[#inner]
    known = p.notes[inner]
  end
  if not known or known.closed then
    p:fail(at, ("'%s' is a value, and nothing can be added to it"):format(shown(parts, i)))
  end
  return inner, path
end

-- Within a section: what dotted keys go through is theirs or nobody's yet.
local function add_dotted(p, into, path, parts, at)
  local t = into
  for i = 1, #parts - 1 do
    local direct = t[parts[i]]
    local known = type(direct) == "table" and p.notes[direct]
    if known and (known.list or known.header) or known and known.section and known.section ~= p.section then
      p:fail(at, ("'%s' has a section of its own, and nothing can be added to it here"):format(shown(parts, i)))
    end
    t, path = descend(p, t, path, parts, i, at, { section = p.section })
    p.notes[t].section = p.section
  end
  local key = parts[#parts]
  if t[key] ~= nil then twice(p, at, parts) end
  path = path_of(path, key)
  note_line(p, path, at)
  return t, key, path
end

-- ---- values --------------------------------------------------------------------------------------

local value

local function array(p, path, depth)
  local list, at = json.array {}, p.at
  p.at = p.at + 1
  skip_lines(p)
  while not take(p, "]") do
    local here = path_of(path, #list + 1)
    note_line(p, here, p.at)
    list[#list + 1] = value(p, here, depth)
    skip_lines(p)
    if not take(p, ",") and p.text:sub(p.at, p.at) ~= "]" then
      if p.at > #p.text then p:fail(at, "the array is not closed") end
      expect(p, "',' or ']'")
    end
    skip_lines(p)
  end
  p.notes[list] = { closed = true }
  return list
end

local function pair(p, into, path, depth)
  local parts, at = dotted_key(p)
  if not take(p, "=") then expect(p, "'=' after the key") end
  local t, key, here = add_dotted(p, into, path, parts, at)
  skip_space(p)
  t[key] = value(p, here, depth + #parts - 1)
end

-- Its dotted keys are a section of their own.
local function inline_table(p, path, depth)
  local outer, t = p.section, new_table(p, {})
  p.section = {}
  p.at = p.at + 1
  skip_space(p)
  if not take(p, "}") then
    repeat
      skip_space(p)
      pair(p, t, path, depth)
      skip_space(p)
    until not take(p, ",")
    if not take(p, "}") then expect(p, "',' or '}' of a table on one line") end
  end
  p.section = outer
  p.notes[t] = { closed = true }
  return t
end

local function bare_value(p)
  local last = scalar.last(p.text, p.at)
  if last < p.at then expect(p, "a value") end
  local read, why = scalar.read(p.text:sub(p.at, last))
  if read == nil then
    p:fail(p.at, ("'%s' %s"):format(options.beginning(p.text:sub(p.at, last), 40), why),
      why == "is no value" and "a text stands in quotes" or nil)
  end
  p.at = last + 1
  return read
end

function value(p, path, depth)
  depth = depth + 1
  if depth > DEPTH_MAX then p:fail(p.at, ("nesting is deeper than %d"):format(DEPTH_MAX)) end
  local char = p.text:sub(p.at, p.at)
  if char == "[" then return array(p, path, depth) end
  if char == "{" then return inline_table(p, path, depth) end
  if char ~= '"' and char ~= "'" then return bare_value(p) end
  local text
  text, p.at = texts.read(p, p.at)
  return text
end

-- ---- sections ------------------------------------------------------------------------------------

local function open_table(p, t, path, parts, at)
  local there = t[parts[#parts]]
  local known = type(there) == "table" and p.notes[there]
  local taken = not known or known.closed or known.list or known.header or known.section
  if there ~= nil and taken then twice(p, at, parts) end
  local inner, here = descend(p, t, path, parts, #parts, at, {})
  p.notes[inner].header = true
  return inner, here
end

local function open_item(p, t, path, parts, at)
  local key = parts[#parts]
  local list = t[key]
  if list == nil then
    list = json.array {}
    p.notes[list], t[key] = { list = true }, list
    note_line(p, path_of(path, key), at)
  elseif type(list) ~= "table" or not (p.notes[list] or {}).list then
    twice(p, at, parts)
  end
  list[#list + 1] = new_table(p, { header = true })
  local here = path_of(path_of(path, key), #list)
  note_line(p, here, at)
  return list[#list], here
end

-- "[a.b]" or "[[a.b]]": the table that what follows goes into, and its path.
local function section(p)
  local is_item = p.text:find("^%[%[", p.at) ~= nil
  p.at = p.at + (is_item and 2 or 1)
  skip_space(p)
  local parts, at = dotted_key(p)
  if not take(p, "]") or is_item and not take(p, "]") then expect(p, is_item and "']]'" or "']'") end
  local t, path = p.root, ""
  for i = 1, #parts - 1 do t, path = descend(p, t, path, parts, i, at, {}) end
  p.section, p.depth = {}, #parts
  t, path = (is_item and open_item or open_table)(p, t, path, parts, at)
  end_line(p)
  return t, path
end

local function document(p)
  local t, path = p.root, ""
  skip_lines(p)
  while p.at <= #p.text do
    if p.text:sub(p.at, p.at) == "[" then
      t, path = section(p)
    else
      pair(p, t, path, p.depth)
      end_line(p)
    end
    skip_lines(p)
  end
  return p.root
end

-- ---- the module ----------------------------------------------------------------------------------

local function check_text(p)
  if #p.text > SIZE_MAX then
    failure { code = "toml-invalid", class = "fatal", about = p.name,
      message = ("%s:1:1: the text has %d bytes, and %d are the most"):format(p.name, #p.text, SIZE_MAX) }
  end
  local _, bad = utf8.len(p.text)
  if bad then p:fail(bad, "the text is not UTF-8") end
end

function toml.decode(text, o)
  if type(text) ~= "string" then options.misuse("toml.decode: expected a text, not a %s", type(text)) end
  o = options.read("toml.decode", o or {}, fields)
  local p = setmetatable({ text = text, at = text:match "^\xEF\xBB\xBF()" or 1, name = o.name or "toml", line = 1,
    line_start = 1, lines = {}, notes = {}, root = {}, section = {}, depth = 0 }, Parser)
  p.notes[p.root] = {}
  check_text(p)
  return document(p), p.lines
end

return toml
