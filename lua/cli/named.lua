---The recipe and the project's folder that a command line names: both are needed before its flags can
---be read, as the recipe says which there are.
local options = require "options"
local project = require "project"
local recipe = require "recipe"

local named = {}

---The folder of --project, else the one that holds davit.yaml.
---@param arguments string[]
---@return string|nil
function named.folder(arguments)
  for i, argument in ipairs(arguments) do
    local value = argument == "--project" and arguments[i + 1] or argument:match("^%-%-project=(.*)$")
    if value then return project.place(value) end
  end
  return project.root()
end

---Takes the recipe's name off the arguments and loads it.
---@param arguments string[]
---@param verb string        for the error
---@param instead? string[]  the verbs, where a mistyped one may be meant
---@return table recipe, string|nil folder
function named.recipe(arguments, verb, instead)
  local name = table.remove(arguments, 1)
  if not name or name:find("^%-") then
    options.usage(("davit %s: which recipe?"):format(verb), "'davit help' lists them")
  end
  local folder = named.folder(arguments)
  if folder then recipe.search_in(folder) end
  return recipe.load(folder, name, instead), folder
end

return named
