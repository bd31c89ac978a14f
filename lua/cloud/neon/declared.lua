---What a project's davit.yaml says of its databases, as a world begins with it: the projects at Neon, the branches that
---others are made of, and what databases and roles are called.
local data = require "cloud.data"

local declared = {}

local ROOT = "production"

-- The database's project at Neon among those that are known.
local function project_of(list, id)
  local project = data.find(list, "id", id)
  if project then return project end
  project = { id = id, branches = {} }
  list[#list + 1] = project
  return project
end

local function add_branch(branches, name)
  if name == ROOT or data.find(branches, "name", name) then return end
  table.insert(branches, 1, { name = name, protected = true })   -- previews are made of it, and are not like it
end

---@param databases table<string, { neon: string, parent?: string, database?: string, role?: string }>
---@param file? neon.Seed    what the file of the world says; it comes first
---@return string|nil project  the first one
---@return neon.Seed
function declared.seed(databases, file)
  local seed, found = {}, {}
  for key, value in pairs(file or {}) do seed[key] = value end
  for _, database in pairs(databases or {}) do
    local project = project_of(found, database.neon)
    project.database, project.role = project.database or database.database, project.role or database.role
    add_branch(project.branches, database.parent or ROOT)
  end
  local first = table.remove(found, 1) or { branches = {} }
  seed.database, seed.role = first.database, first.role
  seed.branches = table.move(seed.branches or {}, 1, #(seed.branches or {}), 1, {})
  for _, branch in ipairs(first.branches) do add_branch(seed.branches, branch.name) end
  seed.projects = table.move(seed.projects or {}, 1, #(seed.projects or {}), 1, {})
  for _, project in ipairs(found) do
    if not data.find(seed.projects, "id", project.id) then table.insert(seed.projects, project) end
  end
  return first.id, seed
end

return declared
