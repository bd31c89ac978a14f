---Which texts a run was made of, by their hashes: the recipe, the project's own modules beside it,
---and Davit itself. A run that is resumed by other texts may not do what it began.
local core = require "core"
local fs = require "fs.core"
local sha256 = require "sha256"

local sources = {}

-- The project's own files are named as they stand in it: it may be moved, be checked out elsewhere by
-- another runner, or be entered from a folder below.
local function within(root, file)
  return root and file:sub(1, #root + 1) == root .. "/" and file:sub(#root + 2) or file
end

local function add_folder(list, folder, root)
  if not fs.exists(folder) then return end
  for _, entry in ipairs(fs.list(folder)) do
    local path = folder .. "/" .. entry
    if entry:find("/$") then
      add_folder(list, path:sub(1, -2), root)
    elseif entry:find("%.lua$") then
      list[within(root, path)] = sha256(fs.read(path))
    end
  end
end

---@param recipe table        from recipe.load
---@param root string|nil     the project's folder
---@return table<string, string>  hashes by name
function sources.of(recipe, root)
  local list = { [within(root, recipe.file)] = recipe.source, ["davit " .. core.version] = core.build }
  if root then add_folder(list, root .. "/recipes/lib", root) end
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
