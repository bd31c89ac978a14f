---Names of secrets and variables, which have the same rules: kept in capitals, found in any case.
local answers = require "cloud.github.answers"

local setting_names = {}

---@param kind string  "Secret" or "Variable"
---@param name string
---@return string  as it is kept; refuses what cannot be one
function setting_names.check(kind, name)
  if not name:find "^[%a_][%w_]*$" then
    answers.malformed(("%s names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). "
      .. "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_)."):format(kind))
  end
  if name:upper():find "^GITHUB_" then answers.malformed(kind .. " names must not start with GITHUB_.") end
  return name:upper()
end

---The settings of a table by name, in the order of the alphabet, which is assumed.
---@param items table<string, table>
---@return table[]
function setting_names.sorted(items)
  local list = {}
  for _, item in pairs(items) do list[#list + 1] = item end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

---@param items table<string, table>
---@return integer
function setting_names.count(items)
  local count = 0
  for _ in pairs(items) do count = count + 1 end
  return count
end

return setting_names
