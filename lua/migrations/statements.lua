---Cuts an SQL text into its statements, where the server would: at semicolons outside of brackets and of the bodies
---of functions in standard SQL (BEGIN ATOMIC … END). Pure.
local tokens = require "migrations.tokens"

local statements = {}

---@class migrations.Statement
---@field tokens migrations.Token[]  without the semicolon
---@field text string
---@field line integer    where it begins
---@field broken? string  why its end is not known

local opens, closes = { ["("] = true, ["["] = true }, { [")"] = true, ["]"] = true }

local function is_routine(list)
  local i = list[2] and list[2].value == "or" and 4 or 2
  local kind = list[i] and list[i].value
  return list[1].value == "create" and (kind == "function" or kind == "procedure")
end

-- How much deeper a word leads: "begin atomic" and each "case" in it have an "end".
local function depth_of_word(list, token, inside)
  local before = list[#list]
  if token.value == "atomic" and before and before.value == "begin" and is_routine(list) then return 1 end
  if inside > 0 and token.value == "case" then return 1 end
  if inside > 0 and token.value == "end" then return -1 end
  return 0
end

local function finish(found, text, list)
  if #list == 0 then return end
  local last = list[#list]
  found[#found + 1] = {
    tokens = list, text = text:sub(list[1].at, last.stop), line = list[1].line,
    broken = last.kind == "broken" and last.value or nil,
  }
end

---@param text string
---@param line? integer  of its first character (1)
---@return migrations.Statement[]
function statements.read(text, line)
  local found, list, brackets, inside = {}, {}, 0, 0
  for _, token in ipairs(tokens.read(text, line)) do
    if token.kind == "sign" and token.value == ";" and brackets <= 0 and inside == 0 then
      finish(found, text, list)
      list, brackets = {}, 0
    else
      if token.kind == "sign" then
        brackets = brackets + (opens[token.value] and 1 or closes[token.value] and -1 or 0)
      elseif token.kind == "word" then
        inside = inside + depth_of_word(list, token, inside)
      end
      list[#list + 1] = token
    end
  end
  finish(found, text, list)
  return found
end

return statements
