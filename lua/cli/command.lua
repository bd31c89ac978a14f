---A command line as somebody would type it: a recipe and those of its parameters that it does not take anyway.
local command = {}

local function word(value)
  local text = type(value) == "table" and table.concat(value, ",") or tostring(value)
  return text:find("^[%w%-_./=:,@+]+$") and text or "'" .. text:gsub("'", "'\\''") .. "'"
end

command.word = word

---@param name string   of a parameter or a flag
---@param value any
---@return string
function command.flag(name, value)
  local flag = name:gsub("_", "-")
  if type(value) == "boolean" then return ("--%s%s"):format(value and "" or "no-", flag) end
  return ("--%s %s"):format(flag, word(value))
end

-- A parameter without a value has none to be told.
local function same(value, default)
  return value == default or type(value) == "table" and (default == nil or type(default) == "table" and #default == 0)
    and #value == 0
end

---@param name string    the recipe's
---@param params table   what a run of it was given
---@param known? table   what the recipe declares; without it all of them are told
---@return string
function command.text(name, params, known)
  local words = { name }
  for key, value in pairs(params) do
    local declared = (known or {})[key]
    if not (declared and same(value, declared.default)) then words[#words + 1] = command.flag(key, value) end
  end
  return table.concat(words, " ")
end

return command
