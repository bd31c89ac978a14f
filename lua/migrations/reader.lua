---Walks over the tokens of a statement: keywords, names, lists. Pure.
local Reader = {}
Reader.__index = Reader

---@class migrations.Name
---@field key string   the same for the same thing, as far as the text tells
---@field text string  for people
---@field last string  without its schema

---@param tokens migrations.Token[]
---@param from? integer
---@return migrations.Reader
function Reader.new(tokens, from) return setmetatable({ tokens = tokens, at = from or 1 }, Reader) end

---The token that comes, or the one so many further.
function Reader:peek(ahead) return self.tokens[self.at + (ahead or 0)] end

function Reader:is(value, ahead)
  local token = self:peek(ahead)
  return token ~= nil and token.value == value and (token.kind == "word" or token.kind == "sign")
end

---Passes these words when they are what comes.
---@return boolean
function Reader:accept(...)
  local words = { ... }
  for i, word in ipairs(words) do
    if not self:is(word, i - 1) then return false end
  end
  self.at = self.at + #words
  return true
end

---Passes one of these words.
---@return string|nil
function Reader:accept_any(...)
  for _, word in ipairs { ... } do
    if self:accept(word) then return word end
  end
end

---The word that comes, passed.
---@return string|nil
function Reader:word()
  local token = self:peek()
  if not token then return nil end
  self.at = self.at + 1
  return token.value
end

function Reader:done() return self:peek() == nil end

-- A name of one, two or three parts, with or without quotes.
---@param path? string  the schema of names without one ("public")
---@return migrations.Name|nil
function Reader:name(path)
  local parts = {}
  repeat
    local token = self:peek()
    if not token or token.kind ~= "word" and token.kind ~= "quoted" then return nil end
    parts[#parts + 1] = token.value
    self.at = self.at + 1
  until not self:accept "."
  local schema = parts[#parts - 1] or path or "public"
  return { key = schema .. "\0" .. parts[#parts], text = table.concat(parts, "."), last = parts[#parts] }
end

---Passes what is in brackets, if an opening one comes.
---@return migrations.Token[]|nil inner
function Reader:brackets()
  if not self:is "(" then return nil end
  local depth, from = 0, self.at + 1
  repeat
    depth = depth + (self:is "(" and 1 or self:is ")" and -1 or 0)
    self.at = self.at + 1
  until depth == 0 or self:done()
  return table.move(self.tokens, from, self.at - 2, 1, {})
end

---What is left, cut at commas outside of brackets.
---@return migrations.Reader[]
function Reader:items()
  local items, item, depth = {}, {}, 0
  for i = self.at, #self.tokens do
    local token = self.tokens[i]
    local value = token.kind == "sign" and token.value
    depth = depth + ((value == "(" or value == "[") and 1 or (value == ")" or value == "]") and -1 or 0)
    if value == "," and depth == 0 then
      items[#items + 1], item = Reader.new(item), {}
    else
      item[#item + 1] = token
    end
  end
  items[#items + 1] = Reader.new(item)
  return items
end

---Whether the words stand one after the other anywhere in what is left, outside of brackets.
---@return integer|nil  where
function Reader:find(...)
  local words, depth = { ... }, 0
  for i = self.at, #self.tokens do
    local token = self.tokens[i]
    if depth == 0 then
      local all = true
      for n, word in ipairs(words) do all = all and self:is(word, i - self.at + n - 1) end
      if all then return i end
    end
    local value = token.kind == "sign" and token.value
    depth = depth + (value == "(" and 1 or value == ")" and -1 or 0)
  end
end

return Reader
