---A glob as the states of a machine that reads a path once: however the pattern is made, a path
---costs its length times the pattern's. The states are numbers; what each does stands in four lists.
local options = require "options"

local compile = {}

local LENGTH_MAX = 4096

---@class glob.Machine
---@field accept table  state -> test(character), which leads to
---@field to table      state -> the next state
---@field either table  state -> { states } that are entered with it
---@field first integer
---@field last integer
---@field sets table   for whoever runs it: see glob.lua
---@field count integer

local function invalid(pattern, what, hint)
  failure { code = "glob-invalid", about = pattern, hint = hint,
    message = ("the pattern '%s': %s"):format(options.beginning(pattern, 200), what) }
end

-- Characters: one byte, or the bytes of one character of UTF-8.
local CHARACTER = "^[\xC2-\xF4][\x80-\xBF][\x80-\xBF]?[\x80-\xBF]?"

---@return string character  at the byte i; a byte that begins none stands for itself
function compile.character(text, i)
  local byte = text:byte(i)
  return byte and byte >= 0xC2 and text:match(CHARACTER, i) or text:sub(i, i)
end

local function not_slash(c) return c ~= "/" end

local function anything() return true end

local Compiler = {}
Compiler.__index = Compiler

function Compiler:state()
  self.count = self.count + 1
  return self.count
end

-- A state that `test` leads on from; returns where to.
function Compiler:step(from, test)
  local next_state = self:state()
  self.accept[from], self.to[from] = test, next_state
  return next_state
end

-- Makes all of `states` be entered with `from`.
function Compiler:split(from, ...)
  self.either[from] = { ... }
end

-- Any number of characters that pass the test; at least one with `some`.
function Compiler:loop(from, test, some)
  if some then from = self:step(from, test) end
  local body, out = self:state(), self:state()
  self:split(from, body, out)
  self:split(self:step(body, test), body, out)
  return out
end

-- Any folders, none too: "**/".
function Compiler:folders(from)
  local body, out = self:state(), self:state()
  self:split(from, body, out)
  local slash = self:loop(body, anything, true)
  self:split(self:step(slash, function(c) return c == "/" end), out)
  return out
end

-- Stars -------------------------------------------------------------------------------------

-- Whether a name starts here: at the pattern's begin, behind "/", and at the start of what braces offer.
function Compiler:starts_name(i)
  local before = self.text:sub(i - 1, i - 1)
  return i == 1 or before == "/" or self.starts[i] == true
end

function Compiler:stars(from, i)
  local _, last = self.text:find("^%*+", i)
  local after = self.text:sub(last + 1, last + 1)
  if last > i and self:starts_name(i) then
    if after == "/" then return self:folders(from), last + 2 end
    if after == "" or self.depth > 0 and (after == "," or after == "}") then
      return self:loop(from, anything, true), last + 1
    end
  end
  return self:loop(from, not_slash), last + 1
end

-- [sets] --------------------------------------------------------------------------------------

-- One character of a set, with "\" undone; nil at the pattern's end.
function Compiler:member(i)
  if self.text:sub(i, i) == "\\" then i = i + 1 end
  if i > #self.text then return nil end
  local c = compile.character(self.text, i)
  return c, i + #c
end

-- A number that goes up with the character.
local function rank(c)
  local n = 0
  for i = 1, #c do n = n << 8 | c:byte(i) end
  return n
end

local function in_set(ranges, negated)
  return function(c)
    if c == "/" then return false end
    local n = rank(c)
    for _, range in ipairs(ranges) do
      if n >= range[1] and n <= range[2] then return not negated end
    end
    return negated
  end
end

function Compiler:set(from, i)
  local ranges, at = {}, i + 1
  local negated = self.text:find("^[!^]", at) ~= nil
  if negated then at = at + 1 end
  local first = at
  while at == first or self.text:sub(at, at) ~= "]" do
    local low, high
    low, at = self:member(at)
    if not low then invalid(self.text, ("']' is missing after '[' at %d"):format(i), "'\\[' means the character") end
    high = low
    if self.text:sub(at, at) == "-" and not self.text:find("^%-%]", at) then
      high, at = self:member(at + 1)
      if not high then invalid(self.text, ("']' is missing after '[' at %d"):format(i)) end
      if rank(high) < rank(low) then invalid(self.text, ("the range %s-%s is empty"):format(low, high)) end
    end
    ranges[#ranges + 1] = { rank(low), rank(high) }
  end
  return self:step(from, in_set(ranges, negated)), at + 1
end

-- {a,b} ------------------------------------------------------------------------------------------

function Compiler:braces(from, i)
  local entries, out, at = {}, self:state(), i + 1
  self.depth = self.depth + 1
  self.starts[at] = self:starts_name(i)
  repeat
    local last
    entries[#entries + 1] = self:state()
    last, at = self:sequence(entries[#entries], at)
    local mark = self.text:sub(at, at)
    if mark == "" then invalid(self.text, ("'}' is missing after '{' at %d"):format(i), "'\\{' means the character") end
    self:split(last, out)
    at = at + 1
    self.starts[at] = mark == "," and self:starts_name(i)
  until mark == "}"
  self.depth = self.depth - 1
  self:split(from, table.unpack(entries))
  return out, at
end

-- Sequences ----------------------------------------------------------------------------------------

function Compiler:literal(from, i)
  if self.text:sub(i, i) == "\\" then i = i + 1 end
  if i > #self.text then invalid(self.text, "nothing follows the last '\\'", "'\\\\' means the character") end
  local wanted = compile.character(self.text, i)
  return self:step(from, function(c) return c == wanted end), i + #wanted
end

-- Reads to the end, or to what ends an alternative of braces; returns the last state, and where that is.
function Compiler:sequence(from, i)
  while i <= #self.text do
    local c = self.text:sub(i, i)
    if self.depth > 0 and (c == "," or c == "}") then break end
    if c == "*" then
      from, i = self:stars(from, i)
    elseif c == "?" then
      from, i = self:step(from, not_slash), i + 1
    elseif c == "[" then
      from, i = self:set(from, i)
    elseif c == "{" then
      from, i = self:braces(from, i)
    else
      from, i = self:literal(from, i)
    end
  end
  return from, i
end

---@param pattern string
---@return glob.Machine  raises "glob-invalid"
function compile.machine(pattern)
  if #pattern > LENGTH_MAX then
    failure { code = "glob-invalid", message = ("a pattern is at most %d bytes long"):format(LENGTH_MAX) }
  end
  local self = setmetatable({ text = pattern, count = 0, depth = 0, starts = {}, accept = {}, to = {}, either = {} },
    Compiler)
  local first = self:state()
  local last = self:sequence(first, 1)
  return {
    accept = self.accept, to = self.to, either = self.either, first = first, last = last, sets = {}, count = 0,
  }
end

return compile
