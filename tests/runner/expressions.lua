---GitHub's expressions, as far as workflows of Davit's use them: names with dots, texts, numbers, comparisons, `&&`, `||`,
---`!`, brackets, and the functions of a status. Source: GitHub's reference "Evaluate expressions in workflows and actions".
local json = require "json"

local expressions = {}

local function wrong(text, what) error(("the expression '%s': %s"):format(text, what), 0) end

-- ---- values -----------------------------------------------------------------------------------

-- What is not there is null, which compares and prints as an empty text.
local function plain(value)
  if value == nil or value == json.null then return "" end
  return value
end

local function truth(value)
  value = plain(value)
  return value ~= "" and value ~= false and value ~= 0
end

-- Texts are compared without regard to case, other kinds as numbers; assumed to be enough: nothing here compares those.
local function same(a, b)
  a, b = plain(a), plain(b)
  if type(a) == "string" and type(b) == "string" then return a:lower() == b:lower() end
  return a == b
end

-- ---- reading ----------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function Reader:take(pattern)
  local found, after = self.text:match("^%s*(" .. pattern .. ")()", self.at)
  if found then self.at = after end
  return found
end

function Reader:name()
  local path = self:take "[%a_][%w_%-]*"
  if not path then wrong(self.text, "something is missing") end
  if path == "true" or path == "false" then return path == "true" end
  if self:take "%(" then
    if not self:take "%)" then wrong(self.text, "functions with arguments are not known here") end
    local f = self.functions[path] or wrong(self.text, ("there is no function %s"):format(path))
    return f()
  end
  local value = self.contexts[path]
  if value == nil then wrong(self.text, ("there is no context %s"):format(path)) end
  while self:take "%." do
    local key = self:take "[%a_][%w_%-]*" or wrong(self.text, "a name is missing after a dot")
    value = type(value) == "table" and value ~= json.null and value[key] or nil
  end
  return value
end

function Reader:primary()
  if self:take "!" then return not truth(self:primary()) end
  if self:take "%(" then
    local value = self:either()
    if not self:take "%)" then wrong(self.text, "a bracket is not closed") end
    return value
  end
  local quoted = self:take "'[^']*'"
  if quoted then return quoted:sub(2, -2) end
  local number = self:take "%d+"
  return number and tonumber(number) or self:name()
end

function Reader:comparison()
  local left = self:primary()
  if self:take "==" then return same(left, self:primary()) end
  if self:take "!=" then return not same(left, self:primary()) end
  return left
end

-- Both sides are read whatever the first one is; the value is that of one of them.
function Reader:both()
  local left = self:comparison()
  while self:take "&&" do
    local right = self:comparison()
    left = truth(left) and right or not truth(left) and left
  end
  return left
end

function Reader:either()
  local left = self:both()
  while self:take "||" do
    local right = self:both()
    left = truth(left) and left or right
  end
  return left
end

-- ---- what they say ----------------------------------------------------------------------------

---@class runner.Scope
---@field contexts table<string, table>
---@field functions table<string, fun(): any>

---@param text string  without the braces
---@param scope runner.Scope
function expressions.value(text, scope)
  local reader = setmetatable({ text = text, at = 1, contexts = scope.contexts, functions = scope.functions }, Reader)
  local value = reader:either()
  if reader.text:find("%S", reader.at) then wrong(text, "nobody expects " .. reader.text:sub(reader.at)) end
  return value
end

---Puts the values of all expressions into a text.
---@param text any  what YAML says: a text, a number or a boolean
---@param scope runner.Scope
---@return string
function expressions.fill(text, scope)
  return (tostring(text):gsub("%${{(.-)}}", function(inner) return tostring(plain(expressions.value(inner, scope))) end))
end

---Whether a condition holds. One that asks for no status wants success, too.
---@param text any|nil
---@param scope runner.Scope
---@return boolean
function expressions.holds(text, scope)
  text = text == nil and "success()" or tostring(text):gsub("^%s*%${{(.-)}}%s*$", "%1")
  local asks = false
  for name in pairs(scope.functions) do asks = asks or text:find(name .. "%s*%(") ~= nil end
  if not asks and not scope.functions.success() then return false end
  return truth(expressions.value(text, scope))
end

return expressions
