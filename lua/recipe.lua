---Recipes: found by name (the project's own first), loaded without effects, checked.
local core = require "core"
local options = require "options"
local sha256 = require "sha256"
local shape = require "project.shape"

local recipe = {}

---Flags that every run has; a recipe cannot declare one of these names.
recipe.reserved = {
  "env", "local", "plan", "yes", "json", "wait", "explain", "debug", "no-color", "project", "help", "keep",
  "break-lease", "accept-changes", "manifest",
}

local fields = {
  summary = "string", description = "string", params = "table", run = "function", undo = "function",
  approves = "boolean", keeps = "table", plans = "boolean or list", deadline = "number or string",
}

local FIELDS <const> = "summary, description, params, run, undo, approves, keeps, plans, deadline"

local types = { string = "string", integer = "number", number = "number", boolean = "boolean", list = "table" }
local param_fields = { type = true, required = true, default = true, least = true, help = true }

local usage = options.usage

-- Finding -------------------------------------------------------------------------

local function project_file(root, name)
  local fs = require "fs.core"
  local file = root and ("%s/recipes/%s.lua"):format(root, name)
  return file and fs.exists(file) and file or nil
end

---The names of all recipes, the project's and the shipped ones.
---@param root string|nil  the project's folder
---@return string[] names
function recipe.names(root)
  local fs = require "fs.core"
  local seen, list = {}, {}
  for _, name in ipairs(core.recipes()) do seen[name] = true end
  if root and fs.exists(root .. "/recipes") then
    for _, entry in ipairs(fs.list(root .. "/recipes")) do
      local name = entry:match("^([%w_-]+)%.lua$")
      if name then seen[name] = true end
    end
  end
  for name in pairs(seen) do list[#list + 1] = name end
  return list
end

---Whether the project has a recipe of this name itself.
---@param root string
---@param name string
---@return boolean
function recipe.is_own(root, name) return project_file(root, name) ~= nil end

local function find(root, name, instead)
  local file = name:find("^[%w_-]+$") and project_file(root, name)
  if file then
    local chunk, err = core.load_file(file)
    return chunk, err, file, require("fs.core").read(file)
  end
  local text, chunk_name = core.recipe(name)
  if text then
    local chunk, err = load(text, chunk_name, "t")
    return chunk, err, chunk_name:sub(2), text
  end
  local names = recipe.names(root)
  local near = core.nearest(name, table.move(instead or {}, 1, #(instead or {}), #names + 1, names))
  usage(("no recipe is called '%s'"):format(name),
    near and ("did you mean '%s'?"):format(near) or "'davit help' lists them")
end

-- Modules beside the project's recipes -----------------------------------------------

local function refuse_hidden_modules(folder, prefix)
  for _, entry in ipairs(require("fs.core").list(folder)) do
    local name, inner = entry:match("^([%w_-]+)%.lua$"), entry:match("^(.*)/$")
    if name and core.is_module(prefix .. name) then
      usage(("%s/%s hides the built-in module '%s'"):format(folder, entry, prefix .. name),
        "give the file another name")
    elseif inner then
      refuse_hidden_modules(folder .. "/" .. inner, prefix .. inner .. ".")
    end
  end
end

---Lets recipes require the project's own modules in recipes/lib/. A name that Davit has
---already is an error, so that no recipe means another module than it says.
---@param root string
function recipe.search_in(root)
  local fs = require "fs.core"
  local folder = root .. "/recipes/lib"
  if not fs.exists(folder) then return end
  refuse_hidden_modules(folder, "")
  package.searchers[3] = function(name)
    local file = ("%s/%s.lua"):format(folder, (name:gsub("%.", "/")))
    local chunk, err = core.load_file(file)
    if chunk then return chunk, file end
    if not err:find("^cannot open") then error(err, 0) end
    return "\n\tno file '" .. file .. "'"
  end
end

-- Checking ---------------------------------------------------------------------------

local function malformed(file, what)
  usage(("%s: %s"):format(file, what), "docs/recipes.md shows the shape of a recipe")
end

local function check_param(file, name, param)
  if type(name) ~= "string" or not name:find("^%l[%l%d_-]*$") then
    malformed(file, ("the parameter name '%s' is not of the form a-z, 0-9, - and _"):format(tostring(name)))
  end
  for _, flag in ipairs(recipe.reserved) do
    if flag == name:gsub("_", "-") then
      malformed(file, ("the parameter '%s' is a flag of davit's own"):format(name))
    end
  end
  if type(param) ~= "table" or not types[param.type] then
    malformed(file, ("the parameter '%s' needs a type: string, integer, number, boolean or list"):format(name))
  end
  for field in pairs(param) do
    if not param_fields[field] then
      malformed(file, ("the parameter '%s' has the unknown field '%s' (expected type, required, default, least, help)")
        :format(name, tostring(field)))
    end
  end
  if param.default ~= nil and type(param.default) ~= types[param.type] then
    malformed(file, ("the default of the parameter '%s' is no %s"):format(name, param.type))
  end
  if param.least ~= nil and not (types[param.type] == "number" and type(param.least) == "number") then
    malformed(file, ("'least' of the parameter '%s' is for integers and numbers, and is one"):format(name))
  end
end

-- The commands that only read, where a recipe plans and has any.
local function is_plans(value)
  if type(value) ~= "table" then return type(value) == "boolean" end
  for i, text in pairs(value) do
    if math.type(i) ~= "integer" or type(text) ~= "string" or not text:find "%S" then return false end
  end
  return true
end

local function is_of(value, kind)
  if kind == "boolean or list" then return is_plans(value) end
  if kind == "number or string" then return type(value) == "number" or type(value) == "string" end
  return type(value) == kind
end

-- In seconds.
local function deadline_of(file, given)
  local seconds = given and shape.duration(given)
  if not given or seconds and seconds > 0 and seconds < math.huge then return seconds end
  malformed(file, ("the field 'deadline' must be a time above 0, such as 90 or \"30m\", not '%s'"):format(given))
end

local function check(file, r)
  if type(r) ~= "table" then malformed(file, "a recipe returns a table, not a " .. type(r)) end
  for key, value in pairs(r) do
    if not fields[key] then
      malformed(file, ("unknown field '%s' (expected %s)"):format(tostring(key), FIELDS))
    elseif not is_of(value, fields[key]) then
      malformed(file, ("the field '%s' must be a %s, not a %s"):format(key, fields[key], type(value)))
    end
  end
  if not r.summary then malformed(file, "the field 'summary' must be a text of one line") end
  if not r.run then malformed(file, "the field 'run' must be a function") end
  for name, param in pairs(r.params or {}) do check_param(file, name, param) end
end

---Loads a recipe; its file is run, and must have no effects.
---@param root string|nil
---@param name string
---@param instead? string[]  other names that may be meant when no recipe has this one
---@return table recipe  summary, params, run, deadline in seconds, and `name`, `file`, `source` (the hash of its text)
function recipe.load(root, name, instead)
  local chunk, err, file, text = find(root, name, instead)
  if not chunk then usage(err) end
  local r, problem = try(core.without_effects, chunk)
  if problem then usage(("%s does not load: %s"):format(file, tostring(problem))) end
  check(file, r)
  r.params, r.name, r.file, r.source = r.params or {}, name, file, sha256(text)
  r.deadline = deadline_of(file, r.deadline)
  return r
end

return recipe
