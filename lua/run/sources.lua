---Which texts a run was made of, by their hashes: the recipe, the project's own modules beside it,
---and Davit itself. A run that is resumed by other texts may not do what it began.
local core = require "core"
local fs = require "fs"
local sha256 = require "sha256"

local sources = {}

local function add_folder(list, folder)
  if not fs.exists(folder) then return end
  for _, entry in ipairs(fs.list(folder)) do
    local path = folder .. "/" .. entry
    if entry:find("/$") then
      add_folder(list, path:sub(1, -2))
    elseif entry:find("%.lua$") then
      list[path] = sha256(fs.read(path))
    end
  end
end

---@param recipe table        from recipe.load
---@param root string|nil     the project's folder
---@return table<string, string>  hashes by name
function sources.of(recipe, root)
  local list = { [recipe.file] = recipe.source, ["davit " .. core.version] = core.build }
  if root then add_folder(list, root .. "/recipes/lib") end
  return list
end

---@param before table<string, string>
---@param now table<string, string>
---@return string[]  what was changed, added or removed
function sources.changed(before, now)
  local names = {}
  for name, hash in pairs(before) do
    if now[name] ~= hash then names[#names + 1] = name end
  end
  for name in pairs(now) do
    if not before[name] then names[#names + 1] = name end
  end
  return names
end

return sources
