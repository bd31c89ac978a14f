---The rehearsals that a project declares: what davit.yaml lists under `rehearse`, as options of explore.lua.
local before = require "rehearsal.before"
local core = require "core"
local recipe = require "recipe"
local shape = require "project.shape"

local declared = {}

---@class project.Rehearsal
---@field recipe string
---@field params? table<string, any>
---@field after? string[]  what comes first, undisturbed, as `--after` has it
---@field unhealthy? string
---@field owner_token? boolean

---@class rehearsal.Declared
---@field recipe string
---@field params table
---@field after rehearsal.Before[]
---@field comes_first string[]  the same in words
---@field pull_requests integer[]
---@field given table     those of the parameters that are not what the recipe takes anyway

---The pull requests that are open while a recipe with these parameters runs.
---@param params table
---@return integer[]
function declared.pull_requests(params) return { math.type(params.pr) == "integer" and params.pr or 42 } end

-- A parameter without a value has none to be told.
local function same(value, default)
  return value == default or type(value) == "table" and type(default) == "table" and #value == 0 and #default == 0
end

---The parameters that are not what the recipe takes anyway.
---@param r table  a recipe
---@param params table
---@return table<string, any>
function declared.given(r, params)
  local given = {}
  for name, param in pairs(r.params) do
    if not same(params[name], param.default) then given[name] = params[name] end
  end
  return given
end

-- ---- one entry -----------------------------------------------------------------------------------

local function is_list(value)
  return type(value) == "table" and (next(value) == nil or #value > 0)
end

local is_of = {
  string = function(value) return type(value) == "string" end,
  integer = function(value) return math.type(value) == "integer" end,
  number = function(value) return type(value) == "number" end,
  boolean = function(value) return type(value) == "boolean" end,
  list = is_list,
}

local function check_names(params, r, wrong)
  for name in pairs(params) do
    if not r.params[name] then
      local near = core.nearest(name, shape.names(r.params))
      local meant = near and (", did you mean '%s'?"):format(near) or ""
      wrong("params." .. name, ("'%s' has no such parameter%s"):format(r.name, meant))
    end
  end
end

local function params_of(given, r, wrong)
  local params = {}
  check_names(given, r, wrong)
  for name, param in pairs(r.params) do
    local value = given[name]
    if value == nil then value = param.default end
    if value == nil and param.required then wrong("params", ("'%s' needs the parameter '%s'"):format(r.name, name)) end
    if value ~= nil and not is_of[param.type](value) then
      wrong("params." .. name, ("must be of type %s, not '%s'"):format(param.type, tostring(value)))
    end
    if value ~= nil and param.least and value < param.least then
      wrong("params." .. name, ("must be at least %s, not %s"):format(param.least, value))
    end
    params[name] = value
  end
  return params
end

local function one_of(project, index)
  local entry, path = project.rehearse[index], "rehearse." .. index
  local function wrong(key, what) shape.wrong({ name = "davit.yaml" }, path .. "." .. key, what) end
  local r, err = try(recipe.load, project.root, entry.recipe)
  if not r then wrong("recipe", err.message) end
  local params, after = params_of(entry.params or {}, r, wrong), {}
  for i, text in ipairs(entry.after or {}) do
    local _, mistake = try(before.add, after, project.root, text, params, function(name, what)
      wrong("after." .. i, ("'%s': %s"):format(name, what))
    end)
    if mistake then
      if mistake.code ~= "usage" then error(mistake, 0) end
      wrong("after." .. i, mistake.hint and ("%s; %s"):format(mistake.message, mistake.hint) or mistake.message)
    end
  end
  return { recipe = r.name, params = params, after = after, pull_requests = declared.pull_requests(params),
    given = declared.given(r, params), comes_first = entry.after or {}, unhealthy = entry.unhealthy,
    owner = entry.owner_token }
end

---Raises "config" where an entry is no rehearsal of a recipe that is there.
---@param project table
---@param name? string  only those of this recipe
---@return rehearsal.Declared[]
function declared.of(project, name)
  local list = {}
  for i, entry in ipairs(project.rehearse) do
    if not name or entry.recipe == name then list[#list + 1] = one_of(project, i) end
  end
  return list
end

-- ---- what is covered -------------------------------------------------------------------------------

-- What davit.yaml gives a shipped recipe to do.
local function has_work(project, name)
  local deploys = next(project.workers) ~= nil
  local work = {
    test = next(project.checks) ~= nil, migrate = next(project.databases) ~= nil, preview = deploys, cleanup = deploys,
    production = deploys, rollback = deploys,
  }
  return work[name] or false
end

local function texts_of_workflows(root)
  local fs, texts = require "fs.core", {}
  local folder = root .. "/.github/workflows"
  for _, entry in ipairs(fs.exists(folder) and fs.list(folder) or {}) do
    if entry:find "%.ya?ml$" then texts[#texts + 1] = fs.read(folder .. "/" .. entry) end
  end
  return texts
end

local function is_called(texts, name)
  for _, text in ipairs(texts) do
    for _, verb in ipairs { "", "run%s+" } do
      if text:find("davit%s+" .. verb .. name:gsub("%-", "%%-") .. "%f[^%w_-]") then return true end
    end
  end
  return false
end

---The recipes that a project uses: its own, and of the shipped ones those that its workflows call or, where none of
---them calls davit, those that davit.yaml gives something to do.
---@param project table
---@param is_own fun(name: string): boolean
---@return string[] names
function declared.used(project, is_own)
  local texts, list = texts_of_workflows(project.root), {}
  local calls = false
  for _, text in ipairs(texts) do calls = calls or text:find "davit%s" ~= nil end
  for _, name in ipairs(recipe.names(project.root)) do
    local used = is_own(name)
    if not used and calls then used = is_called(texts, name) end
    if not used and not calls then used = has_work(project, name) end
    if used then list[#list + 1] = name end
  end
  return list
end

---Those of the names that no declared rehearsal is about.
---@param project table
---@param names string[]
---@return string[]
function declared.uncovered(project, names)
  local covered, list = {}, {}
  for _, entry in ipairs(project.rehearse) do covered[entry.recipe] = true end
  for _, name in ipairs(names) do
    if not covered[name] then list[#list + 1] = name end
  end
  return list
end

return declared
