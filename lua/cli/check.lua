---`davit check [RECIPE…]`: whether the project's files are well formed, without any effect; and which recipes no
---rehearsal covers.
local declared = require "rehearsal.declared"
local flags = require "cli.flags"
local invariants = require "rehearsal.invariants"
local named = require "cli.named"
local project = require "project"
local recipe = require "recipe"

local check = {}

local HELP <const> = [[
Reads davit.yaml, the recipes and what stands beside them, and says what is wrong with them. Nothing is run.

Usage: davit check [RECIPE…] [--project DIR]

A recipe that the project uses, and that davit.yaml's 'rehearse' does not list, is warned of on stderr.
Exit code 0: all are well formed; 2: something is not.]]

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

-- Tells of each that does not load, and goes on.
local function load_all(root, names)
  local broken = 0
  for _, name in ipairs(names) do
    local _, err = try(recipe.load, root, name)
    if err then
      broken = broken + 1
      io.stderr:write("davit: ", tostring(err), "\n")
    end
  end
  return broken
end

local function warn(p, names)
  for _, name in ipairs(declared.uncovered(p, names)) do
    io.stderr:write(("davit: warning: no rehearsal covers the recipe '%s': list it under 'rehearse' in "):format(name),
      "davit.yaml, as { recipe: ", name, ", params: { … } }, and 'davit rehearse' holds it\n")
  end
end

-- What no recipe of the project is called like holds for none.
local function check_invariants(p)
  local known = set_of(recipe.names(p.root))
  known.all = true
  for _, name in ipairs(invariants.names(p.root)) do
    invariants.load(invariants.files(p.root, name))
    if not known[name] then
      io.stderr:write(("davit: warning: recipes/%s.invariants.lua is for no recipe that there is; "):format(name),
        "all.invariants.lua is for every one\n")
    end
  end
end

-- Of the recipes that are used, those that were asked for.
local function used_among(p, names)
  local wanted, list = set_of(names), {}
  for _, name in ipairs(declared.used(p, function(name) return recipe.is_own(p.root, name) end)) do
    if wanted[name] then list[#list + 1] = name end
  end
  return list
end

---@param arguments string[]
---@return integer exit code
function check.run(arguments)
  if flags.asks_for_help(arguments) then
    print(HELP)
    return 0
  end
  local folder = named.folder(arguments)
  local values, names = flags.parse(arguments, { project = { type = "string" } })
  local p = project.read(values.project or folder)
  recipe.search_in(p.root)
  if #names == 0 then names = recipe.names(p.root) end
  if load_all(p.root, names) > 0 then return 2 end
  check_invariants(p)
  local rehearsals = declared.of(p)
  local used = used_among(p, names)
  warn(p, used)
  print(("davit.yaml and %d recipes are well formed; %d rehearsals are declared"):format(#names, #rehearsals))
  return 0
end

return check
