---What a seed file says of Neon: the organisation, projects with their branches, and keys.
local shape = require "project.shape"
local values = require "cloud.seed.values"

local neon = {}

---The keys below `neon`.
neon.keys = {
  project = "text", token = "text", organization = { id = "text", name = "text" },
  tokens = { list = { name = "text", value = "text", kind = "text", project = "text" } },
  branches = { list = "any" },
  projects = { list = { id = "text", name = "text", shared = "boolean", branches = { list = "any" } } },
}

local branch_keys = { name = "text", parent = "text", protected = "boolean", compute = "boolean" }

-- Parents stand before their children.
local function read_branches(file, list, path)
  local made, seen = values.with_short_form(file, list, branch_keys, "name", path), { production = true }
  for i, one in ipairs(made) do
    local here = ("%s.%d"):format(path, i)
    if seen[one.name] then shape.wrong(file, here .. ".name", ("two branches are called '%s'"):format(one.name)) end
    if one.parent and not seen[one.parent] then
      shape.wrong(file, here .. ".parent",
        ("is production or a branch that stands before, not '%s'"):format(one.parent))
    end
    seen[one.name] = true
  end
  return made
end

-- Without neon.project the first project is the one that davit.yaml names.
local function read_tokens(file, section, known)
  for i, token in ipairs(section.tokens or {}) do
    local path = "neon.tokens." .. i
    shape.require_keys(file, token, path, { "name", "value" })
    token.kind = token.kind or token.project and "project" or "user"
    values.one_of(file, path .. ".kind", token.kind, "user", "org", "project")
    if (token.kind == "project") ~= (token.project ~= nil) then
      shape.wrong(file, path .. ".project", "belongs to a key of kind 'project', which has one")
    end
    if token.project and section.project and not known[token.project] then
      shape.wrong(file, path .. ".project", ("there is no project %s in this file"):format(token.project))
    end
  end
  return section.tokens
end

local function check_project_id(file, path, id, known)
  if not id:find "^[a-z0-9-]+$" or #id > 60 then
    shape.wrong(file, path, "is made of a-z, 0-9 and -, 60 of them at most")
  end
  if known[id] then shape.wrong(file, path, ("two projects are called '%s'"):format(id)) end
  known[id] = true
end

---@param section table  checked against neon.keys
---@return neon.Seed
function neon.read(file, section)
  local known = {}
  if section.project then check_project_id(file, "neon.project", section.project, known) end
  for i, project in ipairs(section.projects or {}) do
    local path = "neon.projects." .. i
    shape.require_keys(file, project, path, { "id" })
    check_project_id(file, path .. ".id", project.id, known)
    project.branches = read_branches(file, project.branches, path .. ".branches")
  end
  return { org = section.organization, projects = section.projects, tokens = read_tokens(file, section, known),
    branches = read_branches(file, section.branches, "neon.branches") }
end

return neon
